"""Lines of a report: the items between breaks, bullets and numbers, the unit that is analysed and remembered.

What a line is about (description, conclusion, indication ...) is decided by the headings found in it, together
with the context that the line before it leaves behind.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from labeler.lexicon import Lexicon
from labeler.patterns import word_key
from labeler.text import LETTERS, normalize

MAX_EDGES = 200_000

_BULLET = re.compile(
    r"[ ]*(?:\[[xXvV✓✔]\]|[☑☒✔]"  # a ticked box
    r"|[-+*•>~=_]+(?=[\s\w(]|$)"
    r"|(?:\d{1,2}[A-Da-d]?|[a-eA-E])[.)/](?=\s|[^\W\d])|\((?:\d|[a-e])\)|[IVX]{1,4}[.)](?=\s))[ ]*"
)
_INLINE = re.compile(
    r"(?:(?<=[.;:!?])|(?<=[.;:!?] )|(?<=[.;:!?]  ))[ ]*[-+*•]+(?:[ ]+[-+*•]+)*[ ]*(?=[^\W\d_])"  # "to. - Phổi"
    r"|[ ]+[-+]+(?:[ ]+[-+]+)*[ ]*(?=[A-ZĐÀ-ỸƠƯ][a-zà-ỹ])"  # "to - Phổi"
    r"|[ ]*•[ ]*"
    r"|(?<=[.;]) +\d{1,2}[.)][ ]*(?=[^\W\d_])"  # "to. 2. Phổi"
)
_DASH_INLINE = re.compile(r"[ ]+[-+]+(?:[ ]+[-+]+)*[ ]*(?=[^\W\d_])|(?<=[a-zà-ỹ.;,])-[ ]*(?=[A-ZĐÀ-ỸƠƯ])")
_NUMBER_INLINE = re.compile(rf"{_INLINE.pattern}|(?<=[^\W\d_]) +\d{{1,2}}\)[ ]*(?=[A-ZĐÀ-ỸƠƯ])")  # "1) Tim to 2) Phổi sáng"
_MAY_CUT = re.compile(r"[-+•*;)]|\. ")
_BOX = re.compile(r"[ ]*(?:(?P<empty>\[[ ]*\]|[☐□])|\[[xXvV✓✔]\]|[☑☒✔])[ ]*")  # on a form, ticked or empty
_BOX_FIRST = re.compile(rf"[ ]*[-•]?(?={_BOX.pattern.replace('?P<empty>', '')})")
_FIELD = re.compile(r"[^:\[☐□☑☒✔]+:(?=[^:]*[\[☐□☑☒✔])")  # "Tim: [x] bình thường [ ] to"
_OPTION = re.compile(r" *[^ :].*(?<![:( ]) *")
_GAP = re.compile(r"\S {2,}\S")
_LEADER = re.compile(r"(?<=[^\W\d_])[ ]*(?:\.{4,}|_{4,})")  # "Tràn dịch ........ không"
_PLAIN = re.compile(rf"- ([{LETTERS}][{LETTERS} ,:/()]*[{LETTERS})])\.?")
_MAY_BE_FORM = re.compile(r"[\[☐□☑☒✔]")
_FIRST = re.compile(r"[^\W_]+")
_LAST = re.compile(r"([^\W_]+)[ ]*$")


class Line(NamedTuple):
    """An item of a normalised line without its bullet and full stop: its span there, its text, whether it had a bullet."""

    start: int
    end: int
    bullet: bool
    text: str


class Edge(NamedTuple):
    """What the joining of lines needs to know of one: its first and last words, and how it begins and ends."""

    first: str
    last: str
    comma: bool
    upper: bool


class Splitter:
    """Splits a text into lines, joining those that a stray break has cut inside a phrase."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._follows = lexicon.follows
        self.openers = _openers(lexicon)
        self._edges: dict[str, Edge] = {}
        self._bullets: dict[str, bool | None] = {}

    def groups(self, text: str) -> list[tuple[int, str]]:
        """Raw lines with their offsets, those that belong together joined (break included); blank ones left out."""
        out: list[tuple[int, str]] = []
        bullets = self._bullets
        at = 0
        before = ""
        for raw in text.split("\n"):
            bullet = bullets[raw] if raw in bullets else self._bullet(raw)
            if bullet is None:
                before = ""
            elif bullet or not before or not self._open(before, raw, text):
                out.append((at, raw))
                before = raw
            else:
                start, _ = out[-1]
                out[-1] = (start, text[start : at + len(raw)])
                before = raw
            at += len(raw) + 1
        return out

    def opens(self, raw: str) -> bool:
        """Whether a raw line plainly opens an item of its own: a dash or the like, and words after it."""
        bullet = _BULLET.match(raw) if raw[0] in "-+•*" else None
        return bullet is not None and _FIRST.search(raw, bullet.end()) is not None

    def _bullet(self, raw: str) -> bool | None:
        """Whether a raw line opens with a bullet or number; None for a blank one."""
        line = normalize(raw).text
        found = None if _FIRST.search(line) is None else _BULLET.match(line) is not None
        if len(self._bullets) >= MAX_EDGES:
            self._bullets.clear()
        self._bullets[raw] = found
        return found

    def plain(self, raw: str) -> Line | None:
        """The item of the commonest kind of raw line, clean and whole as it stands: a dash, words, and no numbers."""
        found = _PLAIN.fullmatch(raw)
        return Line(2, found.end(1), True, found[1]) if found is not None else None

    def split(self, text: str) -> list[Line]:
        """Items of a normalised line: more than one where bullets, numbers or markup part it."""
        lines: list[Line] = []
        if "\n" not in text:
            self._items(text, 0, lines)
            return lines
        at = 0
        for raw in text.split("\n"):
            if raw and not raw.isspace():
                self._items(raw, at, lines)
            at += len(raw) + 1
        return lines

    def _items(self, raw: str, at: int, out: list[Line]) -> None:
        if _MAY_BE_FORM.search(raw) is not None:
            if _BOX_FIRST.match(raw):
                boxes = list(_BOX.finditer(raw))
                for box, end in zip(boxes, [*(b.start() for b in boxes[1:]), len(raw)], strict=True):
                    if box["empty"] is None:  # what an empty box offers was not chosen
                        _add(raw, box.end(), end, at, True, out)
                return
            field = _FIELD.match(raw)
            first = _BOX.search(raw)
            if field is not None:
                raw = _chosen(raw, field.end())
            elif first is not None and raw[: first.start()].strip():  # "Tràn dịch ☐ Có ☑ Không"
                raw = _chosen(raw, first.start())
        if "...." in raw or "____" in raw:
            raw = _LEADER.sub(_colon, raw)
        if " / " in raw:
            raw = _telegram(raw)
        m = _BULLET.match(raw)
        bullet = m is not None
        start = m.end() if m is not None else 0
        if _MAY_CUT.search(raw, start) is not None:
            sign = m.group().strip()[:1] if m is not None else ""
            cuts = _DASH_INLINE if sign in ("-", "+") else _NUMBER_INLINE if sign == "1" else _INLINE
            for cut in cuts.finditer(raw, start):
                if cut.start() > start and _is_cut(raw, start, cut):
                    _add(raw, start, cut.start(), at, bullet, out)
                    start, bullet = cut.end(), True
        _add(raw, start, len(raw), at, bullet, out)

    def _open(self, before: str, after: str, text: str) -> bool:
        """Whether a line break between two raw lines falls inside a phrase."""
        a, b = self._edge(before), self._edge(after)
        if b.upper and not text.isupper():
            return False
        return a.comma or a.last in self.openers or (a.last, b.first) in self._follows

    def _edge(self, raw: str) -> Edge:
        edge = self._edges.get(raw)
        if edge is None:
            line = normalize(raw).text.strip()
            first, last = _FIRST.search(line), _LAST.search(line)
            edge = Edge(
                word_key(first.group()) if first else "",
                word_key(last.group(1)) if last else "",
                line.endswith(","),
                first is not None and first.group()[0].isupper(),
            )
            if len(self._edges) >= MAX_EDGES:
                self._edges.clear()
            self._edges[raw] = edge
        return edge


