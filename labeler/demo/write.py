"""The simulated hospital as files: HIS exports, DICOM films, and the truth, kept apart."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from labeler.demo import drawing, his_files
from labeler.demo.findings import CLASSES
from labeler.demo.hospital import Film, Hospital, Report, Visit

if TYPE_CHECKING:
    from pydicom import Dataset

HIS, PACS, TRUTH = "his", "pacs", "truth"
_PER_FILE = 25
_DX = "1.2.840.10008.5.1.4.1.1.1.1"


def write_his(hospital: Hospital, folder: Path) -> None:
    """Exports in both formats, visits by turns, and a copy of one that was cut off."""
    folder.mkdir(parents=True)
    for name, kind, visits in (
        ("sessions", his_files.paper, hospital.visits[::2]), ("insurance", his_files.insurance, hospital.visits[1::2]),
    ):  # fmt: skip
        for number, first in enumerate(range(0, len(visits), _PER_FILE), 1):
            text = kind(*map(_session, visits[first : first + _PER_FILE]))
            (folder / f"{name}-{number:03}.xml").write_text(text, encoding="utf-8")
    whole = (folder / "sessions-001.xml").read_bytes()
    (folder / "cut-off.xml").write_bytes(whole[: len(whole) * 2 // 3])


def write_films(hospital: Hospital, folder: Path, step: Callable[[int], None]) -> None:
    """A folder tree as an archive exports it, with a file in it that is no film."""
    for number, film in enumerate(hospital.films):
        file = folder / film_file(number)
        file.parent.mkdir(parents=True, exist_ok=True)
        data = _encoded(_data_set(film, number))
        file.write_bytes(data[: len(data) * 3 // 5] if film.damage == "truncated" else data)
        if film.damage == "other_bytes":
            other = _data_set(film, number)
            other.PatientID = "0"
            file.with_name(f"{file.stem}B.dcm").write_bytes(_encoded(other))
        step(1)
    (folder / "README.TXT").write_text("Exported by the archive.\n")


def film_file(number: int) -> Path:
    """Where a film is in the archive's folder."""
    return Path(f"{number // 50:03}", f"IM{number:06}.dcm")


def write_truth(hospital: Hospital, folder: Path) -> None:
    """What is true of every film and report, for whoever wants to look it up."""
    folder.mkdir(parents=True)
    films = [
        [f.uid, f.drawn, f.told, f.refused, f.fate, ";".join("|".join(r.key) for r in f.reports)] for f in hospital.films
    ]
    _table(folder / "films.csv", ["sop_uid", "drawn", "told", "refused", "fate", "reports"], films)
    reports = [
        [*r.key, *(str(r.labels[name]) for name in CLASSES), str(int(r.slipped)), visit.fault]
        for visit in hospital.visits for r in visit.reports
    ]  # fmt: skip
    _table(folder / "reports.csv", ["session_id", "service_id", "report_time", *CLASSES, "slip", "fault"], reports)


def _table(file: Path, header: list[str], rows: Iterable[list[str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([header, *rows])


def _session(visit: Visit) -> his_files.Session:
    reports = [_report(report) for report in (*visit.reports, *visit.other_services)]
    return his_files.Session(visit.session, visit.patient, _stamp(visit.check_in), _stamp(visit.check_out), reports)


def _report(report: Report) -> his_files.Report:
    return his_files.Report(report.text, _stamp(report.time), report.service)


def _stamp(time: datetime) -> str:
    return time.strftime("%Y%m%d%H%M")


def _density(film: Film, seed: int) -> drawing.Map:
    if film.drawn == "lateral":
        return drawing.lateral(seed)
    if film.drawn == "hand":
        return drawing.hand(seed)
    return drawing.chest(film.findings, seed, supine=film.drawn == "supine")


def _data_set(film: Film, seed: int) -> Dataset:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    data: Any = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = _DX, film.uid
    data.StudyInstanceUID, data.SeriesInstanceUID = film.study, f"{film.study}.1"
    data.PatientName, data.PatientID = "Simulated^Patient", film.patient or ""
    if film.time is not None:
        data.StudyDate, data.StudyTime = film.time.strftime("%Y%m%d"), film.time.strftime("%H%M%S")
    for name, value in film.tags.items():
        if name == "ViewCode":
            code = Dataset()
            code.CodeMeaning = value
            data.ViewCodeSequence = [code]
        else:
            setattr(data, name, value.split("\\") if value and "\\" in value else value)
    data.ImagerPixelSpacing = [0.6, 0.6]
    _set_pixels(data, film, _density(film, seed))
    if film.damage == "multi_frame":
        data.NumberOfFrames, data.PixelData = 2, data.PixelData * 2
    elif film.damage == "no_pixel_data":
        del data.PixelData
    elif film.damage == "no_sop_class":
        del data.SOPClassUID
    elif film.damage == "burned_in":
        data.BurnedInAnnotation = "YES"
    return data  # type: ignore[no-any-return]


def _set_pixels(data: Any, film: Film, density: drawing.Map) -> None:
    """As the machines of the house store it: inverted, signed with a rescale, as JPEG or run-length coded, or plainly."""
    signed, small = film.encoding == "signed", film.encoding == "baseline"
    data.Rows, data.Columns = density.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored = (8, 8) if small else (16, 12)
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(signed)
    data.WindowCenter, data.WindowWidth = ("128", "256") if small else ("1900", "3000")
    scale, lowest, kind = (255, 0, np.uint8) if small else (3600, 200, np.uint16)
    stored: np.ndarray[Any, Any] = (density * scale + lowest).round().astype(kind)
    if film.encoding == "inverted":
        data.PhotometricInterpretation, data.WindowCenter = "MONOCHROME1", "2195"
        stored = 4095 - stored
    if signed:
        data.RescaleSlope, data.RescaleIntercept = "1", "2048"
        stored = (stored.astype(np.int32) - 2048).astype(np.int16)
    data.PixelData = stored.tobytes()
    if small:
        _as_jpeg(data, stored)
    elif film.encoding == "rle":
        from pydicom.uid import RLELossless

        data.compress(RLELossless, generate_instance_uid=False)


def _as_jpeg(data: Any, stored: np.ndarray[Any, Any]) -> None:
    from PIL import Image
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEGBaseline8Bit

    out = BytesIO()
    Image.fromarray(stored).save(out, format="JPEG", quality=95)
    data.PixelData = encapsulate([out.getvalue()])
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit


def _encoded(data: Dataset) -> bytes:
    out = BytesIO()
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.file_meta.MediaStorageSOPClassUID = data.get("SOPClassUID", _DX)
    data.save_as(out, enforce_file_format=True)
    return out.getvalue()
