"""The simulated hospital: patients, visits, films, reports, what goes wrong, and the truth of all of it.

Everything follows from a seed.  What becomes of a film is not worked out by the rules of matching but known from how
its visit was made: visits of a patient lie days apart, so that no other report can come near.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from labeler.demo.findings import Finding, draw_findings, labels_of, slip, write_report

FRONTAL, LATERAL, OTHER = "18.0119.0028", "18.0120.0028", "18.0219.0040"
START = datetime(2020, 11, 2, 7)
BETWEEN_VISITS = timedelta(days=5)
FAULTS = 0.3  # share of visits in which something goes wrong
SLIPS = 0.12  # share of reports with a typing slip
ROOT = "1.2.826.0.1.3680043.10.1511"  # for UIDs

PA, NOT_PA, UNKNOWN = "pa", "not_pa", "unknown"
MATCHED, REVIEW, UNMATCHED = "matched", "review", "unmatched"

Tags = dict[str, str | None]
_BODY: Tags = {"Modality": "DX", "BodyPartExamined": "CHEST"}
_PA_TAGS: tuple[Tags, ...] = (
    {**_BODY, "ViewPosition": "PA"}, {**_BODY, "ViewPosition": "PA", "PatientOrientation": "L\\F"},
    {**_BODY, "Modality": "CR", "ViewPosition": "PA"}, {**_BODY, "SeriesDescription": "Chest PA"},
    {**_BODY, "PatientPosition": "PA"}, {"Modality": "DX", "SeriesDescription": "Tim phoi P.A."},
    {**_BODY, "ViewCode": "postero-anterior"},
)  # fmt: skip
_LATERAL_TAGS: tuple[Tags, ...] = (
    {**_BODY, "ViewPosition": "LL"}, {**_BODY, "SeriesDescription": "Nguc nghieng"}, {**_BODY, "PatientOrientation": "A\\F"},
)  # fmt: skip
_HAND_TAGS: tuple[Tags, ...] = (
    {"Modality": "DX", "BodyPartExamined": "HAND", "ViewPosition": "PA"}, {"Modality": "CR", "SeriesDescription": "Hand PA"},
)  # fmt: skip
_SILENT_TAGS: tuple[Tags, ...] = (
    {**_BODY}, {"Modality": "DX"}, {**_BODY, "SeriesDescription": "Nguc thang"}, {"Modality": "DX", "ViewPosition": "PA"},
)  # fmt: skip
_CONTRARY_TAGS: tuple[Tags, ...] = (
    {**_BODY, "ViewPosition": "PA", "SeriesDescription": "Chest lateral"},
    {**_BODY, "ViewPosition": "PA", "PatientOrientation": "P\\F"},
)  # fmt: skip


@dataclass
class Report:
    """A report; `labels` is the truth, whatever slip its text has."""

    session: str
    service: str
    time: datetime
    text: str
    labels: dict[str, int]
    slipped: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from all others."""
        return self.session, self.service, self.time.isoformat()


@dataclass
class Film:
    """A film, and what should become of it: `told` by its attributes, `fate` in matching, `refused` or held before."""

    uid: str
    study: str
    patient: str | None  # as the PACS has it
    time: datetime | None
    tags: Tags
    drawn: str  # chest | supine | lateral | hand
    findings: list[Finding]
    encoding: str = "plain"
    damage: str = ""
    told: str = PA
    fate: str = UNMATCHED
    refused: str = ""  # the code that it is refused or held with
    collected: bool = True
    reports: list[Report] = field(default_factory=list)  # that it belongs to, or may belong to


@dataclass
class Visit:
    """A stay of a patient, as HIS has it."""

    session: str
    patient: str
    check_in: datetime
    check_out: datetime
    reports: list[Report] = field(default_factory=list)
    other_services: list[Report] = field(default_factory=list)
    fault: str = ""


@dataclass
class Hospital:
    """All of it; films in the order in which their files lie."""

    visits: list[Visit]
    films: list[Film]


