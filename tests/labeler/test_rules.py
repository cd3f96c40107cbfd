"""Rule sets: how layers add, override and disable, and what is said of entries that do not fit together.

Mistakes within one entry (unknown keys, bad choices, bad YAML) are tested through the command line.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from labeler import Labeler
from labeler.lexicon import Lexicon
from labeler.patterns import Expansion, PatternError, expand
from labeler.rule_tests import problems_of, run_examples
from labeler.rules import RuleSet

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Write a rule set: its ruleset.yaml, and one file of entries."""

    def write(entries: str, name: str = "mine", head: str = "extends: builtin") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "ruleset.yaml").write_text(f'name: {name}\nversion: "1"\n{head}\n', encoding="utf-8")
        (folder / "entries.yaml").write_text(entries, encoding="utf-8")
        return folder

    return write


TURTLE = """\
findings:
  - id: turtle
    name: Turtle
    region: parenchyma
    phrases: [phổi ~ bọ rùa, hình bọ rùa]
    examples: ["Phổi phải bọ rùa."]
    not: [Phổi phải không bọ rùa.]
"""

# --- layers ----------------------------------------------------------------------------------------------------------


def test_a_set_adds_to_what_it_extends(make: Make) -> None:
    labeler = Labeler.from_rules(make(TURTLE))
    (mention,) = labeler.label("Phổi phải bọ rùa.").mentions
    assert (mention.finding, mention.side, mention.layer) == ("turtle", "right", "mine")
    assert mention.rule.endswith("mine/entries.yaml:5")
    assert labeler.label("Tràn dịch màng phổi.").mentions[0].layer == "builtin"
    assert run_examples(labeler).failed == []


def test_an_entry_of_the_same_id_overrides_the_whole_entry(make: Make) -> None:
    labeler = Labeler.from_rules(make("findings:\n  - {id: pneumonia, name: x, region: other, phrases: [viêm phổi]}\n"))
    report = labeler.label("Viêm phổi.")
    assert report.labels == {"chest_wall": 0, "pleura": 0, "parenchyma": 0, "cardio": 0, "abnormal": 1}
    assert report.mentions[0].layer == "mine"
    assert not any(m.finding == "pneumonia" for m in labeler.label("Phổi đông đặc dạng viêm phổi thùy.").mentions if m.layer == "builtin")


def test_a_disabled_entry_says_nothing(make: Make) -> None:
    folder = make("", head="extends: builtin\ndisable: [pleurodesis]")
    assert "pleurodesis" not in {m.finding for m in Labeler.from_rules(folder).label("Gây dính màng phổi.").mentions}


def test_a_disabled_template_leaves_the_rules_to_decide(make: Make) -> None:
    labeler = Labeler.from_rules(make("", head="extends: builtin\ndisable: [health_check]"))
    report = labeler.label("Tim phổi bình thường.")
    assert (report.method, report.status, report.labels["abnormal"]) == ("rules", "auto", 0)


@pytest.mark.parametrize("finding", ["scoliosis", "pleural_effusion"])
def test_a_finding_that_anatomy_clears_can_be_disabled(make: Make, finding: str) -> None:
    folder = make("", head=f"extends: builtin\ndisable: [{finding}]")
    _, problems = problems_of(str(folder))
    assert problems == []


def test_three_layers(make: Make) -> None:
    make(TURTLE, "hospital")
    ward = "findings:\n  - {id: beetle, name: Beetle, region: other, phrases: [bọ hung]}\n"
    labeler = Labeler.from_rules(make(ward, "ward", "extends: ../hospital"))
    layers = {m.finding: m.layer for m in labeler.label("Phổi bọ rùa. Bọ hung. Tim to.").mentions}
    assert layers == {"turtle": "hospital", "beetle": "ward", "cardiomegaly": "builtin"}


def test_a_set_that_extends_itself(make: Make) -> None:
    _, problems = problems_of(str(make("", "loop", "extends: ../loop")))
    assert any("leads back to this set" in p.message for p in problems)
    assert problems[0].line == 3


def test_the_hash_follows_the_rules(make: Make) -> None:
    first = RuleSet.load(make(TURTLE, "a"))
    second = RuleSet.load(make(TURTLE.replace("bọ rùa", "bọ hung"), "b"))
    assert len({first.hash, second.hash, RuleSet.load().hash}) == 3


def test_a_set_of_its_own_needs_nothing_else(make: Make) -> None:
    text = (
        "regions:\n  - {id: lung, name: Lung}\n"
        "findings:\n  - {id: turtle, name: Turtle, region: lung, phrases: [bọ rùa]}\n"
        "cues:\n  - {id: no_list, assertion: absent, scope: list, phrases: [không thấy]}\n"
    )
    labeler = Labeler.from_rules(make(text, head="description: alone"))
    assert labeler.classes == ("lung", "abnormal")
    assert labeler.label("Bọ rùa").labels == {"lung": 1, "abnormal": 1}
    assert labeler.label("không thấy bọ rùa").labels == {"lung": 0, "abnormal": 0}


