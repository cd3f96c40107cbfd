"""Metrics that stay undefined where they are, and thresholds that are the best there are."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from vision.metrics import best_thresholds, confusion, f1, macro, measure, prevalence


def test_the_papers_abnormal_row() -> None:
    """Table 6: 848 of 3,001 positive, sensitivity 0.6946, specificity 0.8825 give F1 0.6970."""
    y = np.r_[np.ones(848), np.zeros(2153)][:, None]
    scores = np.r_[np.ones(589), np.zeros(259), np.ones(253), np.zeros(1900)][:, None]
    got = measure(y, scores, [0.5])
    assert [round(float(got[m][0]), 4) for m in ("sensitivity", "specificity", "f1")] == [0.6946, 0.8825, 0.6970]


def test_auc_is_of_scores_not_of_predictions() -> None:
    y, scores = np.array([[0.0], [0], [1], [1]]), np.array([[0.1], [0.2], [0.3], [0.4]])
    assert measure(y, scores, [0.5])["auc"].tolist() == [1.0]  # thresholded, it would be 0.5


def test_positive_is_above_the_threshold_not_at_it() -> None:
    c = confusion([[1.0], [1.0]], [[0.5], [0.6]], [0.5])
    assert (c.tp.tolist(), c.fn.tolist()) == ([1], [1])


def test_undefined_stays_undefined_and_macro_says_over_how_many() -> None:
    y = np.array([[0.0, 1.0, np.nan, 0.0], [0.0, 0.0, np.nan, 0.0]])
    got = measure(y, np.array([[0.1, 0.9, 0.5, 0.9], [0.2, 0.1, 0.5, 0.1]]), np.full(4, 0.5))
    assert np.isnan(got["f1"]).tolist() == [True, False, True, False]
    assert np.isnan(got["auc"]).tolist() == [True, False, True, True]
    assert np.isnan(got["brier"]).tolist() == [False, False, True, False]
    assert macro(got["f1"]) == (0.5, 2)
    assert np.isnan(macro(np.array([np.nan]))[0])
    assert macro(np.array([np.nan]))[1] == 0


def test_prevalence_is_of_the_known() -> None:
    assert prevalence([[1.0], [0.0], [np.nan], [0.0], [0.0]]).tolist() == [0.25]


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.integers(0, 8)), min_size=1, max_size=25))
def test_no_threshold_beats_the_best(rows: list[tuple[float, int]]) -> None:
    y, scores = np.array([[r[0]] for r in rows]), np.array([[r[1] / 8] for r in rows])
    chosen = best_thresholds(y, scores)
    if y.any():
        best = max(f1_score(y, scores > t) for t in np.arange(-1, 18) / 16)
        assert f1(y, scores, chosen)[0] == best
    else:
        assert chosen.tolist() == [0.5]
