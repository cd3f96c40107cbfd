"""A DICOM file as a grey film: what a radiologist would see of it, 8 bits.

Modality LUT, then VOI LUT or the first window (percentiles where there is neither) onto 0..255, inverted last where the
photometric interpretation is MONOCHROME1. Nothing but pixels leaves this module, and no message quotes the file.
"""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vision.cache import FilmError
from vision.errors import InputError

if TYPE_CHECKING:
    from pydicom import Dataset

_PERCENTILES = (0.5, 99.5)  # where the file has no window


def is_dicom(path: Path) -> bool:
    """Whether the file has DICOM's preamble; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def read_dicom(source: Path | bytes) -> Image.Image:
    """The film in a DICOM file, mode L.

    Raises:
        FilmError: what is no DICOM file, holds no single film, is cut off, or needs a decoder that is missing.
        InputError: pydicom is not installed.
    """
    try:
        import pydicom
    except ImportError:
        raise InputError("pydicom is missing, pip install 'vnlabel[dicom]' is needed for DICOM files") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's quote values of the file
        try:
            data = pydicom.dcmread(BytesIO(source) if isinstance(source, bytes) else source)
        except OSError as error:
            raise FilmError("unreadable", f"cannot be read ({error.strerror}), a DICOM file is needed") from None
        except Exception:  # InvalidDicomError, and whatever a broken file makes the parser raise
            raise FilmError("not DICOM", "not a DICOM file, one with preamble and header is needed") from None
        return Image.fromarray(_grey(data))


def _grey(data: Dataset) -> NDArray[np.uint8]:
    if "PixelData" not in data:
        raise FilmError("without pixels", "holds no pixels, an image is needed")
    if int(data.get("NumberOfFrames") or 1) > 1:
        raise FilmError("several frames", "holds several frames, a single film is needed")
    try:
        values = _as_shown(data)
    except FilmError:
        raise
    except (NotImplementedError, RuntimeError) as error:
        if "missing" in str(error) or "decompress" in str(error):
            syntax = getattr(data.file_meta.get("TransferSyntaxUID"), "name", "unknown")
            what = f"no decoder for {syntax}, pip install 'vnlabel[dicom]' is needed"
            raise FilmError("without a decoder", what) from None
        raise FilmError("broken", "broken pixels, a whole DICOM file is needed") from None
    except Exception:  # a header that contradicts its pixels makes pydicom raise anything
        raise FilmError("broken", "broken header or pixels, a whole DICOM file is needed") from None
    grey = (values.clip(0, 1) * 255).round().astype(np.uint8)
    return 255 - grey if data.get("PhotometricInterpretation") == "MONOCHROME1" else grey


def _as_shown(data: Dataset) -> NDArray[np.float64]:
    """Pixels in 0..1 of the range that is shown, the photometric interpretation not yet applied."""
    from pydicom.pixels.processing import apply_modality_lut, apply_voi
    from pydicom.pixels.utils import pixel_array

    pixels = pixel_array(data)
    if int(data.get("SamplesPerPixel") or 1) == 3:
        return np.asarray(Image.fromarray(pixels.astype(np.uint8)).convert("L"), dtype=np.float64) / 255
    if pixels.ndim != 2:
        raise FilmError("several frames", "holds no single plane of pixels, one film is needed")
    padding = pixels == data.PixelPaddingValue if "PixelPaddingValue" in data else np.zeros(pixels.shape, dtype=bool)
    if not _number(data.get("RescaleSlope")) and "ModalityLUTSequence" not in data:
        data.RescaleSlope, data.RescaleIntercept = 1, 0
    values = apply_modality_lut(pixels, data)
    if data.get("VOILUTSequence"):
        bits = int(data.VOILUTSequence[0].LUTDescriptor[2])
        shown = apply_voi(values, data) / float((1 << bits) - 1)
    elif (width := _number(data.get("WindowWidth")) or 0) >= 1:
        shown = _windowed(values, _number(data.get("WindowCenter")) or 0.0, width, data.get("VOILUTFunction"))
    else:
        low, high = np.percentile(values if padding.all() else values[~padding], _PERCENTILES)
        shown = (values - low) / max(high - low, 1e-9)
    if not (np.isfinite(values).all() and np.isfinite(shown).all()):
        raise OverflowError("the scale or the window leads beyond all numbers")
    if padding.any():  # what lies around the film is black, on either photometric scale
        shown = np.where(padding, float(data.PhotometricInterpretation == "MONOCHROME1"), shown)
    return np.asarray(shown, dtype=np.float64)


def _windowed(values: NDArray[Any], center: float, width: float, function: str | None) -> NDArray[np.float64]:
    """The VOI functions of DICOM PS3.3 C.11.2.1, onto 0..1."""
    x = values.astype(np.float64)
    if function == "SIGMOID":
        found: NDArray[np.float64] = 1 / (1 + np.exp((-4 * (x - center) / width).clip(-50, 50)))
        return found
    if function == "LINEAR_EXACT":
        return (x - center) / width + 0.5
    return (x - (center - 0.5)) / max(width - 1, 1e-9) + 0.5


def _number(value: Any) -> float | None:
    """The first number of an element, or None where it is empty."""
    first = value[0] if isinstance(value, list | tuple) or hasattr(value, "append") else value
    return float(first) if first not in (None, "") and np.isfinite(float(first)) else None
