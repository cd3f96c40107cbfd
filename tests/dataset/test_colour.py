"""Colour to brightness: every photometric interpretation, depth and transfer syntax against plain numpy."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import JPEG2000

from tests.dataset.films import big_endian, compressed, encapsulated, film, values
from tests.dataset.shown import colours, grey, j2k, luma, near, ybr

BARS = [(255, 0, 0), (255, 128, 128), (0, 255, 0), (128, 255, 128), (0, 0, 255), (128, 128, 255), (0, 0, 0), (64,) * 3,
        (192,) * 3, (255,) * 3]  # fmt: skip


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
