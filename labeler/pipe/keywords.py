"""Phrases of the rule set in a line, exact or misspelt, longest first.

Each token offers the words it may stand for; the trie is walked along all of them at once, so that the phrase
decides which reading is meant ("dichj" after "tràn" is "dịch").  Words still unknown get a second look, in which
neighbouring words may be wrong as well, provided that a longer phrase comes out.
"""

from __future__ import annotations

import re
from itertools import count
from typing import NamedTuple

from labeler.lexicon import LEAF, Lexicon, Node, Unit
from labeler.patterns import ANY_NUMBER
from labeler.pipe.tokenizer import Tokenizer
from labeler.spelling import LOST_MARKS, Candidate, Reading, ways_of

# Kinds of items.  UNKNOWN words are what the rule set cannot explain.
SIGN, STRUCTURE, CUE, HEADING, SIDE, AMOUNT, LOCATIVE, CONJUNCTION, NEUTRAL, NUMBER, PUNCT, UNKNOWN = range(12)

_KIND_OF_ROLE = {
    "neutral": NEUTRAL, "link": NEUTRAL, "left": SIDE, "right": SIDE, "both": SIDE,
    "amount": AMOUNT, "locative": LOCATIVE, "above": LOCATIVE, "below": LOCATIVE, "conjunction": CONJUNCTION,
    "disjunction": CONJUNCTION, "modifier": NEUTRAL, "course": NEUTRAL, "more": NEUTRAL, "less": NEUTRAL,
    "degree": NEUTRAL,
}  # fmt: skip

Option = tuple[int, float, Unit, bool]  # end, cost, phrase, and whether a real word was taken for another
# phrase, its length in tokens, cost, other readings as near, whether there is doubt, and whether a word was guessed
Choice = tuple[Unit, int, float, tuple[Unit, ...], bool, bool]

# Which reading of an unmarked word wins when the phrase around it does not decide.
_RANK = {CUE: 0, HEADING: 1, SIDE: 2, STRUCTURE: 3, SIGN: 4, CONJUNCTION: 5, AMOUNT: 6, LOCATIVE: 6, NEUTRAL: 7}


class Item:
    """A matched phrase, an unknown word, or a sign of punctuation, in token order.

    `first` and `last` are token indexes in its part of the line (last exclusive).  Items are shared between lines:
    one that plays another part is a copy (`as_kind`).
    """

    __slots__ = ("first", "last", "kind", "unit", "cost", "others", "key", "guess")

    def __init__(
        self, first: int, last: int, kind: int, unit: Unit | None, cost: float, key: str, others: tuple[Unit, ...] = ()
    ) -> None:
        self.first = first
        self.last = last
        self.kind = kind
        self.unit = unit
        self.cost = cost
        self.key = key
        self.others = others
        self.guess = False  # some word of it is a real word that was taken for another

    def as_kind(self, kind: int, unit: Unit | None = None) -> Item:
        """The same words in another part, or meaning another phrase."""
        out = Item(self.first, self.last, kind, unit or self.unit, self.cost, self.key, self.others)
        out.guess = self.guess
        return out

    def __repr__(self) -> str:
        return f"<{self.kind} {self.key!r}>"


_DIGIT = re.compile(r"[3-9]|(?<=\d)[02]|2(?=\d)")  # a 2 alone may mean both sides, a number below one a ratio
_ANY_DIGIT = re.compile(r"\d")
MAX_PARTS = 200_000  # distinct strings between commas remembered
WINDOW = 3  # tokens from which the phrase at the first is remembered, where it depends on no more

_TIMES = Reading("x", (), None, number=True)
_COMMA = Item(0, 1, PUNCT, None, 0.0, ",")
_SEVERAL: Node = {}
_NOWHERE: Node = {}
_FILLING = frozenset({SIDE, AMOUNT, LOCATIVE, CONJUNCTION, NEUTRAL})
_MAY_YIELD = frozenset({NEUTRAL, CUE, SIGN})  # kinds that give their last word up to a longer sign
MAX_COST = 0.6  # of all repairs in a phrase
MAX_LONE_COST = 0.3  # of taking one real word for another without a phrase around it
WELL_BACKED = 5  # words of a phrase per word taken for another, for the phrase to leave no doubt
MAX_NEUTRAL_COST = 0.2  # of reading one unknown word as neutral vocabulary, which explains it away


def kind_of(unit: Unit) -> int:
    """The part a phrase plays first; the assertion step may give it another."""
    if unit.cue is not None:
        return CUE
    if unit.alone is not None or unit.beside or unit.above is not None:
        return SIGN
    if unit.structure is not None:
        return STRUCTURE
    if unit.section is not None:
        return HEADING
    return _KIND_OF_ROLE.get(unit.role or "neutral", NEUTRAL)


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


