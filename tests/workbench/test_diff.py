"""vnlabel rules diff: every report that two sets label differently, and the rule that made it so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from labeler import Labeler
from tests.cli.helpers import SMALL, vnlabel

TEXTS = [
    "Tràn dịch màng phổi phải.", "Không thấy tràn dịch màng phổi.", "Viêm phổi.", "Theo dõi viêm phổi.", "Sẹo phổi phải.",
    "Tim to.", "Bóng tim không to.", "Tim phổi bình thường", "Catheter.", "Gãy xương sườn trái.", "TDMP phải.", "Phổi mờ.",
    "Không thấy viêm phổi, sẹo phổi.", "Gãy xưong sườn.", "Có thể viêm phổi.", "Phổi bình thường, tim to.",
]  # fmt: skip
CASES = {  # old text of the rules, new text, rule that must be named (by its id), kind of change
    "a phrase more": ("[viêm phổi]", "[viêm phổi, phổi mờ]", "pneumonia", "added"),
    "a phrase less": ("[sẹo phổi]", "[sẹo cũ phổi]", "scar", "removed"),
    "another region": ("    name: Scar\n    region: parenchyma", "    name: Scar\n    region: other", "scar", "changed"),
    "a sign less": ("[<heart> ~ to]", "[<heart> ~ giãn]", "cardiomegaly", "removed"),
    "a cue that is not one any more": (", scope: next, phrases: [không]", ", scope: next, phrases: [hết]", "absent_next", "removed"),
    "another scope": ("assertion: uncertain, scope: list", "assertion: historical, scope: list", "uncertain", "changed"),
    "a structure": ("[(bóng|hình) tim, tim]", "[(bóng|hình) tim]", "heart", "removed"),
    "a template": ("templates:\n", "templates:\n  - {id: other, text: Bóng tim không to.}\n", "other", "added"),
    "a side": ("{id: right, role: right, phrases: [phải]}", "{id: right, role: right, phrases: [hữu]}", "right", "removed"),
    "a short form": ("cues:\n", "abbreviations:\n  - {id: tdmp, short: [TDMP], means: [tràn dịch màng phổi]}\ncues:\n", "tdmp", "added"),
}  # fmt: skip


@pytest.fixture
def sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small rule set twice, as old/ and new/, and reports.jsonl."""
    monkeypatch.chdir(tmp_path)
    for name in ("old", "new"):
        shutil.copytree(SMALL, tmp_path / name)
    rows = [{"report_id": f"r{i}", "description": text} for i, text in enumerate(TEXTS)]
    Path("reports.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return tmp_path


def differ(*args: str) -> dict[str, Any]:
    """What diff --json says."""
    result = vnlabel("rules", "diff", "old", "new", "--reports", "reports.jsonl", "--json", *args)
    assert result.exit_code == 0, result.stderr
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def outcome(labeler: Labeler, text: str) -> tuple[object, ...]:
    report = labeler.label(text)
    said = sorted((m.finding, m.assertion, m.side or "") for m in report.mentions)
    return report.labels, report.status, report.method, report.uncertain, report.reasons, said


@pytest.mark.parametrize("name", CASES)
def test_every_changed_report_and_the_rule_that_changed_it(sets: Path, name: str) -> None:
    old, new, rule, change = CASES[name]
    file = sets / "new" / "rules.yaml"
    text = file.read_text("utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")
    told = differ()
    before, after = Labeler.from_rules("old"), Labeler.from_rules("new")
    changed = [f"r{i}" for i, t in enumerate(TEXTS) if outcome(before, t) != outcome(after, t)]
    assert [row["report_id"] for row in told["changes"]] == changed
    assert changed
    for row in told["changes"]:
        assert {(r["id"], r["change"]) for r in row["rules"]} == {(rule, change)}, row
        assert all(r["rule"].startswith(("old/rules.yaml:", "new/rules.yaml:")) for r in row["rules"])


def test_of_two_edits_each_report_names_its_own(sets: Path) -> None:
    file = sets / "new" / "rules.yaml"
    text = file.read_text("utf-8").replace("[sẹo phổi]", "[sẹo cũ phổi]")
    text = text.replace(
        "cues:\n", "abbreviations:\n  - {id: tdmp, short: [TDMP], means: [tràn dịch màng phổi]}\ncues:\n"
    )
    file.write_text(text, encoding="utf-8")
    causes = {TEXTS[int(row["report_id"][1:])]: {r["id"] for r in row["rules"]} for row in differ()["changes"]}
    assert causes == {"Sẹo phổi phải.": {"scar"}, "Không thấy viêm phổi, sẹo phổi.": {"scar"}, "TDMP phải.": {"tdmp"}}


def test_the_same_rules_elsewhere_change_nothing(sets: Path) -> None:
    told = differ()
    assert (told["reports"], told["changed"], told["changes"]) == (len(TEXTS), 0, [])


def test_a_layer_over_the_shipped_rules(sets: Path) -> None:
    (sets / "ours").mkdir()
    (sets / "ours" / "ruleset.yaml").write_text("name: ours\nversion: 1\nextends: builtin\ndisable: [scoliosis]\n")
    (sets / "ours" / "more.yaml").write_text(
        "findings:\n  - {id: turtle, name: T, region: parenchyma, phrases: [phổi ~ rùa bò]}\n", encoding="utf-8"
    )
    rows = "report_id,description\na,Phổi phải rùa bò.\nb,Vẹo cột sống.\nc,Tim to.\n"
    args = ("rules", "diff", "builtin", "ours", "--reports", "-")
    result = vnlabel(*args, stdin=rows)
    assert result.exit_code == 0
    assert result.stdout.startswith("2 of 3 reports differ\n")
    lines = result.stdout.splitlines()
    (a,) = [line for line in lines if line.startswith("a: ")]
    assert "parenchyma 0 -> 1" in a and "+ turtle present right" in a
    assert a.endswith("by ours/more.yaml:2 (ours, added)")
    (b,) = [line for line in lines if line.startswith("b: ")]
    assert "chest_wall 1 -> 0" in b and "(builtin, removed)" in b
    assert not any(line.startswith("c: ") for line in lines)


def test_a_set_that_cannot_be_used(sets: Path) -> None:
    result = vnlabel("rules", "diff", "old", "nowhere", "--reports", "reports.jsonl")
    assert result.exit_code == 2
    assert "nowhere:1:1: no such folder of rules" in result.stderr
