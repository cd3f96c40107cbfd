"""Films and reports: matched as a brute-force reading of the conditions says."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.dataset.match import WINDOW, Candidate, Film, PatientIds, match_patient
from labeler.dataset.times import SECOND, micros, parse_time, study_time
from tests.dataset import hospital
from tests.dataset.hospital import DAY, EFFUSION, NORMAL, Report, Session, add_films, answer, done, listed, paper, stamp

H = timedelta(hours=1)
S = timedelta(seconds=1)
HALF_DAY = 12 * 3600 * SECOND

times = st.integers(0, 10).map(lambda n: n * HALF_DAY)
films = st.lists(st.one_of(st.none(), times, st.integers(0, 10 * HALF_DAY)), max_size=6).map(
    lambda found: [Film(f"f{i}", time) for i, time in enumerate(found)]
)
candidates = st.lists(st.tuples(times, times, times, st.sampled_from("ab")), max_size=8).map(
    lambda found: [Candidate(time, i, *sorted(bounds), said) for i, (time, *bounds, said) in enumerate(found)]  # type: ignore[misc]
)


def brute_force(film: Film, reports: list[Candidate]) -> tuple[int, ...]:
    if film.time is None:
        return ()
    fitting = [r for r in reports if abs(film.time - r.time) <= WINDOW and r.check_in <= film.time <= r.check_out]
    if len({r.same for r in fitting}) <= 1:
        return tuple(r.id for r in sorted(fitting, key=lambda r: (abs(r.time - film.time), r.time, r.id))[:1])  # type: ignore[operator]
    return tuple(sorted(r.id for r in fitting))


@settings(max_examples=300, deadline=None)
@given(films, candidates)
def test_as_brute_force_has_it(films: list[Film], reports: list[Candidate]) -> None:
    found, left = match_patient(films, reports)
    assert [(m.film, tuple(sorted(m.reports))) for m in found] == [(f.uid, brute_force(f, reports)) for f in films]
    given_ = {report for match in found for report in match.reports}
    assert {report for report, _ in left} == {r.id for r in reports} - given_
    by_uid, by_id = {f.uid: f for f in films}, {r.id: r for r in reports}
    for match in found:
        if not match.reports and by_uid[match.film].time is not None and reports:
            assert fails(match.reason, [(by_uid[match.film].time, r) for r in reports])  # type: ignore[misc]
    for report, reason in left:
        known = [(f.time, by_id[report]) for f in films if f.time is not None]
        if known and reason != "film_of_equal_report":
            assert fails(reason, known)


def fails(reason: str, pairs: list[tuple[int, Candidate]]) -> bool:
    """Whether a reason names just the conditions that one of the pairs fails, with the right amounts."""
    said = {code: round(float(by) * SECOND) for code, by in (part.split("=") for part in reason.split(";"))}
    return any(
        said
        == {
            code: by
            for code, by in (
                ("over_24h", abs(time - r.time) - WINDOW),
                ("before_check_in", r.check_in - time),
                ("after_check_out", time - r.check_out),
            )
            if by > 0
        }
        for time, r in pairs
    )


def run(films: list[hospital.Film], *sessions: Session, options: tuple[str, ...] = ()) -> dict[str, tuple[str, str]]:
    """{film: (status, reason)} after reports and match."""
    Path("his.xml").write_text(paper(*sessions))
    done("reports", "work", "his.xml")
    add_films("work", films)
    done("match", "work", *options)
    rows = listed("work", "pairs") + listed("work", "unmatched")
    return {row["sop_uid"]: (row["status"], row["reason"]) for row in rows if row["sop_uid"]}


def stay(start: datetime, end: datetime, *reports: Report, session: str = "S1", patient: str = "P1") -> Session:
    return Session(session, patient, stamp(start), stamp(end), list(reports))


@pytest.mark.parametrize(
    ("film", "expected"),
    [
        (DAY, ("matched", "only_report")),
        (DAY - 24 * H, ("matched", "only_report")),
        (DAY + 24 * H, ("matched", "only_report")),
        (DAY - 24 * H - S, ("unmatched", "over_24h=1")),
        (DAY + 24 * H + timedelta(milliseconds=500), ("unmatched", "over_24h=0.5")),
        (DAY - 26 * H, ("unmatched", "over_24h=7200;before_check_in=3600")),
        (DAY + 49 * H, ("unmatched", "over_24h=90000;after_check_out=3600")),
        (None, ("unmatched", "no_study_time")),
    ],
)
def test_bounds_are_included_and_reasons_say_by_how_much(
    here: Path, film: datetime | None, expected: tuple[str, str]
) -> None:
    session = stay(DAY - 25 * H, DAY + 48 * H, Report(time=stamp(DAY)))
    assert run([hospital.Film("f", time=film)], session) == {"f": expected}


@pytest.mark.parametrize(
    ("check_in", "check_out", "expected"),
    [
        (DAY, DAY, "matched"), (DAY + S, DAY + H, "before_check_in=1"), (DAY - H, DAY - S, "after_check_out=1"),
    ],
)  # fmt: skip
def test_the_stay_includes_its_bounds(here: Path, check_in: datetime, check_out: datetime, expected: str) -> None:
    found = run([hospital.Film("f")], stay(check_in, check_out, Report(time=stamp(DAY + H))))
    assert expected in found["f"]


def test_several_reports_of_a_film(here: Path) -> None:
    near, far = Report("Tim to.", stamp(DAY + H)), Report("-  TIM TO", stamp(DAY + 2 * H))
    other = Report(EFFUSION, stamp(DAY + 3 * H))
    found = run(
        [hospital.Film("equal", "P1"), hospital.Film("different", "P2"), hospital.Film("twin", "P1", DAY + H)],
        stay(DAY - H, DAY + 9 * H, near, far),
        stay(DAY - H, DAY + 9 * H, near, other, session="S2", patient="P2"),
    )
    assert found["equal"] == ("matched", "equal_descriptions")
    assert found["different"] == ("review", "different_descriptions")
    pairs = listed("work", "pairs")
    assert {row["report_time"] for row in pairs if row["sop_uid"] in ("equal", "twin")} == {(DAY + H).isoformat()}
    assert len([row for row in pairs if row["sop_uid"] == "different"]) == 2
    assert {row["reason"] for row in listed("work", "unmatched")} == {"film_of_equal_report"}


def test_several_films_of_a_report_are_all_its_films(here: Path) -> None:
    assert set(run([hospital.Film("a"), hospital.Film("b", time=DAY + H)], Session())) == {"a", "b"}
    assert len(listed("work", "pairs")) == 2


def test_many_visits_and_overlapping_stays_over_midnight(here: Path) -> None:
    night = datetime(2020, 12, 31, 23, 59, 59)
    visits = [
        stay(
            DAY + 96 * i * H,
            DAY + (96 * i + 5) * H,
            Report(f"Tim to {i}.", stamp(DAY + (96 * i + 1) * H)),
            session=f"S{i}",
        )
        for i in range(10)
    ]
    visits.append(stay(night - H, night + 2 * H, Report("Tim to.", stamp(night + 2 * S)), session="overlap"))
    visits.append(stay(night - 50 * H, night + H, Report(NORMAL, stamp(night - 25 * H)), session="around"))
    films = [hospital.Film(f"f{i}", time=DAY + 96 * i * H) for i in range(10)] + [hospital.Film("midnight", time=night)]
    assert run(films, *visits)["midnight"] == ("matched", "only_report")
    of = {row["sop_uid"]: row["session_id"] for row in listed("work", "pairs")}
    assert of == {**{f"f{i}": f"S{i}" for i in range(10)}, "midnight": "overlap"}


def test_a_check_out_on_a_date_includes_that_day(here: Path) -> None:
    session = Session(check_in="20201105", check_out="20201105", reports=[Report(time=stamp(DAY))])
    assert run([hospital.Film("f", time=DAY + 10 * H)], session)["f"][0] == "matched"


@pytest.mark.parametrize(
    ("his", "pacs", "options", "same"),
    [
        ("P1", " p1 ", (), True), ("0012", "12", (), True), ("0012", "12", ("--leading-zeros",), False),
        ("BN0012", "12", (), False), ("BN0012", "12", ("--patient-prefix", "BN"), True),
        ("bn 12", "BN0012", ("--patient-prefix", "BN"), True), ("000", "0", (), True), ("BN", "BN", ("--patient-prefix", "BN"), True),
    ],
)  # fmt: skip
def test_patient_ids_pass_one_normaliser(here: Path, his: str, pacs: str, options: tuple[str, ...], same: bool) -> None:
    found = run([hospital.Film("f", pacs)], Session(patient=his), options=options)
    assert found["f"] == (("matched", "only_report") if same else ("unmatched", "no_report_of_patient"))
    again = answer("match", "work")
    assert again["films"]["matched"] == int(same), "the normaliser is remembered"
    assert again["unmatched_reports_by"] == ({} if same else {"no_film_of_patient": 1})


def test_a_film_without_patient_or_view(here: Path) -> None:
    films = [hospital.Film("blank", " "), hospital.Film("lateral", view=0.2), hospital.Film("unknown", view=None)]
    assert run(films, Session()) == {"blank": ("unmatched", "no_patient_id")}
    assert answer("status", "work")["pacs"] == {
        "expected": 0, "came": 0, "missing": 0, "missing_by": {}, "set_aside": 0, "set_aside_by": {},
        "images": 3, "studies": 3, "refused": 0, "refused_by": {}, "pa": 1, "not_pa": 1, "view_unknown": 1,
    }  # fmt: skip


@given(st.lists(st.text("0B N1", max_size=5), min_size=2, max_size=2))
def test_the_normaliser_settles(ids: list[str]) -> None:
    key = PatientIds(("B",)).key
    once = key(ids[0])
    assert once is None or once != ""
    assert key(f"  {ids[0]} ") == once
    assert key(None) is None


@pytest.mark.parametrize("seed", range(3))
def test_the_stage_finds_what_brute_force_finds(here: Path, seed: int) -> None:
    chance = random.Random(seed)
    names = ["P1", "p 1", "BNP1", "2", "002", "bn2", "é", "Ω", "ｚ", "\U0001d538", "~", "BN", " "]
    sessions, films = [], []
    for i in range(150):
        at = DAY + timedelta(hours=chance.randrange(0, 2000, 6))
        texts = [
            Report(chance.choice((NORMAL, EFFUSION)), stamp(at + chance.randrange(0, 40) * H))
            for _ in range(chance.randrange(3))
        ]
        sessions.append(
            stay(at, at + chance.randrange(60) * H, *texts, session=f"S{i}", patient=chance.choice(names[:-1]))
        )
        films.append(hospital.Film(f"f{i}", chance.choice(names), DAY + timedelta(hours=chance.randrange(0, 2000, 6))))
    found = run(films, *sessions, options=("--patient-prefix", "BN"))
    ids = PatientIds(("BN",))
    for film in films:
        assert film.time is not None
        fitting = {
            (s.session, parse_time(r.time), r.description)
            for s in sessions
            for r in s.reports
            if ids.key(s.patient) == ids.key(film.patient)
            and abs(parse_time(r.time) - film.time) <= 24 * H  # type: ignore[operator]
            and s.check_in <= stamp(film.time) <= s.check_out
        }
        expected = "unmatched" if not fitting else "matched" if len({text for *_, text in fitting}) == 1 else "review"
        assert found[film.uid][0] == expected
    assert {status for status, _ in found.values()} == {"matched", "review", "unmatched"}


# times


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20201105", "2020-11-05T00:00:00"), ("202011050930", "2020-11-05T09:30:00"),
        ("20201105093015", "2020-11-05T09:30:15"), ("05112020", "2020-11-05T00:00:00"),
        ("20112020", "2020-11-20T00:00:00"), ("051120200930", "2020-11-05T09:30:00"),
        ("05112020093015", "2020-11-05T09:30:15"), ("2020-11-05T09:30:15", "2020-11-05T09:30:15"),
        ("2020-11-05 09:30", "2020-11-05T09:30:00"), ("2020-11-05T02:30:00Z", "2020-11-05T09:30:00"),
        ("2020-11-05T09:30:15.250+07:00", "2020-11-05T09:30:15.250000"), ("5/11/2020 9:30", "2020-11-05T09:30:00"),
        ("2020/11/05", "2020-11-05T00:00:00"), ("29022020", "2020-02-29T00:00:00"), (" 202011050930 ", "2020-11-05T09:30:00"),
        ("20210229", None), ("202011052430", None), ("2020110509", None), ("202011050", None), ("11050930", None),
        ("20201105093", None), ("hôm nay", None), ("32/01/2020", None), ("20201305", None), ("", None), ("٢٠٢٠١١٠٥", None),
    ],
)  # fmt: skip
def test_times_by_their_length(text: str, expected: str | None) -> None:
    found = parse_time(text)
    assert (found.isoformat() if found else None) == expected


@given(st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)))
def test_every_time_comes_back_from_every_way_of_writing_it(time: datetime) -> None:
    second = time.replace(microsecond=0)
    minute = second.replace(second=0)
    for form in ("%Y%m%d%H%M%S", "%d%m%Y%H%M%S", "%Y-%m-%dT%H:%M:%S", "%d/%m/%Y %H:%M:%S"):
        assert parse_time(second.strftime(form)) == second
    for form in ("%Y%m%d%H%M", "%d%m%Y%H%M", "%d-%m-%Y %H:%M"):
        assert parse_time(minute.strftime(form)) == minute
    for form in ("%Y%m%d", "%d%m%Y"):
        assert parse_time(second.strftime(form)) == second.replace(hour=0, minute=0, second=0)
        assert parse_time(second.strftime(form), end=True) == second.replace(hour=23, minute=59, second=59)
    assert micros(time + S) - micros(time) == SECOND


@pytest.mark.parametrize(
    ("attributes", "expected", "source"),
    [
        ({"StudyDate": "20201105", "StudyTime": "093015.123"}, "2020-11-05T09:30:15.123000", "StudyDate+StudyTime"),
        ({"StudyDate": "2020.11.05", "StudyTime": "09:30:15"}, "2020-11-05T09:30:15", "StudyDate+StudyTime"),
        ({"StudyDate": "20201105", "StudyTime": "0930"}, "2020-11-05T09:30:00", "StudyDate+StudyTime"),
        ({"StudyDate": "20201105", "SeriesDate": "20201105", "SeriesTime": "0931"}, "2020-11-05T09:31:00", "SeriesDate+SeriesTime"),
        ({"StudyDate": "20201105", "AcquisitionDateTime": "20201105023015+0000"}, "2020-11-05T09:30:15", "AcquisitionDateTime"),
        ({"StudyDate": "20201104", "StudyTime": "233000", "TimezoneOffsetFromUTC": "+0000"}, "2020-11-05T06:30:00", "StudyDate+StudyTime"),
        ({"StudyDate": "20201105", "StudyTime": "0930", "TimezoneOffsetFromUTC": "+0700"}, "2020-11-05T09:30:00", "StudyDate+StudyTime"),
        ({"StudyDate": "20201105"}, None, ""), ({"StudyTime": "0930"}, None, ""),
        ({"StudyDate": "20201105", "StudyTime": "2530"}, None, ""),
        ({}, None, ""),
    ],
)  # fmt: skip
def test_times_of_films(attributes: dict[str, str], expected: str | None, source: str) -> None:
    time, how = study_time(attributes)
    assert (time.isoformat() if time else None, how) == (expected, source)
