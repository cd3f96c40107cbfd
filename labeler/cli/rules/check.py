"""vnlabel rules check"""

from __future__ import annotations

import click

from labeler.cli.base import Failure, rules_option, say
from labeler.cli.rules import as_dict


@click.command()
@rules_option
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
def check(rules: str | None, as_json: bool) -> int:
    """Read a rule set and name everything that is wrong with it, one line each.

    \b
    Examples:
      vnlabel rules check
      vnlabel rules check --rules my_hospital
    """
    from labeler.rule_tests import problems_of

    try:
        rule_set, problems = problems_of(rules)
    except FileNotFoundError as error:
        raise Failure(str(error)) from None
    if as_json:
        from labeler.io.writers import dump

        click.echo(dump({"ok": not problems, "problems": [as_dict(p) for p in problems]}, indent=2))
        return 2 if problems else 0
    for problem in problems:
        say(str(problem))
    if problems:
        say(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}")
        return 2
    if rule_set is not None:
        counts = ", ".join(f"{len(entries)} {kind}" for kind, entries in rule_set.entries.items() if entries)
        click.echo(f"{rule_set.info.name} {rule_set.info.version} ({rule_set.hash}): {counts}; no problems")
    return 0
