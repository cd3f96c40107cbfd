"""The pipeline as spaCy components: thin shells over the same pure functions that `Labeler.label` calls.

    nlp = Labeler.from_rules().nlp
    doc = nlp("- Tràn dịch màng phổi phải.")
    doc._.report.labels, doc.spans["findings"]

The factories are registered through entry points (`spacy_factories`), so `spacy.blank("xx").add_pipe(...)` finds
them; `rules` in a component's configuration is the folder of a rule set (None: the shipped one).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from spacy.util import registry
from spacy.vocab import Vocab

from labeler.entries import Entry
from labeler.explaining import LineDetail, detail, explain
from labeler.labeler import Labeler
from labeler.pipe.assertion import assert_line
from labeler.pipe.clauses import Clauses
from labeler.pipe.sections import unbroken
from labeler.pipe.sentence import Assertions
from labeler.report import LabeledReport
from labeler.text import Normalized, normalize

if TYPE_CHECKING:
    from labeler.pipe.parts import Match, Part
    from labeler.pipe.sections import Line

COMPONENTS = ("vnlabel_templates", "vnlabel_sections", "vnlabel_keywords", "vnlabel_assertion", "vnlabel_interpolation")
FINDINGS, RESIDUE, WORDS = "findings", "residue", "words"

_labelers: dict[str, Labeler] = {}

for _owner, _names in ((Doc, ("vnlabel", "report")), (Span, ("mention",))):
    for _name in _names:
        if not _owner.has_extension(_name):
            _owner.set_extension(_name, default=None)


@dataclass
class LineState:
    """An item of the document on its way through the components."""

    normalized: Normalized
    at: int
    line: Line
    group: int
    topic: str | None = None
    match: Match | None = None
    parts: list[Part] = field(default_factory=list)
    clauses: Clauses | None = None
    section: str = "description"
    said: Assertions | None = None


@dataclass
class DocState:
    """What the components leave to one another."""

    unmarked: bool
    groups: int = 0  # raw lines, those without items counted
    lines: list[LineState] = field(default_factory=list)


def build(labeler: Labeler) -> Language:
    """The `Language` of a labeler: its tokenizer and components, in the order they run."""
    path = str(labeler.rules.path)
    _labelers[path] = labeler
    nlp = Language(Vocab(), meta={"name": "vnlabel"})
    nlp.tokenizer = SyllableTokenizer(nlp.vocab, labeler)
    for name in COMPONENTS:
        nlp.add_pipe(name, config={"rules": path})
    return nlp


def _labeler(rules: str | None) -> Labeler:
    key = "" if rules is None else rules
    if key not in _labelers:
        _labelers[key] = Labeler.from_rules(rules)
    return _labelers[key]


class SyllableTokenizer:
    """Syllables, numbers and signs; whatever lies between them is kept, so that `doc.text == text`."""

    def __init__(self, vocab: Vocab, labeler: Labeler) -> None:
        self.vocab = vocab
        self.labeler = labeler

    def __call__(self, text: str) -> Doc:
        normalized = normalize(text)
        words: list[str] = []
        spaces: list[bool] = []

        def put(piece: str) -> None:
            if piece == " " and words and not spaces[-1]:
                spaces[-1] = True
            elif piece:
                words.append(piece)
                spaces.append(False)

        at = 0
        for start, end, _ in self.labeler.tokenizer.tokenize(normalized.text):
            first, last = normalized.raw_span(start, end)
            if first < at:
                continue  # one raw character became several
            gap = text[at:first]
            if gap.startswith(" "):
                put(" ")
                gap = gap[1:]
            put(gap)
            put(text[first:last])
            at = last
        rest = text[at:]
        if rest.startswith(" ") and words:
            put(" ")
            rest = rest[1:]
        put(rest)
        return Doc(self.vocab, words=words, spaces=spaces)


@registry.tokenizers("vnlabel_syllables")  # type: ignore[untyped-decorator]
def create_tokenizer(rules: str | None = None) -> Callable[[Language], SyllableTokenizer]:
    """The syllable tokenizer for a spaCy configuration."""

    def create(nlp: Language) -> SyllableTokenizer:
        return SyllableTokenizer(nlp.vocab, _labeler(rules))

    return create


class _Component:
    def __init__(self, labeler: Labeler) -> None:
        self.labeler = labeler


class Templates(_Component):
    """Whole descriptions that mean no finding: sets `doc._.report` for one and leaves the rest nothing to do."""

    def __call__(self, doc: Doc) -> Doc:
        doc._.vnlabel = DocState(self.labeler.unmarked(doc.text))
        doc._.report = self.labeler.template_report(doc.text)
        return doc


class Sections(_Component):
    """Lines and items."""

    def __call__(self, doc: Doc) -> Doc:
        if doc._.report is None:
            groups = self.labeler.splitter.groups(doc.text)
            doc._.vnlabel.groups = len(groups)
            for group, (at, raw) in enumerate(groups):
                normalized = normalize(unbroken(raw))
                for line in self.labeler.items(normalized):
                    doc._.vnlabel.lines.append(LineState(normalized, at, line, group))
        return doc


class Keywords(_Component):
    """Phrases, exact or misspelt, and the structures that signs are said of."""

    def __call__(self, doc: Doc) -> Doc:
        labeler, state = self.labeler, doc._.vnlabel
        topic: str | None = None
        for line in state.lines:
            line.topic = topic
            line.parts = labeler.parts.of(line.line.text, state.unmarked)
            line.clauses, line.match = labeler.clauses(line.parts, topic)
            topic = labeler.interpolator.heading_topic(line.clauses)
        return doc


class Assertion(_Component):
    """What is asserted of each finding."""

    def __call__(self, doc: Doc) -> Doc:
        section = "description"
        for line in doc._.vnlabel.lines:
            line.section = section
            line.said = assert_line(line.clauses, section)
            section = self.labeler.interpolator.section_after(line.clauses, line.said, section)
        return doc


class Interpolation(_Component):
    """Labels and their reasons: `doc._.report`, `doc.spans["findings"]`, `doc.spans["residue"]`."""

    def __call__(self, doc: Doc) -> Doc:
        labeler = self.labeler
        if doc._.report is None:
            doc._.report = self._report(doc)
        report: LabeledReport = doc._.report
        findings = SpanGroup(doc, name=FINDINGS)
        for mention in report.mentions:
            span = doc.char_span(mention.start, mention.end, label=mention.finding, alignment_mode="expand")
            if span is not None:
                span._.mention = mention
                findings.append(span)
        doc.spans[FINDINGS] = findings
        residue = [doc.char_span(s.start, s.end, label=RESIDUE, alignment_mode="expand") for s in report.residue]
        doc.spans[RESIDUE] = SpanGroup(doc, name=RESIDUE, spans=[span for span in residue if span is not None])
        doc.cats = {name: float(report.labels[name]) for name in labeler.classes}
        return doc

    def _report(self, doc: Doc) -> LabeledReport:
        labeler = self.labeler
        entries = [Entry() for _ in range(doc._.vnlabel.groups)]
        told: list[LineDetail] = []
        for line in doc._.vnlabel.lines:
            entry = entries[line.group]
            told.append(
                LineDetail(
                    line.normalized, line.at, line.line,
                    detail(labeler, line.line, line.clauses, line.said, line.match, line.topic),
                )
            )  # fmt: skip
            verdict = labeler.interpolator.verdict(line.clauses, line.said, line.match.doubt, line.section)
            labeler.add(entry, line.line, verdict, line.parts)
            entry.after = labeler.context(verdict.section, verdict.topic, doc._.vnlabel.unmarked)
        report = labeler.combine(doc.text, entries)
        report.set_explanation(explain(labeler, report, told))
        return report


class Words(_Component):
    """underthesea's words over the syllables, in `doc.spans["words"]`; not part of the default pipeline."""

    def __call__(self, doc: Doc) -> Doc:
        from labeler.words import words

        spans = [doc.char_span(start, end, label="word", alignment_mode="expand") for start, end in words(doc.text)]
        doc.spans[WORDS] = SpanGroup(doc, name=WORDS, spans=[span for span in spans if span is not None])
        return doc


