"""Stage `review`, out: what needs a person, as sheets to look at and a CSV to fill in.

Asked are films that several reports with different descriptions fit (`match`), reports that the labeler does not
vouch for (`labels`), and the samples of the quality rounds (`quality`).  Sheets and CSV name films and reports by keyed
hashes; `decide.py` takes the CSV back.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader
from sqlalchemy import Connection, text
from sqlalchemy.dialects.sqlite import insert as upsert

from labeler.dataset.times import SECOND
from labeler.dataset.workspace import Workspace, film_key, items
from labeler.highlight import pieces
from labeler.io.decisions import CORRECTED, HASH, PROPOSED
from labeler.io.writers import Outputs, remove_leftovers, row
from labeler.labeler import LabeledReport, Labeler

KINDS = ("match", "labels", "quality")
PER_SHEET = 100
VERDICTS = ("ok", "labels", "match", "image")
NONE = "none"  # in the column `match`: the film belongs to no report
MEDIA = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}


@dataclass
class Candidate:
    """A report that a film may belong to."""

    report: int
    key: str
    text: str
    text_hash: str
    apart: str  # from the film


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


class ReportFacts(NamedTuple):
    """What a review needs to know of a report."""

    key: str
    text: str
    text_hash: str
    report_time: int


def report_facts(workspace: Workspace, db: Connection, report: int) -> ReportFacts | None:
    """A report's key, text and time; None when there is no such report."""
    found = db.execute(
        text("""SELECT s.session_id, r.service_id, r.report_time, r.nth, r.text, r.text_hash
                FROM reports r JOIN sessions s ON s.id = r.session WHERE r.id = :report"""),
        {"report": report},
    ).first()
    if found is None:
        return None
    return ReportFacts(report_key(workspace, *found[:4]), found.text, found.text_hash, found.report_time)


def questions(workspace: Workspace, db: Connection, kinds: Iterable[str]) -> Iterator[Item]:
    """What persons are to look at, kind by kind."""
    find = {"match": _of_match, "labels": _of_labels, "quality": _of_quality}
    for kind in kinds:
        for item in find[kind](workspace, db):
            item.key = workspace.hash("item", kind, item.films[0] if kind != "labels" else "", item.report, item.round)
            item.images = [(film_key(workspace, film), _image(db, film)) for film in item.films]
            yield item


def candidates_digest(candidates: list[Candidate]) -> str:
    """16 hexadecimal digits for the texts that a match is chosen from."""
    return hashlib.sha256("\n".join(c.text_hash for c in candidates).encode()).hexdigest()[:16]


def candidates_of(workspace: Workspace, db: Connection, film: str) -> list[Candidate]:
    """The reports that fit a film, nearest in time first."""
    rows = db.execute(
        text("""SELECT p.report, t.study_time FROM pairs p JOIN studies t ON t.sop_uid = p.sop_uid
                WHERE p.sop_uid = :film"""),
        {"film": film},
    ).all()
    out = []
    for report, taken in rows:
        facts = report_facts(workspace, db, report)
        if facts is not None:
            apart = facts.report_time - (taken or 0)
            out.append((abs(apart), Candidate(report, facts.key, facts.text, facts.text_hash, _apart(apart))))
    return [candidate for _, candidate in sorted(out, key=lambda found: (found[0], found[1].report))]


