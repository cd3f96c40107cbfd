"""A rule set's own tests: what is wrong with it, and whether its examples hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from labeler.labeler import Labeler
from labeler.lexicon import Lexicon
from labeler.report import ASSERTED, LabeledReport
from labeler.rules import Located, Problem, RuleSet

SHOWN_AS = {"excluded": "historical", "clinical": "historical", "contrast": "present", "earlier": "historical"}


@dataclass
class ExampleResult:
    """Which examples ran, which failed and why, and the findings that have none."""

    run: int = 0
    findings: int = 0
    failed: list[Problem] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)


def problems_of(path: str | None) -> tuple[RuleSet | None, list[Problem]]:
    """Everything wrong with a rule set, in the order of its files and lines."""
    rules, problems = RuleSet.read(path)
    if rules is not None:
        problems = problems + Lexicon(rules).problems
    unique = dict.fromkeys(problems)
    return rules, sorted(unique, key=lambda p: (p.file, p.line, p.column))


def run_examples(labeler: Labeler) -> ExampleResult:
    """Run the examples of every finding, normal statement, template and cue."""
    out = ExampleResult()
    for located, path, text, wrong in _all(labeler, out):
        report = labeler.label(text)
        out.run += 1
        message = wrong(report)
        if message is not None:
            out.failed.append(located.problem(f"example {text!r}: {message}", *path))
    return out


def _all(labeler: Labeler, out: ExampleResult) -> Iterator[tuple[Located[Any], tuple[str | int, ...], str, Any]]:
    for located in labeler.rules.all("findings"):
        entry = located.entry
        out.findings += 1
        if not entry.examples:
            out.bare.append(entry.id)
        for i, text in enumerate(entry.examples):
            yield located, ("examples", i), text, lambda r, f=entry.id: _must_find(r, f)
        for i, text in enumerate(entry.not_examples):
            yield located, ("not", i), text, lambda r, f=entry.id: _must_not_find(r, f)
    for located in labeler.rules.all("normal"):
        for i, text in enumerate(located.entry.examples):
            yield located, ("examples", i), text, _must_be_normal
    for located in labeler.rules.all("templates"):
        yield located, ("text",), located.entry.text, _must_be_template
    for located in labeler.rules.all("cues"):
        for i, text in enumerate(located.entry.examples):
            yield located, ("examples", i), text, lambda r, a=located.entry.assertion: _must_assert(r, a)


def _must_find(report: LabeledReport, finding: str) -> str | None:
    got = [m.assertion for m in report.mentions if m.finding == finding]
    if not any(a in ASSERTED for a in got):
        if got:
            return f"gives {finding} as {' and '.join(dict.fromkeys(got))}, not as present"
        return f"does not give {finding}; it gives {_findings(report)}"
    if report.residue:
        return f"gives {finding}, but is not understood wholly: {_residue(report)}"
    return None


def _must_not_find(report: LabeledReport, finding: str) -> str | None:
    for m in report.mentions:
        if m.finding == finding and m.assertion in ASSERTED:
            return f"must not give {finding}, but {m.text!r} does ({m.rule})"
    return None


def _must_be_normal(report: LabeledReport) -> str | None:
    if any(report.labels.values()):
        return f"must be normal, but gives {_findings(report)}"
    if report.residue:
        return f"is not understood wholly: {_residue(report)}"
    return None


def _must_be_template(report: LabeledReport) -> str | None:
    return (
        None if report.method == "template" else f"is not recognised as a template; it is labelled by {report.method}"
    )


def _must_assert(report: LabeledReport, assertion: str) -> str | None:
    shown = SHOWN_AS.get(assertion, assertion)
    got = [m.assertion for m in report.mentions] + list(report.reasons)  # not_assessable is a reason
    if shown not in got:
        return f"must show something {shown}, but gives {_findings(report)}"
    if report.residue:
        return f"is not understood wholly: {_residue(report)}"
    return None


def _findings(report: LabeledReport) -> str:
    return ", ".join(f"{m.finding} {m.assertion}" for m in report.mentions) or "nothing"


def _residue(report: LabeledReport) -> str:
    return ", ".join(repr(s.text) for s in report.residue) or "residue"
