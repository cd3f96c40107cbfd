"""Stage `match`: which PA film belongs to which report.

A film and a report belong together when they are of one patient, at most 24 hours apart, and the film was taken
between check-in and check-out of the report's session, bounds included.  Both are read sorted by patient, so that only
one patient's records are in memory, and within a patient candidates are found by time.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select, text

from labeler.dataset.times import SECOND
from labeler.dataset.workspace import Workspace, decisions, get, pa_threshold, pairs, put, reports, unmatched

WINDOW = 24 * 3600 * SECOND
WRITTEN = 20_000  # rows written at once

MATCHED, REVIEW = "matched", "review"
FILM_VERDICTS = ("match", "image")  # of persons; others are on reports


@dataclass(frozen=True)
class PatientIds:
    """How the patient ids of HIS and PACS are made comparable."""

    prefixes: tuple[str, ...] = ()
    leading_zeros: bool = False  # whether they count

    def key(self, patient_id: str | None) -> str | None:
        """The comparable id, None for a blank one.

        >>> PatientIds(("BN",)).key(" bn 000123 ")
        '123'
        """
        if patient_id is None:
            return None
        plain = "".join(patient_id.split()).upper()
        for prefix in self.prefixes:
            if plain.startswith(prefix.upper()) and len(plain) > len(prefix):
                plain = plain[len(prefix) :]
                break
        if not self.leading_zeros:
            plain = plain.lstrip("0") or plain[:1]
        return plain or None


class Film(NamedTuple):
    """A PA film: when it was taken, None where nothing told."""

    uid: str
    time: int | None


class Candidate(NamedTuple):
    """A report with its session's bounds; `same` is equal for descriptions that say the same."""

    time: int
    id: int
    check_in: int
    check_out: int
    same: str


class Match(NamedTuple):
    """What became of a film: the reports it may belong to (one: matched; several: review; none: why not)."""

    film: str
    reports: tuple[int, ...]
    reason: str


def match_patient(films: list[Film], candidates: list[Candidate]) -> tuple[list[Match], list[tuple[int, str]]]:
    """Match one patient's films and reports; also the reports that no film belongs to, with the reason."""
    candidates = sorted(candidates)
    times = [candidate.time for candidate in candidates]
    out: list[Match] = []
    used: set[int] = set()
    for film in films:
        if film.time is None:
            out.append(Match(film.uid, (), "no_study_time"))
            continue
        near = candidates[bisect_left(times, film.time - WINDOW) : bisect_right(times, film.time + WINDOW)]
        fitting = [c for c in near if c.check_in <= film.time <= c.check_out]
        used.update(c.id for c in fitting)
        if not fitting:
            out.append(Match(film.uid, (), _why_not(film.time, near, candidates, times)))
        elif len({c.same for c in fitting}) == 1:
            when = film.time
            best = min(fitting, key=lambda c: (abs(c.time - when), c.time, c.id))
            out.append(Match(film.uid, (best.id,), "only_report" if len(fitting) == 1 else "equal_descriptions"))
        else:
            out.append(Match(film.uid, tuple(c.id for c in fitting), "different_descriptions"))
    taken = {match.reports[0] for match in out if len(match.reports) == 1}
    taken |= {report for match in out if len(match.reports) > 1 for report in match.reports}
    known = sorted(film.time for film in films if film.time is not None)
    left: list[tuple[int, str]] = []
    for c in candidates:
        if c.id in taken:
            continue
        if c.id in used:
            left.append((c.id, "film_of_equal_report"))
        elif not known:
            left.append((c.id, "no_study_time" if films else "no_film_of_patient"))
        else:
            left.append((c.id, _report_why_not(c, known)))
    return out, left


def _why_not(time: int, near: list[Candidate], candidates: list[Candidate], times: list[int]) -> str:
    """The conditions that the most fitting report fails, by how many seconds."""
    if not candidates:
        return "no_report_of_patient"
    if near:
        return min((_failed(time, c) for c in near), key=itemgetter(0))[1]
    at = bisect_left(times, time)
    around = candidates[max(0, at - 1) : at + 1]
    return _failed(time, min(around, key=lambda c: abs(c.time - time)))[1]


