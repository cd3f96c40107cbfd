"""Stage `reports`: XML of the hospital information system to sessions and frontal chest reports.

A file is read in one transaction: all of it counts or, when it is broken, none.  What was read is known by its bytes,
so that every file is read once however it is named, and again when the mapping or the service codes have changed.  The
records of a file are staged in temporary tables and joined there by session, in whatever order its parts stand.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text, select, text
from sqlalchemy.dialects.sqlite import insert as upsert

from labeler.dataset.encodings import REMEMBERED, Examined, Undecodable, examine, readable
from labeler.dataset.mapping import Mapping
from labeler.dataset.records import BrokenXml, Record, read_records
from labeler.dataset.services import Services
from labeler.dataset.times import micros, parse_time
from labeler.dataset.workspace import Workspace, labels, pairs, refused, reports, sources, unmatched
from labeler.io.decisions import text_hash
from labeler.io.lines import MAX_TEXT
from labeler.io.refusals import BadInput
from labeler.text import canonical, normalize

SUFFIX = ".xml"
COMMIT_EVERY = 1.0  # seconds; what is not committed is read again after a kill
STAGED = 2000  # rows written at once
MAX_REMEMBERED = 2000  # characters of a description that is remembered
MAX_NAME = 1000  # characters of a service's name that are looked at
CONCLUSION = "Kết luận:"

_staging = MetaData()
_sessions = Table(
    "staged_sessions", _staging,
    Column("id", Integer, primary_key=True), Column("line", Integer), Column("session_id", Text),
    Column("patient_id", Text), Column("check_in", Integer), Column("check_out", Integer), Column("code", Text),
    prefixes=["TEMPORARY"],
)  # fmt: skip
_services = Table(
    "staged_services", _staging,
    Column("session_id", Text), Column("service_id", Text), Column("report_time", Integer), Column("fits", Integer),
    prefixes=["TEMPORARY"],
)  # fmt: skip
_reports = Table(
    "staged_reports", _staging,
    Column("id", Integer, primary_key=True), Column("line", Integer), Column("session_id", Text),
    Column("service_id", Text), Column("report_time", Integer), Column("text", Text), Column("text_hash", Text),
    Column("same", Text), Column("code", Text),
    prefixes=["TEMPORARY"],
)  # fmt: skip
_COLUMNS = {
    table.name: [column.name for column in table.columns if column.name != "id"]
    for table in (_sessions, _services, _reports)
}
_INDEXES = (
    "CREATE INDEX temp.staged_sessions_id ON staged_sessions (session_id)",
    "CREATE INDEX temp.staged_services_id ON staged_services (session_id, service_id)",
    "CREATE INDEX temp.staged_reports_id ON staged_reports (session_id)",
)

# what a file said by another mapping is overwritten: whose a session is, if no file that was read otherwise says so
_OVERWRITE = """UPDATE sessions SET patient_id = (SELECT s.patient_id FROM staged_sessions s
         WHERE s.session_id = sessions.session_id AND s.code IS NULL ORDER BY s.id LIMIT 1)
       WHERE (source = :source OR source IN (SELECT id FROM sources WHERE reader = :before))
         AND session_id IN (SELECT session_id FROM staged_sessions WHERE code IS NULL)"""
# and the reports that it no longer holds go, but for those that persons were asked about or spoke of
_GONE = """SELECT id FROM reports WHERE source = :source AND NOT EXISTS (
         SELECT 1 FROM staged_reports g JOIN sessions t ON t.session_id = g.session_id
         WHERE g.code IS NULL AND t.id = reports.session AND g.service_id = reports.service_id
           AND g.report_time = reports.report_time AND g.text_hash = reports.text_hash)
       AND id NOT IN (SELECT report FROM samples UNION SELECT report FROM items WHERE report IS NOT NULL
         UNION SELECT coalesce(json_extract(after, '$.report'), 0) FROM decisions WHERE verdict = 'match')"""

# A staged file becomes rows, in these steps.
_JOIN = (
    # the time of a result and the name of a service may stand with the service alone
    """UPDATE staged_reports SET code = NULL, report_time = (SELECT max(s.report_time) FROM staged_services s
         WHERE s.session_id = staged_reports.session_id AND s.service_id = staged_reports.service_id)
       WHERE code = 'missing_report_time' AND EXISTS (SELECT 1 FROM staged_services s WHERE s.report_time IS NOT NULL
         AND s.session_id = staged_reports.session_id AND s.service_id = staged_reports.service_id)""",
    """UPDATE staged_reports SET code = 'service_name_differs' WHERE code IS NULL AND EXISTS (
         SELECT 1 FROM staged_services s WHERE s.fits = 0
         AND s.session_id = staged_reports.session_id AND s.service_id = staged_reports.service_id)""",
    # a session read again replaces the one before it, unless it has become another patient's
    """INSERT INTO sessions (session_id, patient_id, check_in, check_out, source)
       SELECT session_id, patient_id, check_in, check_out, :source FROM staged_sessions WHERE code IS NULL ORDER BY id
       ON CONFLICT (session_id) DO UPDATE
         SET check_in = excluded.check_in, check_out = excluded.check_out, source = excluded.source
         WHERE sessions.patient_id = excluded.patient_id""",
    """UPDATE staged_sessions SET code = 'session_of_two_patients' WHERE code IS NULL AND EXISTS (
         SELECT 1 FROM sessions t WHERE t.session_id = staged_sessions.session_id
         AND t.patient_id <> staged_sessions.patient_id)""",
    """UPDATE staged_reports SET code = coalesce((SELECT 'session_refused' FROM staged_sessions s
         WHERE s.session_id = staged_reports.session_id AND s.code IS NOT NULL LIMIT 1),
         CASE WHEN EXISTS (SELECT 1 FROM sessions t WHERE t.session_id = staged_reports.session_id) THEN NULL
         ELSE 'no_session' END) WHERE code IS NULL""",
    """INSERT INTO refused (source, line, record, session_id, code)
       SELECT :source, line, 'session', session_id, code FROM staged_sessions s WHERE code IS NOT NULL
         AND (session_id IS NULL OR EXISTS (SELECT 1 FROM staged_reports r WHERE r.session_id = s.session_id))""",
    """INSERT INTO refused (source, line, record, session_id, service_id, code)
       SELECT :source, line, 'report', session_id, service_id, code FROM staged_reports WHERE code IS NOT NULL""",
)
# the same text twice is one report; another text for the same session, service and time is a report of its own.  A file
# that tells such texts in another order means the same reports; its new texts are what has become of those that it does
# not tell, so they take the first numbers that none of the others holds: for the kth, k and the numbers held before it
_KEEP = """INSERT INTO reports (session, service_id, report_time, nth, text, text_hash, same, source, line)
WITH usable AS MATERIALIZED (
  SELECT min(r.id) AS id, t.id AS session, r.service_id, r.report_time, r.text_hash
  FROM staged_reports r JOIN sessions t USING (session_id) WHERE r.code IS NULL
  GROUP BY t.id, r.service_id, r.report_time, r.text_hash),
