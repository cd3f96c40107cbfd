"""What a corpus says that the rules do not: unexplained words with their neighbours, and words read as others.

Left out are reports typed without marks, lines under headings of identity, and runs of capitalised words, which may
be names; of what is not about the film, all but misspellings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from labeler.compiler import template_key
from labeler.explaining import Reading
from labeler.labeler import Labeler
from labeler.patterns import Words
from labeler.pipe import items as kind
from labeler.pipe.items import Item, kind_of
from labeler.report import AUTO, REVIEW
from labeler.spelling import Reading as Spelt
from labeler.text import has_any_mark, normalize
from labeler.workbench.reading import Reader

STRANGE, KNOWN, WALL = range(3)  # what a syllable is to a phrase around it: unexplained, known, or no part of it
_ASSERTING = frozenset({"present", "absent", "uncertain", "contrast"})
_WALLS = frozenset({kind.PUNCT, kind.NUMBER, kind.SIDE, kind.CUE, kind.HEADING, kind.CONJUNCTION})


class Syllable(NamedTuple):
    """A syllable as typed (canonical), and what it can be to a phrase."""

    key: str
    part: int


class Slip(NamedTuple):
    """A typed word that the vocabulary does not hold, and the words beside it.

    Beside it stands None for the end of a line, a number or a sign, and "" for an unknown or misspelt word.  `meant`
    is how the rules read it, None if they do not; `settled` readings are those of a phrase of several words.
    """

    typed: str
    meant: Words | None
    before: str | None
    after: str | None
    settled: bool


@dataclass(eq=False, slots=True)
class Line:
    """A distinct line: its unexplained stretches, the regions it names, its doubtful words, and its pairs of words."""

    stretches: list[tuple[Syllable, ...]]
    regions: tuple[str, ...]
    slips: list[Slip]
    words: list[str | None]


@dataclass(slots=True)
class Times:
    """In how many reports, and how many of those go to a person."""

    reports: int = 0
    review: int = 0

    def add(self, reports: int, review: int) -> None:
        """Count some more."""
        self.reports += reports
        self.review += review

    @property
    def weight(self) -> float:
        """Reports that a person must read count double."""
        return self.review + (self.reports - self.review) / 2


@dataclass
class Residue:
    """Everything collected from a corpus."""

    reports: int = 0
    review: int = 0
    lines: dict[Line, Times] = field(default_factory=dict)
    normal: dict[str, tuple[str, Times]] = field(default_factory=dict)  # whole texts that mean no finding, by key


class Collector:
    """Takes in reports one after another."""

    def __init__(self, labeler: Labeler) -> None:
        self.labeler = labeler
        self.out = Residue()
        self._reader = Reader(labeler, self._look)

    def add(self, text: str) -> None:
        """Take in one report."""
        out, labeler = self.out, self.labeler
        report = labeler.label(text)
        review = int(report.status == REVIEW)
        out.reports += 1
        out.review += review
        if report.method == "template" or labeler.unmarked(text):
            return
        lines = self._reader.read(text)
        for line in dict.fromkeys(line for line in lines if line is not None):
            out.lines.setdefault(line, Times()).add(1, review)
        if report.status == AUTO and not any(report.labels.values()) and None not in lines:
            clean = normalize(text).text
            out.normal.setdefault(template_key(clean), (clean, Times()))[1].add(1, 0)

    def _look(self, reading: Reading) -> Line | None:
        """None for a line under a heading such as the patient's name."""
        items, said = reading.clauses.items, reading.said
        if "identity" in (reading.section, said.section):
            return None
        guessed = any(item.cost and item.kind == kind.CUE for item in items)  # a cue that may be none excludes nothing
        text = reading.line.text
        spans = reading.match.spans(self.labeler.tokenizer.spans(text))
        names = _names([text[a:b] for a, b in spans])
        vocabulary = self.labeler.lexicon.vocabulary
        marked = has_any_mark(text)
        tokens = list(_tokens(reading))
        syllables: list[Syllable] = []
        words: list[str | None] = []
        for i, token in enumerate(tokens):
            read, item = token.read, items[token.item]
            if i in names or not read.word or read.number or read.mixed:
                syllables.append(Syllable(read.key, WALL))
                words.append(None)
                continue
            strange = token.meant is None or (marked and not token.written and read.key not in vocabulary)
            off_film = said.excluded[token.item] and not guessed
            part = WALL if off_film else STRANGE if strange else self._part(token, item)
            syllables.append(Syllable(read.key, part))
            words.append(token.meant[0] if token.written and token.meant is not None else "")
        slips = list(self._slips(reading, tokens, words, spans)) if marked else []
        structures = (item.unit.structure for item in items if item.kind == kind.STRUCTURE and item.unit is not None)
        regions = tuple(dict.fromkeys(s.region for s in structures if s is not None))
        return Line(list(_stretches(syllables)), regions, slips, words)

    def _part(self, token: _Token, item: Item) -> int:
        unit = item.unit
        if item.kind in _WALLS and len(token.meant or ()) == 1 and item.last - item.first > 1:
            unit = self.labeler.lexicon.find(token.meant or ())  # "có hình" is a cue, "hình" may begin a phrase
        part = item.kind if unit is item.unit else kind_of(unit) if unit is not None else kind.PUNCT
        if part == kind.CUE and unit is not None and unit.cue is not None and unit.cue.assertion not in _ASSERTING:
            return KNOWN
        return WALL if part in _WALLS else KNOWN

    def _slips(
        self, reading: Reading, tokens: list[_Token], words: list[str | None], spans: list[tuple[int, int]]
    ) -> Iterator[Slip]:
        vocabulary, text = self.labeler.lexicon.vocabulary, reading.line.text
        last = -1
        for first, token in enumerate(tokens):
            if first <= last or words[first] is None or token.written:
                continue
            last = first
            while (
                last + 1 < len(tokens) and spans[last][1] == spans[last + 1][0] and tokens[last + 1].meant is not None
            ):
                last += 1  # syllables run together were typed as one word
            key = token.read.key if last == first else text[spans[first][0] : spans[last][1]].lower()
            if key in vocabulary:
                continue
            beside = words[first - 1] if first else None, words[last + 1] if last + 1 < len(words) else None
            if token.meant is None:
                yield Slip(key, None, *beside, False)
            else:
                meant = tuple(word for t in tokens[first : last + 1] for word in t.meant or ())
                item = reading.clauses.items[token.item]
                own = [t.written for t in tokens if t.item == token.item]
                yield Slip(key, meant, *beside, last > first or (not item.guess and 2 * sum(own) >= len(own) > 1))


