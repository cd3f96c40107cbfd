"""Every rule of a set by its key, with the place where it stands, and the labeler over the set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from labeler import schema
from labeler.labeler import Labeler
from labeler.meanings import Unit
from labeler.patterns import Words
from labeler.rules import Located, RuleKey, RuleSet

PATTERNED = ("findings", "normal", "cues", "headings", "words", "anatomy")  # kinds whose entries are lists of phrases


@dataclass(frozen=True, slots=True)
class Rule:
    """One phrase of an entry, or an entry that has none: its kind, id and text, and where it stands."""

    key: RuleKey
    kind: str
    id: str
    pattern: str
    file: str
    line: int
    column: int
    layer: str
    path: tuple[str | int, ...]

    @property
    def place(self) -> str:
        """`file:line:column`: two phrases may stand in one line."""
        return f"{self.file}:{self.line}:{self.column}"

    @property
    def where(self) -> str:
        """`file:line`, as explanations show it."""
        return f"{self.file}:{self.line}"


class Catalog:
    """The rules of a set by key, and the labeler over them."""

    def __init__(self, rules: RuleSet) -> None:
        self.ruleset = rules
        self.labeler = Labeler(rules)
        self.rules: dict[RuleKey, Rule] = {rule.key: rule for rule in _rules(rules)}

    @classmethod
    def load(cls, path: str | Path | None = None) -> Catalog:
        """The catalog of the rule set in a folder (default: the shipped one).  Raises RuleSetError."""
        return cls(RuleSet.load(path))

    def entry(self, rule: Rule) -> Located[Any]:
        """The entry that a rule is part of."""
        return self.ruleset.entries[rule.kind][rule.id]

    def words(self, rule: Rule) -> tuple[Words, ...]:
        """The word sequences that a phrase stands for; of "structure ~ sign" those of the sign."""
        return self.labeler.lexicon.expansion(rule.pattern).phrases

    @cached_property
    def _said(self) -> dict[Words, list[RuleKey]]:
        """Rules behind the parts of a unit that do not name theirs: headings, roles, structures."""
        out: dict[Words, list[RuleKey]] = {}
        for rule in self.rules.values():
            if rule.kind in ("headings", "words", "anatomy"):
                for words in self.words(rule):
                    out.setdefault(words, []).append(rule.key)
        return out

    def behind(self, unit: Unit) -> set[RuleKey]:
        """Keys of every rule that gives a unit one of its parts."""
        out = set(self._said.get(unit.words, ()))
        out.update(sense.rule for sense in unit.beside.values())
        if unit.alone is not None:
            out.add(unit.alone.rule)
        if unit.cue is not None:
            out.add(unit.cue.rule)
        if unit.structure is not None and unit.structure.rule in self.rules:
            out.add(unit.structure.rule)  # one that only a finding's "structure ~ sign" names
        return out

    def heading(self, unit: Unit) -> RuleKey | None:
        """Key of the heading that a unit is."""
        return next((key for key in self._said.get(unit.words, ()) if self.rules[key].kind == "headings"), None)


def _rules(rules: RuleSet) -> Iterator[Rule]:
    for kind in schema.KINDS:
        for located in rules.all(kind):
            entry = located.entry

            def rule(pattern: str, *path: str | int, kind: str = kind, e: Located[Any] = located) -> Rule:
                line, column = e.place(*path)
                return Rule(e.key(*path), kind, e.entry.id, pattern, e.file, line, column, e.layer, path)

            if kind in PATTERNED:
                for i, pattern in enumerate(entry.phrases):
                    yield rule(pattern, "phrases", i)
            if getattr(entry, "measure", None) is not None:
                yield rule("|".join(entry.measure.phrases), "measure")
            if kind not in PATTERNED:
                yield rule(entry.id, "id")
