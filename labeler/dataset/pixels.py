"""DICOM pixels as a radiologist sees them: 8 bits, white is dense.

Stored values go through the modality LUT, then the VOI LUT or the first window (percentiles where there is neither)
onto 0..255, and are inverted last where the photometric interpretation is MONOCHROME1 (DICOM PS3.3 C.11.1, C.11.2,
C.7.6.3.1.2).  All of it depends on the stored value alone: it is worked out once for each of the at most 65,536 values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labeler.dataset.dicom import SECONDARY_CAPTURE, FilmError, number, pixels_were_cut, quiet, read, text

if TYPE_CHECKING:
    from pydicom import Dataset

RECIPE = 1  # raise it whenever the same file gives other pixels
PERCENTILES = (0.5, 99.5)  # where the file says nothing
_JPEG_END = b"\xff\xd9"
_ENDING_SO = ("1.2.840.10008.1.2.4.5", "1.2.840.10008.1.2.4.7", "1.2.840.10008.1.2.4.8", "1.2.840.10008.1.2.4.9")
_GREY = ("MONOCHROME1", "MONOCHROME2")


@dataclass(frozen=True)
class Film:
    """A film: `grey` is (rows, columns) uint8; `recipe` holds what was done, with all parameters."""

    grey: NDArray[np.uint8]
    recipe: dict[str, Any]
    spacing: tuple[float, float] | None  # mm between rows, between columns
    spacing_source: str | None
    held: str | None  # why a person must look before it is used


def render(data: bytes) -> Film:
    """The film in a DICOM file.  Raises FilmError."""
    found = read(data)
    _check(data, found)
    held = _held(found)
    raw = _decoded(found)
    recipe: dict[str, Any] = {"recipe": RECIPE, "transfer_syntax": str(found.file_meta.TransferSyntaxUID)}
    try:
        if raw.ndim == 3:
            recipe["colour"] = text(found, "PhotometricInterpretation")
            grey = np.asarray(Image.fromarray(raw.astype(np.uint8)).convert("L"))
        else:
            with quiet():
                grey = _grey(found, raw, recipe)
    except FilmError:
        raise
    except Exception:  # look-up tables that contradict their own header make pydicom raise anything
        raise FilmError("broken_pixels") from None
    spacing, source = _spacing(found)
    return Film(grey, recipe, spacing, source, held)


def resized(grey: NDArray[np.uint8], size: int | None, spacing: tuple[float, float] | None) -> Image.Image:
    """The film with square pixels, its longer side at most `size`; never enlarged for the size's sake."""
    height, width = float(grey.shape[0]), float(grey.shape[1])
    if spacing is not None and abs(spacing[0] / spacing[1] - 1) > 0.01:
        height *= spacing[0] / spacing[1]
    scale = min(1.0, size / max(height, width)) if size else 1.0
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = Image.fromarray(grey)
    return image if target == image.size else image.resize(target, Image.Resampling.BILINEAR)


