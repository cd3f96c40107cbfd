"""How far a long piece of work is."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Protocol

from labeler.cli.base import say


class Way(Protocol):
    """Something that is gone through: how much there is (0: unknown), and how much is done."""

    @property
    def total(self) -> int: ...

    def done(self) -> int: ...


class Meter:
    """A way that is counted by whoever goes it."""

    def __init__(self, total: int = 0) -> None:
        self.total = total
        self._done = 0

    def add(self, more: int) -> None:
        """So much more is done."""
        self._done += more

    def done(self) -> int:
        """How much is done."""
        return self._done


class Progress:
    """A bar on standard error when that is a terminal, and lines that do not break it."""

    def __init__(self, source: Way, what: str) -> None:
        self._source = source
        self._what = what
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn(self._what),
                BarColumn(),
                TaskProgressColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Bar(
                *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
            )
            self._task = self._bar.add_task(self._what, total=self._source.total or None)
            self._bar.start()
        return self

    def step(self) -> None:
        """Some more rows have passed."""
        if self._bar is not None:
            self._bar.update(self._task, completed=self._source.done())

    def say(self, line: str) -> None:
        """A line, above the bar if there is one."""
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            say(line)

    def tell_line(self, line: str) -> None:
        """A line after the bar has gone."""
        say(line)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