told AS (
  SELECT session, service_id, report_time, u.id,
    k.nth - row_number() OVER (PARTITION BY session, service_id, report_time ORDER BY k.nth) AS free
  FROM usable u JOIN reports k USING (session, service_id, report_time, text_hash)),
fresh AS (
  SELECT *, row_number() OVER (PARTITION BY session, service_id, report_time ORDER BY id) AS place
  FROM usable WHERE id NOT IN (SELECT id FROM told))
SELECT f.session, f.service_id, f.report_time, f.place + count(t.free), r.text, r.text_hash, r.same, :source, r.line
FROM fresh f JOIN staged_reports r ON r.id = f.id LEFT JOIN told t ON t.session = f.session
  AND t.service_id = f.service_id AND t.report_time = f.report_time AND t.free < f.place
GROUP BY f.id ORDER BY f.id
ON CONFLICT (session, service_id, report_time, nth) DO UPDATE
  SET text = excluded.text, text_hash = excluded.text_hash, same = excluded.same, source = excluded.source,
      line = excluded.line"""


@dataclass
class Account:
    """What a run of the stage came to."""

    read: int = 0
    known: int = 0
    broken: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    mended: Counter[str] = field(default_factory=Counter)


def find_files(given: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """(file, the name that messages use) for files as given and the .xml files of folders, in order.

    Files of a folder often bear patients' names or numbers: messages name them by a hash.  Raises BadInput.
    """
    for name in given:
        path = Path(name)
        if path.is_dir():
            files = sorted(f for f in path.rglob("*") if f.suffix.lower() == SUFFIX and f.is_file())
            if not files:
                raise BadInput(f"{name}: no .xml files in this folder")
            for file in files:
                code = hashlib.sha256(str(file.relative_to(path)).encode("utf-8", "surrogateescape")).hexdigest()[:8]
                yield file, f"{name.rstrip('/')}/[{code}]"
        elif path.exists():
            yield path, name
        else:
            raise BadInput(f"{name}: no such file or folder")


def read_reports(
    workspace: Workspace, files: list[tuple[Path, str]], mappings: list[Mapping], services: Services,
    tell: Callable[[str], None], step: Callable[[int], None],
) -> Account:  # fmt: skip
    """Read HIS exports into a workspace; `tell` gets a line for each broken file, `step` the bytes read."""
    account = Account()
    told = "\n".join([*(mapping.model_dump_json() for mapping in mappings), repr(services.codes)])
    reader = hashlib.sha256(told.encode()).hexdigest()[:16]
    with workspace.engine.connect() as db:
        _staging.create_all(db)
        for statement in _INDEXES:
            db.exec_driver_sql(statement)
        db.commit()
        last = time.monotonic()
        for path, shown in files:
            size = _read_file(db, path, shown, mappings, services, reader, account, tell)
            step(size)
            if time.monotonic() - last > COMMIT_EVERY:
                db.commit()
                last = time.monotonic()
        db.commit()
    return account


def _read_file(
    db: Connection, path: Path, shown: str, mappings: list[Mapping], services: Services, reader: str, account: Account,
    tell: Callable[[str], None],
) -> int:  # fmt: skip
    """Read one file, unless it is known; returns its size."""

    def refuse(sha256: str, code: str, where: str, message: str) -> None:
        row = {"path": str(path), "state": "refused", "code": code, "message": f"{where}{message}"}
        row_of = upsert(sources).values(sha256=sha256, **row)
        read_before = sources.c.state == "done"  # by another mapping: what it gave stays
        db.execute(row_of.on_conflict_do_update(index_elements=["sha256"], set_=row, where=~read_before))
        account.broken += 1
        account.reasons[code] += 1
        tell(f"{shown}:{where} {message}")

    try:
        found = examine(path)
    except OSError as error:
        refuse(hashlib.sha256(bytes(path)).hexdigest(), "unreadable", "", error.strerror or str(error))
        return 0
    except Undecodable as error:
        refuse(error.sha256, "undecodable", "", f"byte {error.offset}: {error}")
        return 0
    known = db.execute(sources.select().where(sources.c.sha256 == found.sha256)).first()
    if known is not None and known.state == "done" and known.reader == reader and not _waits(db, known.id):
        account.known += 1
        return found.size
    mended_since = (sources.c.path == str(path)) & (sources.c.state == "refused") & (sources.c.sha256 != found.sha256)
    db.execute(sources.delete().where(mended_since))
    before = known.reader if known is not None and known.reader != reader else None
    savepoint = db.begin_nested()
    try:
        row = {"path": str(path), "encoding": found.encoding, "state": "done", "reader": reader}
        row_of = upsert(sources).values(sha256=found.sha256, **row)
        source = db.execute(
            row_of.on_conflict_do_update(index_elements=["sha256"], set_=row).returning(sources.c.id)
        ).scalar_one()
        db.execute(refused.delete().where(refused.c.source == source))
        counts, mended = _store(db, source, before, path, found, mappings, services)
    except BrokenXml as error:
        savepoint.rollback()
        refuse(found.sha256, error.code, f"{error.line}:{error.column}:", str(error))
        return found.size
    account.counts["withdrawn"] += counts.pop("withdrawn")
    db.execute(sources.update().where(sources.c.id == source).values(mended=";".join(sorted(mended)), **counts))
    reasons = text("SELECT code, count(*) FROM refused WHERE source = :source GROUP BY code")
    account.reasons.update({code: times for code, times in db.execute(reasons, {"source": source})})  # noqa: C416
    savepoint.commit()
    account.read += 1
    account.counts.update(counts)
    account.mended.update(mended.keys())
    return found.size


def _waits(db: Connection, source: int) -> bool:
    """Whether a file has reports whose sessions had not come yet, which may have changed."""
    query = select(refused.c.id).where(refused.c.source == source, refused.c.code == "no_session").limit(1)
    return db.execute(query).first() is not None


def _store(
    db: Connection, source: int, before: str | None, path: Path, found: Examined, mappings: list[Mapping],
    services: Services,
) -> tuple[dict[str, int], Counter[str]]:  # fmt: skip
    """The records of one file as rows; `before` is the reader that it was read with, if another.  Raises BrokenXml."""
    for table in (_sessions, _services, _reports):
        db.execute(table.delete())
    stage = _Stage(db, source, services)
    mended = read_records(path, found, mappings, stage.take)
    stage.flush()
    if not stage.records:
        names = sorted({name for m in mappings for part in (m.session, m.report) for name in part.element})
        raise BrokenXml(
            "no_records", 1, 1, f"holds none of {', '.join(names)}; give its names with --mapping FILE.yaml"
        )
    if before is not None:
        db.execute(text(_OVERWRITE), {"source": source, "before": before})
    for statement in _JOIN:
        db.execute(text(statement), {"source": source} if ":source" in statement else {})
    usable, refused = db.execute(
        text(
            "SELECT count(*) FILTER (WHERE code IS NULL), count(*) FILTER (WHERE code IS NOT NULL) FROM staged_reports"
        )
    ).one()
    kept = db.execute(text(_KEEP), {"source": source}).rowcount
    counts = dict(stage.counts)
    withdrawn = _withdraw(db, source) if before is not None else 0
    counts |= {"kept": kept, "repeated": usable - kept, "refused": refused + stage.parts, "withdrawn": withdrawn}
    return counts, mended + stage.mended


def _withdraw(db: Connection, source: int) -> int:
    """Take back the reports that a file has no more, with what was made of them; returns how many."""
    gone = db.execute(text(_GONE), {"source": source}).scalars().all()
    for first in range(0, len(gone), STAGED):
        some = gone[first : first + STAGED]
        for table in (pairs, unmatched, labels):
            db.execute(table.delete().where(table.c.report.in_(some)))
        db.execute(reports.delete().where(reports.c.id.in_(some)))
    return len(gone)


class _Stage:
    """Takes the records of one file and stages those that matter."""

    def __init__(self, db: Connection, source: int, services: Services) -> None:
        self._db, self._source, self._of = db, source, services
        self.counts: dict[str, int] = {"sessions": 0, "frontal": 0, "lateral": 0, "other": 0}
        self.mended: Counter[str] = Counter()
        self.records = self.parts = 0
        self._rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _COLUMNS}

    def take(self, record: Record) -> None:
        """One record."""
        self.records += 1
        if record.kind == "report":
            self._report(record)
        elif record.kind == "session":
            self._session(record)
        elif record.kind == "service":
            self._service(record)
        else:
            self.parts += 1
            self._db.execute(
                text("INSERT INTO refused (source, line, record, code) VALUES (:source, :line, 'part', :code)"),
                {"source": self._source, "line": record.line, "code": record.fields["code"]},
            )

    def _add(self, table: str, row: tuple[Any, ...]) -> None:
        rows = self._rows[table]
        rows.append(row)
        if len(rows) >= STAGED:
            self._write(table)

    def _write(self, table: str) -> None:
        if self._rows[table]:
            columns = _COLUMNS[table]
            places = ", ".join("?" * len(columns))
            self._db.exec_driver_sql(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", self._rows[table])
            self._rows[table] = []

    def flush(self) -> None:
        """Write what is still held."""
        for table in self._rows:
            self._write(table)

    def _session(self, record: Record) -> None:
        self.counts["sessions"] += 1
        fields = record.fields
        check_in, in_code = _moment(fields, "check_in")
        check_out, out_code = _moment(fields, "check_out", end=True)
        session_id, patient_id = (fields.get(name, "").strip() for name in ("session_id", "patient_id"))
        code = _flawed(fields)
        code = code or ("missing_session_id" if not session_id else None)
        code = code or ("missing_patient_id" if not patient_id else None) or in_code or out_code
        if code is None and check_in is not None and check_out is not None and check_out < check_in:
            code = "check_out_before_check_in"
        row = (record.line, session_id or None, patient_id or None, check_in, check_out, code)
        self._add("staged_sessions", row)

    def _service(self, record: Record) -> None:
        fields = record.fields
        service_id = fields.get("service_id", "").strip()
        if self._of.view(service_id) != "frontal":
            return
        moment, _ = _moment(fields, "report_time")
        name = fields.get("service_name", "")
        fits = int(self._of.fits(readable(name[:MAX_NAME])[0]))
        self._add("staged_services", (fields.get("session_id", "").strip(), service_id, moment, fits))

    def _report(self, record: Record) -> None:
        fields = record.fields
        service_id = fields.get("service_id", "").strip()
        view = self._of.view(service_id)
        if service_id and view != "frontal":
            self.counts["lateral" if view == "lateral" else "other"] += 1
            return
        self.counts["frontal"] += 1
        moment, code = _moment(fields, "report_time")
        session_id = fields.get("session_id", "").strip()
        flaw = _flawed(fields)
        description = _description(fields)
        if "too_long" in fields or len(description) > MAX_TEXT:
            description = ""
            flaw = "too_long"
        said, legacy, digest, alike = (_told if len(description) < MAX_REMEMBERED else _told.__wrapped__)(description)
        if legacy is not None:
            self.mended[f"font_{legacy}"] += 1
        if len(said) > MAX_TEXT // 4 and len(said.encode("utf-8", "surrogatepass")) > MAX_TEXT:
            said, flaw = "", "too_long"
        if not service_id:
            flaw = flaw or "missing_service_id"
        elif not session_id:
            flaw = flaw or "missing_session_id"
        elif not self._of.fits(readable(fields.get("service_name", "")[:MAX_NAME])[0]):
            flaw = flaw or "service_name_differs"
        row = (record.line, session_id or None, service_id or None, moment, said, digest, alike, flaw or code)
        self._add("staged_reports", row)


@lru_cache(maxsize=16_384)  # descriptions repeat: one in six was new in the paper's hospital
def _told(description: str) -> tuple[str, str | None, str, str]:
    """A description as text, the legacy font it was in, its hash, and a hash of what it says."""
    said, legacy = readable(description)
    return said, legacy, text_hash(said), same(said)


def same(description: str) -> str:
    """16 hexadecimal digits, equal for descriptions that say the same: case, marks' place, spaces, bullets, end points
    do not count."""
    lines = map(_said, normalize(description).text.split("\n"))
    words = " ".join(line for line in lines if line)
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _said(line: str) -> str:
    return _said_before(line) if len(line) < REMEMBERED else _said_before.__wrapped__(line)


@lru_cache(maxsize=8192)  # lines repeat from report to report
def _said_before(line: str) -> str:
    return " ".join(map(canonical, line.strip(" -•+*.;\t").split()))


def _description(fields: dict[str, str]) -> str:
    description, conclusion = (fields.get(name, "").strip() for name in ("description", "conclusion"))
    if not conclusion:
        return description
    heading = "" if conclusion.lower().startswith(CONCLUSION[:-1].lower()) else f"{CONCLUSION}\n"
    return f"{description}\n{heading}{conclusion}"


def _moment(fields: dict[str, str], name: str, *, end: bool = False) -> tuple[int | None, str | None]:
    """(microseconds, None), or (None, the code of what is wrong)."""
    given = fields.get(name, "").strip()
    if not given:
        return None, f"missing_{name}"
    found: datetime | None = parse_time(given, end=end)
    return (micros(found), None) if found is not None else (None, f"impossible_{name}")


def _flawed(fields: dict[str, str]) -> str | None:
    return "field_given_twice" if "repeated" in fields else None
