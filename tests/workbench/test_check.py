"""vnlabel rules check on the set as a whole: warnings that are true, each naming the rule that stands in the way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.helpers import SMALL, vnlabel


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the small rule set, as mine/."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SMALL, tmp_path / "mine")
    return tmp_path / "mine"


def add(folder: Path, text: str, to: str) -> int:
    """Add entries to the end of a list of the rules; the line on which they begin."""
    file = folder / "rules.yaml"
    lines = file.read_text("utf-8").splitlines()
    at = lines.index(f"{to}:") + 1 if f"{to}:" in lines else len(lines)
    new = text.splitlines() if f"{to}:" in lines else [f"{to}:", *text.splitlines()]
    lines[at:at] = new
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return at + 1 + (len(new) - len(text.splitlines()))


def warnings(*options: str) -> list[str]:
    """What check warns about a set without errors."""
    result = vnlabel("rules", "check", "--rules", "mine", *options)
    assert result.exit_code == 0, result.stderr
    return result.stderr.splitlines()


def test_a_set_without_defects_has_no_warnings(mine: Path) -> None:
    assert warnings() == []


@pytest.mark.parametrize(
    ("to", "entry", "message"),
    [
        (
            "findings",
            "  - {id: lung_scar, name: L, region: parenchyma, phrases: []}",
            "can never fire: it has no phrases",
        ),
        (
            "findings",
            "  - {id: doubt, name: D, region: parenchyma, phrases: [theo dõi, đông đặc]}",
            "'theo dõi' can never fire: it is read as 'theo dõi' (uncertain at mine/rules.yaml:",
        ),
        (
            "findings",
            "  - {id: doubt, name: D, region: parenchyma, phrases: [(theo dõi|đông đặc)]}",
            "'theo dõi' is doubt here, but is always read as the cue uncertain at mine/rules.yaml:",
        ),
        (
            "anatomy",
            "  - {id: valve, region: cardio, phrases: [catheter, van tim]}",
            "'catheter' is the structure valve here, but is always read as the sign central_line at mine/rules.yaml:",
        ),
        (
            "words",
            "  - {id: rights, role: right, phrases: [phải, bên phải]}",
            "'phải' says nothing new: rights at mine/rules.yaml:",
        ),
        (
            "templates",
            "  - {id: odd, text: Phổi bình thường. Tim to.}",
            "the template means no finding, but cardiomegaly at mine/rules.yaml:53:15 reads cardiomegaly in it as present",
        ),
        (
            "normal",
            "  - {id: old, phrases: [sẹo phổi cũ]}",
            "'sẹo phổi cũ' silences 'sẹo phổi' (scar at mine/rules.yaml:",
        ),
        ("abbreviations", "  - {id: xx, short: [XX], means: [xẹp phổi]}", "no phrase holds 'xẹp'"),
        ("confusable", "  - {id: yy, words: [gãy, gẫy]}", "no phrase holds 'gẫy'"),
        ("regions", "  - {id: spine, name: Spine}", "no finding is of this region: its class is always 0"),
        ("words", "  - {id: more, phrases: [lưng, vai, lưng]}", "'lưng' stands in this list twice; take one out"),
    ],
)
def test_what_is_wrong_with_a_set_as_a_whole(mine: Path, to: str, entry: str, message: str) -> None:
    line = add(mine, entry, to)
    (only,) = warnings()
    assert message in only
    assert ": warning: " in only
    assert to == "words" or only.startswith(f"mine/rules.yaml:{line}:")  # there the phrase below says nothing new


def change(folder: Path, old: str, new: str) -> None:
    """Replace a text that stands once in the rules."""
    text = (folder / "rules.yaml").read_text("utf-8")
    assert text.count(old) == 1
    (folder / "rules.yaml").write_text(text.replace(old, new), encoding="utf-8")


def test_a_fixed_phrase_that_a_structure_and_its_sign_say_already(mine: Path) -> None:
    change(mine, "[<heart> ~ to]", "[<heart> ~ to, tim to]")
    (only,) = warnings()
    assert only.endswith(
        "'tim to' says nothing new: cardiomegaly at mine/rules.yaml:53:15 says it already; take it out"
    )


def test_an_example_shows_that_silencing_is_meant(mine: Path) -> None:
    add(mine, "  - {id: old, phrases: [sẹo phổi cũ], examples: [Sẹo phổi cũ.]}", "normal")
    assert warnings() == []
    assert any("note: 'sẹo phổi cũ' silences 'sẹo phổi'" in line for line in warnings("--notes"))


def test_warnings_end_with_1_on_request_and_errors_with_2(mine: Path) -> None:
    line = add(mine, "  - {id: old, phrases: [sẹo phổi cũ]}", "normal")
    assert vnlabel("rules", "check", "--rules", "mine", "--strict").exit_code == 1
    told = json.loads(vnlabel("rules", "check", "--rules", "mine", "--json").stdout)
    assert told["ok"] and not told["problems"]
    assert [(w["file"], w["line"]) for w in told["warnings"]] == [("mine/rules.yaml", line)]
    change(mine, "region: cardio\n    chexpert", "region: cardiac\n    chexpert")
    assert vnlabel("rules", "check", "--rules", "mine", "--strict").exit_code == 2
