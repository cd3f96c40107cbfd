"""The pipeline as spaCy components."""

from __future__ import annotations

from pathlib import Path

import pytest
import spacy
from spacy.language import Language

from labeler import Labeler
from labeler.spacy_components import COMPONENTS

TEXT = "- Tràn dịch màng phổi phải.\n- Không thấy tràn khí màng phổi.\n- Phổi có lôphômát."
ORDER = ["vnlabel_templates", "vnlabel_sections", "vnlabel_keywords", "vnlabel_assertion", "vnlabel_interpolation"]


@pytest.fixture(scope="module")
def blank(labeler: Labeler) -> Language:
    """A blank pipeline with our components found by name."""
    nlp = spacy.blank("xx")
    for name in COMPONENTS:
        nlp.add_pipe(name)
    return nlp


def test_components_run_in_order(labeler: Labeler) -> None:
    assert labeler.nlp.pipe_names == ORDER == list(COMPONENTS)


@pytest.mark.parametrize("name", [*ORDER, "vnlabel_words"])
def test_factories_are_found_by_entry_points(name: str) -> None:
    assert Language.has_factory(name) or name in spacy.registry.factories


@pytest.mark.parametrize("text", [TEXT, "Tim phổi bình thường.", "", "Theo dõi viêm phổi."])
def test_a_blank_pipeline_says_the_same(labeler: Labeler, blank: Language, text: str) -> None:
    assert blank(text)._.report.to_dict() == labeler.label(text).to_dict()


def test_findings_and_residue_are_spans(labeler: Labeler) -> None:
    doc = labeler.nlp(TEXT)
    assert [(span.text, span.label_) for span in doc.spans["findings"]] == [
        ("Tràn dịch màng phổi", "pleural_effusion"),
        ("tràn khí màng phổi", "pneumothorax"),
    ]
    assert [span._.mention.assertion for span in doc.spans["findings"]] == ["present", "absent"]
    assert [span.text for span in doc.spans["residue"]] == ["lôphômát"]
    assert doc.cats["pleura"] == 1.0
    assert doc.cats["cardio"] == 0.0


def test_a_stream_of_documents(labeler: Labeler) -> None:
    texts = [TEXT, "Tim to.", TEXT]
    assert [doc._.report.labels for doc in labeler.nlp.pipe(texts)] == [labeler.label(text).labels for text in texts]


def test_a_component_takes_a_rule_set(tmp_path: Path) -> None:
    (tmp_path / "ruleset.yaml").write_text('name: mine\nversion: "1"\nextends: builtin\n', encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(
        "findings:\n  - {id: turtle, name: Turtle, region: parenchyma, phrases: [bọ rùa]}\n", encoding="utf-8"
    )
    nlp = spacy.blank("xx")
    for name in COMPONENTS:
        nlp.add_pipe(name, config={"rules": str(tmp_path)})
    doc = nlp("Phổi phải bọ rùa.")
    assert [span.label_ for span in doc.spans["findings"]] == ["turtle"]


def test_the_tokenizer_is_registered(labeler: Labeler) -> None:
    tokenizer = spacy.registry.tokenizers.get("vnlabel_syllables")()(spacy.blank("xx"))
    assert [token.text for token in tokenizer("Tim  to.")] == [token.text for token in labeler.nlp.tokenizer("Tim  to.")]
