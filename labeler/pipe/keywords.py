"""Phrases of the rule set in a line, exact or misspelt, longest first.

Each token offers the words it may stand for; the trie is walked along all of them at once, so that the phrase
decides which reading is meant ("dichj" after "tràn" is "dịch").  Words still unknown get a second look, in which
neighbouring words may be wrong as well, provided that a longer phrase comes out.
"""

from __future__ import annotations

from labeler.lexicon import LEAF, Lexicon, Node
from labeler.meanings import Unit
from labeler.pipe.items import (
    AMOUNT,
    CONJUNCTION,
    CUE,
    HEADING,
    LOCATIVE,
    NEUTRAL,
    NUMBER,
    PUNCT,
    SIDE,
    SIGN,
    STRUCTURE,
    UNKNOWN,
    Item,
    kind_of,
)
from labeler.pipe.tokenizer import Tokenizer
from labeler.spelling import Candidate, Reading, ways_of
from labeler.typing_slips import LOST_MARKS

Option = tuple[int, float, Unit, bool]  # end, cost, phrase, and whether a real word was taken for another
# phrase, its length in tokens, cost, other readings as near, whether there is doubt, and whether a word was guessed
Choice = tuple[Unit, int, float, tuple[Unit, ...], bool, bool]

# Which reading of an unmarked word wins when the phrase around it does not decide.
_RANK = {CUE: 0, HEADING: 1, SIDE: 2, STRUCTURE: 3, SIGN: 4, CONJUNCTION: 5, AMOUNT: 6, LOCATIVE: 6, NEUTRAL: 7}

MAX_WINDOWS = 200_000  # beginnings of phrases remembered
WINDOW = 3  # tokens from which the phrase at the first is remembered, where it depends on no more

_TIMES = Reading("x", (), None, number=True)
_SEVERAL: Node = {}
_NOWHERE: Node = {}
_MAY_YIELD = frozenset({NEUTRAL, CUE, SIGN})  # kinds that give their last word up to a longer sign
MAX_COST = 0.6  # of all repairs in a phrase
MAX_LONE_COST = 0.3  # of taking one real word for another without a phrase around it
WELL_BACKED = 5  # words of a phrase per word taken for another, for the phrase to leave no doubt
MAX_NEUTRAL_COST = 0.2  # of reading one unknown word as neutral vocabulary, which explains it away


class _Kinds(dict[Unit, int]):
    """Kinds of the units met so far."""

    def __missing__(self, unit: Unit) -> int:
        kind = self[unit] = kind_of(unit)
        return kind


class Matcher:
    """Finds the units of a lexicon in what stands between two commas, over which no phrase runs."""

    def __init__(self, lexicon: Lexicon, tokenizer: Tokenizer, remember: bool = True) -> None:
        self.trie: Node = lexicon.trie
        self.tokenizer = tokenizer
        self.speller = tokenizer.speller
        self.remember = remember
        self._windows: dict[tuple[object, ...], Choice | None] = {}
        self._kinds = _Kinds()

    def search(self, part: str, unmarked: bool) -> tuple[list[Item], list[Reading], bool, tuple[int, ...]]:
        """Items covering all tokens of a part of a line, and these tokens.

        Also whether some repair was not unique, and which tokens were put together with their right neighbour.
        """
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
        return items, tokens, doubt, joins

    def _without_times(self, tokens: list[Reading]) -> list[Reading]:
        """Tokens in which the x of "43 x 6 mm" is a sign and no abbreviation."""
        for i in range(1, len(tokens) - 1):
            if tokens[i].key in ("x", "×") and tokens[i - 1].number and tokens[i + 1].number:
                tokens[i] = _TIMES
        return tokens

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
                if prefix is None and kinds[unit] == SIGN and items and last - i == 2:
                    prefix = self._said_of_last(tokens, items, i)
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
                    if prefix is None and kind == SIGN and items and last - i == 2:
                        prefix = self._said_of_last(tokens, items, i)
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

    def _said_of_last(self, tokens: list[Reading], items: list[Item], i: int) -> Unit | None:
        """The first of two words, where each has its own structure: "rốn phổi to tim không to" has no "to tim"."""
        place = next((item for item in reversed(items) if item.kind not in (SIDE, CUE)), None)
        if place is None or place.unit is None or place.unit.structure is None:
            return None
        said = (o[2] for o in self._options(tokens, i, None) if o[0] == i + 1 and self._kinds[o[2]] == SIGN)
        sign = next((unit for unit in said if unit.sense_for(place.unit.structure) is not None), None)
        if sign is None or all(self._kinds[o[2]] != STRUCTURE for o in self._options(tokens, i + 1, None)):
            return None
        following = [o[2] for o in self._options(tokens, i + 2, None)]
        own = any(self._kinds[u] == SIGN or (u.cue is not None and u.cue.scope == "next") for u in following)
        return sign if own else None

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
        cues = [o for o in options if o[0] == i + 1 and not o[1] and o[2].cue and o[2].cue.assertion == "uncertain"]
        if cues and len(options) > len(cues) and any(len(words) > 1 for words, _, _ in tokens[i].ways):
            behind, farther = self._reachable(tokens, i + 1, wide)
            reach = max(reach, farther)
            longest = max(o[0] for o in options)
            if any(o[0] > longest and o[2].says_finding for o in behind):
                options = cues  # "TD tràn khí dưới da" suspects "tràn khí dưới da", it is no "tràn dịch tràn khí"
        chosen = self._choose(options, i, unmarked) if options else None
        if wide is None and reach < i + WINDOW and self.remember:
            if len(self._windows) >= MAX_WINDOWS:
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
        fillers = [o[2] for o in options if o[0] == longest and o[1] and self._kinds[o[2]] == NEUTRAL]
        if not unmarked and len(fillers) == sum(o[0] == longest for o in options):
            signs = [o for o in options if not o[1] and self._kinds[o[2]] == SIGN]
            signs = [o for o in signs if all(unit.words[: len(o[2].words)] != o[2].words for unit in fillers)]
            if signs:  # "hay hang không có dịch" names a cavity, and no flight ("hàng không")
                options, longest = signs, max(option[0] for option in signs)
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


def _goes_on(node: Node, following: Reading) -> bool:
    return any(words[0] in node for words, _, _ in following.ways)


def _only_weighs(item: Item, items: list[Item], after: int) -> bool:
    """Whether a sign that is a word of degree too ("hơi", slightly and air) weighs the finding named right after it."""
    if item.unit is None or item.unit.role != "degree" or after == len(items):
        return False
    weighed = items[after]
    return weighed.kind == SIGN and weighed.unit is not None and weighed.unit.says_finding


def _same(a: Unit, b: Unit) -> bool:
    """Whether two phrases say the same."""
    if a.cue is not None and b.cue is not None:
        return a.cue.assertion == b.cue.assertion and a.cue.scope == b.cue.scope
    if a.alone is not None and b.alone is not None:
        return a.alone.finding == b.alone.finding
    return False
