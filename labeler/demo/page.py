"""The demo's report: one self-contained page for a head of radiology."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from sqlalchemy import Connection, text

from labeler.dataset.overview import status
from labeler.dataset.review import coloured, inline_image
from labeler.dataset.times import SECOND
from labeler.dataset.workspace import Workspace, pa_threshold
from labeler.demo.hospital import Hospital
from labeler.demo.run import WORKSPACE, Outcome
from labeler.io.writers import Outputs
from labeler.labeler import Labeler
from labeler.report import REVIEW

EXAMPLES, ASKED = 6, 3
CLASS_NAMES = {
    "chest_wall": "chest wall", "pleura": "pleura", "parenchyma": "parenchyma", "cardio": "heart, mediastinum",
    "abnormal": "abnormal",
}  # fmt: skip
WHY = {
    "other_modality": "of another modality", "not_chest": "of another part of the body", "no_view": "attributes do not tell",
    "held_burned_in": "name burned in: held for a person", "truncated": "file cut off", "multi_frame": "several frames",
    "no_pixel_data": "no pixels", "no_sop_class": "no SOP class", "before_check_in": "before check-in",
    "after_check_out": "after check-out", "over_24h": "more than 24 hours apart", "no_study_time": "no study time",
    "no_patient_id": "no patient id", "no_report_of_patient": "no report of the patient", "residue": "words that no rule knows",
    "different_descriptions": "several different reports fit", "contradiction": "attributes contradict each other",
    "no_body_part": "no part of the body is told", "frontal_but_no_view": "frontal, but PA or AP is not told",
    "other_bytes": "same UID, other bytes", "unattached_sign": "a sign without a place",
    "no_film_of_patient": "no film of the patient", "not_dicom": "not DICOM",
    "fuzzy": "a misspelling whose repair is not sure",
}  # fmt: skip


@dataclass(frozen=True)
class Step:
    """A row of the funnel: what is left, and what went where."""

    name: str
    number: int
    lost: tuple[tuple[int, str], ...] = ()


def write_page(hospital: Hospital, outcome: Outcome, labeler: Labeler, folder: Path, target: Path, seed: int) -> None:
    """Write the page of a finished run."""
    pages = Environment(loader=PackageLoader("labeler.demo", "pages"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    with Workspace(str(folder / WORKSPACE), write=False) as workspace, workspace.engine.connect() as db, Outputs() as outputs:
        found = status(workspace)
        steps = list(_funnel(db, hospital, outcome, found))
        html = pages.get_template("report.html").render(
            hospital=hospital, outcome=outcome, found=found, steps=steps, most=max(1, steps[0].number), seed=seed,
            classes=labeler.classes, names=CLASS_NAMES, examples=list(_examples(workspace, db, labeler)),
            asked=list(_asked(workspace, db, labeler)), which=list(_which(workspace, db, labeler)), why=in_words,
            mistaken=list(_mistaken(hospital, outcome, labeler)), reports=sum(outcome.labels.values()),
            patients=len({visit.patient for visit in hospital.visits}),
            slips=sum(report.slipped for visit in hospital.visits for report in visit.reports),
        )  # fmt: skip
        outputs.file(str(target)).write(html)
        outputs.commit()


def in_words(code: str) -> str:
    """A reason for people; several of them joined."""
    return ", ".join(WHY.get(part, part.replace("_", " ")) for part in code.split(";"))


def _reasons(counts: dict[str, int]) -> tuple[tuple[int, str], ...]:
    return tuple((n, in_words(code)) for code, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _funnel(db: Connection, hospital: Hospital, outcome: Outcome, found: dict[str, Any]) -> Iterable[Step]:
    pacs, pairs = found["pacs"], found["match"]
    yield Step("files of films in the archive", len(hospital.films) + pacs["set_aside_by"].get("other_bytes", 0))
    yield Step("collected, each once", pacs["images"], _reasons(pacs["set_aside_by"]))
    views = _counts(
        db,
        """SELECT CASE WHEN view_probability IS NOT NULL THEN 'lateral, bedside or another part of the body'
             WHEN instr(view_reason, ':') THEN substr(view_reason, 1, instr(view_reason, ':') - 1) ELSE view_reason END,
           count(*) FROM studies WHERE coalesce(view_probability, 0) <= :threshold GROUP BY 1""",
        threshold=pa_threshold(db),
    )
    yield Step("PA chest films, by their attributes", pacs["images"] - sum(views.values()), _reasons(views))
    yield Step("made into images", pacs["pa"], _reasons(pacs["refused_by"]))
    lost = {**pairs["unmatched_films_by"], "different_descriptions": pairs["review"]}
    yield Step("matched with their report", pairs["matched"], _reasons({code: n for code, n in lost.items() if n}))
    yield Step("in the data set", outcome.exported, _reasons(found["labels"]["review_by"]))


def _counts(db: Connection, query: str, **values: object) -> dict[str, int]:
    return {str(row[0]): int(row[1]) for row in db.execute(text(query), values)}


def _examples(workspace: Workspace, db: Connection, labeler: Labeler) -> Iterable[dict[str, Any]]:
    """Films beside their reports, of as many kinds as there are."""
    rows = db.execute(
        text("""SELECT t.image, r.text, l.labels FROM pairs p JOIN labels l ON l.report = p.report
                JOIN reports r ON r.id = p.report JOIN studies t ON t.sop_uid = p.sop_uid
                WHERE p.status = 'matched' AND l.status <> :review ORDER BY t.sop_uid"""),
        {"review": REVIEW},
    ).all()
    shown: dict[str, Any] = {}
    for row in sorted(rows, key=lambda row: -sum(json.loads(row.labels).values())):
        shown.setdefault(row.labels, row)
    for row in list(shown.values())[:EXAMPLES]:
        yield {
            "image": inline_image(workspace, row.image), "labels": json.loads(row.labels),
            "pieces": coloured(labeler.label(row.text)),
        }  # fmt: skip


def _asked(workspace: Workspace, db: Connection, labeler: Labeler) -> Iterable[dict[str, Any]]:
    """Reports that the labeler does not vouch for."""
    rows = db.execute(
        text("""SELECT t.image, r.text, l.labels, l.reasons FROM pairs p JOIN labels l ON l.report = p.report
                JOIN reports r ON r.id = p.report JOIN studies t ON t.sop_uid = p.sop_uid
                WHERE p.status = 'matched' AND l.status = :review ORDER BY t.sop_uid LIMIT :n"""),
        {"review": REVIEW, "n": ASKED},
    )
    for row in rows:
        yield {
            "image": inline_image(workspace, row.image), "labels": json.loads(row.labels), "reasons": row.reasons,
            "pieces": coloured(labeler.label(row.text)),
        }  # fmt: skip


def _mistaken(hospital: Hospital, outcome: Outcome, labeler: Labeler) -> Iterable[dict[str, Any]]:
    """Reports that were labelled without a person, and wrongly."""
    by_key = {"|".join(report.key): report for visit in hospital.visits for report in visit.reports}
    for key in outcome.mislabelled[:ASKED]:
        found = labeler.label(by_key[key].text)
        yield {"pieces": coloured(found), "labels": dict(found.labels), "truth": by_key[key].labels}


def _which(workspace: Workspace, db: Connection, labeler: Labeler) -> Iterable[dict[str, Any]]:
    """A film that several different reports fit."""
    film = db.execute(
        text("""SELECT t.sop_uid, t.image, t.study_time FROM pairs p JOIN studies t ON t.sop_uid = p.sop_uid
                WHERE p.status = 'review' ORDER BY t.sop_uid LIMIT 1""")
    ).first()
    if film is None:
        return
    rows = db.execute(
        text("SELECT r.text, r.report_time FROM pairs p JOIN reports r ON r.id = p.report WHERE p.sop_uid = :film ORDER BY 2"),
        {"film": film.sop_uid},
    )
    yield {
        "image": inline_image(workspace, film.image),
        "reports": [
            (round((row.report_time - film.study_time) / SECOND / 3600, 1), coloured(labeler.label(row.text))) for row in rows
        ],
    }