def letterboxed(grey: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """(size, size): the longer side becomes `size`, the rest is black on both sides; as the PA classifier takes it."""
    scale = size / max(grey.shape)
    width, height = (max(1, round(side * scale)) for side in (grey.shape[1], grey.shape[0]))
    film = Image.new("L", (size, size))
    film.paste(
        Image.fromarray(grey).resize((width, height), Image.Resampling.BILINEAR),
        ((size - width) // 2, (size - height) // 2),
    )
    return np.asarray(film)


def _check(data: bytes, found: Dataset) -> None:
    """What can be told without decoding."""
    if "PixelData" in found and not found.PixelData:
        raise FilmError("no_pixel_data")
    if (number(found, "NumberOfFrames") or 1) > 1:
        raise FilmError("multi_frame")
    if pixels_were_cut(data, found):
        raise FilmError("truncated")
    if "PixelData" not in found:
        other = "FloatPixelData" in found or "DoubleFloatPixelData" in found
        raise FilmError("unsupported_pixels" if other else "no_pixel_data")
    allocated = number(found, "BitsAllocated")
    if allocated not in (8, 16) or not 1 <= (number(found, "BitsStored") or 0) <= allocated:
        raise FilmError("unsupported_pixels" if allocated else "broken_pixels")
    syntax = found.file_meta.TransferSyntaxUID
    if syntax.startswith(_ENDING_SO) and _JPEG_END not in found.PixelData[-4096:]:
        raise FilmError("truncated")  # decoders of a cut JPEG fill up with grey


def _decoded(found: Dataset) -> NDArray[Any]:
    """Stored values (rows, columns), or RGB (rows, columns, 3)."""
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.pixels.processing import apply_color_lut
    from pydicom.pixels.utils import pixel_array

    syntax = found.file_meta.TransferSyntaxUID
    try:
        if not get_decoder(syntax).is_available:
            raise FilmError("no_decoder")
    except NotImplementedError:
        raise FilmError("unknown_transfer_syntax") from None
    if not text(found, "PhotometricInterpretation"):
        found.PhotometricInterpretation = _GREY[1]  # decoding needs one; such a film is held for a person
    try:
        with quiet():
            raw = pixel_array(found)
            if found.PhotometricInterpretation == "PALETTE COLOR":
                coloured = apply_color_lut(raw, found)
                raw = coloured >> 8 if coloured.dtype.itemsize > 1 else coloured
    except Exception:  # whatever a decoder raises
        raise FilmError("broken_pixels") from None
    if raw.ndim == 3 and raw.shape[2] == 3 and int(number(found, "BitsStored") or 8) == 16:
        raw = raw >> 8
    if raw.ndim not in (2, 3) or (raw.ndim == 3 and raw.shape[2] != 3):
        raise FilmError("multi_frame")
    if raw.dtype.kind not in "iu" or raw.dtype.itemsize > 2:
        raise FilmError("unsupported_pixels")
    return raw


def _grey(found: Dataset, raw: NDArray[Any], recipe: dict[str, Any]) -> NDArray[np.uint8]:
    bits, signed = int(found.BitsStored), bool(number(found, "PixelRepresentation"))
    shift = max(0, int(number(found, "HighBit") or bits - 1) + 1 - bits) if raw.dtype.itemsize * 8 > bits else 0
    if found.file_meta.TransferSyntaxUID.is_compressed:
        shift = 0  # codecs know of no high bit
    words = raw.view(f"u{raw.dtype.itemsize}")
    codes = (words >> shift) & ((1 << bits) - 1) if shift or bits < raw.dtype.itemsize * 8 else words  # no junk bits
    values = np.arange(1 << bits, dtype=np.int64)
    if signed:
        values[1 << (bits - 1) :] -= 1 << bits
    recipe |= {"bits": bits, "signed": signed}
    padded = _padding(found, codes, bits, signed, recipe)
    units = _modality(found, values, recipe)
    shown = _voi(found, units, codes, padded, recipe)
    table = (shown.clip(0, 1) * 255).round().astype(np.uint8)
    recipe["inverted"] = text(found, "PhotometricInterpretation") == _GREY[0]
    if recipe["inverted"]:
        table = 255 - table
    grey: NDArray[np.uint8] = table[codes]
    if padded is not None:
        grey[padded] = 0  # what lies around the film is black
    return grey


def _padding(
    found: Dataset, codes: NDArray[Any], bits: int, signed: bool, recipe: dict[str, Any]
) -> NDArray[np.bool_] | None:
    """Which pixels are padding; None for none."""
    value = number(found, "PixelPaddingValue")
    if value is None:
        return None
    first, last = sorted((value, value if (limit := number(found, "PixelPaddingRangeLimit")) is None else limit))
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    if signed and first > high:  # written as unsigned
        first, last = first - (1 << bits), last - (1 << bits)
    recipe["padding"] = [first, last]
    if low <= first <= last <= high:
        stored = codes.astype(np.int32)
        if signed:
            stored[stored > high] -= 1 << bits
        padded = (stored >= first) & (stored <= last)
    else:
        syntax = found.file_meta.TransferSyntaxUID
        if syntax.is_compressed or codes.dtype.itemsize == 1:
            return None
        order = "<" if syntax.is_little_endian else ">"
        words = np.frombuffer(found.PixelData, f"{order}u2", count=codes.size).reshape(codes.shape)
        padded = (words >= first) & (words <= last)  # outside the stored bits, which is all that decoding leaves
    return padded if padded.any() and not padded.all() else None


def _modality(found: Dataset, values: NDArray[np.int64], recipe: dict[str, Any]) -> NDArray[np.float64]:
    from pydicom.pixels.processing import apply_modality_lut

    if found.get("ModalityLUTSequence"):
        recipe["modality"] = "lut"
        return np.asarray(apply_modality_lut(values.astype(np.int32), found), dtype=np.float64)
    slope, intercept = number(found, "RescaleSlope") or 1.0, number(found, "RescaleIntercept") or 0.0
    recipe["modality"] = {"slope": slope, "intercept": intercept}
    return values.astype(np.float64) * slope + intercept


def _voi(
    found: Dataset, units: NDArray[np.float64], codes: NDArray[Any], padded: NDArray[np.bool_] | None,
    recipe: dict[str, Any],
) -> NDArray[np.float64]:  # fmt: skip
    """What each value is shown as, in 0..1."""
    from pydicom.pixels.processing import apply_voi

    sequence = found.get("VOILUTSequence")
    if sequence:
        depth = int(sequence[0].LUTDescriptor[2])
        recipe["voi"] = {"kind": "lut", "bits": depth, "of": len(sequence)}
        return np.asarray(apply_voi(units.round().astype(np.int32), found), dtype=np.float64) / ((1 << depth) - 1)
    width, center = number(found, "WindowWidth"), number(found, "WindowCenter")
    function = text(found, "VOILUTFunction") or "LINEAR"
    if center is not None and width is not None and (width >= 1 or (width > 0 and function != "LINEAR")):
        of = len(text(found, "WindowWidth").split("\\"))
        recipe["voi"] = {"kind": "window", "center": center, "width": width, "function": function, "of": of}
        return windowed(units, center, width, function)
    low, high = percentiles(units, codes if padded is None else codes[~padded])
    recipe["voi"] = {"kind": "percentiles", "percentiles": list(PERCENTILES), "low": low, "high": high}
    return (units - low) / max(high - low, 1e-9)


def windowed(values: NDArray[np.float64], center: float, width: float, function: str) -> NDArray[np.float64]:
    """The VOI functions of DICOM PS3.3 C.11.2.1, onto 0..1."""
    if function == "SIGMOID":
        sigmoid: NDArray[np.float64] = 1 / (1 + np.exp((-4 * (values - center) / width).clip(-500, 500)))
        return sigmoid
    if function == "LINEAR_EXACT":
        return (values - center) / width + 0.5
    return (values - (center - 0.5)) / max(width - 1, 1e-9) + 0.5


def percentiles(units: NDArray[np.float64], codes: NDArray[Any]) -> tuple[float, float]:
    """PERCENTILES of the values of all pixels, interpolated as numpy.percentile does, from their histogram."""
    counts = np.bincount(codes.ravel(), minlength=len(units))
    order = np.argsort(units, kind="stable")
    upto = counts[order].cumsum()
    found = []
    for share in PERCENTILES:
        at = (upto[-1] - 1) * share / 100
        below = int(at)
        first, second = (units[order[np.searchsorted(upto, k, side="right")]] for k in (below, min(below + 1, upto[-1] - 1)))
        found.append(float(first + (second - first) * (at - below)))
    return found[0], found[1]


def _spacing(found: Dataset) -> tuple[tuple[float, float] | None, str | None]:
    """Millimetres between rows and between columns, and the attribute that tells: at the detector first."""
    for name in ("ImagerPixelSpacing", "PixelSpacing", "NominalScannedPixelSpacing"):
        try:
            rows, columns = map(float, text(found, name).split("\\"))
        except ValueError:
            continue
        if rows > 0 and columns > 0:
            return (rows, columns), name
    return None, None


def _held(found: Dataset) -> str | None:
    kind = text(found, "SOPClassUID")
    if text(found, "BurnedInAnnotation").upper() == "YES":
        return "held_burned_in"
    if kind == SECONDARY_CAPTURE or kind.startswith(f"{SECONDARY_CAPTURE}.") or text(found, "Modality") == "OT":
        return "held_secondary_capture"
    if text(found, "PresentationIntentType").upper() == "FOR PROCESSING" or kind.endswith(".1.1.1.1.1"):
        return "held_for_processing"  # raw detector values: no radiologist has seen them so
    if not text(found, "PhotometricInterpretation"):
        return "held_no_photometric"  # film or its negative: shown as MONOCHROME2
    return None
