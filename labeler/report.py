"""The records that flow: what a report's labels are, and every word that made them so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labeler.labeler import Labeler

AUTO, REVIEW, REVIEWED = "auto", "review", "reviewed"
ASSERTED = ("present", "uncertain")  # the assertions under which a finding counts


@dataclass(frozen=True, slots=True)
class Report:
    """A report as read from a source: its id and its text, and where it stood (`file:line`)."""

    report_id: str
    text: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Mention:
    """A finding as the text mentions it.

    `start` and `end` count code points of the raw text, and `text` is exactly that slice.  `assertion` is present,
    absent, uncertain, or historical (history, indication, advice, an older film: not about this film).
    """

    start: int
    end: int
    text: str
    finding: str
    region: str
    side: str | None
    location: str | None
    line: str | None
    rule: str
    match: str
    assertion: str
    cue: str | None = None
    repair: str | None = None
    score: float = 1.0
    layer: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Fields in the order of the explanation format; `repair` and `score` only for fuzzy matches."""
        out: dict[str, Any] = {
            "start": self.start, "end": self.end, "text": self.text, "finding": self.finding, "region": self.region,
            "side": self.side, "location": self.location, "line": self.line, "rule": self.rule, "match": self.match,
        }  # fmt: skip
        if self.match == "fuzzy":
            out["repair"] = self.repair
            out["score"] = self.score
        out["assertion"] = self.assertion
        out["cue"] = self.cue
        return out


@dataclass(frozen=True, slots=True)
class Span:
    """A slice of the raw text."""

    start: int
    end: int
    text: str

    def to_dict(self) -> dict[str, Any]:
        """As in the explanation format."""
        return {"start": self.start, "end": self.end, "text": self.text}


@dataclass(frozen=True, slots=True)
class Because:
    """Why a class has its value: `kind` mention, template, negation, normal statement, not assessable, not about this film,
    or not mentioned.
    """

    value: int
    kind: str
    details: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As in the explanation format."""
        return {"value": self.value, "because": {"kind": self.kind, **self.details}}


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything behind a report's labels."""

    mentions: tuple[Mention, ...]
    residue: tuple[Span, ...]
    classes: dict[str, Because]
    cleared: frozenset[str] = frozenset()


class LabeledReport:
    """A report's labels, how they came about, and on request every word behind them.

    `labels` are 0/1 per class with uncertain findings counted 1; `uncertain` names the classes that nothing definite
    sets; `findings` are the ids of those that are there or may be.  `status` is auto or review (reviewed once a person
    has decided), `method` template, rules or person.
    """

    __slots__ = (
        "text", "labels", "status", "method", "uncertain", "reasons", "template", "findings", "_labeler", "_explanation",
    )  # fmt: skip

    def __init__(
        self, text: str, labels: dict[str, int], status: str, method: str, uncertain: tuple[str, ...],
        reasons: tuple[str, ...], template: str | None, labeler: Labeler, findings: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        self.text, self.labels, self.status, self.method = text, labels, status, method
        self.uncertain, self.reasons, self.template, self.findings = uncertain, reasons, template, findings
        self._labeler = labeler
        self._explanation: Explanation | None = None

    @property
    def explanation(self) -> Explanation:
        """Mentions, residue and the reason of every class, with offsets in the raw text."""
        if self._explanation is None:
            self._explanation = self._labeler.explain(self)
        return self._explanation

    def set_explanation(self, explanation: Explanation) -> None:
        """Keep an explanation that was made along the way."""
        self._explanation = explanation

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
