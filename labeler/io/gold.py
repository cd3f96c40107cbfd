"""Gold: reports with known labels, read from JSON lines or CSV and checked row by row.

A row that cannot be scored is refused with its place, its field and what would be right; the others are given.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from labeler.io.delimited import Delimited
from labeler.io.json_lines import JsonLines
from labeler.io.refusals import BadInput, Refused
from labeler.io.sources import SUFFIXES, open_source
from labeler.rules import nearest

BLIND = "blind"  # files in a folder of this name are scored apart, and their reports are not shown
LISTS = ("findings", "uncertain", "debatable", "tags")


class GoldReport(BaseModel):
    """One report with its labels; gold/README.md says what each key holds.

    `findings` is None where the file does not say, and `apart` tells reports that are no part of the main score.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    report_id: str = Field(min_length=1)
    description: str
    labels: dict[str, Literal[0, 1]]
    findings: tuple[str, ...] | None = None
    uncertain: tuple[str, ...] = ()
    debatable: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    twin_of: str | None = None
    note: str | None = None
    file: str = ""
    line: int = 0
    apart: bool = False

    @field_validator("findings", mode="before")
    @classmethod
    def _words_by_class(cls, value: Any) -> Any:
        """Some gold gives the words behind each class instead of finding ids: nothing to score."""
        return None if isinstance(value, dict) else value

    @field_validator("report_id", mode="before")
    @classmethod
    def _whole_number(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @property
    def where(self) -> str:
        """`file:line`."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Gold:
    """Gold reports in the order of their files, the rows refused, and the files themselves."""

    reports: tuple[GoldReport, ...]
    refused: tuple[Refused, ...]
    files: tuple[Path, ...]


def shipped_gold() -> Path:
    """The shipped gold: beside the package in a checkout or editable install, else in the wheel's `_data`."""
    here = Path(__file__).resolve().parent.parent
    for candidate in (here.parent / "gold", here / "_data" / "gold"):
        if (candidate / "README.md").is_file():
            return candidate
    raise FileNotFoundError("the shipped gold is missing from this installation; name a gold file, or reinstall vnlabel")


def gold_files(paths: tuple[str, ...]) -> list[tuple[Path, bool]]:
    """The files behind paths (a file itself, a folder's JSON lines at any depth), each with whether it is apart.

    It is apart in a folder named blind, be that the folder named or the current one.  Raises BadInput for a path that is
    not there or holds nothing.
    """
    found: dict[Path, bool] = {}
    for given in paths or (str(shipped_gold()),):
        path = Path(given)
        if path.is_dir():
            base, files = path, sorted(p for p in path.rglob("*") if p.suffix in (".jsonl", ".ndjson") and p.is_file())
            if not files:
                raise BadInput(f"{given}: no gold in this folder; gold is .jsonl, see gold/README.md for its keys")
        elif path.is_file():
            base, files = path.parent, [path]
        else:
            raise BadInput(f"{given}: no such file or folder; name a gold file or a folder of them")
        above = {*(base.parts if paths else ()), base.resolve().name}  # wherever the shipped gold lies, it is not blind
        for file in files:
            found[file] = BLIND in above.union(file.relative_to(base).parts[:-1])
    return list(found.items())


def read_gold(paths: tuple[str, ...], classes: tuple[str, ...]) -> Gold:
    """Read gold for a rule set's classes.  Raises BadInput when a file cannot be read at all."""
    reports: list[GoldReport] = []
    refused: list[Refused] = []
    first: dict[str, str] = {}
    files = gold_files(paths)
    for file, apart in files:
        name = shown(file)
        for line, row in _rows(file, classes):
            found = row if isinstance(row, Refused) else _report(name, line, apart, row, classes)
            if isinstance(found, Refused):
                refused.append(found)
            elif found.report_id in first:
                held = first[found.report_id]
                message = f"report_id {found.report_id!r} stands at {held} already; ids are unique over all files"
                refused.append(Refused(name, line, "repeated_id", message))
            else:
                first[found.report_id] = found.where
                reports.append(found)
    return Gold(tuple(reports), tuple(refused), tuple(file for file, _ in files))


def shown(file: Path) -> str:
    """A gold file's name as messages show it: as it was given, and gold/NAME for a shipped one."""
    shipped = shipped_gold()
    return f"gold/{file.relative_to(shipped).as_posix()}" if file.is_relative_to(shipped) else str(file)


def _rows(file: Path, classes: tuple[str, ...]) -> Iterator[tuple[int, dict[str, Any] | Refused]]:
    kind = SUFFIXES.get(file.suffix.lower())
    if kind not in ("jsonl", "csv", "tsv"):
        raise BadInput(f"{file}: gold is JSON lines or CSV; name the file .jsonl or .csv")
    source = open_source(str(file), kind)
    if isinstance(source, JsonLines):
        yield from source.records()
    elif isinstance(source, Delimited):
        for line, fields in source.rows():
            yield line, fields if isinstance(fields, Refused) else _from_csv(source.header, fields, classes)


def _from_csv(header: list[str], fields: list[str], classes: tuple[str, ...]) -> dict[str, Any]:
    """A CSV row as an object: a column per class (or `labels` as JSON), lists with semicolons."""
    out: dict[str, Any] = {name: value for name, value in zip(header, fields, strict=True) if value}
    out.setdefault("description", "")
    labels = {name: _label(value) for name, value in zip(header, fields, strict=True) if name in classes}
    if labels:
        out["labels"] = labels
    elif "labels" in out:
        with contextlib.suppress(ValueError):  # the model says what is wrong with it
            out["labels"] = json.loads(out["labels"])
    for name in LISTS:
        if name in header:
            out[name] = [part.strip() for part in out.get(name, "").split(";") if part.strip()]
    return out


def _label(value: str) -> int | str:
    return int(value) if value in ("0", "1") else value


def _report(file: str, line: int, apart: bool, row: dict[str, Any], classes: tuple[str, ...]) -> GoldReport | Refused:
    def refuse(message: str) -> Refused:
        return Refused(file, line, "bad_gold", message)

    for name in ("report_id", "description", "labels"):
        if name not in row:
            return refuse(f"no key {name!r}{nearest(name, row)}")
    data = {name: value for name, value in row.items() if value is not None and name in GoldReport.model_fields}
    try:
        report = GoldReport.model_validate({**data, "file": file, "line": line, "apart": apart})
    except ValidationError as error:
        detail = error.errors()[0]
        field = ".".join(map(str, detail["loc"]))
        said = detail["msg"].removeprefix("Input should be ")
        return refuse(f"{field}: {detail['input']!r:.80} is wrong; it should be {said}")
    for name in classes:
        if name not in report.labels:
            return refuse(f"labels: no {name!r}; each of {', '.join(classes)} is 0 or 1")
    for name in (*report.labels, *report.uncertain, *(c.removeprefix("uncertain:") for c in report.debatable)):
        if name not in classes:
            return refuse(f"unknown class {name!r}{nearest(name, classes)}")
    if report.labels["abnormal"] < max(report.labels.values()):
        said = ", ".join(name for name, value in report.labels.items() if value)
        return refuse(f"labels: abnormal is 0 although {said} is 1; it is 1 as soon as anything is")
    for name in report.uncertain:
        if not report.labels[name]:
            return refuse(f"uncertain: {name!r} is 0 in labels; an uncertain class is 1")
    return report
