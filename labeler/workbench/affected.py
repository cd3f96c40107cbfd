"""Which texts a change of the rules can touch, so that a saved file costs no more than what it changes.

A text is read by walking the trie of phrases along the words that its own words can stand for.  It can come out
otherwise only if some phrase that changed, or the beginning of one, is made of words that the text's words can stand
for; `Typed.near` says more of them than the labeler would, never fewer.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from labeler.compiler import template_key
from labeler.lexicon import Lexicon
from labeler.patterns import ANY_NUMBER, ANY_VERTEBRA, Words, word_key
from labeler.text import normalize, skeleton
from labeler.typing_slips import deletions, sounds_like, undo_doubling, undo_telex, undo_vni

if TYPE_CHECKING:
    from labeler.labeler import Labeler

MANY = 300  # changed phrases beyond which everything counts as touched
_TYPED = re.compile(r"[^\W_]+")
_LETTERS = re.compile(r"[^\W\d_]+")


class Typed:
    """The words of some texts as they are typed, each with the texts that hold it, and the pairs that stand together."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.size = len(texts)
        self._plain = [normalize(text).text for text in texts]
        self._templates: dict[str, set[int]] = {}
        self._of: dict[str, set[int]] = {}
        self._pairs: dict[str, dict[str, set[int]]] = {}
        for i, text in enumerate(self._plain):
            words = [sys.intern(word) for word in _TYPED.findall(text)]
            for word in set(words):
                self._of.setdefault(word, set()).add(i)
            # a syllable split in two lies between
            for a, b in {*pairwise(words), *zip(words, words[2:], strict=False)}:
                self._pairs.setdefault(a, {}).setdefault(b, set()).add(i)
            self._templates.setdefault(template_key(text), set()).add(i)
        self._bare: dict[str, set[str]] = {}  # by what a typed word may be without its marks and slips
        self._by_deletion: dict[str, set[str]] = {}
        for word in self._of:
            for bare in _bare_forms(word):
                if bare not in self._bare:
                    for left in deletions(bare):
                        self._by_deletion.setdefault(left, set()).add(bare)
                self._bare.setdefault(bare, set()).add(word)
        self._near: dict[str, frozenset[str]] = {}

    def as_template(self, key: str) -> set[int]:
        """Texts that equal a template."""
        return self._templates.get(key, set())

    def along(self, path: Words, lexicons: tuple[Lexicon, Lexicon]) -> set[int]:
        """Texts in which words could stand for the words of a phrase, the first two side by side."""
        if not all(word[:1].isalpha() for word in path):  # numbers and signs: wherever the letters are
            rest = [self.near(word, lexicons) for word in path if word[:1].isalpha()]
            signs = [w for w in path if not w[:1].isalnum() and w not in (ANY_NUMBER, ANY_VERTEBRA)]
            found = {i for i, text in enumerate(self._plain) if all(sign in text for sign in signs)}
            return found.intersection(*map(self._texts, rest))
        near = [self.near(word, lexicons) for word in path]
        if len(path) == 1:
            return self._texts(near[0])
        out = self._texts(near[0] & near[1])  # an abbreviation, or run together
        for a in near[0]:
            after = self._pairs.get(a, {})
            for b in near[1] & after.keys():
                out |= after[b]
        return out.intersection(*map(self._texts, near[2:]))

    def beside(self, a: str, b: str) -> set[int]:
        """Texts in which two words could meet over a line break, or run together."""
        whole = skeleton(a) + skeleton(b)
        joined = {typed for form in self._bare if whole in form for typed in self._bare[form]}
        return (self._texts(self._exactly(a)) & self._texts(self._exactly(b))) | self._texts(joined)

    def near(self, word: str, lexicons: tuple[Lexicon, Lexicon] | tuple[()] = ()) -> frozenset[str]:
        """Typed words that can stand for a word of the vocabulary: as they are, misspelt, joined, split or abridged."""
        found = self._near.get(word)
        if found is None:
            found = self._near[word] = self._spelt(word)
        shorts = {short for lexicon in lexicons for short in lexicon.shorts_of(word)}
        return found.union(*(self.near(short) for short in shorts))

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

    def _texts(self, words: Iterable[str]) -> set[int]:
        return set().union(*(self._of[word] for word in words))


def _bare_forms(typed: str) -> set[str]:
    """What a typed word may be without marks: as it stands, keystrokes undone, doubled letters single, pieces apart."""
    forms = {typed, *_LETTERS.findall(typed)}
    forms |= {found for word in list(forms) for found in (undo_telex(word), undo_vni(word)) if found}
    forms |= {undo_doubling(word) for word in list(forms)}
    return {skeleton(word_key(word)) for word in forms}


def affected(typed: Typed, old: Labeler, new: Labeler) -> set[int]:
    """Indexes of the texts whose labels may differ between two rule sets, the new one compiled out of the old."""
    everything = set(range(typed.size))
    a, b = old.lexicon, new.lexicon
    if not _same_frame(old, new):
        return everything
    paths = _changed_paths(a, b)
    paths |= {(word,) for word in (a.vocabulary ^ b.vocabulary) | (old.splitter.openers ^ new.splitter.openers)}
    if len(paths) > MANY:
        return everything
    out: set[int] = set()
    for path in paths:
        out |= typed.along(path, (a, b))
    for pair in a.follows ^ b.follows:
        out |= typed.beside(*pair)
    for key in a.templates.keys() ^ b.templates.keys():
        out |= typed.as_template(key)
    for short in a.abbreviations.keys() | b.abbreviations.keys():
        if a.abbreviations.get(short) != b.abbreviations.get(short):
            out |= typed.along((short,), (a, b))
    return out


def _same_frame(old: Labeler, new: Labeler) -> bool:
    """Whether what every text depends on is the same: language, regions, the tree of structures, what is never confused."""
    mine, yours = old.lexicon.structures, new.lexicon.structures
    return (
        old.rules.info.language == new.rules.info.language
        and old.rules.regions == new.rules.regions
        and old.lexicon.confusable == new.lexicon.confusable
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
