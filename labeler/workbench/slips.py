"""Misspellings in a corpus: typed words that the rules read, or could read, as a word they know.

The rules repair a word by its letters and its phrase.  A corpus knows more: beside which words the right word stands.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from rapidfuzz import process
from rapidfuzz.distance import OSA

from labeler.lexicon import Lexicon
from labeler.patterns import Words, word_key
from labeler.text import display, skeleton
from labeler.typing_slips import is_syllable
from labeler.workbench.residue import Residue, Slip, Times

BORNE_OUT = 0.5  # share of its occurrences in which the words beside a slip must speak for the reading
RARER = 0.5  # a misspelling is at most this share as frequent as the word itself
MET_OFTEN = 3  # times that a pair of words must have been met to speak for a reading


@dataclass(slots=True)
class Misspelling:
    """A typed word, what it is meant to be, how often it is met, and whether it is a possible word of its own."""

    typed: str
    meant: Words
    times: Times = field(default_factory=Times)

    @property
    def real(self) -> bool:
        """Whether the typed word could be another Vietnamese word."""
        return is_syllable(display(self.typed))


def misspellings(residue: Residue, lexicon: Lexicon, least: int) -> list[Misspelling]:
    """Misspellings met in at least `least` reports, heaviest first."""
    context = _Context(residue, lexicon)
    slips: dict[str, list[tuple[Slip, Times]]] = {}
    for line, times in residue.lines.items():
        for slip in line.slips:
            slips.setdefault(slip.typed, []).append((slip, times))
    out: list[Misspelling] = []
    for typed, met in slips.items():
        total = Times()
        for times in {id(times): times for _, times in met}.values():
            total.add(times.reports, times.review)
        if total.reports >= least:
            misspelling = Misspelling(typed, (), total)
            misspelling.meant = context.reading(misspelling, met)
            if misspelling.meant and misspelling.meant not in lexicon.abbreviations.get(typed, ()):  # said already
                out.append(misspelling)
    return sorted(out, key=lambda m: (-m.times.weight, m.typed))


class _Context:
    """How often words, and pairs of them, are met as they should be written."""

    def __init__(self, residue: Residue, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.words: Counter[str] = Counter()
        self.pairs: Counter[tuple[str, str]] = Counter()
        for line, times in residue.lines.items():
            self.words.update({word: times.reports for word in set(line.words) if word})
            self.pairs.update({(a, b): times.reports for a, b in set(pairwise(line.words)) if a and b})
        self._shown = [display(word) for word in self.words]
        self._bare = [skeleton(word) for word in self._shown]

    def reading(self, slip: Misspelling, met: list[tuple[Slip, Times]]) -> Words:
        """What most occurrences of a typed word speak for; () if there is no such word."""
        real = slip.real
        near = self._near(display(slip.typed), real)
        votes: Counter[Words] = Counter()
        for each, times in met:
            if each.settled and each.meant is not None:
                votes[each.meant] += times.reports
                continue
            for meant in dict.fromkeys((*near, *((each.meant,) if each.meant is not None else ()))):
                if self._borne_out(each, meant, real) or (meant == each.meant and not real):
                    votes[meant] += times.reports
        if not votes:
            return ()
        best, n = max(votes.items(), key=lambda vote: (vote[1], self.words[vote[0][0]], vote[0]))
        total = slip.times.reports
        rare = len(best) > 1 or total <= RARER * (self.words[best[0]] + total)
        return best if n >= BORNE_OUT * total and rare else ()

    def _near(self, typed: str, real: bool) -> list[Words]:
        """Words of the corpus one letter away; of what could be a word of its own, not with other marks as well."""
        found: dict[str, None] = {}
        letters = 1 if len(typed) > 2 else 0
        bare = (skeleton(typed), self._bare, 0 if real else letters)
        for text, choices, most in ((typed, self._shown, letters), bare):
            for _, _, at in process.extract_iter(text, choices, scorer=OSA.distance, score_cutoff=most):
                found[word_key(self._shown[at])] = None
        return [(word,) for word in found]

    def _borne_out(self, slip: Slip, meant: Words, real: bool) -> bool:
        """Whether the words beside a slip stand beside that word elsewhere: all of them if it could be another word."""
        beside = [(slip.before, meant[0])] if slip.before is not None else []
        beside += [(meant[-1], slip.after)] if slip.after is not None else []
        known = [self.pairs[pair] >= MET_OFTEN or pair in self.lexicon.follows for pair in beside]
        return bool(known) and (all(known) if real else any(known))
