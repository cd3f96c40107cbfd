"""Stage `export`: the data-set CSV, one row an image, and the folder of images it points to; keyed hashes only."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from labeler import __version__
from labeler.dataset.labels import to_label, verdicts_by_report
from labeler.dataset.match import decisions_wait, films_wait, patient_ids
from labeler.dataset.review import report_key
from labeler.dataset.workspace import HASH_DIGITS, Workspace, film_key, get, splits
from labeler.io.refusals import BadInput
from labeler.io.writers import Outputs, dump, remove_leftovers, row
from labeler.report import REVIEW
from labeler.schemes import class_values

TABLE, META, IMAGES = "dataset.csv", "dataset.meta.json", "images"
_OWN = re.compile(rf"\.?[0-9a-f]{{{HASH_DIGITS}}}\.[a-z]+(\.part)?")  # names of images, whole or half-written

_ROWS = """SELECT t.sop_uid, t.study_uid, t.patient_id, t.image, s.session_id, r.service_id, r.report_time, r.nth,
      l.labels, l.status, l.method, l.uncertain, l.reasons
    FROM pairs p JOIN labels l ON l.report = p.report JOIN studies t ON t.sop_uid = p.sop_uid
      JOIN reports r ON r.id = p.report JOIN sessions s ON s.id = r.session
    WHERE p.status = 'matched' ORDER BY r.report_time, r.id, t.sop_uid"""


def export(
    workspace: Workspace, out: Path, *, with_review: bool, policy: str, step: Callable[[int], None]
) -> dict[str, Any]:
    """Write DIR/dataset.csv, DIR/images/ and DIR/dataset.meta.json; returns the latter.

    The table appears when all its images are there.  Images that are there already are kept, so that an export that
    was stopped goes on where it was.  Raises BadInput when a stage before it has work left, or DIR is in the workspace.
    """
    counts: Counter[str] = Counter()
    with workspace.engine.connect() as db, Outputs() as outputs:
        _ready(workspace, db, out)
        (out / IMAGES).mkdir(parents=True, exist_ok=True)
        remove_leftovers(out, TABLE, META)
        ids = patient_ids(db)
        split_of = {row.patient: row.split for row in db.execute(splits.select())}
        table = outputs.file(str(out / TABLE))
        classes: tuple[str, ...] = ()
        written: set[str] = set()
        for found in db.execute(text(_ROWS)):
            step(1)
            patient = ids.key(found.patient_id) or ""
            if found.status == REVIEW and not with_review:
                counts["left_out_review"] += 1
                continue
            if found.image is None:
                counts["left_out_no_image"] += 1
                continue
            if patient not in split_of:
                raise BadInput(f"{workspace.path}: some patients are in no split yet; run split again, then export")
            labels = json.loads(found.labels)
            if not classes:
                classes = tuple(labels)
                tail = ("status", "method", "uncertain", "reasons")
                table.write(row(["image", "study_uid", "patient_key", "split", "report_id", *classes, *tail]))
            source = workspace.path / found.image
            name = f"{film_key(workspace, found.sop_uid)}{source.suffix.lower()}"
            if not _copy(source, out / IMAGES / name):
                counts["left_out_no_image"] += 1
                continue
            written.add(name)
            uncertain = [name for name in found.uncertain.split(";") if name]
            values = class_values(classes, labels, uncertain, policy)
            report = report_key(workspace, found.session_id, found.service_id, found.report_time, found.nth)
            study, patient_key = workspace.hash("study", found.study_uid), workspace.hash("patient", patient)
            split = split_of[patient]
            table.write(
                row([
                    f"{IMAGES}/{name}", study, patient_key, split, report, *values, found.status, found.method,
                    found.uncertain, found.reasons,
                ])
            )  # fmt: skip
            counts["images"] += 1
            counts[f"split_{split}"] += 1
        if not counts["images"]:
            raise BadInput(f"{workspace.path}: nothing to export: {_why_nothing(counts)}")
        meta = {
            "vnlabel": __version__, "rules": get(db, "rules"), "split": get(db, "split"), "uncertain": policy,
            "with_review": with_review, "counts": dict(sorted(counts.items())),
        }  # fmt: skip
        outputs.file(str(out / META)).write(dump(meta, indent=2) + "\n")
        outputs.commit()
    for stale in (out / IMAGES).iterdir():
        if _OWN.fullmatch(stale.name) and stale.name not in written:  # of an earlier export, excluded since; or half-written
            stale.unlink()
    return meta


def _ready(workspace: Workspace, db: Connection, out: Path) -> None:
    if out.resolve().is_relative_to(workspace.path.resolve()):
        raise BadInput(f"{out}: is in the workspace, which is for its owner alone; name a folder outside of it")
    rules = get(db, "rules")
    if rules is None:
        raise BadInput(f"{workspace.path}: no labels yet; run match and labels first")
    if films_wait(db):
        raise BadInput(f"{workspace.path}: PA films have come or gone since they were matched; run match, labels and split")
    if decisions_wait(db):
        raise BadInput(f"{workspace.path}: decisions about films wait to be applied; run match, then labels")
    if to_label(db, rules, verdicts_by_report(db)):
        raise BadInput(f"{workspace.path}: some matched reports have no labels yet; run labels, then split")
    if get(db, "split") is None:
        raise BadInput(f"{workspace.path}: no split yet; run split first")


def _why_nothing(counts: Counter[str]) -> str:
    if counts["left_out_no_image"]:
        return "no film has an image yet; run the stage images"
    if counts["left_out_review"]:
        return "all reports wait for review; --with-review takes them along"
    return "no pairs; run match"


def _copy(source: Path, target: Path) -> bool:
    """Copy an image, whole or not at all; one of the same size and time is there already."""
    try:
        have = source.stat()
    except OSError:
        return False
    try:
        there = target.stat()
        if there.st_size == have.st_size and there.st_mtime_ns == have.st_mtime_ns:
            return True
    except OSError:
        pass
    part = target.with_name(f".{target.name}.part")
    shutil.copyfile(source, part)
    os.utime(part, ns=(have.st_atime_ns, have.st_mtime_ns))
    part.replace(target)
    return True
