"""Lines of a report: the items between breaks, bullets and numbers, the unit that is analysed and remembered.

What a line is about (description, conclusion, indication ...) is decided by the headings found in it, together
with the context that the line before it leaves behind.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from labeler.lexicon import Lexicon
from labeler.patterns import word_key

_BULLET = re.compile(r"[ ]*(?:[-+*•>~=_]+(?=[\s\w(]|$)|(?:\d{1,2}|[a-eA-E])[.)/](?=\s|[^\W\d])|\((?:\d|[a-e])\)|[IVX]{1,4}[.)](?=\s))[ ]*")
_INLINE = re.compile(
    r"(?:(?<=[.;:!?])|(?<=[.;:!?] )|(?<=[.;:!?]  ))[ ]*[-+*•]+(?:[ ]+[-+*•]+)*[ ]*(?=[^\W\d_])"  # "to. - Phổi"
    r"|[ ]+[-+]+(?:[ ]+[-+]+)*[ ]*(?=[A-ZĐÀ-ỸƠƯ][a-zà-ỹ])"  # "to - Phổi"
    r"|[ ]*•[ ]*"
    r"|(?<=[.;]) *\d{1,2}[.)][ ]*(?=[^\W\d_])"  # "to. 2. Phổi"
)
_DASH_INLINE = re.compile(r"[ ]+[-+]+(?:[ ]+[-+]+)*[ ]*(?=[^\W\d_])|(?<=[a-zà-ỹ.;,])-[ ]*(?=[A-ZĐÀ-ỸƠƯ])")
_FIRST = re.compile(r"[^\W_]+")
_LAST = re.compile(r"([^\W_]+)[ ]*$")


class Line(NamedTuple):
    """A span of the normalised text without its bullet, and whether it had one."""

    start: int
    end: int
    bullet: bool


class Splitter:
    """Splits a normalised text into lines, joining those that a stray break has cut inside a phrase."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._follows = lexicon.follows
        self._openers = _openers(lexicon)
        self._edges: dict[str, tuple[str, str, bool]] = {}

    def split(self, text: str) -> list[Line]:
        """Lines in order; empty ones are left out."""
        lines: list[Line] = []
        at = 0
        for raw in text.split("\n"):
            if raw and not raw.isspace():
                self._items(raw, at, lines)
            at += len(raw) + 1
        if len(lines) > 1:
            mixed = not (text.islower() or text.isupper())
            lines = self._join(text, lines, mixed)
        return lines

    def _items(self, raw: str, at: int, out: list[Line]) -> None:
        m = _BULLET.match(raw)
        start = m.end() if m else 0
        dashed = bool(m and m.group().strip()[:1] in ("-", "+") if m else False)
        bullet = m is not None
        if "-" in raw or "+" in raw or "•" in raw or "*" in raw or ". " in raw:
            for cut in (_DASH_INLINE if dashed else _INLINE).finditer(raw, start):
                if cut.start() > start and _is_cut(raw, start, cut):
                    _add(raw, start, cut.start(), at, bullet, out)
                    start, bullet = cut.end(), True
        _add(raw, start, len(raw), at, bullet, out)

    def _join(self, text: str, lines: list[Line], mixed: bool) -> list[Line]:
        out = [lines[0]]
        for line in lines[1:]:
            before = out[-1]
            if not line.bullet and self._open(text[before.start : before.end], text[line.start : line.end], mixed):
                out[-1] = Line(before.start, line.end, before.bullet)
            else:
                out.append(line)
        return out

    def _open(self, before: str, after: str, mixed: bool) -> bool:
        """Whether a line break between two lines falls inside a phrase."""
        if mixed and after[0].isupper():
            return False
        first, _, _ = self._edge(after)
        _, last, comma = self._edge(before)
        return comma or last in self._openers or (last, first) in self._follows

    def _edge(self, line: str) -> tuple[str, str, bool]:
        found = self._edges.get(line)
        if found is None:
            first, last = _FIRST.search(line), _LAST.search(line)
            found = (
                word_key(first.group()) if first else "",
                word_key(last.group(1)) if last else "",
                line.rstrip().endswith(","),
            )
            if len(self._edges) > 100_000:
                self._edges.clear()
            self._edges[line] = found
        return found


def _is_cut(raw: str, start: int, cut: re.Match[str]) -> bool:
    """A dash parts two items unless it stands in a range, or between two short words ("tim - phổi: bình thường")."""
    before = raw[start : cut.start()].rstrip()
    if not before:
        return False
    if "-" not in cut.group() and "+" not in cut.group():
        return True
    after = raw[cut.end()]
    if before[-1] in ".;:!?" or after.isupper():
        return True
    return len(before.split()) > 2 and not raw[start].isupper()


def _add(raw: str, start: int, end: int, at: int, bullet: bool, out: list[Line]) -> None:
    while start < end and raw[start].isspace():
        start += 1
    while end > start and raw[end - 1].isspace():
        end -= 1
    if start < end and any(ch.isalnum() for ch in raw[start:end]):
        out.append(Line(at + start, at + end, bullet))


def _openers(lexicon: Lexicon) -> frozenset[str]:
    """Words after which a phrase must go on: ends of forward cues, conjunctions, links and locatives."""
    out = set()
    for unit in lexicon.units():
        forward = unit.cue is not None and unit.cue.scope in ("list", "next") and unit.cue.assertion in ("absent", "uncertain")
        if forward or unit.role in ("conjunction", "link", "locative"):
            out.add(unit.words[-1])
    return frozenset(out - {"/"})
