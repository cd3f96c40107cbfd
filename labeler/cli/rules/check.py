"""vnlabel rules check"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from labeler.cli.base import Failure, rules_option, say
from labeler.cli.rules import as_dict

if TYPE_CHECKING:
    from labeler.workbench.analysis import Findings


@click.command()
@rules_option
@click.option("--strict", is_flag=True, help="Warnings end the command with 1.")
@click.option("--notes", is_flag=True, help="Also name findings that a longer phrase silences; most are meant so.")
@click.option("--json", "as_json", is_flag=True, help="Print problems, warnings and notes as JSON.")
def check(rules: str | None, strict: bool, notes: bool, as_json: bool) -> int:
    """Read a rule set and name everything that is wrong with it, one line each.

    A set without errors is then looked at as a whole: phrases that can never fire, or that say what another one says
    already; words that two entries claim; findings inside a template or normal statement.  These are warnings.

    \b
    Examples:
      vnlabel rules check
      vnlabel rules check --rules my_hospital --strict
    """
    from labeler.rule_tests import problems_of

    try:
        rule_set, problems = problems_of(rules)
    except FileNotFoundError as error:
        raise Failure(str(error)) from None
    found = _analyse(rules) if not problems else None
    warnings = found.warnings if found is not None else []
    status = 2 if problems else int(strict and bool(warnings))
    if as_json:
        from labeler.io.writers import dump

        kinds = {"problems": problems, "warnings": warnings, "notes": found.notes if found is not None else []}
        told = {name: [as_dict(p) for p in listed] for name, listed in kinds.items()}
        click.echo(dump({"ok": status == 0, **told}, indent=2))
        return status
    for problem in problems:
        say(str(problem))
    for warning in warnings:
        say(f"{warning.place}: warning: {warning.message}")
    if found is not None and notes:
        for note in found.notes:
            say(f"{note.place}: note: {note.message}")
    if problems:
        say(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}")
    elif rule_set is not None and found is not None:
        counts = ", ".join(f"{len(entries)} {kind}" for kind, entries in rule_set.entries.items() if entries)
        state = f"{len(warnings)} warning{'s' if len(warnings) > 1 else ''}" if warnings else "no problems"
        more = f"; {len(found.notes)} notes (--notes)" if found.notes and not notes else ""
        click.echo(f"{rule_set.info.name} {rule_set.info.version} ({rule_set.hash}): {counts}; {state}{more}")
    return status


def _analyse(rules: str | None) -> Findings:
    from labeler.workbench.analysis import analyse
    from labeler.workbench.catalog import Catalog

    return analyse(Catalog.load(rules))
