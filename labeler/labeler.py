"""Labeler: one engine for one report, a stream of them, or a spaCy document.

Each distinct line is analysed once and remembered under its text and its whole context; each distinct report is
put together once.  What callers get is immutable and may be shared between equal reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labeler.lexicon import Lexicon, Structure
from labeler.pipe.anchors import Anchorer, Clauses
from labeler.pipe.assertion import assert_line
from labeler.pipe.interpolation import Interpolator, LineResult
from labeler.pipe.keywords import Matcher
from labeler.pipe.sections import Line, Splitter
from labeler.pipe.tokenizer import Tokenizer, matchable
from labeler.report import AUTO, REVIEW, Because, Explanation, Mention, Span
from labeler.rules import RuleSet
from labeler.spelling import Speller
from labeler.text import Normalized, is_unmarked, normalize

if TYPE_CHECKING:
    from spacy.language import Language

MAX_LINES = 200_000  # distinct lines remembered; about 1 KB each
MAX_REPORTS = 50_000  # distinct reports remembered
NOT_FOR_REVIEW = frozenset({"not_assessable"})  # reasons that a person could not settle either


class LabeledReport:
    """A report's labels, how they came about, and on request every word behind them.

    `labels` are 0/1 per class with uncertain findings counted 1; `uncertain` names the classes that nothing definite
    sets.  `status` is auto or review (reviewed once a person has decided), `method` template, rules or person.
    """

    __slots__ = ("text", "labels", "status", "method", "uncertain", "reasons", "template", "_labeler", "_lines", "_explanation")

    def __init__(
        self, text: str, labels: dict[str, int], status: str, method: str, uncertain: tuple[str, ...],
        reasons: tuple[str, ...], template: str | None, labeler: Labeler, lines: list[LineResult] | None = None,
    ) -> None:  # fmt: skip
        self.text, self.labels, self.status, self.method = text, labels, status, method
        self.uncertain, self.reasons, self.template = uncertain, reasons, template
        self._labeler = labeler
        self._lines = lines
        self._explanation: Explanation | None = None

    @property
    def explanation(self) -> Explanation:
        """Mentions, residue and the reason of every class, with offsets in the raw text."""
        if self._explanation is None:
            self._explanation = self._labeler.explain(self)
        return self._explanation

    @property
    def mentions(self) -> tuple[Mention, ...]:
        """Findings in text order; empty for a template."""
        return self.explanation.mentions

    @property
    def residue(self) -> tuple[Span, ...]:
        """What was not understood."""
        return self.explanation.residue

    @property
    def classes(self) -> dict[str, Because]:
        """Per class its value and why."""
        return self.explanation.classes

    def to_dict(self, report_id: str | None = None) -> dict[str, Any]:
        """The explanation format, one object per report."""
        out: dict[str, Any] = {} if report_id is None else {"report_id": report_id}
        out.update(
            labels=dict(self.labels), status=self.status, method=self.method, uncertain=list(self.uncertain),
            reasons=list(self.reasons), template=self.template,
            mentions=[m.to_dict() for m in self.mentions], residue=[s.to_dict() for s in self.residue],
            classes={name: why.to_dict() for name, why in self.classes.items()},
        )  # fmt: skip
        return out

    def __repr__(self) -> str:
        return f"LabeledReport({self.labels}, {self.status!r}, {self.method!r})"


class Labeler:
    """Labels reports by a rule set.

    >>> labeler = Labeler.from_rules()
    >>> labeler.label("- Tràn dịch màng phổi phải.").labels["pleura"]
    1
    """

    def __init__(self, rules: RuleSet, *, remember: bool = True) -> None:
        self.rules = rules
        self.lexicon = Lexicon.build(rules)
        self.classes = rules.classes
        self.remember = remember
        self.speller = Speller(self.lexicon)
        self.tokenizer = Tokenizer(self.speller)
        self.splitter = Splitter(self.lexicon)
        self.matcher = Matcher(self.lexicon, self.speller)
        self.anchorer = Anchorer(self.lexicon)
        self.interpolator = Interpolator(self.lexicon)
        self._lines: dict[tuple[str, str, str | None, bool], LineResult] = {}
        self._reports: dict[str, LabeledReport] = {}
        self._regions = [(name, self.interpolator.bits[name]) for name in rules.regions if name != "other"]
        self._patterns: dict[tuple[int, int], tuple[dict[str, int], tuple[str, ...]]] = {}

    @classmethod
    def from_rules(cls, path: str | Path | None = None, *, remember: bool = True) -> Labeler:
        """Labeler over the rule set in a folder (default: the shipped one).

        `remember=False` analyses every line anew.  Raises RuleSetError when the rules cannot be used.
        """
        return cls(RuleSet.load(path), remember=remember)

    def label(self, text: str) -> LabeledReport:
        """Label one report."""
        found = self._reports.get(text)
        if found is not None:
            return found
        report = self._label(text)
        if self.remember:
            if len(self._reports) >= MAX_REPORTS:
                self._reports.clear()
            self._reports[text] = report
        return report

    def label_many(self, texts: Iterable[str]) -> Iterator[LabeledReport]:
        """Label a stream of reports, in order, without holding it."""
        label = self.label
        for text in texts:
            yield label(text)

    @cached_property
    def nlp(self) -> Language:
        """The same engine as a spaCy `Language` of registered components."""
        from labeler.spacy_components import build

        return build(self)

    # one report

    def lines(self, normalized: Normalized) -> list[tuple[Line, LineResult]]:
        """The lines of a report, each with its analysis."""
        text = normalized.text
        unmarked = is_unmarked(text)
        out: list[tuple[Line, LineResult]] = []
        section, topic = "description", None
        memo = self._lines
        for line in self.splitter.split(text):
            key = (text[line.start : line.end], section, topic, unmarked)
            result = memo.get(key)
            if result is None:
                result = self.analyse(*key)
                if self.remember:
                    if len(memo) >= MAX_LINES:
                        memo.clear()
                    memo[key] = result
            out.append((line, result))
            section, topic = result.section, result.topic
        return out

    def analyse(self, line: str, section: str, topic: str | None, unmarked: bool) -> LineResult:
        """Analyse one line in its context: tokens, phrases, structures, assertions, classes."""
        tokens = matchable(line, self.tokenizer.tokenize(line))
        items, doubt = self.matcher.match(tokens, unmarked)
        clauses = Clauses(items)
        self.anchorer.anchor(clauses, tokens, self._structure(topic))
        said = assert_line(clauses, section)
        return self.interpolator.line(line, clauses, said, doubt, section, topic)

    def _structure(self, topic: str | None) -> Structure | None:
        return self.lexicon.structures[topic] if topic is not None else None

    def _label(self, text: str) -> LabeledReport:
        results = [result for _, result in self.lines(normalize(text))]
        if not results:
            return LabeledReport(text, dict.fromkeys(self.classes, 0), REVIEW, "rules", (), ("empty",), None, self, [])
        template = self.lexicon.templates.get(" ".join(r.template_key for r in results))
        if template is not None:
            return LabeledReport(text, dict.fromkeys(self.classes, 0), AUTO, "template", (), (), template[0], self, results)
        definite = uncertain = 0
        for r in results:
            definite |= r.definite
            uncertain |= r.uncertain
        labels, unsure = self._classes(definite, uncertain)
        reasons = report_reasons(results)
        status = REVIEW if any(reason not in NOT_FOR_REVIEW for reason in reasons) else AUTO
        return LabeledReport(text, labels, status, "rules", unsure, reasons, None, self, results)

    def _classes(self, definite: int, uncertain: int) -> tuple[dict[str, int], tuple[str, ...]]:
        found = self._patterns.get((definite, uncertain))
        if found is None:
            seen = definite | uncertain
            labels = {name: int(bool(seen & bit)) for name, bit in self._regions}
            labels["abnormal"] = int(bool(seen))
            unsure = [name for name, bit in self._regions if uncertain & bit and not definite & bit]
            if uncertain and not definite:
                unsure.append("abnormal")
            found = self._patterns[definite, uncertain] = (labels, tuple(unsure))
        return dict(found[0]), found[1]

    # explanations, made only when asked for

    def explain(self, report: LabeledReport) -> Explanation:
        """Mentions, residue and reasons of a labelled report, with offsets in its raw text."""
        normalized = normalize(report.text)
        mentions: list[Mention] = []
        residue: list[Span] = []
        normal: list[tuple[Span, tuple[str, ...], str]] = []
        not_assessable: set[str] = set()
        cleared: set[str] = set()
        for line, result in self.lines(normalized):
            at = line.start

            def span(start: int, end: int, at: int = at) -> Span:
                first, last = normalized.raw_span(at + start, at + end)
                return Span(first, last, report.text[first:last])

            for raw in result.mentions:
                where = span(raw.start, raw.end)
                cue = span(*raw.cue).text if raw.cue is not None else None
                mentions.append(
                    Mention(
                        where.start, where.end, where.text, raw.finding, raw.region, raw.side, raw.location, result.region,
                        raw.rule, "exact" if raw.repair is None else "fuzzy", raw.assertion, cue, raw.repair, raw.score,
                        raw.layer,
                    )
                )  # fmt: skip
            residue += [span(*where) for where in result.residue]
            for statement in result.normal:
                normal.append((span(statement.start, statement.end), statement.regions, statement.rule))
                cleared.update(statement.clears)
            not_assessable |= result.not_assessable
        if report.method == "template":
            why = {"template": report.template, "rule": self.lexicon.templates_by_id[str(report.template)]}
            classes = {name: Because(0, "template", why) for name in self.classes}
            return Explanation((), (), classes, frozenset(self.lexicon.findings))
        classes = {
            name: self._because(name, report, mentions, normal, not_assessable) for name in self.classes if name != "abnormal"
        }
        classes["abnormal"] = self._because_abnormal(report, mentions, normal)
        return Explanation(tuple(mentions), tuple(residue), classes, frozenset(cleared))

    def _because(
        self, name: str, report: LabeledReport, mentions: list[Mention],
        normal: list[tuple[Span, tuple[str, ...], str]], not_assessable: set[str],
    ) -> Because:  # fmt: skip
        value = report.labels[name]
        if value:
            deciding = [i for i, m in enumerate(mentions) if m.region == name and m.assertion in ("present", "uncertain")]
            return Because(value, "mention", {"mentions": deciding})
        if name in not_assessable:
            return Because(0, "not assessable")
        for i, m in enumerate(mentions):
            if m.region == name and m.assertion == "absent":
                return Because(0, "negation", {"cue": m.cue, "mention": i, "span": Span(m.start, m.end, m.text).to_dict()})
        for where, regions, rule in normal:
            if name in regions:
                return Because(0, "normal statement", {"span": where.to_dict(), "rule": rule})
        return Because(0, "not mentioned")

    def _because_abnormal(
        self, report: LabeledReport, mentions: list[Mention], normal: list[tuple[Span, tuple[str, ...], str]]
    ) -> Because:
        if report.labels["abnormal"]:
            deciding = [i for i, m in enumerate(mentions) if m.assertion in ("present", "uncertain")]
            return Because(1, "mention", {"mentions": deciding})
        for i, m in enumerate(mentions):
            if m.assertion == "absent":
                return Because(0, "negation", {"cue": m.cue, "mention": i, "span": Span(m.start, m.end, m.text).to_dict()})
        if normal:
            where, _, rule = normal[0]
            return Because(0, "normal statement", {"span": where.to_dict(), "rule": rule})
        return Because(0, "not mentioned")


def report_reasons(results: list[LineResult]) -> tuple[str, ...]:
    """Reason codes of a report: those of its lines, and what its lines say against one another."""
    reasons: set[str] = set()
    present: set[tuple[str, str | None]] = set()
    absent: set[tuple[str, str | None]] = set()
    conclusion_normal = False
    for r in results:
        if r.reasons:
            reasons |= r.reasons
        if r.present:
            present |= r.present
        if r.absent:
            absent |= r.absent
        if r.not_assessable:
            reasons.add("not_assessable")
        conclusion_normal = conclusion_normal or r.conclusion_normal
    if present:
        if conclusion_normal:
            reasons.add("conclusion_disagrees")
        if absent and any(_contradicts(p, a) for p in present for a in absent):
            reasons.add("contradiction")
    if results and results[-1].suspended and any(m.assertion == "historical" for m in results[-1].mentions):
        reasons.add("open_section")
    return tuple(sorted(reasons))


def _contradicts(present: tuple[str, str | None], absent: tuple[str, str | None]) -> bool:
    """Whether the same finding is both there and not, on the same side as far as the text says."""
    if present[0] != absent[0]:
        return False
    return {present[1], absent[1]} != {"left", "right"}



