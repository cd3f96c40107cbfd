"""Losses for imbalanced multi-label data: `forward(logits, targets)`.

Logits are (B, C); targets are (B, C) with 0, 1, or nan for unknown, and unknown entries are masked. `reduction` is
`"mean"` over the known entries, `"sum"` over them, or `"none"` for (B, C) with 0 at the unknown ones. Half types are
computed in float32; float32 and float64 stay what they are. Nothing is changed in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Reduction = Literal["mean", "sum", "none"]


class MultiLabelLoss(nn.Module):
    """What the losses share: the mask for unknown targets, the type they are computed in, the reduction."""

    def __init__(self, reduction: Reduction = "mean") -> None:
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"reduction is 'mean', 'sum' or 'none', got {reduction!r}")
        self.reduction = reduction

    def elementwise(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every entry, (B, C), for targets that are all 0 or 1."""
        raise NotImplementedError

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        if logits.shape != targets.shape or logits.dim() != 2:
            raise ValueError(f"logits and targets are both (B, C), got {tuple(logits.shape)}, {tuple(targets.shape)}")
        x = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
        known = ~torch.isnan(targets)
        # both sides of `where` are made harmless before the arithmetic: a nan there would still reach the gradient
        y = torch.where(known, targets, torch.zeros_like(targets)).to(x.dtype)
        loss = torch.where(known, self.elementwise(x.masked_fill(~known, 0.0), y), torch.zeros_like(x))
        if self.reduction == "none":
            return loss
        return loss.sum() / known.sum().clamp(min=1) if self.reduction == "mean" else loss.sum()