def unbroken(raw: str) -> str:
    """A joined raw line with blanks for the breaks inside it, as long as it was."""
    return raw.replace("\r\n", "  ").replace("\n", " ") if "\n" in raw else raw


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


def _telegram(raw: str) -> str:
    """A line of statements between slashes, with semicolons for them: "Ngày 2 / tim 0 / MP: ít dịch / ống (+)"."""
    pieces = raw.split(" / ")
    named = next((i for i, piece in enumerate(pieces[1:-1], 1) if ":" in piece), None)
    if len(pieces) < 4 or named is None:
        return raw
    # "tràn dịch / tràn khí / xẹp: không / không / không" is one field with its answers
    statements = all(":" in piece or len(piece.split()) > 1 for piece in pieces[named:])
    return " ; ".join(pieces) if statements else raw


def _colon(leader: re.Match[str]) -> str:
    """What a row of dots between a field and its answer stands for."""
    return ":".ljust(len(leader.group()))


def _chosen(raw: str, start: int) -> str:
    """The options of a field that were ticked, the rest blank; as it stands where its boxes are no options."""
    boxes = list(_BOX.finditer(raw, start))
    if len(boxes) < 2:
        return raw
    if raw[start : boxes[0].start()].strip():  # "Tim: bình thường [ ] to [x]"
        options = [(start if k == 0 else boxes[k - 1].end(), box.start()) for k, box in enumerate(boxes)]
    else:  # "Tim: [ ] bình thường [x] to"
        last = _GAP.search(raw, boxes[-1].end())  # "[x] có [ ] không   ghi rõ: ..."
        ends = [*(box.start() for box in boxes[1:]), len(raw) if last is None else last.start() + 1]
        options = [(box.end(), end) for box, end in zip(boxes, ends, strict=True)]
    if not all(_OPTION.fullmatch(raw, *option) for option in options):
        return raw
    out = list(raw)
    for box, (first, end) in zip(boxes, options, strict=True):
        out[box.start() : box.end()] = " " * (box.end() - box.start())
        if box["empty"] is not None:
            out[first:end] = " " * (end - first)
    return "".join(out)


def _add(raw: str, start: int, end: int, at: int, bullet: bool, out: list[Line]) -> None:
    text = raw[start:end]
    stripped = text.strip()
    if _FIRST.search(stripped) is not None:
        if stripped[-1] == "." and (stripped[-2].isalnum() or stripped[-2] == ")"):
            stripped = stripped[:-1]  # it ends what ends here anyway
        start += len(text) - len(text.lstrip())
        out.append(Line(at + start, at + start + len(stripped), bullet, stripped))


def _openers(lexicon: Lexicon) -> frozenset[str]:
    """Words after which a phrase must go on: ends of forward cues, conjunctions, links and locatives."""
    out = set()
    for unit in lexicon.units():
        forward = (
            unit.cue is not None
            and unit.cue.scope in ("list", "next")
            and unit.cue.assertion in ("absent", "uncertain")
        )
        if forward or unit.role in ("conjunction", "link", "locative", "above", "below"):
            out.add(unit.words[-1])
    return frozenset(out - {"/"})
