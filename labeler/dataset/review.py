"""Stage `review`, out: what needs a person, as sheets to look at and a CSV to fill in.

Asked are films that several reports with different descriptions fit (`match`), reports that the labeler does not
vouch for (`labels`), and the samples of the quality rounds (`quality`).  Sheets and CSV name films and reports by keyed
hashes; `decide.py` takes the CSV back.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from sqlalchemy import Connection, text
from sqlalchemy.dialects.sqlite import insert as upsert

from labeler.dataset.match import patient_ids
from labeler.dataset.times import SECOND
from labeler.dataset.workspace import Workspace, film_key, items
from labeler.highlight import pieces
from labeler.io.decisions import CORRECTED, HASH, PROPOSED
from labeler.io.writers import Outputs, remove_leftovers, row
from labeler.labeler import Labeler
from labeler.report import LabeledReport

KINDS = ("match", "labels", "quality")
TABLE = "review.csv"
PER_SHEET = 100
VERDICTS = ("ok", "labels", "match", "image")
OTHERS = 3  # other reports of the patient that are shown beside the one that is matched
NONE = "none"  # in the column `match`: the film belongs to no report
MEDIA = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}


@dataclass
class Candidate:
    """A report that a film may belong to, `apart` microseconds from it."""

    report: int
    key: str
    text: str
    text_hash: str
    apart: int


@dataclass
class Item:
    """One question to a person."""

    kind: str
    films: list[str]
    report: int | None = None
    round: int | None = None
    text: str = ""
    text_hash: str = ""
    labels: dict[str, int] = field(default_factory=dict)
    uncertain: str = ""
    reasons: str = ""
    candidates: list[Candidate] = field(default_factory=list)
    images: list[tuple[str, str | None]] = field(default_factory=list)  # key, path of the JPG
    key: str = ""


def columns(classes: Iterable[str]) -> list[str]:
    """Header of the CSV."""
    names = list(classes)
    return [
        "number", "item", "kind", "image_key", "report_key", HASH, "description", "candidates",
        *(PROPOSED + name for name in names), "uncertain", "reasons", "verdict", CORRECTED, *names, "match",
    ]  # fmt: skip


def report_key(workspace: Workspace, session_id: str, service_id: str, report_time: int, nth: int) -> str:
    """The hash that stands for a report."""
    return workspace.hash("report", session_id, service_id, report_time, nth)


class Desk:
    """Films and reports as a person is shown them."""

    def __init__(self, workspace: Workspace, db: Connection) -> None:
        self.workspace, self.db = workspace, db
        self._ids = patient_ids(db)

    def report(self, report: int, taken: int | None = None) -> Candidate | None:
        """A report, and how far it is from a film; None when there is no such report."""
        found = self.db.execute(
            text("""SELECT s.session_id, r.service_id, r.report_time, r.nth, r.text, r.text_hash
                    FROM reports r JOIN sessions s ON s.id = r.session WHERE r.id = :report"""),
            {"report": report},
        ).first()
        if found is None:
            return None
        apart = found.report_time - taken if taken is not None else 0
        return Candidate(report, report_key(self.workspace, *found[:4]), found.text, found.text_hash, apart)

    def fitting(self, film: str) -> list[Candidate]:
        """The reports that a film fits, nearest in time first."""
        query = text("SELECT report FROM pairs WHERE sop_uid = :film")
        return self._near(film, self.db.execute(query, {"film": film}).scalars().all())

    def others(self, film: str, report: int) -> list[Candidate]:
        """The patient's reports next in time to a film, but for one."""
        near = self._near(film, [other for other in self.of_patient(film) if other != report])
        return near[:OTHERS]

    def of_patient(self, film: str) -> list[int]:
        """All reports of the patient of a film."""
        query = text("SELECT patient_id FROM studies WHERE sop_uid = :film")
        patient = self._ids.key(self.db.execute(query, {"film": film}).scalar())
        return self._by_patient.get(patient, []) if patient is not None else []

    @cached_property
    def _by_patient(self) -> dict[str | None, list[int]]:
        out: dict[str | None, list[int]] = defaultdict(list)
        query = text("SELECT s.patient_id, r.id FROM reports r JOIN sessions s ON s.id = r.session")
        for patient_id, report in self.db.execute(query):
            out[self._ids.key(patient_id)].append(report)
        return dict(out)

    def _near(self, film: str, which: Iterable[int]) -> list[Candidate]:
        query = text("SELECT study_time FROM studies WHERE sop_uid = :film")
        taken = self.db.execute(query, {"film": film}).scalar()
        found = [candidate for report in which if (candidate := self.report(report, taken)) is not None]
        return sorted(found, key=lambda candidate: (abs(candidate.apart), candidate.report))