# --- entries that do not fit together --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "at", "message"),
    [
        (
            "anatomy:\n  - {id: aa, region: pleura, parent: plura, phrases: [xyz]}\n",
            "2:38", "unknown parent 'plura'; did you mean 'pleura'?",
        ),
        (
            "anatomy:\n  - {id: aa, region: pleura, phrases: [màng phổi]}\n",
            None, "'màng phổi' names both",
        ),
        (
            "anatomy:\n  - {id: aa, region: pleura, parent: bb, phrases: [xyz]}\n"
            "  - {id: bb, region: pleura, parent: aa, phrases: [xyw]}\n",
            None, "is its own ancestor",
        ),
        (
            "anatomy:\n  - {id: aa, region: pleura, clears: [plural_effusion], phrases: [xyz]}\n",
            None, "unknown finding 'plural_effusion'; did you mean 'pleural_effusion'?",
        ),
        (
            "findings:\n  - {id: aa, name: x, region: plura, phrases: [xyz]}\n",
            "2:31", "unknown region 'plura'; did you mean 'pleura'?",
        ),
        (
            "findings:\n  - {id: aa, name: x, region: cardio, phrases: [tràn dịch màng phổi]}\n",
            None, "two meanings: 'tràn dịch màng phổi'",
        ),
        (
            "findings:\n  - {id: aa, name: x, region: cardio, phrases: ['tim ~ to']}\n",
            None, "two meanings: 'to' said of 'heart'",
        ),
        (
            "findings:\n  - {id: aa, name: x, region: cardio, phrases: ['[a] [b]']}\n",
            None, "the pattern can match nothing at all",
        ),
        (
            "findings:\n  - {id: aa, name: x, region: cardio, phrases: ['<hart> ~ xyz']}\n",
            None, "unknown anatomy <hart>; did you mean 'heart'?",
        ),
        (
            "normal:\n  - {id: aa, phrases: [xyz], covers: [plura]}\n",
            None, "unknown region 'plura'; did you mean 'pleura'?",
        ),
        (
            "cues:\n  - {id: aa, assertion: uncertain, scope: list, phrases: [không thấy]}\n",
            None, "is already cue 'absent_list' and cannot be 'aa' too",
        ),
        (
            "headings:\n  - {id: aa, section: indication, phrases: [kết luận]}\n",
            None, "'kết luận' is already section 'conclusion'",
        ),
        (
            "templates:\n  - {id: aa, text: 'TIM PHỔI bình thường!'}\n",
            None, "the same text as template 'health_check'",
        ),
        ("templates:\n  - {id: aa, text: '- .'}\n", "2:21", "a template needs words"),
        ("abbreviations:\n  - {id: aa, short: [XYZ], means: [xyz, '?']}\n", "2:42", "'?' holds no word"),
        ("templates:\n  - {id: aa, text: x\x7f}\n", "2:21", "the character U+007F cannot stand in it"),
        ("templates: &a [*a]\n", "1:1", "an alias that holds itself"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_its_place(make: Make, entries: str, at: str | None, message: str) -> None:
    folder = make(entries)
    _, problems = problems_of(str(folder))
    found = [p for p in problems if message in p.message]
    assert found, [str(p) for p in problems]
    assert found[0].file.endswith("mine/entries.yaml")
    if at is not None:
        assert f"{found[0].line}:{found[0].column}" == at


# --- patterns --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "phrases"),
    [
        ("màng phổi", ["màng phổi"]),
        ("(dày|dính) màng phổi", ["dày màng phổi", "dính màng phổi"]),
        ("tràn dịch [khoang] màng phổi", ["tràn dịch màng phổi", "tràn dịch khoang màng phổi"]),
        ("(a|b) [(c|d)]", ["a", "a c", "a d", "b", "b c", "b d"]),
        ("gãy <bone>", ["gãy xương", "gãy x"]),
        ("sườn <number>", ["sườn <number>"]),
        ('tràn dịch "(-)"', ["tràn dịch (-)"]),
        ("0 / 1", ["0 / 1"]),
    ],
)
def test_a_pattern_stands_for_phrases(pattern: str, phrases: list[str]) -> None:
    from labeler.patterns import words_of

    def plain(text: str) -> tuple[str, ...]:
        return tuple(w if w.startswith(("<", "(", "/")) else words_of(w)[0] for w in text.split())

    found = expand(pattern, {"bone": (Expansion.of(words_of("xương"), words_of("x")),)}.get).phrases
    assert sorted(found) == sorted(plain(phrase) for phrase in phrases)


@pytest.mark.parametrize(
    ("pattern", "column", "message"),
    [
        ("(a|b", 0, "')' is missing"),
        ("a)", 1, "without its opening bracket"),
        ("[a]", 0, "can match nothing at all"),
        ("a $ b", 2, "unexpected character"),
        ("a <nobody>", 2, "unknown name <nobody>"),
        ("(a ~ b)", 3, "cannot stand inside brackets"),
        ("(" * 2000 + "a" + ")" * 2000, 0, "nested too deeply"),
    ],
)
def test_a_bad_pattern_says_where(pattern: str, column: int, message: str) -> None:
    with pytest.raises(PatternError) as caught:
        expand(pattern, lambda name: None)
    assert message in str(caught.value)
    assert caught.value.column == column


# --- the shipped set -------------------------------------------------------------------------------------------------


def test_the_shipped_rules_are_sound(labeler: Labeler) -> None:
    rules, problems = problems_of(None)
    assert problems == []
    assert rules is not None
    assert len(list(rules.all("findings"))) >= 120
    assert Lexicon(rules).problems == []


def test_the_shipped_examples_hold(labeler: Labeler) -> None:
    result = run_examples(labeler)
    assert [str(p) for p in result.failed] == []
    assert result.bare == []


def test_every_region_has_findings(labeler: Labeler) -> None:
    regions = {info.region for info in labeler.lexicon.findings.values()}
    assert regions == {"chest_wall", "pleura", "parenchyma", "cardio", "other"}
