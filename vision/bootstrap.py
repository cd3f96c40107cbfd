"""Nonparametric bootstrap (Efron and Tibshirani 1993; the paper's 3,000 replicates) of every metric at once.

A resample is a row of counts: how often each film was drawn. With counts (B, N) every metric of all B resamples is a
matrix product or a cumulative sum, and nothing is sorted more than once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from vision.metrics import Array, divide

_BLOCK = 64 << 20  # bytes of counts that are worked on at a time


class Interval(NamedTuple):
    """A metric with its percentile interval, (C,) each; `undefined` counts the replicates that were left out."""

    point: Array
    low: Array
    high: Array
    undefined: NDArray[np.intp]


def intervals(
    y: ArrayLike,
    scores: ArrayLike,
    *,
    thresholds: ArrayLike,
    n: int = 3000,
    seed: int = 0,
    groups: ArrayLike | None = None,
    indices: ArrayLike | None = None,
) -> dict[str, Interval]:
    """95 % intervals (2.5 and 97.5 percentiles) of F1, AUC, average precision, sensitivity and specificity.

    Args:
        y: (N, C) of 0, 1, nan for unknown.
        scores: (N, C).
        thresholds: (C,) or one number; positive means score > threshold.
        n: replicates.
        seed: of the resamples.
        groups: (N,) whatever tells the patients apart: whole patients are drawn then, not films.
        indices: (n, N) row numbers, to use these resamples and no others.

    Raises:
        ValueError: shapes that do not fit each other, `groups` together with `indices`, values out of range.
    """
    truth, given = _checked(y, scores)
    counts = resample(len(truth), n=n, seed=seed, groups=groups, indices=indices)
    point = replicates(truth, given, thresholds=thresholds, counts=np.ones((1, len(truth))))
    drawn = replicates(truth, given, thresholds=thresholds, counts=counts)
    names = ("f1", "auc", "ap", "sensitivity", "specificity")
    return {name: interval(point[name][0], drawn[name]) for name in names}


def interval(point: ArrayLike, drawn: Array) -> Interval:
    """The interval of a metric from its value (C,) and its replicates (B, C), undefined ones left out."""
    value = np.atleast_1d(np.asarray(point, dtype=np.float64))
    bounds = np.full((2, drawn.shape[1]), np.nan)
    undefined = np.isnan(drawn).sum(axis=0)
    for column in np.flatnonzero(undefined < len(drawn)):
        defined = drawn[:, column]
        bounds[:, column] = np.percentile(defined[~np.isnan(defined)], [2.5, 97.5])
    return Interval(value, bounds[0], bounds[1], undefined)


def resample(
    size: int, *, n: int = 3000, seed: int = 0, groups: ArrayLike | None = None, indices: ArrayLike | None = None
) -> NDArray[np.float32]:
    """How often each of `size` rows is in each of `n` resamples: (n, size) counts. Arguments as in `intervals`."""
    if indices is not None:
        if groups is not None:
            raise ValueError("indices say which rows are drawn already, give groups or indices")
        drawn = np.asarray(indices)
        if drawn.ndim != 2 or drawn.shape[1] != size or (drawn.size and not 0 <= drawn.min() <= drawn.max() < size):
            raise ValueError(f"indices are (n, {size}) row numbers, got shape {drawn.shape}")
        return _count(drawn, size)
    if n < 1:
        raise ValueError(f"n is at least 1 replicate, got {n}")
    rng = np.random.default_rng(seed)
    if groups is None:
        return _count(rng.integers(0, size, (n, size)), size)
    member = np.unique(np.asarray(groups), return_inverse=True)[1]
    if member.shape != (size,):
        raise ValueError(f"groups are ({size},), got {member.shape}")
    patients = int(member.max()) + 1
    return _count(rng.integers(0, patients, (n, patients)), patients)[:, member]


def _count(drawn: NDArray[np.intp], size: int) -> NDArray[np.float32]:
    counts = np.empty((len(drawn), size), dtype=np.float32)
    for row, places in enumerate(drawn):
        counts[row] = np.bincount(places, minlength=size)
    return counts


def replicates(y: ArrayLike, scores: ArrayLike, *, thresholds: ArrayLike, counts: ArrayLike) -> dict[str, Array]:
    """Every metric of `metrics.NAMES` on every resample: (B, C) each, nan where undefined.

    Args:
        y, scores, thresholds: as in `intervals`.
        counts: (B, N) how often each row is in each resample.
    """
    truth, given = _checked(y, scores)
    weights = np.asarray(counts, dtype=np.float32)
    cuts = np.broadcast_to(np.asarray(thresholds, dtype=np.float64), truth.shape[1:])
    block = max(1, _BLOCK // (4 * max(1, len(truth))))
    parts = [_replicates(truth, given, cuts, weights[i : i + block].T) for i in range(0, len(weights), block)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _replicates(y: Array, scores: Array, thresholds: Array, weights: NDArray[np.float32]) -> Mapping[str, Array]:
    """`replicates` of one block of resamples; `weights` is (N, B)."""
    weights = np.ascontiguousarray(weights)
    yes, no, predicted = y == 1, y == 0, scores > thresholds
    # counts stay below 2^24, where float32 is exact
    tp, fp, fn, tn = (
        (mask.T.astype(np.float32) @ weights).T.astype(np.float64)
        for mask in (yes & predicted, no & predicted, yes & ~predicted, no & ~predicted)
    )
    error = np.where(yes | no, (scores - np.where(yes, 1.0, 0.0)) ** 2, 0.0)
    ranked = [_ranked(scores[:, c], yes[:, c], no[:, c], weights) for c in range(y.shape[1])]
    return {
        "f1": divide(2 * tp, 2 * tp + fp + fn),
        "auc": np.stack([auc for auc, _ in ranked], axis=1),
        "ap": np.stack([ap for _, ap in ranked], axis=1),
        "sensitivity": divide(tp, tp + fn),
        "specificity": divide(tn, tn + fp),
        "brier": divide((error.T @ weights).T, tp + fp + fn + tn),
    }


def _ranked(
    score: Array, yes: NDArray[np.bool_], no: NDArray[np.bool_], weights: NDArray[np.float32]
) -> tuple[Array, Array]:
    """AUC and average precision of one class on every resample, (B,) each.

    Only scores that a positive has can move either of them, so the negatives are summed into the gaps between these:
    negatives at such a score, and negatives below it down to the next.
    """
    levels = np.unique(score[yes])[::-1]  # from the highest score down
    if not len(levels):
        undefined = np.full(weights.shape[1], np.nan)
        return undefined, undefined
    positive, negative = np.flatnonzero(yes), np.flatnonzero(no)
    at = np.searchsorted(-levels, -score[positive])
    # negatives: gap 2k holds those above level k (and below level k - 1), gap 2k + 1 those at it, the last one the rest
    below = np.searchsorted(-levels, -score[negative], side="left")
    tied = levels[np.minimum(below, len(levels) - 1)] == score[negative]
    gap = np.where(tied, 2 * below + 1, 2 * below)
    won = _sum_rows(at, positive, len(levels), weights)
    lost = _sum_rows(gap, negative, 2 * len(levels) + 1, weights)
    positives, negatives = won.sum(axis=0, dtype=np.float64), lost.sum(axis=0, dtype=np.float64)
    passed = np.cumsum(lost, axis=0, out=lost)  # negatives that score at least as high
    above, through = passed[0:-1:2], passed[1::2]
    beaten = negatives - 0.5 * (above.astype(np.float64) + through)
    auc = divide(np.einsum("lb,lb->b", won, beaten, dtype=np.float64), positives * negatives)
    found = np.cumsum(won, axis=0)
    precision = np.nan_to_num(divide(found, found + through))  # found 0 has weight 0
    ap = divide(np.einsum("lb,lb->b", won, precision, dtype=np.float64), positives)
    return auc, ap


def _sum_rows(
    into: NDArray[np.intp], rows: NDArray[np.intp], groups: int, weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Row sums of `weights` (N, B) by group: row `rows[i]` goes into group `into[i]`; (groups, B)."""
    ones = np.ones(len(rows), dtype=np.float32)
    summed = csr_matrix((ones, (into, rows)), shape=(groups, len(weights))) @ weights
    return np.asarray(summed)


def _checked(y: ArrayLike, scores: ArrayLike) -> tuple[Array, Array]:
    truth, given = np.asarray(y, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if truth.ndim != 2 or truth.shape != given.shape or not len(truth):
        raise ValueError(f"y and scores are both (N, C) with N over 0, got {truth.shape} and {given.shape}")
    if np.isnan(given).any():
        raise ValueError("a score is nan, every film needs a number")
    if not np.isin(truth[~np.isnan(truth)], (0, 1)).all():
        raise ValueError("y holds 0, 1 or nan for unknown")
    return truth, given
