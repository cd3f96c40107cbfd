"""vnlabel eval: labels against gold, over the small rule set."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.evaluate import Cells, bootstrap
from tests.cli.helpers import CLASSES, COMMAND, SMALL, vnlabel

ROWS: list[dict[str, Any]] = [
    {"report_id": "hit", "description": "Tràn dịch màng phổi phải.", "labels": "01001", "findings": ["pleural_effusion"]},
    {"report_id": "miss", "description": "Vệt lạ. Gãy xương sườn.", "labels": "10101", "tags": ["odd"]},
    {"report_id": "false", "description": "Không thấy tràn khí màng phổi. Tim to.", "labels": "00000", "tags": ["odd"]},
    {"report_id": "denied", "description": "Không thấy viêm phổi.", "labels": "00101"},
    {"report_id": "normal", "description": "Tim phổi bình thường.", "labels": "00000", "findings": []},
    {"report_id": "doubt", "description": "Theo dõi viêm phổi.", "labels": "00101", "uncertain": ["parenchyma", "abnormal"]},
    {"report_id": "argued", "description": "Sẹo phổi.", "labels": "00000", "debatable": ["parenchyma", "abnormal"]},
]  # fmt: skip


def gold(path: Path, rows: list[dict[str, Any]] | None = None) -> Path:
    """A gold file; labels are written as one string of five digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for row in ROWS if rows is None else rows:
        labels = dict(zip(CLASSES, map(int, row["labels"]), strict=True))
        lines.append(json.dumps({**row, "labels": labels}, ensure_ascii=False) + "\n")
    path.write_text("".join(lines), "utf-8")
    return path


def evaluate(*args: object) -> Result:
    return vnlabel("eval", *args, "--rules", SMALL)


def result(*args: object) -> dict[str, Any]:
    done = evaluate(*args, "--json")
    out: dict[str, Any] = json.loads(done.stdout)
    return out


def test_counts_per_class_are_those_of_table_3(here: Path) -> None:
    main = result(gold(here / "gold.jsonl"))["main"]
    counts = {name: tuple(one[key] for key in ("tp", "fp", "tn", "fn")) for name, one in main["classes"].items()}
    assert counts == {
        "chest_wall": (1, 0, 6, 0),
        "pleura": (1, 0, 6, 0),
        "parenchyma": (1, 0, 3, 2),  # one report is debatable
        "cardio": (0, 1, 6, 0),
        "abnormal": (3, 1, 1, 1),
    }
    assert main["classes"]["parenchyma"]["precision"][0] == 1
    assert main["classes"]["parenchyma"]["recall"][0] == pytest.approx(1 / 3)
    assert main["classes"]["parenchyma"]["f1"][0] == pytest.approx(0.5)
    assert main["macro"]["f1"][0] == pytest.approx((1 + 1 + 0.5 + 0 + 0.75) / 5)
    assert main["micro"]["f1"][0] == pytest.approx(2 * 6 / (2 * 6 + 2 + 3))
    assert main["debatable"] == {"labels": 2, "as_gold": 0}


def test_an_uncertain_class_is_counted_both_ways(here: Path) -> None:
    classes = result(gold(here / "gold.jsonl"))["main"]["classes"]
    assert classes["parenchyma"]["f1"][0] == pytest.approx(2 / 4)
    assert classes["parenchyma"]["f1_uncertain_negative"] == 0  # nothing definite is found, two are missed
    assert classes["abnormal"]["f1_uncertain_negative"] == pytest.approx(4 / 6)


def test_who_decided_and_what_is_wrong_though_nobody_would_look(here: Path) -> None:
    summary = result(gold(here / "gold.jsonl"))["main"]["summary"]
    assert (summary["template"], summary["rules"], summary["review"]) == (1, 5, 1)
    assert (summary["wrong"], summary["auto_wrong"]) == (3, 2)
    assert summary["auto_wrong_share"] == pytest.approx(2 / 7, abs=1e-4)


def test_files_and_tags_have_scores_of_their_own(here: Path) -> None:
    gold(here / "gold" / "a.jsonl", ROWS[:2])
    gold(here / "gold" / "deep" / "b.jsonl", ROWS[2:])
    main = result("gold")["main"]
    assert {name: (one["reports"], one["wrong"]) for name, one in main["files"].items()} == {
        "gold/a.jsonl": (2, 1),
        "gold/deep/b.jsonl": (5, 2),
    }
    assert {name: (one["reports"], one["auto_wrong"]) for name, one in main["tags"].items()} == {"odd": (2, 1)}


