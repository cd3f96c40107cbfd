"""Stored values to what is seen: every photometric interpretation, depth and transfer syntax against plain numpy.

The trainer's reader is held to the same table: both must see one film alike.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import JPEG2000, DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGExtended12Bit

from labeler.dataset.dicom import FilmError
from labeler.dataset.pixels import letterboxed, percentiles, render
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

SHARED = Path(__file__).resolve().parents[3] / "shared" / "dicom"
FULL = {"WindowCenter": "2048", "WindowWidth": "4096"}  # of 12 bits
BYTE = {"WindowCenter": "128", "WindowWidth": "256"}
ROWS, COLUMNS = SHAPE


def grey(data: Dataset | bytes) -> np.ndarray:
    """As the image stage sees it, which is as the trainer sees it."""
    from vision.dicom import read_dicom

    raw = data if isinstance(data, bytes) else encoded(data)
    found = render(raw).grey
    np.testing.assert_array_equal(np.asarray(read_dicom(raw)), found)
    return found


def refusal(data: Dataset | bytes) -> str:
    """The code with which both refuse it."""
    from vision.cache import FilmError as Failed
    from vision.dicom import read_dicom

    raw = data if isinstance(data, bytes) else encoded(data)
    with pytest.raises(FilmError) as ours:
        render(raw)
    with pytest.raises(Failed) as theirs:
        read_dicom(raw)
    assert theirs.value.kind == ours.value.code
    return ours.value.code


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


# depths, signs, photometric interpretation


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


def rle(data: Dataset, words: np.ndarray) -> Dataset:
    from pydicom.pixels.encoders import RLELosslessEncoder
    from pydicom.uid import RLELossless

    described = {
        "rows": words.shape[0], "columns": words.shape[1], "samples_per_pixel": 1, "bits_allocated": 16, "bits_stored": 16,
        "photometric_interpretation": "MONOCHROME2", "pixel_representation": 0, "number_of_frames": 1,
    }  # fmt: skip
    return encapsulated(data, RLELosslessEncoder.encode(words.tobytes(), index=0, **described), RLELossless)


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


# transfer syntaxes


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


# colour


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


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("how", ["little", "big"])
def test_colour(bits: int, planar: int, how: str) -> None:
    rgb = colours(bits)
    data = film(rgb, bits=bits, PlanarConfiguration=planar, WindowCenter="5", WindowWidth="2")  # no window is for colour
    if planar:
        data.PixelData = np.moveaxis(rgb, -1, 0).tobytes()
    near(grey(big_endian(data) if how == "big" else data), luma(*np.moveaxis(rgb.astype(int), -1, 0), (1 << bits) - 1), 0)


@pytest.mark.parametrize("planar", [0, 1])
def test_ybr_full(planar: int) -> None:
    rgb = colours()
    raw = ybr(rgb)
    data = film(raw, PhotometricInterpretation="YBR_FULL", PlanarConfiguration=planar)
    if planar:
        data.PixelData = np.moveaxis(raw, -1, 0).tobytes()
    near(grey(data), luma(*np.moveaxis(rgb.astype(int), -1, 0)), 1)


def test_ybr_full_422() -> None:
    """Two pixels share their colour: Y1 Y2 Cb Cr."""
    rgb = colours().repeat(2, 1)
    raw = ybr(rgb)
    packed = np.stack([raw[:, ::2, 0], raw[:, 1::2, 0], raw[:, ::2, 1], raw[:, ::2, 2]], -1)
    data = film(raw, PhotometricInterpretation="YBR_FULL_422", PixelData=packed.tobytes())
    near(grey(data), luma(*np.moveaxis(rgb.astype(int), -1, 0)), 1)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "YBR_FULL", "RGB"])
def test_colour_in_jpeg_baseline(subsampling: int, planar: int, photometric: str) -> None:
    """A JPEG of Pillow is YCbCr and says so (JFIF), whatever the header calls it; its planes are never apart."""
    rgb = colours().repeat(16, 0).repeat(16, 1)
    out = BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=100, subsampling=subsampling)
    elements: dict[str, Any] = {"PhotometricInterpretation": photometric, "PlanarConfiguration": planar}
    data = encapsulated(film(rgb, **elements), out.getvalue(), "1.2.840.10008.1.2.4.50")
    near(grey(data), luma(*np.moveaxis(rgb.astype(int), -1, 0)), 3)


@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "YBR_FULL", "RGB"])
@pytest.mark.parametrize("transformed", [0, 1])
def test_colour_in_jpeg_with_the_marker_of_adobe(photometric: str, transformed: int) -> None:
    """The marker tells whether the stream is RGB or YCbCr, and counts before the header."""
    rgb = colours().repeat(16, 0).repeat(16, 1)
    out = BytesIO()
    picture = Image.fromarray(rgb) if transformed else Image.frombytes("YCbCr", rgb.shape[:2], rgb.tobytes())
    picture.save(out, "JPEG", quality=100, subsampling=0)
    stream = out.getvalue()
    rest = stream[4 + int.from_bytes(stream[4:6], "big") :]  # without the marker JFIF
    marked = b"\xff\xd8\xff\xee\0\x0eAdobe\0\x65\0\0\0\0" + bytes([transformed]) + rest
    data = encapsulated(film(rgb, PhotometricInterpretation=photometric), marked, "1.2.840.10008.1.2.4.50")
    near(grey(data), luma(*np.moveaxis(rgb.astype(int), -1, 0)), 2)
    if bool(transformed) == (photometric != "RGB"):  # without a marker the header is all there is
        data = encapsulated(film(rgb, PhotometricInterpretation=photometric), b"\xff\xd8" + rest, "1.2.840.10008.1.2.4.50")
        near(grey(data), luma(*np.moveaxis(rgb.astype(int), -1, 0)), 2)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("how", ["rle", "process14", "lossless", "ls"])
def test_colour_lossless(how: str, bits: int, tmp_path: Path) -> None:
    rgb = colours(bits)
    data = compressed(film(rgb, bits=bits), how, tmp_path)
    near(grey(data), luma(*np.moveaxis(rgb.astype(int), -1, 0), (1 << bits) - 1), 0)


@pytest.mark.parametrize("photometric", ["YBR_RCT", "YBR_ICT", "RGB"])
def test_colour_in_jpeg_2000(photometric: str) -> None:
    """Transformed within, reversibly or not, or not at all."""
    rgb = colours().repeat(16, 0).repeat(16, 1)
    data = encapsulated(film(rgb, PhotometricInterpretation=photometric), j2k(rgb, photometric), JPEG2000)
    near(grey(data), luma(*np.moveaxis(rgb.astype(int), -1, 0)), 2 if photometric == "YBR_ICT" else 0)


def test_ybr_full_in_jpeg_2000() -> None:
    rgb = colours().repeat(16, 0).repeat(16, 1)
    data = encapsulated(film(rgb, PhotometricInterpretation="YBR_FULL"), j2k(ybr(rgb), "RGB"), JPEG2000)
    near(grey(data), luma(*np.moveaxis(rgb.astype(int), -1, 0)), 1)


def j2k(samples: np.ndarray, photometric: str) -> bytes:
    out = BytesIO()
    options = {"irreversible": photometric == "YBR_ICT", "mct": int(photometric != "RGB"), "no_jp2": True}
    Image.fromarray(samples).save(out, "JPEG2000", **options)
    return out.getvalue()


def palette(bits: int, count: int, first: int) -> list[np.ndarray]:
    at = np.arange(count) / (count - 1) * ((1 << bits) - 1)
    return [channel.round().astype(f"u{bits // 8}") for channel in (at, at[::-1], at**0.5 * ((1 << bits) - 1) ** 0.5)]


@pytest.mark.parametrize("entry", [8, 16])
@pytest.mark.parametrize(("stored", "count", "first"), [(8, 256, 0), (8, 100, 20), (12, 4096, 0), (12, 1000, 1500), (16, 65536, 0)])
@pytest.mark.parametrize("how", ["little", "big"])
def test_palette(entry: int, stored: int, count: int, first: int, how: str) -> None:
    """Entries of 8 bits, two in a word, and of 16; values outside the table are its ends."""
    tables = palette(entry, count, first)
    pixels = values(stored)
    data = film(pixels, bits=stored, PhotometricInterpretation="PALETTE COLOR")
    for colour, table in zip(("Red", "Green", "Blue"), tables, strict=True):
        content = (table.view("<u2") if entry == 8 else table).astype("<u2" if how == "little" else ">u2").tobytes()
        data.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [count % 65536, first, entry])
        data.add_new(f"{colour}PaletteColorLookupTableData", "OW", content)
    at = (pixels.astype(int) - first).clip(0, count - 1)
    expected = luma(*(table[at].astype(int) for table in tables), (1 << entry) - 1)
    near(grey(big_endian(data) if how == "big" else data), expected, 0)


def test_palette_of_bytes_in_words() -> None:
    """Tables that say 16 bits and hold bytes, and such that say 8 bits and hold words, are not black."""
    pixels = values(8)
    for said, content in ((16, np.arange(256)), (8, np.arange(256)), (8, np.arange(256) * 257)):
        data = film(pixels, PhotometricInterpretation="PALETTE COLOR")
        for colour in ("Red", "Green", "Blue"):
            data.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, said])
            data.add_new(f"{colour}PaletteColorLookupTableData", "OW", content.astype("<u2").tobytes())
        near(grey(data), pixels.astype(int), 0)


def test_segmented_palette() -> None:
    """Discrete, linear and indirect segments (DICOM PS3.3 C.7.9.2), in words."""
    pixels = values(8)
    #          two values      up to 65535 in 126      the first segment again  down to 0 in 126
    segments = [0, 2, 0, 500, 1, 126, 65535, 2, 1, 0, 0, 1, 126, 0]
    falls = np.linspace(500, 0, 127)[1:]
    expected = np.concatenate([[0, 500], np.linspace(500, 65535, 127)[1:], [0, 500], falls])
    data = film(pixels, PhotometricInterpretation="PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        data.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
        data.add_new(f"Segmented{colour}PaletteColorLookupTableData", "OW", np.array(segments, "<u2").tobytes())
    near(grey(data), (expected[pixels] / 65535 * 255).round().astype(int), 1)


# look-up tables and windows


def test_look_up_tables() -> None:
    """A VOI LUT goes before a window; a modality LUT before both; values outside are the table's ends."""
    stored = values(12)
    entries = (np.arange(4096) / 4095) ** 2 * 4095
    expected = (entries.astype(int)[stored] / 4095 * 255).round()
    np.testing.assert_array_equal(
        grey(film(stored, VOILUTSequence=lut(0, entries, 12), WindowCenter="1", WindowWidth="2")), expected
    )
    clipped = (entries.astype(int)[np.clip(stored.astype(int) - 1000, 0, 999)] / 4095 * 255).round()
    np.testing.assert_array_equal(grey(film(stored, VOILUTSequence=lut(1000, entries[:1000], 12))), clipped)
    modality = lut(0, np.arange(4095, -1, -1))
    expected = windowed(4095 - stored.astype(float), 2000, 1000)
    np.testing.assert_array_equal(
        grey(film(stored, ModalityLUTSequence=modality, WindowCenter="2000", WindowWidth="1000")), expected
    )


