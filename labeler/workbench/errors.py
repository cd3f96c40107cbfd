"""Why a report was labelled wrong: the words, rule and cue that decided each wrong class, or what no rule knew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from labeler.evaluate import Outcome
from labeler.report import ASSERTED

if TYPE_CHECKING:
    from labeler.report import LabeledReport


def error_record(one: Outcome, report: LabeledReport) -> dict[str, Any]:
    """A wrong report as `--errors` writes it, its text included."""
    return {
        "report_id": one.gold.report_id, "where": one.gold.where, "status": one.status, "method": one.method,
        "reasons": list(one.reasons), "gold": one.gold.labels, "labels": one.labels, "tags": list(one.gold.tags),
        "note": one.gold.note, "wrong": [wrong_class(name, report) for name in told(one)],
        "description": one.gold.description,
    }  # fmt: skip


def told(one: Outcome) -> tuple[str, ...]:
    """The wrong classes to speak of: abnormal only where it is not wrong for the same reason as another one."""
    others = tuple(name for name in one.wrong if name != "abnormal")
    same = any(one.labels[name] == one.labels["abnormal"] for name in others)
    return others if same else one.wrong


def wrong_class(name: str, report: LabeledReport) -> dict[str, Any]:
    """One wrong class: the mentions that set it, or those that were held back, the template, and the residue."""
    got = report.labels[name]
    out: dict[str, Any] = {"class": name, "gold": 1 - got, "got": got}
    if report.template is not None:
        out["template"] = report.classes[name].details
    else:
        out["mentions"] = [
            {key: getattr(m, key) for key in ("text", "finding", "assertion", "rule", "cue", "repair")}
            for m in report.mentions
            if name in (m.region, "abnormal") and (m.assertion in ASSERTED) == bool(got)
        ]  # fmt: skip
        because = report.classes[name]
        if because.kind == "normal statement":
            out["normal"] = {"text": because.details["span"]["text"], "rule": because.details["rule"]}
        out["residue"] = [s.text for s in report.residue] if not got else []
    return out


def lines(one: Outcome, report: LabeledReport) -> Iterator[str]:
    """A wrong report for a person to read: a head line, then one line per reason."""
    signs = " ".join(f"{'+' if one.labels[name] else '-'}{name}" for name in told(one))
    yield f"{one.gold.report_id}  {signs}  {one.status}  {one.gold.where}"
    for name in told(one):
        record = wrong_class(name, report)
        said = list(_reasons(record))
        yield from (f"    {name}: {line}" for line in said or ["nothing is said of it that a rule knows"])


def _reasons(record: dict[str, Any]) -> Iterator[str]:
    if "template" in record:
        yield f"the text is the no-finding template {record['template']['template']} ({record['template']['rule']})"
        return
    for m in record["mentions"]:
        cue = f", by {m['cue']!r}" if m["cue"] else ""
        repair = f", read as {m['repair']!r}" if m["repair"] else ""
        yield f"{m['text']!r} is {m['finding']} {m['assertion']}{cue}{repair} ({m['rule']})"
    if "normal" in record:
        yield f"{record['normal']['text']!r} is a normal statement ({record['normal']['rule']})"
    if record["residue"]:
        yield "not understood: " + ", ".join(map(repr, record["residue"]))
