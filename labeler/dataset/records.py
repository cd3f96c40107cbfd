"""Records of an XML export as a stream of events: no tree, bounded memory, nothing that a file could make explode.

DTDs, and with them all entities and references to other files, are refused; so are deep nesting and endless tags.
Known flaws of real exports are mended and counted: what stands before the declaration, control characters, a bare `&`,
HTML entities.  Everything else that is not well-formed ends the file with the place of the error.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from xml.sax import SAXParseException

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from labeler.dataset.encodings import BLOCK, Examined, Undecodable, examine_bytes
from labeler.dataset.mapping import Mapping

MAX_NAMES = 10_000  # spellings of names that are remembered
MAX_DEPTH = 200  # elements in one another
MAX_SILENCE = 64 << 20  # characters without any event: one tag that does not end
MAX_FIELD = 4_000_000  # characters kept of a field, more than any text may have
MAX_PART = 64_000_000  # characters of an embedded document
MAX_HELD = 100_000_000  # characters of reports that wait for the end of their session or embedded document
RECORD = 400  # characters that a record costs beside its fields
CODECS = {"ascii": "utf-8"}

_REFERENCE = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)(?:#(\d{1,7}|x[0-9A-Fa-f]{1,6});)?")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_CDATA, _CDATA_END = "<![CDATA[", "]]>"
_SPACE = " \t\r\n\0\ufeff"


class BrokenXml(Exception):
    """A document that cannot be read: code, place in it (from 1), what is wrong and what would be right."""

    def __init__(self, code: str, line: int, column: int, message: str) -> None:
        super().__init__(message)
        self.code, self.line, self.column = code, line, column


class Record(NamedTuple):
    """A record of some kind (session, service, report, part), its fields as they stand, and its line in the file.

    A `part` is an embedded document that could not be read; its field `code` says why.
    """

    kind: str
    fields: dict[str, str]
    line: int


Emit = Callable[[Record], None]


def read_records(path: Path, found: Examined, mappings: list[Mapping], emit: Emit) -> Counter[str]:
    """Give every record of a file to `emit`; returns how often each known flaw was mended.

    Raises BrokenXml, and OSError.  Records given before the error are for the caller to take back.
    """
    mended: Counter[str] = Counter()
    if found.misdeclared:
        mended["encoding_misdeclared"] += 1
    with path.open("rb") as stream:
        blocks = iter(lambda: stream.read(BLOCK), b"")
        _parse(_decoded(blocks, found.encoding), _Handler(mappings, emit, mended), mended)
    return mended


def _decoded(blocks: Iterable[bytes], encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(CODECS.get(encoding, encoding))()
    read = 0
    for block in blocks:
        try:
            text = decoder.decode(block)
        except UnicodeDecodeError as error:
            raise BrokenXml("undecodable", 1, 1, f"not {encoding} at byte {read + error.start}") from None
        read += len(block)
        if text:
            yield text
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise BrokenXml("undecodable", 1, 1, f"not {encoding} at its end, byte {read}: the file was cut") from None


def _mend(texts: Iterable[str], mended: Counter[str]) -> Iterator[str]:
    """The text with the known flaws mended; a reference is never cut in two."""
    started = literal = False  # literal: in a CDATA section, where & is a letter
    led = False  # whether anything stands before the first tag
    blank = 0  # lines of that
    rest = ""

    def reference(match: re.Match[str]) -> str:
        if match[1] is not None:
            number = int(match[1][1:], 16) if match[1][0] == "x" else int(match[1])
            legal = number in (9, 10, 13) or 32 <= number <= 0xD7FF or 0xE000 <= number <= 0xFFFD
            if legal or 0x10000 <= number <= 0x10FFFF:
                return match[0]
            mended["control_character"] += 1
            return " "
        mended["bare_ampersand"] += 1
        return "&amp;"

    def fit(text: str) -> str:
        if not literal and "&" in text:
            text = _REFERENCE.sub(reference, text)
        if _CONTROL.search(text) is not None:
            text, times = _CONTROL.subn(" ", text)
            mended["control_character"] += times
        return text

    for text in texts:
        text, rest = rest + text, ""
        if not started:
            body = text.lstrip(_SPACE)
            blank += text[: len(text) - len(body)].count("\n")
            led = led or len(body) < len(text)
            if not body:
                continue
            declared = body.startswith("<?xml")
            if led and declared:
                mended["blank_before_declaration"] += 1
            text = body if declared else "\n" * blank + body  # lines keep their numbers
            started = True
        out: list[str] = []
        start = 0
        while start < len(text):
            end = text.find(_CDATA_END if literal else _CDATA, start)
            if end < 0:
                end = _safe_end(text, start, literal)
                out.append(fit(text[start:end]))
                rest = text[end:]
                break
            out.append(fit(text[start : end + 3]))
            start = end + 3
            literal = not literal
        yield "".join(out)
    if rest:
        yield fit(rest)


def _safe_end(text: str, start: int, literal: bool) -> int:
    """Where a text may be cut so that no reference and no mark of a literal section is cut in two."""
    if literal:
        return max(start, len(text) - (2 if text.endswith("]]") else 1 if text.endswith("]") else 0))
    for mark, length in (("&", 12), ("<", len(_CDATA) - 1)):
        at = text.rfind(mark, max(start, len(text) - length))
        if at >= 0 and (";" not in text[at:] if mark == "&" else _CDATA.startswith(text[at:])):
            return at
    return len(text)


class _Parser(DefusedExpatParser):  # type: ignore[misc]
    """defusedxml's parser, its events of elements and text handed on without detours."""

    def __init__(self, handler: _Handler) -> None:
        super().__init__(forbid_dtd=True)
        self._handler = handler

    def reset(self) -> None:
        """Called by the first `feed`."""
        super().reset()
        self._parser.StartElementHandler = self._handler.start
        self._parser.EndElementHandler = self._handler.end
        self.hear(None)

    def hear(self, text: Callable[[str], None] | None) -> None:
        """Who gets text from now on."""
        self._parser.CharacterDataHandler = text

    def at(self) -> int:
        """Bytes gone through."""
        return int(self._parser.CurrentByteIndex)


