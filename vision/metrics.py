"""How good scores are: per class, with undefined values left undefined (nan) and named as such in every table.

Arrays are `y` (N, C) of 0, 1, nan for unknown, `scores` (N, C) in 0..1, `thresholds` (C,). Positive means
score > threshold. AUC and average precision are of the scores themselves, never of thresholded predictions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

Array = NDArray[np.float64]

NAMES = {
    "f1": "F1",
    "auc": "AUC",
    "ap": "average precision",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "brier": "Brier",
}


class Confusion(NamedTuple):
    """Counts per class, each (C,)."""

    tp: Array
    fp: Array
    tn: Array
    fn: Array


def divide(numerator: ArrayLike, denominator: ArrayLike) -> Array:
    """Elementwise quotient, nan where the denominator is 0."""
    top, bottom = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    result: Array = np.full(np.broadcast(top, bottom).shape, np.nan)
    np.divide(top, bottom, out=result, where=bottom != 0)
    return result


def confusion(y: ArrayLike, scores: ArrayLike, thresholds: ArrayLike) -> Confusion:
    """Confusion counts per class over the known entries."""
    truth = np.asarray(y, dtype=np.float64)
    predicted = np.asarray(scores) > np.asarray(thresholds)
    yes, no = truth == 1, truth == 0
    counts = [yes & predicted, no & predicted, no & ~predicted, yes & ~predicted]
    return Confusion(*(c.sum(axis=0).astype(np.float64) for c in counts))


def f1(y: ArrayLike, scores: ArrayLike, thresholds: ArrayLike) -> Array:
    """F1 of the positive class, (C,); undefined where there is neither a positive nor a positive prediction."""
    c = confusion(y, scores, thresholds)
    return divide(2 * c.tp, 2 * c.tp + c.fp + c.fn)


def macro(values: ArrayLike) -> tuple[float, int]:
    """Mean over the classes where `values` (C,) is defined, and how many these are; (nan, 0) where none is."""
    array = np.asarray(values, dtype=np.float64)
    defined = array[~np.isnan(array)]
    return (float(defined.mean()), len(defined)) if len(defined) else (float("nan"), 0)


def measure(y: ArrayLike, scores: ArrayLike, thresholds: ArrayLike) -> dict[str, Array]:
    """Every metric of `NAMES`, (C,) each.

    Undefined (nan): AUC of one class alone, average precision and sensitivity without positives, specificity without
    negatives, Brier without a known label, F1 without a positive or a positive prediction.
    """
    truth, given = np.asarray(y, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    c = confusion(truth, given, thresholds)
    columns = []
    for label, score in zip(truth.T, given.T, strict=True):
        known = ~np.isnan(label)
        t, s = label[known], score[known]
        positives, negatives = int((t == 1).sum()), int((t == 0).sum())
        columns.append(
            (
                roc_auc_score(t, s) if positives and negatives else np.nan,
                average_precision_score(t, s) if positives else np.nan,
                brier_score_loss(t, s, pos_label=1) if len(t) else np.nan,
            )
        )
    auc, ap, brier = np.array(columns, dtype=np.float64).T
    return {
        "f1": divide(2 * c.tp, 2 * c.tp + c.fp + c.fn),
        "auc": auc,
        "ap": ap,
        "sensitivity": divide(c.tp, c.tp + c.fn),
        "specificity": divide(c.tn, c.tn + c.fp),
        "brier": brier,
    }


def prevalence(y: ArrayLike) -> Array:
    """Share of positives among the known labels, (C,)."""
    truth = np.asarray(y, dtype=np.float64)
    return divide((truth == 1).sum(axis=0), (~np.isnan(truth)).sum(axis=0))


def best_thresholds(y: ArrayLike, scores: ArrayLike, default: float = 0.5) -> Array:
    """The thresholds of the highest F1 per class, (C,): halfway between two scores, `default` without a positive."""
    found = []
    for label, score in zip(np.asarray(y, dtype=np.float64).T, np.asarray(scores, dtype=np.float64).T, strict=True):
        known = ~np.isnan(label)
        order = np.argsort(-score[known], kind="stable")
        s, t = score[known][order], label[known][order]
        if not (t == 1).any():
            found.append(default)
            continue
        cut = np.flatnonzero(np.append(s[1:] < s[:-1], True))  # the last of each run of equal scores
        true_positives = np.cumsum(t)[cut]
        best = int(cut[np.argmax(2 * true_positives / (cut + 1 + t.sum()))])
        found.append(float(s[best] + s[best + 1]) / 2 if best + 1 < len(s) else float(np.nextafter(s[best], -1)))
    return np.array(found)