def test_findings_are_scored_where_gold_lists_them(here: Path) -> None:
    rows = [*ROWS, {**ROWS[0], "report_id": "x", "findings": ["pneumothorax", "turtle_sign"]}]
    main = result(gold(here / "gold.jsonl", rows))["main"]
    got = {name: (one["tp"], one["fp"], one["fn"]) for name, one in main["findings"].items()}
    assert got == {"pleural_effusion": (1, 1, 0), "pneumothorax": (0, 0, 1)}
    assert main["unknown_findings"] == {"turtle_sign": 1}


def test_misspelt_twins_are_held_against_their_originals(here: Path) -> None:
    twin = {"report_id": "twin", "description": "Tran dihc vnagf phoi.", "labels": "01001", "twin_of": "hit"}
    assert result(gold(here / "gold.jsonl", [ROWS[0], twin]))["main"]["twins"] == {"pairs": 1, "differ": ["twin"]}


def test_the_terminal_names_words_rule_and_cue_of_each_error(here: Path) -> None:
    out = evaluate(gold(here / "gold.jsonl")).stdout
    rule = f"({SMALL}/rules.yaml:"
    assert "false  +cardio  auto  gold.jsonl:3" in out.replace(str(here) + "/", "")
    assert f"cardio: 'Tim to' is cardiomegaly present {rule}" in out
    assert f"parenchyma: 'viêm phổi' is pneumonia absent, by 'Không thấy' {rule}" in out
    assert "parenchyma: not understood: 'Vệt', 'lạ'" in out
    assert out.index("denied  -parenchyma") < out.index("miss  -parenchyma")  # nobody would look: first
    assert "wrong 3 (42.9%), auto and wrong 2 (28.6%)" in out


def test_errors_are_written_with_their_texts(here: Path) -> None:
    evaluate(gold(here / "gold.jsonl"), "--errors", "wrong.jsonl")
    rows = [json.loads(line) for line in (here / "wrong.jsonl").read_text("utf-8").splitlines()]
    assert [row["report_id"] for row in rows] == ["miss", "false", "denied"]
    assert rows[2]["description"] == "Không thấy viêm phổi."
    (wrong,) = rows[2]["wrong"]
    assert (wrong["class"], wrong["gold"], wrong["got"]) == ("parenchyma", 1, 0)
    assert wrong["mentions"][0]["cue"] == "Không thấy"


def test_a_blind_folder_is_scored_apart_and_never_listed(here: Path) -> None:
    gold(here / "gold" / "seen.jsonl", ROWS[:1])
    gold(here / "gold" / "blind" / "unseen.jsonl", ROWS[1:3])
    out = result("gold", "--errors", "wrong.jsonl")
    assert out["main"]["summary"]["reports"] == 1
    assert out["blind"]["summary"]["reports"] == 2
    assert (here / "wrong.jsonl").read_text("utf-8") == ""
    shown = evaluate("gold").stdout
    assert "Blind gold, apart" in shown
    assert "miss" not in shown


@pytest.mark.parametrize(
    ("folder", "named"),
    [
        (".", "gold/blind"),
        (".", "gold/blind/unseen.jsonl"),
        (".", "gold/blind/deep/unread.jsonl"),
        ("gold/blind", "."),
        ("gold/blind", "unseen.jsonl"),
        ("gold/blind/deep", "../unseen.jsonl"),
    ],
)
def test_blind_gold_stays_so_when_it_is_named_itself(
    here: Path, monkeypatch: pytest.MonkeyPatch, folder: str, named: str
) -> None:
    gold(here / "gold" / "blind" / "unseen.jsonl", ROWS[1:3])
    gold(here / "gold" / "blind" / "deep" / "unread.jsonl", ROWS[3:5])
    monkeypatch.chdir(folder)
    done = evaluate(named)
    assert "Blind gold, apart" in done.stdout
    assert {row["report_id"] for row in ROWS}.isdisjoint(done.stdout.split())


def test_thresholds_end_with_1(here: Path) -> None:
    file = gold(here / "gold.jsonl", ROWS[:2])
    assert evaluate(file, "--min-f1", "0", "--max-auto-wrong", "0").exit_code == 0
    done = evaluate(file, "--min-f1", "0.9")
    assert done.exit_code == 1
    assert done.stderr.strip() == "F1 of parenchyma is 0.0000, below --min-f1 0.9"
    done = evaluate(gold(here / "gold.jsonl"), "--max-auto-wrong", "0.25")
    assert done.exit_code == 1
    assert done.stderr.strip() == "auto and wrong: 0.2857 of the reports, above --max-auto-wrong 0.25"