def _parse(texts: Iterable[str], handler: _Handler, mended: Counter[str]) -> None:
    parser = handler.parser
    at = silent = -1
    try:
        for text in _mend(texts, mended):
            parser.feed(text)  # as text: the encoding is known, whatever the declaration says
            at, before = parser.at(), at
            silent = silent + len(text) if at == before else 0
            if silent > MAX_SILENCE:
                raise handler.broken("endless_tag", "a tag or comment of more than 64 MB; export the file again")
        if silent < 0:
            raise BrokenXml("not_well_formed", 1, 1, "empty; export it again")
        parser.close()
    except DefusedXmlException:
        message = "has a DTD, which can hide entity bombs and references to other files; export it without DOCTYPE"
        raise handler.broken("dtd", message) from None
    except SAXParseException as error:
        line, column = error.getLineNumber() or 1, error.getColumnNumber() or 0
        raise BrokenXml("not_well_formed", line, column + 1, _said(error.getMessage())) from None


def _said(message: str) -> str:
    """An XML parser's words, with what to do."""
    if "no element found" in message or "unclosed" in message:
        return "the XML ends before its elements do: the file was cut; export it again"
    return f"not well-formed XML: {message}; export the file again"


class _Open(NamedTuple):
    """An element of interest that is open."""

    kind: str
    depth: int
    line: int
    fields: dict[str, str]
    names: dict[str, tuple[str, int]]  # element name to field, and its rank among the field's names
    ranks: dict[str, int]  # of the names that the fields were filled from
    held: list[Record]  # reports inside a session wait for its header, which may come after them


_Names = dict[str, tuple[str, int]]


