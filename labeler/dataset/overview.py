"""What a workspace holds: counts per stage as a funnel, and lists with the true identifiers for those who may see them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, text

from labeler.dataset import LISTS
from labeler.dataset.labels import conflicts, verdicts_by_report
from labeler.dataset.match import codes, decided_films
from labeler.dataset.quality import all_rounds, upper_bound
from labeler.dataset.review import report_key
from labeler.dataset.times import iso
from labeler.dataset.workspace import Workspace, film_key, get, pa_threshold


def status(workspace: Workspace) -> dict[str, Any]:
    """Counts per stage, with reasons."""
    with workspace.engine.begin() as db:
        return {
            "his": _his(db), "pacs": _pacs(db), "match": _match(db), "labels": _labels(db), "split": _split(db),
            "quality": _quality(db),
        }  # fmt: skip


def _his(db: Connection) -> dict[str, Any]:
    sums = db.execute(
        text("""SELECT count(*) FILTER (WHERE state = 'done'), count(*) FILTER (WHERE state = 'refused'),
                  coalesce(sum(sessions), 0), coalesce(sum(lateral), 0), coalesce(sum(other), 0),
                  coalesce(sum(repeated), 0) FROM sources""")
    ).one()
    files, broken, sessions, lateral, other, repeated = sums
    return {
        "files": files, "broken_files": broken, "broken_by": _counts(db, "SELECT code FROM sources WHERE state = 'refused'"),
        "sessions": sessions, "lateral_reports": lateral, "other_services": other, "repeated_reports": repeated,
        "refused": _one(db, "SELECT count(*) FROM refused"), "refused_by": _counts(db, "SELECT code FROM refused"),
        "mended_files": _split_counts(db, "SELECT mended FROM sources WHERE state = 'done'"),
        "reports": _one(db, "SELECT count(*) FROM reports"),
    }  # fmt: skip


def _pacs(db: Connection) -> dict[str, Any]:
    threshold = pa_threshold(db)
    usable = "FROM studies WHERE refused IS NULL"
    missing = "FROM objects WHERE state <> 'done'"
    return {
        "expected": _one(db, "SELECT sum(expected) FROM asked"), "came": _one(db, "SELECT sum(came) FROM asked"),
        "missing": _one(db, f"SELECT count(*) {missing}"),
        "missing_by": _counts(db, f"SELECT coalesce(error, 'not_fetched_yet') {missing}"),
        "set_aside": _one(db, "SELECT count(*) FROM asides"), "set_aside_by": _counts(db, "SELECT code FROM asides"),
        "images": _one(db, "SELECT count(*) FROM studies"),
        "studies": _one(db, "SELECT count(DISTINCT study_uid) FROM studies"),
        "refused": _one(db, "SELECT count(*) FROM studies WHERE refused IS NOT NULL"),
        "refused_by": _counts(db, "SELECT refused FROM studies WHERE refused IS NOT NULL"),
        "pa": _one(db, f"SELECT count(*) {usable} AND view_probability > {threshold!r}"),
        "not_pa": _one(db, f"SELECT count(*) {usable} AND view_probability <= {threshold!r}"),
        "view_unknown": _one(db, f"SELECT count(*) {usable} AND view_probability IS NULL"),
    }  # fmt: skip


def _match(db: Connection) -> dict[str, Any]:
    return {
        "matched": _one(db, "SELECT count(*) FROM pairs WHERE status = 'matched'"),
        "matched_by": _counts(db, "SELECT reason FROM pairs WHERE status = 'matched'"),
        "review": _one(db, "SELECT count(DISTINCT sop_uid) FROM pairs WHERE status = 'review'"),
        "unmatched_films": _one(db, "SELECT count(*) FROM unmatched WHERE sop_uid IS NOT NULL"),
        "unmatched_films_by": _counts(db, "SELECT reason FROM unmatched WHERE sop_uid IS NOT NULL"),
        "unmatched_reports": _one(db, "SELECT count(*) FROM unmatched WHERE report IS NOT NULL"),
        "unmatched_reports_by": _counts(db, "SELECT reason FROM unmatched WHERE report IS NOT NULL"),
        "decisions_not_applied": len(decided_films(db)[1]),
    }


def _labels(db: Connection) -> dict[str, Any]:
    matched = "WHERE report IN (SELECT report FROM pairs WHERE status = 'matched')"
    verdicts = verdicts_by_report(db)
    return {
        "rules": get(db, "rules"),
        "labelled": _one(db, f"SELECT count(*) FROM labels {matched}"),
        "status": _counts(db, f"SELECT status FROM labels {matched}"),
        "method": _counts(db, f"SELECT method FROM labels {matched}"),
        "review_by": _split_counts(db, f"SELECT reasons FROM labels {matched} AND status = 'review'"),
        "decisions": _counts(db, "SELECT verdict FROM decisions"),
        "conflicts": dict(sorted(Counter(found["code"] for found in conflicts(db, verdicts)).items())),
    }


def _split(db: Connection) -> dict[str, Any]:
    return {"patients": _counts(db, "SELECT split FROM splits"), "made_with": get(db, "split")}


def _quality(db: Connection) -> dict[str, Any]:
    done = all_rounds(db)
    bound = upper_bound(done)
    return {
        "rounds": [r.facts() for r in done], "error_rate_at_most": bound,
    }  # fmt: skip


def _one(db: Connection, query: str) -> int:
    return int(db.exec_driver_sql(query).scalar() or 0)


def _counts(db: Connection, query: str) -> dict[str, int]:
    return dict(sorted(Counter(codes(value) for (value,) in db.exec_driver_sql(query)).items()))


def _split_counts(db: Connection, query: str) -> dict[str, int]:
    values = (code for (found,) in db.exec_driver_sql(query) for code in (found or "").split(";") if code)
    return dict(sorted(Counter(values).items()))


# lists

_REPORT_FACTS = "s.session_id, r.service_id, r.report_time, r.nth, s.patient_id, s.check_in, s.check_out"


def rows_of(workspace: Workspace, what: str) -> tuple[list[str], Iterator[list[str]]]:
    """(header, rows) of a list, with true identifiers; times as ISO 8601."""
    lists = (
        _studies, _collected, _views, _images, _reports, _pairs, _unmatched, _refused, _decisions, _conflicts,
    )  # fmt: skip
    return dict(zip(LISTS, lists, strict=True))[what](workspace)


def _select(workspace: Workspace, query: str) -> Iterator[Any]:
    with workspace.engine.connect() as db:
        yield from db.execution_options(stream_results=True).execute(text(query))


_List = tuple[list[str], Iterator[list[str]]]


def _studies(workspace: Workspace) -> _List:
    names = [
        "sop_uid", "study_uid", "series_uid", "patient_id", "study_time", "time_source", "view_probability",
        "view_source", "view_version", "path", "image", "refused",
    ]  # fmt: skip
    rows = _select(workspace, f"SELECT {', '.join(names)} FROM studies ORDER BY sop_uid")
    at = names.index("study_time")
    return [*names, "image_key"], (
        [
            *(iso(value) if i == at else _text(value) for i, value in enumerate(found)),
            film_key(workspace, found.sop_uid),
        ]
        for found in rows
    )


def _collected(workspace: Workspace) -> _List:
    rows = _select(
        workspace,
        """SELECT o.sop_uid, o.study_uid, a.day, o.state, o.origin, o.tries, o.error AS reason, s.path AS file, o.sha256
             FROM objects o LEFT JOIN asked a ON a.study_uid = o.study_uid LEFT JOIN studies s ON s.sop_uid = o.sop_uid
           UNION ALL SELECT coalesce(sop_uid, ''), '', NULL, 'aside', NULL, NULL, code, coalesce(kept, name), NULL FROM asides
           ORDER BY 1, 4 DESC""",
    )
    header = ["sop_uid", "study_uid", "day", "state", "origin", "tries", "reason", "file", "sha256"]
    return header, (list(map(_text, found)) for found in rows)


def _views(workspace: Workspace) -> _List:
    header = ["sop_uid", "view_probability", "view_source", "view_version", "view_reason"]
    rows = _select(workspace, f"SELECT {', '.join(header)} FROM studies ORDER BY view_probability IS NOT NULL, sop_uid")
    return header, (list(map(_text, found)) for found in rows)


def _images(workspace: Workspace) -> _List:
    header = [
        "sop_uid", "image", "height", "width", "rows", "columns", "spacing", "spacing_source", "recipe", "options", "refused",
    ]  # fmt: skip
    rows = _select(
        workspace,
        """SELECT s.sop_uid, s.image, r.height, r.width, r."rows", r."columns", r.spacing, r.spacing_source, r.recipe,
             r.options, s.refused
           FROM studies s LEFT JOIN renderings r ON r.sop_uid = s.sop_uid AND s.image IS NOT NULL
           WHERE s.image IS NOT NULL OR s.refused IS NOT NULL ORDER BY s.sop_uid""",
    )
    return header, (list(map(_text, found)) for found in rows)


def _reports(workspace: Workspace) -> _List:
    rows = _select(
        workspace,
        f"""SELECT {_REPORT_FACTS}, f.path, r.line, r.text FROM reports r JOIN sessions s ON s.id = r.session
            JOIN sources f ON f.id = r.source ORDER BY r.id""",
    )
    header = [
        "session_id", "patient_id", "check_in", "check_out", "service_id", "report_time", "file", "line", "report_key",
        "description",
    ]  # fmt: skip
    return header, (
        [
            f.session_id, f.patient_id, iso(f.check_in), iso(f.check_out), f.service_id, iso(f.report_time), f.path,
            str(f.line), report_key(workspace, f.session_id, f.service_id, f.report_time, f.nth), f.text,
        ]
        for f in rows
    )  # fmt: skip


PAIR_COLUMNS = ["sop_uid", "session_id", "service_id", "report_time", "study_time", "status", "reason"]


def _pairs(workspace: Workspace) -> _List:
    rows = _select(
        workspace,
        """SELECT p.sop_uid, s.session_id, r.service_id, r.report_time, t.study_time, p.status, p.reason FROM pairs p
           JOIN studies t ON t.sop_uid = p.sop_uid JOIN reports r ON r.id = p.report
           JOIN sessions s ON s.id = r.session ORDER BY p.sop_uid, r.report_time, r.id""",
    )
    return PAIR_COLUMNS, (
        [f.sop_uid, f.session_id, f.service_id, iso(f.report_time), iso(f.study_time), f.status, f.reason] for f in rows
    )


def _unmatched(workspace: Workspace) -> _List:
    rows = _select(
        workspace,
        """SELECT u.sop_uid, s.session_id, r.service_id, r.report_time, t.study_time, u.reason FROM unmatched u
           LEFT JOIN studies t ON t.sop_uid = u.sop_uid LEFT JOIN reports r ON r.id = u.report
           LEFT JOIN sessions s ON s.id = r.session ORDER BY u.id""",
    )
    return PAIR_COLUMNS, (
        [
            _text(f.sop_uid), _text(f.session_id), _text(f.service_id), iso(f.report_time), iso(f.study_time), "unmatched",
            f.reason,
        ]
        for f in rows
    )  # fmt: skip


def _refused(workspace: Workspace) -> _List:
    rows = _select(
        workspace,
        """SELECT f.path, x.line, x.record, x.session_id, x.service_id, x.code, '' AS message
             FROM refused x JOIN sources f ON f.id = x.source
           UNION ALL SELECT path, NULL, 'file', NULL, NULL, code, message FROM sources WHERE state = 'refused'
           UNION ALL SELECT coalesce(path, sop_uid), NULL, 'film', NULL, NULL, refused, '' FROM studies WHERE refused IS NOT NULL
           UNION ALL SELECT name, NULL, 'object', NULL, NULL, code, coalesce(sop_uid, '') FROM asides
           ORDER BY 1, 2""",
    )
    header = ["file", "line", "record", "session_id", "service_id", "reason", "message"]
    return header, (list(map(_text, found)) for found in rows)


_WHOSE = """LEFT JOIN reports r ON r.id = d.report LEFT JOIN sessions s ON s.id = r.session"""


def _decisions(workspace: Workspace) -> _List:
    rows = _select(
        workspace,
        f"""SELECT d.id, d.at, d.who, d.item, d.verdict, d.sop_uid, s.session_id, r.service_id, r.report_time, d.before,
            d.after FROM decisions d {_WHOSE} ORDER BY d.id""",
    )
    header = [
        "id", "at", "who", "item", "verdict", "sop_uid", "session_id", "service_id", "report_time", "before", "after",
    ]  # fmt: skip
    return header, ([*map(_text, f[:8]), iso(f.report_time), f.before, f.after] for f in rows)


def _conflicts(workspace: Workspace) -> _List:
    """Decisions that the labeler now speaks against, or that are not applied."""
    with workspace.engine.connect() as db:
        said = {found["decision"]: found for found in conflicts(db, verdicts_by_report(db))}
        reasons = {**{number: found["code"] for number, found in said.items()}, **decided_films(db)[1]}
        query = (
            f"SELECT d.id, d.sop_uid, s.session_id, r.service_id, r.report_time FROM decisions d {_WHOSE} ORDER BY d.id"
        )
        whose = [found for found in db.execute(text(query)) if found.id in reasons]
    header = ["decision", "sop_uid", "session_id", "service_id", "report_time", "reason", "machine", "decided"]
    return header, (
        [
            str(f.id), _text(f.sop_uid), _text(f.session_id), _text(f.service_id), iso(f.report_time), reasons[f.id],
            *(json.dumps(said[f.id][name]) if f.id in said else "" for name in ("machine", "final")),
        ]
        for f in whose
    )  # fmt: skip


def _text(value: object) -> str:
    return "" if value is None else str(value)
