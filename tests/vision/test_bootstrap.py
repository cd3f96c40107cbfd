"""The vectorised bootstrap against scikit-learn in a loop, on the same resamples."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from vision.bootstrap import intervals, replicates, resample

NAMES = ("f1", "auc", "ap", "sensitivity", "specificity")


def by_sklearn(y: np.ndarray, scores: np.ndarray, threshold: float) -> list[float]:
    known = ~np.isnan(y)
    y, scores = y[known], scores[known]
    predicted = scores > threshold
    one, zero = bool((y == 1).any()), bool((y == 0).any())
    return [
        sk.f1_score(y, predicted) if one or predicted.any() else np.nan,
        sk.roc_auc_score(y, scores) if one and zero else np.nan,
        sk.average_precision_score(y, scores) if one else np.nan,
        sk.recall_score(y, predicted) if one else np.nan,
        sk.recall_score(1 - y, ~predicted) if zero else np.nan,
    ]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(2, 30), st.floats(0, 0.4))
def test_equal_to_sklearn_on_the_same_resamples(seed: int, size: int, levels: int, unknown: float) -> None:
    """With ties (few levels), rare classes, and unknown labels."""
    rng = np.random.default_rng(seed)
    y = (rng.random((size, 3)) < [0.05, 0.3, 0.8]).astype(float)
    y[rng.random(y.shape) < unknown] = np.nan
    scores = rng.integers(0, levels, y.shape) / levels
    cuts = np.array([0.5, 0.25, 0.0])
    indices = rng.integers(0, size, (15, size))
    got = intervals(y, scores, thresholds=cuts, indices=indices)
    expected = np.array(
        [[by_sklearn(y[rows, c], scores[rows, c], cuts[c]) for c in range(3)] for rows in indices]
    )  # (n, C, metric)
    point = np.array([by_sklearn(y[:, c], scores[:, c], cuts[c]) for c in range(3)])
    for m, name in enumerate(NAMES):
        np.testing.assert_allclose(got[name].point, point[:, m], atol=1e-9)
        np.testing.assert_array_equal(got[name].undefined, np.isnan(expected[:, :, m]).sum(axis=0))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # all replicates undefined: nan, as wanted
            low, high = np.nanpercentile(expected[:, :, m], [2.5, 97.5], axis=0)
        np.testing.assert_allclose(got[name].low, low, atol=1e-9)
        np.testing.assert_allclose(got[name].high, high, atol=1e-9)


def test_brier_of_a_resample() -> None:
    rng = np.random.default_rng(0)
    y, scores = (rng.random((50, 2)) < 0.4).astype(float), rng.random((50, 2))
    y[3, 0] = np.nan
    rows = rng.integers(0, 50, (4, 50))
    counts = resample(50, indices=rows)
    got = replicates(y, scores, thresholds=0.5, counts=counts)["brier"]
    expected = [np.nanmean((y[r] - scores[r]) ** 2, axis=0) for r in rows]
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_patients_are_drawn_whole() -> None:
    groups = np.array(["a", "b", "a", "c", "c", "c"])
    counts = resample(6, n=200, seed=1, groups=groups)
    for patient in "abc":
        rows = counts[:, groups == patient]
        assert (rows == rows[:, :1]).all()
    assert (counts[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert len(np.unique(counts, axis=0)) > 5


def test_groups_of_one_are_no_groups() -> None:
    rng = np.random.default_rng(2)
    y, scores = (rng.random((80, 2)) < 0.4).astype(float), rng.random((80, 2))
    plain = intervals(y, scores, thresholds=0.5, n=100, seed=3)
    grouped = intervals(y, scores, thresholds=0.5, n=100, seed=3, groups=np.arange(80))
    for name in NAMES:
        np.testing.assert_array_equal(plain[name].low, grouped[name].low)


def test_repeated_films_of_a_patient_widen_the_interval() -> None:
    rng = np.random.default_rng(4)
    y = np.repeat((rng.random((60, 1)) < 0.5).astype(float), 8, axis=0)
    scores = np.repeat(np.clip(y[::8] * 0.3 + rng.random((60, 1)) * 0.7, 0, 1), 8, axis=0)
    groups = np.repeat(np.arange(60), 8)
    width = {}
    for name, by in (("film", None), ("patient", groups)):
        auc = intervals(y, scores, thresholds=0.5, n=500, groups=by)["auc"]
        width[name] = auc.high[0] - auc.low[0]
    assert width["patient"] > 2 * width["film"]


def test_the_seed_decides_alone() -> None:
    rng = np.random.default_rng(5)
    y, scores = (rng.random((90, 1)) < 0.4).astype(float), rng.random((90, 1))
    first, again, other = (intervals(y, scores, thresholds=0.5, n=50, seed=s)["auc"].low for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_an_absent_class_is_undefined_and_counted() -> None:
    y, scores = np.zeros((20, 1)), np.full((20, 1), 0.2)
    got = intervals(y, scores, thresholds=0.5, n=30)
    for name in ("f1", "auc", "ap", "sensitivity"):
        assert np.isnan(got[name].point[0])
        assert np.isnan(got[name].low[0])
        assert got[name].undefined.tolist() == [30]
    assert got["specificity"].point.tolist() == [1.0]
    assert got["specificity"].undefined.tolist() == [0]


@pytest.mark.parametrize(
    "bad",
    [
        {"y": np.zeros((3, 2)), "scores": np.zeros((3, 1))},
        {"y": np.full((3, 1), 2.0), "scores": np.zeros((3, 1))},
        {"y": np.zeros((3, 1)), "scores": np.full((3, 1), np.nan)},
        {"y": np.zeros((3, 1)), "scores": np.zeros((3, 1)), "indices": np.array([[0, 1, 3]])},
        {"y": np.zeros((3, 1)), "scores": np.zeros((3, 1)), "indices": np.zeros((1, 3), int), "groups": [0, 0, 1]},
        {"y": np.zeros((3, 1)), "scores": np.zeros((3, 1)), "n": 0},
        {"y": np.zeros((3, 1)), "scores": np.zeros((3, 1)), "groups": [0, 1]},
    ],
)
def test_refuses_what_does_not_fit(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        intervals(**{"thresholds": 0.5, **bad})  # type: ignore[arg-type]