class _Builder:
    """Makes one patient after the other."""

    def __init__(self, seed: int, faults: float) -> None:
        self.rng = random.Random(f"vnlabel demo {seed}")
        self.faults, self.hospital = faults, Hospital([], [])
        self._session = self._study = 0

    def patient(self, number: int) -> None:
        """A patient with one to three visits."""
        his, pacs = f"{number * 37 + 1000:08}", str(number * 37 + 1000)
        if self.rng.random() < 0.5:
            pacs = his  # only some of the machines drop leading zeros
        begin = START + timedelta(hours=self.rng.randrange(24 * 20), minutes=self.rng.randrange(60))
        for _ in range(self.rng.choices((1, 2, 3), (6, 3, 1))[0]):
            self.visit(his, pacs, begin)
            begin += BETWEEN_VISITS + timedelta(hours=self.rng.randrange(60))

    def visit(self, his: str, pacs: str, begin: datetime) -> None:
        """A visit in which all goes well, or one thing goes wrong."""
        self._session += 1
        visit = Visit(f"LK{self._session:06}", his, begin, begin + timedelta(hours=10))
        self.hospital.visits.append(visit)
        findings = draw_findings(self.rng)
        if self.rng.random() < self.faults:
            visit.fault, happen = self.rng.choice(_FAULTS)
            happen(self, visit, pacs, findings)
        else:
            self.pair(visit, pacs, findings)
        if self.rng.random() < 0.2:  # the second film of the examination, with a report of its own
            self.film(visit, pacs, findings, 1.1, drawn="lateral", told=NOT_PA, tags=self.rng.choice(_LATERAL_TAGS))
            visit.other_services.append(self.written(visit, findings, 2.2, LATERAL))
        if self.rng.random() < 0.15:
            self.film(visit, pacs, [], 3.0, drawn="hand", told=NOT_PA, tags=self.rng.choice(_HAND_TAGS))
            visit.other_services.append(self.written(visit, [], 4.0, OTHER))

    def pair(self, visit: Visit, pacs: str, findings: list[Finding], hours: float = 1.0) -> tuple[Film, Report]:
        """A PA film and its report, an hour later."""
        report = self.report(visit, findings, hours + 1)
        film = self.film(visit, pacs, findings, hours)
        film.fate, film.reports = MATCHED, [report]
        return film, report

    def written(self, visit: Visit, findings: list[Finding], hours: float, service: str = FRONTAL) -> Report:
        """A report that stands nowhere yet."""
        time = visit.check_in + timedelta(hours=hours, minutes=self.rng.randrange(10))
        return Report(visit.session, service, time, write_report(self.rng, findings), labels_of(findings))

    def report(self, visit: Visit, findings: list[Finding], hours: float) -> Report:
        """A frontal report of a visit, with a slip now and then."""
        report = self.written(visit, findings, hours)
        if self.rng.random() < SLIPS:
            report.text, report.slipped = slip(self.rng, report.text), True
        visit.reports.append(report)
        return report

    def film(
        self, visit: Visit, pacs: str, findings: list[Finding], hours: float, *, drawn: str = "chest", told: str = PA,
        tags: Tags | None = None,
    ) -> Film:  # fmt: skip
        """A film of a visit, in one of the encodings of its machines."""
        self._study += 1
        number = f"{ROOT}.{self.rng.randrange(10**8)}.{self._study}"
        film = Film(
            f"{number}.1.1", number, pacs, visit.check_in + timedelta(hours=hours, minutes=self.rng.randrange(10)),
            self.rng.choice(_PA_TAGS) if tags is None else tags, drawn, findings,
            encoding=self.rng.choice(("plain", "plain", "inverted", "signed", "baseline", "rle")), told=told,
        )  # fmt: skip
        self.hospital.films.append(film)
        return film


def build(patients: int, seed: int, faults: float = FAULTS) -> Hospital:
    """A hospital with so many patients; `faults` is the share of visits in which something goes wrong."""
    builder = _Builder(seed, faults)
    for number in range(patients):
        builder.patient(number)
    return builder.hospital


def _retake_equal(b: _Builder, visit: Visit, pacs: str, findings: list[Finding]) -> None:
    """Two films and two reports that say the same: to each film the nearer one."""
    _, first = b.pair(visit, pacs, findings)
    _, second = b.pair(visit, pacs, findings, 4.0)
    second.text, second.labels, second.slipped = first.text, first.labels, first.slipped


def _retake_different(b: _Builder, visit: Visit, pacs: str, findings: list[Finding]) -> None:
    """Two films and two reports that differ: nobody but a person can tell."""
    films = [b.film(visit, pacs, findings, hours) for hours in (1.0, 4.0)]
    reports = [b.report(visit, findings, hours) for hours in (2.0, 5.0)]
    reports[1].text += "\nSo với phim cũ không thay đổi."
    for film in films:
        film.fate, film.reports = REVIEW, reports


