"""Every sentence in the rule author's guide is true."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from labeler import Labeler
from labeler.rule_tests import problems_of
from tests.cli.helpers import vnlabel
from tests.labeler.expect import assert_mentions

GUIDE = (Path(__file__).resolve().parents[2] / "rules" / "README.md").read_text("utf-8")


def rows() -> list[tuple[str, str]]:
    """Sentence and mentions of every table whose last two columns are "sentence" and "gives"."""
    out = []
    inside = False
    for line in GUIDE.split("\n"):
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if cells[-2:] == ["sentence", "gives"]:
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("|---"):
            out.append((cells[-2], cells[-1]))
    return out


def test_the_guide_has_examples() -> None:
    assert len(rows()) >= 35


@pytest.mark.parametrize(("text", "expected"), rows())
def test_an_example_of_the_guide(labeler: Labeler, text: str, expected: str) -> None:
    report = assert_mentions(labeler, text, expected)
    assert "residue" not in report.reasons


def blocks() -> list[tuple[str, str]]:
    """Language and text of every fenced block, in order."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)


def looks_like(expected: str, given: str) -> bool:
    """Whether an output is the one shown, in which "..." stands for anything."""
    pattern = ".*".join(re.escape(part) for part in re.split(r"\n?\.\.\.", expected.strip()))
    return re.fullmatch(pattern, given.strip(), re.DOTALL) is not None


def test_every_command_of_the_guide_prints_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for language, text in blocks():
        first, _, rest = text.partition("\n")
        named = re.fullmatch(r"# (at the end of )?([\w./]+)", first)
        if language == "console":
            for command, expected in re.findall(r"^\$ vnlabel (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
                given = vnlabel(*shlex.split(command)).output
                assert looks_like(expected, given), f"$ vnlabel {command}\n{given}"
        elif named is not None:
            file = tmp_path / named.group(2)
            file.parent.mkdir(exist_ok=True)
            before = file.read_text("utf-8") if named.group(1) else ""
            file.write_text(before + (text if language == "yaml" else rest), encoding="utf-8")


def test_every_block_of_yaml_is_sound(tmp_path: Path) -> None:
    (tmp_path / "ruleset.yaml").write_text('{name: guide, version: "1", extends: builtin}', encoding="utf-8")
    parts = [text for language, text in blocks() if language == "yaml" and not text.startswith("# ")]
    assert len(parts) >= 4
    for i, text in enumerate(parts):
        (tmp_path / f"part{i}.yaml").write_text(text, encoding="utf-8")
    assert problems_of(str(tmp_path))[1] == []


def test_every_block_is_run() -> None:
    assert {language for language, _ in blocks()} == {"console", "yaml", "json", "csv"}
    assert len(re.findall("^```", GUIDE, re.MULTILINE)) == 2 * len(blocks())
    assert all(text.startswith("$ vnlabel ") for language, text in blocks() if language == "console")


def test_every_reason_code_is_explained() -> None:
    package = Path(__file__).resolve().parents[2] / "labeler"
    code = "\n".join(path.read_text("utf-8") for path in [package / "combining.py", *sorted((package / "pipe").glob("*.py"))])
    codes = set(re.findall(r'reasons\.add\("([a-z_]+)"\)|reasons \|= \{"([a-z_]+)"\}', code))
    names = {a or b for a, b in codes} - {"not_assessable"}
    assert len(names) > 8
    assert {name for name in names if f"`{name}`" not in GUIDE} == set()
