"""The parts of a line, between its commas: each distinct one is searched once, and lines that say the same share more.

One invariant holds it all: two parts share a serial, and two lines what was made of them, only if no later step can
tell them apart.  Words that play the same part may differ, and digits where they mean nothing; lines that name a ratio
never share, for there numbers count.
"""

from __future__ import annotations

import re
from itertools import count
from typing import NamedTuple

from labeler.lexicon import LEAF, Lexicon
from labeler.patterns import ANY_NUMBER
from labeler.pipe.items import AMOUNT, CONJUNCTION, LOCATIVE, NEUTRAL, NUMBER, PUNCT, SIDE, STRUCTURE, Item, kind_of
from labeler.pipe.keywords import Matcher
from labeler.pipe.tokenizer import Tokenizer
from labeler.spelling import Reading
from labeler.text import has_digit

MAX_PARTS = 200_000  # distinct strings between commas remembered
_COMMA = Item(0, 1, PUNCT, None, 0.0, ",")
_FILLING = frozenset({SIDE, AMOUNT, LOCATIVE, CONJUNCTION, NEUTRAL})
_DIGIT = re.compile(r"[3-9]|(?<=\d)[02]|2(?=\d)")  # a 2 alone may mean both sides, a number below one a ratio


class Part(NamedTuple):
    """What stands between two commas: its items, the tokens they index, and what is to be known of it.

    `doubt` tells that some repair was not unique, `digits` that other digits might have meant something else, `joins`
    which of its tokens were put together with their right neighbour, `measures` that it names a ratio, whose number may
    stand in another part.  `serial` is shared by parts that no later step can tell apart, but by their numbers.
    """

    items: list[Item]
    tokens: list[Reading]
    doubt: bool
    digits: bool
    joins: tuple[int, ...]
    measures: bool
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
        self._comma = tokenizer.readings(",")
        # words that stand beside a literal number in some phrase
        self._before_digits = {a for a, b in lexicon.follows if b[:1].isdigit()}
        self._after_digits = {b for a, b in lexicon.follows if a[:1].isdigit()}
        # a literal number that is a phrase by itself; a lone 2 is never taken for another number
        self._numbers_speak = any(
            key[:1].isdigit() and key != "2" and LEAF in below for key, below in lexicon.trie.items()
        )

    def of(self, line: str, unmarked: bool = False) -> list[Part]:
        """What stands between the commas of a line."""
        typed = line.split(", ")
        found = [self._part(part, unmarked) for part in typed]
        if len(found) > 1 and any(part.measures for part in found):
            # a number beside a ratio may be its value, and other digits would mean something else
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
        measures = any(item.unit is not None and item.unit.above is not None for item in items)
        digits = has_digit(part) and (measures or self._minds_digits(tokens))
        return Part(items, tokens, doubt, digits, joins, measures, self._serial(items, doubt))

    def _serial(self, items: list[Item], doubt: bool) -> int:
        key = (doubt, *map(_part_played, items))
        serial = self._alike.get(key)
        if serial is None:
            if len(self._alike) >= MAX_PARTS:
                self._alike.clear()
            serial = self._alike[key] = next(self._serials)
        return serial

    def _minds_digits(self, tokens: list[Reading]) -> bool:
        """Whether other digits could have meant something else: "2 bên", "1/3", a category."""
        if self._numbers_speak:
            return True
        for i, reading in enumerate(tokens):
            if reading.mixed:
                return True
            if reading.number and reading.key[0].isdigit():
                before = tokens[i - 1].key if i else ""
                after = tokens[i + 1].key if i + 1 < len(tokens) else ""
                if before in self._before_digits or after in self._after_digits:
                    return True
        return False


def serials(parts: list[Part]) -> list[int] | None:
    """What lines share that say the same; None for one that names a ratio."""
    if any(part.measures for part in parts):
        return None
    return [part.serial for part in parts]


def without_digits(text: str) -> str:
    """The text with its digits 1, but for a leading 0 and a 2 alone: equal for texts that differ in numbers alone."""
    return _DIGIT.sub("1", text) if has_digit(text) else text


def _part_played(item: Item) -> object:
    """What a line's meaning can depend on in an item: a side, amount or filler as it is written is like another."""
    unit = item.unit
    if unit is None:
        if item.kind == NUMBER:
            return NUMBER, item.key[0] == "0", item.key.isdigit() and len(item.key) == 4  # below one, a year
        return item.key if item.kind == PUNCT else item.kind
    key = item.key if item.kind == STRUCTURE or not item.key[0].isalpha() else ""
    plain = not item.cost and not item.others and unit.section is None
    if plain and item.kind in _FILLING and kind_of(unit) == item.kind:
        return item.kind, unit.role, key, unit.words[-1] == ANY_NUMBER
    return unit, item.kind, key, item.cost, item.last - item.first, item.guess, item.others
