"""What cannot be read: a row that becomes no report, or a whole file, each with its place and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from labeler.io.lines import MAX_TEXT
from labeler.report import Report


class BadInput(Exception):
    """A source or a file of decisions that cannot be read at all: one line, `path:line: what, what instead`."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot become a report: where it stands, a code to count by, and what is wrong with it."""

    file: str
    line: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


def make_report(file: str, line: int, report_id: str, text: str) -> Report | Refused:
    """A report, unless its id is missing or its text is no text."""
    report_id = report_id.strip()
    if not report_id:
        return Refused(file, line, "missing_id", "the id is missing; every report needs one")
    if "\0" in text or "\0" in report_id:
        return Refused(
            file, line, "nul", "holds a NUL byte; text has none (is the file UTF-16? then --encoding utf-16)"
        )
    if len(text) * 4 > MAX_TEXT and len(text.encode("utf-8", "surrogatepass")) > MAX_TEXT:
        return too_long(file, line)
    return Report(report_id, text, f"{file}:{line}")


def too_long(file: str, line: int) -> Refused:
    """A text that no report can be."""
    return Refused(
        file, line, "too_long", "the text is over 1 MB, which no report is; is a quote or a line end missing?"
    )


def undecodable(file: str, line: int) -> Refused:
    """Bytes that are no text."""
    return Refused(
        file,
        line,
        "undecodable",
        "holds bytes that are not text in this encoding; save it as UTF-8 or name its --encoding",
    )


def missing_column(file: str, line: int, name: str, columns: list[str], option: str) -> BadInput:
    """The error for a file without a column, with the name nearest to it."""
    near = {c.casefold(): c for c in reversed(columns)}
    found = get_close_matches(name.casefold(), list(near), n=1, cutoff=0.5)
    choice = f"did you mean {near[found[0]]!r}?" if found else f"there are: {', '.join(columns[:20]) or 'none'}"
    return BadInput(f"{file}:{line}: no column {name!r}; {choice} ({option})")
