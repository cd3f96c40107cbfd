"""Stage `review`, in: the CSV that a person filled in, as decisions that are only ever added to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text

from labeler.dataset.match import FILM_VERDICTS
from labeler.dataset.review import NONE, VERDICTS, Candidate, Desk, candidates_digest
from labeler.dataset.workspace import Workspace, decisions, film_key, items, labels
from labeler.io.decisions import CORRECTED, HASH, PROPOSED, Decisions
from labeler.io.delimited import Delimited
from labeler.io.refusals import BadInput, Refused, missing_column


@dataclass
class Account:
    """What became of the rows of a review file."""

    applied: int = 0
    known: int = 0
    undecided: int = 0
    problems: list[Refused] = field(default_factory=list)


class _Bad(Exception):
    """A row that cannot be applied: code, and what is wrong."""


def take_back(workspace: Workspace, path: str, who: str, classes: tuple[str, ...]) -> Account:
    """Add the decisions of a review file, in one transaction; what they change is up to `match` and `labels`.

    A row whose decision is known already, word for word, adds nothing.  Raises BadInput when the file is none.
    """
    account = Account()
    try:
        stream = Path(path).open("rb")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None
    with stream, workspace.engine.begin() as db:
        source = Delimited(path, stream, ("item", HASH), None, 0, None)
        if "verdict" not in source.header:
            raise missing_column(path, 1, "verdict", source.header, "of a review file")
        reader = _Reader(workspace, db, path, classes)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for line, cells in source.rows():
            if isinstance(cells, Refused):
                account.problems.append(cells)
                continue
            given = dict(zip(source.header, cells, strict=True))
            try:
                rows = reader.decisions_of(line, given)
            except _Bad as bad:
                code, message = bad.args
                account.problems.append(Refused(path, line, code, f"{message}; the decision is not applied"))
                continue
            if not rows:
                account.undecided += 1
                continue
            fresh = [decision for decision in rows if not _known(db, decision)]
            if not fresh:
                account.known += 1
                continue
            db.execute(insert(decisions), [{"at": now, "who": who, **decision} for decision in fresh])
            account.applied += 1
    return account


def _known(db: Connection, decision: dict[str, Any]) -> bool:
    last = db.execute(
        decisions.select()
        .where(decisions.c.item == decision["item"], decisions.c.sop_uid.is_(decision["sop_uid"]))
        .order_by(decisions.c.id.desc())
        .limit(1)
    ).first()
    return last is not None and all(
        getattr(last, name) == decision[name] for name in ("verdict", "report", "text_hash", "after")
    )


class _Reader:
    """Rows of one review file to decisions."""

    def __init__(self, workspace: Workspace, db: Connection, path: str, classes: tuple[str, ...]) -> None:
        self._workspace, self._db, self._path, self._classes = workspace, db, path, classes
        self._desk = Desk(workspace, db)
        self._seen: set[str] = set()

    def decisions_of(self, line: int, given: dict[str, str]) -> list[dict[str, Any]]:
        """The decisions that a row makes, none when it was left as it was.  Raises _Bad."""
        verdict = given["verdict"].strip().lower()
        key = given["item"].strip().lower()
        written = [name for name in (CORRECTED, "match", *self._classes) if given.get(name, "").strip()]
        if not verdict:
            if not written:
                return []
            raise _Bad("no_verdict", f"{written[0]} is filled in but no verdict; write one of {', '.join(VERDICTS)}")
        if verdict not in VERDICTS:
            raise _Bad("bad_verdict", f"verdict is {verdict[:20]!r}; write one of {', '.join(VERDICTS)}")
        item = self._db.execute(items.select().where(items.c.key == key)).first()
        if item is None:
            raise _Bad("unknown_item", "no item of this workspace has this key; keep it as the sheet gave it")
        if key in self._seen:
            raise _Bad("repeated_item", "this item is decided above already; keep one of the rows")
        self._seen.add(key)
        films = self._films(item, given)
        if item.kind == "match":
            return self._of_film(item, verdict, given, films)
        facts = self._desk.report(item.report)
        if facts is None or facts.text_hash != given[HASH].strip().lower():
            raise _Bad("changed_text", "the report's text has changed since it was reviewed")
        if verdict in FILM_VERDICTS:
            return self._of_film(item, verdict, given, films)
        before = self._before(item.report)
        base = {
            "item": key, "verdict": verdict, "sop_uid": item.sop_uid, "report": item.report,
            "text_hash": facts.text_hash, "before": json.dumps(before),
        }  # fmt: skip
        if verdict == "ok":
            if written:
                raise _Bad("ok_with_changes", f"the verdict is ok, but {written[0]} is filled in; write labels instead")
            said = {**base, "after": json.dumps({"labels": self._proposed(given)})}
        else:
            said = {**base, "after": json.dumps(self._given(line, given, key), ensure_ascii=False)}
        return [*self._taken_back(item, films, facts, fresh=not _known(self._db, said)), said]

    def _films(self, item: Row[Any], given: dict[str, str]) -> list[str]:
        """The films that a row is about: those of the item whose keys stand in `image_key`."""
        own = [item.sop_uid]
        if item.kind == "labels":
            query = text("""SELECT sop_uid FROM pairs WHERE report = :report AND status = 'matched'
                            UNION SELECT sop_uid FROM decisions WHERE item = :item AND sop_uid IS NOT NULL""")
            found = self._db.execute(query, {"report": item.report, "item": item.key})
            own = list(found.scalars()) or own
        keys = given.get("image_key", "").split()
        if not keys:
            return own
        of_key = {film_key(self._workspace, film): film for film in own}
        strange = [key for key in keys if key.lower() not in of_key]
        if strange and len(strange) == len(keys):
            raise _Bad("unknown_image", "image_key names no film of this item; keep those of the sheet that are meant")
        return [of_key[key.lower()] for key in keys if key.lower() in of_key]

    def _of_film(self, item: Row[Any], verdict: str, given: dict[str, str], films: list[str]) -> list[dict[str, Any]]:
        """Another report, none, or exclusion, for each film."""
        if item.kind == "match":
            now = candidates_digest(self._desk.fitting(item.sop_uid))
            if verdict in ("ok", "labels"):
                raise _Bad("no_report_chosen", f"say which report: verdict match, and its key or {NONE} in match")
            settled = self._db.execute(select(decisions.c.id).where(decisions.c.item == item.key).limit(1)).first()
            if now != given[HASH].strip().lower() and settled is None:
                raise _Bad("changed_text", "the reports to choose from have changed since the sheet was made")
        out = []
        for film in films:
            base = self._on_film(item, verdict, film)
            if verdict == "image":
                out.append({**base, "after": json.dumps({"excluded": True})})
                continue
            chosen = given.get("match", "").strip().lower()
            if not chosen:
                raise _Bad("no_report_chosen", f"verdict match needs the key of a report, or {NONE}, in match")
            if chosen == NONE:
                out.append({**base, "after": json.dumps({"report": None})})
                continue
            target = self._report_of_patient(film, chosen)
            out.append({**base, "text_hash": target.text_hash, "after": json.dumps({"report": target.report})})
        return out

    def _on_film(self, item: Row[Any], verdict: str, film: str) -> dict[str, Any]:
        before = self._db.execute(
            text("SELECT report FROM pairs WHERE sop_uid = :film ORDER BY report"), {"film": film}
        ).scalars()
        return {
            "item": item.key, "verdict": verdict, "sop_uid": film, "report": item.report, "text_hash": None,
            "before": json.dumps({"reports": list(before)}),
        }  # fmt: skip

    def _taken_back(
        self, item: Row[Any], films: list[str], facts: Candidate, *, fresh: bool
    ) -> Iterator[dict[str, Any]]:
        """Whoever vouches for a report with its films gives them back to it, whatever was said of them before.

        A row that is only read once more (not `fresh`) does not undo what another item said of a film since.
        """
        after = json.dumps({"report": item.report})
        for film in films:
            of_film = (decisions.c.sop_uid == film) & decisions.c.verdict.in_(FILM_VERDICTS)
            last = self._db.execute(decisions.select().where(of_film).order_by(decisions.c.id.desc()).limit(1)).first()
            if last is None or (last.after, last.text_hash) == (after, facts.text_hash):
                continue
            if fresh or last.item == item.key:
                yield {**self._on_film(item, "match", film), "text_hash": facts.text_hash, "after": after}

    def _report_of_patient(self, film: str, key: str) -> Candidate:
        for report in self._desk.of_patient(film):
            found = self._desk.report(report)
            if found is not None and found.key == key:
                return found
        raise _Bad(
            "unknown_report", f"match names no report of this patient; copy a key from the sheet, or write {NONE}"
        )

    def _before(self, report: int) -> dict[str, Any]:
        found = self._db.execute(labels.select().where(labels.c.report == report)).first()
        if found is None:
            return {}
        return {
            "labels": json.loads(found.machine), "final": json.loads(found.labels), "status": found.status,
            "rules": found.rules,
        }  # fmt: skip

    def _proposed(self, given: dict[str, str]) -> dict[str, int]:
        values = {name: given.get(PROPOSED + name, "").strip() for name in self._classes}
        if any(value not in ("0", "1") for value in values.values()):
            raise _Bad("no_proposal", "the proposed labels are missing or changed; keep them as the sheet gave them")
        return {name: int(value) for name, value in values.items()}

    def _given(self, line: int, given: dict[str, str], key: str) -> dict[str, Any]:
        checked = Decisions(self._path)
        checked.read_row(line, {**given, "report_id": key}, self._classes)
        if checked.problems:
            problem = checked.problems[0]
            raise _Bad(problem.code, problem.message.removesuffix("; the decision is not applied"))
        decision = checked.by_id.get(key)
        if decision is None:
            raise _Bad("no_labels_given", f"verdict labels needs 0 or 1 in a class column, or a {CORRECTED}")
        after: dict[str, Any] = {}
        if decision.labels:  # what was seen and left as it was is confirmed
            seen = {} if decision.corrected is not None else self._proposed(given)
            seen.pop("abnormal", None)
            after["labels"] = given_labels = {**seen, **decision.labels}
            positive = [name for name, value in given_labels.items() if value and name != "abnormal"]
            if given_labels.get("abnormal") == 0 and positive:
                raise _Bad(
                    "bad_label", f"abnormal is 0 although {positive[0]} is 1; write 0 there too, or leave it empty"
                )
        if decision.corrected is not None:
            after["corrected_text"] = decision.corrected
        return after
