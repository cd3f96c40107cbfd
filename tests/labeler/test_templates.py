"""No-finding templates: whole descriptions and nothing less."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from labeler import Labeler

FOUR_LINES = """\
- Không thấy bất thường xương lồng ngực.
- Không thấy hình tràn dịch, tràn khí màng phổi.
- Không thấy tổn thương nhu mô phổi hai bên.
- Hình tim và trung thất không thấy bất thường."""

SAME = [
    FOUR_LINES,
    FOUR_LINES.upper(),
    FOUR_LINES.replace("- ", "-- "),
    FOUR_LINES.replace("- ", ""),
    FOUR_LINES.replace("- ", "• "),
    FOUR_LINES.replace(".", ""),
    FOUR_LINES.replace("\n", "\r\n"),
    FOUR_LINES.replace("\n", "\n\n"),
    FOUR_LINES.replace(" ", "  "),
    "\n".join(f"{i}. {line[2:]}" for i, line in enumerate(FOUR_LINES.split("\n"), 1)),
    unicodedata.normalize("NFD", FOUR_LINES),
    "Tim phổi bình thường.",
    "<p>Tim phổi bình thường</p>",
    "TIM PHỔI BÌNH THƯỜNG",
]  # fmt: skip

NOT_THE_SAME = [
    FOUR_LINES + "\n- Vòm hoành hai bên đều.",
    "\n".join(FOUR_LINES.split("\n")[:3]),
    "Hiện tại: " + FOUR_LINES,
    "Tim phổi bình thường, không gãy xương.",
    "Tim phổi bình thường 2",
    "Tim bình thường.",
]


def test_there_are_at_least_eleven(labeler: Labeler) -> None:
    assert len(labeler.lexicon.templates) >= 11


@pytest.mark.parametrize("text", SAME)
def test_the_same_text_however_it_is_typed(labeler: Labeler, text: str) -> None:
    report = labeler.label(text)
    assert (report.method, report.status) == ("template", "auto")
    assert report.template is not None
    assert not any(report.labels.values())
    assert report.mentions == ()
    assert {why.kind for why in report.classes.values()} == {"template"}


@pytest.mark.parametrize("text", NOT_THE_SAME)
def test_never_a_part_of_a_text(labeler: Labeler, text: str) -> None:
    report = labeler.label(text)
    assert (report.method, report.template) == ("rules", None)
    assert not any(report.labels.values())


@pytest.mark.parametrize(
    "text", ["Tim phổi bình thường?", FOUR_LINES[:-1] + "?", "Hai phổi sáng?", "Bóng tim không to?"]
)
def test_a_question_is_no_template(labeler: Labeler, text: str) -> None:
    report = labeler.label(text)
    assert (report.method, report.status, report.labels["abnormal"]) == ("rules", "review", 0)


def test_a_template_with_measures(tmp_path: Path) -> None:
    (tmp_path / "ruleset.yaml").write_text("name: sized\nversion: 1\nextends: builtin\n", encoding="utf-8")
    (tmp_path / "rules.yaml").write_text(
        "templates:\n  - {id: sized, text: 'Phim cỡ 35 x 43 cm. Hai phổi sáng.'}\n", encoding="utf-8"
    )
    labeler = Labeler.from_rules(tmp_path)
    assert labeler.label("- Phim cỡ 36 x 43 cm. Hai phổi sáng.").template is None
    assert labeler.label("- Phim cỡ 35 x 43 cm. Hai phổi sáng.").template == "sized"


@pytest.mark.parametrize("line", ["Tràn dịch màng phổi phải.", "Gãy xương đòn trái."])
def test_a_template_hides_no_finding(labeler: Labeler, line: str) -> None:
    for text in (f"{FOUR_LINES}\n- {line}", f"- {line}\n{FOUR_LINES}"):
        report = labeler.label(text)
        assert (report.method, report.labels["abnormal"]) == ("rules", 1)


def test_every_template_is_found(labeler: Labeler) -> None:
    for located in labeler.rules.all("templates"):
        report = labeler.label(located.entry.text)
        assert (report.method, report.template) == ("template", located.entry.id)


def test_the_explanation_names_the_template_and_its_rule(labeler: Labeler) -> None:
    why = labeler.label("Tim phổi bình thường.").classes["pleura"].to_dict()
    assert why["value"] == 0
    assert why["because"]["kind"] == "template"
    assert why["because"]["template"] == "health_check"
    assert why["because"]["rule"].startswith("rules/templates.yaml:")