def _wrong_clock(b: _Builder, visit: Visit, pacs: str, findings: list[Finding]) -> None:
    """The battery of a machine was empty: it counts from another year."""
    film, _ = b.pair(visit, pacs, findings)
    assert film.time is not None
    film.time, film.fate, film.reports = film.time - timedelta(days=3650), UNMATCHED, []


def _no_time(b: _Builder, visit: Visit, pacs: str, findings: list[Finding]) -> None:
    film, _ = b.pair(visit, pacs, findings)
    film.time, film.fate, film.reports = None, UNMATCHED, []


def _no_patient(b: _Builder, visit: Visit, pacs: str, findings: list[Finding]) -> None:
    film, _ = b.pair(visit, pacs, findings)
    film.patient, film.fate, film.reports = None, UNMATCHED, []


def _no_report(b: _Builder, visit: Visit, pacs: str, findings: list[Finding]) -> None:
    b.film(visit, pacs, findings, 1.0)


def _no_film(b: _Builder, visit: Visit, pacs: str, findings: list[Finding]) -> None:
    b.report(visit, findings, 2.0)


def _after_check_out(b: _Builder, visit: Visit, pacs: str, findings: list[Finding]) -> None:
    """The stay was closed too early."""
    b.report(visit, findings, 2.0)
    b.film(visit, pacs, findings, 12.0)


def _late_report(b: _Builder, visit: Visit, pacs: str, findings: list[Finding]) -> None:
    """Written two days after the film."""
    visit.check_out = visit.check_in + timedelta(hours=60)
    b.film(visit, pacs, findings, 1.0)
    b.report(visit, findings, 50.0)


def _untold(tags: tuple[Tags, ...]) -> Callable[[_Builder, Visit, str, list[Finding]], None]:
    """A PA film whose attributes do not tell, or contradict each other."""

    def happen(b: _Builder, visit: Visit, pacs: str, findings: list[Finding]) -> None:
        film, _ = b.pair(visit, pacs, findings)
        film.tags, film.told, film.fate, film.reports = b.rng.choice(tags), UNKNOWN, UNMATCHED, []

    return happen


def _bedside(b: _Builder, visit: Visit, pacs: str, findings: list[Finding]) -> None:
    """Taken AP, lying."""
    film, _ = b.pair(visit, pacs, findings)
    tags = b.rng.choice(({**_BODY, "ViewPosition": "AP"}, {**_BODY, "SeriesDescription": "Nguc tai giuong"}))
    film.tags, film.drawn, film.told, film.fate, film.reports = tags, "supine", NOT_PA, UNMATCHED, []


def _damaged(damage: str, refused: str, *, collected: bool = True) -> Callable[[_Builder, Visit, str, list[Finding]], None]:
    def happen(b: _Builder, visit: Visit, pacs: str, findings: list[Finding]) -> None:
        film, _ = b.pair(visit, pacs, findings)
        film.damage, film.refused, film.collected, film.fate, film.reports = damage, refused, collected, UNMATCHED, []
        film.encoding = "plain"

    return happen


def _twice(b: _Builder, visit: Visit, pacs: str, findings: list[Finding]) -> None:
    """The same UID a second time with other bytes: the first, which the good film is, stays in use."""
    film, _ = b.pair(visit, pacs, findings)
    film.damage = "other_bytes"


_FAULTS: tuple[tuple[str, Callable[[_Builder, Visit, str, list[Finding]], None]], ...] = (
    ("retake, equal descriptions", _retake_equal), ("retake, different descriptions", _retake_different),
    ("wrong clock", _wrong_clock), ("no study time", _no_time), ("no patient id", _no_patient), ("no report", _no_report),
    ("no film", _no_film), ("film after check-out", _after_check_out), ("late report", _late_report),
    ("attributes do not tell the view", _untold(_SILENT_TAGS)), ("attributes contradict each other", _untold(_CONTRARY_TAGS)),
    ("bedside film", _bedside), ("truncated file", _damaged("truncated", "truncated", collected=False)),
    ("several frames", _damaged("multi_frame", "multi_frame")), ("no pixels", _damaged("no_pixel_data", "no_pixel_data")),
    ("no SOP class", _damaged("no_sop_class", "no_sop_class", collected=False)),
    ("name burned in", _damaged("burned_in", "held_burned_in")), ("same UID, other bytes", _twice),
)  # fmt: skip
