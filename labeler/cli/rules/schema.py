"""vnlabel rules schema"""

from __future__ import annotations

import click

from labeler.cli.base import write_output


@click.command()
@click.option("-o", "--output", default="-", metavar="FILE", help="Where it goes; - is standard output (the default).")
def schema(output: str) -> None:
    """Write the JSON Schema of rule files, by which editors complete, explain and check them.

    Name it in the first line of a rule file: # yaml-language-server: $schema=.schema.json

    \b
    Examples:
      vnlabel rules schema
      vnlabel rules schema -o my_hospital/.schema.json
    """
    from labeler.json_schema import rule_file_schema_text

    write_output(output, [rule_file_schema_text()])
