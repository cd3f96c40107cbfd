"""CSV and TSV as a stream of rows: quoted line breaks kept, a broken record parted from the next."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from labeler.io.lines import MAX_TEXT, Counting, RawLine
from labeler.io.refusals import BadInput, Refused, make_report, missing_column, too_long, undecodable
from labeler.report import Report

TORN = 200  # lines after a broken record in which the rest of its text is looked out for
LOOKAHEAD = 16 * MAX_TEXT  # bytes after an opening quote in which its closing quote is looked for
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
        self._in = Counting(stream, encoding, total)
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
                yield number, too_long(self.name, number)
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
                yield number, undecodable(self.name, number)
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
                return too_long(self.name, first.number)
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
