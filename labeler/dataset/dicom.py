"""DICOM files read with care: what is no usable object is told by a code, and no message quotes the file."""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from labeler.io.refusals import BadInput

if TYPE_CHECKING:
    from pydicom import Dataset

MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"  # a DICOMDIR
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # and, with a further number, its multi-frame kinds
_PIXEL_DATA = (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10")  # its tag, in either order of bytes
_TIMES = (
    "TimezoneOffsetFromUTC", "AcquisitionDateTime",
    *(f"{level}{part}" for level in ("Study", "Series", "Acquisition", "Content") for part in ("Date", "Time")),
)  # fmt: skip

MESSAGES = {
    "not_dicom": "not a DICOM file, one with a header is needed",
    "no_sop_class": "no SOP class, so nothing says what it is; a DICOM object is needed",
    "no_transfer_syntax": "no transfer syntax, so nothing says how it is encoded; a whole file header is needed",
    "no_uid": "no UID of instance, series or study; all three are needed",
    "broken_header": "its header cannot be read to the end; a whole DICOM file is needed",
    "no_pixel_data": "holds no pixels; an image is needed",
    "truncated": "its pixels are cut off; a whole file is needed",
    "multi_frame": "several frames; a single film is needed",
    "unsupported_pixels": "no whole numbers of 8 to 16 bits; a radiograph is needed",
    "unknown_photometric": "a photometric interpretation that is neither grey, RGB, YBR_FULL nor a palette; another export is needed",
    "broken_pixels": "header and pixels contradict each other, or the pixels are broken; a whole file is needed",
    "too_large": "more pixels on a side than a JPG can have; --size makes it smaller",
    "no_decoder": "no decoder for its transfer syntax; pip install 'vnlabel[dicom]' is needed",
    "unknown_transfer_syntax": "a transfer syntax that no decoder knows; another export is needed",
    "unreadable": "cannot be read",
}


class FilmError(Exception):
    """Why a file or film cannot be used: `code` is one of MESSAGES."""

    def __init__(self, code: str) -> None:
        super().__init__(MESSAGES[code])
        self.code = code


@dataclass(frozen=True)
class Head:
    """What a DICOM object says of itself."""

    sop_uid: str
    study_uid: str
    series_uid: str
    patient_id: str | None
    modality: str
    times: dict[str, str]
    sha256: str  # of the data set, without preamble and file header, which depend on who wrote the file
    pixels: str | None  # SHA-256 of the pixel data as encoded


def needs(extra: str, *modules: str) -> None:
    """Raises BadInput that names the extra to install when a module is missing."""
    import importlib.util

    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise BadInput(f"{missing[0]} is not installed: pip install 'vnlabel[{extra}]'")


@contextmanager
def quiet() -> Iterator[None]:
    """pydicom's warnings quote values of the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read(data: bytes, *, pixels: bool = True) -> Dataset:
    """The data set of a file.  Raises FilmError for what is no DICOM object."""
    if data[128:132] != b"DICM" and data[:2] != b"\x02\x00":  # without the preamble at least the file header is there
        raise FilmError("not_dicom")
    with quiet():
        try:
            found = _parsed(data, pixels)
            syntax, kind = found.file_meta.get("TransferSyntaxUID"), found.get("SOPClassUID")
        except Exception:  # a broken file makes the parser raise anything
            raise FilmError("broken_header") from None
    if not syntax:
        raise FilmError("no_transfer_syntax")
    if not kind:
        raise FilmError("no_sop_class")
    return found


def _parsed(data: bytes, pixels: bool) -> Dataset:
    """A data set; of a file that ends within its pixels, what comes before them."""
    import pydicom

    if pixels:
        with suppress(Exception):  # a plain element that does not end raises, an encapsulated one takes all with it
            if found := pydicom.dcmread(BytesIO(data), force=True):
                return found
    return pydicom.dcmread(BytesIO(data), force=True, stop_before_pixels=True)


def head(data: bytes) -> Head | None:
    """The head of an object, None for a directory of a medium.  Raises FilmError."""
    found = read(data)
    if text(found.file_meta, "MediaStorageSOPClassUID") == MEDIA_DIRECTORY:
        return None
    sop, study, series = (text(found, f"{level}InstanceUID") for level in ("SOP", "Study", "Series"))
    if not (sop and study and series):
        raise FilmError("no_uid")
    if pixels_were_cut(data, found):
        raise FilmError("truncated")  # a whole copy may come yet
    encoded = found.get("PixelData")
    return Head(
        sop, study, series, text(found, "PatientID") or None, text(found, "Modality"),
        {name: value for name in _TIMES if (value := text(found, name))},
        hashlib.sha256(memoryview(data)[_data_set_begins(data) :]).hexdigest(),
        hashlib.sha256(encoded).hexdigest() if encoded else None,
    )  # fmt: skip


def text(data: Dataset, keyword: str) -> str:
    """The value of an element as text, several joined by a backslash; blank where it is missing or broken."""
    try:
        with quiet():
            value = data.get(keyword)
    except Exception:  # a value that contradicts its type
        return ""
    if value is None:
        return ""
    several = isinstance(value, list | tuple) or type(value).__name__ == "MultiValue"
    return ("\\".join(map(str, value)) if several else str(value)).strip().strip("\0")


def number(data: Dataset, keyword: str) -> float | None:
    """The first number of an element; None where there is none, or none that is finite."""
    try:
        found = float(text(data, keyword).split("\\")[0])
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def pixels_were_cut(data: bytes, found: Dataset) -> bool:
    """Whether there are fewer pixels than the header says, or none although the file has their element.

    A parser drops an encapsulated element that does not end, and takes what there is of a plain one.
    """
    if "PixelData" not in found:
        return any(tag in data for tag in _PIXEL_DATA)
    if found.file_meta.TransferSyntaxUID.is_compressed:
        return False
    sizes = (number(found, name) for name in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated"))
    bits = math.prod(size or 1 for size in sizes) * (number(found, "NumberOfFrames") or 1)
    if text(found, "PhotometricInterpretation") == "YBR_FULL_422":
        bits *= 2 / 3
    return len(found.PixelData or b"") < bits / 8


def _data_set_begins(data: bytes) -> int:
    from pydicom.filereader import read_dataset

    stream: Any = BytesIO(data)
    stream.seek(132 if data[128:132] == b"DICM" else 0)
    with quiet():
        read_dataset(stream, False, True, stop_when=lambda tag, vr, length: tag.group != 2)
    return int(stream.tell())
