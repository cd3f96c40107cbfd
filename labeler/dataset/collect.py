"""Stage `collect`: DICOM objects into the workspace, each once, from wherever they come.

An object is written beside its final name and moved onto it, then its row is committed: a run that was killed goes on
where it was.  A file that cannot be used, and an object that is not what its UID says, are set aside and named.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert as upsert

from labeler.dataset.dicom import FilmError, Head, head
from labeler.dataset.times import EPOCH, micros, study_time
from labeler.dataset.workspace import Workspace, asides, film_key, objects, studies
from labeler.io.refusals import BadInput

FOLDER, DICOM = "folder", "dicom"
COMMIT_EVERY = 1.0  # seconds; what is not committed is taken again after a kill
MAX_BYTES = 2 << 30
DICOM_SUFFIXES = (".dcm", ".dicom", ".dic", ".ima")
WANTED, DONE, FAILED = "wanted", "done", "failed"
OTHER_BYTES, SAME_PIXELS = "other_bytes", "same_pixels"


@dataclass(frozen=True)
class Wanted:
    """Which objects are taken: by day of the study, bounds included, and by modality; none: all."""

    first: str = ""  # YYYYMMDD
    last: str = ""
    modalities: tuple[str, ...] = ()

    def __contains__(self, head: Head) -> bool:
        if self.modalities and head.modality not in self.modalities:
            return False
        if not (self.first or self.last):
            return True
        moment, _ = study_time(head.times)
        day = "" if moment is None else moment.strftime("%Y%m%d")
        return (self.first or day) <= day <= (self.last or day) and bool(day)


@dataclass
class Account:
    """Objects by what became of them; refused files and doubtful objects by code."""

    counts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    reported: Counter[str] = field(default_factory=Counter)
    short: list[str] = field(default_factory=list)  # days on which less came than the PACS promised

    def counters(self) -> tuple[Counter[str], ...]:
        """All that can be added up."""
        return self.counts, self.refused, self.reported


class Store:
    """Takes objects into a workspace; used as a context manager, which commits what was taken."""

    def __init__(self, workspace: Workspace, origin: str, wanted: Wanted, tell: Callable[[str], None]) -> None:
        self.workspace, self.origin, self.wanted, self.tell = workspace, origin, wanted, tell
        self.account = Account()
        self._db: Connection = workspace.engine.connect()
        self._committed = time.monotonic()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *what: object) -> None:
        self._db.commit()  # also after a failure: what was taken is whole
        self._db.close()

    def take(self, data: bytes, name: str, shown: str, *, at: Path | None = None) -> str | None:
        """Take an object; `shown` is its name in messages, `at` a file that stays where it is.  Returns its UID."""
        try:
            found = head(data)
        except FilmError as error:
            self.refuse(name, shown, error)
            return None
        if found is None:
            self.account.counts["directories"] += 1
            return None
        if found not in self.wanted:
            self.account.counts["not_wanted"] += 1
            return None
        row = self._db.execute(select(objects).where(objects.c.sop_uid == found.sop_uid)).first()
        known = row is not None and row.state == DONE
        if row is not None and known and row.sha256 != found.sha256:
            self._other_bytes(found, data, name, shown, at)
            return found.sop_uid
        if not known:
            self._report_same_pixels(found, name, shown)
        if not known or not self._is_there(found.sop_uid):
            path = str(at) if at is not None else self._write(data, film_key(self.workspace, found.sop_uid))
            self._enter(found, path)
        self.account.counts["known" if known else "taken"] += 1
        self.commit(wait=True)
        return found.sop_uid

    def refuse(self, name: str, shown: str, error: FilmError) -> None:
        """Set a file aside."""
        self.account.refused[error.code] += 1
        self.tell(f"{shown}: {error}")
        self._aside(name, error.code)

    def commit(self, *, wait: bool = False) -> None:
        """Commit what was taken; with `wait` only when the last time is long ago."""
        now = time.monotonic()
        if not wait or now - self._committed > COMMIT_EVERY:
            self._db.commit()
            self._committed = now

    @property
    def db(self) -> Connection:
        """The connection that all is written through."""
        return self._db

    def _is_there(self, sop_uid: str) -> bool:
        """Whether the file of an object is where it was: one that stayed in its place may have been moved since."""
        path = self._db.execute(select(studies.c.path).where(studies.c.sop_uid == sop_uid)).scalar()
        return path is not None and (self.workspace.path / path).is_file()

    def _enter(self, found: Head, path: str) -> None:
        moment, source = study_time(found.times)
        row: dict[str, Any] = {
            "sop_uid": found.sop_uid, "study_uid": found.study_uid, "series_uid": found.series_uid,
        }  # fmt: skip
        state = {"state": DONE, "error": None, "origin": self.origin, "sha256": found.sha256, "pixels": found.pixels}
        self._db.execute(
            upsert(objects).values(**row, **state).on_conflict_do_update(index_elements=["sop_uid"], set_=state)
        )
        facts = {
            "patient_id": found.patient_id, "study_time": None if moment is None or moment < EPOCH else micros(moment),
            "time_source": source or None, "path": path,
        }  # fmt: skip
        self._db.execute(
            upsert(studies).values(**row, **facts).on_conflict_do_update(index_elements=["sop_uid"], set_=facts)
        )

    def _write(self, data: bytes, key: str) -> str:
        relative = f"{DICOM}/{key[:2]}/{key}.dcm"
        target = self.workspace.path / relative
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        with part.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        part.replace(target)
        return relative

    def _other_bytes(self, found: Head, data: bytes, name: str, shown: str, at: Path | None) -> None:
        """The first one stays in use; the other is kept beside it."""
        self.account.reported[OTHER_BYTES] += 1
        self.tell(f"{shown}: has the UID of an object that is here already, with other bytes; the first stays in use")
        kept = str(at) if at is not None else self._write(data, f"{film_key(self.workspace, found.sop_uid)}-{found.sha256[:16]}")
        self._aside(name, OTHER_BYTES, found.sop_uid, kept)

    def _report_same_pixels(self, found: Head, name: str, shown: str) -> None:
        same = (objects.c.pixels == found.pixels) & (objects.c.sop_uid != found.sop_uid) & (objects.c.state == DONE)
        if found.pixels is not None and self._db.execute(select(objects.c.sop_uid).where(same)).first() is not None:
            self.account.reported[SAME_PIXELS] += 1
            self.tell(f"{shown}: has the pixels of another object under a UID of its own; both are kept")
            self._aside(name, SAME_PIXELS, found.sop_uid)

    def _aside(self, name: str, code: str, sop_uid: str | None = None, kept: str | None = None) -> None:
        row = upsert(asides).values(name=name, code=code, sop_uid=sop_uid, kept=kept)
        self._db.execute(row.on_conflict_do_nothing())
        self.commit(wait=True)


def collect_files(store: Store, given: str, in_place: bool, step: Callable[[int], None]) -> None:
    """Take the DICOM files of a folder, or a file; files of other kinds are counted, not refused."""
    for path, shown in find_dicom(given):
        step(1)
        try:
            if path.stat().st_size > MAX_BYTES:
                raise FilmError("unreadable")
            data = path.read_bytes()
        except OSError:
            store.refuse(str(path), shown, FilmError("unreadable"))
            continue
        except FilmError as error:
            store.refuse(str(path), shown, error)
            continue
        if data[128:132] != b"DICM" and data[:2] != b"\x02\x00" and path.suffix.lower() not in DICOM_SUFFIXES:
            store.account.counts["other_files"] += 1
            continue
        store.take(data, str(path), shown, at=path.resolve() if in_place else None)


def find_dicom(given: str) -> Iterator[tuple[Path, str]]:
    """(file, the name that messages use) for a file as given or all files of a folder, in order.  Raises BadInput.

    Files of a folder often bear patients' names or numbers: messages name them by a hash.
    """
    path = Path(given)
    if path.is_dir():
        for folder, below, files in os.walk(path):
            below.sort()
            for file in sorted(files):
                full = Path(folder, file)
                code = hashlib.sha256(os.fsencode(full.relative_to(path))).hexdigest()[:8]
                yield full, f"{given.rstrip('/')}/[{code}]"
    elif path.exists():
        yield path, given
    else:
        raise BadInput(f"{given}: no such file or folder")
