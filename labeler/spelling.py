"""Reading single words: which words of the rule set's vocabulary a typed word can stand for, and at what cost.

A word that the vocabulary holds is itself.  Only others are repaired, by the ways in which Vietnamese is mistyped:
a lost, wrong or doubled mark, a Telex or VNI keystroke left in, letters doubled, lost, swapped or hit beside,
sounds written alike, and syllables run together.  Costs lie between 0 (as written) and 1 (not the same word); a
mention's score is 1 minus its costs.  Which of several candidates is meant, the phrase around the word decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from rapidfuzz.distance import OSA

from labeler.lexicon import Lexicon
from labeler.patterns import ANY_NUMBER, ANY_VERTEBRA, Words, word_key
from labeler.text import canonical, display, has_marks, skeleton
from labeler.typing_slips import (
    DOUBLED,
    HOI_NGA,
    JOINED,
    KEYSTROKE,
    LOST_MARKS,
    SLIP,
    SOUND,
    WRONG_MARKS,
    deletions,
    hoi_nga,
    is_syllable,
    mark_cost,
    slip_cost,
    sounds_like,
    undo_chat,
    undo_doubling,
    undo_telex,
    undo_vni,
)

MAX_CANDIDATES = 8
MAX_WORDS = 200_000  # distinct typed words remembered

_ROMAN = re.compile(r"(?=[ivx])x{0,2}(ix|iv|v?i{0,3})")
_VERTEBRA = re.compile(r"[cdtls]\d{1,2}")
_FOREIGN = re.compile("[fjwz]")  # letters of no Vietnamese syllable: another language, or keystrokes left in
_MIXED = re.compile(r"\d.*[^\W\d_]|[^\W\d_].*\d")
_LETTERS_DIGITS = re.compile(r"\d+|\D+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reading of a typed word: the words it may stand for and what that reading costs.

    `context` readings count only inside a longer phrase: the typed word may well be another real word.  `heard` ones
    sound as typed, so that a phrase around them leaves less doubt.
    """

    words: Words
    cost: float = 0.0
    context: bool = False
    heard: bool = False

    @property
    def guess(self) -> float:
        """How much of a guess a context reading is: half a phrase may differ in marks or sound, a third in letters."""
        if not self.context:
            return 0.0
        return 0.75 if self.heard else 1.0 if self.cost < SLIP else 1.5


Way = tuple[Words, float, float]  # words, cost, guess


def ways_of(candidates: tuple[Candidate, ...]) -> tuple[Way, ...]:
    """Candidates as the matcher walks them."""
    return tuple((c.words, c.cost, c.guess) for c in candidates)


class Reading:
    """A typed word: its key, its candidates (none: unknown), and whether it is a number.

    `plain` is the one word it stands for when there is no doubt at all, `exact` the one it stands for as it is written
    (marks may still have been lost); `mixed` tells letters and digits together.
    """

    __slots__ = ("key", "candidates", "plain", "exact", "number", "word", "ways", "mixed")

    def __init__(
        self, key: str, candidates: tuple[Candidate, ...], plain: str | None, number: bool = False, word: bool = True
    ) -> None:
        self.key, self.candidates, self.plain, self.number, self.word = key, candidates, plain, number, word
        self.ways = ways_of(candidates)
        written = [c.words for c in candidates if c.cost == 0]
        self.exact = written[0][0] if plain is None and not number and written == [(key,)] else plain
        self.mixed = not key.isalpha() and _MIXED.search(key) is not None


