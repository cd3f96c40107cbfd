"""The lexicon: a rule set compiled into one trie over syllables, from phrases to what they mean.

A phrase (`Unit`) may be several things at once: a finding of its own, a sign that becomes a finding beside some
structure, a structure, a normal descriptor, a cue, a heading, a side, or neutral vocabulary.  The trie is built
once per rule set; everything a report can say is looked up in it, exactly or through the repairs of
`labeler.spelling`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from labeler import schema
from labeler.patterns import PatternError, Words, expand, split_sign, word_key, words_of
from labeler.rules import Located, Problem, RuleSet, RuleSetError, nearest
from labeler.text import display, normalize, skeleton

LEAF = ""  # key of a trie node under which its Unit stands
Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sense:
    """What a phrase says: a finding, or (finding None) that the structure is normal."""

    finding: str | None
    region: str | None
    rule: str
    layer: str
    covers: tuple[str, ...] = ()
    whole_film: bool = False
    generic: bool = False  # "tổn thương": names no particular finding


@dataclass(frozen=True, slots=True)
class Structure:
    """An anatomical structure with its ancestors, nearest first, itself included."""

    id: str
    region: str
    lineage: tuple[str, ...]
    location: str | None
    clears: tuple[str, ...]
    rule: str


@dataclass(frozen=True, slots=True)
class CueSense:
    """An assertion cue."""

    id: str
    assertion: str
    scope: str
    rule: str


@dataclass(slots=True, eq=False)
class Unit:
    """Everything one phrase can mean."""

    words: Words
    alone: Sense | None = None
    beside: dict[str, Sense] = field(default_factory=dict)
    structure: Structure | None = None
    cue: CueSense | None = None
    section: str | None = None
    role: str | None = None
    above: float | None = None
    denies: bool = False  # a normal statement that opens with a negation ("không có gì đặc biệt")
    _text: str | None = None

    @property
    def text(self) -> str:
        """The phrase as one would write it."""
        if self._text is None:
            self._text = " ".join(display(word) for word in self.words)
        return self._text

    @property
    def is_sign(self) -> bool:
        """Whether the phrase can set or clear a finding."""
        return self.alone is not None or bool(self.beside)

    @property
    def says_finding(self) -> bool:
        """Whether some sense of it is a finding."""
        senses = [*self.beside.values(), *([self.alone] if self.alone is not None else [])]
        return any(sense.finding is not None for sense in senses)

    def sense_for(self, structure: Structure) -> Sense | None:
        """Sense of this sign when said of a structure: its own rule, else that of the nearest ancestor."""
        for name in structure.lineage:
            if name in self.beside:
                return self.beside[name]
        return None


@dataclass(frozen=True, slots=True)
class FindingInfo:
    """A finding as the label columns need it."""

    id: str
    name: str
    region: str
    chexpert: str | None
    vindr: tuple[str, ...]


class Lexicon:
    """Compiled phrases of a rule set.  Raises RuleSetError when entries do not fit together."""

    def __init__(self, rules: RuleSet) -> None:
        self.rules = rules
        self.trie: Node = {}
        self.problems: list[Problem] = []
        self.structures: dict[str, Structure] = {}
        self.findings: dict[str, FindingInfo] = {}
        self.templates: dict[str, tuple[str, str]] = {}
        self.abbreviations: dict[str, list[Words]] = {}
        self.confusable: set[frozenset[str]] = set()
        self.vocabulary: set[str] = set()
        self.follows: set[tuple[str, str]] = set()
        self.by_words: dict[Words, Unit] = {}
        self._phrases: dict[str, list[Words]] = {}
        self._structure_of: dict[Words, str] = {}
        self._orphans: dict[Problem, dict[str, None]] = {}  # a disabled entry, and the places that use it
        self._compile()

    @classmethod
    def build(cls, rules: RuleSet) -> Lexicon:
        """Compile, or raise RuleSetError with everything that does not fit."""
        lexicon = cls(rules)
        if lexicon.problems:
            raise RuleSetError(lexicon.problems)
        return lexicon

    @property
    def templates_by_id(self) -> dict[str, str]:
        """Rule (`file:line`) of each template."""
        return dict(self.templates.values())

    def find(self, words: Words) -> Unit | None:
        """The unit of exactly these words."""
        return self.by_words.get(words)

    def units(self) -> Iterable[Unit]:
        """All units."""
        return self.by_words.values()

    def opens(self, words: Words) -> bool:
        """Whether some phrase begins with these words."""
        node: Node | None = self.trie
        for word in words:
            node = node.get(word) if node is not None else None
        return node is not None

    def shorts_of(self, word: str) -> list[str]:
        """Abbreviations with a meaning that holds a word."""
        return [short for short, means in self.abbreviations.items() if any(word in words for words in means)]

    def expansions(self, pattern: str) -> list[Words]:
        """The word sequences that a pattern stands for; of "structure ~ sign" those of the sign."""
        left, right = split_sign(pattern)
        return expand(left if right is None else right, self._resolve)

    # compilation, in the order in which entries refer to one another

    def _compile(self) -> None:
        rules = self.rules
        for located in rules.all("words"):
            self._phrases[located.entry.id] = self._expand_all(located)
        for located in rules.all("anatomy"):
            self._phrases[located.entry.id] = self._expand_all(located)
        for located in rules.all("anatomy"):
            self._anatomy(located)
        for located in rules.all("words"):
            for words in self._phrases[located.entry.id]:
                self._claim(words, "role", located.entry.role, located, ("phrases",))
        for located in rules.all("headings"):
            for words, path in self._patterns(located, located.entry.phrases, ("phrases",)):
                self._claim(words, "section", located.entry.section, located, path)
        for located in rules.all("cues"):
            entry = located.entry
            for words, path in self._patterns(located, entry.phrases, ("phrases",)):
                cue = CueSense(entry.id, entry.assertion, entry.scope, located.rule(*path))
                self._claim(words, "cue", cue, located, path)
        for located in rules.all("findings"):
            self._finding(located)
        for located in rules.all("normal"):
            self._normal(located)
        for located in rules.all("abbreviations"):
            for short in located.entry.short:
                for i, meaning in enumerate(located.entry.means):
                    words = words_of(meaning)
                    if not words:
                        self.problems.append(located.problem(f"{meaning!r} holds no word", "means", i))
                        continue
                    self.abbreviations.setdefault(word_key(short), []).append(words)
                    self._learn(words)
        for located in rules.all("confusable"):
            self.confusable.add(frozenset(word_key(w) for w in located.entry.words))
        for located in rules.all("templates"):
            key = template_key(located.entry.text)
            if not key:
                self.problems.append(located.problem("a template needs words", "text"))
            elif key in self.templates:
                self.problems.append(located.problem(f"the same text as template {self.templates[key][0]!r}", "text"))
            self.templates[key] = (located.entry.id, located.rule("id"))
        self._references()
        self._unglue()
        for unit in self.units():
            if unit.alone is not None and unit.alone.finding is None and unit.cue is None:
                unit.denies = any(self._is_denial(unit.words[:i]) for i in range(1, len(unit.words)))
            self._plant(unit)

    def _unglue(self) -> None:
        """Take out phrases that only put a sign after its structure ("tim to"): apart they can be denied, sided, shared."""
        for unit in list(self.units()):
            alone = unit.alone
            if alone is None or alone.finding is None or unit.above is not None or unit.beside:
                continue
            for cut in range(1, len(unit.words)):
                structure, sign = self.find(unit.words[:cut]), self.find(unit.words[cut:])
                if structure is None or structure.structure is None or sign is None or structure.is_sign or sign.cue:
                    continue
                sense = sign.sense_for(structure.structure)
                if sense is not None and sense.finding == alone.finding:
                    unit.alone = None
            if unit.alone is None and unit.structure is None and unit.cue is None and unit.role is None:
                del self.by_words[unit.words]

    def _plant(self, unit: Unit) -> None:
        node = self.trie
        for word in unit.words:
            below = node.get(word)
            if below is None:
                below = node[word] = {}
            node = below
        node[LEAF] = unit

    def _is_denial(self, words: Words) -> bool:
        unit = self.find(words)
        return (
            unit is not None
            and unit.cue is not None
            and unit.cue.assertion == "absent"
            and unit.cue.scope in ("list", "next")
        )

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
            self._orphans.setdefault(where, {})[located.rule(*path)] = None
            return
        known = self._phrases if kind == "words" else self.rules.entries[kind]
        self.problems.append(located.problem(message + nearest(name, known), *path, column=column))

    def _resolve(self, name: str) -> list[Words] | None:
        return self._phrases.get(name)

    def _expand(self, located: Located[Any], pattern: str, path: tuple[str | int, ...]) -> list[Words]:
        try:
            return expand(pattern, self._resolve)
        except PatternError as error:
            message = str(error)
            if message.startswith("unknown name <"):
                name = message[14:-1]
                kind = "anatomy" if ("anatomy", name) in self.rules.disabled else "words"
                self._unknown(kind, name, f"bad pattern: {message}", located, *path, column=error.column)
            else:
                self.problems.append(located.problem(f"bad pattern: {message}", *path, column=error.column))
            return []

    def _expand_all(self, located: Located[Any]) -> list[Words]:
        out: list[Words] = []
        for i, pattern in enumerate(located.entry.phrases):
            out += self._expand(located, pattern, ("phrases", i))
        return out

    def _patterns(self, located: Located[Any], patterns: tuple[str, ...], path: tuple[str | int, ...]) -> Any:
        for i, pattern in enumerate(patterns):
            for words in self._expand(located, pattern, (*path, i)):
                yield words, (*path, i)

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
        structure = Structure(entry.id, entry.region, tuple(lineage), entry.location, entry.clears, located.rule("id"))
        self.structures[entry.id] = structure
        for words in self._phrases[entry.id]:
            held = self._structure_of.setdefault(words, entry.id)
            if held != entry.id:
                said = " ".join(map(display, words))
                message = f"{said!r} names both {held!r} and {entry.id!r}: keep it in one of them"
                self.problems.append(located.problem(message, "phrases"))
            self._claim(words, "structure", structure, located, ("phrases",))

    def _finding(self, located: Located[schema.Finding]) -> None:
        entry = located.entry
        vindr = (entry.vindr,) if isinstance(entry.vindr, str) else entry.vindr
        self.findings[entry.id] = FindingInfo(entry.id, entry.name, entry.region, entry.chexpert, vindr)
        for i, pattern in enumerate(entry.phrases):
            self._pattern(located, pattern, ("phrases", i), entry.id, entry.region, generic=entry.generic)
        if entry.measure is not None:
            sense = Sense(entry.id, entry.region, located.rule("measure"), located.layer)
            for words, path in self._patterns(located, entry.measure.phrases, ("measure", "phrases")):
                unit = self._unit(words)
                unit.above = entry.measure.above
                self._say(unit, None, sense, located, path)

    def _normal(self, located: Located[schema.Normal]) -> None:
        entry = located.entry
        for i, pattern in enumerate(entry.phrases):
            self._pattern(
                located, pattern, ("phrases", i), None, None, covers=entry.covers, whole_film=entry.whole_film
            )

    def _pattern(
        self,
        located: Located[Any],
        pattern: str,
        path: tuple[str | int, ...],
        finding: str | None,
        region: str | None,
        covers: tuple[str, ...] = (),
        whole_film: bool = False,
        generic: bool = False,
    ) -> None:
        sense = Sense(finding, region, located.rule(*path), located.layer, covers, whole_film, generic)
        try:
            left, right = split_sign(pattern)
        except PatternError as error:
            self.problems.append(located.problem(f"bad pattern: {error}", *path, column=error.column))
            return
        if right is None:
            for words in self._expand(located, pattern, path):
                unit = self._unit(words)
                self._say(unit, None, sense, located, path)
            return
        names = self._structure_names(located, left, path, region)
        for words in self._expand(located, right, path):
            unit = self._unit(words)
            for name in names:
                self._say(unit, name, sense, located, path)

    def _structure_names(
        self, located: Located[Any], left: str, path: tuple[str | int, ...], region: str | None
    ) -> list[str]:
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
        for words in self._expand(located, left, path):
            held = self._structure_of.get(words)
            if held is None:  # a structure that only this finding speaks of
                held = "_".join(("x", *(skeleton(w) for w in words)))
                structure = Structure(held, region or "other", (held,), None, (), located.rule(*path))
                self.structures[held] = structure
                self._structure_of[words] = held
                self._claim(words, "structure", structure, located, path)
            found[held] = None
        return list(found)

    def _unit(self, words: Words) -> Unit:
        unit = self.by_words.get(words)
        if unit is None:
            unit = self.by_words[words] = Unit(words)
            self._learn(words)
        return unit

    def _learn(self, words: Words) -> None:
        self.vocabulary.update(words)
        self.follows.update(pairwise(words))

    def _claim(self, words: Words, slot: str, value: Any, located: Located[Any], path: tuple[str | int, ...]) -> None:
        """Give a unit a part other than a sign; two different values for one part contradict each other."""
        unit = self._unit(words)
        held = getattr(unit, slot)
        if held is None or (slot == "role" and held == "neutral"):
            setattr(unit, slot, value)
        elif slot == "role" and value == "neutral":
            return
        elif held != value and not (slot == "cue" and held.assertion == value.assertion and held.scope == value.scope):
            says = getattr(held, "id", held), getattr(value, "id", value)
            message = f"{unit.text!r} is already {slot} {says[0]!r} and cannot be {says[1]!r} too: keep it in one place"
            self.problems.append(located.problem(message, *path))

    def _say(
        self, unit: Unit, beside: str | None, sense: Sense, located: Located[Any], path: tuple[str | int, ...]
    ) -> None:
        held = unit.alone if beside is None else unit.beside.get(beside)
        if held is None:
            if beside is None:
                unit.alone = sense
            else:
                unit.beside[beside] = sense
        elif held.finding != sense.finding:
            of = f" said of {beside!r}" if beside else ""
            a, b = held.finding or "normal", sense.finding or "normal"
            message = f"two meanings: {unit.text!r}{of} is {a!r} ({held.rule}) and here {b!r}; keep it in one of them"
            self.problems.append(replace(located.problem(message, *path), other=held.rule))


def template_key(text: str) -> str:
    """What two descriptions must share to be the same template: their words and numbers, in order."""
    return " ".join(words_of(normalize(text).text))
