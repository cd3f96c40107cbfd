"""Which stretches of a report decided, for whoever shows it in colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from labeler.report import LabeledReport, Mention


class Piece(NamedTuple):
    """A stretch of the report: plain, a mention, a cue, or not understood."""

    start: int
    end: int
    kind: str
    mention: int = -1


def pieces(report: LabeledReport) -> list[Piece]:
    """The decisive stretches of a report in order, none over another; a mention goes before a cue inside it."""
    marked: list[Piece] = []
    for i, m in enumerate(report.mentions):
        marked.append(Piece(m.start, m.end, "mention", i))
        cue = _cue(report.text, m)
        if cue is not None:
            marked.append(Piece(*cue, "cue", i))
    marked += [Piece(s.start, s.end, "residue") for s in report.residue]
    order = {"mention": 0, "residue": 1, "cue": 2}
    taken: list[Piece] = []
    for piece in sorted(marked, key=lambda p: (order[p.kind], p.start, -p.end)):
        start, end = piece.start, piece.end
        for other in taken:
            if other.start <= start < other.end:
                start = other.end
            elif start < other.start < end:
                end = other.start
        while start < end and report.text[start].isspace():
            start += 1
        if start < end:
            taken.append(piece._replace(start=start, end=end))
    return sorted(taken)


def _cue(text: str, m: Mention) -> tuple[int, int] | None:
    """Where the cue of a mention stands: nearest before it, else inside or after it."""
    if not m.cue:
        return None
    at = text.rfind(m.cue, 0, m.start)
    if at < 0:
        at = text.find(m.cue, m.start)
    return (at, at + len(m.cue)) if at >= 0 else None
