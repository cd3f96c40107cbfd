"""The pattern language in which rule authors write phrases.

    màng phổi                 words, matched whatever their case, tone placement or slips
    (dày|dính) màng phổi      alternatives
    tràn dịch [khoang] màng phổi    an optional part
    xương sườn [số] <number>  any number or Roman numeral; <vertebra> is D8, T12, L1
    gãy <clavicle>            <id> is every phrase of that anatomy or word list
    "(-)"                     a token of signs, taken literally
    quai động mạch chủ ~ vồng    the sign right of ~ said of the structure left of it, in either order, across
                              sides, places, cues and lists: the words between need not be foreseen

A pattern stands for a finite set of word sequences; `expand` lists them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise, product

from labeler.text import canonical

Words = tuple[str, ...]
Around = tuple[str | None, str | None, str | None]  # the two words before one, and that after; None beyond the phrase

MAX_EXPANSIONS = 3000
ANY_NUMBER = "<number>"  # the word that every number can be read as
ANY_VERTEBRA = "<vertebra>"  # and D8, T12, L1
_TOKEN = re.compile(
    r"\s*(?:(?P<word>[^\W_]+(?:['’-](?=[^\W\d_])[^\W_]+)*)"
    r'|"(?P<quoted>[^"\s]+)"'
    r"|(?P<ref><[a-z][a-z0-9_]*>)"
    r"|(?P<op>[()\[\]|~/%?+&=<>.,:-]))"
)
_REFERENCE = re.compile(r"<([a-z][a-z0-9_]*)>")
_DECIMAL = re.compile(r"\d+(?:[.,]\d+)?")
_CHUNK = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d_]+(?:\d+[^\W_]*)?")


class PatternError(ValueError):
    """A pattern that cannot be read; `column` is its zero-based place in the pattern."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.column = column


def split_sign(pattern: str) -> tuple[str, str | None]:
    """Split "structure ~ sign" into its halves; (pattern, None) when it has no "~"."""
    left, tilde, right = pattern.partition("~")
    if not tilde:
        return pattern, None
    if "~" in right:
        raise PatternError('more than one "~": write one pattern per pair', pattern.index("~", len(left) + 1))
    if not left.strip() or not right.strip():
        raise PatternError('"~" needs a structure on its left and a sign on its right', len(left))
    return left, right


@dataclass(frozen=True, eq=False, slots=True)
class Expansion:
    """All word sequences that a pattern stands for, in canonical form, and what the vocabulary learns from them."""

    phrases: tuple[Words, ...]
    vocabulary: frozenset[str]
    follows: frozenset[tuple[str, str]]  # words side by side
    around_digits: frozenset[Around]  # of the literal numbers but for the 2 alone, which is never taken for another

    @classmethod
    @lru_cache(8192)  # of a rule set that is read again, most is as it was, and is told so by identity
    def of(cls, *phrases: Words) -> Expansion:
        """The expansion into these phrases."""
        vocabulary = frozenset(chain.from_iterable(phrases))
        follows = frozenset(chain.from_iterable(map(pairwise, phrases)))
        return cls(phrases, vocabulary, follows, frozenset(_around_digits(phrases, vocabulary)))


Resolve = Callable[[str], tuple[Expansion, ...] | None]


def expand(pattern: str, resolve: Resolve) -> Expansion:
    """What a pattern stands for.

    `resolve` gives the expansions behind <id>, or None for an unknown one.  Raises PatternError.
    """
    return _expanded(pattern, tuple((name, resolve(name)) for name in _REFERENCE.findall(pattern)))


@lru_cache(8192)  # a rule set that is read again has changed in a few patterns
def _expanded(pattern: str, resolved: tuple[tuple[str, tuple[Expansion, ...] | None], ...]) -> Expansion:
    parser = _Parser(pattern, dict(resolved))
    try:
        found = tuple(dict.fromkeys(parser.parse()))
    except RecursionError:
        raise PatternError("brackets nested too deeply: write several patterns", 0) from None
    if not found or not all(found):
        raise PatternError("the pattern can match nothing at all: at least one word must be required", 0)
    return Expansion.of(*found)


