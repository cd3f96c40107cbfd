"""Sources of reports: CSV, TSV, JSON lines, Parquet, a folder of text files, standard input.

A source is an iterable of `Report` and `Refused`, read as a stream.  A row that cannot become a report is refused
with its place and the reason, never with its text; all other rows are given.  What makes a whole file unusable
(missing, empty, without the column) raises `BadInput`.
"""

from __future__ import annotations

import codecs
import json
import re
import sys
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from labeler.io.lines import MAX_TEXT, Lines, RawLine, utf8
from labeler.report import Report

FORMATS = ("csv", "tsv", "jsonl", "parquet", "txt")
SUFFIXES = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet",
            ".pq": "parquet", ".txt": "txt"}  # fmt: skip
STDIN = "-"
TORN = 200  # lines after a broken record in which the rest of its text is looked out for
LOOKAHEAD = 16 * MAX_TEXT  # bytes after an opening quote in which its closing quote is looked for


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
        return _too_long(file, line)
    return Report(report_id, text, f"{file}:{line}")


def _too_long(file: str, line: int) -> Refused:
    return Refused(
        file, line, "too_long", "the text is over 1 MB, which no report is; is a quote or a line end missing?"
    )


def _undecodable(file: str, line: int) -> Refused:
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


def _near_file(file: Path) -> str:
    try:
        names = [p.name for p in file.parent.iterdir()]
    except OSError:
        return ""
    near = get_close_matches(file.name, names, n=1)
    return f"; did you mean {str(file.parent / near[0])!r}?" if near else ""


class SeenIds:
    """Which ids were seen, as 8-byte hashes in one table: 16 to 32 bytes an id, whatever its length."""

    def __init__(self) -> None:
        self._table = array("Q", bytes(8 << 12))
        self._used = 0

    def add(self, report_id: str) -> bool:
        """Remember an id; False when it was there already."""
        key = (hash(report_id) & 0xFFFF_FFFF_FFFF_FFFF) or 1
        table = self._table
        mask = len(table) - 1
        i = key & mask
        while table[i]:
            if table[i] == key:
                return False
            i = (i + 1) & mask
        table[i] = key
        self._used += 1
        if self._used * 2 > len(table):
            self._grow()
        return True

    def _grow(self) -> None:
        table = array("Q", bytes(16 * len(self._table)))
        mask = len(table) - 1
        for key in self._table:
            if key:
                i = key & mask
                while table[i]:
                    i = (i + 1) & mask
                table[i] = key
        self._table = table


class _Counting:
    """A stream's lines and how far they are read."""

    def __init__(self, stream: BinaryIO, encoding: str | None, total: int) -> None:
        self._raw = stream
        self.total = total
        self.lines = Lines(utf8(stream, encoding))

    def done(self) -> int:
        try:
            return self._raw.tell() if self.total else 0
        except (OSError, ValueError):
            return 0


# CSV and TSV

OUTSIDE, INSIDE, BROKEN = 0, 1, 2


def quote_state(line: bytes, state: int, delimiter: bytes) -> int:
    """State after a physical line of a CSV record: OUTSIDE quotes, INSIDE one, or BROKEN (text after a closing quote).

    A quote opens a field only as its first character; elsewhere in an unquoted field it is a plain character.
    """
    if b'"' not in line:
        return state
    end = len(line.rstrip(b"\r\n"))
    at = 0
    while True:
        if state == OUTSIDE:
            if line[at : at + 1] == b'"':
                state, at = INSIDE, at + 1
                continue
            at = line.find(delimiter, at)
            if at < 0:
                return OUTSIDE
            at += 1
            continue
        at = line.find(b'"', at)
        if at < 0:
            return INSIDE
        at += 1
        if line[at : at + 1] == b'"':
            at += 1
        elif at >= end:
            return OUTSIDE
        elif line[at : at + 1] == delimiter:
            state, at = OUTSIDE, at + 1
        else:
            return BROKEN


