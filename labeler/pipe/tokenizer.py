"""Syllables, numbers and signs with exact offsets: the units in which everything else is matched.

Vietnamese is written syllable by syllable; matching on words of a segmenter would lose two phrases in three, so
words are a layer on top (`labeler.words`).  What a token can stand for is read by `labeler.spelling`.
"""

from __future__ import annotations

import re

from labeler.spelling import Candidate, Reading, Speller

_CHUNK = re.compile(
    r"\([-+?±]\)"  # a result in brackets is one sign
    r"|\d{1,2}[/.-]\d{1,2}[/.-](?:\d{4}|\d{2})(?![\d/])"  # a date is one number
    r"|\d+(?:[.,]\d+)?"
    r"|[^\W\d_][^\W_]*(?:'(?=[^\W\d_])[^\W_]+)*"
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
        self._chunks: dict[str, tuple[Token, ...]] = {}

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

    def matchable(self, text: str) -> list[Token]:
        """Tokens that take part in matching: all but hyphens and points inside a word ("X-quang", "p.quản")."""
        out: list[Token] = []
        chunks = self._chunks
        at = 0
        for chunk in text.split(" "):
            if chunk:
                tokens = chunks.get(chunk)
                if tokens is None:
                    tokens = _without_glue(chunk, self.tokenize(chunk))
                    if len(chunks) >= MAX_CHUNKS:
                        chunks.clear()
                    chunks[chunk] = tokens
                for start, end, reading in tokens:
                    out.append((at + start, at + end, reading))
                at += len(chunk)
            at += 1
        return out

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
        if (reading.key == "-" or reading.key == ".") and 0 < i < last:
            before, after = tokens[i - 1], tokens[i + 1]
            if before[1] == start and after[0] == end and before[2].word and after[2].word:
                if reading.key == "-" and not (before[2].number and after[2].number):
                    continue
                length = before[1] - before[0]
                if reading.key == "." and length <= 2 and not before[2].number and (text[after[0]].islower() or length == 1):
                    continue
        out.append(token)
    return tuple(out)
