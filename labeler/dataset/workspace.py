"""The workspace: a folder that holds a data set in the making, its state in SQLite and the key of its hashes.

    WORKSPACE/workspace.db   all state; every stage writes it in transactions
    WORKSPACE/key            32 random bytes in hexadecimal, for the hashes that stand for identifiers outside
    WORKSPACE/dicom/         DICOM files, as they came
    WORKSPACE/images/        JPG files

True identifiers and texts are in here: the folder is for its owner alone.  Times are whole microseconds since 1970 on
the hospital's own clock (`times.py`).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
)  # fmt: skip
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import DatabaseError

from labeler.io.refusals import BadInput

VERSION = 4
DATABASE, KEY, LOCK = "workspace.db", "key", "lock"
PART = ".key.part"
KEY_BYTES = 32
HASH_DIGITS = 32
CACHE = 8_192  # KiB of pages in memory
PA_THRESHOLD = 0.5  # where `views` was given no other

metadata = MetaData()

settings = Table("settings", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))

# HIS: files read, sessions and frontal chest reports found in them, records refused
sources = Table(
    "sources", metadata,
    Column("id", Integer, primary_key=True),
    Column("sha256", Text, nullable=False, unique=True),
    Column("path", Text, nullable=False),
    Column("state", Text, nullable=False),  # done | refused
    Column("code", Text), Column("message", Text),  # why it was refused
    Column("reader", Text),  # hash of the mapping and service codes that it was read with
    Column("encoding", Text), Column("mended", Text),  # as found, and codes of what was mended, with ;
    *(Column(name, Integer, nullable=False, default=0)
      for name in ("sessions", "frontal", "lateral", "other", "kept", "repeated", "refused")),
)  # fmt: skip
sessions = Table(
    "sessions", metadata,
    Column("id", Integer, primary_key=True),
    Column("session_id", Text, nullable=False, unique=True),
    Column("patient_id", Text, nullable=False),
    Column("check_in", Integer, nullable=False), Column("check_out", Integer, nullable=False),
    Column("source", ForeignKey("sources.id")),  # that said so last
)  # fmt: skip
reports = Table(
    "reports", metadata,
    Column("id", Integer, primary_key=True),
    Column("session", ForeignKey("sessions.id"), nullable=False),
    Column("service_id", Text, nullable=False),
    Column("report_time", Integer, nullable=False),
    Column("nth", Integer, nullable=False),  # among different texts of one session, service and time
    Column("text", Text, nullable=False),
    Column("text_hash", Text, nullable=False),
    Column("same", Text, nullable=False),  # equal for descriptions that say the same
    Column("source", ForeignKey("sources.id"), nullable=False, index=True), Column("line", Integer, nullable=False),
    UniqueConstraint("session", "service_id", "report_time", "nth"),
)  # fmt: skip
refused = Table(
    "refused", metadata,
    Column("id", Integer, primary_key=True),
    Column("source", ForeignKey("sources.id"), nullable=False, index=True), Column("line", Integer, nullable=False),
    Column("record", Text, nullable=False),  # session | report | part
    Column("session_id", Text), Column("service_id", Text),
    Column("code", Text, nullable=False),
)  # fmt: skip

# PACS: one row an image, written by the stages collect, views and images, read by all stages below
studies = Table(
    "studies", metadata,
    Column("sop_uid", Text, primary_key=True),
    Column("study_uid", Text, nullable=False), Column("series_uid", Text, nullable=False),
    Column("patient_id", Text),  # as DICOM gives it
    Column("study_time", Integer),  # on the hospital's clock; none where no attribute tells it
    Column("time_source", Text),  # the attributes it came from, e.g. StudyDate+StudyTime
    Column("path", Text),  # the DICOM file, relative to the workspace
    Column("view_probability", Float),  # of PA; none where nothing could tell
    Column("view_source", Text), Column("view_version", Text), Column("view_reason", Text),
    Column("image", Text),  # the JPG, relative to the workspace
    Column("refused", Text),  # why there is no usable image
)  # fmt: skip
objects = Table(
    "objects", metadata,  # every DICOM object that was found or is wanted
    Column("sop_uid", Text, primary_key=True),
    Column("study_uid", Text, nullable=False, index=True), Column("series_uid", Text, nullable=False),
    Column("state", Text, nullable=False),  # wanted | done | failed
    Column("tries", Integer, nullable=False, default=0), Column("error", Text),  # of the last try
    Column("origin", Text),  # folder | dicomweb | node
    Column("sha256", Text),  # of the data set, without the file's header
    Column("pixels", Text, index=True),  # SHA-256 of the pixel data as encoded
)  # fmt: skip
asides = Table(
    "asides", metadata,  # files that are no usable object, and objects that are not what their UID says
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False), Column("code", Text, nullable=False),
    Column("sop_uid", Text), Column("kept", Text),  # where its bytes are, relative to the workspace
    UniqueConstraint("name", "code"),
)  # fmt: skip
asked = Table(
    "asked", metadata,  # studies that a PACS named
    Column("study_uid", Text, primary_key=True),
    Column("day", Text, nullable=False, index=True),
    Column("expected", Integer, nullable=False),  # images of the wanted modalities, as the PACS counts them
    Column("came", Integer, nullable=False),  # of the images that it named for these modalities
    Column("total", Integer), Column("modalities", Text, nullable=False),  # images of any; which were wanted, with ,
)  # fmt: skip
renderings = Table(
    "renderings", metadata,  # how each image was made
    Column("sop_uid", ForeignKey("studies.sop_uid"), primary_key=True),
    Column("options", Text, nullable=False),  # JSON: what was asked for
    Column("recipe", Text, nullable=False),  # JSON: what was done, with all parameters
    Column("rows", Integer, nullable=False), Column("columns", Integer, nullable=False),  # of the film
    Column("height", Integer, nullable=False), Column("width", Integer, nullable=False),  # of the image
    Column("spacing", Text), Column("spacing_source", Text),  # mm between the film's rows, columns; the attribute
)  # fmt: skip
releases = Table(
    "releases", metadata,  # held films that a person let pass
    Column("sop_uid", Text, primary_key=True),
    Column("at", Text, nullable=False), Column("who", Text, nullable=False),
)  # fmt: skip

# which film belongs to which report
pairs = Table(
    "pairs", metadata,
    Column("sop_uid", ForeignKey("studies.sop_uid"), primary_key=True),
    Column("report", ForeignKey("reports.id"), primary_key=True, index=True),
    Column("status", Text, nullable=False),  # matched | review
    Column("reason", Text, nullable=False),
)  # fmt: skip
unmatched = Table(
    "unmatched", metadata,
    Column("id", Integer, primary_key=True),
    Column("sop_uid", ForeignKey("studies.sop_uid"), index=True), Column("report", ForeignKey("reports.id"), index=True),
    Column("reason", Text, nullable=False),  # codes with ;  a failed condition is code=seconds
)  # fmt: skip

labels = Table(
    "labels", metadata,
    Column("report", ForeignKey("reports.id"), primary_key=True),
    Column("text_hash", Text, nullable=False),
    Column("rules", Text, nullable=False),  # hash of the rule set
    Column("decision", Integer),  # that was applied
    Column("machine", Text, nullable=False),  # JSON: what the labeler says of the report as it stands
    Column("labels", Text, nullable=False),  # JSON: what counts
    Column("status", Text, nullable=False), Column("method", Text, nullable=False),
    Column("uncertain", Text, nullable=False), Column("reasons", Text, nullable=False),
)  # fmt: skip

# what persons were asked and said
items = Table(
    "items", metadata,
    Column("key", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # labels | match | quality
    Column("sop_uid", Text), Column("report", Integer), Column("round", Integer),
)  # fmt: skip
decisions = Table(
    "decisions", metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Text, nullable=False), Column("who", Text, nullable=False),
    Column("item", ForeignKey("items.key"), nullable=False, index=True),
    Column("verdict", Text, nullable=False),  # ok | labels | match | image
    Column("sop_uid", Text, index=True), Column("report", Integer, index=True),
    Column("text_hash", Text),  # of the text that was decided on
    Column("before", Text, nullable=False), Column("after", Text, nullable=False),  # JSON
)  # fmt: skip
rounds = Table(
    "rounds", metadata,
    Column("round", Integer, primary_key=True),
    Column("seed", Integer, nullable=False),
    Column("population", Integer, nullable=False),  # pairs that no earlier round had drawn
)  # fmt: skip
samples = Table(
    "samples", metadata,
    Column("sop_uid", Text, primary_key=True), Column("report", Integer, primary_key=True),
    Column("round", ForeignKey("rounds.round"), nullable=False),
)  # fmt: skip

splits = Table("splits", metadata, Column("patient", Text, primary_key=True), Column("split", Text, nullable=False))

_UPGRADES = {  # from this version to the next
    2: ("ALTER TABLE asked ADD COLUMN came INTEGER NOT NULL DEFAULT 0",),
    3: (
        "ALTER TABLE sessions ADD COLUMN source INTEGER REFERENCES sources (id)",
        "UPDATE sessions SET source = (SELECT max(r.source) FROM reports r WHERE r.session = sessions.id)",
        "CREATE INDEX ix_reports_source ON reports (source)",
    ),
}
_APPEND_ONLY = "CREATE TRIGGER {0} BEFORE {1} ON decisions BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END"


class Workspace:
    """An open workspace.  Raises BadInput when the folder is none, is in use, or has lost its key."""

    def __init__(self, path: str, *, create: bool = False, write: bool = True) -> None:
        self.path = Path(path)
        self._lock: int | None = None
        if not (self.path / DATABASE).is_file():
            if not create:
                raise BadInput(f"{path}: no workspace; `vnlabel dataset reports {path} SOURCE` or `collect {path} SOURCE` makes one")
            _make_folder(self.path)
        (self.path / DATABASE).touch(mode=0o600)
        if write:
            self._take_lock()
        self.engine = create_engine(f"sqlite:///{self.path / DATABASE}")
        event.listen(self.engine, "connect", _configure)
        event.listen(self.engine, "begin", _begin)
        try:
            self._set_up(create)
            self.key = self._key()
        except DatabaseError as error:
            self.close()
            raise BadInput(f"{path}: {DATABASE} cannot be read as a workspace: {error.orig}") from None
        except BaseException:
            self.close()
            raise

    def _take_lock(self) -> None:
        self._lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise BadInput(f"{self.path}: another command is at work in this workspace; wait for its end") from None

    def _set_up(self, create: bool) -> None:
        with self.engine.begin() as db:
            if not self.engine.dialect.has_table(db, settings.name):
                if not create:
                    raise BadInput(f"{self.path}: {DATABASE} is not the state of a workspace")
                metadata.create_all(db)
                for what in ("update", "delete"):
                    db.exec_driver_sql(_APPEND_ONLY.format(f"no_{what}", what))
                _write_key(self.path / KEY)
                put(db, "key", _fingerprint((self.path / KEY).read_text()))
                put(db, "version", VERSION)
            version = get(db, "version")
            while version in _UPGRADES:
                for statement in _UPGRADES[version]:
                    db.exec_driver_sql(statement)
                version += 1
                put(db, "version", version)
            if version != VERSION:
                raise BadInput(f"{self.path}: made by another vnlabel (version {version}); this one reads {VERSION}")

    def _key(self) -> bytes:
        file = self.path / KEY
        try:
            text = file.read_text()
        except OSError as error:
            raise BadInput(f"{file}: {error.strerror}; without it no hash can be made again: restore it") from None
        with self.engine.begin() as db:
            if get(db, "key") != _fingerprint(text):
                raise BadInput(f"{file}: not the key that this workspace was made with; restore it")
        if stat.S_IMODE(file.stat().st_mode) != 0o600:
            file.chmod(0o600)
        return bytes.fromhex(text.strip())

    def hash(self, kind: str, *value: object) -> str:
        """The keyed hash that stands for an identifier outside the workspace: 32 hexadecimal digits.

        HMAC-SHA-256; `kind` keeps a patient and a study with the same number apart.
        """
        text = "\0".join((kind, *map(str, value)))
        return hmac.new(self.key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:HASH_DIGITS]

    def close(self) -> None:
        """Let others in."""
        self.engine.dispose()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *what: object) -> None:
        self.close()


def film_key(workspace: Workspace, sop_uid: str) -> str:
    """The hash that stands for a film."""
    return workspace.hash("image", sop_uid)


def put(db: Connection, name: str, value: Any) -> None:
    """Keep a setting."""
    row = upsert(settings).values(name=name, value=json.dumps(value))
    db.execute(row.on_conflict_do_update(index_elements=["name"], set_={"value": row.excluded.value}))


def get(db: Connection, name: str, default: Any = None) -> Any:
    """A setting, or the default."""
    value = db.execute(settings.select().where(settings.c.name == name)).first()
    return default if value is None else json.loads(value.value)


def pa_threshold(db: Connection) -> float:
    """The probability above which a film is PA."""
    return float(get(db, "view_threshold", PA_THRESHOLD))


@contextlib.contextmanager
def open_workspace(path: str, *, create: bool = False, write: bool = True) -> Iterator[Workspace]:
    """The workspace in a folder, closed at the end of the block."""
    workspace = Workspace(path, create=create, write=write)
    try:
        yield workspace
    finally:
        workspace.close()


def _make_folder(path: Path) -> None:
    if path.exists():
        if not path.is_dir():
            raise BadInput(f"{path}: is a file; a workspace is a folder")
        strange = [child.name for child in path.iterdir() if child.name not in (KEY, LOCK, PART)]
        if strange:
            raise BadInput(f"{path}: holds other files; a workspace is made in a new or empty folder")
        path.chmod(0o700)
        return
    try:
        path.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None


def _write_key(file: Path) -> None:
    """Written beside and moved, so that a key is whole or not there; one from a start that was killed is kept."""
    if file.exists():
        return
    temporary = file.with_name(PART)
    temporary.unlink(missing_ok=True)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as out:
        out.write(secrets.token_hex(KEY_BYTES))
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(file)


def _fingerprint(key: str) -> str:
    return hashlib.sha256(b"vnlabel workspace key\0" + key.strip().encode()).hexdigest()[:16]


def _configure(connection: sqlite3.Connection, record: object) -> None:
    connection.isolation_level = None  # transactions are SQLAlchemy's, savepoints included
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=FILE", f"cache_size=-{CACHE}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
