"""The learning rate as a pure function of the step, so that a resumed run has nothing to restore."""

from __future__ import annotations

import math


def lr_at(step: int, *, base_lr: float, warmup_steps: int, total_steps: int, min_lr: float = 0.0) -> float:
    """Gradual warm-up, then cosine annealing (the paper's schedule, "Model development").

    Linear from 0 at step 0 to `base_lr` at `warmup_steps`, then half a cosine down to `min_lr` at `total_steps`,
    and `min_lr` from there on.

    Args:
        step: optimiser step, counted from 0.
        base_lr: highest learning rate.
        warmup_steps: length of the warm-up in steps, 0 for none; less than `total_steps`.
        total_steps: length of the whole training in steps.
        min_lr: where the cosine ends, at most `base_lr`.

    Raises:
        ValueError: a negative step or length, a warm-up that leaves no step for the cosine, `min_lr` over `base_lr`.
    """
    if step < 0 or warmup_steps < 0:
        raise ValueError(f"step and warmup_steps count from 0, got {step} and {warmup_steps}")
    if warmup_steps >= total_steps:
        raise ValueError(f"warmup_steps ({warmup_steps}) must be less than total_steps ({total_steps})")
    if not 0 <= min_lr <= base_lr:
        raise ValueError(f"min_lr ({min_lr}) must lie between 0 and base_lr ({base_lr})")
    if step < warmup_steps:
        return base_lr * step / warmup_steps
    progress = min(1.0, (step - warmup_steps) / (total_steps - warmup_steps))
    return min_lr + (base_lr - min_lr) * 0.5 * (1.0 + math.cos(math.pi * progress))
