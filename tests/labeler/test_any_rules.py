"""Whatever `rules check` accepts labels whatever encodes as UTF-8."""

from __future__ import annotations

import gc
import tempfile
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from labeler import Labeler
from tests.labeler.rule_sets import entries, text, write_accepted


def assert_sound(labeler: Labeler, report_text: str) -> None:
    """A text has labels, and all that is said of it points at the text itself."""
    report = labeler.label(report_text)
    assert set(report.labels) == set(labeler.classes)
    assert set(report.labels.values()) <= {0, 1}
    assert report.status in ("auto", "review")
    for mention in report.mentions:
        assert report_text[mention.start : mention.end] == mention.text != ""
        assert mention.rule
        assert mention.finding in labeler.lexicon.findings
    for span in report.residue:
        assert report_text[span.start : span.end] == span.text != ""
    for name, why in report.classes.items():
        assert why.value == report.labels[name]


def made(seed: int, folder: Path, **head: Any) -> tuple[Labeler, list[str]]:
    """A labeler over an accepted set, and texts in its words."""
    rng = Random(seed)
    write_accepted(folder, entries(rng), head)
    labeler = Labeler.from_rules(folder)
    vocabulary = sorted(unit.text for unit in labeler.lexicon.units())
    return labeler, [text(rng, rng.sample(vocabulary, min(40, len(vocabulary)))) for _ in range(8)]


@given(st.integers(0, 2**32))
@settings(max_examples=60)
def test_any_accepted_set_labels_any_text(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        labeler, texts = made(seed, Path(folder))
    forgetful = Labeler(labeler.rules, remember=False)
    gc.unfreeze()  # labelers are meant to stay; these are not
    for report in texts:
        assert_sound(labeler, report)
        assert labeler.label(report).to_dict() == forgetful.label(report).to_dict() == labeler.nlp(report)._.report.to_dict()


def test_any_accepted_layer_over_the_shipped_set_labels_any_text(tmp_path: Path) -> None:
    labeler, texts = made(1, tmp_path, extends="builtin")
    gc.unfreeze()
    assert any(located.layer == "any" for kind in labeler.rules.entries.values() for located in kind.values())
    for report in texts:
        assert_sound(labeler, report)
