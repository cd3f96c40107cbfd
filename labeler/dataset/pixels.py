"""DICOM pixels as a radiologist sees them: 8 bits, white is dense.

Stored values go through the modality LUT, then the VOI LUT or the first window (percentiles where there is neither)
onto 0..255, and are inverted last where the photometric interpretation is MONOCHROME1 (DICOM PS3.3 C.11.1, C.11.2,
C.7.6.3.1.2).  All of it depends on the stored value alone: it is worked out once for each of the at most 65,536 values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labeler.dataset.dicom import SECONDARY_CAPTURE, FilmError, number, quiet, read, text
from labeler.dataset.samples import GREY, PALETTE, Samples, check, decoded
from labeler.dataset.tables import LUMA, palette, table

if TYPE_CHECKING:
    from pydicom import Dataset

RECIPE = 2  # raise it whenever the same file gives other pixels
UNEVEN = 4.0  # times as far apart are pixels of no film one way as the other: such a spacing is a slip
MAX_SIDE = 65_500  # pixels of a JPG
PERCENTILES = (0.5, 99.5)  # where the file says nothing


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
    check(data, found)
    held = _held(found)
    samples = decoded(found)
    recipe: dict[str, Any] = {"recipe": RECIPE, "transfer_syntax": str(found.file_meta.TransferSyntaxUID)}
    shown = _grey if text(found, "PhotometricInterpretation") in GREY else _colour
    try:
        with quiet():
            grey = shown(found, samples, recipe)
    except FilmError:
        raise
    except Exception:  # look-up tables that contradict their own header, in any way
        raise FilmError("broken_pixels") from None
    spacing, source = _spacing(found)
    return Film(grey, recipe, spacing, source, held)


def resized(grey: NDArray[np.uint8], size: int | None, spacing: tuple[float, float] | None) -> Image.Image:
    """The film with square pixels, its longer side at most `size`; never enlarged for the size's sake.  Raises FilmError."""
    height, width = float(grey.shape[0]), float(grey.shape[1])
    if spacing is not None and abs(spacing[0] / spacing[1] - 1) > 0.01:
        height *= spacing[0] / spacing[1]
    scale = min(1.0, size / max(height, width)) if size else 1.0
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    if max(target) > MAX_SIDE:
        raise FilmError("too_large")
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


def _grey(found: Dataset, samples: Samples, recipe: dict[str, Any]) -> NDArray[np.uint8]:
    recipe |= {"bits": samples.bits, "signed": samples.signed}
    padded = _padding(found, samples, recipe)
    order = "<" if found.file_meta.TransferSyntaxUID.is_little_endian else ">"
    units = _modality(found, samples.values, order, recipe)
    shown = _voi(found, units, samples.codes if padded is None else samples.codes[~padded], order, recipe)
    if not (np.isfinite(units).all() and np.isfinite(shown).all()):  # a scale or window beyond all numbers
        raise FilmError("broken_pixels")
    table = _eight_bits(shown)
    recipe["inverted"] = text(found, "PhotometricInterpretation") == GREY[0]
    if recipe["inverted"]:
        table = 255 - table
    grey: NDArray[np.uint8] = table[samples.codes]
    if padded is not None:
        grey[padded] = 0  # what lies around the film is black
    return grey


def _colour(found: Dataset, samples: Samples, recipe: dict[str, Any]) -> NDArray[np.uint8]:
    """The brightness of colours; windows and padding are of grey films alone."""
    recipe["colour"] = text(found, "PhotometricInterpretation")
    top = (1 << samples.bits) - 1
    if samples.codes.ndim == 3:
        return _eight_bits(samples.codes @ (LUMA / np.float32(top)))
    order = "<" if found.file_meta.TransferSyntaxUID.is_little_endian else ">"
    values = samples.values
    table = _eight_bits(palette(found, values, order) if recipe["colour"] == PALETTE else values / top)
    return np.asarray(table[samples.codes])


def _eight_bits(shown: NDArray[Any]) -> NDArray[np.uint8]:
    """0..1 onto 0..255."""
    return np.asarray((shown.clip(0, 1) * 255).round(), dtype=np.uint8)


def _padding(found: Dataset, samples: Samples, recipe: dict[str, Any]) -> NDArray[np.bool_] | None:
    """Which pixels are padding; None for none."""
    value = number(found, "PixelPaddingValue")
    if value is None:
        return None
    ends = [value, value if (limit := number(found, "PixelPaddingRangeLimit")) is None else limit]
    recipe["padding"] = sorted(ends)
    values, over = samples.values, 1 << samples.bits
    first, last = sorted(end - over if samples.signed and end > values.max() else end for end in ends)  # unsigned
    if values.min() <= first <= last <= values.max():
        padded = ((values >= first) & (values <= last))[samples.codes]
    else:  # outside the stored bits
        first, last = sorted(end % (1 << 8 * samples.words.dtype.itemsize) for end in ends)
        padded = (samples.words >= first) & (samples.words <= last)
    return padded if padded.any() and not padded.all() else None


def _modality(found: Dataset, values: NDArray[np.int64], order: str, recipe: dict[str, Any]) -> NDArray[np.float64]:
    sequence = found.get("ModalityLUTSequence")
    if sequence:
        recipe["modality"] = "lut"
        return table(sequence[0], values, order)(values).astype(np.float64)
    slope, intercept = number(found, "RescaleSlope") or 1.0, number(found, "RescaleIntercept") or 0.0
    recipe["modality"] = {"slope": slope, "intercept": intercept}
    return values.astype(np.float64) * slope + intercept


def _voi(
    found: Dataset, units: NDArray[np.float64], codes: NDArray[Any], order: str, recipe: dict[str, Any]
) -> NDArray[np.float64]:
    """What each value is shown as, in 0..1; `codes` are those of the film without its padding."""
    sequence = found.get("VOILUTSequence")
    if sequence:
        lut = table(sequence[0], units, order)
        recipe["voi"] = {"kind": "lut", "bits": lut.bits, "of": len(sequence)}
        return np.asarray(lut(units) / ((1 << lut.bits) - 1))
    width, center = number(found, "WindowWidth"), number(found, "WindowCenter")
    function = text(found, "VOILUTFunction").upper() or "LINEAR"
    if center is not None and width is not None and (width >= 1 or (width > 0 and function != "LINEAR")):
        of = len(text(found, "WindowWidth").split("\\"))
        recipe["voi"] = {"kind": "window", "center": center, "width": width, "function": function, "of": of}
        return windowed(units, center, width, function)
    low, high = percentiles(units, codes)
    recipe["voi"] = {"kind": "percentiles", "percentiles": list(PERCENTILES), "low": low, "high": high}
    return (units - low) / max(high - low, 1e-9)


def windowed(values: NDArray[np.float64], center: float, width: float, function: str) -> NDArray[np.float64]:
    """The VOI functions of DICOM PS3.3 C.11.2.1, onto 0..1."""
    if function == "SIGMOID":
        sigmoid: NDArray[np.float64] = 1 / (1 + np.exp((-4 * (values - center) / width).clip(-500, 500)))
        return sigmoid
    if function == "LINEAR_EXACT":
        return (values - center) / width + 0.5
    if width == 1:
        return (values > center - 0.5).astype(np.float64)
    return (values - (center - 0.5)) / (width - 1) + 0.5


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
        if 0 < max(rows, columns) <= UNEVEN * min(rows, columns) < math.inf:
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
