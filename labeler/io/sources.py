"""Sources of reports: CSV, TSV, JSON lines, Parquet, a folder of text files, standard input.

A source is an iterable of `Report` and `Refused`, read as a stream.  A row that cannot become a report is refused
with its place and the reason, never with its text; all other rows are given.  What makes a whole file unusable
(missing, empty, without the column) raises `BadInput`.
"""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO, Protocol

from labeler.io.delimited import Delimited
from labeler.io.folder import Folder
from labeler.io.json_lines import JsonLines
from labeler.io.lines import utf8
from labeler.io.parquet import ParquetFile
from labeler.io.refusals import BadInput, Refused
from labeler.report import Report

FORMATS = ("csv", "tsv", "jsonl", "parquet", "txt")
SUFFIXES = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet",
            ".pq": "parquet", ".txt": "txt"}  # fmt: skip
STDIN = "-"


class Source(Protocol):
    """Reports in order; `total` and `done` measure the way through it, in bytes or rows (total 0: unknown)."""

    total: int

    def __iter__(self) -> Iterator[Report | Refused]: ...

    def done(self) -> int:
        """How much of `total` is read."""
        ...


def open_source(
    path: str, fmt: str | None = None, id_column: str = "report_id", text_column: str = "description",
    encoding: str | None = None,
) -> Source:  # fmt: skip
    """The source at a path (or "-" for standard input), its format told by name unless given.

    Raises BadInput.
    """
    if encoding is not None:
        try:
            codecs.lookup(encoding)
        except LookupError:
            raise BadInput(f"unknown encoding {encoding!r}; for instance utf-8, utf-16, cp1258") from None
    columns = (id_column, text_column)
    if path == STDIN:
        return _open_stdin(fmt, columns, encoding)
    file = Path(path)
    if not file.exists():
        raise BadInput(f"{path}: no such file or folder{_near_file(file)}")
    if file.is_dir():
        if fmt not in (None, "txt"):
            raise BadInput(f"{path}: a folder is read as .txt files, one report each; name a file for {fmt}")
        return Folder(path, encoding)
    fmt = fmt or SUFFIXES.get(file.suffix.lower())
    if fmt is None:
        raise BadInput(f"{path}: cannot tell the format from the name; say --format with one of {', '.join(FORMATS)}")
    try:
        if fmt == "parquet":
            return ParquetFile(path, columns)
        if fmt == "txt":
            return Folder(path, encoding)
        stream = file.open("rb")
        total = file.stat().st_size
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None
    return _text_source(fmt, stream, path, columns, encoding, total)


def _open_stdin(fmt: str | None, columns: tuple[str, str], encoding: str | None) -> Source:
    if fmt in ("parquet", "txt"):
        raise BadInput(f"<stdin>: {fmt} cannot be read from a pipe; csv, tsv and jsonl can")
    stream = sys.stdin.buffer
    if fmt is None:
        clean = utf8(stream, encoding)
        head: bytes = clean.peek(1).lstrip()  # type: ignore[attr-defined]
        fmt = "jsonl" if head.startswith(b"{") else "csv"
        return _text_source(fmt, clean, "<stdin>", columns, "utf-8", 0)
    return _text_source(fmt, stream, "<stdin>", columns, encoding, 0)


def _text_source(
    fmt: str, stream: BinaryIO, name: str, columns: tuple[str, str], encoding: str | None, total: int
) -> Source:
    if fmt == "jsonl":
        return JsonLines(name, stream, columns, encoding, total)
    return Delimited(name, stream, columns, encoding, total, "\t" if fmt == "tsv" else None)


def _near_file(file: Path) -> str:
    try:
        names = [p.name for p in file.parent.iterdir()]
    except OSError:
        return ""
    near = get_close_matches(file.name, names, n=1)
    return f"; did you mean {str(file.parent / near[0])!r}?" if near else ""