class Delimited:
    """CSV or TSV with a header; the delimiter of a CSV is comma, semicolon or tab, whichever shows both columns."""

    def __init__(
        self, name: str, stream: BinaryIO, columns: tuple[str, str], encoding: str | None, total: int,
        delimiter: str | None, optional: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.name = name
        self.columns = columns
        self._in = _Counting(stream, encoding, total)
        self.total = total
        self.done = self._in.done
        self._delimiter = delimiter
        self._doubtful = 0  # lines up to here may belong to a record that was given up
        self._spaces = False  # whether ids hold spaces in this file
        self._start()

    def _start(self) -> None:
        """Read the header, which tells the delimiter."""
        header = next((line for line in self._in.lines if line.data.strip()), None)
        if header is None:
            raise BadInput(
                f"{self.name}:1: the file is empty; its first line must name the columns {self.columns[0]} and {self.columns[1]}"
            )
        if b"\0" in header.data:
            raise BadInput(
                f"{self.name}:{header.number}: holds NUL bytes; is it UTF-16 without a mark? then say --encoding utf-16-le"
            )
        try:
            text = header.data.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise BadInput(
                f"{self.name}:{header.number}: the header is not UTF-8; save the file as UTF-8 or name its --encoding"
            ) from None
        choices = [self._delimiter] if self._delimiter else [",", ";", "\t"]
        headers = {d: self._header(text, d) for d in choices}
        best = max(choices, key=lambda d: (sum(c in headers[d] for c in self.columns), len(headers[d])))
        self.header = headers[best]
        self._delimiter = best
        self._fields = _field_pattern(best)
        for name, option in zip(self.columns, ("--id-column", "--text-column"), strict=True):
            if name not in self.header:
                raise missing_column(self.name, header.number, name, self.header, option)
            if self.header.count(name) > 1:
                raise BadInput(f"{self.name}:{header.number}: the column {name!r} stands there twice; keep one")

    def _header(self, text: str, delimiter: str) -> list[str]:
        fields = _split(text, delimiter, _field_pattern(delimiter))
        return [f.strip() for f in fields] if fields is not None else []

    def __iter__(self) -> Iterator[Report | Refused]:
        id_at, text_at = (self.header.index(c) for c in self.columns)
        for line, row in self.rows():
            if isinstance(row, Refused):
                yield row
            else:
                yield make_report(self.name, line, row[id_at], row[text_at])

    def rows(self) -> Iterator[tuple[int, list[str] | Refused]]:
        """Records as lists of fields, each with the line that it begins on."""
        delimiter = str(self._delimiter)
        sep = delimiter.encode()
        width = len(self.header)
        for line in self._in.lines:
            data = line.data
            number = line.number
            if line.too_long:
                yield number, _too_long(self.name, number)
                continue
            last = number
            if b'"' in data:
                state = quote_state(data, OUTSIDE, sep)
                if state != OUTSIDE:
                    joined = self._join(line, state, sep)
                    if isinstance(joined, Refused):
                        yield number, joined
                        continue
                    data, last = joined
            elif not data.strip():
                continue
            try:
                text = data.decode("utf-8")
            except UnicodeDecodeError:
                yield number, _undecodable(self.name, number)
                continue
            fields = _split(
                text.rstrip("\r\n") if last == number else text.removesuffix("\n").removesuffix("\r"),
                delimiter,
                self._fields,
            )
            if fields is None:
                yield number, self._bad_quote(number)
            elif len(fields) != width:
                to = f" (lines {number} to {last})" if last > number else ""
                few = "few" if len(fields) < width else "many"
                hint = "is a line end unquoted?" if few == "few" else f"a text that holds {delimiter!r} must be quoted"
                yield (
                    number,
                    Refused(
                        self.name,
                        number,
                        f"too_{few}_fields",
                        f"{len(fields)} fields where the header has {width}{to}; {hint}",
                    ),
                )
            elif self._is_torn(number, fields):
                hint = "quotes inside a quoted text must be doubled"
                yield number, Refused(self.name, number, "broken_record", f"part of the broken record above; {hint}")
            else:
                yield number, fields

    def _is_torn(self, number: int, fields: list[str]) -> bool:
        """Whether this may be a line of a text whose record was given up: no id holds spaces or quotes, as text does."""
        like_text = re.search(r'[\s"]', fields[self.header.index(self.columns[0])].strip()) is not None
        if number > self._doubtful:
            self._spaces = self._spaces or like_text
            return False
        if like_text:
            return not self._spaces
        self._doubtful = 0
        return False

    def _bad_quote(self, number: int) -> Refused:
        return Refused(
            self.name,
            number,
            "bad_quote",
            'text after a closing quote; a quote inside a quoted text must be doubled ("")',
        )

    def _join(self, first: RawLine, state: int, sep: bytes) -> tuple[bytes, int] | Refused:
        """The whole record that begins on a line with an open quote.

        When the quote is never closed, or closed in the midst of a text, only the first line is refused and the
        lines after it are read anew: a forgotten quote costs one row and not the rest of the file.
        """
        taken: list[RawLine] = []
        size = len(first.data)
        while state == INSIDE and size <= LOOKAHEAD:
            line = next(self._in.lines, None)
            if line is None:
                break
            taken.append(line)
            size += len(line.data)
            if line.too_long:
                break
            state = quote_state(line.data, INSIDE, sep)
        if state == OUTSIDE:
            last = taken[-1].number
            if size > 2 * MAX_TEXT + (1 << 16):
                return _too_long(self.name, first.number)
            return b"".join([first.data, *(line.data for line in taken)]), last
        self._in.lines.take_back(taken)
        self._doubtful = max(self._doubtful, first.number + TORN)
        if state == BROKEN:
            return self._bad_quote(first.number)
        return Refused(
            self.name,
            first.number,
            "open_quote",
            "a quote opens here and is never closed; close it, or double it inside a text",
        )


def _field_pattern(delimiter: str) -> re.Pattern[str]:
    d = re.escape(delimiter)
    return re.compile(rf'(?:"((?:[^"]++|"")*+)"|([^{d}]*+))({d}|\Z)', re.S)


def _split(text: str, delimiter: str, pattern: re.Pattern[str]) -> list[str] | None:
    """Fields of a record, or None when a quote is closed in the midst of a field."""
    if '"' not in text:
        return text.split(delimiter)
    out: list[str] = []
    at = 0
    while True:
        m = pattern.match(text, at)
        if m is None or (m.group(1) is None and m.group(2).startswith('"')):
            return None
        out.append(m.group(1).replace('""', '"') if m.group(1) is not None else m.group(2))
        if not m.group(3):
            return out
        at = m.end()


# JSON lines

PATIENCE = 50  # rows without the column, and none with it, after which the column is held to be missing


class JsonLines:
    """One JSON object a line."""

    def __init__(self, name: str, stream: BinaryIO, columns: tuple[str, str], encoding: str | None, total: int) -> None:
        self.name = name
        self.columns = columns
        self._in = _Counting(stream, encoding, total)
        self.total = total
        self.done = self._in.done

    def __iter__(self) -> Iterator[Report | Refused]:
        waiting: list[Refused] = []  # rows without the columns, until a row has them
        unseen: set[str] = set(self.columns)
        keys: dict[str, None] = {}
        for number, record in self.records():
            if isinstance(record, Refused):
                yield record
                continue
            missing = [c for c in self.columns if c not in record]
            if unseen:
                unseen.intersection_update(missing)
                keys.update(dict.fromkeys(record))
                if missing and unseen and len(waiting) < PATIENCE:
                    waiting.append(self._missing(number, missing[0], record))
                    continue
                if missing and unseen:
                    break
                if not unseen:
                    yield from waiting
                    waiting = []
            yield self._missing(number, missing[0], record) if missing else self._report(number, record)
        if waiting:
            name = next(c for c in self.columns if c in unseen)
            option = "--id-column" if name == self.columns[0] else "--text-column"
            raise missing_column(self.name, waiting[0].line, name, list(keys), option)

    def records(self) -> Iterator[tuple[int, dict[str, Any] | Refused]]:
        """The objects, each with its line."""
        for line in self._in.lines:
            if line.data.strip():
                yield line.number, self._record(line)

    def _missing(self, number: int, name: str, record: dict[str, Any]) -> Refused:
        code = "missing_id" if name == self.columns[0] else "missing_text"
        near = get_close_matches(name, list(record), n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else "every object needs it"
        return Refused(self.name, number, code, f"no key {name!r}; {hint}")

    def _record(self, line: RawLine) -> dict[str, Any] | Refused:
        if line.too_long:
            return _too_long(self.name, line.number)
        try:
            text = line.data.decode("utf-8")
        except UnicodeDecodeError:
            return _undecodable(self.name, line.number)
        try:
            record = json.loads(text)
        except json.JSONDecodeError as error:
            return Refused(
                self.name,
                line.number,
                "broken_json",
                f"not valid JSON at column {error.colno}: {error.msg}; one object a line",
            )
        except (ValueError, RecursionError):
            return Refused(
                self.name, line.number, "broken_json", "not usable JSON: a number or a nesting beyond all bounds"
            )
        if not isinstance(record, dict):
            return Refused(self.name, line.number, "broken_json", "not a JSON object; one object a line: {...}")
        return record

    def _report(self, number: int, record: dict[str, Any]) -> Report | Refused:
        report_id, text = (record[c] for c in self.columns)
        if isinstance(report_id, int) and not isinstance(report_id, bool):
            report_id = str(report_id)
        if report_id is None:
            report_id = ""
        if not isinstance(report_id, str):
            return Refused(self.name, number, "bad_id", f"{self.columns[0]!r} is neither a string nor a whole number")
        if text is None:
            text = ""
        if not isinstance(text, str):
            return Refused(
                self.name, number, "bad_text", f"{self.columns[1]!r} is not a string; put the text in quotes"
            )
        if _has_surrogate(text) or _has_surrogate(report_id):
            return Refused(
                self.name,
                number,
                "undecodable",
                "holds half a surrogate pair (\\ud800 to \\udfff), which is no character",
            )
        return make_report(self.name, number, report_id, text)


def _has_surrogate(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


# Parquet


class ParquetFile:
    """Two columns of a Parquet file, read in batches; a "line" is a row, counted from 1."""

    def __init__(self, path: str, columns: tuple[str, str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.name = path
        self.columns = columns
        try:
            self._file = pq.ParquetFile(path, pre_buffer=False)
        except (pa.ArrowException, OSError) as error:
            raise BadInput(f"{path}: not a Parquet file: {str(error).splitlines()[0]}") from None
        names = self._file.schema_arrow.names
        for name, option in zip(columns, ("--id-column", "--text-column"), strict=True):
            if name not in names:
                raise missing_column(path, 1, name, names, option)
        kind = self._file.schema_arrow.field(columns[1]).type
        if not _texts(kind):
            raise BadInput(f"{path}:1: the column {columns[1]!r} holds {kind}, not text (--text-column)")
        self.total = self._file.metadata.num_rows
        self._row = 0

    def done(self) -> int:
        return self._row

    def __iter__(self) -> Iterator[Report | Refused]:
        import pyarrow as pa

        try:
            for batch in self._file.iter_batches(batch_size=512, columns=list(dict.fromkeys(self.columns))):
                ids, texts = (self._values(batch.column(name)) for name in self.columns)
                for report_id, text in zip(ids, texts, strict=True):
                    self._row += 1
                    yield self._report(report_id, text)
        except (pa.ArrowException, OSError) as error:
            raise BadInput(
                f"{self.name}:{self._row + 1}: the file breaks off here: {str(error).splitlines()[0]}"
            ) from None

    def _values(self, column: Any) -> list[Any]:
        import pyarrow as pa

        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
            column = column.cast(pa.large_binary())
        elif pa.types.is_string(column.type):
            column = column.cast(pa.binary())  # bytes that are not UTF-8 must not cost the whole batch
        values: list[Any] = column.to_pylist()
        return values

    def _report(self, report_id: Any, text: Any) -> Report | Refused:
        if report_id is None:
            report_id = ""
        if isinstance(report_id, bool | float | list | dict):
            return Refused(
                self.name, self._row, "bad_id", f"{self.columns[0]!r} is neither a string nor a whole number"
            )
        try:
            plain_id = report_id.decode("utf-8") if isinstance(report_id, bytes) else str(report_id)
            plain = "" if text is None else text.decode("utf-8")
        except UnicodeDecodeError:
            return _undecodable(self.name, self._row)
        return make_report(self.name, self._row, plain_id, plain)


def _texts(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    checks: tuple[Callable[[Any], bool], ...] = (
        pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary, pa.types.is_null,
        pa.types.is_string_view,
    )  # fmt: skip
    return any(check(kind) for check in checks)


# text files


class Folder:
    """The .txt files of a folder in the order of their names, or one such file; the id is the name without .txt."""

    def __init__(self, path: str, encoding: str | None) -> None:
        self.encoding = encoding
        root = Path(path)
        if root.is_dir():
            names = sorted(p.name for p in root.iterdir() if p.suffix.lower() == ".txt" and not p.name.startswith("."))
            self._files = [root / name for name in names]
            if not names:
                raise BadInput(f"{path}: no .txt files in this folder; each report is one, named by its id")
        else:
            self._files = [root]
        self.total = len(self._files)
        self._row = 0

    def done(self) -> int:
        return self._row

    def __iter__(self) -> Iterator[Report | Refused]:
        for file in self._files:
            self._row += 1
            yield self._read(file)

    def _read(self, file: Path) -> Report | Refused:
        name = str(file)
        try:
            with file.open("rb") as raw:
                data = utf8(raw, self.encoding).read(MAX_TEXT + 1)
        except OSError as error:
            return Refused(name, 1, "unreadable", f"cannot be read: {error.strerror or error}")
        if len(data) > MAX_TEXT:
            return _too_long(name, 1)
        try:
            text = data.decode("utf-8")
            file.stem.encode("utf-8")
        except UnicodeDecodeError as error:
            return _undecodable(name, data[: error.start].count(b"\n") + 1)
        except UnicodeEncodeError:
            return Refused(
                name.encode("utf-8", "replace").decode(), 1, "bad_id", "the file name is not UTF-8; rename it"
            )
        return make_report(name, 1, file.stem, text)
