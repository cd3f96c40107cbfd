"""The learning rate: linear from 0, then half a cosine."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vision.schedule import lr_at


def test_worked_example() -> None:
    values = [lr_at(s, base_lr=1.0, warmup_steps=4, total_steps=12, min_lr=0.2) for s in (0, 1, 2, 4, 8, 12, 99)]
    assert values == pytest.approx([0.0, 0.25, 0.5, 1.0, 0.6, 0.2, 0.2])


def test_agrees_with_torch_after_the_warm_up() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.01)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=90, eta_min=0.001)
    for step in range(10, 100):
        ours = lr_at(step, base_lr=0.01, warmup_steps=10, total_steps=100, min_lr=0.001)
        assert ours == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        cosine.step()


@given(st.integers(0, 300), st.integers(0, 99), st.integers(100, 200), st.floats(0, 1))
def test_stays_between_0_and_the_base_and_falls_after_the_warm_up(step: int, warm: int, total: int, low: float) -> None:
    def at(s: int) -> float:
        return lr_at(s, base_lr=1.0, warmup_steps=warm, total_steps=total, min_lr=low)

    assert 0 <= at(step) <= 1
    if step >= warm:
        assert at(step + 1) <= at(step)
        assert at(step) >= low - 1e-12
    elif step:
        assert at(step) == pytest.approx(step / warm)


@pytest.mark.parametrize(
    ("step", "warmup", "total", "low"),
    [(-1, 0, 10, 0.0), (0, -1, 10, 0.0), (0, 10, 10, 0.0), (0, 0, 10, 2.0), (0, 0, 9, -1)],
)
def test_refuses_what_has_no_meaning(step: int, warmup: int, total: int, low: float) -> None:
    with pytest.raises(ValueError, match=r"step|warmup_steps|min_lr"):
        lr_at(step, base_lr=1.0, warmup_steps=warmup, total_steps=total, min_lr=low)


def test_no_warm_up_begins_at_the_top() -> None:
    assert lr_at(0, base_lr=1e-3, warmup_steps=0, total_steps=5) == 1e-3
    assert math.isclose(lr_at(5, base_lr=1e-3, warmup_steps=0, total_steps=5), 0.0, abs_tol=1e-12)
