"""DICOM films made for tests, in every encoding that archives hold."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    generate_uid,
)

LOSSLESS = {
    "rle": RLELossless, "process14": JPEGLossless, "lossless": JPEGLosslessSV1, "ls": JPEGLSLossless,
    "near": JPEGLSNearLossless, "j2k": JPEG2000Lossless,
}  # fmt: skip
GDCM = {
    "rle": "RLELossless", "process14": "JPEGLosslessProcess14", "lossless": "JPEGLosslessProcess14_1",
    "ls": "JPEGLSLossless", "near": "JPEGLSNearLossless", "j2k": "JPEG2000Lossless", "extended": "JPEGExtendedProcess2_4",
}  # fmt: skip
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
    if pixels.ndim == 3:
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "RGB", 0
    data.BitsAllocated = pixels.dtype.itemsize * 8
    data.BitsStored = bits or (12 if pixels.dtype.itemsize == 2 else 8)
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(pixels.dtype.kind == "i")
    data.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
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
    dcmwrite(out, data, enforce_file_format=True)
    return out.getvalue()


def write(path: Path, data: Dataset) -> Path:
    """Its file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(data))
    return path


def compressed(data: Dataset, how: str, tmp: Path) -> Dataset:
    """The film in a compressed transfer syntax: a key of GDCM, or `baseline`."""
    if how == "baseline":
        from PIL import Image

        out = BytesIO()
        Image.fromarray(data.pixel_array).save(out, format="JPEG", quality=100)
        return encapsulated(data, out.getvalue(), JPEGBaseline8Bit)
    import gdcm

    source, target = write(tmp / "plain.dcm", data), tmp / f"{how}.dcm"
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, GDCM[how])))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(target))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    found = dcmread(target)
    assert found.file_meta.TransferSyntaxUID == (LOSSLESS | {"extended": JPEGExtended12Bit})[how]
    return found


def encapsulated(data: Dataset, stream: bytes, syntax: str, **elements: Any) -> Dataset:
    """The film with this codestream as its pixels, and `elements` set on it."""
    data.PixelData = encapsulate([stream])
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = UID(syntax)
    for name, value in elements.items():
        setattr(data, name, value)
    return data


def big_endian(data: Dataset) -> Dataset:
    """An uncompressed film in Explicit VR Big Endian; pixels of 8 bits are bytes (OB)."""
    if data.BitsAllocated == 16:
        data.PixelData = np.frombuffer(data.PixelData, "<u2").astype(">u2").tobytes()
    data["PixelData"].VR = "OW" if data.BitsAllocated == 16 else "OB"
    data.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    return data


def jpeg12(blocks: np.ndarray) -> bytes:
    """A JPEG of 12 bits (ITU-T T.81, extended sequential) of flat blocks of 8 x 8 pixels, which it holds exactly.

    Quantisation is 1 and only the DC coefficients are there: categories are coded in 5 bits, end of block in 1.
    """

    def segment(marker: int, content: bytes) -> bytes:
        return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content

    rows, columns = (8 * side for side in blocks.shape)
    bits, last = "", 0
    for value in blocks.ravel().tolist():
        step, last = 8 * (value - 2048) - last, 8 * (value - 2048)
        size = abs(step).bit_length()
        bits += f"{size:05b}" + (f"{step if step > 0 else step + (1 << size) - 1:0{size}b}" if size else "") + "0"
    bits += "1" * (-len(bits) % 8)
    return (
        b"\xff\xd8" + segment(0xDB, b"\0" + b"\1" * 64)
        + segment(0xC1, bytes([12, *rows.to_bytes(2, "big"), *columns.to_bytes(2, "big"), 1, 1, 0x11, 0]))
        + segment(0xC4, bytes([0x00, 0, 0, 0, 0, 16, *[0] * 11, *range(16)]))
        + segment(0xC4, bytes([0x10, 1, *[0] * 15, 0]))
        + segment(0xDA, bytes([1, 1, 0, 0, 63, 0]))
        + int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0") + b"\xff\xd9"
    )  # fmt: skip


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
