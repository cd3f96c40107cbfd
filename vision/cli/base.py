"""What the commands share: the group, options, messages, and how all of them end."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click

from vision.errors import InputError

# Only what `--help` needs is imported here: torch and timm take seconds, and the commands import what they use.

READ = click.Path(path_type=Path)
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def package_version() -> str:
    """Of the installed package; 0 where it is run from a bare checkout."""
    try:
        return version("vnlabel")
    except PackageNotFoundError:
        return "0"


def say(line: str) -> None:
    """A line on stderr."""
    click.echo(line, err=True)


def finish(problems: Sequence[tuple[str, str]], allow_refused: bool) -> None:
    """Names and counts what was refused; exit status 2 unless that is allowed."""
    from vision.data import counted

    if problems:
        for line in counted(list(problems)):
            say(line)
        if not allow_refused:
            raise SystemExit(2)


def write(path: str, text: str) -> None:
    """Writes a file atomically; `-` is stdout."""
    from vision.files import write_text

    if path == "-":
        click.echo(text, nl=False)
    else:
        write_text(Path(path), text)


def print_json(result: Any) -> None:
    """A result on stdout; what is undefined has to be None."""
    click.echo(json.dumps(result, indent=2, allow_nan=False))


def threshold_or_split(context: click.Context, parameter: click.Parameter, value: str | None) -> str | float | None:
    """A number in 0..1, or the split that thresholds are chosen on."""
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        if value in ("train", "valid", "test"):
            return value
        raise click.BadParameter(f"{value!r} is neither a number in 0..1 nor train, valid or test") from None
    if not 0 <= number <= 1:
        raise click.BadParameter(f"{value} is no threshold, a number in 0..1 is")
    return number


allow_refused_option = click.option(
    "--allow-refused", is_flag=True, help="Leave bad rows and files out and go on, exit 0."
)
accelerator_option = click.option(
    "--accelerator", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True
)
batch_size_option = click.option("--batch-size", type=click.IntRange(1), default=32, show_default=True)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
settings_option = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any key of the configuration."
)


@click.group(context_settings=CONTEXT)
@click.version_option(package_version(), prog_name="vnvision")
def cli() -> None:
    """From a label CSV and a folder of films to trained and measured models.

    \b
    Example:
      vnvision train --labels labels.csv --images DIR -o runs/first
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point: bad input is one line each on stderr and exit status 2, never a traceback."""
    try:
        status: Any = cli(arguments, prog_name="vnvision", standalone_mode=False)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "vnvision"
        say(f"{where}: {' '.join(error.format_message().split())} (see {where} --help)")
        sys.exit(2)
    except click.Abort:
        say("stopped")
        sys.exit(130)
    except InputError as error:
        say(str(error))
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:
        say(f"{error.filename or 'output'}:1:1: {error.strerror or error}, another place is needed")
        sys.exit(2)
    if isinstance(status, int):
        sys.exit(status)