def _around_digits(phrases: tuple[Words, ...], vocabulary: frozenset[str]) -> Iterator[Around]:
    digits = {word for word in vocabulary if word[0].isdigit()}
    for phrase in phrases if digits else ():
        around = (None, None, *phrase, None)
        for i, word in enumerate(phrase):
            if word in digits and phrase != ("2",):
                yield around[i], around[i + 1], around[i + 3]


def words_of(text: str) -> Words:
    """Words of a literal phrase in canonical form, numbers as they stand."""
    out: list[str] = []
    for m in _CHUNK.finditer(text):
        out.append(word_key(m.group()))
    return tuple(out)


@lru_cache(1 << 16)
def word_key(word: str) -> str:
    """Canonical form of one word; a single capital K or M stays apart from k (không) and m (metre)."""
    if word in ("K", "M"):
        return word
    if _DECIMAL.fullmatch(word):
        return word.replace(",", ".")
    return canonical(word)


class _Parser:
    def __init__(self, pattern: str, resolved: dict[str, tuple[Expansion, ...] | None]) -> None:
        self.pattern = pattern
        self.resolved = resolved
        self.tokens: list[tuple[str, str, int]] = []
        at = 0
        end = len(pattern.rstrip())
        while at < end:
            m = _TOKEN.match(pattern, at)
            if m is not None and m.group("op") in (",", ";"):
                raise PatternError("a phrase never runs over a comma: write two, or put the words in one order", m.start("op"))
            if m is None:
                column = at + len(pattern[at:]) - len(pattern[at:].lstrip())
                raise PatternError(f"unexpected character {pattern[column]!r}", column)
            kind = str(m.lastgroup)
            self.tokens.append((kind, m.group(kind), m.start(kind)))
            at = m.end()
        self.i = 0

    def parse(self) -> Iterator[Words]:
        sets = self._alternatives()
        if self.i < len(self.tokens):
            _, text, column = self.tokens[self.i]
            raise PatternError(f"{text!r} without its opening bracket", column)
        return iter(sets)

    def _alternatives(self) -> list[Words]:
        out = self._sequence()
        while self._peek() == "|":
            self.i += 1
            out = out + self._sequence()
        return out

    def _peek(self) -> str | None:
        if self.i < len(self.tokens) and self.tokens[self.i][0] == "op":
            return self.tokens[self.i][1]
        return None

    def _sequence(self) -> list[Words]:
        parts: list[list[Words]] = []
        size = 1
        while self.i < len(self.tokens):
            kind, text, column = self.tokens[self.i]
            if kind == "op" and text in "|)]":
                break
            self.i += 1
            if kind == "word":
                parts.append([words_of(text)])
            elif kind == "quoted":
                parts.append([(text,)])
            elif kind == "ref":
                name = text[1:-1]
                parts.append([(text,)] if text in (ANY_NUMBER, ANY_VERTEBRA) else self._named(name, column))
            elif text == "(":
                parts.append(self._bracket(")", column))
            elif text == "[":
                parts.append([(), *self._bracket("]", column)])
            elif text == "~":
                raise PatternError('"~" cannot stand inside brackets', column)
            else:
                parts.append([(text,)])
            size *= len(parts[-1])
            if size > MAX_EXPANSIONS:
                raise PatternError(f"the pattern stands for more than {MAX_EXPANSIONS} phrases: split it", column)
        return [tuple(chain.from_iterable(choice)) for choice in product(*parts)]

    def _named(self, name: str, column: int) -> list[Words]:
        expansions = self.resolved[name]
        if expansions is None:
            raise PatternError(f"unknown name <{name}>", column)
        return [phrase for expansion in expansions for phrase in expansion.phrases]

    def _bracket(self, closing: str, column: int) -> list[Words]:
        inner = self._alternatives()
        if self._peek() != closing:
            raise PatternError(f"{closing!r} is missing for the bracket opened here", column)
        self.i += 1
        return inner
