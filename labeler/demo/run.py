"""The whole way over the simulated hospital, stage by stage, and what came of it held against the truth."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from labeler.dataset.collect import FOLDER, Store, Wanted, collect_files
from labeler.dataset.export import export
from labeler.dataset.his import find_files, read_reports
from labeler.dataset.images import make_images, options_in_use
from labeler.dataset.labels import label_all
from labeler.dataset.mapping import load_mappings
from labeler.dataset.match import PatientIds, match_all
from labeler.dataset.review import KINDS, write_review
from labeler.dataset.services import Services
from labeler.dataset.split import split_all
from labeler.dataset.times import iso
from labeler.dataset.views import Attributes, view_all
from labeler.dataset.workspace import Workspace, pa_threshold
from labeler.demo.hospital import MATCHED, NOT_PA, PA, REVIEW, UNKNOWN, UNMATCHED, Film, Hospital, Report
from labeler.demo.write import HIS, PACS, TRUTH, film_file, write_films, write_his, write_truth
from labeler.labeler import Labeler

SIZE = 512
WORKSPACE, DATA, SHEETS, PAGE = "work", "data", "review", "report.html"


@dataclass
class Compared:
    """What was held against the truth: how many, how many as they should be, and the others."""

    total: int = 0
    right: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, right: bool, what: str) -> None:
        """One more."""
        self.total += 1
        self.right += right
        if not right:
            self.wrong.append(what)


@dataclass
class Outcome:
    """What came of a run; `labels` counts matched reports: auto and right, auto and wrong, review."""

    views: Compared = field(default_factory=Compared)
    refused: Compared = field(default_factory=Compared)
    matches: Compared = field(default_factory=Compared)
    labels: Counter[str] = field(default_factory=Counter)
    mislabelled: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    split: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    exported: int = 0  # images


def run(hospital: Hospital, folder: Path, labeler: Labeler, tell: Callable[[str], None]) -> Outcome:
    """Write the hospital into a folder, run every stage, and compare; `tell` gets a line for each stage."""
    outcome = Outcome()

    def stage(name: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        found = work()
        outcome.seconds[name] = time.perf_counter() - start
        tell(f"{name:<8} {outcome.seconds[name]:6.1f} s")
        return found

    def ignore(*_: object) -> None:
        """Broken files are a part of it."""

    stage("write", lambda: _write(hospital, folder))
    with Workspace(str(folder / WORKSPACE), create=True) as workspace:
        his = list(find_files([str(folder / HIS)]))
        services = Services(labeler.rules)
        stage("reports", lambda: read_reports(workspace, his, load_mappings(None), services, ignore, ignore))

        def collect() -> None:
            with Store(workspace, FOLDER, Wanted(), ignore) as store:
                collect_files(store, str(folder / PACS), False, ignore)

        stage("collect", collect)
        stage("views", lambda: view_all(workspace, Attributes(), None, only_unknown=False, step=ignore))
        options = options_in_use(workspace, SIZE, 90)
        stage(
            "images",
            lambda: make_images(workspace, options, every_view=False, jobs=None, tell=ignore, step=ignore),
        )
        stage("match", lambda: match_all(workspace, PatientIds(), ignore))
        stage("labels", lambda: label_all(workspace, labeler, ignore))
        stage("review", lambda: write_review(workspace, labeler, folder / SHEETS, KINDS, None))
        outcome.split = stage("split", lambda: split_all(workspace, None, None, False))[0]
        data = folder / DATA
        meta = stage("export", lambda: export(workspace, data, with_review=False, policy="positive", step=ignore))
        outcome.exported = meta["counts"]["images"]
        with workspace.engine.connect() as db:
            _compare(db, hospital, folder / PACS, outcome)
    return outcome


def _write(hospital: Hospital, folder: Path) -> None:
    write_his(hospital, folder / HIS)
    write_films(hospital, folder / PACS, lambda more: None)
    write_truth(hospital, folder / TRUTH)


def _compare(db: Connection, hospital: Hospital, films: Path, outcome: Outcome) -> None:
    rows = {row.sop_uid: row for row in db.execute(text("SELECT sop_uid, view_probability, refused FROM studies"))}
    asides = {(row.name, row.code) for row in db.execute(text("SELECT name, code FROM asides"))}
    paired: dict[str, list[Any]] = {}
    for row in db.execute(
        text("""SELECT p.sop_uid, p.status, s.session_id, r.service_id, r.report_time FROM pairs p
                JOIN reports r ON r.id = p.report JOIN sessions s ON s.id = r.session""")
    ):
        paired.setdefault(row.sop_uid, []).append(row)
    threshold = pa_threshold(db)
    for number, film in enumerate(hospital.films):
        found = rows.get(film.uid)
        if not film.collected:
            file = str(films / film_file(number))
            outcome.refused.add(found is None and (file, film.refused) in asides, film.uid)
            continue
        if found is None:
            outcome.views.add(False, film.uid)
            continue
        p = found.view_probability
        outcome.views.add((UNKNOWN if p is None else PA if p > threshold else NOT_PA) == film.told, film.uid)
        wanted = film.refused if film.told == PA else ""
        if wanted or found.refused:
            outcome.refused.add((found.refused or "") == wanted, film.uid)
        outcome.matches.add(_fate(film, paired.get(film.uid, [])), film.uid)
    _compare_labels(db, hospital, outcome)


def _fate(film: Film, pairs: list[Any]) -> bool:
    """Whether a film came to what it should."""
    status = {row.status for row in pairs}
    keys = {(row.session_id, row.service_id, iso(row.report_time)) for row in pairs}
    if film.fate == UNMATCHED:
        return not pairs
    return status == {MATCHED if film.fate == MATCHED else REVIEW} and keys == {report.key for report in film.reports}


def _compare_labels(db: Connection, hospital: Hospital, outcome: Outcome) -> None:
    truth: dict[tuple[str, str, str], Report] = {r.key: r for visit in hospital.visits for r in visit.reports}
    for row in db.execute(
        text("""SELECT s.session_id, r.service_id, r.report_time, l.labels, l.status FROM labels l
                JOIN reports r ON r.id = l.report JOIN sessions s ON s.id = r.session""")
    ):
        report = truth[row.session_id, row.service_id, iso(row.report_time)]
        right = json.loads(row.labels) == report.labels
        if row.status == REVIEW:
            outcome.labels["review"] += 1
        else:
            outcome.labels["auto and right" if right else "auto and wrong"] += 1
            if not right:
                outcome.mislabelled.append("|".join(report.key))


def summary(hospital: Hospital, outcome: Outcome, folder: Path) -> dict[str, Any]:
    """What `vnlabel demo` answers."""
    compared = {"views": outcome.views, "refused": outcome.refused, "matches": outcome.matches}
    return {
        "films": len(hospital.films), "visits": len(hospital.visits), "images": outcome.exported,
        **{name: {"total": c.total, "right": c.right, "wrong": c.wrong} for name, c in compared.items()},
        "labels": dict(sorted(outcome.labels.items())), "mislabelled": outcome.mislabelled,
        "seconds": {name: round(value, 2) for name, value in outcome.seconds.items()}, "page": str(folder / PAGE),
    }  # fmt: skip
