"""Labels, the way to a person and back, and what new rules and new texts do to decisions."""

from __future__ import annotations

import csv
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.helpers import CLASSES
from tests.dataset.hospital import (
    DAY,
    EFFUSION,
    NORMAL,
    RULES,
    Film,
    Report,
    Session,
    add_films,
    answer,
    done,
    hours,
    listed,
    paper,
    private,
    stamp,
)  # fmt: skip

ODD = "- Tim to. Xyzzy."
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")
Rows = list[dict[str, str]]


def stay(number: int, *texts: str, patient: str | None = None) -> Session:
    reports = [Report(text, stamp(DAY + hours(i))) for i, text in enumerate(texts)]
    return Session(f"S{number}", patient or f"P{number}", reports=reports)


@pytest.fixture
def work(here: Path) -> Path:
    """Six patients: normal, effusion, to review, a choice of two reports, two films of a report to review."""
    sessions = [
        stay(1, NORMAL),
        stay(2, EFFUSION),
        stay(3, ODD),
        stay(4, EFFUSION, NORMAL),
        stay(5, "Gãy xương sườn. Xyzzy."),
    ]
    Path("his.xml").write_text(paper(*sessions))
    done("reports", "work", "his.xml")
    films = [Film(f"film{i}", f"P{i}", image=f"images/{i}.jpg") for i in range(1, 6)]
    add_films("work", [*films, Film("film5b", "P5", DAY + hours(1))])
    Path("work/images").mkdir()
    for i in range(1, 6):
        Path(f"work/images/{i}.jpg").write_bytes(JPEG + bytes([i]))
    done("match", "work")
    done("labels", "work")
    return here / "work"


