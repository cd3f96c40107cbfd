"""Stage `labels`: the labeler on the matched reports; what persons decided wins and survives new rules."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select, text
from sqlalchemy.dialects.sqlite import insert as upsert

from labeler.dataset.workspace import Workspace, decisions, labels, put, reports
from labeler.io.decisions import with_given
from labeler.io.run import PERSON
from labeler.labeler import Labeler
from labeler.report import REVIEWED

BATCH = 500  # reports labelled in one transaction
LABEL_VERDICTS = ("ok", "labels")


@dataclass(frozen=True)
class Verdict:
    """What a person decided about a report's labels: given labels, or a corrected text, or both."""

    number: int
    text_hash: str
    labels: dict[str, int]
    corrected: str | None
    before: dict[str, int]


@dataclass
class Account:
    """What a run of the stage came to."""

    labelled: int = 0
    kept: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    methods: Counter[str] = field(default_factory=Counter)
    not_applied: Counter[str] = field(default_factory=Counter)
    conflicts: int = 0


def verdicts_by_report(db: Connection, report: int | None = None) -> dict[int, Verdict]:
    """The last decision about each report's labels."""
    query = decisions.select().where(decisions.c.verdict.in_(LABEL_VERDICTS), decisions.c.report.is_not(None))
    if report is not None:
        query = query.where(decisions.c.report == report)
    out = {}
    for row in db.execute(query.order_by(decisions.c.id)):
        after = json.loads(row.after)
        if "labels" in after or "corrected_text" in after:
            before = json.loads(row.before).get("labels", {})
            out[row.report] = Verdict(
                row.id, row.text_hash, after.get("labels", {}), after.get("corrected_text"), before
            )
    return out


def label_row(labeler: Labeler, report: int, description: str, digest: str, verdict: Verdict | None) -> dict[str, Any]:
    """A row of the table `labels`; a verdict on another text than this is not applied."""
    applied = verdict if verdict is not None and verdict.text_hash == digest else None
    said = labeler.label(applied.corrected if applied and applied.corrected is not None else description)
    final, uncertain, status, method = said.labels, said.uncertain, said.status, said.method
    if applied is not None and applied.labels:
        final, uncertain = with_given(said, applied.labels)
        status, method = REVIEWED, PERSON
    return {
        "report": report, "text_hash": digest, "rules": labeler.rules.hash,
        "decision": applied.number if applied else None, "machine": json.dumps(said.labels),
        "labels": json.dumps(final), "status": status, "method": method,
        "uncertain": ";".join(uncertain), "reasons": ";".join(said.reasons),
    }  # fmt: skip


def store(db: Connection, rows: list[dict[str, Any]]) -> None:
    """Write rows of the table `labels`."""
    if rows:
        statement = upsert(labels)
        set_ = {c.name: c for c in statement.excluded if c.name != "report"}
        db.execute(statement.on_conflict_do_update(index_elements=["report"], set_=set_), rows)


def to_label(db: Connection, rules: str, verdicts: dict[int, Verdict]) -> list[int]:
    """Matched reports without labels of these rules for their text as it is and what persons said of it."""
    rows = db.execute(
        text("""SELECT r.id, r.text_hash, l.decision, l.report IS NOT NULL AND l.text_hash = r.text_hash AND l.rules = :rules
                FROM reports r LEFT JOIN labels l ON l.report = r.id
                WHERE r.id IN (SELECT report FROM pairs WHERE status = 'matched') ORDER BY r.id"""),
        {"rules": rules},
    )
    out = []
    for report, digest, decision, fresh in rows:
        verdict = verdicts.get(report)
        wanted = verdict.number if verdict is not None and verdict.text_hash == digest else None
        if not fresh or decision != wanted:
            out.append(report)
    return out


def label_all(workspace: Workspace, labeler: Labeler, step: Callable[[int], None]) -> Account:
    """Label what has no labels by these rules yet, some hundred reports at a time."""
    account = Account()
    with workspace.engine.begin() as db:
        verdicts = verdicts_by_report(db)
        waiting = to_label(db, labeler.rules.hash, verdicts)
        put(db, "rules", labeler.rules.hash)
    for start in range(0, len(waiting), BATCH):
        batch = waiting[start : start + BATCH]
        with workspace.engine.begin() as db:
            label_some(db, labeler, batch, verdicts)
        account.labelled += len(batch)
        step(len(batch))
    with workspace.engine.connect() as db:
        _count(db, account, verdicts)
    account.kept = sum(account.statuses.values()) - account.labelled
    return account


def label_some(db: Connection, labeler: Labeler, which: Iterable[int], verdicts: dict[int, Verdict]) -> None:
    """Label these reports."""
    query = select(reports.c.id, reports.c.text, reports.c.text_hash).where(reports.c.id.in_(list(which)))
    store(db, [label_row(labeler, *row, verdicts.get(row.id)) for row in db.execute(query).all()])


def _count(db: Connection, account: Account, verdicts: dict[int, Verdict]) -> None:
    matched = text("""SELECT l.report, l.status, l.method FROM labels l
        WHERE l.report IN (SELECT report FROM pairs WHERE status = 'matched')""")
    for _, status, method in db.execute(matched):
        account.statuses[status] += 1
        account.methods[method] += 1
    for conflict in conflicts(db, verdicts):
        if conflict["code"] == "changed_text":
            account.not_applied["changed_text"] += 1
        elif conflict["code"] == "rules_changed":
            account.conflicts += 1


def conflicts(db: Connection, verdicts: dict[int, Verdict]) -> list[dict[str, Any]]:
    """Where persons and labeler part, one row a report.

    `changed_text`: the decision is on a text that has changed since, and is not applied.  `rules_changed`: the labeler
    says something else than when the person decided, and not what the person said.  `as_before`: it still says what
    the person overruled.
    """
    out = []
    query = select(labels, reports.c.text_hash.label("now")).join(reports, reports.c.id == labels.c.report)
    for row in db.execute(query):
        verdict = verdicts.get(row.report)
        if verdict is None:
            continue
        machine, final = json.loads(row.machine), json.loads(row.labels)
        if verdict.text_hash != row.now:
            code = "changed_text"
        elif not verdict.labels or machine == final:
            continue
        else:
            code = "as_before" if machine == verdict.before else "rules_changed"
        out.append({"report": row.report, "decision": verdict.number, "code": code, "machine": machine, "final": final})
    return out
