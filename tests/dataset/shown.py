"""What a film looks like to the image stage, and the reference: plain numpy."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from labeler.dataset.dicom import FilmError
from labeler.dataset.pixels import render
from tests.dataset.films import encapsulated, encoded

FULL = {"WindowCenter": "2048", "WindowWidth": "4096"}  # of 12 bits
BYTE = {"WindowCenter": "128", "WindowWidth": "256"}


def grey(data: Dataset | bytes) -> np.ndarray:
    """As the image stage shows it."""
    return render(data if isinstance(data, bytes) else encoded(data)).grey


def refusal(data: Dataset | bytes) -> str:
    """The code with which it is refused."""
    with pytest.raises(FilmError) as refused:
        render(data if isinstance(data, bytes) else encoded(data))
    return refused.value.code


def near(found: np.ndarray, expected: np.ndarray, tolerance: int) -> None:
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= tolerance


def lut(first: int, entries: np.ndarray, bits: int = 16, kind: str = "US") -> Sequence:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(entries) % 65536, first, bits])
    item.add_new("LUTData", kind, entries.astype(int).tolist() if kind == "US" else entries.tobytes())
    return Sequence([item])


def luma(red: np.ndarray, green: np.ndarray, blue: np.ndarray, top: int = 255) -> np.ndarray:
    """ITU-R BT.601, which DICOM's YBR_FULL is of, onto 0..255."""
    return ((0.299 * red + 0.587 * green + 0.114 * blue) / top * 255).round().astype(int)


def rle(data: Dataset, words: np.ndarray) -> Dataset:
    from pydicom.pixels.encoders import RLELosslessEncoder
    from pydicom.uid import RLELossless

    described = {
        "rows": words.shape[0], "columns": words.shape[1], "samples_per_pixel": 1, "bits_allocated": 16, "bits_stored": 16,
        "photometric_interpretation": "MONOCHROME2", "pixel_representation": 0, "number_of_frames": 1,
    }  # fmt: skip
    return encapsulated(data, RLELosslessEncoder.encode(words.tobytes(), index=0, **described), RLELossless)


def changed(data: Dataset, **elements: Any) -> Dataset:
    for name, value in elements.items():
        setattr(data, name, value)
    return data


def colours(bits: int = 8) -> np.ndarray:
    """RGB that runs through its cube, the corners among them."""
    top = (1 << bits) - 1
    axis = np.array([0, top // 3, 2 * top // 3, top])
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(8, 8, 3).astype("u1" if bits == 8 else "u2")


def ybr(rgb: np.ndarray) -> np.ndarray:
    """DICOM PS3.3 C.7.6.3.1.2, of 8 bits."""
    r, g, b = np.moveaxis(rgb.astype(float), -1, 0)
    found = [0.299 * r + 0.587 * g + 0.114 * b, -0.1687 * r - 0.3313 * g + 0.5 * b + 128, 0.5 * r - 0.4187 * g - 0.0813 * b + 128]
    return np.stack(found, -1).round().clip(0, 255).astype(np.uint8)


def j2k(samples: np.ndarray, photometric: str) -> bytes:
    out = BytesIO()
    options = {"irreversible": photometric == "YBR_ICT", "mct": int(photometric != "RGB"), "no_jp2": True}
    Image.fromarray(samples).save(out, "JPEG2000", **options)
    return out.getvalue()


def jpeg(pixels: np.ndarray) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, "JPEG")
    return out.getvalue()
