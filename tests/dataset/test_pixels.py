"""Grey films: every depth, sign and transfer syntax against plain numpy; colour and windows have files of their own."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import JPEG2000, DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGExtended12Bit

from labeler.dataset.pixels import letterboxed, render
from tests.dataset.films import (
    LOSSLESS,
    SHAPE,
    big_endian,
    compressed,
    encapsulated,
    encoded,
    film,
    jpeg12,
    values,
    windowed,
)
from tests.dataset.shown import BYTE, FULL, changed, grey, lut, near, refusal, rle

SHARED = Path(__file__).resolve().parents[3] / "shared" / "dicom"


@pytest.mark.parametrize("bits", [5, 8, 10, 12, 14, 15, 16])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_window(bits: int, signed: bool, photometric: str) -> None:
    """Every depth, signed or not, through the rescale and the window; inverted last and only for MONOCHROME1."""
    stored = values(bits, signed=signed)
    center, width = float(stored.astype(float).mean()) + 3, (1 << bits) * 0.4
    data = film(
        stored, bits=bits, PhotometricInterpretation=photometric, RescaleSlope="2", RescaleIntercept="-5",
        WindowCenter=str(2 * center - 5), WindowWidth=str(2 * width),
    )  # fmt: skip
    expected = windowed(2 * stored.astype(float) - 5, 2 * center - 5, 2 * width)
    np.testing.assert_array_equal(grey(data), 255 - expected if photometric == "MONOCHROME1" else expected)


def test_negative_slope() -> None:
    """A slope below 0 turns the scale, which is not a negative film."""
    stored = values(12)
    data = film(stored, RescaleSlope="-0.5", RescaleIntercept="2000", WindowCenter="900", WindowWidth="700")
    np.testing.assert_array_equal(grey(data), windowed(2000 - 0.5 * stored, 900, 700))
    assert grey(data)[0, 0] == 255 and grey(data)[-1, -1] == 0


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("how", ["little", "big", "rle"])
def test_stored_bits_at_the_top_of_their_word(bits: int, signed: bool, how: str, tmp_path: Path) -> None:
    """HighBit 15: the stored bits are the upper ones, whatever lies below them."""
    stored = values(bits, signed=signed)
    words = (stored.astype(np.int32) << (16 - bits)).astype(np.uint16) | np.uint16(1)  # one overlay bit
    window = {"WindowCenter": str(0 if signed else 1 << (bits - 1)), "WindowWidth": str(1 << bits)}
    data = film(words, bits=bits, HighBit=15, PixelRepresentation=int(signed), **window)
    if how == "big":
        data = big_endian(data)
    elif how == "rle":
        data = rle(data, words)
    np.testing.assert_array_equal(grey(data), windowed(stored, float(window["WindowCenter"]), 1 << bits))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("how", ["little", "big", "rle"])
def test_junk_above_the_stored_bits(signed: bool, how: str) -> None:
    """Overlays and other junk in the unused high bits are no density."""
    stored = values(12, signed=signed)
    window = {"WindowCenter": "0" if signed else "2048", "WindowWidth": "4096"}
    words = (stored.view("u2") & 0x0FFF) | np.where(np.arange(stored.size).reshape(SHAPE) % 3, 0xA000, 0).astype("u2")
    data = film(words, PixelRepresentation=int(signed), **window)
    data = big_endian(data) if how == "big" else rle(data, words) if how == "rle" else data
    np.testing.assert_array_equal(grey(data), windowed(stored, float(window["WindowCenter"]), 4096))


@pytest.mark.parametrize("shape", [(7, 5), (1, 1), (3, 8), (5, 1)])
@pytest.mark.parametrize("how", ["implicit", "explicit", "big", "deflated"])
@pytest.mark.parametrize("bits", [7, 8, 12, 16])
def test_uncompressed_syntaxes(shape: tuple[int, int], how: str, bits: int) -> None:
    """Odd numbers of rows and columns, in each order of bytes; pixels of 8 bits are bytes or words."""
    stored = np.resize(values(bits), shape)
    data = film(stored, bits=bits, WindowCenter=str(1 << (bits - 1)), WindowWidth=str(1 << bits))
    if how == "big":
        data = big_endian(data)
    elif how != "explicit":
        data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if how == "implicit" else DeflatedExplicitVRLittleEndian
    expected = windowed(stored, 1 << (bits - 1), 1 << bits)
    np.testing.assert_array_equal(grey(data), expected)
    if how == "big" and bits <= 8:
        data["PixelData"].VR = "OW"
        data.PixelData = np.frombuffer(data.PixelData, "u2").byteswap().tobytes()
        np.testing.assert_array_equal(grey(data), expected)


@pytest.mark.parametrize("how", [*LOSSLESS, "baseline", "extended"])
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_transfer_syntaxes(how: str, photometric: str, tmp_path: Path) -> None:
    """Compressed films give the pixels of the plain one: to the bit, or within 2 of 255 where the syntax is lossy."""
    bits = 8 if how == "baseline" else 12
    window = {"WindowCenter": str(1 << (bits - 1)), "WindowWidth": str(1 << bits)}
    data = film(values(bits), PhotometricInterpretation=photometric, **window)
    expected = windowed(values(bits), 1 << (bits - 1), 1 << bits)
    expected = 255 - expected if photometric == "MONOCHROME1" else expected
    data = compressed(data, how, tmp_path)
    near(grey(data), expected, 2 if how in ("baseline", "extended") else 0)
    assert render(encoded(data)).recipe["inverted"] == (photometric == "MONOCHROME1")


@pytest.mark.parametrize("how", ["rle", "process14", "lossless", "ls", "j2k"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_lossless_depths(how: str, bits: int, signed: bool, tmp_path: Path) -> None:
    stored = values(bits, signed=signed)
    center = 0 if signed else 1 << (bits - 1)
    data = film(stored, bits=bits, WindowCenter=str(center), WindowWidth=str(1 << bits))
    np.testing.assert_array_equal(grey(compressed(data, how, tmp_path)), windowed(stored, center, 1 << bits))


@pytest.mark.parametrize("how", ["lossless", "ls", "j2k"])
def test_a_codestream_and_a_header_that_differ(how: str, tmp_path: Path) -> None:
    """Fewer bits than the header says are what they are; more are refused, unless HighBit tells that words were encoded."""
    window = {"WindowCenter": "100", "WindowWidth": "150"}
    for stored, said in ((8, 8), (8, 12), (10, 16)):
        data = compressed(film(values(stored), bits=stored, **window), how, tmp_path)
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, said, said - 1
        np.testing.assert_array_equal(grey(data), windowed(values(stored), 100, 150))
    more = changed(compressed(film(values(16), bits=16), how, tmp_path), BitsStored=12, HighBit=11)
    assert refusal(more) == "broken_pixels"
    words = values(12) << np.uint16(4)
    data = changed(compressed(film(words, bits=16, **FULL), how, tmp_path), BitsStored=12, HighBit=15)
    np.testing.assert_array_equal(grey(data), windowed(values(12), 2048, 4096))


@pytest.mark.parametrize("bits", [12, 10, 16])
def test_jpeg_extended(bits: int) -> None:
    """12 bits in a JPEG, exactly; the header may say that fewer or more are stored."""
    blocks = np.linspace(0, (1 << min(bits, 12)) - 1, 12).round().astype(int).reshape(3, 4)
    stored = blocks.repeat(8, 0).repeat(8, 1).astype("u2")
    data = encapsulated(film(stored, bits=bits, **FULL), jpeg12(blocks), JPEGExtended12Bit)
    np.testing.assert_array_equal(grey(data), windowed(stored, 2048, 4096))


def test_jpeg_extended_without_its_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow alone takes 8 bits of it only: that a decoder is missing is said so."""
    monkeypatch.setitem(__import__("sys").modules, "gdcm", None)
    assert refusal(encapsulated(film(values(12), **FULL), jpeg12(np.zeros((3, 2), int)), JPEGExtended12Bit)) == "no_decoder"


