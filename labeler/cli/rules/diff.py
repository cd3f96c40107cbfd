"""vnlabel rules diff"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from labeler.cli.base import load_catalog, table
from labeler.cli.corpus import Corpus, corpus_options

if TYPE_CHECKING:
    from labeler.workbench.diff import Cause, Change, Differences, Outcome


@click.command()
@click.argument("old")
@click.argument("new")
@click.option("--reports", "sources", multiple=True, required=True, metavar="FILE", help="Reports to label with both.")
@corpus_options
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON.")
def diff(old: str, new: str, sources: tuple[str, ...], corpus: Corpus, as_json: bool) -> int:
    """Show each report that two rule sets label differently, and which rule changed it.

    OLD and NEW are folders of rules, or `builtin` for the shipped ones; --reports is what `vnlabel label` reads, and
    may be given several times.

    \b
    Examples:
      vnlabel rules diff builtin my_hospital --reports reports.csv
      vnlabel rules diff rules_of_last_week rules --reports reports.parquet --json
    """
    from labeler.workbench.diff import compare

    one, other = load_catalog(old), load_catalog(new)
    found = compare(one, other, corpus.read(sources, "comparing"))
    if as_json:
        from labeler.io.writers import dump

        rules = [{**_rule(cause), "reports": n} for cause, n in found.by_cause()]
        changes = [_as_dict(change) for change in found.changes]
        click.echo(dump({**corpus.account(), "changed": len(changes), "rules": rules, "changes": changes}, indent=2))
    else:
        _print(found)
    return corpus.end()


def _rule(cause: Cause) -> dict[str, str]:
    rule = cause.rule
    return {
        "change": cause.change, "rule": rule.where, "layer": rule.layer, "kind": rule.kind, "id": rule.id,
        "phrase": rule.pattern,
    }  # fmt: skip


def _as_dict(change: Change) -> dict[str, Any]:
    """Only what differs, as [old, new]."""
    old, new = change.old, change.new
    out: dict[str, Any] = {"report_id": change.report_id}
    labels = {a: [x, y] for (a, x), (_, y) in zip(old.labels, new.labels, strict=True) if x != y}
    if labels:
        out["labels"] = labels
    for name in ("status", "method", "uncertain", "reasons"):
        if getattr(old, name) != getattr(new, name):
            out[name] = [getattr(old, name), getattr(new, name)]
    gone, come = _findings(old, new), _findings(new, old)
    if gone or come:
        out["findings"] = {"gone": gone, "new": come}
    out["rules"] = [_rule(cause) for cause in change.causes]
    return out


def _findings(of: Outcome, other: Outcome) -> list[str]:
    """Findings said in one outcome more often than in the other."""
    counts = dict(other.findings)
    return [" ".join(filter(None, said)) for said, n in of.findings if n > counts.get(said, 0)]


def _print(found: Differences) -> None:
    click.echo(f"{len(found.changes)} of {found.reports} reports differ")
    rows = [
        [str(n), cause.change, cause.rule.where, cause.rule.layer, cause.rule.id, cause.rule.pattern]
        for cause, n in found.by_cause()
    ]
    if rows:
        click.echo()
        for line in table([["reports", "change", "rule", "layer", "id", "phrase"], *rows]):
            click.echo(line)
        click.echo()
    for change in found.changes:
        click.echo(f"{change.report_id}: {'; '.join(_told(_as_dict(change)))}")


def _told(what: dict[str, Any]) -> list[str]:
    out = [f"{name} {old} -> {new}" for name, (old, new) in what.get("labels", {}).items()]
    out += [f"{what[name][0]} -> {what[name][1]}" for name in ("status", "method") if name in what]
    for name in ("uncertain", "reasons"):
        if name in what:
            old, new = (", ".join(values) or "none" for values in what[name])
            out.append(f"{name} {old} -> {new}")
    findings = what.get("findings", {"gone": [], "new": []})
    out += [f"- {said}" for said in findings["gone"]] + [f"+ {said}" for said in findings["new"]]
    rules = ", ".join(f"{rule['rule']} ({rule['layer']}, {rule['change']})" for rule in what["rules"])
    return [*out, f"by {rules or 'no single rule'}"]
