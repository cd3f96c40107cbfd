"""DICOM to JPG on one core, against pydicom and Pillow alone doing the same work in the same run.

    python -m tests.benchmarks.test_bench_images      a table

The baseline is what their documentation shows: pixel_array, apply_modality_lut, apply_voi_lut, scale, save.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from labeler.dataset.pixels import render, resized
from tests.dataset.films import compressed, encoded, film

SIDE = 2048
QUALITY = 95


def ours(data: bytes) -> Image.Image:
    """As the image stage does."""
    found = render(data)
    image = resized(found.grey, None, found.spacing)
    image.save(BytesIO(), format="JPEG", quality=QUALITY)
    return image


def baseline(data: bytes) -> Image.Image:
    """As the documentation of pydicom and Pillow does."""
    found = dcmread(BytesIO(data))
    shown = apply_voi_lut(apply_modality_lut(found.pixel_array, found), found)
    grey = (shown - shown.min()) / (shown.max() - shown.min()) * 255
    if found.PhotometricInterpretation == "MONOCHROME1":
        grey = 255 - grey
    image = Image.fromarray(grey.astype(np.uint8))
    image.save(BytesIO(), format="JPEG", quality=QUALITY)
    return image


def seconds(work: Callable[[bytes], object], data: bytes, rounds: int) -> float:
    """The fastest of some rounds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work(data)
        times.append(time.perf_counter() - start)
    return min(times)


def films() -> dict[str, bytes]:
    """A smooth film with noise, as detectors give them, in three encodings."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    noise = np.random.default_rng(0).normal(0, 20, (SIDE, SIDE))
    stored = (2000 + 1500 * np.sin(3 * x) * np.cos(4 * y) + noise).clip(0, 4095).astype("u2")
    elements = {"WindowCenter": "2048", "WindowWidth": "3000", "RescaleSlope": "1", "RescaleIntercept": "0"}
    with TemporaryDirectory() as folder:
        lossless = encoded(compressed(film(stored, **elements), "lossless", Path(folder)))
    return {
        "uncompressed, window": encoded(film(stored, **elements)),
        "MONOCHROME1": encoded(film(stored, PhotometricInterpretation="MONOCHROME1", **elements)),
        "JPEG Lossless": lossless,
    }


def measure(rounds: int = 5) -> list[tuple[str, float, float]]:
    """(film, our seconds, the baseline's)."""
    return [(name, seconds(ours, data, rounds), seconds(baseline, data, rounds)) for name, data in films().items()]


@pytest.mark.parametrize("name", ["uncompressed, window", "JPEG Lossless"])
def test_the_same_work(name: str) -> None:
    data = films()[name]
    assert np.abs(np.asarray(ours(data), dtype=int) - np.asarray(baseline(data), dtype=int)).max() <= 1


if __name__ == "__main__":
    print(f"{'film of 2048 x 2048':<22}  images/s  baseline  times")
    for name, mine, theirs in measure():
        print(f"{name:<22}  {1 / mine:>8.1f}  {1 / theirs:>8.1f}  {theirs / mine:>5.1f}")
