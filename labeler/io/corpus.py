"""Reports of a source as the commands take them: what cannot become one, or repeats an id, is refused and told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from labeler.io.refusals import Refused
from labeler.io.seen_ids import SeenIds
from labeler.io.sources import Source
from labeler.report import Report

STEP = 1024  # rows between two reports of progress


def accepted(source: Source, refuse: Callable[[Refused], None], step: Callable[[], None]) -> Iterator[Report]:
    """The reports of a source, ids unique; `refuse` gets every other row, `step` is called as rows pass."""
    seen = SeenIds()
    for n, report in enumerate(source):
        if n % STEP == 0:
            step()
        if isinstance(report, Refused):
            refuse(report)
        elif not seen.add(report.report_id):
            file, _, line = report.where.rpartition(":")
            message = "this id was used before; every report needs an id of its own"
            refuse(Refused(file, int(line), "repeated_id", message))
        else:
            yield report