def _report_why_not(candidate: Candidate, films: list[int]) -> str:
    first, last = bisect_left(films, candidate.time - WINDOW), bisect_right(films, candidate.time + WINDOW)
    at = bisect_left(films, candidate.time)
    around = films[first:last] or films[max(0, at - 1) : at + 1]
    if len(around) > 2:  # the films next to the session's bounds and to the report fail by least
        spots = {bisect_left(around, bound) + d for bound in (candidate.check_in, candidate.check_out) for d in (-1, 0)}
        around = [around[spot] for spot in sorted(spots) if 0 <= spot < len(around)]
    return min((_failed(time, candidate) for time in around), key=itemgetter(0))[1]


def _failed(time: int, c: Candidate) -> tuple[int, str]:
    codes: list[tuple[str, int]] = []
    if abs(time - c.time) > WINDOW:
        codes.append(("over_24h", abs(time - c.time) - WINDOW))
    if time < c.check_in:
        codes.append(("before_check_in", c.check_in - time))
    if time > c.check_out:
        codes.append(("after_check_out", time - c.check_out))
    return sum(by for _, by in codes), ";".join(f"{code}={_seconds(by)}" for code, by in codes)


def _seconds(by: int) -> str:
    return str(by // SECOND) if by % SECOND == 0 else f"{by / SECOND:.6f}".rstrip("0")


class Decided(NamedTuple):
    """What a person said of a film: the report it belongs to, or None: to none (`reason`)."""

    report: int | None
    reason: str


def decided_films(db: Connection) -> tuple[dict[str, Decided], dict[int, str]]:
    """(what persons said of films, by SOP UID; decisions not applied, by their number, with the reason)."""
    out: dict[str, Decided] = {}
    stale: dict[int, str] = {}
    query = decisions.select().where(decisions.c.verdict.in_(FILM_VERDICTS)).order_by(decisions.c.id)
    rows = db.execute(query).all()
    for row in rows:
        after = json.loads(row.after)
        if row.verdict == "image":
            out[row.sop_uid] = Decided(None, "image_excluded")
        elif after["report"] is None:
            out[row.sop_uid] = Decided(None, "dropped_by_person")
        else:
            now = db.execute(select(reports.c.text_hash).where(reports.c.id == after["report"])).scalar()
            if now == row.text_hash:
                out[row.sop_uid] = Decided(after["report"], "person")
            else:
                stale[row.id] = "changed_text"
    return out, stale


def decisions_wait(db: Connection) -> bool:
    """Whether persons have said something of films that the last match does not know."""
    newest = db.execute(select(func.max(decisions.c.id)).where(decisions.c.verdict.in_(FILM_VERDICTS))).scalar()
    return bool((newest or 0) > get(db, "matched_through", 0))


def films_wait(db: Connection) -> bool:
    """Whether PA films have come, gone or been refused since the last match."""
    query = text("""SELECT 1 FROM studies t WHERE (refused IS NULL AND coalesce(view_probability > :threshold, 0)) <> (
                      EXISTS (SELECT 1 FROM pairs p WHERE p.sop_uid = t.sop_uid)
                      OR EXISTS (SELECT 1 FROM unmatched u WHERE u.sop_uid = t.sop_uid)) LIMIT 1""")
    return db.execute(query, {"threshold": pa_threshold(db)}).first() is not None


@dataclass
class Account:
    """Films and reports by what became of them."""

    films: Counter[str]
    reports: Counter[str]
    reasons: Counter[str]
    not_applied: dict[int, str]


def match_all(workspace: Workspace, ids: PatientIds | None, step: Callable[[int], None]) -> Account:
    """Match everything anew, in one transaction; decisions of persons win.  `ids` None keeps the normaliser in use."""
    with workspace.engine.connect() as reading, workspace.engine.begin() as writing:
        if ids is None:
            ids = patient_ids(writing)
        put(writing, "patient_ids", asdict(ids))
        raw: Any = reading.connection.driver_connection
        raw.create_function("patient_key", 1, ids.key, deterministic=True)
        threshold = pa_threshold(writing)
        decided, stale = decided_films(writing)
        put(writing, "matched_through", writing.execute(select(func.max(decisions.c.id))).scalar() or 0)
        films = _films(reading, threshold)
        candidates = _candidates(reading)
        writing.execute(pairs.delete())
        writing.execute(unmatched.delete())
        account = Account(Counter(), Counter(), Counter(), stale)
        _write(writing, _matches(films, candidates, decided, step), account)
    return account


def patient_ids(db: Connection) -> PatientIds:
    """The normaliser in use."""
    kept = get(db, "patient_ids", {})
    return PatientIds(tuple(kept.get("prefixes", ())), kept.get("leading_zeros", False))


_Group = tuple[str, list[tuple[Any, ...]]]


def _films(db: Connection, threshold: float) -> Iterator[_Group]:
    rows = db.exec_driver_sql(
        """SELECT patient_key(patient_id), sop_uid, study_time FROM studies
           WHERE view_probability > ? AND refused IS NULL ORDER BY 1, 3, 2""",
        (threshold,),
        execution_options={"stream_results": True, "max_row_buffer": WRITTEN},
    )
    return ((key, list(group)) for key, group in groupby(rows, key=itemgetter(0)))


def _candidates(db: Connection) -> Iterator[_Group]:
    rows = db.exec_driver_sql(
        """SELECT patient_key(s.patient_id), r.report_time, r.id, s.check_in, s.check_out, r.same
           FROM reports r JOIN sessions s ON s.id = r.session ORDER BY 1, 2, 3""",
        execution_options={"stream_results": True, "max_row_buffer": WRITTEN},
    )
    return ((key, list(group)) for key, group in groupby(rows, key=itemgetter(0)))


def _matches(
    films: Iterator[_Group], candidates: Iterator[_Group], decided: dict[str, Decided], step: Callable[[int], None]
) -> Iterator[tuple[list[Match], list[tuple[int, str]]]]:
    """Patient by patient, over both sorted streams."""
    by_person = {said.report for said in decided.values()}
    film, candidate = next(films, None), next(candidates, None)
    while film is not None or candidate is not None:
        own: list[Film] = []
        theirs: list[Candidate] = []
        blank = film is not None and film[0] is None
        key = None if blank else min(group[0] for group in (film, candidate) if group is not None)
        if film is not None and film[0] == key:
            own = [Film(*row[1:]) for row in film[1]]
            film = next(films, None)
        if candidate is not None and candidate[0] == key and not blank:
            theirs = [Candidate(*row[1:]) for row in candidate[1]]
            candidate = next(candidates, None)
        step(len(own) + len(theirs))
        if blank:
            yield [_by_person(Match(f.uid, (), "no_patient_id"), decided) for f in own], []
            continue
        found, left = match_patient([f for f in own if f.uid not in decided], theirs)
        if len(found) < len(own):
            settled = [_by_person(Match(f.uid, (), ""), decided) for f in own if f.uid in decided]
            found += settled
        yield found, [(report, reason) for report, reason in left if report not in by_person]


def _by_person(match: Match, decided: dict[str, Decided]) -> Match:
    said = decided.get(match.film)
    return match if said is None else Match(match.film, () if said.report is None else (said.report,), said.reason)


def _write(db: Connection, matches: Iterable[tuple[list[Match], list[tuple[int, str]]]], account: Account) -> None:
    rows: dict[str, list[dict[str, Any]]] = {"pairs": [], "unmatched": []}

    def flush(least: int) -> None:
        for table in (pairs, unmatched):
            if len(rows[table.name]) > least:
                db.execute(insert(table), rows[table.name])
                rows[table.name] = []

    for found, left in matches:
        for film, chosen, reason in found:
            if chosen:
                status = MATCHED if len(chosen) == 1 else REVIEW
                rows["pairs"] += [{"sop_uid": film, "report": r, "status": status, "reason": reason} for r in chosen]
                account.films[status] += 1
            else:
                rows["unmatched"].append({"sop_uid": film, "report": None, "reason": reason})
                account.films["unmatched"] += 1
            account.reasons[codes(reason)] += 1
        for report, reason in left:
            rows["unmatched"].append({"sop_uid": None, "report": report, "reason": reason})
            account.reports[codes(reason)] += 1
        flush(WRITTEN)
    flush(0)


def codes(reason: str) -> str:
    """A reason without its amounts, to count by."""
    return ";".join(part.partition("=")[0] for part in reason.split(";"))
