"""Films that cannot be shown rightly are refused by a code, never shown wrongly."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import JPEG2000, JPEGExtended12Bit

from tests.dataset.films import big_endian, compressed, encapsulated, encoded, film, jpeg12, values
from tests.dataset.shown import changed, colours, j2k, jpeg, lut, refusal


def of_a_palette(**elements: Any) -> Dataset:
    """A film of 8 bits with a palette of 256 entries, wrong in one way."""
    data = film(values(8), PhotometricInterpretation="PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        data.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
        data.add_new(f"{colour}PaletteColorLookupTableData", "OW", np.arange(256, dtype="<u2").tobytes())
    for name, value in elements.items():
        data.pop(name, None) if value is None else setattr(data, name, value)
    return data


def short_lut() -> Sequence:
    items = lut(0, np.arange(4000), 12)
    items[0].LUTDescriptor = [4096, 0, 12]
    return items


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
    "a slope beyond all numbers": ("broken_pixels", lambda: film(RescaleSlope="1e308", RescaleIntercept="1e308")),
    "the same in a window": ("broken_pixels", lambda: film(RescaleSlope="1e308", RescaleIntercept="0", WindowCenter="9", WindowWidth="9")),
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
