"""What is in a batch follows from the seed and the step, and augmentation does what its names say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vision.batches import Films, augment, draw_changes, prepare, stream
from vision.cache import Pixels
from vision.config import Augment

STILL = Augment(rotate=0, shift=0, scale=0, contrast=0, brightness=0)


@given(st.integers(1, 60), st.integers(0, 5), st.integers(0, 200), st.integers(0, 50))
def test_the_stream_is_the_same_wherever_it_is_entered(n: int, seed: int, start: int, count: int) -> None:
    whole = stream(n, seed=seed, start=0, count=start + count)
    assert (stream(n, seed=seed, start=start, count=count) == whole[start:]).all()
    for epoch in range((start + count) // n):
        assert sorted(whole[epoch * n : (epoch + 1) * n]) == list(range(n))


def test_epochs_and_seeds_differ() -> None:
    first, second = stream(50, seed=1, start=0, count=50), stream(50, seed=1, start=50, count=50)
    assert (first != second).any()
    assert (first != stream(50, seed=2, start=0, count=50)).any()


def test_changes_follow_from_seed_and_number() -> None:
    assert torch.equal(draw_changes(4, seed=1, index=7), draw_changes(4, seed=1, index=7))
    assert not torch.equal(draw_changes(4, seed=1, index=7), draw_changes(4, seed=1, index=8))
    many = draw_changes(2000, seed=0, index=0)
    assert many.abs().max() <= 1
    assert many.mean().abs() < 0.05


def spot(x: int, y: int) -> torch.Tensor:
    film = torch.zeros(1, 1, 65, 65)
    film[0, 0, y - 2 : y + 3, x - 2 : x + 3] = 1
    return film


def centre(film: torch.Tensor) -> tuple[float, float]:
    weight = film[0, 0] / film.sum()
    at = torch.arange(65.0)
    return float((weight.sum(0) * at).sum()), float((weight.sum(1) * at).sum())


@pytest.mark.parametrize(
    ("by", "change", "expected"),
    [
        (STILL, [1, 1, 1, 1, 1, 1], (48, 32)),
        (STILL.model_copy(update={"shift": 0.1}), [0, 0, 1, 0, 0, 0], (48 - 6.5, 32)),
        (STILL.model_copy(update={"shift": 0.1}), [0, 0, 0, -1, 0, 0], (48, 32 + 6.5)),
        (STILL.model_copy(update={"scale": 0.25}), [0, 1, 0, 0, 0, 0], (32 + 16 * 1.25, 32)),
        (STILL.model_copy(update={"rotate": 90.0}), [1, 0, 0, 0, 0, 0], (32, 32 - 16)),
    ],
)
def test_where_a_spot_goes(by: Augment, change: list[float], expected: tuple[float, float]) -> None:
    moved = augment(spot(48, 32), torch.tensor([change], dtype=torch.float32), by)
    assert centre(moved) == pytest.approx(expected, abs=0.2)


def test_exposure() -> None:
    by = STILL.model_copy(update={"contrast": 0.5, "brightness": 0.1})
    film = torch.full((2, 1, 8, 8), 0.4)
    changed = augment(film, torch.tensor([[0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, -1.0]]), by)
    assert changed[0].flatten().tolist() == pytest.approx([0.6] * 64)
    assert changed[1].flatten().tolist() == pytest.approx([0.3] * 64)


def test_nothing_is_flipped_by_default() -> None:
    """The spot stays on its side under every change that is drawn."""
    for index in range(50):
        moved = augment(spot(48, 32), draw_changes(1, seed=0, index=index), Augment())
        assert centre((moved > 0.5).float())[0] > 40


def test_normalised_like_this() -> None:
    film = torch.tensor([[[[0, 255], [51, 102]]]], dtype=torch.uint8)
    expected = (torch.tensor([0, 1, 0.2, 0.4]) - 0.4) / 0.2
    torch.testing.assert_close(prepare(film, mean=0.4, std=0.2).flatten(), expected)


def test_films_come_in_the_order_that_was_asked_for(tmp_path: Path) -> None:
    data = np.arange(10 * 4 * 4, dtype=np.uint8).reshape(10, 4, 4)
    (tmp_path / "pixels.u8").write_bytes(data.tobytes())
    films = Films(
        Pixels(tmp_path / "pixels.u8", (10, 4, 4), np.arange(10), ("",) * 10).take([9, 8, 7, 1]), torch.device("cpu")
    )
    plan = [np.array([0, 3]), np.array([2]), np.array([1, 1])]
    got = list(films.batches(plan))
    assert [batch.shape for batch in got] == [(2, 1, 4, 4), (1, 1, 4, 4), (2, 1, 4, 4)]
    rows = [9, 1, 7, 8, 8]
    assert (torch.cat(got)[:, 0].numpy() == data[rows]).all()
    assert not films.resident
    assert list(films.batches([])) == []