def test_a_run_is_compared_with_an_earlier_one(here: Path) -> None:
    file = gold(here / "gold.jsonl")
    (here / "before.json").write_text(evaluate(file, "--json").stdout, "utf-8")
    shutil.copytree(SMALL, here / "mine")
    rules = here / "mine" / "rules.yaml"
    rules.write_text(
        rules.read_text("utf-8").replace("[viêm phổi]", "[viêm phổi, vệt lạ]"),
        "utf-8",
    )
    changes = json.loads(vnlabel("eval", file, "--rules", "mine", "--compare", "before.json", "--json").stdout)[
        "changes"
    ]
    assert changes == {"mended": ["miss"], "broken": [], "to_review": [], "to_auto": ["miss"], "new": [], "gone": []}
    gold(file, [*ROWS[1:], {**ROWS[0], "report_id": "added"}])
    out = vnlabel("eval", file, "--rules", "mine", "--compare", "before.json").stdout
    assert out.splitlines()[-4:] == [
        "mended: 1 (miss)",
        "no longer to review: 1 (miss)",
        "not in the earlier run: 1 (added)",
        "only in the earlier run: 1 (hit)",
    ]


def test_what_is_no_result_cannot_be_compared_with(here: Path) -> None:
    (here / "before.json").write_text("[1]", "utf-8")
    done = evaluate(gold(here / "gold.jsonl"), "--compare", "before.json")
    assert done.exit_code == 2
    assert done.stderr.strip() == "before.json:1: not a result; save one with vnlabel eval --json > before.json"


LABELS = '{"chest_wall": 0, "pleura": 0, "parenchyma": 0, "cardio": 1, "abnormal": 1}'
GOOD = '{"report_id": "ok", "description": "Tim to.", "labels": ' + LABELS + "}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"cardio": 1', '"cardio": 2', "labels.cardio: 2 is wrong; it should be 0 or 1"),
        ('"cardio": 1, ', "", "labels: no 'cardio'; each of chest_wall, pleura, parenchyma, cardio, abnormal is 0 or 1"),
        ('"pleura"', '"pleuro"', "labels: no 'pleura'; each of chest_wall, pleura, parenchyma, cardio, abnormal is 0 or 1"),
        ('"abnormal": 1', '"abnormal": 0', "labels: abnormal is 0 although cardio is 1; it is 1 as soon as anything is"),
        ('"labels"', '"lables"', "no key 'labels'; did you mean 'lables'?"),
        ('"report_id": "ok"', '"report_id": ""', "report_id: '' is wrong; it should be"),
        ('"report_id": "ok"', '"report_id": "first"', "report_id 'first' stands at bad.jsonl:1 already; ids are unique over all files"),
        ("}}", '}, "debatable": ["heart"]}', "unknown class 'heart'; known: "),
        ("}}", '}, "uncertain": ["pleura"]}', "uncertain: 'pleura' is 0 in labels; an uncertain class is 1"),
        ("}}", '}, "tags": "odd"}', "tags: 'odd' is wrong; it should be a valid"),
        ("}}", "}", "not valid JSON at column"),
    ],
)  # fmt: skip
def test_a_bad_row_is_refused_with_its_place_and_the_rest_is_scored(
    here: Path, old: str, new: str, message: str
) -> None:
    bad = GOOD.replace(old, new) if old != "}}" else GOOD[:-2] + new
    assert bad != GOOD
    (here / "bad.jsonl").write_text(f"{GOOD.replace('ok', 'first')}\n{bad}\n{GOOD.replace('ok', 'last')}\n", "utf-8")
    done = evaluate("bad.jsonl")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"bad.jsonl:2: {message}")
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout.startswith("2 reports of 1 file;")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl: no such file or folder; name a gold file or a folder of them"),
        (["empty"], "empty: no gold in this folder; gold is .jsonl, see gold/README.md for its keys"),
        (["notes.txt"], "notes.txt: gold is JSON lines or CSV; name the file .jsonl or .csv"),
        (["gold.jsonl", "--errors", "no/where.jsonl"], "no/where.jsonl: "),
    ],
)
def test_what_cannot_be_read_is_one_line(here: Path, args: list[str], message: str) -> None:
    gold(here / "gold.jsonl")
    (here / "empty").mkdir()
    (here / "notes.txt").write_text("", "utf-8")
    done = evaluate(*args)
    assert done.exit_code == 2
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == 1


def test_gold_is_read_from_csv_too(here: Path) -> None:
    (here / "gold.csv").write_text(
        "report_id,description,chest_wall,pleura,parenchyma,cardio,abnormal,debatable,tags\n"
        'a,"Tràn dịch màng phổi, tim to.",0,1,0,0,1,cardio,x; y\nb,Tim to.,0,0,0,1,,,\n',
        "utf-8",
    )
    done = evaluate("gold.csv", "--json")
    out = json.loads(done.stdout)
    assert out["main"]["tags"].keys() == {"x", "y"}
    assert out["main"]["summary"]["wrong"] == 0
    assert done.stderr.strip() == "gold.csv:3: labels.abnormal: '' is wrong; it should be 0 or 1"


