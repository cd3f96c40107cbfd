"""The losses against straightforward transcriptions of the published formulas, at every edge the trainer can reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor, nn

from vision.losses import AsymmetricLoss, BinaryCrossEntropy, DistributionBalancedLoss, MultiLabelLoss

COUNTS, N = [166, 155, 1520, 548, 1976], 7001  # the paper's training set, Table 2


def published_asl(x: Tensor, y: Tensor, gn: float, gp: float, clip: float, eps: float, detach: bool) -> Tensor:
    """Ben-Baruch et al.: cross-entropy of shifted probabilities, times (1 - pt)^gamma."""
    p, q = torch.sigmoid(x), 1 - torch.sigmoid(x)
    if clip > 0:
        q = (q + clip).clamp(max=1)
    entropy = y * torch.log(p.clamp(min=eps)) + (1 - y) * torch.log(q.clamp(min=eps))
    pt = p * y + q * (1 - y)
    focus = torch.pow(1 - pt, gp * y + gn * (1 - y))
    return -(focus.detach() if detach else focus) * entropy


def published_dbl(x: Tensor, y: Tensor, gamma: float = 2.0, balance: float = 2.0) -> Tensor:
    """Wu et al., their COCO configuration: re-balancing weight, logit shift, negative scaling, focal factor."""
    n = torch.tensor(COUNTS, dtype=x.dtype)
    inverse = 1 / n
    rate = (y * inverse).sum(dim=1, keepdim=True)
    weight = torch.sigmoid(10.0 * (inverse / rate - 0.2)) + 0.1  # inverse / 0 is inf, and its sigmoid 1
    z = x - torch.log(N / n - 1) * 0.05 / 2.0
    z = z * (1 - y) * 2.0 + z * y
    weight = weight / 2.0 * (1 - y) + weight * y
    bce = nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none")
    return weight * bce * balance * (1 - torch.exp(-bce)) ** gamma


def value_and_gradient(loss: Any, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    leaf = x.detach().clone().requires_grad_()
    value = loss(leaf, y)
    (gradient,) = torch.autograd.grad(value.sum(), leaf)
    return value.detach(), gradient


def batch(seed: int, scale: float, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = (torch.rand(64, 5, generator=generator, dtype=torch.float64) * 2 - 1) * scale
    y = (torch.rand(64, 5, generator=generator) < 0.3).to(dtype)
    y[:8] = 0  # all-negative rows
    y[:, 1] = 0  # an absent class
    return x.to(dtype), y


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1.0, 10.0, 100.0])
@pytest.mark.parametrize(
    ("gn", "gp", "clip", "detach"),
    [(4, 1, 0.05, False), (4, 0, 0.05, True), (2, 2, 0.0, False), (0, 0, 0.0, False), (1, 3, 0.2, True)],
)
def test_asl_is_the_published_one(
    dtype: torch.dtype, scale: float, gn: int, gp: int, clip: float, detach: bool
) -> None:
    x, y = batch(1, scale, dtype)
    ours = AsymmetricLoss(gn, gp, clip, reduction="none", detach_focus=detach)
    expected = value_and_gradient(lambda a, b: published_asl(a, b, gn, gp, clip, 1e-8, detach), x, y)
    for got, wanted in zip(value_and_gradient(ours, x, y), expected, strict=True):
        assert got.dtype == dtype
        torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1.0, 10.0, 100.0])
def test_dbl_is_the_published_one(dtype: torch.dtype, scale: float) -> None:
    x, y = batch(2, scale, dtype)
    expected = value_and_gradient(published_dbl, x, y)
    for got, wanted in zip(
        value_and_gradient(DistributionBalancedLoss(COUNTS, N, reduction="none"), x, y), expected, strict=True
    ):
        assert got.dtype == dtype
        torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-5)


def test_dbl_without_focus_is_the_weighted_cross_entropy_alone() -> None:
    x, y = batch(3, 5.0)
    torch.testing.assert_close(
        DistributionBalancedLoss(COUNTS, N, focal_gamma=0, reduction="none")(x, y), published_dbl(x, y, 0.0, 1.0)
    )


def test_dbl_weighs_a_row_without_positives_by_1_plus_alpha() -> None:
    loss = DistributionBalancedLoss([10, 20], 100, alpha=0.3, kappa=0.0, focal_gamma=0, neg_scale=1.0, reduction="none")
    assert loss(torch.zeros(1, 2), torch.zeros(1, 2)).tolist() == [pytest.approx([1.3 * np.log(2)] * 2)]


def test_asl_by_hand() -> None:
    """p = 0.8: a positive costs -log(0.8) 0.2; a negative -log(0.25) 0.75^4, for q = 0.2 + 0.05."""
    x = torch.full((1, 2), float(np.log(4.0)), dtype=torch.float64)
    value = AsymmetricLoss(reduction="none")(x, torch.tensor([[1.0, 0.0]]))
    assert value.tolist() == [pytest.approx([-np.log(0.8) * 0.2, -np.log(0.25) * 0.75**4])]


def test_bce_is_torchs_and_takes_class_weights() -> None:
    x, y = batch(4, 10.0)
    weights = [0.5, 1.0, 2.0, 0.0, 3.0]
    expected = nn.functional.binary_cross_entropy_with_logits(x, y, weight=torch.tensor(weights))
    torch.testing.assert_close(BinaryCrossEntropy(weights)(x, y), expected)
    torch.testing.assert_close(BinaryCrossEntropy()(x, y), nn.functional.binary_cross_entropy_with_logits(x, y))


ALL: dict[str, Callable[..., MultiLabelLoss]] = {
    "bce": lambda **k: BinaryCrossEntropy(**k),
    "asl": lambda **k: AsymmetricLoss(**k),
    "asl, small gammas": lambda **k: AsymmetricLoss(0.5, 0.5, None, **k),
    "dbl": lambda **k: DistributionBalancedLoss(COUNTS, N, **k),
    "dbl, small gamma": lambda **k: DistributionBalancedLoss(COUNTS, N, focal_gamma=0.5, **k),
}
anything = arrays(np.float64, (4, 5), elements=st.floats(-100, 100))
labels = arrays(np.float64, (4, 5), elements=st.sampled_from([0.0, 1.0, np.nan]))


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=60, deadline=None)
@given(x=anything, y=labels)
def test_finite_masked_and_without_side_effects(name: str, x: np.ndarray, y: np.ndarray) -> None:
    for dtype in (torch.float32, torch.float64):
        logits, targets = torch.tensor(x, dtype=dtype), torch.tensor(y, dtype=dtype)
        before = logits.clone(), targets.clone()
        value, gradient = value_and_gradient(ALL[name](reduction="none"), logits, targets)
        known = ~torch.isnan(targets)
        assert torch.isfinite(value).all()
        assert torch.isfinite(gradient).all()
        assert (value[~known] == 0).all()
        assert (gradient[~known] == 0).all()
        assert (value >= 0).all()
        assert torch.equal(logits, before[0])
        assert torch.equal(torch.isnan(targets), torch.isnan(before[1]))
        mean = ALL[name]()(logits, targets)
        torch.testing.assert_close(mean, value.sum() / max(1, int(known.sum())))
        torch.testing.assert_close(ALL[name](reduction="sum")(logits, targets), value.sum())
        assert torch.is_grad_enabled()


@pytest.mark.parametrize("name", ALL)
def test_an_unknown_entry_leaves_the_others_as_they_are(name: str) -> None:
    x, y = batch(5, 3.0)
    y[10, 2] = 0.0
    unknown = y.clone()
    unknown[10, 2] = torch.nan
    x_bad = x.clone()
    x_bad[10, 2] = torch.inf  # a masked logit may be anything
    full, masked = ALL[name](reduction="none")(x, y), ALL[name](reduction="none")(x_bad, unknown)
    assert masked[10, 2] == 0
    full[10, 2] = 0
    torch.testing.assert_close(masked, full)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_half_types_are_computed_in_float32(name: str, half: torch.dtype) -> None:
    x, y = batch(6, 8.0, torch.float32)
    value = ALL[name]()(x.to(half), y.to(half))
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, ALL[name]()(x.to(half).float(), y))


@pytest.mark.parametrize("name", ALL)
def test_all_unknown_is_0_with_gradient_0(name: str) -> None:
    value, gradient = value_and_gradient(ALL[name](), torch.randn(3, 5), torch.full((3, 5), torch.nan))
    assert value == 0
    assert (gradient == 0).all()


def test_clip_none_is_off() -> None:
    x, y = batch(7, 5.0)
    assert torch.equal(AsymmetricLoss(clip=None)(x, y), AsymmetricLoss(clip=0)(x, y))
    assert not torch.equal(AsymmetricLoss(clip=None)(x, y), AsymmetricLoss()(x, y))


@pytest.mark.parametrize("counts", [[0, 5], [10, 5]])
def test_dbl_refuses_a_class_without_positives_or_negatives(counts: list[int]) -> None:
    with pytest.raises(ValueError, match=r"classes \[0\] have no positive or no negative"):
        DistributionBalancedLoss(counts, 10)


def test_refuses_bad_shapes_and_reductions() -> None:
    with pytest.raises(ValueError, match=r"\(B, C\)"):
        AsymmetricLoss()(torch.zeros(2, 5), torch.zeros(2, 4))
    with pytest.raises(ValueError, match="reduction"):
        BinaryCrossEntropy(reduction="average")  # type: ignore[arg-type]


def test_gradients_are_those_of_the_function() -> None:
    x, y = batch(8, 3.0)
    for name, make in ALL.items():
        loss = make()
        assert torch.autograd.gradcheck(lambda a, f=loss: f(a, y[:4]), (x[:4].requires_grad_(),)), name
