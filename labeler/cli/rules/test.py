"""vnlabel rules test"""

from __future__ import annotations

import click

from labeler.cli.base import load_labeler, rules_option, say
from labeler.cli.rules import as_dict


@click.command()
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
        click.echo(dump({"ok": not result.failed, **counts, "failures": [as_dict(p) for p in result.failed]}, indent=2))
        return 1 if result.failed else 0
    for problem in result.failed:
        say(str(problem))
    click.echo(
        f"{result.run} examples, {len(result.failed)} failed; {result.findings} findings, {len(result.bare)} without examples"
    )
    return 1 if result.failed else 0