class _Handler:
    """Events of elements and text to records.

    What a name stands for is looked up as it is written: `_kinds` and each record's names learn the spellings.
    """

    def __init__(
        self, mappings: list[Mapping], emit: Emit, mended: Counter[str], *, inner_line: int | None = None
    ) -> None:
        self.parser = _Parser(self)
        self._mappings, self._emit, self._mended, self._inner_line = mappings, emit, mended, inner_line
        self._kinds: dict[str, tuple[str, _Names] | None] = {}
        self._wanted_parts: set[str] = set()
        for mapping in mappings:
            for kind in ("session", "service", "report"):
                part = getattr(mapping, kind)
                if part is not None:
                    self._add(kind, part.element, part.fields)
            inner = mapping.embedded
            if inner is not None:
                self._add("part", inner.element, {"content": inner.content, "kind": inner.kind})
                self._wanted_parts |= {name.upper() for name in inner.kinds}
        self._depth = 0
        self._stack: list[_Open] = []
        self._open: _Open | None = None  # the innermost
        self._field: tuple[str, int] | None = None
        self._field_depth = 0
        self._text: list[str] = []
        self._length = self._held = 0

    def _add(self, kind: str, elements: Iterable[str], fields: dict[str, tuple[str, ...]]) -> None:
        names = {name.upper(): (field, rank) for field, given in fields.items() for rank, name in enumerate(given)}
        for element in elements:
            self._kinds[element.upper()] = (kind, names)

    def broken(self, code: str, message: str) -> BrokenXml:
        """An error at the place that the parser has come to."""
        return BrokenXml(code, self.parser.getLineNumber() or 1, (self.parser.getColumnNumber() or 0) + 1, message)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element opens."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self.broken("too_deep", f"more than {MAX_DEPTH} elements in one another")
        record = self._open
        if self._field is not None:
            assert record is not None
            if record.kind == "part" and self._length < 1000 and not "".join(self._text).strip():
                self._end_field()  # an embedded document that is not text: its elements are read in place
            else:
                self._add_text(f"<{name}>")
                return
        kinds = self._kinds
        found = kinds[name] if name in kinds else _learn(kinds, name)
        if found is not None:
            kind, names = found
            self._open = opened = _Open(
                kind, self._depth, self._inner_line or self.parser.getLineNumber() or 1, {}, names, {}, []
            )
            self._stack.append(opened)
            for attribute, value in attributes.items():
                field = names.get(_plain(attribute))
                if field is not None:
                    _fill(opened, field, value)
        elif record is not None:
            field = record.names.get(name)
            if field is None and (":" in name or not name.isupper()):
                field = record.names.get(_plain(name))
            if field is not None:
                self._field, self._field_depth = field, self._depth
                self._length = 0
                self.parser.hear(self._add_text)

    def end(self, name: str) -> None:
        """An element closes."""
        depth = self._depth
        self._depth = depth - 1
        if self._field is not None:
            if depth > self._field_depth:
                self._add_text(f"</{name}>")
                return
            assert self._open is not None
            if self._text:
                _fill(self._open, self._field, "".join(self._text))
            self._end_field()
        elif self._open is not None and self._open.depth == depth:
            closed = self._stack.pop()
            self._open = self._stack[-1] if self._stack else None
            self._close(closed)

    def _end_field(self) -> None:
        self._field = None
        self._text = []
        self.parser.hear(None)

    def _add_text(self, text: str) -> None:
        """Text of the field that is open, in pieces."""
        self._length += len(text)
        if self._length <= MAX_FIELD:
            self._text.append(text)
            return
        assert self._open is not None and self._field is not None
        if self._open.kind != "part":
            self._open.fields["too_long"] = self._field[0]
        elif self._length > MAX_PART:
            raise self.broken("part_too_large", f"an embedded document of more than {MAX_PART // 1_000_000} MB")
        else:
            self._text.append(text)

    def _close(self, record: _Open) -> None:
        if record.kind == "part":
            self._read_part(record)
            return
        done = Record(record.kind, record.fields, record.line)
        session = next((r for r in reversed(self._stack) if r.kind == "session"), None)
        if session is not None and record.kind != "session":
            self._held += RECORD + sum(map(len, record.fields.values()))
            if self._held > MAX_HELD:
                raise self.broken("session_too_large", f"a session of more than {MAX_HELD // 1_000_000} MB")
            session.held.append(done)
            return
        self._emit(done)
        for report in record.held:
            report.fields.setdefault("session_id", record.fields.get("session_id", ""))
            self._emit(report)
        self._held = 0

    def _read_part(self, record: _Open) -> None:
        content = record.fields.get("content", "").strip()
        kind = record.fields.get("kind", "").strip().upper()
        if not content or (kind and self._wanted_parts and kind not in self._wanted_parts):
            return
        found: list[Record] = []
        size = 0

        def keep(one: Record) -> None:
            nonlocal size
            size += RECORD + sum(map(len, one.fields.values()))
            if size > MAX_HELD:
                raise BrokenXml("too_large", 1, 1, f"more than {MAX_HELD // 1_000_000} MB of records")
            found.append(one)

        try:
            if self._inner_line is not None:
                raise BrokenXml("nested_part", 1, 1, "an embedded document in an embedded one")
            inner = _Handler(self._mappings, keep, self._mended, inner_line=record.line)
            _parse(_embedded_text(content), inner, self._mended)
        except BrokenXml as error:
            where = {"code": f"part_{error.code}", "kind": kind}
            self._emit(Record("part", where, record.line))  # what the part held is lost, the other parts are not
            return
        for one in found:
            self._emit(one)


def _plain(name: str) -> str:
    """A name without namespace and case."""
    return name.rpartition(":")[2].upper()


def _learn(kinds: dict[str, tuple[str, _Names] | None], name: str) -> tuple[str, _Names] | None:
    found = kinds.get(_plain(name))
    if len(kinds) < MAX_NAMES:
        kinds[name] = found
    return found


def _fill(record: _Open, target: tuple[str, int], text: str) -> None:
    """Set a field, unless a name that comes before this one has; one name with two values is kept as `repeated`."""
    if not text.strip():
        return
    field, rank = target
    before = record.fields.get(field)
    if before is None or rank < record.ranks[field]:
        record.fields[field], record.ranks[field] = text, rank
    elif rank == record.ranks[field] and before.strip() != text.strip():
        if field in ("description", "conclusion"):
            record.fields[field] = f"{before}\n{text}"
        else:
            record.fields["repeated"] = field


def _embedded_text(content: str) -> list[str]:
    if content.startswith("<"):
        return [content]
    try:
        data = base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BrokenXml("not_base64", 1, 1, "not base64") from None
    try:
        encoding, _ = examine_bytes(data)
    except Undecodable:
        raise BrokenXml("undecodable", 1, 1, "not text") from None
    return list(_decoded([data], encoding))
