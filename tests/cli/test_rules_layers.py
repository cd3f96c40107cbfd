"""Sets over other sets, through the command line: what they add, replace and leave out, and how a bad one is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.helpers import SMALL, vnlabel

Layer = Callable[..., None]


@pytest.fixture
def layer(here: Path) -> Layer:
    """Write a set over the small one, or over another."""

    def write(name: str, entries: str = "", extends: str = SMALL, disable: str = "", called: str = "") -> None:
        (here / name).mkdir(parents=True)
        head = f"name: {called or name}\nversion: 1\nextends: {extends}\n" + (
            f"disable: [{disable}]\n" if disable else ""
        )
        (here / name / "ruleset.yaml").write_text(head, encoding="utf-8")
        (here / name / "entries.yaml").write_text(entries, encoding="utf-8")

    return write


def explained(text: str, rules: str) -> dict[str, Any]:
    result = vnlabel("explain", text, "--json", "--rules", rules)
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def said(text: str, rules: str) -> list[tuple[str, str, str]]:
    """Findings of a text, how they are asserted, and the file of the rule."""
    mentions = explained(text, rules)["mentions"]
    return [
        (m["finding"], m["assertion"], m["rule"].rsplit("/", 2)[-2] + ":" + m["rule"].rsplit(":", 1)[1])
        for m in mentions
    ]


def problems(rules: str) -> list[str]:
    result = vnlabel("rules", "check", "--rules", rules)
    assert result.exit_code == (2 if result.stderr else 0)
    return result.stderr.splitlines()


TURTLE = "findings:\n  - {id: turtle, name: Turtle, region: parenchyma, phrases: [bọ rùa], examples: [Bọ rùa.]}\n"


def test_a_new_id_adds(layer: Layer) -> None:
    layer("ours", TURTLE)
    assert problems("ours") == []
    assert said("Bọ rùa. Không thấy viêm phổi.", "ours") == [
        ("turtle", "present", "ours:2"), ("pneumonia", "absent", "small_rules:40"),
    ]  # fmt: skip
    assert "14 examples, 0 failed" in vnlabel("rules", "test", "--rules", "ours").stdout


def test_the_same_id_in_the_same_list_replaces_the_whole_entry(layer: Layer) -> None:
    layer("ours", "findings:\n  - {id: pneumonia, name: Pneumonia, region: other, phrases: [vp]}\n")
    assert problems("ours") == []
    assert said("Vp.", "ours") == [("pneumonia", "present", "ours:2")]
    assert explained("Vp.", "ours")["labels"] == {
        "chest_wall": 0, "pleura": 0, "parenchyma": 0, "cardio": 0, "abnormal": 1,
    }  # fmt: skip
    assert said("Viêm phổi.", "ours") == []  # a phrase of the entry that was replaced


def test_the_same_id_in_another_list_is_another_entry(layer: Layer) -> None:
    layer("ours", "words:\n  - {id: pneumonia, phrases: [vp]}\n")
    assert said("Vp viêm phổi.", "ours") == [("pneumonia", "present", "small_rules:40")]


@pytest.mark.parametrize(
    ("disable", "text", "expected"),
    [
        ("scar", "Sẹo phổi.", []),
        ("findings/scar", "Sẹo phổi.", []),
        ("absent", "Không thấy viêm phổi.", [("pneumonia", "absent", "small_rules:40")]),
        ("absent, absent_next", "Không thấy viêm phổi.", [("pneumonia", "present", "small_rules:40")]),
        ("pneumothorax", "Tràn dịch màng phổi.", [("pleural_effusion", "present", "small_rules:25")]),
    ],
)
def test_what_is_disabled_says_nothing(
    layer: Layer, disable: str, text: str, expected: list[tuple[str, str, str]]
) -> None:
    layer("ours", disable=disable)
    assert problems("ours") == []
    assert said(text, "ours") == expected


def test_a_disabled_template_leaves_the_words_to_the_rules(layer: Layer) -> None:
    layer("ours", disable="nothing")
    assert explained("Tim phổi bình thường", SMALL)["method"] == "template"
    assert explained("Tim phổi bình thường", "ours")["method"] == "rules"


def test_three_layers_and_the_nearest_speaks_last(layer: Layer) -> None:
    layer("hospital", TURTLE + "words:\n  - {id: hers, phrases: [ạ]}\n", disable="scar")
    layer("wards/icu", TURTLE.replace("parenchyma", "pleura"), extends="../../hospital", disable="hers")
    layer("wards/bed", "findings:\n  - {id: scar, name: Scar, region: cardio, phrases: [vết sẹo]}\n", extends="../icu")
    assert problems("wards/bed") == []
    report = explained("Bọ rùa ạ. Vết sẹo. Tim to.", "wards/bed")
    assert {m["finding"]: (m["region"], Path(m["rule"]).parent.name) for m in report["mentions"]} == {
        "turtle": ("pleura", "icu"), "scar": ("cardio", "bed"), "cardiomegaly": ("cardio", "small_rules"),
    }  # fmt: skip
    assert [span["text"] for span in report["residue"]] == ["ạ"]
    assert (
        "rule wards/icu/entries.yaml:2 (layer wards/icu)"
        in vnlabel("explain", "Bọ rùa.", "--rules", "wards/bed").stdout
    )


def test_layers_of_one_name_may_replace_one_another(layer: Layer) -> None:
    layer("a", TURTLE, called="same")
    layer("b", TURTLE.replace("bọ rùa", "bọ hung").replace("Bọ rùa", "Bọ hung"), extends="../a", called="same")
    assert problems("b") == []
    assert said("Bọ hung.", "b") == [("turtle", "present", "b:2")]


@pytest.mark.parametrize(
    ("disable", "message"),
    [
        ("heart", "1: disable: 'heart' is used at {small}/rules.yaml:53: keep it, or replace what uses it"),
        (
            "regions/cardio",
            "1: disable: 'regions/cardio' is used at {small}/rules.yaml:11 and 1 more: keep it, or replace",
        ),
        ("pleura", "1: disable: 'pleura' is in regions and anatomy: write regions/pleura or anatomy/pleura"),
        ("sacr", "1: disable: no entry 'sacr' in the set it extends; did you mean 'scar'?"),
        ("words/scar", "1: disable: no entry 'words/scar' in the set it extends"),
        ("scar, tim", "7: disable: no entry 'tim' in the set it extends"),
    ],
)
def test_what_cannot_be_disabled_is_told_where_it_was_asked_for(layer: Layer, disable: str, message: str) -> None:
    layer("ours", disable=disable)
    first, *_ = problems("ours")
    column, _, rest = message.format(small=SMALL).partition(": ")
    assert first.startswith(f"ours/ruleset.yaml:4:{10 + int(column)}: {rest}"), first


def test_what_uses_a_disabled_entry_may_be_replaced_with_it(layer: Layer) -> None:
    layer(
        "ours", disable="heart",
        entries="regions:\n  - {id: cardio, name: Heart}\n"
        "findings:\n  - {id: cardiomegaly, name: Cardiomegaly, region: cardio, phrases: [tim to]}\n",
    )  # fmt: skip
    assert problems("ours") == []
    assert said("Tim to.", "ours") == [("cardiomegaly", "present", "ours:4")]


def test_sets_that_cannot_be_built_on(layer: Layer, here: Path) -> None:
    layer("a", extends="../b")
    layer("b", extends="../a")
    layer("self", extends=".")
    layer("lost", extends="../nowhere")
    layer("broken", TURTLE.replace("name", "nmae"))
    layer("over", extends="../broken")
    assert problems("a")[0] == "b/ruleset.yaml:3:10: extends: ../a leads back to this set"
    assert problems("self")[0] == "self/ruleset.yaml:3:10: extends: . leads back to this set"
    assert problems("lost")[0] == (
        "lost/ruleset.yaml:3:10: extends: no rule set in nowhere; builtin, or a folder with a ruleset.yaml, seen from this one"
    )
    assert "broken/entries.yaml:2:18: unknown key 'nmae'; did you mean 'name'?" in problems("over")
    (here / "alone").mkdir()
    (here / "alone" / "ruleset.yaml").write_text("name: alone\nversion: 1\ndisable: [scar]\n")
    assert problems("alone")[0] == (
        "alone/ruleset.yaml:3:1: disable: leaves out entries of the set it extends, but it extends none"
    )
    for rules in ("a", "lost", "over", "alone"):
        result = vnlabel("explain", "Tim to.", "--rules", rules)
        assert result.exit_code == 2
        assert result.stdout == ""