def ask(*options: str) -> Rows:
    done("review", "work", "--out", "sheets", *options)
    with Path("sheets/review.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def give_back(rows: Rows, *, status: int = 0, who: str = "Dr. Lan") -> dict[str, object]:
    with Path("filled.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    found: dict[str, object] = answer("review", "work", "--in", "filled.csv", "--who", who, status=status)
    return found


def of(rows: Rows, kind: str, text: str = "") -> dict[str, str]:
    return next(row for row in rows if row["kind"] == kind and text in row["description"])


def labels() -> dict[str, tuple[str, str, str]]:
    """{film: (the five classes, status, method)} as exported, review rows included."""
    key_of = {row["image_key"]: row["sop_uid"] for row in listed("work", "studies")}
    done("split", "work")
    done("export", "work", "--out", "data", "--with-review")
    with Path("data/dataset.csv").open(encoding="utf-8", newline="") as file:
        return {
            key_of[Path(row["image"]).stem]: ("".join(row[c] for c in CLASSES), row["status"], row["method"])
            for row in csv.DictReader(file)
        }


def test_what_is_asked(work: Path) -> None:
    rows = ask()
    assert private("sheets")
    assert [row["kind"] for row in rows] == ["match", "labels", "labels"]
    match, odd = rows[0], of(rows, "labels", ODD)
    assert NORMAL in match["candidates"] and EFFUSION in match["candidates"]
    assert [odd[f"proposed_{c}"] for c in CLASSES] == ["0", "0", "0", "1", "1"]
    assert len(of(rows, "labels", "Gãy")["image_key"].split()) == 2
    assert all(row[name] == "" for row in rows for name in ("verdict", "corrected_text", "match", *CLASSES))
    page = Path("sheets/review-001.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 3
    assert "no image yet" in page
    assert '<mark class="cardio present" title="cardiomegaly, cardio, present">Tim to</mark>' in page
    assert '<mark class="residue" title="not understood">Xyzzy</mark>' in page
    assert "<script" not in page and "http" not in page.replace("http-equiv", "")
    assert not re.search(r"\b(P\d|S\d|film\d|2020\d*)\b", page + Path("sheets/review.csv").read_text())


def test_sheets_hold_a_hundred_items_each_and_stale_ones_go(here: Path) -> None:
    Path("his.xml").write_text(paper(*[stay(i, f"Tim to. Xyzzy {i}.") for i in range(103)]))
    done("reports", "work", "his.xml")
    add_films("work", [Film(f"f{i}", f"P{i}") for i in range(103)])
    done("match", "work")
    done("labels", "work")
    assert len(ask()) == 103
    assert sorted(p.name for p in Path("sheets").iterdir()) == ["review-001.html", "review-002.html", "review.csv"]
    assert len(ask("--limit", "5")) == 5
    assert sorted(p.name for p in Path("sheets").iterdir()) == ["review-001.html", "review.csv"]


def test_a_file_left_as_it_was_decides_nothing(work: Path) -> None:
    assert give_back(ask()) == {"applied": 0, "known": 0, "undecided": 3, "not_applied": []}


def test_labels_and_corrected_texts(work: Path) -> None:
    rows = ask()
    of(rows, "labels", ODD).update(verdict="labels", pleura="1")
    of(rows, "labels", "Gãy").update(verdict=" Labels ", corrected_text=EFFUSION)
    assert give_back(rows)["applied"] == 2
    found = labels()
    assert found["film3"] == ("01011", "reviewed", "person")
    assert found["film5"] == ("01001", "auto", "rules")
    said = listed("work", "decisions")
    assert [(row["who"], row["verdict"]) for row in said] == [("Dr. Lan", "labels")] * 2
    assert '"pleura": 0' in said[0]["before"] and '"pleura": 1' in said[0]["after"]
    assert [row["kind"] for row in ask()] == ["match"]


def test_ok_confirms_what_was_proposed(work: Path) -> None:
    rows = ask()
    of(rows, "labels", ODD)["verdict"] = "OK"
    give_back(rows)
    assert labels()["film3"] == ("00011", "reviewed", "person")


def test_a_film_is_given_to_a_report_or_to_none(work: Path) -> None:
    rows = ask()
    match = of(rows, "match")
    key = match["candidates"].split(" ")[0]
    chosen = NORMAL if match["candidates"].index(NORMAL) < match["candidates"].index(EFFUSION) else EFFUSION
    match.update(verdict="match", match=key)
    assert give_back(rows)["applied"] == 1
    assert labels()["film4"][0] == ("00000" if chosen == NORMAL else "01001")
    assert {row["reason"] for row in listed("work", "pairs") if row["sop_uid"] == "film4"} == {"person"}
    done("match", "work")
    assert {row["reason"] for row in listed("work", "pairs") if row["sop_uid"] == "film4"} == {"person"}
    match.update(match="none")
    assert give_back(rows)["applied"] == 1
    assert "film4" not in labels()
    assert ("film4", "dropped_by_person") in {(row["sop_uid"], row["reason"]) for row in listed("work", "unmatched")}


def test_an_image_is_excluded_alone(work: Path) -> None:
    rows = ask()
    both = of(rows, "labels", "Gãy")
    both.update(verdict="image", image_key=both["image_key"].split()[1])
    give_back(rows)
    assert "film5" in labels()
    assert [row["sop_uid"] for row in listed("work", "unmatched") if row["reason"] == "image_excluded"] == ["film5b"]
    assert give_back(rows)["known"] == 1


@pytest.mark.parametrize("verdict", ["image", "match"])
@pytest.mark.parametrize("back", ["ok", "labels"])
def test_what_was_said_of_films_is_taken_back(work: Path, verdict: str, back: str) -> None:
    """The last verdict counts; the same file once more changes nothing, and what another item said since stays."""
    rows = ask()
    both = of(rows, "labels", "Gãy")
    key, films = both["image_key"].split()[1], both["image_key"]
    both.update(verdict=verdict, match="none", image_key=key)
    give_back(rows)
    assert paired() == {"film5"}
    both.update(verdict=back, match="", pleura="1" if back == "labels" else "", image_key=films)
    assert give_back(rows)["applied"] == 1
    assert paired() == {"film5", "film5b"}
    assert labels()["film5"] == ("11001" if back == "labels" else "10001", "reviewed", "person")
    assert give_back(rows)["known"] == 1
    done("quality", "work", "--share", "1")
    sample = next(row for row in ask() if row["image_key"] == key)
    give_back([{**sample, "verdict": "image"}])
    assert give_back(rows)["known"] == 1
    assert paired() == {"film5"}
    give_back([{**sample, "verdict": "ok"}])
    assert paired() == {"film5", "film5b"}
    assert answer("quality", "work")["rounds"][0]["errors"] == 0


def paired() -> set[str]:
    """The films of the report that has two."""
    return {row["sop_uid"] for row in listed("work", "pairs") if row["session_id"] == "S5"}


def test_the_same_file_twice_adds_nothing(work: Path) -> None:
    rows = ask()
    of(rows, "labels", ODD).update(verdict="labels", pleura="1")
    give_back(rows)
    assert give_back(rows) == {"applied": 0, "known": 1, "undecided": 2, "not_applied": []}
    of(rows, "labels", ODD).update(pleura="", cardio="0")
    assert give_back(rows)["applied"] == 1
    assert labels()["film3"][0] == "00000", "the last decision counts"
    assert len(listed("work", "decisions")) == 2


def test_decisions_cannot_be_changed_or_removed(work: Path) -> None:
    rows = ask()
    of(rows, "labels", ODD).update(verdict="ok")
    give_back(rows)
    with sqlite3.connect(work / "workspace.db") as db:
        for statement in ("UPDATE decisions SET who = 'x'", "DELETE FROM decisions"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(statement)


@pytest.mark.parametrize(
    ("kind", "changes", "code"),
    [
        ("labels", {"verdict": "yes"}, "bad_verdict"),
        ("labels", {"pleura": "1"}, "no_verdict"),
        ("labels", {"verdict": "labels"}, "no_labels_given"),
        ("labels", {"verdict": "labels", "pleura": "2"}, "bad_label"),
        ("labels", {"verdict": "labels", "abnormal": "0"}, "bad_label"),
        ("labels", {"verdict": "ok", "pleura": "1"}, "ok_with_changes"),
        ("labels", {"verdict": "ok", "proposed_pleura": ""}, "no_proposal"),
        ("labels", {"verdict": "ok", "item": "0" * 32}, "unknown_item"),
        ("labels", {"verdict": "ok", "text_hash": "0" * 16}, "changed_text"),
        ("labels", {"verdict": "match"}, "no_report_chosen"),
        ("labels", {"verdict": "match", "match": "0" * 32}, "unknown_report"),
        ("labels", {"verdict": "image", "image_key": "0" * 32}, "unknown_image"),
        ("match", {"verdict": "ok"}, "no_report_chosen"),
        ("match", {"verdict": "match", "match": "none", "text_hash": "0" * 16}, "changed_text"),
    ],
)
def test_what_is_not_applied_is_reported_with_its_line(
    work: Path, kind: str, changes: dict[str, str], code: str
) -> None:
    rows = ask()
    row = of(rows, kind)
    row.update(changes)
    found = give_back(rows, status=2)
    assert [(p["line"] > 1, p["code"]) for p in found["not_applied"]] == [(True, code)]  # type: ignore[attr-defined]
    assert listed("work", "decisions") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "filled.csv: No such file"),
        ("", "filled.csv:1: the file is empty"),
        ("item,text_hash\na,b\n", "filled.csv:1: no column 'verdict'"),
        ("a,b\n1,2\n", "filled.csv:1: no column"),
        ('item,text_hash,verdict\n"a,b\n', "filled.csv:2: "),
    ],
)
def test_a_file_that_is_no_review_is_told(work: Path, text: str | None, message: str) -> None:
    if text is not None:
        Path("filled.csv").write_text(text)
    result = done("review", "work", "--in", "filled.csv", status=2)
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1


def test_a_report_of_another_patient_cannot_be_chosen(work: Path) -> None:
    rows = ask()
    row = of(rows, "match")
    row.update(verdict="match", match=of(rows, "labels")["report_key"])
    assert give_back(rows, status=2)["not_applied"][0]["code"] == "unknown_report"  # type: ignore[index]


def test_a_sample_is_given_to_another_report_of_its_patient(here: Path) -> None:
    later = Session("S2", check_in=stamp(DAY + hours(72)), check_out=stamp(DAY + hours(99)),
                    reports=[Report(NORMAL, stamp(DAY + hours(80)))])  # fmt: skip
    Path("his.xml").write_text(paper(Session(reports=[Report(EFFUSION)]), later))
    done("reports", "work", "his.xml")
    Path("work/images").mkdir()
    Path("work/images/1.jpg").write_bytes(JPEG)
    add_films("work", [Film("film", image="images/1.jpg")])
    for stage in ("match", "labels", "quality"):
        done(stage, "work")
    rows = ask()
    assert [row["kind"] for row in rows] == ["quality"]
    assert "report 80 h 00 min after the film" in rows[0]["candidates"]
    assert "Other reports of this patient" in Path("sheets/review-001.html").read_text()
    rows[0].update(verdict="match", match=rows[0]["candidates"].split(" ")[0])
    assert give_back(rows)["applied"] == 1
    assert labels() == {"film": ("00000", "auto", "rules")}
    assert answer("quality", "work")["rounds"][0]["errors"] == 1


def test_a_decision_on_a_text_that_has_changed_since(work: Path) -> None:
    rows = ask()
    of(rows, "labels", ODD).update(verdict="labels", pleura="1")
    give_back(rows)
    Path("again.xml").write_text(paper(stay(3, "- Tim to. Plugh.")))
    assert answer("reports", "work", "again.xml")["kept"] == 1
    done("match", "work")
    found = answer("labels", "work")
    assert found["decisions_not_applied"] == 1
    assert labels()["film3"] == ("00011", "review", "rules")
    assert [row["reason"] for row in listed("work", "conflicts")] == ["changed_text"]


@pytest.fixture
def rules(here: Path) -> Callable[[str], str]:
    """A rule set that reads Xyzzy as a finding of a region."""

    def make(region: str) -> str:
        folder = Path(f"rules_{region}")
        folder.mkdir()
        (folder / "ruleset.yaml").write_text(f'name: ours\nversion: "1"\nextends: {RULES}\n')
        (folder / "ours.yaml").write_text(
            f"findings:\n  - {{id: xyzzy, name: Xyzzy, region: {region}, phrases: [xyzzy], examples: [Xyzzy.]}}\n"
        )
        return str(folder)

    return make


def test_decisions_survive_new_rules_which_list_conflicts(work: Path, rules: Callable[[str], str]) -> None:
    rows = ask()
    of(rows, "labels", ODD).update(verdict="labels", pleura="1")
    of(rows, "labels", "Gãy").update(verdict="ok")
    give_back(rows)
    assert [row["reason"] for row in listed("work", "conflicts")] == ["as_before"]
    found = answer("labels", "work", "--rules", rules("parenchyma"))
    assert found["conflicts"] == 2
    assert found["labelled"] > 2
    assert {row["reason"] for row in listed("work", "conflicts")} == {"rules_changed"}
    assert labels()["film3"] == ("01011", "reviewed", "person")
    found = answer("labels", "work", "--rules", rules("pleura"))
    assert {row["reason"] for row in listed("work", "conflicts")} <= {"rules_changed"}
    assert labels()["film3"] == ("01011", "reviewed", "person")
    assert answer("labels", "work", "--rules", "rules_pleura")["labelled"] == 0


def test_taking_back_needs_the_rules_of_the_labels(work: Path, rules: Callable[[str], str]) -> None:
    ask()
    result = done("review", "work", "--in", "sheets/review.csv", "--rules", rules("pleura"), status=2)
    assert "give the same --rules" in result.stderr


def test_no_identifiers_in_messages(work: Path) -> None:
    rows = ask()
    for row in rows:
        row.update(verdict="labels", pleura="7")
    with Path("filled.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    said = done("review", "work", "--in", "filled.csv", status=2)
    for stage in ("match", "labels", "status", "quality"):
        result = done(stage, "work")
        said_all = said.stdout + said.stderr + result.stdout + result.stderr
        for secret in ("P3", "S3", "film3", "Tim to", "2020-11", "20201105"):
            assert secret not in said_all
