"""How the tables of the tests are read: a sentence, and the findings it must show.

"pleural_effusion present right; pneumothorax absent" names every mention that the sentence must give, and no other
may be there.  The side is compared where the table names one ("none": the text says none).  "-" is no mention at all.
"""

from __future__ import annotations

from labeler import Labeler
from labeler.report import LabeledReport


def assert_mentions(labeler: Labeler, text: str, expected: str) -> LabeledReport:
    """The mentions of a text are exactly those expected."""
    report = labeler.label(text)
    wanted = [] if expected == "-" else [part.split() for part in expected.split(";")]
    got = {(m.finding, m.assertion) for m in report.mentions}
    assert got == {(part[0], part[1]) for part in wanted}, f"{text!r}: {sorted(got)}"
    sided = {(m.finding, m.assertion, m.side or "none") for m in report.mentions}
    for part in wanted:
        assert len(part) < 3 or tuple(part) in sided, f"{text!r}: {part} is not among {sorted(sided)}"
    return report


def assert_labels(labeler: Labeler, text: str, positive: str, uncertain: str = "") -> LabeledReport:
    """The classes that are 1, and those that are uncertain, are exactly the ones named."""
    report = labeler.label(text)
    got = {name for name, value in report.labels.items() if value}
    assert got == set(positive.split()), f"{text!r}: {sorted(got)}"
    assert set(report.uncertain) == set(uncertain.split()), f"{text!r}: uncertain {report.uncertain}"
    return report
