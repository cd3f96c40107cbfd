"""The records that flow: what a report's labels are, and every word that made them so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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
