"""Rescoring after an edit: what is labelled again is all that the edit can touch."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from labeler.evaluate import outcomes
from labeler.labeler import Labeler
from labeler.lexicon import Node
from labeler.rules import RuleSetError, builtin_path
from labeler.workbench.rescore import Rescorer

ROOT = Path(__file__).resolve().parents[2]
GOLD = (str(ROOT / "gold" / "hard.jsonl"), str(ROOT / "gold" / "typing.jsonl"))
Entry = dict[str, object]
Edit = Callable[[random.Random, dict[str, list[Entry]], list[str]], None]


def _lists(data: dict[str, list[Entry]], key: str) -> list[list[str]]:
    return [entry[key] for entries in data.values() for entry in entries if isinstance(entry.get(key), list)]  # type: ignore[misc]


def drop_a_phrase(chance: random.Random, data: dict[str, list[Entry]], words: list[str]) -> None:
    phrases = [found for found in _lists(data, "phrases") if len(found) > 1]
    if phrases:
        found = chance.choice(phrases)
        del found[chance.randrange(len(found))]


def add_a_phrase(chance: random.Random, data: dict[str, list[Entry]], words: list[str]) -> None:
    phrases = _lists(data, "phrases") or [[]]
    chance.choice(phrases).append(" ".join(chance.sample(words, chance.choice([1, 2, 2, 3]))))


def drop_an_entry(chance: random.Random, data: dict[str, list[Entry]], words: list[str]) -> None:
    entries = chance.choice(list(data.values()))
    del entries[chance.randrange(len(entries))]


def change_an_entry(chance: random.Random, data: dict[str, list[Entry]], words: list[str]) -> None:
    entry = chance.choice([entry for entries in data.values() for entry in entries])
    for key, choices in (
        ("region", ["pleura", "cardio"]), ("scope", ["list", "next", "clause"]), ("assertion", ["absent", "uncertain"]),
        ("role", ["neutral", "amount", "link"]), ("section", ["advice", "conclusion"]), ("means", [["phổi"]]),
    ):  # fmt: skip
        if key in entry:
            entry[key] = chance.choice(choices)
            return


def add_an_abbreviation(chance: random.Random, data: dict[str, list[Entry]], words: list[str]) -> None:
    short = chance.choice(words)
    data.setdefault("abbreviations", []).append({"id": "made_up", "short": [short], "means": [" ".join(words[:2])]})


def meanings(node: Node) -> dict[str, object]:
    """A trie with the parts of its units for leaves."""
    return {word: meanings(below) if isinstance(below, dict) else below.parts for word, below in node.items()}


EDITS: tuple[Edit, ...] = (drop_a_phrase, add_a_phrase, drop_an_entry, change_an_entry, add_an_abbreviation)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    return Path(shutil.copytree(builtin_path(), tmp_path / "rules"))


@pytest.mark.parametrize("seed", range(5))
def test_a_rescore_gives_what_scoring_everything_gives(rules: Path, seed: int) -> None:
    chance = random.Random(seed)
    yaml = YAML(typ="safe")
    yaml.allow_unicode = True
    scorer = Rescorer(GOLD, str(rules))
    words = sorted({w for one in scorer.gold.reports for w in one.description.lower().split() if w.isalpha()})
    done = 0
    while done < 2:
        file = chance.choice([file for file in sorted(rules.glob("*.yaml")) if file.name != "ruleset.yaml"])
        held = file.read_text("utf-8")
        data = yaml.load(held)
        chance.shuffle(words)
        chance.choice(EDITS)(chance, data, words)
        with file.open("w", encoding="utf-8") as out:
            yaml.dump(data, out)
        try:
            scorer.update()
        except RuleSetError:  # the edit made no valid set
            file.write_text(held, "utf-8")
            continue
        done += 1
        fresh = Labeler.from_rules(str(rules))
        assert scorer.outcomes == outcomes(fresh, scorer.gold.reports)
        assert meanings(scorer.labeler.lexicon.trie) == meanings(fresh.lexicon.trie)


def test_another_language_touches_every_report(rules: Path) -> None:
    scorer = Rescorer(GOLD, str(rules))
    before, info = scorer.outcomes, rules / "ruleset.yaml"
    info.write_text(info.read_text("utf-8").replace("language: vi", "language: en"), "utf-8")
    scorer.update()
    assert scorer.outcomes == outcomes(Labeler.from_rules(str(rules)), scorer.gold.reports) != before


def test_an_edit_touches_few_lines(rules: Path) -> None:
    scorer = Rescorer(GOLD, str(rules))
    (rules / "ours.yaml").write_text(
        "findings:\n- {id: turtle, name: Turtle, region: pleura, phrases: [phổi xoắn khuyên]}\n", "utf-8"
    )
    assert [file.name for file in scorer.saved()] == ["ours.yaml"]
    scorer.update()
    assert 0 < scorer.reread < len(scorer.labeler.lines()) / 4
    assert scorer.saved() == []


def test_new_gold_is_scored_and_old_labels_are_kept(rules: Path, tmp_path: Path) -> None:
    gold = tmp_path / "gold.jsonl"
    labels = '{"chest_wall": 0, "pleura": %d, "parenchyma": 0, "cardio": 0, "abnormal": %d}'
    row = '{"report_id": "%s", "description": "%s", "labels": ' + labels + "}\n"
    gold.write_text(row % ("a", "Tràn dịch màng phổi phải.", 1, 1) + row % ("b", "Phổi sáng.", 0, 0), "utf-8")
    scorer = Rescorer((str(gold),), str(rules))
    assert [one.wrong for one in scorer.outcomes] == [(), ()]
    gold.write_text(row % ("a", "Tràn dịch màng phổi phải.", 0, 0) + row % ("c", "Tràn khí màng phổi.", 1, 1), "utf-8")
    scorer.update()
    assert [(one.gold.report_id, one.wrong) for one in scorer.outcomes] == [("a", ("pleura", "abnormal")), ("c", ())]
    assert scorer.reread == 1


def test_gold_saved_while_the_rules_are_broken_is_not_forgotten(rules: Path, tmp_path: Path) -> None:
    gold = Path(shutil.copy(GOLD[0], tmp_path / "gold.jsonl"))
    scorer = Rescorer((str(gold),), str(rules))
    words = rules / "words.yaml"
    held = words.read_text("utf-8")
    words.write_text(held + "nonsense: [", "utf-8")
    _, *others = gold.read_text("utf-8").splitlines(keepends=True)
    gold.write_text("".join(others), "utf-8")
    with pytest.raises(RuleSetError):
        scorer.update()
    words.write_text(held.replace("khổ nhỏ", "khổ bé"), "utf-8")
    scorer.update()
    assert [one.gold.report_id for one in scorer.outcomes] == [one.report_id for one in scorer.gold.reports]
    assert len(scorer.outcomes) == len(others)
