"""vnlabel rules schema: what editors are told agrees with what `rules check` accepts and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from labeler.json_schema import MODELINE, NAME
from labeler.rule_tests import problems_of
from labeler.rules import builtin_path
from tests.cli.helpers import SMALL, vnlabel

FILES = [*sorted(builtin_path().glob("*.yaml")), *sorted(Path(SMALL).glob("*.yaml"))]
HEAD = {"name": "mine", "version": 1, "extends": SMALL}


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json.loads(vnlabel("rules", "schema").stdout)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def wrong(validator: Draft202012Validator, text: str) -> list[str]:
    """What an editor would underline: its YAML reader makes numbers and booleans of some words."""
    return [error.message for error in validator.iter_errors(YAML(typ="safe", pure=True).load(text))]


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_nothing_is_underlined_in_sound_files(validator: Draft202012Validator, file: Path) -> None:
    assert wrong(validator, file.read_text("utf-8")) == []


def test_the_shipped_files_name_the_schema_that_lies_beside_them() -> None:
    assert (builtin_path() / NAME).read_text("utf-8") == vnlabel("rules", "schema").stdout, (
        "run: vnlabel rules schema -o rules/.schema.json"
    )
    for file in builtin_path().glob("*.yaml"):
        assert file.read_text("utf-8").split("\n", 1)[0] == MODELINE, file.name


def test_every_key_is_explained(validator: Draft202012Validator) -> None:
    for name, model in validator.schema["$defs"].items():
        assert model["description"], name
        assert model["additionalProperties"] is False, name
        for key, about in model["properties"].items():
            assert about.get("description"), (name, key)


@pytest.mark.parametrize(
    "entries",
    [
        "findings:\n  - {id: aa, name: 5, region: cardio, phrases: [0.5, yes, no, 'null', 12, 1e3], generic: yes}\n",
        "findings:\n  - {id: aa, name: true, region: cardio, phrases: [xyz], generic: FALSE, vindr: Other lesion}\n",
        "findings:\n  - {id: aa, name: a, region: cardio, measure: {phrases: [xyz], above: 3}, vindr: [Edema, ILD]}\n",
        "findings:\n  - {id: aa, name: a, region: cardio, measure: {phrases: [xyz], above: '0.5'}, generic: 1}\n",
        "findings:\n  - id: aa\n    name: a\n    region: cardio\n    phrases:\n    examples:\n    chexpert:\n    generic:\n",
        "cues:\n  - {id: aa, assertion: contrast, phrases: [xyz], scope: }\n",
        "anatomy:\n  - {id: aa, region: cardio, parent: ~, location: no}\n",
        "services:\n  - {id: aa, code: 18.0120, view: frontal, name: }\n",
        "templates:\n  - {id: aa, text: 2026-01-01}\nwords:\n",
        "",
        "# nothing yet\n",
    ],
)
def test_what_check_accepts_is_not_underlined(validator: Draft202012Validator, here: Path, entries: str) -> None:
    (here / "ruleset.yaml").write_text(json.dumps(HEAD))
    (here / "entries.yaml").write_text(entries)
    assert problems_of(".")[1] == []
    assert wrong(validator, entries) == []


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ("findngs: []\n", "'findngs' was unexpected"),
        ("findings:\n  - {id: aa, name: a, region: cardio, nmae: b}\n", "'nmae' was unexpected"),
        ("findings:\n  - {id: aa, name: a, region: cardio, phrases: xyz}\n", "'xyz' is not of type 'array'"),
        ("findings:\n  - {id: aa, name: a, region: cardio, chexpert: Fractur}\n", "'Fractur' is not valid"),
        ("findings:\n  - {id: aa, name: a}\n", "'region' is a required property"),
        ("findings:\n  - {id: aa, name: a, region: cardio, phrases: [xyz, ]}\n  - {id: Aa, name: a, region: b}\n", "'Aa' does not"),
        ("findings:\n  - {id: aa, name: a, region: cardio, phrases: [[xyz]]}\n", "should not be valid"),
        ("findings:\n  - {id: aa, name: a, region: cardio, phrases: [~]}\n", "should not be valid"),
        ("findings:\n  - {id: aa, name: a, region: cardio, generic: maybe}\n", "'maybe' is not valid"),
        ("findings:\n  - {id: aa, name: a, region: cardio, measure: {phrases: [xyz], above: half}}\n", "not valid under any"),
        ("cues:\n  - {id: aa, assertion: absnt, phrases: [xyz]}\n", "'absnt' is not one of"),
        ("- a\n", "is not of type"),
    ],
)  # fmt: skip
def test_what_check_refuses_is_underlined(
    validator: Draft202012Validator, here: Path, entries: str, message: str
) -> None:
    (here / "ruleset.yaml").write_text(json.dumps(HEAD))
    (here / "entries.yaml").write_text(entries)
    assert problems_of(".")[1] != []
    found = wrong(validator, entries)
    assert any(message in line for line in found), found


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ({"name": "a"}, "'version' is a required property"),
        ({"name": "a", "version": 1, "extend": "builtin"}, "'extend' was unexpected"),
        ({"name": "a", "version": 1, "disable": "b"}, "is not of type 'array'"),
        ({"name": "a", "version": 1, "findings": []}, "'findings' was unexpected"),
    ],
)
def test_a_bad_head_is_underlined(
    validator: Draft202012Validator, here: Path, head: dict[str, Any], message: str
) -> None:
    (here / "ruleset.yaml").write_text(json.dumps(head))
    assert problems_of(".")[1] != []
    assert any(message in line for line in wrong(validator, json.dumps(head)))


def test_the_schema_goes_where_it_is_asked_to(here: Path) -> None:
    assert vnlabel("rules", "schema", "-o", "mine.json").exit_code == 0
    assert json.loads((here / "mine.json").read_text("utf-8"))["title"] == "vnlabel rule file"
    assert [p.name for p in here.iterdir()] == ["mine.json"]
    refused = vnlabel("rules", "schema", "-o", "nowhere/mine.json")
    assert refused.exit_code == 2
    assert refused.stderr == "nowhere/mine.json: cannot be written: No such file or directory\n"
