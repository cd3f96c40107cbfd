"""Measured ratios of the trainer, each against a baseline in the same run; `-s` shows them. Nothing is asserted about time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from tests.vision.drawn import draw_film
from vision.bench import bench
from vision.bootstrap import intervals
from vision.cache import in_order
from vision.config import TrainConfig
from vision.views.classifier import Classifier


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def test_bootstrap_against_a_loop_over_sklearn() -> None:
    """At the paper's size, 3,001 films and five classes: at least 50 times as fast."""
    rng = np.random.default_rng(0)
    y = (rng.random((3001, 5)) < [0.024, 0.022, 0.217, 0.078, 0.283]).astype(float)
    scores = 1 / (1 + np.exp(1 - 1.5 * y - rng.normal(size=y.shape)))
    loops = 10

    def by_sklearn() -> None:
        for rows in rng.integers(0, 3001, (loops, 3001)):
            for c in range(5):
                t, s = y[rows, c], scores[rows, c]
                sk.f1_score(t, s > 0.5)
                sk.roc_auc_score(t, s)
                sk.average_precision_score(t, s)
                sk.recall_score(t, s > 0.5)
                sk.recall_score(1 - t, s <= 0.5)

    points = intervals(y, scores, thresholds=0.5, n=10)["f1"].point
    assert points == pytest.approx([sk.f1_score(y[:, c], scores[:, c] > 0.5) for c in range(5)])
    ours = min(seconds(lambda: intervals(y, scores, thresholds=0.5, n=3000)) for _ in range(2))
    ratio = seconds(by_sklearn) / loops * 3000 / ours
    print(f"\nbootstrap: {ratio:.0f} times as fast as a loop over scikit-learn ({ours:.2f} s for 3,000 replicates)")


def test_pa_classifier_against_decoding(tmp_path: Path) -> None:
    """`views predict` on films of 2,000 px against reading and resizing them alone; the aim is 50 a second."""
    rng = np.random.default_rng(0)
    for number in range(48):
        draw_film(np.zeros(4), rng, 500).resize((2000, 2400)).save(tmp_path / f"{number}.jpg", quality=90)
    paths = sorted(tmp_path.iterdir())
    classifier = Classifier(threads=2)

    def decode() -> None:
        for _ in in_order(classifier.read, paths, 2):
            pass

    scores, failed = classifier.score(paths[:16], 2)
    assert not failed and np.isfinite(scores).all()
    whole = min(seconds(lambda: classifier.score(paths, 2)) for _ in range(3))
    alone = min(seconds(decode) for _ in range(3))
    films = np.stack([classifier.read(path) for path in paths[:16]])
    model = min(seconds(lambda: classifier(films)) for _ in range(3)) / len(films)
    print(f"\nPA classifier: {len(paths) / whole:.0f} films/s, {whole / alone:.2f} times the time of decoding them alone; "
          f"the model alone {1 / model:.0f} films/s")  # fmt: skip


def test_training_against_the_model_alone() -> None:
    """The aim is that the data path costs at most a twentieth of the model's own speed."""
    torch.set_num_threads(1)
    values = {"model": "resnet18", "size": 160, "batch_size": 8, "accelerator": "cpu"}
    result = bench(TrainConfig.model_validate({"labels": Path(), **values}), steps=2, rounds=7, films=64, gains=False)
    print(f"\ntraining: {result['ratio']:.3f} of the model alone, {result['training_images_per_second']:.1f} images/s")
    assert result["ratio"] > 0
