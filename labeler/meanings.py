"""What phrases can mean: the parts of a `Unit`, and the claims of a rule set that give phrases their parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from labeler.patterns import Expansion, Words
from labeler.rules import Located, RuleKey
from labeler.text import display

NOTHING: Mapping[str, Any] = {}  # what no sign is beside: shared, as phrases of one claim share theirs


@dataclass(frozen=True, slots=True)
class Sense:
    """What a phrase says: a finding, or (finding None) that the structure is normal."""

    finding: str | None
    region: str | None
    rule: RuleKey
    layer: str
    covers: tuple[str, ...] = ()
    whole_film: bool = False
    generic: bool = False  # "tổn thương", "bình thường": names no particular finding
    ruled_out: bool = False  # of those that films are read for, and that lists deny by name
    device: bool = False


@dataclass(frozen=True, slots=True)
class Structure:
    """An anatomical structure with its ancestors, nearest first, itself included."""

    id: str
    region: str
    lineage: tuple[str, ...]
    location: str | None
    clears: tuple[str, ...]
    rule: RuleKey


@dataclass(frozen=True, slots=True)
class CueSense:
    """An assertion cue."""

    id: str
    assertion: str
    scope: str
    rule: RuleKey


class Unit:
    """Everything one phrase can mean."""

    __slots__ = ("words", "alone", "beside", "structure", "cue", "section", "role", "above", "denies", "_text")

    def __init__(self, words: Words) -> None:
        self.words = words
        self.alone: Sense | None = None
        self.beside: Mapping[str, Sense] = NOTHING  # by structure
        self.structure: Structure | None = None
        self.cue: CueSense | None = None
        self.section: str | None = None
        self.role: str | None = None
        self.above: float | None = None
        self.denies = False  # a normal statement or a doubt that opens with a negation ("không có gì đặc biệt")
        self._text: str | None = None

    @property
    def text(self) -> str:
        """The phrase as one would write it."""
        if self._text is None:
            self._text = " ".join(display(word) for word in self.words)
        return self._text

    @property
    def parts(self) -> tuple[object, ...]:
        """All that it means: phrases with equal parts mean the same."""
        return (
            self.alone, self.beside, self.structure, self.cue, self.section, self.role, self.above, self.denies,
        )  # fmt: skip

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


class Claim(NamedTuple):
    """Phrases that mean one thing: what becomes of which part of their units."""

    part: str  # an attribute of Unit
    meaning: Any
    phrases: Expansion
    located: Located[Any]
    path: tuple[str | int, ...]

    @property
    def key(self) -> tuple[object, ...]:
        """What it says, wherever that stands."""
        return self.part, tuple(self.meaning.items()) if self.part == "beside" else self.meaning, self.phrases
