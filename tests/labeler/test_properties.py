"""What must not change the labels, and what must hold of every explanation."""

from __future__ import annotations

import random
import unicodedata

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from labeler import Labeler
from labeler.pipe.parts import without_digits
from labeler.text import normalize, skeleton
from tests.labeler.reports import LINES, NAUGHTY

reports = st.lists(st.sampled_from(LINES), min_size=1, max_size=6, unique=True)
BULLETS = ("- ", "-", "-- ", "+ ", "• ", "* ", "– ", "", "> ")
PLACEMENT = (
    ("òa", "oà"),
    ("óa", "oá"),
    ("ỏa", "oả"),
    ("ọa", "oạ"),
    ("òe", "oè"),
    ("úy", "uý"),
    ("ùy", "uỳ"),
    ("ủy", "uỷ"),
)


def dashed(lines: list[str], bullet: str = "- ", end: str = "\n") -> str:
    return end.join(bullet + line for line in lines)


@given(reports, st.sampled_from(["NFC", "NFD"]))
def test_unicode_form_means_nothing(labeler: Labeler, lines: list[str], form: str) -> None:
    text = dashed(lines)
    changed = unicodedata.normalize(form, text)  # type: ignore[arg-type]
    assert labeler.label(changed).labels == labeler.label(text).labels


@given(reports)
def test_tone_placement_means_nothing(labeler: Labeler, lines: list[str]) -> None:
    text = dashed(lines)
    old = text
    for new_style, old_style in PLACEMENT:
        old = old.replace(new_style, old_style)
    new = text
    for new_style, old_style in PLACEMENT:
        new = new.replace(old_style, new_style)
    assert labeler.label(old).labels == labeler.label(new).labels == labeler.label(text).labels


