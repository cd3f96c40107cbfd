"""Collecting from a PACS: day by day, study by study, object by object, whatever it speaks.

An archive names the studies of a day and the objects of a study, and gives an object's file as it is stored.  What is
wanted is written down before it is asked for, so that a run which was stopped goes on where it was, and what was
promised is held against what came.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple, Protocol, TypeVar

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert as upsert

from labeler.dataset.collect import DONE, FAILED, WANTED, Store
from labeler.dataset.workspace import asked, film_key, objects
from labeler.io.refusals import BadInput

TRIES, PAUSE = 3, 1.0  # of a request; seconds before the second, twice as long before the third
CAPPED = 50  # as many studies may be all that a server names at once: the day is asked for in halves too
_WHOLE_DAY = (0, 24 * 60 - 1)  # minutes
T = TypeVar("T")


class Study(NamedTuple):
    """A study as an archive names it; None and blank where it does not say."""

    study_uid: str
    images: int | None
    modalities: tuple[str, ...]


class Instance(NamedTuple):
    """An object as an archive names it."""

    study_uid: str
    series_uid: str
    sop_uid: str


class ArchiveError(Exception):
    """An archive refused a request (`code`); `again`: it may not refuse it a second time; `gone`: it did not answer."""

    def __init__(self, code: str, *, again: bool = False, gone: bool = False) -> None:
        super().__init__(code)
        self.code, self.again, self.gone = code, again or gone, gone


class Archive(Protocol):
    """A PACS, by any of its languages, which keeps its pace before each request.  All methods raise ArchiveError."""

    name: str  # for messages: without credentials
    origin: str

    def studies(self, day: str, times: str) -> tuple[list[Study], bool]:
        """Studies of a day (YYYYMMDD), all of them or those within HHMMSS-HHMMSS, and whether it said there are more."""
        ...

    def instances(self, study: str, modalities: Sequence[str]) -> tuple[list[Instance], int]:
        """Objects of a study in series of these modalities, and how many there should be, which are no fewer."""
        ...

    def fetch(self, instance: Instance) -> bytes:
        """The object as a file."""
        ...

    def close(self) -> None: ...


def trust(ca: str | None, certificate: str | None) -> ssl.SSLContext:
    """Whom to trust, and how to show who asks.  Raises BadInput for files that are no certificates."""
    try:
        context = ssl.create_default_context(cafile=ca)
        if certificate is not None:
            context.load_cert_chain(certificate)
    except (OSError, ssl.SSLError) as error:
        raise BadInput(f"--ca, --certificate: cannot be used ({error.strerror or 'no certificates in PEM'})") from None
    return context


def collect_archive(
    store: Store, archive: Archive, first: date, last: date, modalities: Sequence[str], step: Callable[[int], None]
) -> None:
    """Collect what an archive has from these days, bounds included; `step` gets 1 for each day.

    Raises BadInput when the archive does not answer; what was taken is kept.
    """
    caller = _Caller(archive)
    for day in _days(first, last):
        expected = came = 0
        for study in _studies_of(caller, day):
            if not study.modalities or set(study.modalities) & set(modalities):
                of_study = _collect_study(store, caller, study, day, modalities)
                expected, came = expected + of_study[0], came + of_study[1]
        store.commit()
        store.account.counts["expected"] += expected
        if came < expected:
            store.account.short.append(day)
            store.tell(f"{day}: {came} of {expected} images came; run the same command again to try the others")
        step(1)


class _Caller:
    """Asks an archive, again when it did not answer."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive

    def __call__(self, ask: Callable[[], T]) -> T:
        for attempt in range(1, TRIES + 1):
            try:
                return ask()
            except ArchiveError as error:
                if not error.again or attempt == TRIES:
                    raise
            time.sleep(PAUSE * 2 ** (attempt - 1))
        raise AssertionError

    def query(self, ask: Callable[[], T]) -> T:
        """A request without which nothing can go on."""
        try:
            return self(ask)
        except ArchiveError as error:
            if error.gone:
                what = "does not answer; what came is kept, run the same command again to go on"
                raise BadInput(f"{self.archive.name}: {what}") from None
            raise BadInput(f"{self.archive.name}: refused to be asked ({error.code}); is the caller allowed to?") from None