def _apart(by: int) -> str:
    hours, minutes = divmod(abs(by) // (60 * SECOND), 60)
    return f"report {hours} h {minutes:02} min {'after' if by >= 0 else 'before'} the film"


def _of_match(workspace: Workspace, db: Connection) -> Iterator[Item]:
    films = db.execute(text("SELECT DISTINCT sop_uid FROM pairs WHERE status = 'review' ORDER BY sop_uid")).scalars().all()
    for film in films:
        found = candidates_of(workspace, db, film)
        yield Item(
            "match", [film], reasons="different_descriptions", candidates=found, text_hash=candidates_digest(found)
        )


def _of_labels(workspace: Workspace, db: Connection) -> Iterator[Item]:
    rows = db.execute(
        text("""SELECT l.report, p.sop_uid FROM labels l JOIN pairs p ON p.report = l.report
                WHERE l.status = 'review' AND p.status = 'matched' ORDER BY l.report, p.sop_uid""")
    ).all()
    for report, group in groupby(rows, key=lambda found: found[0]):
        yield _labelled(db, Item("labels", [film for _, film in group], report))


def _of_quality(workspace: Workspace, db: Connection) -> Iterator[Item]:
    rows = db.execute(
        text("""SELECT s.sop_uid, s.report, s.round FROM samples s JOIN labels l ON l.report = s.report
                WHERE NOT EXISTS (SELECT 1 FROM items i JOIN decisions d ON d.item = i.key WHERE i.kind = 'quality'
                  AND i.round = s.round AND i.sop_uid = s.sop_uid AND i.report = s.report)
                ORDER BY s.round, s.sop_uid""")
    ).all()
    for film, report, number in rows:
        yield _labelled(db, Item("quality", [film], report, number))


def _labelled(db: Connection, item: Item) -> Item:
    found = db.execute(
        text("""SELECT r.text, r.text_hash, l.labels, l.uncertain, l.reasons FROM reports r
                JOIN labels l ON l.report = r.id WHERE r.id = :report"""),
        {"report": item.report},
    ).one()
    item.text, item.text_hash, item.uncertain, item.reasons = found.text, found.text_hash, found.uncertain, found.reasons
    item.labels = json.loads(found.labels)
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
    remove_leftovers(out, "review.csv", "review-*.html")
    sheets = Environment(loader=PackageLoader("labeler.dataset", "pages"), autoescape=True, trim_blocks=True)
    page = sheets.get_template("review.html")
    with workspace.engine.begin() as db, Outputs() as outputs:
        table = outputs.file(str(out / "review.csv"))
        table.write("\ufeff" + row(columns(labeler.classes)))  # spreadsheets take the mark for UTF-8
        sheet: list[dict[str, Any]] = []
        number = pages = 0

        def write_sheet() -> None:
            nonlocal pages
            pages += 1
            name = out / f"review-{pages:03}.html"
            outputs.file(str(name)).write(page.render(page=pages, items=sheet, classes=labeler.classes))
            sheet.clear()

        for item in questions(workspace, db, kinds):
            if limit is not None and number >= limit:
                counts["left"] += 1
                continue
            number += 1
            counts[item.kind] += 1
            kept = upsert(items).values(
                key=item.key, kind=item.kind, sop_uid=item.films[0], report=item.report, round=item.round
            )
            db.execute(kept.on_conflict_do_nothing())
            table.write(row(_cells(workspace, db, item, number, labeler.classes)))
            sheet.append(_shown(workspace, labeler, item, number))
            if len(sheet) == PER_SHEET:
                write_sheet()
        if sheet:
            write_sheet()
        outputs.commit()
    for stale in out.glob("review-*.html"):
        if stale.stem[7:].isdigit() and int(stale.stem[7:]) > pages:
            stale.unlink()
    return counts


def _cells(workspace: Workspace, db: Connection, item: Item, number: int, classes: tuple[str, ...]) -> list[str]:
    facts = report_facts(workspace, db, item.report) if item.report is not None else None
    texts = "\n\n".join(f"{c.key} ({c.apart}):\n{c.text}" for c in item.candidates)
    proposed = [str(item.labels[name]) if name in item.labels else "" for name in classes]
    return [
        str(number), item.key, item.kind, " ".join(key for key, _ in item.images), facts.key if facts else "",
        item.text_hash, item.text, texts, *proposed, item.uncertain, item.reasons, "", "", *[""] * len(classes), "",
    ]  # fmt: skip


def _shown(workspace: Workspace, labeler: Labeler, item: Item, number: int) -> dict[str, Any]:
    """What a sheet shows of an item."""
    return {
        "number": number, "key": item.key, "kind": item.kind, "round": item.round, "reasons": item.reasons.split(";"),
        "images": [(key, _inline(workspace, path)) for key, path in item.images],
        "pieces": _coloured(labeler.label(item.text)) if item.report is not None else [],
        "labels": item.labels, "uncertain": item.uncertain.split(";"),
        "candidates": [(c.key, c.apart, _coloured(labeler.label(c.text))) for c in item.candidates],
    }  # fmt: skip


def _inline(workspace: Workspace, image: str | None) -> str | None:
    """An image as a data URL; None where there is none."""
    if image is None:
        return None
    path = workspace.path / image
    media = MEDIA.get(path.suffix.lower())
    if media is None or not path.is_file():
        return None
    return f"data:{media};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _coloured(report: LabeledReport) -> list[tuple[str, str, str]]:
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
            out.append((words, f"{m.region} {m.assertion}", f"{m.finding.replace('_', ' ')}, {m.region}, {m.assertion}"))
        else:
            out.append((words, piece.kind, "not understood" if piece.kind == "residue" else piece.kind))
    out.append((report.text[at:], "", ""))
    return out
