"""vnlabel rules: a file for each command, imported when it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from labeler.cli.base import CONTEXT, LazyGroup

if TYPE_CHECKING:
    from labeler.rules import Problem

COMMANDS = {
    "new": ("labeler.cli.rules.new", "new", "Write a small rule set to begin from."),
    "check": ("labeler.cli.rules.check", "check", "Name everything that is wrong with a rule set."),
    "test": ("labeler.cli.rules.test", "test", "Run the examples beside the rules."),
    "stats": ("labeler.cli.rules.stats", "stats", "Count what each rule does on reports."),
    "diff": ("labeler.cli.rules.diff", "diff", "Show which reports two rule sets label differently, and why."),
    "suggest": (
        "labeler.cli.rules.suggest",
        "suggest",
        "Suggest rules for what reports say and the rules do not know.",
    ),
    "schema": ("labeler.cli.rules.schema", "schema", "Write the JSON Schema of rule files, for editors."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings=CONTEXT)
def rules() -> None:
    """Write, check, test and measure a rule set.

    \b
    Example:
      vnlabel rules check --rules my_hospital
    """


def as_dict(problem: Problem) -> dict[str, str | int]:
    """A problem as --json prints it."""
    return {"file": problem.file, "line": problem.line, "column": problem.column, "message": problem.message}
