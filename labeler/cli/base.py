"""The group of commands, and how all of them end.

Exit status: 0 fine; 1 a threshold not met or a failing example; 2 bad input, invalid rules or usage.  An error is
one line on standard error.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

if TYPE_CHECKING:
    from labeler.labeler import Labeler
    from labeler.workbench.catalog import Catalog

T = TypeVar("T")

COMMANDS = {
    "demo": ("labeler.cli.demo", "demo", "Run a small simulated hospital through every stage, to a page to read."),
    "label": ("labeler.cli.label", "label", "Label reports: a table in, labels.csv out."),
    "explain": ("labeler.cli.explain", "explain", "Show which words decided the labels of one report, and why."),
    "eval": ("labeler.cli.eval", "evaluate", "Hold labels against gold reports: scores, and why each error came about."),
    "rules": ("labeler.cli.rules", "rules", "Check and test a rule set."),
    "dataset": ("labeler.cli.dataset", "dataset", "From hospital records to a data set, stage by stage."),
}
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
SIGPIPE_STATUS = 141  # as the shell counts a program that nobody listens to any more


class Failure(click.ClickException):
    """Ends a command with its message as one line on standard error."""

    exit_code = 2


class Stopped(BaseException):
    """SIGINT, SIGTERM or SIGHUP came: unwind, removing what is half-written."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.left = "nothing was written"


class PipeClosed(BaseException):
    """Nobody reads standard output any more."""


class Group(click.Group):
    """A group whose commands end as the module says."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run, keeping from click what it would report in its own way."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Stopped(signal.SIGINT) from None
        except BrokenPipeError:
            raise PipeClosed from None

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> NoReturn:  # type: ignore[override]
        extra.pop("standalone_mode", None)
        try:
            status = super().main(args, prog_name or "vnlabel", standalone_mode=False, **extra)
            sys.stdout.flush()
        except click.UsageError as error:
            where = error.ctx.command_path if error.ctx is not None else "vnlabel"
            say(f"{where}: {one_line(error.format_message())} (see {where} --help)")
            sys.exit(2)
        except click.ClickException as error:
            say(one_line(error.format_message()))
            sys.exit(error.exit_code)
        except Stopped as stop:
            say(f"stopped; {stop.left}")
            sys.exit(128 + stop.number)
        except (BrokenPipeError, PipeClosed):
            _forget_stdout()
            sys.exit(SIGPIPE_STATUS)
        except OSError as error:
            name = f"{error.filename}: " if error.filename else ""
            say(one_line(f"{name}{error.strerror or error}"))
            sys.exit(2)
        sys.exit(status if isinstance(status, int) else 0)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command, or an error that names the nearest one."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and self.get_command(ctx, name) is None:
            near = get_close_matches(name, self.list_commands(ctx), n=1, cutoff=0.5)
            choice = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(self.list_commands(ctx))}"
            raise click.UsageError(f"no command {name!r}; {choice}", ctx)
        return super().resolve_command(ctx, args)


class LazyGroup(Group):
    """A group that knows what its commands are called and imports the one that is used.

    `lazy` has for each name the module, the command's name there and a summary.
    """

    def __init__(self, *args: Any, lazy: dict[str, tuple[str, str, str]], **extra: Any) -> None:
        super().__init__(*args, **extra)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of their use."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a command."""
        if name not in self.lazy:
            return None
        module, attribute, _ = self.lazy[name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in self.lazy.items()])


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from labeler import __version__

        click.echo(f"vnlabel {__version__}")
        ctx.exit()


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings=CONTEXT)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
def cli() -> None:
    """Vietnamese chest X-ray reports to trustworthy labels.

    \b
    Example:
      vnlabel label reports.csv -o labels.csv
    """


def main() -> NoReturn:
    """Entry point."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _stop)
    try:
        cli.main()
    except SystemExit as end:
        if isinstance(end.code, int) and end.code > 128 and threading.active_count() > 1:
            _release_semaphores()
            os._exit(end.code)  # all is tidied up; a worker pool that hangs must not hold the end back
        raise


def _release_semaphores() -> None:
    """Unlink a worker pool's semaphores as an ordinary end would, or their tracker complains on standard error."""
    finish = getattr(sys.modules.get("multiprocessing.util"), "_run_finalizers", None)
    if finish is not None:
        with contextlib.suppress(Exception):
            finish(0)


def _stop(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise Stopped(number)


def _forget_stdout() -> None:
    """Nothing more can be written: the interpreter must not try to when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(message: str) -> None:
    """A line on standard error."""
    with contextlib.suppress(OSError):
        click.echo(message, err=True)


def one_line(message: str) -> str:
    """A message without line breaks."""
    return " ".join(message.split())


def write_output(path: str, lines: Iterable[str]) -> None:
    """Write a file whole or not at all; `-` is standard output."""
    from labeler.io.refusals import BadInput
    from labeler.io.writers import Outputs

    try:
        with Outputs() as outputs:
            outputs.file(path).writelines(lines)
            outputs.commit()
    except BadInput as error:
        raise Failure(str(error)) from None


def load_labeler(rules: str | None) -> Labeler:
    """The labeler over a rule set; ends the command with one line per problem when it cannot be used."""
    from labeler.labeler import Labeler

    return usable(partial(Labeler.from_rules, rules))


def load_catalog(rules: str | None) -> Catalog:
    """The rules of a set by place; ends the command as `load_labeler` does."""
    from labeler.workbench.catalog import Catalog

    return usable(partial(Catalog.load, rules))


def usable(load: Callable[[], T]) -> T:
    """What comes of rules that are read; ends the command as `load_labeler` does."""
    from labeler.rules import RuleSetError

    try:
        return load()
    except RuleSetError as error:
        for problem in error.problems[:-1]:
            say(str(problem))
        raise Failure(str(error.problems[-1]) if error.problems else "the rule set cannot be used") from None
    except FileNotFoundError as error:
        raise Failure(str(error)) from None


def rules_option(function: Any) -> Any:
    """--rules DIR"""
    return click.option("--rules", metavar="DIR", help="Another rule set than the shipped one.")(function)


def width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def table(rows: list[list[str]], right: int | None = None) -> list[str]:
    """Rows as aligned columns, those from index `right` on aligned to the right."""
    widths = [max(width(r[i]) for r in rows) for i in range(len(rows[0]))]

    def cell(i: int, text: str) -> str:
        blank = " " * (widths[i] - width(text))
        return blank + text if right is not None and i >= right else text + blank

    return ["  ".join(cell(i, text) for i, text in enumerate(row)).rstrip() for row in rows]