class Speller:
    """Readings of typed words against one lexicon, each distinct word analysed once."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.vocabulary = lexicon.vocabulary
        # other languages are typed without Telex or VNI, have other letters, and sound otherwise
        self._vietnamese = lexicon.rules.info.language.lower().partition("-")[0] == "vi"
        self._cache: dict[str, tuple[tuple[int, int, Reading], ...]] = {}
        self._wide: dict[str, tuple[Candidate, ...]] = {}
        # known words by their bare letters, and bare syllables by themselves and by what is left when a letter is
        # taken out: syllables one edit apart meet there
        self._by_skeleton: dict[str, list[str]] = {}
        for word in sorted(self.vocabulary):
            if word[0].isalpha() and word not in ("K", "M"):
                self._by_skeleton.setdefault(skeleton(word), []).append(word)
        # the letters of a word, and the words they are never repaired into
        self._barred: dict[str, set[str]] = {}
        for pair in lexicon.confusable:
            for word in pair:
                self._barred.setdefault(skeleton(word), set()).update(
                    other for other in pair if skeleton(other) != skeleton(word)
                )
        # short forms with marks, as they are typed without: "hong" for "hông", that is "không"
        self._shorts: dict[str, list[Words]] = {}
        for short, means in sorted(lexicon.abbreviations.items()):
            if has_marks(display(short)):
                self._shorts.setdefault(skeleton(short), []).extend(words for words in means if len(words) == 1)
        self._by_deletion: dict[str, list[str]] = {}
        for bare in self._by_skeleton:
            if len(bare) > 1:
                for left in deletions(bare):
                    self._by_deletion.setdefault(left, []).append(bare)

    def _one_edit(self, bare: str) -> list[str]:
        near = {known for left in deletions(bare) for known in self._by_deletion.get(left, ())}
        return [known for known in sorted(near) if OSA.distance(bare, known, score_cutoff=1) == 1]

    def read(self, chunk: str) -> tuple[tuple[int, int, Reading], ...]:
        """Pieces of a typed chunk of letters and digits: (start, end, reading) each."""
        found = self._cache.get(chunk)
        if found is None:
            if len(self._cache) >= MAX_WORDS:
                self._cache.clear()
            found = self._cache[chunk] = self._read(chunk)
        return found

    def _read(self, chunk: str) -> tuple[tuple[int, int, Reading], ...]:
        if chunk[0].isdigit():
            return ((0, len(chunk), _number(chunk)),)
        if not any(ch.isdigit() for ch in chunk):
            return self._letters(chunk, 0)
        key = chunk.lower()
        if key in self.vocabulary or key in self.lexicon.abbreviations:
            plain = key if key in self.vocabulary else None
            return ((0, len(chunk), Reading(key, self._exact(chunk, key), plain)),)
        if _VERTEBRA.fullmatch(key):
            either = (Candidate((ANY_VERTEBRA,)), Candidate((ANY_NUMBER,)))
            return ((0, len(chunk), Reading(key, either, None, number=True)),)
        decoded = undo_vni(chunk) if self._vietnamese else None
        if decoded is not None:
            candidates = self._known(decoded, KEYSTROKE)
            if candidates:
                return ((0, len(chunk), Reading(key, candidates, None)),)
        out: list[tuple[int, int, Reading]] = []
        for m in _LETTERS_DIGITS.finditer(chunk):
            if m.group().isdigit():
                out.append((m.start(), m.end(), _number(m.group())))
            else:
                out += self._letters(m.group(), m.start())
        return tuple(out)

    def _letters(self, word: str, at: int) -> tuple[tuple[int, int, Reading], ...]:
        key = word_key(word)
        candidates = self._exact(word, key)
        if not candidates:
            single = self._single(word) is not None or skeleton(word) in self._by_skeleton
            joined = None if single else self._split(word)
            if joined is not None:
                out = []
                start = 0
                for piece in joined:
                    found = self._exact(piece, word_key(piece))
                    out.append(
                        (at + start, at + start + len(piece), Reading(word_key(piece), _dearer(found, JOINED), None))
                    )
                    start += len(piece)
                return tuple(out)
            candidates = self._repairs(word, key)
        if not candidates and len(key) <= 4 and _ROMAN.fullmatch(key):
            return ((at, at + len(word), _number(word)),)
        plain = None
        if len(candidates) == 1 and candidates[0].cost == 0 and len(candidates[0].words) == 1:
            plain = candidates[0].words[0]
        return ((at, at + len(word), Reading(key, candidates, plain)),)

    def _exact(self, word: str, key: str) -> tuple[Candidate, ...]:
        """Readings that need no repair but lost marks: the word itself, abbreviations, the same letters with marks."""
        out: list[Candidate] = []
        if key in self.vocabulary:
            out.append(Candidate((key,)))
        for words in self.lexicon.abbreviations.get(key, ()):
            out.append(Candidate(words))
        if key in ("K", "M"):
            small = key.lower()
            if small in self.vocabulary:
                out.append(Candidate((small,), 0.01, context=True))
            for words in self.lexicon.abbreviations.get(small, ()):
                out.append(Candidate(words, 0.01, context=True))
        if not has_marks(word) and (len(word) > 1 or word in ("o", "u", "y")) and key not in self.lexicon.abbreviations:
            for known in self._by_skeleton.get(skeleton(word), ()):
                if known != key and has_marks(known):
                    out.append(Candidate((known,), LOST_MARKS))
            out += [Candidate(words, LOST_MARKS) for words in self._shorts.get(skeleton(word), ())]
        if len(key) <= 4 and _ROMAN.fullmatch(key):
            out.append(Candidate((ANY_NUMBER,)))
        return tuple(out[: MAX_CANDIDATES * 2])

    def _single(self, word: str) -> str | None:
        """The known word that is typed with a letter doubled: "khôông" is no "khô ông"."""
        collapsed = canonical(undo_doubling(word.lower()))
        return collapsed if len(collapsed) > 1 and collapsed in self.vocabulary else None

    def _known(self, decoded: str, cost: float) -> tuple[Candidate, ...]:
        """A word whose keystrokes were undone: itself if known, else the same letters with other marks."""
        key = canonical(decoded)
        if key in self.vocabulary:
            return (Candidate((key,), cost),)
        same = self._by_skeleton.get(skeleton(decoded), ())
        return tuple(Candidate((w,), cost + WRONG_MARKS, len(same) > 1) for w in same[:MAX_CANDIDATES])

    def _repairs(self, word: str, key: str) -> tuple[Candidate, ...]:
        out: dict[Words, Candidate] = {}

        def offer(candidate: Candidate) -> None:
            held = out.get(candidate.words)
            if held is None or candidate.cost < held.cost:
                out[candidate.words] = candidate

        real = is_syllable(word)
        decoded = undo_telex(word) if self._vietnamese else None
        if decoded is not None:
            for candidate in self._known(decoded, KEYSTROKE):
                offer(candidate)
            if out and all(not c.context for c in out.values()):
                return tuple(out.values())
        meant = undo_chat(word) if self._vietnamese else None
        if meant is not None:
            for candidate in self._known(meant, KEYSTROKE):
                offer(candidate)
        single = self._single(word)
        if single is not None:
            offer(Candidate((single,), DOUBLED))
        for base in dict.fromkeys((word, decoded or word)):
            for candidate in self._near(base, real):
                offer(candidate)
        if not out:
            return ()
        best = min(c.cost for c in out.values())
        kept = sorted((c for c in out.values() if c.cost <= best + 0.25), key=lambda c: c.cost)
        return tuple(kept[:MAX_CANDIDATES])

    def _near(self, word: str, real: bool) -> list[Candidate]:
        """Words one slip away.  A real syllable of another spelling counts only inside a phrase."""
        bare = skeleton(word)
        same = self._by_skeleton.get(bare, ())
        out = [
            Candidate((w,), HOI_NGA) if hoi_nga(word, w) else Candidate((w,), WRONG_MARKS + mark_cost(word, w), real)
            for w in same
        ]
        if len(bare) < 3:
            return out if len(bare) == 2 else []
        if self._vietnamese and _FOREIGN.search(bare):
            return out
        for near in self._one_edit(bare):
            cost = slip_cost(bare, near)
            for w in self._by_skeleton[near]:
                out.append(Candidate((w,), cost + mark_cost(word, w), real or len(near) < 3))
        for heard in sounds_like(word.lower()) if self._vietnamese else ():
            for w in self._by_skeleton.get(skeleton(heard), ()):
                marks = mark_cost(heard, w)
                out.append(Candidate((w,), SOUND + 2 * marks, real, heard=not marks))
        barred = self._barred.get(bare)
        return [c for c in out if c.words[0] not in barred] if barred else out

    def widened(self, reading: Reading) -> tuple[Candidate, ...]:
        """Candidates of a word that may be another real word by mistake: its own, and near ones inside a phrase."""
        found = self._wide.get(reading.key)
        if found is None:
            shown = display(reading.key)
            near = [c for c in self._near(shown, True) if c.words != (reading.key,)]
            have = {c.words for c in reading.candidates}
            near = sorted((c for c in near if c.words not in have), key=lambda c: c.cost)[: 3 * MAX_CANDIDATES]
            if len(self._wide) >= MAX_WORDS:
                self._wide.clear()
            found = self._wide[reading.key] = (*reading.candidates, *near)
        return found

    def _split(self, word: str) -> list[str] | None:
        """Two to four known syllables run together, if there is one way to part them that the phrases know."""
        if len(word) < 4 or len(word) > 28:
            return None
        ways = [way for way in self._ways(word, 4) if len(way) > 1]
        if not ways:
            return None

        def known(way: list[str]) -> int:
            options = [[c.words[0] for c in self._exact(p, word_key(p)) if len(c.words) == 1] for p in way]
            return sum(
                any((a, b) in self.lexicon.follows for a in left for b in right) for left, right in pairwise(options)
            )

        ways.sort(key=lambda way: (-(known(way) == len(way) - 1), len(way)))
        best = ways[0]
        if known(best) < len(best) - 1 and (
            not has_marks(word) or any(len(p) < 3 or word_key(p) not in self.vocabulary for p in best)
        ):
            return None  # "khoongthấy" is no "kho ong thấy"
        return best

    def _ways(self, word: str, pieces: int) -> list[list[str]]:
        out: list[list[str]] = []
        if self._piece(word):
            out.append([word])
        if pieces > 1:
            for cut in range(2, len(word) - 1):
                if self._piece(word[:cut]):
                    out += [[word[:cut], *rest] for rest in self._ways(word[cut:], pieces - 1)]
        return out

    def _piece(self, piece: str) -> bool:
        if len(piece) < 2 or len(piece) > 7:
            return False
        key = word_key(piece)
        short = self.lexicon.abbreviations.get(key, ())
        if key in self.vocabulary or (short and len(piece) >= 3 and piece.isupper()):
            return True
        if short and all(len(words) == 1 for words in short):
            return True  # another spelling of a word: "timko to"
        return len(piece) >= 3 and not has_marks(piece) and skeleton(piece) in self._by_skeleton


def _number(text: str) -> Reading:
    key = text.replace(",", ".").lower()
    return Reading(key, (Candidate((key,)), Candidate((ANY_NUMBER,))), None, number=True)


def _dearer(candidates: tuple[Candidate, ...], cost: float) -> tuple[Candidate, ...]:
    return tuple(Candidate(c.words, c.cost + cost, c.context) for c in candidates)
