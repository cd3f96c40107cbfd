"""vnlabel rules"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from labeler.cli.base import CONTEXT, Failure, Group, load_labeler, rules_option, say

if TYPE_CHECKING:
    from labeler.rules import Problem


@click.group(cls=Group, context_settings=CONTEXT)
def rules() -> None:
    """Check and test a rule set.

    \b
    Example:
      vnlabel rules check --rules my_hospital
    """


@rules.command()
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

        click.echo(dump({"ok": not problems, "problems": [_as_dict(p) for p in problems]}, indent=2))
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


@rules.command()
@rules_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def test(rules: str | None, as_json: bool) -> int:
    """Run the examples beside the rules: those that must give the finding, and those that must not.

    \b
    Examples:
      vnlabel rules test
      vnlabel rules test --rules my_hospital
    """
    from labeler.rule_tests import run_examples

    result = run_examples(load_labeler(rules))
    if as_json:
        from labeler.io.writers import dump

        counts = {"examples": result.run, "failed": len(result.failed), "without_examples": result.bare}
        click.echo(
            dump({"ok": not result.failed, **counts, "failures": [_as_dict(p) for p in result.failed]}, indent=2)
        )
        return 1 if result.failed else 0
    for problem in result.failed:
        say(str(problem))
    click.echo(
        f"{result.run} examples, {len(result.failed)} failed; {result.findings} findings, {len(result.bare)} without examples"
    )
    return 1 if result.failed else 0


def _as_dict(problem: Problem) -> dict[str, str | int]:
    return {"file": problem.file, "line": problem.line, "column": problem.column, "message": problem.message}
