"""From matched, labelled pairs to a data set: split, quality rounds, export."""

from __future__ import annotations

import csv
import json
import random
import re
import sqlite3
from math import comb
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.dataset.quality import Round, upper_bound
from labeler.dataset.split import deal
from tests.cli.helpers import CLASSES
from tests.dataset.hospital import (
    DAY,
    EFFUSION,
    NORMAL,
    Film,
    Report,
    Session,
    add_films,
    answer,
    dataset,
    done,
    hours,
    listed,
    paper,
    stamp,
)  # fmt: skip
from vision.data import read_labels

TEXTS = [
    NORMAL,
    NORMAL,
    NORMAL,
    EFFUSION,
    "Tim to.",
    "Viêm phổi.",
    "Gãy xương sườn.",
    "Theo dõi viêm phổi.",
    "Catheter.",
]
PREVALENCE = (0.0237, 0.0222, 0.2172, 0.0783)  # of the paper: chest wall, pleura, parenchyma, cardio


def make(patients: int = 60, visits: int = 2, first: int = 0, work: str = "work") -> None:
    """Patients with visits a week apart, one film each; some reports to review."""
    chance = random.Random(first)
    sessions, films = [], []
    for p in range(first, first + patients):
        for v in range(visits):
            at = DAY + hours(24 * 7 * v)
            text = chance.choice([*TEXTS, "Tim to. Xyzzy."])
            sessions.append(
                Session(
                    f"S{p}.{v}",
                    f"P{p}",
                    stamp(at - hours(1)),
                    stamp(at + hours(9)),
                    [Report(text, stamp(at + hours(1)))],
                )
            )
            films.append(Film(f"1.2.{p}.{v}", f"P{p}", at, image=f"images/{p}.{v}.jpg"))
    Path("his.xml").write_text(paper(*sessions))
    done("reports", work, "his.xml")
    add_films(work, films)
    Path(work, "images").mkdir(exist_ok=True)
    for film in films:
        Path(work, str(film.image)).write_bytes(b"\xff\xd8" + film.uid.encode())
    done("match", work)
    done("labels", work)


def exported(folder: str = "data") -> list[dict[str, str]]:
    with Path(folder, "dataset.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# split


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("test", [0.0, 0.15])
def test_every_class_has_its_share_in_every_part(seed: int, test: float) -> None:
    chance = random.Random(seed)
    patients = {}
    for p in range(4000):
        images = [
            [int(chance.random() < share) for share in PREVALENCE] for _ in range(chance.choice((1, 1, 1, 2, 3, 9)))
        ]
        patients[str(p)] = (len(images), *map(sum, zip(*images, strict=True)), 0)
    shares = {"train": 0.7 * (1 - test), "valid": 0.3 * (1 - test), **({"test": test} if test else {})}
    split = deal(patients, shares, seed)
    assert split.keys() == patients.keys()
    totals = [sum(column) for column in zip(*patients.values(), strict=True)]
    for part, share in shares.items():
        counts = [sum(patients[p][i] for p in patients if split[p] == part) for i in range(5)]
        for count, total in zip(counts, totals, strict=False):
            assert abs(count / total - share) < 0.01
        for count, total in zip(counts[1:], totals[1:], strict=False):  # and its frequency is that of the whole
            assert abs(count / counts[0] - total / totals[0]) < 0.01
    assert deal(patients, shares, seed) == split
    assert deal(patients, shares, seed + 1) != split


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=30), st.integers(0, 9), st.integers(0, 29))
def test_dealing_settles_and_keeps_what_was_dealt(counts: list[tuple[int, int]], seed: int, known: int) -> None:
    patients = {str(i): (n + m, m) for i, (n, m) in enumerate(counts)}
    shares = {"train": 0.7, "valid": 0.3}
    first = deal(dict(list(patients.items())[:known]), shares, seed)
    both = deal(patients, shares, seed, first)
    assert both.keys() == patients.keys()
    assert first.items() <= both.items()
    assert set(both.values()) <= shares.keys()


