"""A DICOM file as a grey film: what a radiologist would see of it, 8 bits, just as the data set's image stage makes it.

Nothing but pixels leaves this module, and no message quotes the file.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from vision.cache import FilmError
from vision.errors import InputError


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
        FilmError: what is no DICOM file, holds no single film, is cut off, or needs a decoder that is missing; its kind is
            one of the codes of `labeler.dataset.dicom`.
        InputError: pydicom is not installed.
    """
    if find_spec("pydicom") is None:
        raise InputError("pydicom is missing, pip install 'vnlabel[dicom]' is needed for DICOM files")
    from labeler.dataset import dicom, pixels  # not before: training on JPG needs no pydicom

    try:
        film = pixels.render(source if isinstance(source, bytes) else source.read_bytes())
    except OSError as error:
        raise FilmError("unreadable", f"cannot be read ({error.strerror}), a DICOM file is needed") from None
    except dicom.FilmError as error:
        raise FilmError(error.code, str(error)) from None
    if film.held == "held_no_photometric":
        raise FilmError(film.held, "nothing says whether it is a negative, a photometric interpretation is needed")
    return Image.fromarray(film.grey)
