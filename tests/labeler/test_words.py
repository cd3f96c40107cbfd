"""underthesea's words: a layer over the syllables, never the unit of matching."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest

from labeler import Labeler
from labeler.words import words

TEXTS = [
    "Bóng tim không to, quai động mạch chủ vồng.",
    unicodedata.normalize("NFD", "Hình dày màng phổi hai bên."),
    "- Tràn  dịch\u00a0màng phổi.\n- Tim to.",
    "",
    "<p>Tim to</p>",
]


@pytest.mark.parametrize("text", TEXTS)
def test_words_are_spans_in_order(text: str) -> None:
    found = words(text)
    assert found == sorted(found)
    assert all(0 <= start < end <= len(text) for start, end in found)
    assert all(a[1] <= b[0] for a, b in pairwise(found))


def test_words_join_syllables() -> None:
    text = "Bóng tim không to, quai động mạch chủ vồng."
    assert any("động mạch" in text[start:end] for start, end in words(text))


def test_words_do_not_run_over_lines() -> None:
    text = "Hai phổi\nsáng đều"
    assert all("\n" not in text[start:end] for start, end in words(text))


def test_the_layer_is_a_component_of_its_own(labeler: Labeler) -> None:
    assert "vnlabel_words" not in labeler.nlp.pipe_names
    import spacy

    nlp = spacy.blank("xx")
    nlp.add_pipe("vnlabel_words")
    doc = nlp("Bóng tim không to.")
    assert [span.label_ for span in doc.spans["words"]] == ["word"] * len(doc.spans["words"])
    assert len(doc.spans["words"]) > 0


def test_matching_does_not_depend_on_words(labeler: Labeler) -> None:
    """Phrases that a word segmenter glues to their neighbours are found all the same."""
    assert labeler.label("Hình dày màng phổi hai bên.").labels["pleura"] == 1
    assert labeler.label("Quai ĐMC vồng.").labels["cardio"] == 1