def test_the_shipped_gold_is_the_default() -> None:
    done = vnlabel("eval", "--json", "--min-f1", "0.97", "--max-auto-wrong", "0.01")
    assert done.exit_code == 0, done.stderr
    out = json.loads(done.stdout)
    assert out["main"]["summary"]["reports"] > 1000
    assert out["blind"]["summary"]["reports"] >= 150
    assert {"gold/routine.jsonl", "gold/rare.jsonl", "gold/hard.jsonl", "gold/typing.jsonl"} <= out["main"][
        "files"
    ].keys()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_intervals_are_those_of_resampling_one_report_after_another(pairs: list[tuple[bool, bool]]) -> None:
    truth, given_ = (np.array([[pair[i]] for pair in pairs]) for i in (0, 1))
    parts = (truth & given_, ~truth & given_, ~truth & ~given_, truth & ~given_)
    table = Cells(*(part.astype(float) for part in parts))
    found = bootstrap(table, replicates=400, seed=3)["f1"][0]
    random = np.random.default_rng(3)
    values = []
    for rows in random.integers(len(pairs), size=(400, len(pairs))):
        tp, fp, _, fn = (part[rows].sum() for part in parts)
        if tp + fp + fn:
            values.append(2 * tp / (2 * tp + fp + fn))
    if not values:
        assert np.isnan(found.low)
        return
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(values, [2.5, 97.5])))


class Watched:
    """vnlabel eval --watch in a process of its own."""

    def __init__(self, *args: object) -> None:
        self._out = Path("watch.out")
        self._err = Path("watch.err")
        env = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [*COMMAND, "eval", *map(str, args), "--watch"], stdout=out, stderr=err, env=env
            )

    def wait_for(self, text: str, seconds: float = 60) -> str:
        """Everything printed, once this is part of it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            said = self._out.read_text("utf-8") + self._err.read_text("utf-8")
            if text in said:
                return said
            time.sleep(0.05)
        raise AssertionError(f"{text!r} was never printed, but: {said}")


def test_watching_scores_again_on_every_save(here: Path) -> None:
    shutil.copytree(SMALL, here / "mine")
    rules, file = here / "mine" / "rules.yaml", gold(here / "gold.jsonl")
    watched = Watched(file, "--rules", "mine")
    try:
        watched.wait_for("watching 3 rule and gold files")
        text = rules.read_text("utf-8")
        rules.write_text(text.replace("<heart> ~ to]", "<heart> ~ rộng]"), "utf-8")
        said = watched.wait_for("rules.yaml: ")
        assert "mended: 1 (false)" in said
        rules.write_text(text.replace("<heart> ~ to]", "<hart> ~ to]"), "utf-8")
        said = watched.wait_for("still scored by what was there before")
        assert "bad pattern: unknown anatomy <hart>; did you mean 'heart'?" in said
        rules.write_text(text, "utf-8")
        assert "false  +cardio  " in watched.wait_for("broken: 1 (false)")
        gold(file, ROWS[:2])
        watched.wait_for("only in the earlier run: 5 (false, denied, normal, doubt, argued)")
        watched.process.send_signal(signal.SIGINT)
        assert watched.process.wait(20) == 0
    finally:
        watched.process.kill()
        watched.process.wait()


def test_watching_outlives_a_file_that_is_away_and_other_classes(here: Path) -> None:
    shutil.copytree(SMALL, here / "mine")
    rules, file, other = here / "mine" / "rules.yaml", gold(here / "gold.jsonl"), gold(here / "other.jsonl", [])
    watched = Watched(file, other, "--rules", "mine")
    try:
        watched.wait_for("watching 4 rule and gold files")
        file.rename(here / "away")
        watched.wait_for("gold.jsonl: no such file or folder; ")
        (here / "away").rename(file)
        assert "nothing changed\n" in watched.wait_for("  gold.jsonl: 0 lines read again")
        text = rules.read_text("utf-8")
        rules.write_text(text.replace("  - {id: other, ", "  - {id: bone, name: Bone}\n  - {id: other, "), "utf-8")
        said = watched.wait_for("rules.yaml: ")
        assert "gold.jsonl:7: labels: no 'bone'; " in said
        rules.write_text(text, "utf-8")
        watched.wait_for("not in the earlier run: 7 (")
        assert watched.process.poll() is None
    finally:
        watched.process.kill()
        watched.process.wait()


def test_watching_goes_with_no_option_that_ends() -> None:
    done = evaluate("--watch", "--json")
    assert done.exit_code == 2
    assert "--watch goes on for ever and cannot be used with --json" in done.stderr