@Language.factory("vnlabel_templates", default_config={"rules": None}, assigns=["doc._.vnlabel", "doc._.report"])
def create_templates(nlp: Language, name: str, rules: str | None) -> Templates:
    """Factory of `Templates`."""
    return Templates(_labeler(rules))


@Language.factory("vnlabel_sections", default_config={"rules": None}, requires=["doc._.vnlabel"])
def create_sections(nlp: Language, name: str, rules: str | None) -> Sections:
    """Factory of `Sections`."""
    return Sections(_labeler(rules))


@Language.factory("vnlabel_keywords", default_config={"rules": None}, requires=["doc._.vnlabel"])
def create_keywords(nlp: Language, name: str, rules: str | None) -> Keywords:
    """Factory of `Keywords`."""
    return Keywords(_labeler(rules))


@Language.factory("vnlabel_assertion", default_config={"rules": None}, requires=["doc._.vnlabel"])
def create_assertion(nlp: Language, name: str, rules: str | None) -> Assertion:
    """Factory of `Assertion`."""
    return Assertion(_labeler(rules))


@Language.factory(
    "vnlabel_interpolation", default_config={"rules": None}, requires=["doc._.vnlabel"], assigns=["doc._.report"]
)
def create_interpolation(nlp: Language, name: str, rules: str | None) -> Interpolation:
    """Factory of `Interpolation`."""
    return Interpolation(_labeler(rules))


@Language.factory("vnlabel_words", default_config={"rules": None}, assigns=["doc.spans"])
def create_words(nlp: Language, name: str, rules: str | None) -> Words:
    """Factory of `Words`."""
    return Words(_labeler(rules))