def test_lossy_jpeg_2000() -> None:
    stored = values(8).repeat(4, 0).repeat(4, 1)
    out = BytesIO()
    Image.fromarray(stored).save(out, "JPEG2000", irreversible=True, no_jp2=True)
    near(grey(encapsulated(film(stored, **BYTE), out.getvalue(), JPEG2000)), stored.astype(int), 2)


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
@pytest.mark.parametrize("how", ["little", "big", "ls"])
def test_padding_is_black(photometric: str, how: str, tmp_path: Path) -> None:
    """What lies around the film is black on either scale, and does not shift the percentiles."""
    inner = values(12)[4:, :] // 2 + 1000
    stored = np.vstack([np.zeros((4, SHAPE[1]), np.uint16), inner])
    data = film(stored, PhotometricInterpretation=photometric, PixelPaddingValue=0)
    data = big_endian(data) if how == "big" else compressed(data, how, tmp_path) if how == "ls" else data
    found = grey(data)
    assert (found[:4] == 0).all()
    np.testing.assert_array_equal(found[4:], grey(film(inner, PhotometricInterpretation=photometric)))


@pytest.mark.parametrize("how", ["little", "big", "rle"])
def test_padding_outside_the_stored_bits(how: str) -> None:
    stored = values(12).copy()
    stored[0] = 0xFFFF
    data = film(stored, **FULL)
    data.add_new("PixelPaddingValue", "US", 0xFFFF)
    found = grey(big_endian(data) if how == "big" else rle(data, stored) if how == "rle" else data)
    assert (found[0] == 0).all()
    assert found[-1, -1] == 255  # 4095 itself is no padding


