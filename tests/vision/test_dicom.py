"""DICOM files as grey films."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from tests.vision.dicoms import dicom
from vision.cache import FilmError
from vision.dicom import is_dicom, read_dicom

RAMP = np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)


def grey(content: bytes) -> np.ndarray:
    return np.asarray(read_dicom(content), dtype=int)


def test_a_window_decides_what_is_black_and_white() -> None:
    found = grey(dicom(RAMP, WindowCenter=2048, WindowWidth=1024))
    expected = np.clip((RAMP.astype(float) - 2047.5) / 1023 + 0.5, 0, 1) * 255
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize(
    ("function", "at_center", "at_edge"),
    [("LINEAR", 127.6, 255), ("LINEAR_EXACT", 127.5, 255), ("SIGMOID", 127.5, 224.6)],
)
def test_the_functions_of_a_window(function: str, at_center: float, at_edge: float) -> None:
    pixels = np.array([[2000, 2000], [2500, 1500]], dtype=np.uint16)
    found = grey(dicom(pixels, WindowCenter=2000, WindowWidth=1000, VOILUTFunction=function))
    assert found[0, 0] == pytest.approx(at_center, abs=1)
    assert found[1, 0] == pytest.approx(at_edge, abs=1)
    assert found[1, 1] == pytest.approx(255 - at_edge, abs=1)


def test_a_window_that_the_film_does_not_fill_is_not_stretched() -> None:
    found = grey(dicom(RAMP // 4 + np.uint16(1000), WindowCenter=2048, WindowWidth=4096))
    assert found.min() > 55
    assert found.max() < 135


def test_a_lut_decides_where_there_is_one() -> None:
    table = Dataset()
    table.LUTDescriptor = [16, 0, 12]
    table.LUTData = np.arange(0, 4096, 273, dtype="<u2").tobytes()
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4)
    made = dicom(pixels, VOILUTSequence=[table], WindowCenter=3, WindowWidth=2)
    assert (grey(made) == np.arange(0, 256, 17).reshape(4, 4)).all()


def test_the_first_of_several_windows_counts() -> None:
    several = dicom(RAMP, WindowCenter=[2048, 100], WindowWidth=[1024, 50])
    assert (grey(several) == grey(dicom(RAMP, WindowCenter=2048, WindowWidth=1024))).all()


def test_monochrome1_is_inverted_after_the_window() -> None:
    window = {"WindowCenter": 1000, "WindowWidth": 800}
    plain = grey(dicom(RAMP, **window))
    assert (grey(dicom(RAMP, PhotometricInterpretation="MONOCHROME1", **window)) == 255 - plain).all()


def test_signed_values_and_rescaling_come_before_the_window() -> None:
    signed = (RAMP.astype(int) - 2048).astype(np.int16)
    shifted = dicom(signed, RescaleSlope=1, RescaleIntercept=2048, WindowCenter=2048, WindowWidth=1024)
    assert np.abs(grey(shifted) - grey(dicom(RAMP, WindowCenter=2048, WindowWidth=1024))).max() <= 1


@pytest.mark.parametrize("window", [{}, {"WindowCenter": 100, "WindowWidth": 0}])
def test_without_a_window_outliers_do_not_count(window: dict[str, float]) -> None:
    pixels = np.full((40, 40), 1000, dtype=np.uint16) + np.arange(1600, dtype=np.uint16).reshape(40, 40)
    pixels[0, 0] = 65535
    found = grey(dicom(pixels, **window))
    assert found[39, 39] > 250
    assert found[1, 0] < 12


def test_a_slope_that_is_no_number_is_one() -> None:
    assert (grey(dicom(RAMP, RescaleSlope="", RescaleIntercept="")) == grey(dicom(RAMP))).all()


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black(photometric: str) -> None:
    pixels = RAMP + np.uint16(100)
    pixels[:, :4] = 4095 if photometric == "MONOCHROME2" else 0
    made = dicom(pixels, PixelPaddingValue=int(pixels[0, 0]), PhotometricInterpretation=photometric)
    assert (grey(made)[:, :4] == 0).all()


def test_colour_becomes_grey() -> None:
    pixels = np.zeros((8, 8, 3), dtype=np.uint8)
    pixels[4:] = 255
    made = dicom(pixels, SamplesPerPixel=3, PlanarConfiguration=0, PhotometricInterpretation="RGB", Rows=8, Columns=8)
    assert grey(made)[0, 0] == 0
    assert grey(made)[7, 7] == 255


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"no DICOM", "not DICOM"),
        (b"", "not DICOM"),
        (dicom(RAMP)[:200], "without pixels"),
        (dicom(RAMP, PixelData=None), "without pixels"),
        (dicom(RAMP)[:-100], "broken"),
        (dicom(RAMP, PhotometricInterpretation=None), "broken"),
        (dicom(np.stack([RAMP, RAMP]), NumberOfFrames=2), "several frames"),
        (dicom(RAMP, RescaleSlope="1e308", RescaleIntercept="1e308"), "broken"),
        (dicom(RAMP, RescaleSlope="1e308", RescaleIntercept=0, WindowCenter=9, WindowWidth=9), "broken"),
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
