"""Syllables, numbers and signs with exact offsets: the units in which everything else is matched.

Vietnamese is written syllable by syllable; matching on words of a segmenter would lose two phrases in three, so
words are a layer on top (`labeler.words`).  What a token can stand for is read by `labeler.spelling`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from labeler.spelling import Candidate, Reading, Speller

_CHUNK = re.compile(
    r"\([-+?±]\)"  # a result in brackets is one sign
    r"|\d{1,2}[/.-]\d{1,2}[/.-](?:\d{4}|\d{2})(?![\d/])"  # a date is one number
    r"|\d+(?:[.,]\d+)?"
    r"|[-=]>(?!\s*\d)"  # an arrow
    r"|[^\W\d_][^\W_]*"
    r"|[^\w\s]|_"
)

Token = tuple[int, int, Reading]  # start and end in the normalised text, and how it reads
MAX_CHUNKS = 200_000


class Tokenizer:
    """Splits normalised text into tokens; non-destructive: what lies between tokens is white space.

    Everything between two blanks is analysed once per distinct string.
    """

    def __init__(self, speller: Speller) -> None:
        self.speller = speller
        self._signs: dict[str, Reading] = {}
        self._chunks: dict[str, tuple[tuple[Reading, ...], tuple[tuple[int, int], ...]]] = {}

    def learn(self, words: Iterable[str]) -> None:
        """Read words ahead, as they are and as sentences begin with them."""
        for word in words:
            for chunk in (word, word.capitalize()):
                readings, spans = self._chunk(chunk)
                if len(readings) == 1:
                    length = len(chunk)
                    for end in (",", "."):
                        self._chunks[chunk + end] = (*readings, self._sign(end)), (*spans, (length, length + 1))

    def tokenize(self, text: str) -> list[Token]:
        """All tokens in order."""
        out: list[Token] = []
        read = self.speller.read
        for m in _CHUNK.finditer(text):
            chunk = m.group()
            at = m.start()
            if chunk[0].isalnum():
                out += [(at + start, at + end, reading) for start, end, reading in read(chunk)]
            else:
                out.append((at, m.end(), self._sign(chunk)))
        return out

    def readings(self, text: str) -> list[Reading]:
        """How the tokens that take part in matching read: all but hyphens and points inside a word ("X-quang")."""
        out: list[Reading] = []
        chunks = self._chunks
        for chunk in text.split(" "):
            found = chunks.get(chunk)
            if found is None:
                found = self._chunk(chunk)
            out += found[0]
        return out

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where the tokens of `readings` stand."""
        out: list[tuple[int, int]] = []
        at = 0
        for chunk in text.split(" "):
            _, spans = self._chunks.get(chunk) or self._chunk(chunk)
            out += [(at + start, at + end) for start, end in spans]
            at += len(chunk) + 1
        return out

    def _chunk(self, chunk: str) -> tuple[tuple[Reading, ...], tuple[tuple[int, int], ...]]:
        tokens = _without_glue(chunk, self.tokenize(chunk))
        if len(self._chunks) >= MAX_CHUNKS:
            self._chunks.clear()
        found = tuple(reading for _, _, reading in tokens), tuple((start, end) for start, end, _ in tokens)
        self._chunks[chunk] = found
        return found

    def _sign(self, chunk: str) -> Reading:
        sign = self._signs.get(chunk)
        if sign is None:
            sign = self._signs[chunk] = Reading(chunk, (Candidate((chunk,)),), chunk, word=False)
        return sign


def _without_glue(text: str, tokens: list[Token]) -> tuple[Token, ...]:
    if len(tokens) < 3:
        return tuple(tokens)
    out: list[Token] = []
    last = len(tokens) - 1
    for i, token in enumerate(tokens):
        start, end, reading = token
        if reading.key in "-.'" and 0 < i < last:
            before, after = tokens[i - 1], tokens[i + 1]
            if before[1] == start and after[0] == end and before[2].word and after[2].word:
                if reading.key == "'" or (reading.key == "-" and not (before[2].number and after[2].number)):
                    continue
                length = before[1] - before[0]
                if (
                    reading.key == "."
                    and length <= 2
                    and not before[2].number
                    and (text[after[0]].islower() or length == 1)
                ):
                    continue
        out.append(token)
    return tuple(out)
