"""DICOM films made for tests, in every encoding that archives hold."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

LOSSLESS = {"rle": RLELossless, "lossless": JPEGLosslessSV1, "ls": JPEGLSLossless, "j2k": JPEG2000Lossless}
SHAPE = (24, 16)


def values(bits: int, *, signed: bool = False) -> np.ndarray:
    """Stored values over the whole range, their least and greatest among them."""
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    kind = ("i" if signed else "u") + str(1 if bits <= 8 else 2)
    return np.linspace(low, high, SHAPE[0] * SHAPE[1]).round().astype(kind).reshape(SHAPE)


def film(pixels: np.ndarray | None = None, *, bits: int = 0, **elements: Any) -> Dataset:
    """A PA chest film of these pixels with `elements` set on it; None removes one."""
    pixels = values(12) if pixels is None else pixels
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID = DigitalXRayImageStorageForPresentation
    data.SOPInstanceUID, data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid(), generate_uid()
    data.PatientName, data.PatientID, data.Modality = "Nguyen^Van^Bi^Mat", "BN004711", "DX"
    data.StudyDate, data.StudyTime = "20201105", "083000"
    data.BodyPartExamined, data.ViewPosition, data.PhotometricInterpretation = "CHEST", "PA", "MONOCHROME2"
    data.SamplesPerPixel, (data.Rows, data.Columns) = 1, pixels.shape[:2]
    data.BitsAllocated = pixels.dtype.itemsize * 8
    data.BitsStored = bits or (12 if pixels.dtype.itemsize == 2 else 8)
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(pixels.dtype.kind == "i")
    data.PixelData = pixels.tobytes()
    for name, value in elements.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    meta.MediaStorageSOPInstanceUID = data.get("SOPInstanceUID", "1.2.3")
    return data


def encoded(data: Dataset) -> bytes:
    """The bytes of its file."""
    out = BytesIO()
    data.save_as(out, enforce_file_format=True)
    return out.getvalue()


def write(path: Path, data: Dataset) -> Path:
    """Its file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(data))
    return path


def compressed(data: Dataset, how: str, tmp: Path) -> Dataset:
    """The film in a compressed transfer syntax: a key of LOSSLESS, or `baseline`."""
    if how == "baseline":
        from PIL import Image

        out = BytesIO()
        Image.fromarray(data.pixel_array).save(out, format="JPEG", quality=100)
        data.PixelData = encapsulate([out.getvalue()])
        data["PixelData"].is_undefined_length = True
        data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        return data
    import gdcm

    source, target = write(tmp / "plain.dcm", data), tmp / f"{how}.dcm"
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    kinds = {"rle": "RLELossless", "lossless": "JPEGLosslessProcess14_1", "ls": "JPEGLSLossless", "j2k": "JPEG2000Lossless"}
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, kinds[how])))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(target))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    found = dcmread(target)
    assert found.file_meta.TransferSyntaxUID == LOSSLESS[how]
    return found


def windowed(stored: np.ndarray, center: float, width: float) -> np.ndarray:
    """DICOM PS3.3 C.11.2.1.2.1, written down once more in its own words, onto 0..255."""
    out = np.empty(stored.shape)
    for at, x in np.ndenumerate(stored.astype(float)):
        if x <= center - 0.5 - (width - 1) / 2:
            out[at] = 0
        elif x > center - 0.5 + (width - 1) / 2:
            out[at] = 255
        else:
            out[at] = ((x - (center - 0.5)) / (width - 1) + 0.5) * 255
    return out.round().astype(np.uint8)
