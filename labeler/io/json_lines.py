"""JSON lines as a stream of records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, BinaryIO

from labeler.io.lines import Counting, RawLine
from labeler.io.refusals import Refused, make_report, missing_column, too_long, undecodable
from labeler.report import Report

PATIENCE = 50  # rows without the column, and none with it, after which the column is held to be missing


class JsonLines:
    """One JSON object a line."""

    def __init__(self, name: str, stream: BinaryIO, columns: tuple[str, str], encoding: str | None, total: int) -> None:
        self.name = name
        self.columns = columns
        self._in = Counting(stream, encoding, total)
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
            return too_long(self.name, line.number)
        try:
            text = line.data.decode("utf-8")
        except UnicodeDecodeError:
            return undecodable(self.name, line.number)
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
