"""Syllables, numbers and signs with exact offsets: the units in which everything else is matched.

Vietnamese is written syllable by syllable; matching on words of a segmenter would lose two phrases in three, so
words are a layer on top (`labeler.words`).  What a token can stand for is read by `labeler.spelling`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from labeler.spelling import Candidate, Reading, Speller

_CHUNK = re.compile(
    r"\([-+?±]\)"  # a result in brackets is one sign
    r"|\d{1,2}[/.-]\d{1,2}[/.-](?:\d{4}|\d{2})(?![\d/])"  # a date is one number
    r"|\d+(?:[.,]\d+)?"
    r"|[^\W\d_][^\W_]*(?:'(?=[^\W\d_])[^\W_]+)*"
    r"|[^\w\s]|_"
)


class Token(NamedTuple):
    """A token of a normalised text: its span there and how it reads."""

    start: int
    end: int
    reading: Reading


class Tokenizer:
    """Splits normalised text into tokens; non-destructive: what lies between tokens is white space."""

    def __init__(self, speller: Speller) -> None:
        self.speller = speller
        self._signs: dict[str, Reading] = {}

    def tokenize(self, text: str) -> list[Token]:
        """All tokens in order."""
        out: list[Token] = []
        read = self.speller.read
        for m in _CHUNK.finditer(text):
            chunk = m.group()
            at = m.start()
            if chunk[0].isalnum():
                for start, end, reading in read(chunk):
                    out.append(Token(at + start, at + end, reading))
            else:
                sign = self._signs.get(chunk)
                if sign is None:
                    sign = self._signs[chunk] = Reading(chunk, (Candidate((chunk,)),), chunk, word=False)
                out.append(Token(at, m.end(), sign))
        return out


def matchable(text: str, tokens: list[Token]) -> list[Token]:
    """Tokens that take part in matching: all but hyphens and points inside a word ("X-quang", "p.quản")."""
    if "-" not in text and "." not in text:
        return tokens
    out: list[Token] = []
    last = len(tokens) - 1
    for i, token in enumerate(tokens):
        key = token.reading.key
        if (key == "-" or key == ".") and 0 < i < last:
            before, after = tokens[i - 1], tokens[i + 1]
            if before.end == token.start and after.start == token.end and before.reading.word and after.reading.word:
                if key == "-" and not (before.reading.number and after.reading.number):
                    continue
                short = before.end - before.start <= 2 and not before.reading.number
                if key == "." and short and (text[after.start].islower() or before.end - before.start == 1):
                    continue
        out.append(token)
    return out
