"""Bytes of any encoding as UTF-8 lines of bounded length, each with its number.

Everything is transcoded to UTF-8 first; a byte sequence that cannot be decoded becomes 0xFF, which no UTF-8 text
holds, so that only the row that it stands in is lost.
"""

from __future__ import annotations

import codecs
import io
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

MAX_TEXT = 1_000_000  # bytes of UTF-8 that a report may have
MAX_LINE = 4 * MAX_TEXT  # a text with every character escaped, and what stands beside it
INVALID = "\udcff"  # becomes the byte 0xFF


def _mark_invalid(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return INVALID, error.end


codecs.register_error("vnlabel.invalid", _mark_invalid)

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Transcoder(io.RawIOBase):
    """A binary stream read as `encoding` and given on as UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("vnlabel.invalid")
        self._held = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._held and not self._ended:
            raw = self._stream.read(1 << 16)
            self._ended = not raw
            text = self._decoder.decode(raw, final=self._ended)
            self._held = text.encode("utf-8", "surrogateescape")
        n = min(len(buffer), len(self._held))
        buffer[:n] = self._held[:n]
        self._held = self._held[n:]
        return n


def utf8(stream: BinaryIO, encoding: str | None) -> BinaryIO:
    """The stream as UTF-8 without a byte order mark; `encoding` None means UTF-8, or what the mark says."""
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[type-var]
    head = buffered.peek(4)[:4]
    for mark, name in _MARKS:
        if head.startswith(mark) and (
            encoding is None or codecs.lookup(encoding).name in (name, name[:6], "utf-8-sig")
        ):
            buffered.read(len(mark))
            encoding = name
            break
    if encoding is None or codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
        return buffered
    return io.BufferedReader(Transcoder(buffered, encoding), 1 << 16)


class RawLine(NamedTuple):
    """A line with its end; `too_long` when only its beginning is here."""

    number: int
    data: bytes
    too_long: bool = False


class Lines:
    """Numbered lines of a UTF-8 stream, which can be taken back.

    Lines end with LF or CR LF; with CR alone in a file that begins so (old spreadsheet exports).
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._number = 0
        self._back: deque[RawLine] = deque()
        head = stream.peek(1 << 13) if isinstance(stream, io.BufferedReader) else b""
        self._source = self._by_cr() if b"\r" in head.rstrip(b"\r") and b"\n" not in head else self._by_lf()

    def __iter__(self) -> Iterator[RawLine]:
        return self

    def __next__(self) -> RawLine:
        if self._back:
            return self._back.popleft()
        return next(self._source)

    def take_back(self, lines: list[RawLine]) -> None:
        """Give these lines again, before any others."""
        self._back.extendleft(reversed(lines))

    def _by_lf(self) -> Iterator[RawLine]:
        readline = self._stream.readline
        while data := readline(MAX_LINE):
            self._number += 1
            too_long = len(data) == MAX_LINE and not data.endswith(b"\n")
            if too_long:
                while (rest := readline(MAX_LINE)) and not rest.endswith(b"\n"):
                    pass
            yield RawLine(self._number, data, too_long)

    def _by_cr(self) -> Iterator[RawLine]:
        held, too_long = b"", False
        while block := self._stream.read(1 << 16):
            parts = block.split(b"\r")
            for part in parts[:-1]:
                self._number += 1
                yield RawLine(self._number, held + part + b"\n", too_long)
                held, too_long = b"", False
            if len(held) < MAX_LINE:
                held += parts[-1]
            else:
                too_long = True
        if held:
            self._number += 1
            yield RawLine(self._number, held, too_long)


class Counting:
    """A stream's lines and how far they are read."""

    def __init__(self, stream: BinaryIO, encoding: str | None, total: int) -> None:
        self._raw = stream
        self.total = total
        self.lines = Lines(utf8(stream, encoding))

    def done(self) -> int:
        """Bytes read so far, where the total is known."""
        try:
            return self._raw.tell() if self.total else 0
        except (OSError, ValueError):
            return 0