def test_split_prints_the_table_of_the_paper(here: Path) -> None:
    make()
    found = answer("split", "work")
    for name in CLASSES:
        of = found["classes"][name]
        assert [a + b for a, b in zip(of["train"], of["valid"], strict=True)] == of["total"]
        assert sum(of["total"]) == found["images"]["total"]
    lines = done("split", "work").stdout.splitlines()
    assert lines[0].split("  ")[0] == "class"
    assert [line.split(" ")[0] for line in lines[1:6]] == CLASSES
    assert re.search(r"\d+ \(\d+\.\d\d%\)", lines[1])


def test_patients_keep_their_part_when_more_come(here: Path) -> None:
    make(30)
    done("split", "work")
    done("export", "work", "--out", "data")
    before = {row["patient_key"]: row["split"] for row in exported()}
    make(20, first=30)
    assert "run split again" in done("export", "work", "--out", "data", status=2).stderr
    assert answer("split", "work")["patients_dealt"] == 20
    done("export", "work", "--out", "data")
    after = {row["patient_key"]: row["split"] for row in exported()}
    assert before.items() <= after.items()
    assert len(after) > len(before)


def test_another_split_is_made_only_when_asked_for(here: Path) -> None:
    make(30)
    done("split", "work", "--seed", "3")
    for options in (["--seed", "4"], ["--test", "0.2"]):
        result = done("split", "work", *options, status=2)
        assert "--again makes a new one" in result.stderr
    assert answer("split", "work")["patients_dealt"] == 0
    assert set(answer("split", "work", "--test", "0.2", "--again")["images"]) == {"train", "valid", "test", "total"}


# quality


