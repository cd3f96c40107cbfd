"""Syllables, numbers and signs, with offsets in the raw text."""

from __future__ import annotations

import unicodedata

import pytest

from labeler import Labeler
from labeler.text import normalize


def pieces(labeler: Labeler, text: str) -> list[str]:
    return [text[start:end] for start, end, _ in labeler.tokenizer.tokenize(text)]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Bóng tim không to.", ["Bóng", "tim", "không", "to", "."]),
        ("tim/ngực 0,55", ["tim", "/", "ngực", "0,55"]),
        ("tim ngực < 0.5", ["tim", "ngực", "<", "0.5"]),
        ("TDMP (-)", ["TDMP", "(-)"]),
        ("TDMP (+), TKMP(?)", ["TDMP", "(+)", ",", "TKMP", "(?)"]),
        ("ngày 12/03/2024", ["ngày", "12/03/2024"]),
        ("phim ngày 5-6-24", ["phim", "ngày", "5-6-24"]),
        ("sườn 5,6", ["sườn", "5,6"]),
        ("sườn 5, 6", ["sườn", "5", ",", "6"]),
        ("phổi(P)", ["phổi", "(", "P", ")"]),
        ("tim_to", ["tim", "_", "to"]),
        ("", []),
    ],
)  # fmt: skip
def test_tokens(labeler: Labeler, text: str, tokens: list[str]) -> None:
    assert pieces(labeler, text) == tokens


def test_joined_syllables_are_parted(labeler: Labeler) -> None:
    assert pieces(labeler, "mangphổi") == ["mang", "phổi"]


@pytest.mark.parametrize("text", ["Tràn dịch màng phổi phải", "X-quang ngực, P/T 2 bên.", "  - Tim  to \n\n phổi\t"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_documents_keep_every_character(labeler: Labeler, text: str, form: str) -> None:
    raw = unicodedata.normalize(form, text)  # type: ignore[arg-type]
    assert labeler.nlp.tokenizer(raw).text == raw


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("Ðám mờ", "Đám mờ"),
        ("tr&agrave;n", "tràn"),
        ("ph&#7893;i", "phổi"),
        ("tim\u00a0to", "tim to"),
        ("ti\u200bm to", "tim to"),
        (unicodedata.normalize("NFD", "phổi"), "phổi"),
        ("½ dưới", "1/2 dưới"),
    ],
)
def test_normalisation(raw: str, normal: str) -> None:
    assert normalize(raw).text == normal


def test_offsets_lead_back_to_the_raw_text() -> None:
    raw = "<p>Tr&agrave;n d&#7883;ch</p>"
    normalized = normalize(raw)
    start = normalized.text.index("dịch")
    first, last = normalized.raw_span(start, start + len("dịch"))
    assert raw[first:last] == "d&#7883;ch"


@pytest.mark.parametrize(
    "text",
    [
        "Tràn dịch màng phổi phải.",
        unicodedata.normalize("NFD", "Tràn dịch màng phổi phải."),
        "<p>Tr&agrave;n d&#7883;ch m&agrave;ng ph&#7893;i</p>",
        "Tràn\u00a0 dịch\u200b màng  phổi",
        "Hai phổi sáng.\r\n\r\n- Tràn dịch màng phổi",
        "Hai phổi sáng.\n\n- Tràn dịch\nmàng phổi",
        "Hai phổi sáng.\r\n\r\n- Tràn dịch\r\nmàng phổi",
    ],
)
def test_a_mention_is_a_slice_of_the_raw_text(labeler: Labeler, text: str) -> None:
    (mention,) = labeler.label(text).mentions
    assert mention.finding == "pleural_effusion"
    assert text[mention.start : mention.end] == mention.text
    assert normalize(mention.text.replace("\r\n", " ").replace("\n", " ")).text.split() == ["Tràn", "dịch", "màng", "phổi"]
