"""How far a long piece of work is."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

from labeler.cli.base import say

if TYPE_CHECKING:
    from labeler.io.sources import Source


class Progress:
    """A bar on standard error when that is a terminal, and lines that do not break it."""

    def __init__(self, source: Source, what: str) -> None:
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