class Matcher:
    """Finds the units of a lexicon in lines.

    No phrase runs over a comma, so what stands between two commas is matched once per distinct string; digits that
    mean nothing do not make it distinct.
    """

    def __init__(self, lexicon: Lexicon, tokenizer: Tokenizer, remember: bool = True) -> None:
        self.trie: Node = lexicon.trie
        self.tokenizer = tokenizer
        self.speller = tokenizer.speller
        self.remember = remember
        # by the string itself, and by the string without its digits where they mean nothing; unmarked texts apart
        self._parts: tuple[tuple[dict[str, Part], dict[str, Part]], ...] = (({}, {}), ({}, {}))
        self._serials = count()
        self._alike: dict[object, int] = {}
        self._windows: dict[tuple[object, ...], Choice | None] = {}
        self._comma = tokenizer.readings(",")
        # words that stand beside a literal number in some phrase
        self._before_digits = {a for a, b in lexicon.follows if b[:1].isdigit()}
        self._after_digits = {b for a, b in lexicon.follows if a[:1].isdigit()}
        # a literal number that is a phrase by itself; a lone 2 is never taken for another number
        self._numbers_speak = any(
            key[:1].isdigit() and key != "2" and LEAF in below for key, below in lexicon.trie.items()
        )
        self._kinds: dict[Unit, int] = {unit: kind_of(unit) for unit in lexicon.units()}

    def match(self, line: str, unmarked: bool = False) -> Match:
        """Items covering all tokens of a line."""
        return self.join(self.parts(line, unmarked))

    def parts(self, line: str, unmarked: bool) -> list[Part]:
        """What stands between the commas of a line."""
        typed = line.split(", ")
        found = [self._part(part, unmarked) for part in typed]
        if len(found) > 1 and any(part.measures for part in found):
            # a number beside a ratio may be its value, and other digits would mean something else
            return [
                self._match(text, unmarked)._replace(digits=True) if _ANY_DIGIT.search(text) is not None else part
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

    def _part(self, part: str, unmarked: bool) -> Part:
        exact, blinds = self._parts[unmarked]
        found = exact.get(part)
        if found is not None:
            return found
        blind = without_digits(part)
        if blind != part:
            found = blinds.get(blind)
            if found is not None:
                return found
        found = self._match(part, unmarked)
        if self.remember:
            memo, key = (exact, part) if found.digits or blind == part else (blinds, blind)
            if len(memo) >= MAX_PARTS:
                memo.clear()
            memo[key] = found
        return found

    def _match(self, part: str, unmarked: bool) -> Part:
        tokens = self.tokenizer.readings(part)
        if "x" in part or "×" in part:
            tokens = self._without_times(tokens)
        items, doubt = self._walk(tokens, unmarked, None)
        joins: tuple[int, ...] = ()
        unknown = [item for item in items if item.kind == UNKNOWN]
        if unknown:
            wide: set[int] = set()
            for item in unknown:
                wide.update(range(item.first - 2, item.first + 3))
            rejoined, found = self._rejoined(tokens, unknown)
            again, doubt2 = self._walk(rejoined, unmarked, None if found else wide)
            if sum(item.kind == UNKNOWN for item in again) < len(unknown):
                items, tokens, doubt, joins = again, rejoined, doubt2, found
        for k, item in enumerate(items):
            if item.kind == SIGN and _only_weighs(item, items, k + 1):
                items[k] = item.as_kind(NEUTRAL)
        digits = _ANY_DIGIT.search(part) is not None and self._minds_digits(items, tokens)
        measures = any(item.unit is not None and item.unit.above is not None for item in items)
        return Part(items, tokens, doubt, digits, joins, measures, self._serial(items, doubt))

    def _serial(self, items: list[Item], doubt: bool) -> int:
        key = (doubt, *map(_part_played, items))
        serial = self._alike.get(key)
        if serial is None:
            if len(self._alike) >= MAX_PARTS:
                self._alike.clear()
            serial = self._alike[key] = next(self._serials)
        return serial

    def _without_times(self, tokens: list[Reading]) -> list[Reading]:
        """Tokens in which the x of "43 x 6 mm" is a sign and no abbreviation."""
        for i in range(1, len(tokens) - 1):
            if tokens[i].key in ("x", "×") and tokens[i - 1].number and tokens[i + 1].number:
                tokens[i] = _TIMES
        return tokens

    def _minds_digits(self, items: list[Item], tokens: list[Reading]) -> bool:
        """Whether other digits in a line could have meant something else: a ratio, "2 bên", "1/3", a category."""
        if self._numbers_speak or any(item.unit is not None and item.unit.above is not None for item in items):
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

    def _rejoined(self, tokens: list[Reading], unknown: list[Item]) -> tuple[list[Reading], tuple[int, ...]]:
        """Tokens with two neighbours put together where a syllable was split in two ("phổ i"), and where."""
        first = {item.first for item in unknown}
        out: list[Reading] = []
        joins: list[int] = []
        i = 0
        while i < len(tokens):
            if i + 1 < len(tokens) and (i in first or i + 1 in first):
                joined = self._joined(tokens[i], tokens[i + 1])
                if joined is not None:
                    out.append(joined)
                    joins.append(i)
                    i += 2
                    continue
            out.append(tokens[i])
            i += 1
        return out, tuple(joins)

    def _joined(self, a: Reading, b: Reading) -> Reading | None:
        if not (a.word and b.word) or a.number or b.number:
            return None
        read = self.speller.read(a.key + b.key)
        if len(read) != 1 or not any(c.cost == 0 and not c.context for c in read[0][2].candidates):
            return None
        candidates = tuple(Candidate(c.words, c.cost + LOST_MARKS) for c in read[0][2].candidates)
        return Reading(read[0][2].key, candidates, None)

    def _walk(self, tokens: list[Reading], unmarked: bool, wide: set[int] | None) -> tuple[list[Item], bool]:
        items: list[Item] = []
        doubt = False
        trie = self.trie
        kinds = self._kinds
        n = len(tokens)
        if not unmarked and wide is None:
            words = [reading.exact for reading in tokens]
            if None not in words:
                return self._walk_written(tokens, words), False
        i = 0
        while i < n:
            # the common case: at every word, one reading at most goes on, and goes on as it is written
            node: Node | None = trie
            j = i
            unit: Unit | None = None
            last = i
            while j < n:
                reading = tokens[j]
                plain = reading.plain
                if wide is not None and j in wide:
                    break
                if plain is not None:
                    below = node.get(plain)  # type: ignore[union-attr]
                else:
                    following = tokens[j + 1] if j + 1 < n else None
                    below = self._only(node, reading, following, unmarked)  # type: ignore[arg-type]
                    if below is _SEVERAL:
                        break
                if below is None:
                    node = None
                    break
                node = below
                j += 1
                found = node.get(LEAF)
                if found is not None:
                    unit, last = found, j
            else:
                node = None
            cost = 0.0
            others: tuple[Unit, ...] = ()
            guess = False
            if node is not None and j < n:
                chosen = self._chosen(tokens, i, unmarked, wide)
                if chosen is not None:
                    unit, length, cost, others, unsure, guess = chosen
                    last = i + length
                    doubt = doubt or unsure
            reading = tokens[i]
            if unit is not None and last - i > 1 and kinds[unit] in _MAY_YIELD and last < n:
                prefix = self._before_sign(tokens, i, last, kinds[unit] == SIGN)
                if prefix is not None:
                    unit, last, others, guess = prefix, last - 1, (), False
            if unit is not None:
                item = Item(i, last, kinds[unit], unit, cost, reading.key, others)
                item.guess = guess
                items.append(item)
                i = last
                continue
            if not reading.word:
                kind = PUNCT
            elif reading.number:
                kind = NUMBER
            else:
                kind = UNKNOWN
            if kind == UNKNOWN and items and items[-1].last == i and wide is None:
                shorter = self._shortened(tokens, items[-1], i)
                if shorter is not None:
                    items[-1] = shorter
                    i = shorter.last
                    continue
            items.append(Item(i, i + 1, kind, None, 0.0, reading.key))
            i += 1
        return items, doubt

    def _walk_written(self, tokens: list[Reading], words: list[str | None]) -> list[Item]:
        """The walk over a part in which every word is written as the vocabulary has it: none is taken for another."""
        items: list[Item] = []
        root = self.trie.get
        kinds = self._kinds
        n = len(words)
        i = 0
        while i < n:
            node: Node | None = root(words[i])  # type: ignore[arg-type]
            unit: Unit | None = None
            last = j = i + 1
            if node is not None:
                unit = node.get(LEAF)
                while j < n:
                    node = node.get(words[j])  # type: ignore[arg-type]
                    if node is None:
                        break
                    j += 1
                    found = node.get(LEAF)
                    if found is not None:
                        unit, last = found, j
            key = tokens[i].key
            if unit is not None:
                kind = kinds[unit]
                if last - i > 1 and last < n and kind in _MAY_YIELD:
                    prefix = self._before_sign(tokens, i, last, kind == SIGN)
                    if prefix is not None:
                        unit, last, kind = prefix, last - 1, kinds[prefix]
                items.append(Item(i, last, kind, unit, 0.0, key))
                i = last
                continue
            if tokens[i].word:
                shorter = self._shortened(tokens, items[-1], i) if items else None
                if shorter is not None:
                    items[-1] = shorter
                    i = shorter.last
                    continue
                items.append(Item(i, i + 1, UNKNOWN, None, 0.0, key))
            else:
                items.append(Item(i, i + 1, PUNCT, None, 0.0, key))
            i += 1
        return items

    def _only(self, node: Node, reading: Reading, following: Reading | None, unmarked: bool) -> Node | None:
        """The node below along the one reading that goes on; _SEVERAL if only a longer look can tell.

        A word as it is written wins over its repairs, unless one of those begins or continues a longer phrase.
        """
        exact: Node | None = None
        repairs: list[Node] = []
        for words, cost, _ in reading.ways:
            below: Node | None = node.get(words[0])
            if below is None:
                continue
            if cost:
                repairs.append(below)
            elif exact is not None or len(words) > 1:
                return _SEVERAL
            else:
                exact = below
        if not repairs:
            return exact
        if (
            exact is None
            or unmarked
            or (following is not None and any(_goes_on(below, following) for below in repairs))
        ):
            return _SEVERAL
        if LEAF not in exact and (following is None or not _goes_on(exact, following)):
            return _SEVERAL
        return exact

    def _before_sign(self, tokens: list[Reading], i: int, last: int, only_cue: bool) -> Unit | None:
        """What stands before the last word of a neutral phrase or a cue, when that word opens a longer sign.

        "không tăng" is neutral, but "không tăng đậm" is "không" and "tăng đậm"; "có hình số 3" is "có", "hình số 3".
        Of a sign (`only_cue`), only a cue may be left: "không sáng quá mức" denies "sáng quá mức".
        """
        if only_cue:
            cue = self.trie
            for reading in tokens[i : last - 1]:
                if reading.plain is None or reading.plain not in cue:
                    return None
                cue = cue[reading.plain]
            if LEAF not in cue or cue[LEAF].cue is None:
                return None
        following = tokens[last]
        tail, onward = tokens[last - 1].exact, following.exact
        if tail is not None and onward is not None and onward not in self.trie.get(tail, _NOWHERE):
            return None  # the common case, looked up directly
        below = (self.trie.get(words[0]) for words, _, _ in tokens[last - 1].ways)
        if not any(node is not None and _goes_on(node, following) for node in below):
            return None
        opens = self._options(tokens, last - 1, None)
        if not any(option[0] > last and self._kinds[option[2]] in (SIGN, STRUCTURE) for option in opens):
            return None
        heads = [o for o in self._options(tokens, i, None) if o[0] == last - 1]
        return min(heads, key=lambda o: o[1])[2] if heads else None

    def _shortened(self, tokens: list[Reading], item: Item, stuck: int) -> Item | None:
        """A shorter phrase in place of the last one, if the words it gives up begin one that explains the next word.

        "gãy xương đòn" is "gãy" and "xương đòn", although "gãy xương" is a phrase too.
        """
        for cut in range(item.last - 1, item.first, -1):
            heads = [o for o in self._options(tokens, item.first, None) if o[0] == cut]
            if heads and any(option[0] > stuck for option in self._options(tokens, cut, None)):
                _, cost, unit, _ = min(heads, key=lambda o: o[1])
                return Item(item.first, cut, self._kinds[unit], unit, cost, item.key)
        return None

    def _chosen(self, tokens: list[Reading], i: int, unmarked: bool, wide: set[int] | None) -> Choice | None:
        """The phrase at token i, remembered where it depends on no token further on: "(P)", "1/3"."""
        key = (unmarked, *tokens[i : i + WINDOW])
        if wide is None and key in self._windows:
            return self._windows[key]
        options, reach = self._reachable(tokens, i, wide)
        chosen = self._choose(options, i, unmarked) if options else None
        if wide is None and reach < i + WINDOW and self.remember:
            if len(self._windows) >= MAX_PARTS:
                self._windows.clear()
            self._windows[key] = chosen
        return chosen

    def _options(self, tokens: list[Reading], i: int, wide: set[int] | None) -> list[Option]:
        """All phrases that begin at token i, along any reading of the words."""
        return self._reachable(tokens, i, wide)[0]

    def _reachable(self, tokens: list[Reading], i: int, wide: set[int] | None) -> tuple[list[Option], int]:
        """All phrases that begin at token i, and the last token that was looked at for them (or the end)."""
        out: list[Option] = []
        stack: list[tuple[Node, int, float, float]] = [(self.trie, i, 0.0, 0.0)]
        reach = i
        while stack:
            node, j, cost, guesses = stack.pop()
            if j > reach:
                reach = j
            unit = node.get(LEAF)
            # a word taken for another one needs as many words beside it that stand as they are
            if unit is not None and j > i:
                backed = 2 * guesses <= j - i or (j - i == 1 and self._stands_alone(unit, cost))
                filler = j - i == 1 and cost > MAX_NEUTRAL_COST and self._kinds[unit] == NEUTRAL
                if backed and not filler:
                    out.append((j, cost, unit, WELL_BACKED * guesses > j - i))
            if j >= len(tokens):
                continue
            reading = tokens[j]
            ways = reading.ways
            if wide is not None and j in wide and reading.word and not reading.number:
                ways = ways_of(self.speller.widened(reading))
            for words, price, guess in ways:
                below: Node | None = node
                for word in words:
                    below = below.get(word)  # type: ignore[union-attr]
                    if below is None:
                        break
                if below is not None:
                    total = cost + price
                    if total <= MAX_COST:
                        stack.append((below, j + 1, total, guesses + guess))
        return out, reach

    def _stands_alone(self, unit: Unit, cost: float) -> bool:
        """Whether a real word may be taken for this one without a phrase to back it: never for neutral words."""
        kind = self._kinds[unit]
        if kind in (STRUCTURE, CUE, SIDE):
            return cost <= MAX_LONE_COST
        return kind == SIGN and cost <= MAX_NEUTRAL_COST

    def _choose(self, options: list[Option], first: int, unmarked: bool) -> Choice | None:
        longest = max(option[0] for option in options)
        best: dict[Unit, float] = {}
        guessed: dict[Unit, bool] = {}
        for end, cost, unit, guess in options:
            if end == longest and cost < best.get(unit, 9.0):
                best[unit], guessed[unit] = cost, guess
        if len(best) == 1:
            ((unit, cost),) = best.items()
            return unit, longest - first, cost, (), False, guessed[unit]

        def order(pair: tuple[Unit, float]) -> tuple[float, int, str]:
            unit, cost = pair
            lost = LOST_MARKS * (longest - first + 1)
            rank = _RANK.get(self._kinds[unit], 9)
            if unit.cue is not None and unit.cue.assertion not in ("absent", "uncertain", "present"):
                rank = _RANK[SIGN] + 1  # "tim" is the heart before it is "tím"
            return (0.0 if unmarked and cost <= lost else round(cost, 2), rank, unit.text)

        ranked = sorted(best.items(), key=order)
        unit, cost = ranked[0]
        near = tuple(u for u, c in ranked[1:] if c <= cost + 0.1)
        if (
            guessed[unit]
            and longest - first == 1
            and any(c <= cost + 0.05 and not _same(u, unit) for u, c in ranked[1:])
        ):
            return None  # taken for which other word, nobody can tell
        # Two readings equally near: unsure when one of them would say something else about a finding.
        unsure = cost > LOST_MARKS + 0.01 and any(
            c <= cost + 0.02
            and (self._kinds[u] in (SIGN, CUE) or self._kinds[unit] in (SIGN, CUE))
            and not _same(u, unit)
            for u, c in ranked[1:]
        )
        return unit, longest - first, cost, near, unsure, guessed[unit]


def without_digits(text: str) -> str:
    """The text with its digits 1, but for a leading 0 and a 2 alone: equal for texts that differ in numbers alone."""
    return _DIGIT.sub("1", text) if _ANY_DIGIT.search(text) is not None else text


def _goes_on(node: Node, following: Reading) -> bool:
    return any(words[0] in node for words, _, _ in following.ways)


def _only_weighs(item: Item, items: list[Item], after: int) -> bool:
    """Whether a sign that is a word of degree too ("hơi", slightly and air) weighs the finding named right after it."""
    if item.unit is None or item.unit.role != "degree" or after == len(items):
        return False
    weighed = items[after]
    return weighed.kind == SIGN and weighed.unit is not None and weighed.unit.says_finding


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


def _same(a: Unit, b: Unit) -> bool:
    """Whether two phrases say the same."""
    if a.cue is not None and b.cue is not None:
        return a.cue.assertion == b.cue.assertion and a.cue.scope == b.cue.scope
    if a.alone is not None and b.alone is not None:
        return a.alone.finding == b.alone.finding
    return False