class BinaryCrossEntropy(MultiLabelLoss):
    """Binary cross-entropy on logits, each class with a weight of its own where `class_weights` (C,) is given."""

    class_weights: Tensor | None

    def __init__(self, class_weights: Sequence[float] | Tensor | None = None, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        weights = None if class_weights is None else torch.as_tensor(class_weights, dtype=torch.float64)
        if weights is not None and (weights.dim() != 1 or bool((weights < 0).any())):
            raise ValueError("class_weights are (C,) numbers of 0 or more")
        self.register_buffer("class_weights", weights)

    def elementwise(self, logits: Tensor, targets: Tensor) -> Tensor:
        loss = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        return loss if self.class_weights is None else loss * self.class_weights.to(loss)


class AsymmetricLoss(MultiLabelLoss):
    """Asymmetric loss, ASL (Ben-Baruch et al. 2020, arXiv:2009.14119, equations 4 to 7).

    With p = sigmoid(x) and q = min(1 - p + clip, 1):
    L = -[y log p (1 - p)^gamma_pos + (1 - y) log q (1 - q)^gamma_neg].

    Args:
        gamma_neg, gamma_pos: focusing exponents of negatives and positives, 0 for no focusing.
        clip: probability margin below which a negative costs nothing; None or 0 is off.
        eps: the logarithm is taken of max(p, eps).
        reduction: `mean` (over known entries), `sum` (the authors' code) or `none`.
        detach_focus: keeps the gradient out of the focusing weight (the authors' `disable_torch_grad_focal_loss`).
    """

    def __init__(
        self,
        gamma_neg: float = 4,
        gamma_pos: float = 1,
        clip: float | None = 0.05,
        eps: float = 1e-8,
        reduction: Reduction = "mean",
        detach_focus: bool = False,
    ) -> None:
        super().__init__(reduction)
        if gamma_neg < 0 or gamma_pos < 0 or not 0 <= (clip or 0.0) < 1 or eps <= 0:
            raise ValueError(
                f"gammas are 0 or more, clip in [0, 1), eps over 0; got {gamma_neg=} {gamma_pos=} {clip=} {eps=}"
            )
        self.gamma_neg, self.gamma_pos, self.clip = gamma_neg, gamma_pos, clip or 0.0
        self.eps, self.detach_focus = eps, detach_focus

    def elementwise(self, logits: Tensor, targets: Tensor) -> Tensor:
        p = torch.sigmoid(logits)
        q = (1 - p + self.clip).clamp(max=1) if self.clip else 1 - p
        positive = targets * torch.log(p.clamp(min=self.eps))
        negative = (1 - targets) * torch.log(q.clamp(min=self.eps))
        return -(positive * self._focus(p, self.gamma_pos) + negative * self._focus(q, self.gamma_neg))

    def _focus(self, likelihood: Tensor, gamma: float) -> Tensor:
        """(1 - likelihood)^gamma."""
        if gamma == 0:
            return torch.ones_like(likelihood)
        base = 1 - (likelihood.detach() if self.detach_focus else likelihood)
        # an exponent below 1 has an infinite slope at 0, where the logarithm beside it is 0: inf * 0 is nan
        return (base if gamma >= 1 else base.clamp(min=self.eps)) ** gamma


class DistributionBalancedLoss(MultiLabelLoss):
    """Distribution-balanced loss, DBL (Wu et al. 2020, arXiv:2007.09654, equations 2 to 10).

    With class counts n and N samples: r_i = sum_c y_ic / n_c and the re-balancing weight
    w_ic = sigmoid(beta (1 / (n_c r_i) - mu)) + alpha; nu_c = -kappa log(N / n_c - 1) / neg_scale; z = x + nu.
    A positive costs w BCE(z, 1), a negative w / neg_scale BCE(neg_scale z, 0), each times
    focal_balance (1 - exp(-BCE))^focal_gamma. Only x is used at inference.

    Args:
        class_counts: (C,) positives per class in the training set.
        n_samples: rows of the training set, or (C,) the rows whose label is known, per class.
        alpha, beta, mu: shape of the re-balancing weight.
        neg_scale, kappa: negative-tolerant regularisation.
        focal_gamma: 0 is no focal factor (and no `focal_balance`).

    Raises:
        ValueError: a class without a positive or without a negative, where nu is infinite.
    """

    class_counts: Tensor
    shift: Tensor

    def __init__(
        self,
        class_counts: Sequence[float] | Tensor,
        n_samples: float | Sequence[float] | Tensor,
        alpha: float = 0.1,
        beta: float = 10.0,
        mu: float = 0.2,
        neg_scale: float = 2.0,
        kappa: float = 0.05,
        focal_gamma: float = 2.0,
        focal_balance: float = 2.0,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(reduction)
        counts = torch.as_tensor(class_counts, dtype=torch.float64)
        samples = torch.as_tensor(n_samples, dtype=torch.float64).expand_as(counts)
        refused = torch.nonzero((counts <= 0) | (counts >= samples)).flatten().tolist()
        if refused:
            raise ValueError(f"classes {refused} have no positive or no negative in the training set: DBL is undefined")
        if neg_scale <= 0 or focal_gamma < 0:
            raise ValueError(f"neg_scale is over 0 and focal_gamma 0 or more; got {neg_scale=} {focal_gamma=}")
        self.alpha, self.beta, self.mu, self.neg_scale = alpha, beta, mu, neg_scale
        self.focal_gamma, self.focal_balance = focal_gamma, focal_balance
        self.register_buffer("class_counts", counts)
        self.register_buffer("shift", -kappa * torch.log(samples / counts - 1) / neg_scale)

    def elementwise(self, logits: Tensor, targets: Tensor) -> Tensor:
        inverse = (1 / self.class_counts).to(logits)
        rate = (targets * inverse).sum(dim=1, keepdim=True)
        # a row without positives has rate 0: its weight is the limit sigmoid(inf) + alpha, written out
        ratio = inverse / torch.where(rate > 0, rate, torch.ones_like(rate))
        weight = (
            torch.where(rate > 0, torch.sigmoid(self.beta * (ratio - self.mu)), torch.ones_like(ratio)) + self.alpha
        )
        z = logits + self.shift.to(logits)
        scale = torch.where(targets > 0, torch.ones_like(z), torch.full_like(z, self.neg_scale))
        bce = F.binary_cross_entropy_with_logits(z * scale, targets, reduction="none")
        loss = weight / scale * bce
        if self.focal_gamma == 0:
            return loss
        miss = -torch.expm1(-bce)
        return self.focal_balance * (miss if self.focal_gamma >= 1 else miss.clamp(min=1e-8)) ** self.focal_gamma * loss