def questions(desk: Desk, kinds: Iterable[str]) -> Iterator[Item]:
    """What persons are to look at, kind by kind."""
    find = {"match": _of_match, "labels": _of_labels, "quality": _of_quality}
    for kind in kinds:
        for item in find[kind](desk):
            film = item.films[0] if kind != "labels" else ""
            item.key = desk.workspace.hash("item", kind, film, item.report, item.round)
            item.images = [(film_key(desk.workspace, film), _image(desk.db, film)) for film in item.films]
            yield item


def candidates_digest(candidates: list[Candidate]) -> str:
    """16 hexadecimal digits for the texts that a match is chosen from."""
    return hashlib.sha256("\n".join(c.text_hash for c in candidates).encode()).hexdigest()[:16]


def apart_in_words(by: int) -> str:
    """Time from film to report."""
    hours, minutes = divmod(abs(by) // (60 * SECOND), 60)
    return f"report {hours} h {minutes:02} min {'after' if by >= 0 else 'before'} the film"


def _of_match(desk: Desk) -> Iterator[Item]:
    query = text("SELECT DISTINCT sop_uid FROM pairs WHERE status = 'review' ORDER BY sop_uid")
    for film in desk.db.execute(query).scalars().all():
        found = desk.fitting(film)
        yield Item(
            "match", [film], reasons="different_descriptions", candidates=found, text_hash=candidates_digest(found)
        )


def _of_labels(desk: Desk) -> Iterator[Item]:
    rows = desk.db.execute(
        text("""SELECT l.report, p.sop_uid FROM labels l JOIN pairs p ON p.report = l.report
                WHERE l.status = 'review' AND p.status = 'matched' ORDER BY l.report, p.sop_uid""")
    ).all()
    for report, group in groupby(rows, key=lambda found: found[0]):
        yield _labelled(desk, Item("labels", [film for _, film in group], report))


def _of_quality(desk: Desk) -> Iterator[Item]:
    rows = desk.db.execute(
        text("""SELECT s.sop_uid, s.report, s.round FROM samples s JOIN labels l ON l.report = s.report
                WHERE NOT EXISTS (SELECT 1 FROM items i JOIN decisions d ON d.item = i.key WHERE i.kind = 'quality'
                  AND i.round = s.round AND i.sop_uid = s.sop_uid AND i.report = s.report)
                ORDER BY s.round, s.sop_uid""")
    ).all()
    for film, report, number in rows:
        yield _labelled(desk, Item("quality", [film], report, number))


def _labelled(desk: Desk, item: Item) -> Item:
    assert item.report is not None
    found = desk.db.execute(
        text("""SELECT r.text, r.text_hash, l.labels, l.uncertain, l.reasons FROM reports r
                JOIN labels l ON l.report = r.id WHERE r.id = :report"""),
        {"report": item.report},
    ).one()
    item.text, item.text_hash, item.uncertain, item.reasons = (
        found.text,
        found.text_hash,
        found.uncertain,
        found.reasons,
    )
    item.labels = json.loads(found.labels)
    item.candidates = desk.others(item.films[0], item.report)
    return item


def _image(db: Connection, film: str) -> str | None:
    found: str | None = db.execute(text("SELECT image FROM studies WHERE sop_uid = :film"), {"film": film}).scalar()
    return found


def write_review(
    workspace: Workspace, labeler: Labeler, out: Path, kinds: Iterable[str], limit: int | None
) -> Counter[str]:
    """Write sheets and CSV into a folder; returns how many of each kind were written, and under `left` the rest."""
    counts: Counter[str] = Counter()
    out.mkdir(parents=True, exist_ok=True)
    remove_leftovers(out, TABLE, "review-*.html")
    sheets = _Sheets(out, labeler)
    with workspace.engine.begin() as db, Outputs() as outputs:
        desk = Desk(workspace, db)
        table = outputs.file(str(out / TABLE))
        table.write("\ufeff" + row(columns(labeler.classes)))  # spreadsheets take the mark for UTF-8
        number = 0
        for item in questions(desk, kinds):
            if limit is not None and number >= limit:
                counts["left"] += 1
                continue
            number += 1
            counts[item.kind] += 1
            kept = upsert(items).values(
                key=item.key, kind=item.kind, sop_uid=item.films[0], report=item.report, round=item.round
            )
            db.execute(kept.on_conflict_do_nothing())
            table.write(row(_cells(desk, item, number, labeler.classes)))
            sheets.add(_shown(workspace, labeler, item, number))
        sheets.close()
        outputs.commit()
    return counts


class _Sheets:
    """HTML sheets of so many items each; those of an earlier, longer review are removed."""

    def __init__(self, out: Path, labeler: Labeler) -> None:
        environment = Environment(
            loader=PackageLoader("labeler.dataset", "pages"), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        self._page = environment.get_template("review.html")
        self._out, self._classes = out, labeler.classes
        self._items: list[dict[str, Any]] = []
        self._pages = 0

    def add(self, item: dict[str, Any]) -> None:
        """One item more."""
        self._items.append(item)
        if len(self._items) == PER_SHEET:
            self._write()

    def _write(self) -> None:
        self._pages += 1
        with Outputs() as outputs:
            page = outputs.file(str(self._out / f"review-{self._pages:03}.html"))
            page.write(self._page.render(page=self._pages, items=self._items, classes=self._classes))
            outputs.commit()
        self._items = []

    def close(self) -> None:
        """No more items."""
        if self._items:
            self._write()
        for stale in self._out.glob("review-*.html"):
            if stale.stem[7:].isdigit() and int(stale.stem[7:]) > self._pages:
                stale.unlink()


def _cells(desk: Desk, item: Item, number: int, classes: tuple[str, ...]) -> list[str]:
    report = desk.report(item.report) if item.report is not None else None
    texts = "\n\n".join(f"{c.key} ({apart_in_words(c.apart)}):\n{c.text}" for c in item.candidates)
    proposed = [str(item.labels[name]) if name in item.labels else "" for name in classes]
    return [
        str(number), item.key, item.kind, " ".join(key for key, _ in item.images), report.key if report else "",
        item.text_hash, item.text, texts, *proposed, item.uncertain, item.reasons, "", "", *[""] * len(classes), "",
    ]  # fmt: skip


def _shown(workspace: Workspace, labeler: Labeler, item: Item, number: int) -> dict[str, Any]:
    """What a sheet shows of an item."""
    return {
        "number": number, "key": item.key, "kind": item.kind, "round": item.round, "reasons": item.reasons.split(";"),
        "images": [(key, inline_image(workspace, path)) for key, path in item.images],
        "pieces": coloured(labeler.label(item.text)) if item.report is not None else [],
        "labels": item.labels, "uncertain": item.uncertain.split(";"),
        "candidates": [(c.key, apart_in_words(c.apart), coloured(labeler.label(c.text))) for c in item.candidates],
    }  # fmt: skip


def inline_image(workspace: Workspace, image: str | None) -> str | None:
    """An image as a data URL; None where there is none."""
    if image is None:
        return None
    path = workspace.path / image
    media = MEDIA.get(path.suffix.lower())
    if media is None or not path.is_file():
        return None
    return f"data:{media};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def coloured(report: LabeledReport) -> list[tuple[str, str, str]]:
    """A report in pieces: (text, CSS classes, what the piece is)."""
    out: list[tuple[str, str, str]] = []
    at = 0
    for piece in pieces(report):
        if piece.start > at:
            out.append((report.text[at : piece.start], "", ""))
        words = report.text[piece.start : piece.end]
        at = piece.end
        if piece.kind == "mention":
            m = report.mentions[piece.mention]
            out.append(
                (words, f"{m.region} {m.assertion}", f"{m.finding.replace('_', ' ')}, {m.region}, {m.assertion}")
            )
        else:
            out.append((words, piece.kind, "not understood" if piece.kind == "residue" else piece.kind))
    out.append((report.text[at:], "", ""))
    return out