def verdicts(work: str, wrong: int) -> None:
    done("review", work, "--kind", "quality", "--out", "sheets")
    with Path("sheets/review.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for i, row in enumerate(rows):
        row["verdict"] = "image" if i < wrong else "ok"
    with Path("filled.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    done("review", work, "--in", "filled.csv")


def drawn() -> list[str]:
    with sqlite3.connect("work/workspace.db") as db:
        return [film for (film,) in db.execute("SELECT sop_uid FROM samples ORDER BY round, sop_uid")]


def test_rounds_go_on_until_one_has_no_error(here: Path) -> None:
    make(100)
    first = answer("quality", "work", "--seed", "5")
    pairs = first["rounds"][0]["population"]
    assert first["rounds"] == [
        {"round": 1, "size": -(-pairs // 20), "population": pairs, "decided": 0, "errors": 0, "state": "open"}
    ]
    assert (first["drawn_now"], first["error_rate_at_most"]) == (True, None)
    assert answer("quality", "work")["drawn_now"] is False, "a round waits for its verdicts"
    verdicts("work", wrong=2)
    second = answer("quality", "work")
    assert [r["state"] for r in second["rounds"]] == ["errors", "open"]
    assert second["rounds"][0]["errors"] == 2
    verdicts("work", wrong=0)
    end = answer("quality", "work")
    assert [r["state"] for r in end["rounds"]] == ["errors", "clean"]
    assert 0 < end["error_rate_at_most"] < 1
    assert "error rate at most" in done("status", "work").stdout
    assert len(drawn()) == len(set(drawn())), "never the same twice"
    assert "--seed 5" in done("quality", "work", "--seed", "6", status=2).stderr


def test_samples_are_those_of_the_seed(here: Path) -> None:
    make(50)
    done("quality", "work", "--seed", "1")
    one = drawn()
    for seed, same in ((1, True), (2, False)):
        Path("other").mkdir(exist_ok=True)
        with sqlite3.connect("work/workspace.db") as db:
            db.execute("DELETE FROM samples")
            db.execute("DELETE FROM rounds")
            db.execute("DELETE FROM settings WHERE name = 'quality_seed'")
        done("quality", "work", "--seed", seed)
        assert (drawn() == one) is same


@pytest.mark.parametrize(
    ("population", "size", "number"), [(200, 10, 1), (200, 10, 3), (60, 59, 1), (500, 250, 2), (5, 5, 1)]
)
def test_the_bound_is_exact(population: int, size: int, number: int) -> None:
    rounds = [Round(n, 0, population, size, size, 1) for n in range(1, number)]
    bound = upper_bound([*rounds, Round(number, 0, population, size, size, 0)])
    assert bound is not None
    worst = round(bound * population)
    allowed = 0.05 / (number * (number + 1))

    def clean(errors: int) -> float:
        return comb(population - errors, size) / comb(population, size)

    assert clean(worst) >= allowed
    assert clean(worst + 1) < allowed or worst + 1 > population - size
    assert upper_bound([Round(1, 0, population, size, size, 1)]) is None
    assert upper_bound([Round(1, 0, population, size, size - 1, 0)]) is None


# export


def test_the_data_set(here: Path) -> None:
    make()
    done("split", "work")
    result = done("export", "work", "--out", "data")
    rows = exported()
    assert list(rows[0]) == [
        "image", "study_uid", "patient_key", "split", "report_id", *CLASSES, "status", "method", "uncertain", "reasons",
    ]  # fmt: skip
    assert {row["status"] for row in rows} == {"auto"}
    assert {row["split"] for row in rows} == {"train", "valid"}
    assert {row["image"] for row in rows} == {f"images/{p.name}" for p in Path("data/images").iterdir()}
    sides: dict[str, set[str]] = {}
    for row in rows:
        sides.setdefault(row["patient_key"], set()).add(row["split"])
    assert all(len(side) == 1 for side in sides.values())
    key_of = {row["image_key"]: row["sop_uid"] for row in listed("work", "studies")}
    for row in rows:
        uid = key_of[Path(row["image"]).stem]
        assert Path("data", row["image"]).read_bytes() == b"\xff\xd8" + uid.encode()
    meta = json.loads(Path("data/dataset.meta.json").read_text())
    assert meta["counts"]["images"] == len(rows)
    everything = result.stdout + result.stderr + Path("data/dataset.csv").read_text() + json.dumps(meta)
    assert not re.search(r"\bP\d+\b|\bS\d+\.\d|\b1\.2\.\d|\b2020(\d{4,10})?\b", everything)
    assert {p.name for p in Path("data").iterdir()} == {"dataset.csv", "dataset.meta.json", "images"}
    assert set(read_labels("data/dataset.csv").classes) == set(CLASSES)


def test_hashes_are_keyed_and_stay(here: Path) -> None:
    make(20)
    make(20, work="other")
    for work in ("work", "other"):
        done("split", work)
        done("export", work, "--out", f"data_{work}")
    one, other = ({row["patient_key"] for row in exported(f"data_{work}")} for work in ("work", "other"))
    assert one and other and not one & other, "another key, other hashes"
    done("export", "work", "--out", "again")
    assert Path("again/dataset.csv").read_bytes() == Path("data_work/dataset.csv").read_bytes()


def test_uncertain_and_review_rows_as_asked(here: Path) -> None:
    make()
    done("split", "work")
    done("export", "work", "--out", "data", "--with-review", "--uncertain", "missing")
    rows = exported()
    assert {row["status"] for row in rows} == {"auto", "review"}
    unsure = [row for row in rows if row["uncertain"]]
    assert unsure and all(row["parenchyma"] == row["abnormal"] == "" for row in unsure)


def test_images_that_are_no_longer_wanted_go(here: Path) -> None:
    make(20)
    done("split", "work")
    done("export", "work", "--out", "data", "--with-review")
    Path("work/images/3.0.jpg").unlink()
    done("export", "work", "--out", "data", "--with-review")
    assert {row["image"] for row in exported()} == {f"images/{p.name}" for p in Path("data/images").iterdir()}
    assert len(exported()) == 39


@pytest.mark.parametrize(
    "changed",
    [
        "UPDATE studies SET view_probability = 0.3 WHERE sop_uid = '1.2.1.0'",
        "UPDATE studies SET refused = 'held_burned_in' WHERE sop_uid = '1.2.1.0'",
        "INSERT INTO studies (sop_uid, study_uid, series_uid, view_probability) VALUES ('1.3', '1.3', '1.3', 0.9)",
    ],
)
def test_films_that_have_changed_since_they_were_matched(here: Path, changed: str) -> None:
    """No film is exported that is no longer PA, and none is forgotten that has become one."""
    make(4)
    done("split", "work")
    done("export", "work", "--out", "data")
    with sqlite3.connect("work/workspace.db") as db:
        db.execute(changed)
    assert "run match" in done("export", "work", "--out", "data", status=2).stderr
    for stage in ("match", "labels", "split"):
        done(stage, "work")
    done("export", "work", "--out", "data")
    done("views", "work", "--threshold", "0.995")
    assert "run match" in done("export", "work", "--out", "data", status=2).stderr


def test_an_export_removes_its_own_images_alone(here: Path) -> None:
    """Others' files stay, whatever folder was named; the workspace is none to export to."""
    make(4)
    done("split", "work")
    Path("data/images/mine").mkdir(parents=True)
    mine, own = Path("data/images/my_figure.png"), Path(f"data/images/{'0' * 32}.jpg")
    half = own.with_name(f".{own.name}.part")
    for file in (mine, own, half):
        file.write_bytes(b"")
    done("export", "work", "--out", "data", "--with-review")
    assert mine.exists() and not own.exists() and not half.exists()
    before = sorted(Path("work").rglob("*"))
    for inside in ("work", "work/data", "data/../work"):
        assert "outside" in done("export", "work", "--out", inside, status=2).stderr
    assert sorted(Path("work").rglob("*")) == before


@pytest.mark.parametrize(
    ("stages", "message"),
    [([], "no labels yet"), (["match"], "no labels yet"), (["match", "labels"], "no split yet")],
)
def test_what_is_missing_before_an_export_is_named(here: Path, stages: list[str], message: str) -> None:
    Path("his.xml").write_text(paper(Session()))
    done("reports", "work", "his.xml")
    add_films("work", [Film("f")])
    for stage in stages:
        done(stage, "work")
    assert message in done("export", "work", "--out", "data", status=2).stderr
    assert not Path("data/dataset.csv").exists()


def test_films_without_images_are_named(here: Path) -> None:
    Path("his.xml").write_text(paper(Session()))
    done("reports", "work", "his.xml")
    add_films("work", [Film("f")])
    for stage in ("match", "labels", "split"):
        done(stage, "work")
    assert "run the stage images" in done("export", "work", "--out", "data", status=2).stderr


# what there is


def test_the_funnel(here: Path) -> None:
    make(20)
    found = answer("status", "work")
    assert found["his"]["reports"] == found["pacs"]["pa"] == found["match"]["matched"] == 40
    assert sum(found["labels"]["status"].values()) == found["labels"]["labelled"] == 40
    assert re.search(r"matched +40   to review 0", done("status", "work").stdout)


def test_nothing_to_label_is_said_plainly(here: Path) -> None:
    Path("his.xml").write_text(paper(Session()))
    done("reports", "work", "his.xml")
    assert done("labels", "work").stdout == "reports  0 labelled, 0 kept from before\n"


def test_every_list_is_a_table(here: Path) -> None:
    make(3)
    for what in ("studies", "reports", "pairs", "unmatched", "refused", "decisions", "conflicts"):
        result = done("list", "work", what)
        header, *rows = csv.reader(result.stdout.splitlines())
        assert len(header) > 4 and all(len(row) == len(header) for row in rows if what != "reports")
    assert set(listed("work", "pairs")[0]) == {
        "sop_uid", "session_id", "service_id", "report_time", "study_time", "status", "reason",
    }  # fmt: skip
    assert Path("listed.csv").stat().st_mode & 0o777 == 0o600
    assert listed("work", "pairs")[0]["study_time"] == "2020-11-05T09:30:00"


def test_help_has_an_example_for_every_stage() -> None:
    for stage in ("reports", "match", "labels", "review", "split", "quality", "export", "status", "list"):
        assert f"vnlabel dataset {stage} work" in dataset(stage, "--help").stdout
