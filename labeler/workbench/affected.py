"""Which lines a change of the rules can touch, so that a saved file costs no more than what it changes.

A line is read by walking the trie of phrases along the words that its own words can stand for.  It can come out
otherwise only if some phrase that changed, or the beginning of one, is made of words that the line's words can stand
for; `Typed.near` says more of them than the labeler would, never fewer.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable
from itertools import chain, pairwise
from typing import TYPE_CHECKING

from labeler.lexicon import Lexicon
from labeler.patterns import ANY_NUMBER, ANY_VERTEBRA, Words, word_key
from labeler.text import normalize, skeleton
from labeler.typing_slips import deletions, sounds_like, undo_doubling, undo_telex, undo_vni

if TYPE_CHECKING:
    from labeler.labeler import Labeler

TOLD_BY = 3  # words of a phrase by which lines that may hold it are found
_TYPED = re.compile(r"[^\W_]+")
_LETTERS = re.compile(r"[^\W\d_]+")


class Typed:
    """The words of some lines as they are typed, each with the lines that hold it, and the pairs that stand together."""

    def __init__(self, lines: Collection[str]) -> None:
        self.lines = tuple(lines)
        self._plain = [normalize(line).text for line in self.lines]
        self._of: dict[str, set[int]] = {}
        self._pairs: dict[str, dict[str, set[int]]] = {}
        for i, line in enumerate(self._plain):
            words = [sys.intern(word) for word in _TYPED.findall(line)]
            for word in set(words):
                self._of.setdefault(word, set()).add(i)
            # a syllable split in two lies between
            for a, b in {*pairwise(words), *zip(words, words[2:], strict=False)}:
                self._pairs.setdefault(a, {}).setdefault(b, set()).add(i)
        self._bare: dict[str, set[str]] = {}  # by what a typed word may be without its marks and slips
        self._by_deletion: dict[str, set[str]] = {}
        for word in self._of:
            for bare in _bare_forms(word):
                if bare not in self._bare:
                    for left in deletions(bare):
                        self._by_deletion.setdefault(left, set()).add(bare)
                self._bare.setdefault(bare, set()).add(word)
        self._near: dict[str, frozenset[str]] = {}

    def beside(self, a: str, b: str) -> set[int]:
        """Lines in which two words could meet where lines were joined, or run together."""
        whole = skeleton(a) + skeleton(b)
        joined = {typed for form in self._bare if whole in form for typed in self._bare[form]}
        return (self.holding(self._exactly(a)) & self.holding(self._exactly(b))) | self.holding(joined)

    def near(self, word: str) -> frozenset[str]:
        """Typed words that can stand for a word of the vocabulary: as they are, misspelt, joined or split."""
        found = self._near.get(word)
        if found is None:
            found = self._near[word] = self._spelt(word)
        return found

    def meeting(self, first: Iterable[str], second: frozenset[str]) -> set[int]:
        """Lines in which some typed word of the one kind stands beside one of the other."""
        out: set[int] = set()
        for a in first:
            after = self._pairs.get(a, {})
            for b in second & after.keys():
                out |= after[b]
        return out

    def holding(self, words: Iterable[str]) -> set[int]:
        """Lines in which some of these typed words stand."""
        return set().union(*(self._of[word] for word in words))

    def holding_signs(self, signs: Iterable[str]) -> set[int]:
        """Lines in which all of these signs stand."""
        return {i for i, line in enumerate(self._plain) if all(sign in line for sign in signs)}

    def _exactly(self, word: str) -> set[str]:
        return {typed for typed in self._bare.get(skeleton(word), ()) if word_key(typed) == word}

    def _spelt(self, word: str) -> frozenset[str]:
        bare = skeleton(word)
        forms = {known for left in deletions(bare) for known in self._by_deletion.get(left, ())}
        forms |= sounds_like(bare) & self._bare.keys()
        for form in self._bare:
            run_together = bare in form and len(form) > len(bare) + 1
            split_in_two = bare.startswith(form) and bare[len(form) :] in self._bare
            if run_together or split_in_two or (bare.endswith(form) and bare[: -len(form)] in self._bare):
                forms.add(form)
        return frozenset(typed for form in forms for typed in self._bare[form])


def _bare_forms(typed: str) -> set[str]:
    """What a typed word may be without marks: as it stands, keystrokes undone, doubled letters single, pieces apart."""
    forms = {typed, *_LETTERS.findall(typed)}
    forms |= {found for word in list(forms) for found in (undo_telex(word), undo_vni(word)) if found}
    forms |= {undo_doubling(word) for word in list(forms)}
    return {skeleton(word_key(word)) for word in forms}


class _Search:
    """Lines that words of the vocabulary may stand for, the abbreviations of two lexicons included."""

    def __init__(self, typed: Typed, lexicons: tuple[Lexicon, Lexicon]) -> None:
        self.typed = typed
        self._shorts: dict[str, set[str]] = {}
        for lexicon in lexicons:
            for short, means in lexicon.abbreviations.items():
                for word in chain.from_iterable(means):
                    self._shorts.setdefault(word, set()).add(short)
        self._found: dict[str, tuple[frozenset[str], set[int]]] = {}

    def along(self, path: Words) -> set[int]:
        """Lines in which words could stand for the words of a phrase, the first two side by side."""
        found = [self._word(word) for word in path if word[:1].isalpha()]
        if len(found) < len(path):  # numbers and signs: wherever the letters are
            signs = [w for w in path if not w[:1].isalnum() and w not in (ANY_NUMBER, ANY_VERTEBRA)]
            return self.typed.holding_signs(signs).intersection(*(lines for _, lines in found))
        if len(path) == 1:
            return found[0][1]
        (a, _), (b, _), *rest = found
        out = self.typed.holding(a & b) | self.typed.meeting(a, b)  # an abbreviation, or run together; or apart
        return out.intersection(*(lines for _, lines in rest))

    def _word(self, word: str) -> tuple[frozenset[str], set[int]]:
        found = self._found.get(word)
        if found is None:
            near = self.typed.near(word).union(*map(self.typed.near, self._shorts.get(word, ())))
            found = self._found[word] = near, self.typed.holding(near)
        return found


def affected(typed: Typed, old: Labeler, new: Labeler) -> set[str]:
    """Lines that two labelers may read otherwise, the new one made out of the old."""
    a, b = old.lexicon, new.lexicon
    if not _same_frame(old, new):
        return set(typed.lines)
    paths = _changed_paths(a, b)
    paths |= {(word,) for word in a.vocabulary ^ b.vocabulary}
    paths |= {(line.split(" ", 1)[0],) for line in old.templates.lines ^ new.templates.lines}
    shorts = a.abbreviations.keys() | b.abbreviations.keys()
    paths |= {(short,) for short in shorts if a.abbreviations.get(short) != b.abbreviations.get(short)}
    out: set[int] = set()
    search = _Search(typed, (a, b))
    for path in {path[:TOLD_BY] for path in paths}:
        out |= search.along(path)
        if 2 * len(out) > len(typed.lines):  # looking for more would cost more than it saves
            return set(typed.lines)
    for pair in a.follows ^ b.follows:
        out |= typed.beside(*pair)
    return {typed.lines[i] for i in out}


def _same_frame(old: Labeler, new: Labeler) -> bool:
    """Whether what every line depends on is the same: language, regions, the tree of structures, what is never confused."""
    mine, yours = old.lexicon.structures, new.lexicon.structures
    return (
        old.rules.info.language == new.rules.info.language
        and old.rules.regions == new.rules.regions
        and old.lexicon.confusable == new.lexicon.confusable
        and old.parts.digits_in_templates == new.parts.digits_in_templates
        and all(
            (mine[name].region, mine[name].lineage) == (yours[name].region, yours[name].lineage)
            for name in mine.keys() & yours.keys()
        )
    )


def _changed_paths(a: Lexicon, b: Lexicon) -> set[Words]:
    """Phrases that mean something else in the one than in the other, each as far as both tries still agree, and a word."""
    mine, yours = a.by_words, b.by_words
    changed = [words for words, unit in yours.items() if mine.get(words) is not unit]
    changed += mine.keys() - yours.keys()
    return {next((w[:n] for n in range(1, len(w)) if a.opens(w[:n]) != b.opens(w[:n])), w) for w in changed}