@pytest.mark.parametrize(
    ("kind", "depth"), [*((kind, depth) for kind in ("US", "OW") for depth in (8, 10, 12, 16)), ("packed", 8)]
)
@pytest.mark.parametrize("which", ["VOI", "Modality"])
@pytest.mark.parametrize("how", ["little", "big"])
def test_forms_of_a_look_up_table(kind: str, depth: int, which: str, how: str) -> None:
    """Numbers, words or two bytes in a word, in either order of bytes; more than 32,767 entries; signed values."""
    stored = values(16, signed=True)
    entries = (np.linspace(0, 1, 40000) ** 0.7 * ((1 << depth) - 1)).round().astype("<u2")
    content = entries.astype("u1").view("<u2") if kind == "packed" else entries
    first = -20000
    item = Dataset()
    item.add_new("LUTDescriptor", "SS", [40000, first, depth])
    if kind == "US":
        item.add_new("LUTData", "US", content.tolist())
    else:
        item.add_new("LUTData", "OW", content.astype(">u2" if how == "big" else "<u2").tobytes())
    data = film(stored, bits=16, **{f"{which}LUTSequence": Sequence([item])})
    expected = entries.astype(int)[(stored.astype(int) - first).clip(0, 39999)]
    if which == "Modality":
        data.WindowCenter, data.WindowWidth = "100", "90"
        shown = windowed(expected, 100, 90)
    else:
        shown = (expected / ((1 << depth) - 1) * 255).round()
    np.testing.assert_array_equal(grey(big_endian(data) if how == "big" else data), shown)


