"""The way to a person and back: the review file, and the decisions read from it.

A review file has one row per report to review.  A person writes a `corrected_text`, or 0 and 1 into the class
columns, or both, and the file is given back as decisions; a row left as it was decides nothing.
"""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.io.delimited import Delimited
from labeler.io.lines import MAX_TEXT
from labeler.io.refusals import BadInput, Refused, make_report, missing_column
from labeler.report import ASSERTED, Report

if TYPE_CHECKING:
    from labeler.report import LabeledReport

HASH = "text_hash"
CORRECTED = "corrected_text"
PROPOSED = "proposed_"  # before the name of a class: what the labeler proposes


def text_hash(text: str) -> str:
    """16 hexadecimal digits that stand for a text; how its lines end does not change them."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return hashlib.sha256(plain.encode("utf-8")).hexdigest()[:16]


def review_columns(classes: tuple[str, ...]) -> list[str]:
    """Header of a review file."""
    proposed = [PROPOSED + name for name in classes]
    return ["report_id", HASH, "description", *proposed, "uncertain", "reasons", CORRECTED, *classes]


def with_given(report: LabeledReport, given: dict[str, int]) -> tuple[dict[str, int], tuple[str, ...]]:
    """(labels, uncertain classes) of a report with what a person gave in place of what the labeler proposed.

    `abnormal` follows from the other classes, and from findings outside of them, unless it is given.
    """
    labels = {**report.labels, **given}
    uncertain = tuple(name for name in report.uncertain if name not in given and name != "abnormal")
    if "abnormal" not in given:
        regions = [name for name in labels if name != "abnormal"]
        other = any(
            m.region not in regions and m.assertion in ASSERTED for m in copy.copy(report).mentions
        )
        labels["abnormal"] = int(other or any(labels[name] for name in regions))
    return labels, uncertain


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person said of one report."""

    line: int
    hash: str
    corrected: str | None
    labels: dict[str, int]


class Decisions:
    """Decisions by report id; `problems` names those that were not applied, with their lines."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.by_id: dict[str, Decision] = {}
        self.problems: list[Refused] = []
        self._seen: set[str] = set()
        self.applied = 0

    @classmethod
    def read(cls, path: str, classes: tuple[str, ...]) -> Decisions:
        """Read a review file that a person filled in.  Raises BadInput when it is none."""
        out = cls(path)
        try:
            stream = Path(path).open("rb")  # noqa: SIM115 (closed below)
        except OSError as error:
            raise BadInput(f"{path}: {error.strerror or error}") from None
        with stream:
            source = Delimited(path, stream, ("report_id", HASH), None, 0, None)
            if CORRECTED not in source.header and not any(name in source.header for name in classes):
                raise missing_column(path, 1, CORRECTED, source.header, "or the class columns")
            for line, row in source.rows():
                if isinstance(row, Refused):
                    out.problems.append(replace(row, message=f"{row.message}; the decision is not applied"))
                    continue
                out.read_row(line, dict(zip(source.header, row, strict=True)), classes)
        return out

    def read_row(self, line: int, row: dict[str, str], classes: tuple[str, ...]) -> None:
        """Take in what a row decides, if anything."""
        report_id, found = row["report_id"].strip(), row[HASH].strip().lower()
        corrected = row.get(CORRECTED, "")
        given = {name: row.get(name, "").strip() for name in classes}
        edited = "description" in row and bool(found) and text_hash(row["description"]) != found
        if not corrected.strip() and not any(given.values()) and not edited:
            return
        wrong = self._wrong(report_id, found, corrected, given, edited)
        if wrong is not None:
            self._refuse(line, *wrong)
            return
        self._seen.add(report_id)
        labels = {name: int(value) for name, value in given.items() if value}
        self.by_id[report_id] = Decision(line, found, corrected if corrected.strip() else None, labels)

    def _wrong(
        self, report_id: str, found: str, corrected: str, given: dict[str, str], edited: bool
    ) -> tuple[str, str] | None:
        if not report_id:
            return "missing_id", "the id is missing"
        if report_id in self._seen:
            return "repeated_id", "this report is decided above already; keep one of the rows"
        if not found:
            return "missing_hash", f"{HASH} is missing; keep it as the review file gave it"
        if edited and not corrected.strip() and not any(given.values()):
            return "edited_text", f"the text was changed in its own column; write the corrected text into {CORRECTED!r}"
        for name, value in given.items():
            if value not in ("", "0", "1"):
                return "bad_label", f"{name} is {value[:20]!r}; write 0 or 1, or leave it empty"
        regions = [value for name, value in given.items() if name != "abnormal"]
        if given.get("abnormal") == "0" and "1" in regions:
            return "bad_label", "abnormal is 0 although a class is 1; write 1, or leave it empty"
        if corrected and not isinstance(make_report("", 1, report_id, corrected), Report):
            return "bad_text", f"{CORRECTED} is no text under {MAX_TEXT // 1_000_000} MB"
        return None

    def _refuse(self, line: int, code: str, message: str) -> Refused:
        problem = Refused(self.file, line, code, f"{message}; the decision is not applied")
        self.problems.append(problem)
        return problem

    def take(self, report: Report) -> Decision | Refused | None:
        """The decision on a report; Refused when its text is not the one that was decided on; None without one."""
        decision = self.by_id.pop(report.report_id, None)
        if decision is None:
            return None
        if decision.hash != text_hash(report.text):
            return self._refuse(decision.line, "changed_text", "the report's text has changed since it was reviewed")
        self.applied += 1
        return decision

    def left(self) -> list[Refused]:
        """Decisions whose report never came."""
        unknown = sorted(self.by_id.values(), key=lambda d: d.line)
        self.by_id.clear()
        return [self._refuse(d.line, "unknown_id", "no report with this id came from the source") for d in unknown]
