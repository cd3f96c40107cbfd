"""What the commands of `vnlabel dataset` share."""

from __future__ import annotations

import getpass
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from labeler.cli.base import Failure, Stopped, one_line, say
from labeler.cli.progress import Meter, Progress

if TYPE_CHECKING:
    from labeler.dataset.workspace import Workspace

SHOWN_REASONS = 12

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
workspace_argument = click.argument("workspace", metavar="WORKSPACE")


@contextmanager
def errors_in_a_line(path: str) -> Iterator[None]:
    """Whatever is wrong with the workspace at a path, or with the input, ends the command with one line."""
    from sqlalchemy.exc import DBAPIError

    from labeler.io.refusals import BadInput
    from labeler.rules import RuleSetError

    try:
        yield
    except (Stopped, KeyboardInterrupt) as stop:
        stopped = stop if isinstance(stop, Stopped) else Stopped(signal.SIGINT)
        stopped.left = "what was done is kept: run it again to go on"
        raise stopped from None
    except DBAPIError as error:  # a full disk, a broken file; never with the statement, which may hold texts
        raise Failure(one_line(f"{path}: the workspace cannot be used: {error.orig}")) from None
    except BadInput as error:
        raise Failure(str(error)) from None
    except RuleSetError as error:
        for problem in error.problems[:-1]:
            say(str(problem))
        raise Failure(str(error.problems[-1])) from None


@contextmanager
def opened(path: str, *, create: bool = False, write: bool = True) -> Iterator[Workspace]:
    """The workspace in a folder, its errors in a line."""
    from labeler.dataset.workspace import open_workspace

    with errors_in_a_line(path), open_workspace(path, create=create, write=write) as workspace:
        yield workspace


@contextmanager
def for_its_owner_alone() -> Iterator[None]:
    """Files and folders made here, which tell of patients, are readable by nobody else."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def user(did: str) -> str:
    """The name of whoever runs this, who `did` something that is kept under a name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # nobody that the system knows, as in a container
        raise click.UsageError(f"who {did}? say --who NAME", click.get_current_context()) from None


def stepper(meter: Meter, progress: Progress) -> Callable[[int], None]:
    """What a stage calls with the amount it has done."""

    def step(more: int) -> None:
        meter.add(more)
        progress.step()

    return step


def answer(as_json: bool, found: dict[str, Any], lines: list[str]) -> None:
    """Print a result as lines, or as JSON."""
    if as_json:
        from labeler.io.writers import dump

        click.echo(dump(found, indent=2))
        return
    for line in lines:
        click.echo(line)


def listing(counts: dict[str, int] | Counter[str]) -> str:
    """Counts in one line."""
    return ", ".join(f"{n} {name}" for name, n in counts.items())


def reasons_of(what: str, reasons: dict[str, int] | Counter[str]) -> list[str]:
    """Reasons, the most frequent first, one a line."""
    most = sorted(reasons.items(), key=lambda found: (-found[1], found[0]))
    lines = [f"  {what}: {n} {name}" for name, n in most[:SHOWN_REASONS]]
    return lines + ([f"  {what}: {len(most) - SHOWN_REASONS} more reasons"] if len(most) > SHOWN_REASONS else [])