def test_a_first_value_written_as_unsigned() -> None:
    """A table of signed values whose first one is written without its sign."""
    stored = values(12, signed=True)
    entries = np.arange(4096)
    data = film(stored, VOILUTSequence=lut(65536 - 2048, entries, 12))
    np.testing.assert_array_equal(grey(data), (entries[stored.astype(int) + 2048] / 4095 * 255).round())


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("center", "width"), [(2048, 1500), (2048, 1), (-300, 5000), (9000, 20)])
def test_voi_functions(function: str, center: int, width: int) -> None:
    stored = values(12)
    found = grey(film(stored, WindowCenter=str(center), WindowWidth=str(width), VOILUTFunction=function))
    x = stored.astype(float)
    expected = {
        "LINEAR": lambda: windowed(stored, center, width),
        "LINEAR_EXACT": lambda: (((x - center) / width + 0.5).clip(0, 1) * 255).round(),
        "SIGMOID": lambda: (255 / (1 + np.exp((-4 * (x - center) / width).clip(-700, 700)))).round(),
    }[function]()  # fmt: skip
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "elements",
    [
        {},
        {"WindowCenter": "5", "WindowWidth": "0"},
        {"WindowCenter": "", "WindowWidth": ""},
        {"WindowWidth": "300"},
        {"RescaleSlope": "", "RescaleIntercept": ""},
    ],
)
def test_without_a_window(elements: dict[str, str]) -> None:
    """No window, or one that cannot be: percentiles; an empty slope is 1."""
    stored = values(12)
    low, high = np.percentile(stored, (0.5, 99.5))
    expected = (((stored - low) / (high - low)).clip(0, 1) * 255).round()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = film(stored, **elements)
        np.testing.assert_array_equal(grey(data), expected)
        assert render(encoded(data)).recipe["voi"]["kind"] == "percentiles"


