"""Pixels as a DICOM file stores them, decoded; what cannot be told for certain is refused.

pydicom decodes, but for JPEG of 12 bits, and is kept from interpreting: it would drop stored bits that do not lie at
the lower end of their word, and convert colours of which only the brightness is wanted.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from labeler.dataset.dicom import FilmError, number, pixels_were_cut, quiet, text

if TYPE_CHECKING:
    from pydicom import Dataset

GREY = ("MONOCHROME1", "MONOCHROME2")
PALETTE = "PALETTE COLOR"
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422")
_TRANSFORMED = ("YBR_ICT", "YBR_RCT")  # within JPEG 2000
_EXTENDED = "1.2.840.10008.1.2.4.51"  # JPEG of 8 or 12 bits
_LOSSY = ("1.2.840.10008.1.2.4.50", _EXTENDED)
_JPEG = (*_LOSSY, "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70")
_JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
_HIGH_THROUGHPUT = "1.2.840.10008.1.2.4.20"  # JPEG 2000, for which the extra has no decoder
_RLE = "1.2.840.10008.1.2.5"
_JPEG_END = b"\xff\xd9"
_ENDING_SO = ("1.2.840.10008.1.2.4.5", "1.2.840.10008.1.2.4.7", "1.2.840.10008.1.2.4.8", "1.2.840.10008.1.2.4.9")
_STDERR = threading.Lock()


@dataclass(frozen=True)
class Samples:
    """`words` as they lie in the file, unsigned: (rows, columns), or (rows, columns, 3) of RGB.

    `codes` are their stored bits alone.
    """

    words: NDArray[Any]
    codes: NDArray[Any]
    bits: int
    signed: bool

    @property
    def values(self) -> NDArray[np.int64]:
        """The number each code stands for, (2**bits,)."""
        values = np.arange(1 << self.bits, dtype=np.int64)
        if self.signed:
            values[1 << (self.bits - 1) :] -= 1 << self.bits
        return values


def check(data: bytes, found: Dataset) -> None:
    """Refuse what can be told without decoding.  Raises FilmError."""
    if "PixelData" in found and not found.PixelData:
        raise FilmError("no_pixel_data")
    if (number(found, "NumberOfFrames") or 1) > 1:
        raise FilmError("multi_frame")
    if pixels_were_cut(data, found):
        raise FilmError("truncated")
    if "PixelData" not in found:
        other = "FloatPixelData" in found or "DoubleFloatPixelData" in found
        raise FilmError("unsupported_pixels" if other else "no_pixel_data")
    allocated, stored = number(found, "BitsAllocated"), number(found, "BitsStored") or 0
    if allocated not in (8, 16) or not 1 <= stored <= allocated:
        raise FilmError("unsupported_pixels" if allocated else "broken_pixels")
    if (number(found, "HighBit") or 0) >= allocated:
        raise FilmError("broken_pixels")
    _check_photometric(found)
    syntax = found.file_meta.TransferSyntaxUID
    if syntax.startswith(_ENDING_SO) and _JPEG_END not in found.PixelData[-4096:]:
        raise FilmError("truncated")  # decoders of a cut JPEG fill up with grey


def _check_photometric(found: Dataset) -> None:
    said = text(found, "PhotometricInterpretation")
    several = number(found, "SamplesPerPixel") != 1
    transformed = said in _TRANSFORMED and found.file_meta.TransferSyntaxUID in _JPEG_2000
    if said and not (transformed or said in (*GREY, PALETTE, *_COLOUR)):
        raise FilmError("unknown_photometric")
    if several != (transformed or said in _COLOUR):
        raise FilmError("broken_pixels")
    if several and number(found, "PixelRepresentation"):
        raise FilmError("unsupported_pixels")  # colour has no sign


def decoded(found: Dataset) -> Samples:
    """The samples of a checked film; of YBR the brightness alone.  Raises FilmError."""
    syntax, bits = found.file_meta.TransferSyntaxUID, int(found.BitsStored)
    if not text(found, "PhotometricInterpretation"):
        found.PhotometricInterpretation = GREY[1]  # decoding needs one; such a film is held for a person
    if syntax.is_compressed and syntax != _RLE and found.SamplesPerPixel == 3:
        found.PlanarConfiguration = 0  # codecs give pixel after pixel, whatever the header says
    try:
        with quiet():
            raw = _raw(found)
    except FilmError:
        raise
    except Exception:  # whatever a decoder raises
        raise FilmError("broken_pixels") from None
    if raw.ndim > 3 or (raw.ndim == 3 and found.SamplesPerPixel == 1):
        raise FilmError("multi_frame")
    if raw.dtype.kind not in "iu" or raw.dtype.itemsize > 2:
        raise FilmError("unsupported_pixels")
    signed = bool(number(found, "PixelRepresentation"))
    if bits > 8 * raw.dtype.itemsize:
        raw = raw.astype("i2" if raw.dtype.kind == "i" else "u2")  # a codec that found fewer bits than the header says
    words = raw.astype(raw.dtype.newbyteorder("="), copy=False).view(f"u{raw.dtype.itemsize}")
    return Samples(words, _stored(found, words, bits, signed), bits, signed)


def _raw(found: Dataset) -> NDArray[Any]:
    """What pydicom decodes, not interpreted."""
    from pydicom.encaps import get_frame
    from pydicom.pixels.decoders.base import get_decoder

    syntax = found.file_meta.TransferSyntaxUID
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise FilmError("unknown_transfer_syntax") from None
    if not decoder.is_available:
        raise FilmError("unknown_transfer_syntax" if syntax.startswith(_HIGH_THROUGHPUT) else "no_decoder")
    if syntax in _JPEG_2000 and "YBR_FULL" in found.PhotometricInterpretation and _transforms(found.PixelData):
        raise FilmError("broken_pixels")  # the decoder gives RGB or what was YBR before: nothing tells which
    options: dict[str, Any] = {"correct_unused_bits": False}
    transformed = None
    if syntax in _JPEG:
        stream = get_frame(found.PixelData, 0, number_of_frames=1)
        precision, transformed = _jpeg_header(stream)
        if syntax == _EXTENDED and precision > 8:
            return _twelve_bits(found, stream)
        if syntax in _LOSSY and precision < found.BitsStored:
            raise FilmError("broken_pixels")  # a lossy encoder may have scaled what the header says it stored
        options |= {"bits_stored": precision, "bits_allocated": 8 if precision <= 8 else 16}  # GDCM cuts off what is more
    raw, facts = decoder.as_array(found, raw=True, **options)
    if raw.ndim == 3 and found.SamplesPerPixel == 3:
        said = str(facts["photometric_interpretation"]).startswith("YBR_FULL")
        if said if transformed is None else transformed:
            raw = raw[..., 0]
    return np.asarray(raw)


def _jpeg_header(stream: bytes) -> tuple[int, bool | None]:
    """Bits of a sample, and whether RGB was transformed to YCbCr, None where only the DICOM header tells (ITU-T T.81)."""
    at, transformed, jfif = 2, None, False
    while True:
        marker, length = stream[at + 1], int.from_bytes(stream[at + 2 : at + 4], "big")
        content = stream[at + 4 : at + 2 + length]
        if marker == 0xFF:  # fill
            at += 1
            continue
        if stream[at] != 0xFF or marker == 0xDA:
            raise FilmError("broken_pixels")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return content[0], None if jfif else transformed  # of JFIF, pydicom knows
        jfif |= marker == 0xE0 and content.startswith(b"JFIF")
        if marker == 0xEE and content.startswith(b"Adobe"):
            transformed = content[11] == 1
        at += 2 + length


def _transforms(stream: bytes) -> bool:
    """Whether a JPEG 2000 codestream transforms its components (COD, ITU-T T.800 A.6.1)."""
    cod = stream.find(b"\xff\x52")
    return cod > 0 and stream[cod + 8] == 1


def _twelve_bits(found: Dataset, stream: bytes) -> NDArray[np.uint16]:
    """JPEG Extended of 12 bits, which pydicom leaves to pylibjpeg (GPL); GDCM decodes it."""
    try:
        import gdcm
    except ImportError:
        raise FilmError("no_decoder") from None
    fragment, fragments = gdcm.Fragment(), gdcm.SequenceOfFragments.New()
    fragment.SetByteStringValue(stream)
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((found.Columns, found.Rows, 1))
    image.SetDataElement(element)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGExtendedProcess2_4))
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, 12, 11, 0))
    with _silent():
        buffer = image.GetBuffer()
    return np.frombuffer(buffer.encode("utf-8", "surrogateescape"), "<u2").reshape(found.Rows, found.Columns)


@contextmanager
def _silent() -> Iterator[None]:
    """GDCM first tries its library for 8 bits, which complains on the process's stderr."""
    with _STDERR, open(os.devnull, "wb") as nothing:  # noqa: PTH123
        kept = os.dup(2)
        try:
            os.dup2(nothing.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _stored(found: Dataset, words: NDArray[Any], bits: int, signed: bool) -> NDArray[Any]:
    """The stored bits of each word, at its lower end."""
    size = 8 * words.dtype.itemsize
    shift = max(0, int(number(found, "HighBit") or bits - 1) + 1 - bits)
    syntax = found.file_meta.TransferSyntaxUID
    if bits < size and syntax.is_compressed and syntax != _RLE:  # codecs know of no high bit and no junk
        above = words >> bits
        if not above.any() or (signed and not shift and not ((above != 0) & (above != (1 << (size - bits)) - 1)).any()):
            shift = 0  # numbers; negative ones may fill their word
        elif signed or not shift:
            raise FilmError("broken_pixels")  # more than the header says is stored
    return (words >> shift) & ((1 << bits) - 1) if shift or bits < size else words
