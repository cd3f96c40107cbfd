"""Vietnamese words over our syllables, by underthesea: a layer for people, not the unit of matching.

underthesea is imported when first asked for (it takes two seconds) and warmed up once: its first call is not safe
among threads.  It is called per line on text that we normalised ourselves, and aligned with that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from labeler.text import Normalized, normalize


@lru_cache(maxsize=1)
def _segmenter() -> Callable[[str], list[str]]:
    from underthesea import word_tokenize

    def segment(line: str) -> list[str]:
        return list(word_tokenize(line, use_token_normalize=False))

    segment("bóng tim không to")
    return segment


def words(text: str) -> list[tuple[int, int]]:
    """Spans of the words of a raw text, in order (code points)."""
    return list(_words(normalize(text)))


def _words(normalized: Normalized) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    at = 0
    for line in normalized.text.split("\n"):
        cursor = 0
        for word in _segmenter()(line) if line.strip() else ():
            span = _find(line, word, cursor)
            if span is not None:
                out.append(normalized.raw_span(at + span[0], at + span[1]))
                cursor = span[1]
        at += len(line) + 1
    return out


def _find(line: str, word: str, start: int) -> tuple[int, int] | None:
    """Where a word stands in its line from `start` on, whatever the white space between its syllables."""
    i = start
    while i < len(line) and line[i].isspace():
        i += 1
    first = i
    for ch in word:
        if ch.isspace() or ch == "_":
            while i < len(line) and line[i].isspace():
                i += 1
            if ch == "_" and i < len(line) and line[i] == "_":
                i += 1
            continue
        if i >= len(line) or line[i] != ch:
            found = line.find(word, start)
            return (found, found + len(word)) if found >= 0 else None
        i += 1
    return (first, i) if i > first else None
