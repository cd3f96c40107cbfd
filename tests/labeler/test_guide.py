"""Every sentence in the rule author's guide is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labeler import Labeler
from labeler.rule_tests import problems_of
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


def test_the_guides_own_set_is_valid(tmp_path: Path) -> None:
    head, ours = (
        re.search(rf"```yaml\n# my_hospital/{name}\n(.*?)```", GUIDE, re.DOTALL) for name in (r"ruleset\.yaml", r"ours\.yaml")
    )
    assert head is not None and ours is not None
    (tmp_path / "ruleset.yaml").write_text(head.group(1), encoding="utf-8")
    (tmp_path / "ours.yaml").write_text(ours.group(1), encoding="utf-8")
    assert problems_of(str(tmp_path))[1] == []
    assert Labeler.from_rules(tmp_path).label("Phổi phải bọ rùa.").labels["parenchyma"] == 1


def test_every_reason_code_is_explained() -> None:
    package = Path(__file__).resolve().parents[2] / "labeler"
    code = "\n".join(path.read_text("utf-8") for path in [package / "labeler.py", *sorted((package / "pipe").glob("*.py"))])
    codes = set(re.findall(r'reasons\.add\("([a-z_]+)"\)|reasons \|= \{"([a-z_]+)"\}', code))
    names = {a or b for a, b in codes} - {"not_assessable"}
    assert len(names) > 8
    assert {name for name in names if f"`{name}`" not in GUIDE} == set()
