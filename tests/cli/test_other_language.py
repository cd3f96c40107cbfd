"""English reports by a rule set of YAML alone: nothing in the code knows the language."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labeler import Labeler
from tests.cli.helpers import table, vnlabel
from tests.labeler.expect import assert_mentions

ENGLISH = str(Path(__file__).parent / "english_rules")


@pytest.fixture(scope="module")
def english() -> Labeler:
    return Labeler.from_rules(ENGLISH)


def test_the_set_is_sound() -> None:
    assert vnlabel("rules", "check", "--rules", ENGLISH).exit_code == 0
    assert vnlabel("rules", "test", "--rules", ENGLISH).stdout.endswith(" 0 failed; 10 findings, 0 without examples\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "CHEST X-RAY: The heart is not enlarged. The lungs are clear. No pleural effusion or pneumothorax.",
            "cardiomegaly absent none; pleural_effusion absent none; pneumothorax absent none",
        ),
        (
            "FINDINGS: Small left pleural effusion with blunting of the costophrenic angle. IMPRESSION: Cardiomegaly.",
            "pleural_effusion present left; cardiomegaly present",
        ),
        (
            "Clinical history: pneumonia.\nFindings: There is a 7 mm nodule in the left upper lobe. No pneumothorax.",
            "pneumonia historical; nodule present left; pneumothorax absent",
        ),
        (
            "Possible right lower lobe pneumonia. Recommend CT to exclude nodule.",
            "pneumonia uncertain right; nodule historical",
        ),
        ("Both lung bases consolidated.", "consolidation present both"),
        ("Atelectasis in both lower lobes, no consolidation but left sixth rib is fractured.",
         "atelectasis present both; consolidation absent; rib_fracture present left"),
        ("No pneumothorax, small right pleural effusion.", "pneumothorax absent; pleural_effusion present right"),
        ("Pneumothorax has resolved. Endotracheal tube in place.", "pneumothorax absent; device present"),
        ("The aorta is tortuous. Cardiothoracic ratio 0.55. History of pneumonia.",
         "tortuous_aorta present; cardiomegaly present; pneumonia historical"),
        ("Pleural efusion. Pneumothroax.", "pleural_effusion present; pneumothorax present"),
    ],
)  # fmt: skip
def test_english_reports(english: Labeler, text: str, expected: str) -> None:
    report = assert_mentions(english, text, expected)
    assert report.residue == ()


def test_words_that_no_rule_knows_go_to_review(english: Labeler) -> None:
    report = english.label("The mask is on the left. Hyperinflated lungs.")
    assert report.status == "review"
    assert [span.text for span in report.residue] == ["mask", "on", "Hyperinflated"]


def test_no_keystrokes_of_vietnamese_are_undone_in_english_words(english: Labeler, tmp_path: Path) -> None:
    head = f"name: over\nversion: 1\nextends: {ENGLISH}\n"
    (tmp_path / "ruleset.yaml").write_text(head)
    for labeler in (english, Labeler.from_rules(tmp_path)):
        residue = labeler.label("The heart is large as ass.").residue
        assert [span.text for span in residue] == ["as", "ass"]
    (tmp_path / "ruleset.yaml").write_text(head + "language: vi\n")
    assert Labeler.from_rules(tmp_path).label("The heart is large as ass.").residue == ()


def test_a_table_of_english_reports(here: Path) -> None:
    (here / "r.csv").write_text(
        'report_id,description\na,Normal chest radiograph.\nb,"Fracture of the left sixth rib, lungs clear."\nc,Central line.\n'
    )
    result = vnlabel("label", "r.csv", "-o", "out.csv", "--rules", ENGLISH, "--explain", "why.jsonl")
    assert result.exit_code == 0, result.stderr
    rows = table((here / "out.csv").read_text("utf-8"))
    classes = ["bones", "pleura", "lungs", "heart", "abnormal"]
    assert {key: "".join(row[name] for name in classes) for key, row in rows.items()} == {
        "a": "00000", "b": "10001", "c": "00001",
    }  # fmt: skip
    assert {row["status"] for row in rows.values()} == {"auto"}
    assert json.loads((here / "why.jsonl").read_text("utf-8").split("\n")[0])["template"] == "normal_film"
    vnlabel("label", "r.csv", "-o", "chexpert.csv", "--rules", ENGLISH, "--scheme", "chexpert")
    assert table((here / "chexpert.csv").read_text("utf-8"))["b"]["Fracture"] == "1"