@pytest.mark.parametrize(("value", "limit"), [(-2000, None), (-2048, -1900), (-1900, -2048)])
def test_padding_of_signed_films(value: int, limit: int | None) -> None:
    stored = values(12, signed=True)
    data = film(stored, WindowCenter="0", WindowWidth="4096", PixelPaddingValue=value)
    if limit is not None:
        data.PixelPaddingRangeLimit = limit
    stored[0, :3] = value
    data.PixelData = stored.tobytes()
    low, high = sorted((value, value if limit is None else limit))
    expected = np.where((stored >= low) & (stored <= high), 0, windowed(stored, 0, 4096))
    np.testing.assert_array_equal(grey(data), expected)


@pytest.mark.parametrize("name", ["MR_small", "MR_small_bigendian", "MR_small_expb", "MR_small_implicit", "MR_small_RLE",
                                  "MR_small_jp2klossless", "MR_small_jpeg_ls_lossless", "MR_small_padded"])  # fmt: skip
def test_one_real_film_in_many_syntaxes(name: str) -> None:
    first, path = (get_testdata_file(f"{file}.dcm", download=False) for file in ("MR_small", name))
    assert isinstance(first, str) and isinstance(path, str)
    data = dcmread(first)
    stored = np.frombuffer(data.PixelData, "<i2").reshape(data.Rows, data.Columns)
    expected = windowed(stored, float(data.WindowCenter), float(data.WindowWidth))
    np.testing.assert_array_equal(grey(Path(path).read_bytes()), expected)


@pytest.mark.skipif(not SHARED.is_dir(), reason="no real files here")
def test_real_negative() -> None:
    """Of two real files, the same film and one relabelled MONOCHROME1, the second is the first's negative."""
    name = "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm"
    raw, relabelled = ((SHARED / file).read_bytes() for file in (name, "Fake_MONOHR1.dcm"))
    np.testing.assert_array_equal(grey(raw), 255 - grey(relabelled))
    right = render(raw)
    assert right.held == "held_secondary_capture"
    assert right.grey.shape == (1024, 1024) and right.spacing_source == "PixelSpacing"


@pytest.mark.parametrize("kind", ["window", "lut", "percentiles", "rescale", "MONOCHROME1", "padding"])
def test_agrees_with_the_trainer(kind: str) -> None:
    """The classifier is trained on what the image stage makes, so both must see a common film alike."""
    from vision.dicom import read_dicom

    elements = {
        "window": {"WindowCenter": "1800", "WindowWidth": "900"}, "lut": {"VOILUTSequence": lut(0, np.arange(4096), 12)},
        "percentiles": {}, "rescale": {"RescaleSlope": "-0.5", "RescaleIntercept": "40"},
        "MONOCHROME1": {"PhotometricInterpretation": "MONOCHROME1"}, "padding": {"PixelPaddingValue": 0},
    }[kind]  # fmt: skip
    stored = values(12).copy()
    stored[:3] = 0
    data = encoded(film(stored, **elements))
    near(np.asarray(read_dicom(data)), render(data).grey.astype(int), 1)


def test_letterbox_agrees_with_the_trainer() -> None:
    from vision.cache import letterbox

    picture = values(8).repeat(9, 0).repeat(7, 1)
    np.testing.assert_array_equal(letterboxed(picture, 64), letterbox(Image.fromarray(picture), 64))
