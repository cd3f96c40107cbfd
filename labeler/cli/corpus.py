"""Corpora on the command line: the options that say how to read one, and what becomes of rows that are no reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import click

from labeler.cli.base import Failure, say
from labeler.cli.progress import Progress

if TYPE_CHECKING:
    from labeler.io.gold import GoldReport
    from labeler.io.refusals import Refused
    from labeler.report import Report

FORMATS = ("csv", "tsv", "jsonl", "parquet", "txt")


@dataclass
class Corpus:
    """How reports are to be read, and an account of those that were."""

    id_column: str
    text_column: str
    fmt: str | None
    encoding: str | None
    allow_refused: bool
    reports: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def read(self, paths: tuple[str, ...], what: str) -> Iterator[Report]:
        """Reports of these sources in order; refused rows are told and counted."""
        from labeler.io.corpus import accepted
        from labeler.io.refusals import BadInput
        from labeler.io.sources import open_source

        try:
            for path in paths:
                source = open_source(path, self.fmt, self.id_column, self.text_column, self.encoding)
                with Progress(source, what) as progress:
                    for report in accepted(source, partial(self._refuse, progress), progress.step):
                        self.reports += 1
                        yield report
        except BadInput as error:
            raise Failure(str(error)) from None

    def gold(self, paths: tuple[str, ...], classes: tuple[str, ...]) -> Iterator[GoldReport]:
        """Gold reports of these paths but the blind ones; refused rows are told and counted."""
        from labeler.io.gold import read_gold
        from labeler.io.refusals import BadInput

        try:
            gold = read_gold(paths, classes)
        except (BadInput, FileNotFoundError) as error:
            raise Failure(str(error)) from None
        for row in gold.refused:
            self.refused[row.code] += 1
            say(str(row))
        for report in gold.reports:
            if not report.apart:
                self.reports += 1
                yield report

    def _refuse(self, progress: Progress, row: Refused) -> None:
        self.refused[row.code] += 1
        progress.say(str(row))

    def account(self) -> dict[str, Any]:
        """Counts for --json."""
        return {
            "reports": self.reports,
            "refused": self.refused.total(),
            "refused_by": dict(sorted(self.refused.items())),
        }

    def end(self) -> int:
        """Tell what was refused; the exit status."""
        refused = self.refused.total()
        if refused:
            say(f"{refused} row{'s' if refused > 1 else ''} refused")
        return 2 if refused and not self.allow_refused else 0


def source_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """How a source of reports is to be read, each option an argument of its own."""
    options = (
        click.option("--id-column", default="report_id", show_default=True, metavar="NAME"),
        click.option("--text-column", default="description", show_default=True, metavar="NAME"),
        click.option(
            "--format",
            "fmt",
            type=click.Choice(FORMATS),
            help="Format of the reports, when the name does not tell. For -, JSON lines are told by a leading {, else CSV.",
        ),
        click.option(
            "--encoding",
            metavar="NAME",
            help="Encoding of the reports. [default: UTF-8, or what a byte order mark says]",
        ),
        click.option("--allow-refused", is_flag=True, help="End with 0 although rows were refused."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def corpus_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `source_options`, given to the command as one `corpus`."""

    @wraps(function)
    def command(
        *args: Any,
        id_column: str,
        text_column: str,
        fmt: str | None,
        encoding: str | None,
        allow_refused: bool,
        **more: Any,
    ) -> Any:
        return function(*args, corpus=Corpus(id_column, text_column, fmt, encoding, allow_refused), **more)

    return source_options(command)
