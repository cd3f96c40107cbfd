"""Look-up tables of DICOM: modality and VOI LUTs (PS3.3 C.11.1, C.11.2), palettes (PS3.3 C.7.6.3.1.5, C.7.9).

Entries are words, or two bytes in a word, low byte first; written as numbers (US) or as content (OW).  A value outside
of a table is shown as its nearest end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from labeler.dataset.dicom import FilmError

if TYPE_CHECKING:
    from pydicom import Dataset

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, of which YBR_FULL is


@dataclass(frozen=True)
class Table:
    """`entries` (n,) of `bits` bits; the first is for the value `first`."""

    entries: NDArray[np.int64]
    first: int
    bits: int

    def __call__(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """What it gives for values."""
        at = (np.rint(values).astype(np.int64) - self.first).clip(0, len(self.entries) - 1)
        return np.asarray(self.entries[at])


def table(item: Dataset, values: NDArray[Any], order: str) -> Table:
    """The table of an item of a LUT sequence, for these values; `order` of bytes is < or >.  Raises FilmError."""
    count, first, bits = _described(item.LUTDescriptor, values)
    entries = _entries(item.LUTData, count, bits, order)
    if not 1 <= bits <= 16 or entries.max() >> bits:
        raise FilmError("broken_pixels")
    return Table(entries, first, bits)


def palette(found: Dataset, values: NDArray[Any], order: str) -> NDArray[np.float64]:
    """The brightness, in 0..1, that the palette of a film gives each value.  Raises FilmError."""
    count, first, bits = _described(found.RedPaletteColorLookupTableDescriptor, values)
    if "RedPaletteColorLookupTableData" in found:
        contents = (found[f"{name}PaletteColorLookupTableData"].value for name in ("Red", "Green", "Blue"))
        channels = [_entries(content, count, bits, order) for content in contents]
    else:
        channels = _segmented(found, count, first, bits)
    entries = np.stack(channels, axis=1)
    top = 255 if entries.max() < 256 else 65535  # some say 16 bits of bytes, some 8 bits of words
    at = (values - first).clip(0, count - 1)
    return np.asarray(entries[at] @ LUMA.astype(np.float64) / top)


def _segmented(found: Dataset, count: int, first: int, bits: int) -> list[NDArray[np.int64]]:
    from pydicom.pixels.processing import apply_color_lut

    if bits == 8 and count > 256:
        raise FilmError("unsupported_pixels")  # pydicom counts the entries in as many bits as they have
    shown = apply_color_lut(np.arange(first, first + count), found)
    return list(np.moveaxis(shown[:, :3].astype(np.int64), 1, 0))


def _described(descriptor: Any, values: NDArray[Any]) -> tuple[int, int, int]:
    """Number of entries, value of the first one, bits."""
    count, first, bits = map(int, descriptor)
    if first > 32767 and values.min() < 0:
        first -= 65536  # a signed value written as unsigned
    return count % 65536 or 65536, first, bits  # 65536 is written as 0, and over 32767 is negative where it is signed


def _entries(content: Any, count: int, bits: int, order: str) -> NDArray[np.int64]:
    if isinstance(content, bytes):
        words = np.frombuffer(content, f"{order}u2").astype("<u2")
    else:
        words = (np.atleast_1d(np.asarray(content, dtype=np.int64)) & 0xFFFF).astype("<u2")
    entries = words.view("u1") if bits <= 8 and len(words) < count else words
    if len(entries) < count:
        raise FilmError("broken_pixels")
    return entries[:count].astype(np.int64)
