"""The parts of a line, between its commas: each distinct one is searched once, and lines that say the same share more.

One invariant holds it all: two parts share a serial, and two lines what was made of them, only if no later step can
tell them apart.  Words that play the same part may differ, places of which the same can be said, and digits where they
mean nothing; a ratio shares with none but itself, and lines whose parts may hold its number share nothing.
"""

from __future__ import annotations

import re
from itertools import count, product
from typing import NamedTuple

from labeler.lexicon import Lexicon
from labeler.meanings import Unit
from labeler.patterns import ANY_NUMBER, ANY_VERTEBRA
from labeler.pipe.items import (
    AMOUNT,
    ARROWS,
    CONJUNCTION,
    LOCATIVE,
    NEUTRAL,
    NUMBER,
    PUNCT,
    SIDE,
    STRUCTURE,
    UNKNOWN,
    Item,
    kind_of,
)
from labeler.pipe.keywords import Matcher
from labeler.pipe.places import Places
from labeler.pipe.tokenizer import Tokenizer
from labeler.spelling import Reading
from labeler.text import has_digit

MAX_PARTS = 200_000  # distinct strings between commas remembered
_COMMA = Item(0, 1, PUNCT, None, 0.0, ",")
_FILLING = frozenset({SIDE, AMOUNT, LOCATIVE, CONJUNCTION, NEUTRAL})
_DIGIT = re.compile(r"[3-9]|[02](?:(?<=\d\d)|(?<=\d[.,]\d))|2(?=\d)")  # a 2 alone may mean both sides, a number below one a ratio


class Part(NamedTuple):
    """What stands between two commas: its items, the tokens they index, and what is to be known of it.

    `doubt` tells that some repair was not unique, `digits` that other digits might have meant something else, `joins`
    which of its tokens were put together with their right neighbour, `measures` that it names a ratio, `lacks` that it
    does so without its number.  `serial` is shared by parts that no later step can tell apart.
    """

    items: list[Item]
    tokens: list[Reading]
    doubt: bool
    digits: bool
    joins: tuple[int, ...]
    measures: bool
    lacks: bool
    serial: int


