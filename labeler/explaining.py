"""Every word behind a report's labels: its mentions, its residue, and why each class has its value.

Made only when asked for: the report is read once more, and each line told in detail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from labeler.pipe.assertion import assert_line
from labeler.pipe.clauses import Clauses
from labeler.pipe.interpolation import Detail
from labeler.pipe.parts import Match
from labeler.pipe.sections import Line, unbroken
from labeler.pipe.sentence import Assertions
from labeler.report import ASSERTED, Because, Explanation, LabeledReport, Mention, Span
from labeler.text import Normalized, normalize

if TYPE_CHECKING:
    from labeler.labeler import Labeler


# section and topic in which a report begins, as `Reading.after` tells them
START: tuple[str, str | None] = ("description", None)


class Reading(NamedTuple):
    """An item of a report as the rules understood it, with the section and topic that it leaves to the next."""

    normalized: Normalized  # its raw line
    line: Line
    section: str  # that it was read in
    topic: str | None
    clauses: Clauses
    match: Match
    said: Assertions
    after: tuple[str, str | None]


class LineDetail(NamedTuple):
    """An item in detail: its raw line normalised, that line's offset in the report, its span there, its words."""

    normalized: Normalized
    at: int
    line: Line
    detail: Detail


def explain(labeler: Labeler, report: LabeledReport, told: Iterable[LineDetail] | None = None) -> Explanation:
    """Mentions, residue and reasons of a labelled report, with offsets in its raw text.

    `told` are its items in detail, if somebody has read them already.
    """
    if report.method == "template":
        why = {"template": report.template, "rule": labeler.rules.where(("templates", str(report.template), "id"))}
        classes = {name: Because(0, "template", why) for name in labeler.classes}
        return Explanation((), (), classes, frozenset(labeler.lexicon.findings))
    mentions: list[Mention] = []
    residue: list[Span] = []
    normal: list[tuple[Span, tuple[str, ...], str]] = []
    not_assessable: set[str] = set()
    cleared: set[str] = set()
    for normalized, at, line, detail in details(labeler, report.text) if told is None else told:

        def span(start: int, end: int, n: Normalized = normalized, at: int = at, line: Line = line) -> Span:
            first, last = n.raw_span(line.start + start, line.start + end)
            return Span(at + first, at + last, report.text[at + first : at + last])

        for raw in detail.mentions:
            where = span(raw.start, raw.end)
            place = span(*raw.location).text if raw.location is not None else None
            cue = span(*raw.cue).text if raw.cue is not None else None
            mentions.append(
                Mention(
                    where.start, where.end, where.text, raw.finding, raw.region, raw.side, place, detail.region,
                    labeler.rules.where(raw.rule), "exact" if raw.repair is None else "fuzzy", raw.assertion, cue, raw.repair, raw.score,
                    raw.layer,
                )
            )  # fmt: skip
        residue += [span(*where) for where in detail.residue]
        for statement in detail.normal:
            normal.append((span(statement.start, statement.end), statement.regions, labeler.rules.where(statement.rule)))
            cleared.update(statement.clears)
        not_assessable |= detail.not_assessable
    classes = {name: _because(name, report, mentions, normal, not_assessable) for name in labeler.classes}
    return Explanation(tuple(mentions), tuple(residue), classes, frozenset(cleared))


def details(labeler: Labeler, text: str) -> Iterator[LineDetail]:
    """Each item of a report in detail."""
    unmarked = labeler.unmarked(text)
    after = START
    for at, raw in labeler.splitter.groups(text):
        for item in read(labeler, raw, *after, unmarked):
            told = detail(labeler, item.line, item.clauses, item.said, item.match, item.topic)
            yield LineDetail(item.normalized, at, item.line, told)
            after = item.after


def read(labeler: Labeler, raw: str, section: str, topic: str | None, unmarked: bool) -> Iterator[Reading]:
    """Each item of a raw line, read anew in the section and under the topic that the line before left."""
    normalized = normalize(unbroken(raw))
    for line in labeler.items(normalized):
        clauses, match = labeler.clauses(labeler.parts.of(line.text, unmarked), topic)
        said = assert_line(clauses, section)
        after = labeler.interpolator.section_after(clauses, said, section), labeler.interpolator.heading_topic(clauses)
        yield Reading(normalized, line, section, topic, clauses, match, said, after)
        section, topic = after


def detail(labeler: Labeler, line: Line, clauses: Clauses, said: Assertions, match: Match, topic: str | None) -> Detail:
    """Every word behind one item."""
    return labeler.interpolator.detail(clauses, said, match, match.spans(labeler.tokenizer.spans(line.text)), topic)


def _because(
    name: str, report: LabeledReport, mentions: list[Mention], normal: list[tuple[Span, tuple[str, ...], str]],
    not_assessable: set[str],
) -> Because:  # fmt: skip
    """Why a class has its value: what sets it, else the first thing said that denies it.  Anything concerns abnormal."""
    concern = [(i, m) for i, m in enumerate(mentions) if name in (m.region, "abnormal")]
    if report.labels[name]:
        return Because(1, "mention", {"mentions": [i for i, m in concern if m.assertion in ASSERTED]})
    if name in not_assessable:
        return Because(0, "not assessable")
    for i, m in concern:
        if m.assertion == "absent":
            span = Span(m.start, m.end, m.text).to_dict()
            return Because(0, "negation", {"cue": m.cue, "mention": i, "span": span})
    for where, regions, rule in normal:
        if name in (*regions, "abnormal"):
            return Because(0, "normal statement", {"span": where.to_dict(), "rule": rule})
    if concern:  # all of them of another film or time, or in doubt about something else
        return Because(0, "not about this film", {"mentions": [i for i, _ in concern]})
    return Because(0, "not mentioned")