def test_numbers_that_are_none() -> None:
    """nan and inf are no window and no slope."""
    raw = encoded(film(values(12), WindowCenter="1234", WindowWidth="200", RescaleSlope="3.51", RescaleIntercept="0"))
    np.testing.assert_array_equal(grey(raw.replace(b"1234", b"nan ").replace(b"3.51", b"inf ")), grey(film(values(12))))


@given(st.lists(st.integers(0, 255), min_size=1, max_size=300), st.sampled_from([1.0, -1.0, 0.37]))
@settings(max_examples=60, deadline=None)
def test_percentiles_are_those_of_numpy(stored: list[int], slope: float) -> None:
    codes = np.array(stored, dtype=np.uint8)
    units = np.arange(256) * slope
    np.testing.assert_allclose(percentiles(units, codes), np.percentile(units[codes], (0.5, 99.5)), atol=1e-9)


def test_the_first_window_counts() -> None:
    data = film(WindowCenter=["1000", "3000"], WindowWidth=["500", "500"])
    np.testing.assert_array_equal(grey(data), windowed(values(12), 1000, 500))
    assert render(encoded(data)).recipe["voi"]["of"] == 2


# padding


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


# what is refused rather than shown wrongly


def changed(data: Dataset, **elements: Any) -> Dataset:
    for name, value in elements.items():
        setattr(data, name, value)
    return data


