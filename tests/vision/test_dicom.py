"""DICOM files as grey films."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.vision.dicoms import dicom
from vision.cache import FilmError
from vision.dicom import is_dicom, read_dicom

RAMP = np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)


def grey(content: bytes) -> np.ndarray:
    return np.asarray(read_dicom(content), dtype=int)


def test_as_the_image_stage_shows_it() -> None:
    """All else of how a film looks is held to the image stage: each film of tests/dataset/shown.py is read here too."""
    found = grey(dicom(RAMP, WindowCenter=2048, WindowWidth=1024, PhotometricInterpretation="MONOCHROME1"))
    expected = np.clip((RAMP.astype(float) - 2047.5) / 1023 + 0.5, 0, 1) * 255
    assert np.abs(found - (255 - expected)).max() <= 1


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"no DICOM", "not_dicom"),
        (b"", "not_dicom"),
        (dicom(RAMP)[:200], "no_transfer_syntax"),
        (dicom(RAMP, PixelData=None), "no_pixel_data"),
        (dicom(RAMP)[:-100], "truncated"),
        (dicom(RAMP, PhotometricInterpretation=None), "held_no_photometric"),
        (dicom(np.stack([RAMP, RAMP]), NumberOfFrames=2), "multi_frame"),
    ],
)
def test_what_holds_no_single_film(content: bytes, kind: str) -> None:
    with pytest.raises(FilmError) as error:
        read_dicom(content)
    assert error.value.kind == kind
    assert "SECRET" not in str(error.value)
    assert "Nguyen" not in str(error.value)


def test_known_by_their_preamble(tmp_path: Path) -> None:
    (tmp_path / "1.2.840.113").write_bytes(dicom(RAMP))
    (tmp_path / "film.dcm").write_bytes(b"no DICOM")
    assert is_dicom(tmp_path / "1.2.840.113")
    assert not is_dicom(tmp_path / "film.dcm")
    assert not is_dicom(tmp_path / "none")


def test_real_files(shared: Path) -> None:
    """One film as JPEG Baseline, and the same relabelled MONOCHROME1; films of other vendors."""
    folder = shared / "dicom"
    film, inverted = (np.asarray(read_dicom(next(folder.glob(name)))) for name in ("1.2.276*.dcm", "Fake_MONOHR1.dcm"))
    assert film.shape == inverted.shape
    assert np.abs(film.astype(int) + inverted - 255).max() <= 1
    for file in folder.glob("test*.dcm"):
        assert np.asarray(read_dicom(file)).shape == (1024, 1024)