@given(reports, st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\u2028"]))
def test_line_ends_mean_nothing(labeler: Labeler, lines: list[str], end: str) -> None:
    assert labeler.label(dashed(lines, end=end)).labels == labeler.label(dashed(lines)).labels


@given(reports, st.sampled_from(BULLETS))
def test_bullets_mean_nothing(labeler: Labeler, lines: list[str], bullet: str) -> None:
    assert labeler.label(dashed(lines, bullet)).labels == labeler.label(dashed(lines)).labels


@given(reports)
def test_numbering_means_nothing(labeler: Labeler, lines: list[str]) -> None:
    numbered = "\n".join(f"{i}. {line}" for i, line in enumerate(lines, 1))
    assert labeler.label(numbered).labels == labeler.label(dashed(lines)).labels


@given(reports, st.randoms())
def test_order_of_lines_means_nothing(labeler: Labeler, lines: list[str], rng: random.Random) -> None:
    shuffled = lines.copy()
    rng.shuffle(shuffled)
    assert labeler.label(dashed(shuffled)).labels == labeler.label(dashed(lines)).labels


@given(reports)
def test_upper_case_means_nothing(labeler: Labeler, lines: list[str]) -> None:
    text = dashed(lines)
    assert labeler.label(text.upper()).labels == labeler.label(text).labels


@given(reports, st.data())
def test_spaces_between_words_mean_nothing(labeler: Labeler, lines: list[str], data: st.DataObject) -> None:
    text = dashed(lines)
    gaps = st.sampled_from([" ", "  ", "   ", "\u00a0", "\t", " \u200b"])
    spaced = "".join(data.draw(gaps) if ch == " " else ch for ch in text)
    assert labeler.label(spaced).labels == labeler.label(text).labels


@given(reports)
def test_one_paragraph_says_the_same(labeler: Labeler, lines: list[str]) -> None:
    assert labeler.label(" ".join(lines)).labels == labeler.label(dashed(lines)).labels


@given(reports)
def test_html_says_the_same(labeler: Labeler, lines: list[str]) -> None:
    html = "<p>" + "<br/>".join("- " + line.encode("ascii", "xmlcharrefreplace").decode() for line in lines) + "</p>"
    assert labeler.label(html).labels == labeler.label(dashed(lines)).labels


@given(reports, st.data())
def test_a_denied_finding_sets_nothing(labeler: Labeler, lines: list[str], data: st.DataObject) -> None:
    named = (u.text for u in labeler.lexicon.units() if u.alone is not None and u.alone.finding is not None)
    phrases = sorted(text for text in named if "<" not in text)  # "ngày <number> can thiệp" is no text
    phrase = data.draw(st.sampled_from(phrases))
    cue = data.draw(st.sampled_from(["Không thấy", "Không có", "Chưa thấy hình ảnh", "Không ghi nhận"]))
    # "không có phổi phải", "không thấy bóng vú" are findings themselves
    assume(all(m.start >= len(cue) for m in labeler.label(f"{cue} {phrase}.").mentions if m.assertion == "present"))
    text = dashed(lines)
    assert labeler.label(f"{text}\n- {cue} {phrase}.").labels == labeler.label(text).labels


@given(st.one_of(reports.map(dashed), st.text(), st.sampled_from(NAUGHTY)), st.sampled_from(["NFC", "NFD"]))
def test_offsets_are_the_raw_text(labeler: Labeler, text: str, form: str) -> None:
    text = unicodedata.normalize(form, text)  # type: ignore[arg-type]
    report = labeler.label(text)
    for mention in report.mentions:
        assert text[mention.start : mention.end] == mention.text != ""
        assert mention.rule
    for span in report.residue:
        assert text[span.start : span.end] == span.text != ""
    for name, why in report.classes.items():
        assert why.value == report.labels[name]


@given(st.lists(st.one_of(reports.map(dashed), st.text(), st.sampled_from(NAUGHTY)), max_size=6))
@settings(max_examples=60)
def test_one_engine(labeler: Labeler, forgetful: Labeler, texts: list[str]) -> None:
    streamed = [report.to_dict() for report in labeler.label_many(texts)]
    assert streamed == [labeler.label(text).to_dict() for text in texts]
    assert streamed == [forgetful.label(text).to_dict() for text in texts]
    assert streamed == [labeler.nlp(text)._.report.to_dict() for text in texts]


@given(st.one_of(st.sampled_from(LINES), st.text("aăếđMnkx ,:/().-+•x1\n<&[", max_size=12)))
def test_plain_lines_are_split_as_any(labeler: Labeler, line: str) -> None:
    plain = labeler.splitter.plain(f"- {line}")
    if plain is not None:
        assert [plain] == labeler.splitter.split(normalize(f"- {line}").text)
        assert labeler.splitter.opens(f"- {line}")
        assert without_digits(line) == line


NUMBERS = ("0,45", "0,55", "1,5", "2", "3", "1/3", "2019", "12/3/2021", "55%", "3 x 4 cm")
TIMED = ("chỉ số tim ngực", "phim trước", "nay", "năm", "so với phim cũ", "hiện tại", "nghi", "không")


@pytest.fixture(scope="module")
def places(labeler: Labeler) -> list[str]:
    """A phrase for each of some structures."""
    phrases = {unit.structure.id: unit.text for unit in labeler.lexicon.units() if unit.structure is not None}
    return random.Random(1).sample(sorted(phrases.values()), 20)


@st.composite
def near_twins(draw: st.DrawFn) -> list[str]:
    """A line and others that differ from it in a number, a letter, a word of time, a comma, or all marks."""
    line = draw(st.sampled_from(LINES)).rstrip(".") + draw(st.sampled_from(["", *(f", {t}" for t in TIMED)]))
    line += draw(st.sampled_from(["", *(f", {n}" for n in NUMBERS), *(f" {n}" for n in NUMBERS)]))
    twins = [line]
    for _ in range(3):
        words = line.split(" ")
        at = draw(st.integers(0, len(words) - 1))
        change = draw(st.sampled_from(["number", "letter", "time", "comma", "marks"]))
        if change == "letter" and len(words[at]) > 1:
            k = draw(st.integers(0, len(words[at]) - 1))
            words[at] = words[at][:k] + draw(st.sampled_from("aáàảãạăâeéêioôơuưnhgkct")) + words[at][k + 1 :]
        elif change == "number":
            words = [draw(st.sampled_from(NUMBERS)) if word[0].isdigit() else word for word in words if word]
        elif change == "time":
            words.insert(at, draw(st.sampled_from(TIMED)))
        elif change == "comma":
            words[at] += ","
        twins.append(skeleton(line) if change == "marks" else " ".join(words))
    return twins


@given(near_twins())
@settings(max_examples=300)
def test_what_was_read_before_changes_nothing(labeler: Labeler, forgetful: Labeler, twins: list[str]) -> None:
    for text in twins:
        assert labeler.label(f"- {text}.").to_dict() == forgetful.label(f"- {text}.").to_dict()


@given(st.sampled_from(LINES), st.integers(0, 9), st.booleans())
@settings(max_examples=60)
def test_places_are_not_mixed_up(
    labeler: Labeler, forgetful: Labeler, places: list[str], line: str, at: int, heading: bool
) -> None:
    """Lines that differ in a place alone share their analysis only where it does not count."""
    words = line.split(" ")
    for place in places:
        text = f"{place}:\n- {line}" if heading else f"- {' '.join([*words[:at], place, *words[at:]])}"
        assert labeler.label(text).to_dict() == forgetful.label(text).to_dict()


@given(st.one_of(st.text(), st.sampled_from(NAUGHTY), reports.map(dashed)))
def test_tokens_destroy_nothing(labeler: Labeler, text: str) -> None:
    assert labeler.nlp.tokenizer(text).text == text


@pytest.mark.parametrize("text", NAUGHTY)
def test_naughty_strings(labeler: Labeler, text: str) -> None:
    doc = labeler.nlp(text)
    assert doc.text == text
    assert set(labeler.label(text).labels.values()) <= {0, 1}


@given(st.integers(1, 9), st.integers(1, 9))
def test_digits_that_mean_nothing_are_not_mixed_up(labeler: Labeler, forgetful: Labeler, a: int, b: int) -> None:
    """Lines that differ in digits alone share their analysis only where digits mean nothing."""
    for line in (
        f"Bóng tim, chỉ số tim ngực 0,{a}{b}.", f"Phim {a} bên mờ.", f"ILO: {a % 4}/{b % 4}.", f"Dải xơ {a}/3 dưới phổi phải.",
        f"Nốt {a} cm phổi phải.", f"Mờ {a} đáy phổi.",
        f"Nốt mờ cách carina khoảng {a}{b} mm.", f"Vòm hoành phải cao hơn trái khoảng {a * 5} mm.",
    ):  # fmt: skip
        assert labeler.label(line).to_dict() == forgetful.label(line).to_dict()