class _Token(NamedTuple):
    """A token of a line: its item, the words that it stands for (None: unknown), and whether it is written so."""

    read: Spelt
    item: int
    meant: Words | None
    written: bool


def _tokens(reading: Reading) -> Iterator[_Token]:
    for k, item in enumerate(reading.clauses.items):
        at = reading.match.token(k)
        tokens = reading.match.tokens[at : at + item.last - item.first]
        meant = _meant(tokens, item)
        for i, token in enumerate(tokens):
            own = meant[i] if meant is not None else None
            yield _Token(token, k, own, _as_written(token, own))


def _stretches(syllables: list[Syllable]) -> Iterator[tuple[Syllable, ...]]:
    """What stands between walls and holds something unexplained."""
    out: list[Syllable] = []
    for syllable in (*syllables, Syllable("", WALL)):
        if syllable.part != WALL:
            out.append(syllable)
            continue
        if any(s.part == STRANGE for s in out):
            yield tuple(out)
        out = []


def _names(typed: list[str]) -> set[int]:
    """Places of two and more capitalised words in a row."""
    out: set[int] = set()
    for i in range(1, len(typed)):
        if typed[i].istitle() and typed[i - 1].istitle() and typed[i].isalpha() and typed[i - 1].isalpha():
            out.update((i - 1, i))
    return out


def _meant(tokens: list[Spelt], item: Item) -> list[Words] | None:
    """The words of its phrase that each token of an item stands for; None for an unknown word."""
    if item.unit is None:
        return None

    def align(i: int, words: Words) -> list[Words] | None:
        if i == len(tokens):
            return [] if not words else None
        ways = sorted(tokens[i].ways, key=lambda way: way[1])
        for taken in (*(way[0] for way in ways), words[:1]):
            if taken and words[: len(taken)] == taken:
                rest = align(i + 1, words[len(taken) :])
                if rest is not None:
                    return [taken, *rest]
        return None

    return align(0, item.unit.words)


def _as_written(token: Spelt, meant: Words | None) -> bool:
    """Whether a token is the word it stands for, a number or sign, or an abbreviation of it."""
    if not token.word or token.number:
        return True
    if meant is None:
        return False
    return meant == (token.key,) or any(words == meant and cost <= 0.02 for words, cost, _ in token.ways)
