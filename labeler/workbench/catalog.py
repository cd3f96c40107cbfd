"""Every rule of a set by the place where it stands, column included, and a labeler that tells rules by that place.

Two phrases may stand in one line of YAML; explanations name the line, the workbench must tell the phrases apart.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from labeler import schema
from labeler.labeler import Labeler
from labeler.lexicon import Unit
from labeler.patterns import Words
from labeler.rules import Located, RuleSet

PATTERNED = ("findings", "normal", "cues", "headings", "words", "anatomy")  # kinds whose entries are lists of phrases


@dataclass(frozen=True, slots=True)
class Rule:
    """One phrase of an entry, or an entry that has none: its kind, id and text, and where it stands."""

    kind: str
    id: str
    pattern: str
    file: str
    line: int
    column: int
    layer: str
    path: tuple[str | int, ...]

    @property
    def key(self) -> str:
        """`file:line:column`, unlike that of any other rule."""
        return f"{self.file}:{self.line}:{self.column}"

    @property
    def where(self) -> str:
        """`file:line`, as explanations show it."""
        return f"{self.file}:{self.line}"


class _Placed(Located[Any]):
    """An entry whose rules are told apart by column too."""

    __slots__ = ()

    def rule(self, *path: str | int) -> str:
        line, column = self.place(*path)
        return f"{self.file}:{line}:{column}"


class Catalog:
    """The rules of a set by key, and the labeler over them, whose mentions bear those keys."""

    def __init__(self, rules: RuleSet) -> None:
        placed = copy.copy(rules)
        placed.entries = {
            kind: {key: _Placed(e.entry, e.layer, e.file, e.places) for key, e in entries.items()}
            for kind, entries in rules.entries.items()
        }
        self.ruleset = rules
        self.labeler = Labeler(placed)
        self.rules: dict[str, Rule] = {rule.key: rule for rule in _rules(rules)}

    @classmethod
    def load(cls, path: str | Path | None = None) -> Catalog:
        """The catalog of the rule set in a folder (default: the shipped one).  Raises RuleSetError."""
        return cls(RuleSet.load(path))

    def entry(self, rule: Rule) -> Located[Any]:
        """The entry that a rule is part of."""
        return self.ruleset.entries[rule.kind][rule.id]

    def words(self, rule: Rule) -> list[Words]:
        """The word sequences that a phrase stands for; of "structure ~ sign" those of the sign."""
        return self.labeler.lexicon.expansions(rule.pattern)

    @cached_property
    def _said(self) -> dict[Words, list[str]]:
        """Rules behind the parts of a unit that do not name theirs: headings, roles, structures."""
        out: dict[Words, list[str]] = {}
        for rule in self.rules.values():
            if rule.kind in ("headings", "words", "anatomy"):
                for words in self.words(rule):
                    out.setdefault(words, []).append(rule.key)
        return out

    def behind(self, unit: Unit) -> set[str]:
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

    def heading(self, unit: Unit) -> str | None:
        """Key of the heading that a unit is."""
        return next((key for key in self._said.get(unit.words, ()) if self.rules[key].kind == "headings"), None)


def _rules(rules: RuleSet) -> Iterator[Rule]:
    for kind in schema.KINDS:
        for located in rules.all(kind):
            entry = located.entry

            def rule(pattern: str, *path: str | int, kind: str = kind, e: Located[Any] = located) -> Rule:
                line, column = e.place(*path)
                return Rule(kind, e.entry.id, pattern, e.file, line, column, e.layer, path)

            if kind in PATTERNED:
                for i, pattern in enumerate(entry.phrases):
                    yield rule(pattern, "phrases", i)
            if getattr(entry, "measure", None) is not None:
                yield rule("|".join(entry.measure.phrases), "measure")
            if kind not in PATTERNED:
                yield rule(entry.id, "id")
