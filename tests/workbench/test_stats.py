"""vnlabel rules stats: what each rule does on reports, and against gold."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.helpers import CLASSES, SMALL, vnlabel

REPORTS = {  # text, gold classes, gold findings
    "a": ("Tràn dịch màng phổi phải. Không thấy tràn khí màng phổi.", "01001", ["pleural_effusion"]),
    "b": ("Không thấy tràn dịch màng phổi.", "00000", []),
    "c": ("Viêm phổi. Không thấy viêm phổi.", "00101", ["pneumonia"]),
    "d": ("Theo dõi viêm phổi.", "00000", []),
    "e": ("Tim phổi bình thường", "00000", []),
    "f": ("Tim to. Bóng tim to.", "00011", ["heart_failure"]),
    "g": ("Catheter.", "00001", ["central_line"]),
}


@pytest.fixture
def gold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The reports above as gold.jsonl."""
    monkeypatch.chdir(tmp_path)
    with Path("gold.jsonl").open("w", encoding="utf-8") as out:
        for key, (text, labels, findings) in REPORTS.items():
            values = dict(zip(CLASSES, map(int, labels), strict=True))
            out.write(
                json.dumps({"report_id": key, "description": text, "labels": values, "findings": findings}) + "\n"
            )
    return "gold.jsonl"


def counts(*args: str) -> dict[str, Any]:
    """What stats --json says, rules by their id."""
    result = vnlabel("rules", "stats", *args, "--gold", "--rules", SMALL, "--json")
    assert result.exit_code == 0, result.stderr
    told: dict[str, Any] = json.loads(result.stdout)
    told["by_id"] = {row["id"]: row for row in told["rules"]}
    return told


def test_how_often_each_rule_fires_and_as_what(gold: str) -> None:
    told = counts(gold)
    rules = told["by_id"]
    assert (told["reports"], told["with_gold"]) == (7, 7)
    effusion = rules["pleural_effusion"]
    assert (effusion["reports"], effusion["present"], effusion["absent"]) == (2, 1, 1)
    assert (rules["pneumonia"]["mentions"], rules["pneumonia"]["reports"], rules["pneumonia"]["uncertain"]) == (3, 2, 1)
    assert (rules["cardiomegaly"]["mentions"], rules["cardiomegaly"]["reports"]) == (2, 1)
    assert (rules["absent"]["reports"], rules["uncertain"]["reports"], rules["nothing"]["reports"]) == (3, 1, 1)
    assert rules["rib_fracture"]["reports"] == 0


def test_rules_in_conflict(gold: str) -> None:
    told = counts(gold)
    assert told["by_id"]["pneumonia"]["conflicts"] == 1
    (pair,) = told["pairs"]
    assert (pair["finding"], pair["kind"], pair["reports"]) == ("pneumonia", "conflict", 1)


def test_against_gold(gold: str) -> None:
    rules = counts(gold)["by_id"]
    for name, expected in {
        "pleural_effusion": (1, 1, 1, 1),
        "pneumonia": (1, 2, 1, 2),  # "theo dõi viêm phổi" has gold 0
        "cardiomegaly": (1, 1, 0, 1),  # the class is right, the finding is not
        "central_line": (1, 1, 1, 1),  # `other` sets abnormal alone
        "nothing": (1, 1, 0, 0),
    }.items():
        row = rules[name]
        assert tuple(row[k] for k in ("class_right", "class_of", "finding_right", "finding_of")) == expected, name


def test_the_table_the_csv_and_what_never_fired(gold: str) -> None:
    result = vnlabel("rules", "stats", gold, "--gold", "--rules", SMALL, "-o", "rules.csv")
    assert "7 reports, 7 of them with gold labels" in result.stdout
    assert "Rules in conflict" in result.stdout
    with Path("rules.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert rows["pneumonia"]["mentions"] == "3"
    never = vnlabel("rules", "stats", gold, "--rules", SMALL, "--never").stdout.splitlines()
    assert len(never) == sum(row["reports"] == "0" for row in rows.values())
    assert any(line.endswith(": rib_fracture: gãy xương sườn") for line in never)


def test_reports_without_labels_and_rows_that_are_no_reports() -> None:
    rows = "report_id,description\na,Tim to.\na,Tim to.\nb,Viêm phổi.\n"
    result = vnlabel("rules", "stats", "-", "--rules", SMALL, "--json", stdin=rows)
    assert result.exit_code == 2
    told = json.loads(result.stdout)
    assert (told["reports"], told["refused"], told["with_gold"]) == (2, 1, 0)
    assert vnlabel("rules", "stats", "-", "--rules", SMALL, "--allow-refused", stdin=rows).exit_code == 0
