"""From the entries of a rule set to claims: which phrases mean what, and what is wrong with them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

from labeler import schema
from labeler.meanings import Claim, CueSense, FindingInfo, Sense, Structure
from labeler.patterns import Around, Expansion, PatternError, Words, expand, split_sign, word_key, words_of
from labeler.rules import Located, Problem, RuleSet, nearest
from labeler.text import display, normalize, skeleton

Path = tuple[str | int, ...]
# CheXpert's acute findings and tumours; hearts, old pleura and devices are rather described than ruled out
RULED_OUT = frozenset({
    "Lung Opacity", "Lung Lesion", "Edema", "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax",
    "Pleural Effusion", "Fracture",
})  # fmt: skip


class Compiler:
    """Reads a rule set, entries that others refer to first.  What does not fit together is in `problems`."""

    def __init__(self, rules: RuleSet) -> None:
        self.rules = rules
        self.problems: list[Problem] = []
        self.claims: list[Claim] = []
        self.structures: dict[str, Structure] = {}
        self.findings: dict[str, FindingInfo] = {}
        self.templates: dict[str, str] = {}  # ids by `template_key`
        self.abbreviations: dict[str, list[Words]] = {}
        self.confusable: set[frozenset[str]] = set()
        self.vocabulary: set[str] = set()
        self.follows: set[tuple[str, str]] = set()  # words side by side in some phrase
        self.around_digits: set[Around] = set()  # of the literal numbers
        self._named: dict[str, tuple[Expansion, ...]] = {}
        self._structure_of: dict[Words, str] = {}
        self._orphans: dict[Problem, dict[str, None]] = {}  # a disabled entry, and the places that use it
        self._compile()

    def expansion(self, pattern: str) -> Expansion:
        """What a pattern stands for; of "structure ~ sign" the sign."""
        left, right = split_sign(pattern)
        return expand(left if right is None else right, self._named.get)

    def _compile(self) -> None:
        rules = self.rules
        for kind in ("words", "anatomy"):
            for located in rules.all(kind):
                self._named[located.entry.id] = tuple(
                    found
                    for i, pattern in enumerate(located.entry.phrases)
                    if (found := self._expand(located, pattern, ("phrases", i))) is not None
                )
        for located in rules.all("anatomy"):
            self._anatomy(located)
        for located in rules.all("words"):
            for phrases in self._named[located.entry.id]:
                self._claim("role", located.entry.role, phrases, located, ("phrases",))
        for located in rules.all("headings"):
            for i, pattern in enumerate(located.entry.phrases):
                path = ("phrases", i)
                self._claim("section", located.entry.section, self._expand(located, pattern, path), located, path)
        for located in rules.all("cues"):
            entry = located.entry
            for i, pattern in enumerate(entry.phrases):
                path = ("phrases", i)
                cue = CueSense(entry.id, entry.assertion, entry.scope, located.key(*path))
                self._claim("cue", cue, self._expand(located, pattern, path), located, path)
        for located in rules.all("findings"):
            self._finding(located)
        for located in rules.all("normal"):
            for i, pattern in enumerate(located.entry.phrases):
                rule = located.key("phrases", i)
                entry = located.entry
                sense = Sense(None, None, rule, located.layer, entry.covers, entry.whole_film, entry.generic)
                self._sign(located, pattern, ("phrases", i), sense)
        for located in rules.all("abbreviations"):
            self._abbreviation(located)
        for located in rules.all("confusable"):
            self.confusable.add(frozenset(word_key(w) for w in located.entry.words))
        for located in rules.all("templates"):
            self._template(located)
        self._references()
        self.vocabulary.update(*(claim.phrases.vocabulary for claim in self.claims))
        self.follows.update(*(claim.phrases.follows for claim in self.claims))
        self.around_digits.update(*(claim.phrases.around_digits for claim in self.claims))

    def _claim(self, part: str, meaning: Any, phrases: Expansion | None, located: Located[Any], path: Path) -> None:
        if phrases is not None:
            self.claims.append(Claim(part, meaning, phrases, located, path))

    def _anatomy(self, located: Located[schema.Anatomy]) -> None:
        entry = located.entry
        lineage = [entry.id]
        parent = entry.parent
        while parent is not None:
            above = self.rules.entries["anatomy"].get(parent)
            if above is None:
                self._unknown("anatomy", parent, f"unknown parent {parent!r}", located, "parent")
                break
            if parent in lineage:
                self.problems.append(located.problem(f"{parent!r} is its own ancestor", "parent"))
                break
            lineage.append(parent)
            parent = above.entry.parent
        structure = Structure(entry.id, entry.region, tuple(lineage), entry.location, entry.clears, located.key("id"))
        self.structures[entry.id] = structure
        for phrases in self._named[entry.id]:
            for words in phrases.phrases:
                held = self._structure_of.setdefault(words, entry.id)
                if held != entry.id:
                    said = " ".join(map(display, words))
                    message = f"{said!r} names both {held!r} and {entry.id!r}: keep it in one of them"
                    self.problems.append(located.problem(message, "phrases"))
            self._claim("structure", structure, phrases, located, ("phrases",))

    def _finding(self, located: Located[schema.Finding]) -> None:
        entry = located.entry
        vindr = (entry.vindr,) if isinstance(entry.vindr, str) else entry.vindr
        self.findings[entry.id] = FindingInfo(entry.id, entry.name, entry.region, entry.chexpert, vindr)
        for i, pattern in enumerate(entry.phrases):
            rule = located.key("phrases", i)
            sense = Sense(
                entry.id, entry.region, rule, located.layer, generic=entry.generic,
                ruled_out=entry.chexpert in RULED_OUT, device=entry.chexpert == "Support Devices",
            )  # fmt: skip
            self._sign(located, pattern, ("phrases", i), sense)
        if entry.measure is not None:
            sense = Sense(entry.id, entry.region, located.key("measure"), located.layer)
            for i, pattern in enumerate(entry.measure.phrases):
                path = ("measure", "phrases", i)
                phrases = self._expand(located, pattern, path)
                self._claim("alone", sense, phrases, located, path)
                self._claim("above", entry.measure.above, phrases, located, path)

    def _sign(self, located: Located[Any], pattern: str, path: Path, sense: Sense) -> None:
        """A phrase that is a sign by itself, or of the structures left of its "~"."""
        try:
            left, right = split_sign(pattern)
        except PatternError as error:
            self.problems.append(located.problem(f"bad pattern: {error}", *path, column=error.column))
            return
        if right is None:
            self._claim("alone", sense, self._expand(located, pattern, path), located, path)
        else:
            beside = dict.fromkeys(self._structure_names(located, left, path, sense.region), sense)
            self._claim("beside", beside, self._expand(located, right, path), located, path)

    def _structure_names(self, located: Located[Any], left: str, path: Path, region: str | None) -> list[str]:
        """Ids of the structures left of "~": named as <id>, or by any phrase of an anatomy entry."""
        text = left.strip()
        parts = [part.strip() for part in text.strip("()").split("|")]
        if all(part.startswith("<") and part.endswith(">") for part in parts):
            names = [part[1:-1] for part in parts]
            for name in names:
                if name not in self.structures:
                    self._unknown("anatomy", name, f"bad pattern: unknown anatomy <{name}>", located, *path)
            return [name for name in names if name in self.structures]
        found: dict[str, None] = {}
        named = self._expand(located, left, path)
        for words in named.phrases if named is not None else ():
            held = self._structure_of.get(words)
            if held is None:  # a structure that only this finding speaks of
                held = "_".join(("x", *(skeleton(w) for w in words)))
                structure = Structure(held, region or "other", (held,), None, (), located.key(*path))
                self.structures[held] = structure
                self._structure_of[words] = held
                self._claim("structure", structure, Expansion.of(words), located, path)
            found[held] = None
        return list(found)

    def _abbreviation(self, located: Located[schema.Abbreviation]) -> None:
        for short in located.entry.short:
            for i, meaning in enumerate(located.entry.means):
                words = words_of(meaning)
                if not words:
                    self.problems.append(located.problem(f"{meaning!r} holds no word", "means", i))
                    continue
                self.abbreviations.setdefault(word_key(short), []).append(words)
                self.vocabulary.update(words)
                self.follows.update(pairwise(words))

    def _template(self, located: Located[schema.Template]) -> None:
        key = template_key(located.entry.text)
        if not key:
            self.problems.append(located.problem("a template needs words", "text"))
        elif key in self.templates:
            self.problems.append(located.problem(f"the same text as template {self.templates[key]!r}", "text"))
        self.templates[key] = located.entry.id

    def _expand(self, located: Located[Any], pattern: str, path: Path) -> Expansion | None:
        try:
            return expand(pattern, self._named.get)
        except PatternError as error:
            message = str(error)
            if message.startswith("unknown name <"):
                name = message[14:-1]
                kind = "anatomy" if ("anatomy", name) in self.rules.disabled else "words"
                self._unknown(kind, name, f"bad pattern: {message}", located, *path, column=error.column)
            else:
                self.problems.append(located.problem(f"bad pattern: {message}", *path, column=error.column))
            return None

    def _references(self) -> None:
        regions, findings = self.rules.regions, self.findings
        for kind in ("anatomy", "findings"):
            for located in self.rules.all(kind):
                if located.entry.region not in regions:
                    name = located.entry.region
                    self._unknown("regions", name, f"unknown region {name!r}", located, "region")
        for located in self.rules.all("anatomy"):
            for name in located.entry.clears:
                if name not in findings and ("findings", name) not in self.rules.disabled:
                    self._unknown("findings", name, f"unknown finding {name!r}", located, "clears")
        for located in self.rules.all("normal"):
            for name in located.entry.covers:
                if name not in regions:
                    self._unknown("regions", name, f"unknown region {name!r}", located, "covers")
        for where, users in self._orphans.items():
            more = f" and {len(users) - 1} more" if len(users) > 1 else ""
            message = f"{where.message} is used at {next(iter(users))}{more}: keep it, or replace what uses it"
            self.problems.append(replace(where, message=message))

    def _unknown(
        self, kind: str, name: str, message: str, located: Located[Any], *path: str | int, column: int = 0
    ) -> None:
        """A reference that leads nowhere.  All that lead to a disabled entry are one problem, where that was said."""
        where = self.rules.disabled.get((kind, name))
        if where is not None:
            self._orphans.setdefault(where, {})[located.where(*path)] = None
            return
        known = self._named if kind == "words" else self.rules.entries[kind]
        self.problems.append(located.problem(message + nearest(name, known), *path, column=column))


def template_key(text: str) -> str:
    """What two descriptions must share to be the same template: their words and numbers, in order."""
    return " ".join(words_of(normalize(text).text))