def _days(first: date, last: date) -> Iterator[str]:
    for n in range((last - first).days + 1):
        yield (first + timedelta(days=n)).strftime("%Y%m%d")


def _studies_of(caller: _Caller, day: str) -> list[Study]:
    """A day's studies.

    Servers name only so many, often without saying so: a span with many studies is asked for in halves, until two
    halves that both name some add up to what the whole did, which they cannot where anything is held back.
    """
    found: dict[str, Study] = {}

    def ask(begin: int, end: int) -> tuple[int, bool]:
        times = "" if (begin, end) == _WHOLE_DAY else f"{_clock(begin)}00-{_clock(end)}59"
        named, more = caller.query(lambda: caller.archive.studies(day, times))
        found.update({study.study_uid: study for study in named})
        return len(named), more

    def halve(begin: int, end: int, number: int, more: bool) -> None:
        if begin == end or not (more or number >= CAPPED):
            return
        middle = (begin + end) // 2
        halves = [(begin, middle), (middle + 1, end)]
        answers = [ask(*half) for half in halves]
        counts = [count for count, _ in answers]
        if more or any(said for _, said in answers) or not all(counts) or sum(counts) != number:
            for half, answer in zip(halves, answers, strict=True):
                halve(*half, *answer)

    halve(*_WHOLE_DAY, *ask(*_WHOLE_DAY))
    return list(found.values())


def _clock(minute: int) -> str:
    return f"{minute // 60:02}{minute % 60:02}"


def _collect_study(
    store: Store, caller: _Caller, study: Study, day: str, modalities: Sequence[str]
) -> tuple[int, int]:
    """Take what is missing of a study; returns how many of the wanted objects it should have, and how many came."""
    wanted = ",".join(sorted(modalities))
    before = store.db.execute(select(asked).where(asked.c.study_uid == study.study_uid)).first()
    same = before is not None and study.images is not None and (before.total, before.modalities) == (study.images, wanted)
    if before is not None and same and before.came >= before.expected:  # nothing has come to this study since
        store.account.counts["known"] += before.came
        return before.expected, before.expected
    named, expected = caller.query(lambda: caller.archive.instances(study.study_uid, modalities))
    rows = store.db.execute(select(objects.c.sop_uid).where(objects.c.study_uid == study.study_uid, objects.c.state == DONE))
    done = set(rows.scalars())
    came = len({instance.sop_uid for instance in named} & done)
    missing = {instance.sop_uid: instance for instance in named if instance.sop_uid not in done}.values()
    facts = {"day": day, "expected": expected, "came": came, "total": study.images, "modalities": wanted}
    store.db.execute(
        upsert(asked).values(study_uid=study.study_uid, **facts).on_conflict_do_update(index_elements=["study_uid"], set_=facts)
    )
    store.account.counts["known"] += came
    for instance in missing:
        row = upsert(objects).values(**instance._asdict(), state=WANTED, origin=caller.archive.origin)
        store.db.execute(row.on_conflict_do_nothing())
    store.commit(wait=True)
    for instance in missing:
        came += _fetch(store, caller, instance)
    store.db.execute(asked.update().where(asked.c.study_uid == study.study_uid).values(came=came))
    return expected, came


def _fetch(store: Store, caller: _Caller, instance: Instance) -> bool:
    """Take an object; whether it came."""
    shown = f"[{film_key(store.workspace, instance.sop_uid)}]"
    try:
        data = caller(lambda: caller.archive.fetch(instance))
    except ArchiveError as error:
        if error.gone:  # the archive itself, or this object alone, at which it breaks off
            caller.query(lambda: caller.archive.instances(instance.study_uid, ()))
        _failed(store, instance, shown, error.code)
        return False
    taken = store.take(data, instance.sop_uid, shown)
    if taken is None:
        _note(store, instance, "unusable")
    elif taken != instance.sop_uid:
        _failed(store, instance, shown, "another_object")
    return taken == instance.sop_uid


def _failed(store: Store, instance: Instance, shown: str, code: str) -> None:
    _note(store, instance, code)
    store.account.counts["failed"] += 1
    store.tell(f"{shown}: did not come ({code})")


def _note(store: Store, instance: Instance, code: str) -> None:
    row = objects.update().where(objects.c.sop_uid == instance.sop_uid)
    store.db.execute(row.values(state=FAILED, tries=objects.c.tries + 1, error=code))
