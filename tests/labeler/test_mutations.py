"""The rules' own tests notice when something breaks: each cue, each role of words, each operator of patterns.

A part is silenced in a compiled set, and the examples beside the rules, the guide's sentences or the sentences here must
fail.  A survivor wants an example in rules/, most often under the cue.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from labeler import Labeler, patterns
from labeler.meanings import Unit
from labeler.pipe.anchors import Anchorer
from labeler.pipe.parts import Parts
from labeler.pipe.sections import Splitter
from labeler.rule_tests import run_examples
from labeler.rules import RuleSet, RuleSetError
from tests.labeler.expect import assert_mentions
from tests.labeler.test_guide import rows

# What only a word of this role can bring about.
ROLES = {
    "left": ("Tràn dịch màng phổi trái.", "pleural_effusion present left"),
    "right": ("Tràn dịch màng phổi phải.", "pleural_effusion present right"),
    "both": ("Tù cả hai góc sườn hoành.", "costophrenic_blunting present both"),
    "amount": (
        "Không thấy tràn khí màng phổi, tràn dịch màng phổi lượng ít.", "pneumothorax absent; pleural_effusion present",
    ),
    "conjunction": (
        "Không thấy tràn khí và tràn dịch màng phổi phải.", "pneumothorax absent; pleural_effusion absent right",
    ),
    "disjunction": (
        "Không thấy bóng tim to hay trung thất rộng.", "cardiomegaly absent; mediastinal_widening absent",
    ),
    "locative": ("Vôi hóa cạnh quai động mạch chủ.", "-"),
    "link": ("Tù thuộc\ngóc sườn hoành phải.", "costophrenic_blunting present right"),
    "more": ("Chỉ số tim ngực vượt 0,5.", "cardiomegaly present"),
    "less": ("Chỉ số tim ngực nhỏ hơn 0,55.", "-"),
    "above": ("Chỉ số tim ngực trên 0,5.", "cardiomegaly present"),
    "below": ("Chỉ số tim ngực dưới 0,55.", "-"),
    "degree": ("Màng phổi hơi dày.", "pleural_thickening present"),
    "modifier": ("Phổi không đồng nhất.", "-"),
    "course": ("Phim trước có nốt mờ phổi phải, nay như cũ.", "nodule present right"),
    "cause": ("Mờ đáy phổi phải do bóng vú.", "lung_opacity absent right"),
    "overlay": ("Nốt mờ phổi phải là khuy áo.", "nodule absent right"),
}  # fmt: skip
CUES = [located.entry.id for located in RuleSet.load().all("cues")]


@pytest.fixture(scope="module")
def own() -> Labeler:
    """A labeler that the tests may break, and that remembers nothing of it."""
    return Labeler(RuleSet.load(), remember=False)


@contextmanager
def silenced(labeler: Labeler, part: str, units: list[Unit]) -> Iterator[None]:
    """Take a part of their meaning from some phrases for a while."""
    held = [getattr(unit, part) for unit in units]
    assert units and None not in held
    try:
        for unit in units:
            setattr(unit, part, None)
        _reread(labeler)
        yield
    finally:
        for unit, value in zip(units, held, strict=True):
            setattr(unit, part, value)
        _reread(labeler)


def _reread(labeler: Labeler) -> None:
    labeler.splitter = Splitter(labeler.lexicon)
    labeler.parts = Parts(labeler.lexicon, labeler.tokenizer, remember=False)
    labeler.anchorer = Anchorer(labeler.lexicon)


def guide_fails(labeler: Labeler) -> bool:
    """Whether some sentence of the rule author's guide is no longer true."""
    try:
        for text, expected in rows():
            assert "residue" not in assert_mentions(labeler, text, expected).reasons
    except AssertionError:
        return True
    return False


def test_nothing_fails_while_nothing_is_broken(own: Labeler) -> None:
    assert run_examples(own).failed == []
    assert not guide_fails(own)


@pytest.mark.parametrize("cue", CUES)
def test_a_silenced_cue_is_noticed(own: Labeler, cue: str) -> None:
    with silenced(own, "cue", [unit for unit in own.lexicon.units() if unit.cue is not None and unit.cue.id == cue]):
        assert run_examples(own).failed or guide_fails(own), (
            f"rules/assertion.yaml: {cue} needs an example that fails without it"
        )


@pytest.mark.parametrize("role", ROLES)
def test_a_silenced_role_is_noticed(own: Labeler, role: str) -> None:
    def told() -> tuple[str, ...]:
        return assert_mentions(own, *ROLES[role]).reasons

    before = told()
    with silenced(own, "role", [unit for unit in own.lexicon.units() if unit.role == role]):
        try:
            after = told()
        except AssertionError:
            return
        assert after != before, f"{ROLES[role][0]!r} says the same without words of role {role}"


def test_every_role_has_its_sentence() -> None:
    from tests.labeler.rule_sets import ROLES as known

    assert set(known) - {"neutral"} == set(ROLES)


def without(expression: str, instead: str = "") -> Callable[[str], str]:
    """Patterns from which an operator is taken, inner brackets first."""

    def rewrite(pattern: str) -> str:
        while (shorter := re.sub(expression, instead, pattern)) != pattern:
            pattern = shorter
        return pattern

    return rewrite


OPERATORS = {
    "(a|b): the first alternative alone": without(r"\|[^()\[\]|]+(?=[|)\]])"),
    "[a]: never there": without(r"\[[^\[\]]*\]"),
    "[a]: always there": lambda pattern: pattern.replace("[", "(").replace("]", ")"),
    "<id>: its own name": without(r"<(?!number>|vertebra>)(\w+)>", "số"),
    "<number>": without("<number>", "số"),
    "<vertebra>": without("<vertebra>", "số"),
    '"signs"': without(r'"[^"]+"', "số"),
    "signs as they stand": without(r'(?<!")[/%?+&=.:-](?!")', "số"),
}


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_disabled_operator_is_noticed(own: Labeler, monkeypatch: pytest.MonkeyPatch, operator: str) -> None:
    expand = patterns.expand
    monkeypatch.setattr(
        "labeler.compiler.expand", lambda pattern, resolve: expand(OPERATORS[operator](pattern), resolve)
    )
    assert_noticed(own.rules)


def test_a_sign_that_is_no_longer_said_of_a_structure_is_noticed(own: Labeler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labeler.compiler.split_sign", lambda pattern: (pattern.replace("~", " "), None))
    assert_noticed(own.rules)


def assert_noticed(rules: RuleSet) -> None:
    """`rules check` or `rules test` finds fault with a set that is read with a broken operator."""
    try:
        broken = Labeler(rules, remember=False)
    except RuleSetError:
        return
    assert run_examples(broken).failed or guide_fails(broken)