def of_a_palette(**elements: Any) -> Dataset:
    """A film of 8 bits with a palette of 256 entries, wrong in one way."""
    data = film(values(8), PhotometricInterpretation="PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        data.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
        data.add_new(f"{colour}PaletteColorLookupTableData", "OW", np.arange(256, dtype="<u2").tobytes())
    for name, value in elements.items():
        data.pop(name, None) if value is None else setattr(data, name, value)
    return data


RGB = colours()
WRONG: dict[str, tuple[str, Callable[[], Dataset]]] = {
    "hue and saturation": ("unknown_photometric", lambda: film(RGB, PhotometricInterpretation="HSV")),
    "a name of no photometry": ("unknown_photometric", lambda: film(PhotometricInterpretation="GREY")),
    "partial range": ("unknown_photometric", lambda: film(RGB, PhotometricInterpretation="YBR_PARTIAL_422")),
    "a transform without JPEG 2000": ("unknown_photometric", lambda: film(RGB, PhotometricInterpretation="YBR_RCT")),
    "four samples": ("broken_pixels", lambda: film(np.zeros((8, 8, 4), "u1"), SamplesPerPixel=4)),
    "grey in three samples": ("broken_pixels", lambda: film(RGB, PhotometricInterpretation="MONOCHROME2")),
    "colour in one sample": ("broken_pixels", lambda: film(values(8), PhotometricInterpretation="RGB")),
    "no planar configuration": ("broken_pixels", lambda: film(RGB, PlanarConfiguration=None)),
    "signed colour": ("unsupported_pixels", lambda: film(RGB, PixelRepresentation=1)),
    "1 bit": ("unsupported_pixels", lambda: film(values(8), BitsAllocated=1, BitsStored=1, HighBit=0)),
    "12 bits packed": ("unsupported_pixels", lambda: film(BitsAllocated=12)),
    "32 bits": ("unsupported_pixels", lambda: film(values(12).astype("u4"), bits=32)),
    "more bits stored than allocated": ("unsupported_pixels", lambda: film(values(8), BitsStored=12, HighBit=11)),
    "a high bit outside the word": ("broken_pixels", lambda: film(HighBit=16)),
    "two frames in one": ("multi_frame", lambda: changed(film(), PixelData=film().PixelData * 2)),
    "colour converted twice": (
        "broken_pixels", lambda: encapsulated(film(colours().repeat(16, 0).repeat(16, 1), PhotometricInterpretation="YBR_FULL"),
                                             j2k(colours().repeat(16, 0).repeat(16, 1), "YBR_RCT"), JPEG2000)),
    "a LUT that is too short": ("broken_pixels", lambda: film(VOILUTSequence=short_lut())),
    "a LUT of more bits than it says": ("broken_pixels", lambda: film(VOILUTSequence=lut(0, np.arange(4096), 8))),
    "a modality LUT without data": ("broken_pixels", lambda: film(ModalityLUTSequence=Sequence([Dataset()]))),
    "a palette without blue": ("broken_pixels", lambda: of_a_palette(BluePaletteColorLookupTableData=None)),
    "a palette that is too short": ("broken_pixels", lambda: of_a_palette(RedPaletteColorLookupTableData=b"\0" * 100)),
    "12 bits in a JPEG of 8": ("broken_pixels", lambda: encapsulated(film(), jpeg(values(8)), JPEGExtended12Bit)),
    "another size in the JPEG": ("broken_pixels", lambda: encapsulated(film(), jpeg12(np.zeros((4, 4), int)), JPEGExtended12Bit)),
    "12 bits in a baseline JPEG": ("broken_pixels", lambda: encapsulated(film(), jpeg(values(8)), "1.2.840.10008.1.2.4.50")),
    "a JPEG that ends early": ("truncated", lambda: encapsulated(film(), jpeg12(np.zeros((3, 2), int))[:-6], JPEGExtended12Bit)),
    "a sequence of JPEG 2000 for fast servers": ("unknown_transfer_syntax",
                                                 lambda: encapsulated(film(), b"\xff\x4f\xff\xd9", "1.2.840.10008.1.2.4.201")),
    "a film": ("unknown_transfer_syntax", lambda: encapsulated(film(), b"\0\0\1\xba", "1.2.840.10008.1.2.4.100")),
}  # fmt: skip


def short_lut() -> Sequence:
    items = lut(0, np.arange(4000), 12)
    items[0].LUTDescriptor = [4096, 0, 12]
    return items


def jpeg(pixels: np.ndarray) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, "JPEG")
    return out.getvalue()


@pytest.mark.parametrize("what", WRONG)
def test_refused_rather_than_shown_wrongly(what: str) -> None:
    code, made = WRONG[what]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert refusal(made()) == code


