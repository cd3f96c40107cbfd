"""vnlabel rules stats"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from labeler.cli.base import load_catalog, rules_option, say, table, write_output
from labeler.cli.corpus import Corpus, corpus_options

if TYPE_CHECKING:
    from labeler.rules import RuleKey
    from labeler.workbench.stats import Stats, Tally

ASSERTIONS = ("present", "uncertain", "absent", "historical", "excluded", "clinical", "not_assessable", "normal")
SHOWN = 15  # rows of each table on the terminal
SHOWN_CHARS = 48  # of a phrase


@click.command()
@click.argument("reports", nargs=-1, metavar="[REPORTS...]")
@rules_option
@corpus_options
@click.option("--gold", is_flag=True, help="REPORTS are gold: also say how often each rule is right.")
@click.option("--never", is_flag=True, help="List the rules that never fired, and nothing else.")
@click.option("-o", "--output", metavar="FILE.csv", help="Write the counts of every rule.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts of every rule as JSON.")
def stats(
    reports: tuple[str, ...], rules: str | None, corpus: Corpus, gold: bool, never: bool, output: str | None,
    as_json: bool,
) -> int:  # fmt: skip
    """Count what each rule does on reports: how often it fires, and with which others it agrees or is in conflict.

    REPORTS are files or folders as `vnlabel label` reads them.  With --gold they are gold as `vnlabel eval` reads it
    (the shipped gold when none are named; what is blind stays out), and it also says how often each rule is right:
    its class, and its finding where gold lists findings.

    \b
    Examples:
      vnlabel rules stats reports.csv
      vnlabel rules stats --gold -o rules.csv
      vnlabel rules stats reports.csv --rules my_hospital --never
    """
    from labeler.workbench.stats import Stats

    if not gold and not reports:
        raise click.UsageError("name reports, or say --gold for the shipped gold", click.get_current_context())
    counts = Stats(load_catalog(rules))
    if gold:
        for one in corpus.gold(reports, counts.catalog.ruleset.classes):
            counts.add(one.description, one)
    else:
        for report in corpus.read(reports, "counting"):
            counts.add(report.text)
    if output is not None:
        _write(counts, output)
        say(f"counts of {len(counts.tallies)} rules in {output}")
    if as_json:
        from labeler.io.writers import dump

        place = {key: rule.place for key, rule in counts.catalog.rules.items()}
        pairs = [
            {**pair._asdict(), "first": place[pair.first], "second": place[pair.second], "reports": n}
            for pair, n in counts.pairs.most_common()
        ]
        rows = [_row(tally) for tally in counts.tallies.values()]
        account = {**corpus.account(), "with_gold": counts.judged}
        click.echo(dump({**account, "rules": rows, "pairs": pairs}, indent=2))
    elif never:
        for rule in counts.never():
            click.echo(f"{rule.place}: {rule.id}: {rule.pattern}")
    else:
        _print(counts)
    return corpus.end()


def _row(tally: Tally) -> dict[str, Any]:
    rule = tally.rule
    return {
        "rule": rule.place, "layer": rule.layer, "kind": rule.kind, "id": rule.id, "phrase": rule.pattern,
        "reports": tally.reports, "mentions": tally.mentions, **{name: tally.asserted[name] for name in ASSERTIONS},
        "overlaps": tally.overlaps, "conflicts": tally.conflicts, "class_of": tally.class_of,
        "class_right": tally.class_right, "finding_of": tally.finding_of, "finding_right": tally.finding_right,
    }  # fmt: skip


def _write(counts: Stats, output: str) -> None:
    from labeler.io.writers import row

    rows = [_row(tally) for tally in counts.tallies.values()]
    header = list(rows[0]) if rows else []
    write_output(output, [row(header), *(row([str(value) for value in values.values()]) for values in rows)])


def _print(counts: Stats) -> None:
    tallies = list(counts.tallies.values())
    gold = f", {counts.judged} of them with gold labels" if counts.judged else ""
    click.echo(f"{counts.reports} reports{gold}\n")
    kinds = [["kind", "rules", "fired", "never"]]
    for kind in dict.fromkeys(tally.rule.kind for tally in tallies):
        fired = [bool(tally.reports) for tally in tallies if tally.rule.kind == kind]
        kinds.append([kind, str(len(fired)), str(sum(fired)), str(len(fired) - sum(fired))])
    _table("", kinds)
    found = [tally for tally in tallies if tally.rule.kind == "findings" and tally.reports]
    head = ["reports", "present", "uncertain", "absent", "overlaps", "conflicts", "finding", "rule", "phrase"]
    rows = [
        [
            str(t.reports), *(str(t.asserted[name]) for name in ("present", "uncertain", "absent")), str(t.overlaps),
            str(t.conflicts), t.rule.id, t.rule.where, _short(t.rule.pattern),
        ]
        for t in sorted(found, key=lambda t: -t.reports)
    ]  # fmt: skip
    _table("Findings by the reports they fire in", [head, *rows])
    wrong = [t for t in tallies if t.class_right < t.class_of or t.finding_right < t.finding_of]
    wrong.sort(key=lambda t: (t.class_right - t.class_of, t.finding_right - t.finding_of))
    rows = [
        [
            _share(t.class_right, t.class_of),
            _share(t.finding_right, t.finding_of),
            t.rule.id,
            t.rule.where,
            _short(t.rule.pattern),
        ]
        for t in wrong
    ]
    _table("Against gold: rules that are not always right", [["class", "finding", "id", "rule", "phrase"], *rows])
    for kind in ("conflict", "overlap"):
        pairs = [(pair, n) for pair, n in counts.pairs.most_common() if pair.kind == kind]
        rows = [[str(n), pair.finding, _where(counts, pair.first), _where(counts, pair.second)] for pair, n in pairs]
        _table(f"Rules in {kind}", [["reports", "finding", "rule", "rule"], *rows])
    click.echo("The rules that never fired: --never; all counts: -o FILE.csv or --json")


def _where(counts: Stats, key: RuleKey) -> str:
    return counts.catalog.rules[key].where


def _short(pattern: str) -> str:
    return pattern if len(pattern) <= SHOWN_CHARS else pattern[: SHOWN_CHARS - 1] + "…"


def _share(right: int, of: int) -> str:
    return f"{right}/{of}" if of else "-"


def _table(title: str, rows: list[list[str]]) -> None:
    if len(rows) == 1:
        return
    if title:
        click.echo(title)
    for line in table(rows[: SHOWN + 1]):
        click.echo(f"  {line}")
    if len(rows) > SHOWN + 1:
        click.echo(f"  ... and {len(rows) - SHOWN - 1} more")
    click.echo()