class Match(NamedTuple):
    """Items and tokens of a line.  `bases` are at which item each part begins, and at which token."""

    items: list[Item]
    tokens: list[Reading]
    doubt: bool
    joins: tuple[int, ...]
    bases: tuple[tuple[int, int], ...]

    def token(self, k: int) -> int:
        """Index of the first token of item k."""
        base = next(base for first, base in reversed(self.bases) if first <= k)
        return base + self.items[k].first

    def spans(self, typed: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Where its tokens stand; `typed` is where they stood before some were put together with their neighbours."""
        if not self.joins:
            return typed
        swallowed = {i + 1 for i in self.joins}
        return [
            (start, typed[i + 1][1] if i in self.joins else end)
            for i, (start, end) in enumerate(typed)
            if i not in swallowed
        ]


class Parts:
    """Finds the parts of lines.

    No phrase runs over a comma, so what stands between two commas is searched once per distinct string; digits that
    mean nothing do not make it distinct.
    """

    def __init__(self, lexicon: Lexicon, tokenizer: Tokenizer, remember: bool = True) -> None:
        self.matcher = Matcher(lexicon, tokenizer, remember)
        self.remember = remember
        # by the string itself, and by the string without its digits where they mean nothing; unmarked texts apart
        self._known: tuple[tuple[dict[str, Part], dict[str, Part]], ...] = (({}, {}), ({}, {}))
        self._serials = count()
        self._alike: dict[object, int] = {}
        self._written: dict[tuple[Unit, int], int] = {}  # parts played by phrases as they are written
        # structures that some sign is said of
        self._told = {name for claim in lexicon.claims.values() if claim.part == "beside" for name in claim.meaning}
        self._places = Places(lexicon)
        self._comma = tokenizer.readings(",")
        # the words before and after a literal number in some phrase, with the words before those
        self._around_digits: dict[tuple[str | None, str | None], set[str | None]] = {}
        for farther, before, after in lexicon.around_digits:
            self._around_digits.setdefault((before, after), set()).add(farther)
        self.digits_in_templates = any(map(has_digit, lexicon.templates))

    def of(self, line: str, unmarked: bool = False) -> list[Part]:
        """What stands between the commas of a line."""
        typed = line.split(", ")
        found = [self._part(part, unmarked) for part in typed]
        if len(found) > 1 and _measured_elsewhere(found):  # other digits would mean something else
            return [
                self._search(text, unmarked)._replace(digits=True) if has_digit(text) else part
                for text, part in zip(typed, found, strict=True)
            ]
        return found

    def join(self, parts: list[Part]) -> Match:
        """The parts of a line put together, commas between them."""
        if len(parts) == 1:
            (only,) = parts
            return Match(list(only.items), only.tokens, only.doubt, only.joins, ((0, 0),))
        items: list[Item] = []
        tokens: list[Reading] = []
        doubt = False
        joins: tuple[int, ...] = ()
        bases: list[tuple[int, int]] = []
        for part in parts:
            if bases:
                bases.append((len(items), len(tokens)))
                items.append(_COMMA)
                tokens += self._comma
            at = len(tokens)
            bases.append((len(items), at))
            items += part.items
            tokens += part.tokens
            doubt = doubt or part.doubt
            if part.joins:
                joins += tuple(j + at + len(joins) for j in part.joins)
        return Match(items, tokens, doubt, joins, tuple(bases))

    def match(self, line: str, unmarked: bool = False) -> Match:
        """Items covering all tokens of a line."""
        return self.join(self.of(line, unmarked))

    def _part(self, part: str, unmarked: bool) -> Part:
        exact, blinds = self._known[unmarked]
        found = exact.get(part)
        if found is not None:
            return found
        blind = without_digits(part)
        if blind != part:
            found = blinds.get(blind)
            if found is not None:
                return found
        found = self._search(part, unmarked)
        if self.remember:
            memo, key = (exact, part) if found.digits or blind == part else (blinds, blind)
            if len(memo) >= MAX_PARTS:
                memo.clear()
            memo[key] = found
        return found

    def _search(self, part: str, unmarked: bool) -> Part:
        items, tokens, doubt, joins = self.matcher.search(part, unmarked)
        ratios = [k for k, item in enumerate(items) if item.unit is not None and item.unit.above is not None]
        lacks = bool(ratios) and not all(_has_number(items, tokens, k) for k in ratios)
        digits = has_digit(part) and (bool(ratios) or self._minds_digits(items, tokens))
        serial = self._serial((doubt, *[self._part_played(item) for item in items]))
        return Part(items, tokens, doubt, digits, joins, bool(ratios), lacks, serial)

    def _serial(self, played: object) -> int:
        """One number for all that are equal."""
        serial = self._alike.get(played)
        if serial is None:
            if len(self._alike) >= MAX_PARTS:
                self._alike.clear()
            serial = self._alike[played] = next(self._serials)
        return serial

    def _part_played(self, item: Item) -> int | Item:
        """What a line's meaning can depend on in an item, as a number."""
        unit = item.unit
        if unit is None:
            if item.kind == NUMBER:  # below one, a year
                return self._serial((NUMBER, item.key[0] == "0", item.key.isdigit() and len(item.key) == 4))
            return self._serial((item.kind, item.key if item.kind == PUNCT else ""))
        if unit.above is not None:
            return item  # the number beside it counts
        plain = not item.cost and not item.others
        written = plain and item.key == unit.words[0] and item.last - item.first == len(unit.words)
        known = self._written.get((unit, item.kind)) if written else None
        if known is not None:
            return known
        numbered = item.kind == STRUCTURE and item.key[0].isdigit()  # "1/3 giữa", but a 2 may be a side
        key = "" if item.key[0].isalpha() or numbered or item.key == "(" else item.key
        like = self._like(unit) if plain and unit.section is None and kind_of(unit) == item.kind else None
        serial = self._serial(
            (*like, key) if like is not None
            else (unit, item.kind, key, item.cost, item.last - item.first, item.guess, item.others)
        )  # fmt: skip
        if written:
            self._written[unit, item.kind] = serial
        return serial

    def _like(self, unit: Unit) -> tuple[object, ...] | None:
        """All that counts of a phrase that fills or only names a place: others of which it is true too are like it."""
        kind = kind_of(unit)
        filler = (kind, unit.role, unit.words[-1] in (ANY_NUMBER, ANY_VERTEBRA))  # a number may end it
        place = unit.structure
        if kind == STRUCTURE and place is not None:
            told = tuple(name for name in place.lineage if name in self._told)
            pair = self._places.is_pair(unit)
            return *filler, place.region, told, place.location is None, len(place.lineage) > 1, pair
        return filler if kind in _FILLING else None

    def _minds_digits(self, items: list[Item], tokens: list[Reading]) -> bool:
        """Whether other digits could have meant something else: "2 bên", "1/3", a category, a template's film size."""
        if self.digits_in_templates:
            return True
        guessed = any(item.cost or item.kind == UNKNOWN for item in items)  # then words may stand for any other
        for i, reading in enumerate(tokens):
            if reading.mixed:
                return True
            if reading.number and reading.key[0].isdigit():
                for around in product(_words(tokens, i - 1, -1), _words(tokens, i + 1, 0)):
                    farther = self._around_digits.get(around)
                    if farther is not None and (
                        guessed or not farther.isdisjoint(_words(tokens, i - 2, -1) | _words(tokens, i - 1, -2))
                    ):
                        return True
        return False


def _words(tokens: list[Reading], i: int, at: int) -> set[str | None]:
    """The words at one place (first, last, last but one) in what token i may stand for; None, for no word, is always there."""
    ways = tokens[i].ways if 0 <= i < len(tokens) else ()
    return {None, *(words[at] for words, _, _ in ways if len(words) >= abs(at))}


def serials(parts: list[Part]) -> list[int] | None:
    """What lines share that say the same; None for one in which a ratio may take its number from another part."""
    if len(parts) > 1 and _measured_elsewhere(parts):
        return None
    return [part.serial for part in parts]


def _measured_elsewhere(parts: list[Part]) -> bool:
    """Whether a number in another part may be what a ratio is, or what it came to ("0,55, nay 0,49")."""
    if not any(part.measures for part in parts):
        return False
    return any(part.lacks for part in parts) or any(_turns(item) for part in parts for item in part.items)


def _has_number(items: list[Item], tokens: list[Reading], ratio: int) -> bool:
    """Whether a plain number follows a ratio in its part."""
    number = next((item for item in items[ratio + 1 : ratio + 8] if item.kind == NUMBER), None)
    return number is not None and tokens[number.first].key.replace(".", "", 1).isdigit()


def _turns(item: Item) -> bool:
    """Whether what follows may be of now: "nay", "→"."""
    return item.key in ARROWS or (item.cue is not None and item.cue.assertion == "present")


def without_digits(text: str) -> str:
    """The text with its digits 1, but for a leading 0 and a 2 alone: equal for texts that differ in numbers alone."""
    return _DIGIT.sub("1", text) if has_digit(text) else text