@pytest.mark.parametrize("order", ["little", "big"])
def test_cut_uncompressed_films(order: str) -> None:
    whole = encoded(big_endian(film()) if order == "big" else film())
    assert refusal(whole[:-100]) == "truncated"


@pytest.mark.parametrize("how", ["rle", "extended"])
def test_codestreams_with_a_hole(how: str, tmp_path: Path) -> None:
    """A stream of which the middle is missing is not filled up with grey."""
    from pydicom.encaps import get_frame

    stored = np.random.default_rng(2).integers(0, 4096, (64, 64)).astype("u2")
    data = compressed(film(stored), how, tmp_path)
    stream = get_frame(data.PixelData, 0, number_of_frames=1)
    cut = encapsulated(data, stream[: len(stream) // 2 & ~1], data.file_meta.TransferSyntaxUID)
    assert refusal(cut) == ("broken_pixels" if how == "rle" else "truncated")


# real files


BARS = [(255, 0, 0), (255, 128, 128), (0, 255, 0), (128, 255, 128), (0, 0, 255), (128, 128, 255), (0, 0, 0), (64,) * 3,
        (192,) * 3, (255,) * 3]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("SC_rgb_dcmtk_+eb+cr.dcm", 2), ("SC_rgb_dcmtk_+eb+cy+n1.dcm", 3), ("SC_rgb_dcmtk_+eb+cy+n2.dcm", 3),
        ("SC_rgb_dcmtk_+eb+cy+np.dcm", 3), ("SC_rgb_dcmtk_+eb+cy+s2.dcm", 3), ("SC_rgb_dcmtk_+eb+cy+s4.dcm", 3),
        ("SC_rgb_jpeg_dcmtk.dcm", 3), ("SC_rgb_jpeg_gdcm.dcm", 0), ("SC_rgb_jpeg_lossy_gdcm.dcm", 3), ("SC_rgb_rle.dcm", 0),
        ("SC_rgb_rle_16bit.dcm", 0),
        ("SC_rgb_jls_lossy_line.dcm", 6), ("SC_rgb_jls_lossy_sample.dcm", 6), ("SC_ybr_full_422_uncompressed.dcm", 1),
        ("SC_rgb_gdcm_KY.dcm", 3),
    ],
)  # fmt: skip
def test_one_picture_of_many_writers(name: str, tolerance: int) -> None:
    """Ten bars of known colour, in the encodings of several tools (files that come with pydicom)."""
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    found = grey(Path(path).read_bytes())
    assert found.shape == (100, 100)
    expected = luma(*np.array(BARS).T)
    near(np.median(found[5::10], axis=1).astype(int), expected, tolerance)


def test_a_real_jpeg_that_says_nothing_of_its_colours() -> None:
    """RGB by its header alone, and the same decoded by another tool."""
    stream, plain = (get_testdata_file(name, download=False) for name in ("SC_jpeg_no_color_transform.dcm", "SC_rgb_jpeg_dcmd.dcm"))
    assert isinstance(stream, str) and isinstance(plain, str)
    rgb = np.frombuffer(dcmread(plain).PixelData, "u1")[: 256 * 256 * 3].reshape(256, 256, 3).astype(int)
    near(grey(Path(stream).read_bytes()), luma(*np.moveaxis(rgb, -1, 0)), 1)


def test_real_palette() -> None:
    """A picture of 8 bits through a palette of 16, as it came from a device."""
    path = get_testdata_file("examples_palette.dcm", download=False)
    assert isinstance(path, str)
    data = dcmread(path)
    tables = [
        np.frombuffer(data[f"{colour}PaletteColorLookupTableData"].value, "<u2").astype(int) for colour in ("Red", "Green", "Blue")
    ]
    pixels = np.frombuffer(data.PixelData, "u1")[: data.Rows * data.Columns].reshape(data.Rows, data.Columns)
    near(grey(Path(path).read_bytes()), luma(*(table[pixels] for table in tables), 65535), 0)


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


def test_letterbox_agrees_with_the_trainer() -> None:
    from vision.cache import letterbox

    picture = values(8).repeat(9, 0).repeat(7, 1)
    np.testing.assert_array_equal(letterboxed(picture, 64), letterbox(Image.fromarray(picture), 64))
