"""Phrases however they are typed: text forms, spelling, abbreviations, measurements."""

from __future__ import annotations

import unicodedata

import pytest

from labeler import Labeler
from tests.labeler.expect import assert_mentions

EFFUSION = "pleural_effusion present"

FORMS = [
    ("NFD", unicodedata.normalize("NFD", "Tràn dịch màng phổi phải."), "pleural_effusion present right"),
    ("HTML entities", "<p>Tr&agrave;n d&#7883;ch m&agrave;ng ph&#7893;i ph&#7843;i.</p>", "pleural_effusion present right"),
    ("HTML breaks", "Hai phổi sáng.<br/>Tràn dịch màng phổi phải.", "pleural_effusion present right"),
    ("HTML no-break space", "Tràn&nbsp;dịch&nbsp;màng&nbsp;phổi.", EFFUSION),
    ("CRLF", "Hai phổi sáng.\r\nTràn dịch màng phổi.", EFFUSION),
    ("tabs", "Tràn\tdịch\tmàng phổi.", EFFUSION),
    ("no-break spaces", "Tràn\u00a0dịch màng\u00a0phổi.", EFFUSION),
    ("double spaces", "Tràn  dịch   màng phổi.", EFFUSION),
    ("zero width", "Tràn d\u200bịch màng phổi.", EFFUSION),
    ("look-alike letter", "Ðám mờ phổi phải.", "lung_opacity present right"),
    ("Cyrillic letters", "Tràn dịсh màng рhổi.", EFFUSION),
    ("capitals", "TRÀN DỊCH MÀNG PHỔI PHẢI.", "pleural_effusion present right"),
    ("no marks", "tran dich mang phoi phai", "pleural_effusion present right"),
    ("no marks, negation", "khong thay tran dich mang phoi, bong tim to", "pleural_effusion absent; cardiomegaly present"),
    ("no marks, one line", "bong tim khong to truong phoi hai ben sang", "cardiomegaly absent"),
    ("tone placement", "Vôi hoá màng phổi.", "pleural_calcification present"),
    ("tone placement", "Đám mờ thuỳ dưới phổi trái.", "lung_opacity present left"),
    ("i and y", "Kĩ thuật: chụp thẳng. Tràn dịch màng phổi.", EFFUSION),
    ("no break", "Bóng tim không to.Tràn dịch màng phổi.", "cardiomegaly absent; pleural_effusion present"),
    ("no dash", "Bóng tim không to\nTràn dịch màng phổi", "cardiomegaly absent; pleural_effusion present"),
    ("double dash", "-- Bóng tim không to\n-- Tràn dịch màng phổi", "cardiomegaly absent; pleural_effusion present"),
    ("inline dashes", "- Bóng tim không to. - Tràn dịch màng phổi.", "cardiomegaly absent; pleural_effusion present"),
    ("numbers", "1. Bóng tim không to.\n2. Tràn dịch màng phổi.", "cardiomegaly absent; pleural_effusion present"),
    ("bullets", "• Bóng tim không to.\n• Tràn dịch màng phổi.", "cardiomegaly absent; pleural_effusion present"),
    ("break in a phrase", "Tràn dịch\nmàng phổi phải.", "pleural_effusion present right"),
    ("break in a phrase", "Quai động mạch\nchủ vồng.", "aortic_unfolding present"),
    ("break after a cue", "Không thấy hình\ntràn dịch màng phổi.", "pleural_effusion absent"),
    ("CRLF after a cue", "Không thấy hình\r\ntràn dịch màng phổi.", "pleural_effusion absent"),
    ("CRLF in a list", "Không tràn dịch,\r\ntràn khí màng phổi.", "pleural_effusion absent; pneumothorax absent"),
]  # fmt: skip

SLIPS = [
    ("lost tone", "Tràn dich màng phổi.", EFFUSION),
    ("misplaced tone", "Không thâý tràn dịch màng phổi.", "pleural_effusion absent"),
    ("Telex", "Tràn dichj màng phổi.", EFFUSION),
    ("VNI", "Tra2n dịch màng phổi.", EFFUSION),
    ("VNI", "Tràn di5ch màng phổi.", EFFUSION),
    ("doubled letter", "Tràn dịchh màng phổi.", EFFUSION),
    ("missing letter", "Tràn dịch màg phổi.", EFFUSION),
    ("swapped letters", "Tràn dịch mnàg phổi.", EFFUSION),
    ("neighbouring key", "Tràn dịch mamg phổi.", EFFUSION),
    ("joined syllables", "Tràn dịch mangphổi.", EFFUSION),
    ("joined syllables", "Tràn dịch màngphổi phải.", "pleural_effusion present right"),
    ("split syllable", "Tràn dịch màng ph ổi.", EFFUSION),
    ("joined to a bracket", "Tràn dịch màng phổi phải(P).", "pleural_effusion present right"),
    ("another spelling", "Dầy màng phổi phải.", "pleural_thickening present right"),
    ("another spelling", "Gẫy xương đòn trái.", "clavicle_fracture present left"),
    ("another spelling", "Dãn phế quản thùy dưới phổi trái.", "bronchiectasis present left"),
    ("slip in the negation", "Khong thấy tràn dịch màng phổi.", "pleural_effusion absent"),
    ("slip in the negation", "Khôgn thấy tràn dịch màng phổi.", "pleural_effusion absent"),
    ("slip in the negation", "Khoong thấy tràn dịch màng phổi.", "pleural_effusion absent"),
    ("slip in the negation", "Khôông thấy tràn dịch màng phổi.", "pleural_effusion absent"),
]  # fmt: skip

# The typed word is another real word ("phôi", "trần"): labelled by the likelier reading, and shown to a person.
REAL_WORDS = [
    ("Tràn dịch màng phôi.", EFFUSION),
    ("Traanf dichj màng phổi.", EFFUSION),
]

# These syllables are no words ("dỉch" breaks the rule of tones before a stop): the repair is unique.
NO_WORDS = [
    ("Tràn dỉch màng phổi.", EFFUSION),
    ("Tù góc sường hoành phải.", "costophrenic_blunting present right"),
]

ABBREVIATIONS = [
    ("TDMP trái.", "pleural_effusion present left"),
    ("TKMP phải.", "pneumothorax present right"),
    ("Quai ĐMC vồng.", "aortic_unfolding present"),
    ("Quai đmc vồng.", "aortic_unfolding present"),
    ("Tim k to.", "cardiomegaly absent"),
    ("Bóng tim ko to.", "cardiomegaly absent"),
    ("Tim ko to.", "cardiomegaly absent"),
    ("tim khong to", "cardiomegaly absent"),
    ("Tù GSH 2 bên.", "costophrenic_blunting present both"),
    ("TDMP P.", "pleural_effusion present right"),
    ("TDMP T.", "pleural_effusion present left"),
    ("Gãy x sườn 6 phải.", "rib_fracture present right"),
    ("PPC.", "pulmonary_oedema present"),
]  # fmt: skip

NUMBERS = [
    ("Chỉ số tim/ngực 0,55.", "cardiomegaly present"),
    ("Chỉ số tim ngực 0.58.", "cardiomegaly present"),
    ("Chỉ số tim ngực 58%.", "cardiomegaly present"),
    ("Chỉ số tim ngực > 0,5.", "cardiomegaly present"),
    ("CTR 0,6.", "cardiomegaly present"),
    ("Chỉ số tim/lồng ngực < 0.5.", "-"),
    ("Chỉ số tim ngực 0,48.", "-"),
    ("Chỉ số tim ngực 45%.", "-"),
    ("Chỉ số tim ngực không quá 0,5.", "-"),
    ("Bề ngang tim 12 cm.", "-"),
    ("Mật độ đám mờ nhỏ 0/0.", "-"),
    ("Mật độ đám mờ nhỏ 2/1.", "pneumoconiosis present"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "text", "expected"), FORMS)
def test_text_forms(labeler: Labeler, form: str, text: str, expected: str) -> None:
    assert_mentions(labeler, text, expected)


@pytest.mark.parametrize(("slip", "text", "expected"), SLIPS)
def test_slips(labeler: Labeler, slip: str, text: str, expected: str) -> None:
    report = assert_mentions(labeler, text, expected)
    assert report.status == "auto", report.reasons


@pytest.mark.parametrize(
    "text",
    [
        "Tung đám mờ đáy phổi phải.",  # từng?
        "Tụng đám mờ đáy phổi phải, tràn dịch màng phổi trái.",
        "Hai phổi lát đá.",  # no spleen (lách) is meant
        "Chỉ số tim ngực more than 0,6.",
        "Gãy xương sườ 5 trái.",  # no skull (sọ) is meant
        "Quai động mạch chủ vồn.",
        "Theo dõi viên phổi.",
    ],
)
def test_a_guess_explains_nothing_away(labeler: Labeler, text: str) -> None:
    assert labeler.label(text).status == "review"


@pytest.mark.parametrize(("text", "expected"), REAL_WORDS)
def test_a_real_word_is_not_repaired_silently(labeler: Labeler, text: str, expected: str) -> None:
    report = assert_mentions(labeler, text, expected)
    assert report.status == "review"
    assert report.reasons in (("uncertain_repair",), ("residue",))


@pytest.mark.parametrize(("text", "expected"), NO_WORDS)
def test_what_is_no_word_is_repaired(labeler: Labeler, text: str, expected: str) -> None:
    assert_mentions(labeler, text, expected)


def test_a_unique_repair_needs_no_person(labeler: Labeler) -> None:
    assert labeler.label("Tràn dỉch màng phổi.").status == "auto"


@pytest.mark.parametrize(("text", "expected"), ABBREVIATIONS)
def test_abbreviations(labeler: Labeler, text: str, expected: str) -> None:
    assert_mentions(labeler, text, expected)


@pytest.mark.parametrize(("text", "expected"), NUMBERS)
def test_numbers(labeler: Labeler, text: str, expected: str) -> None:
    assert_mentions(labeler, text, expected)


def test_a_repair_is_shown_and_scored(labeler: Labeler) -> None:
    (mention,) = labeler.label("Tràn dichj màng phổi.").mentions
    assert mention.match == "fuzzy"
    assert mention.repair is not None and "tràn dịch" in mention.repair
    assert 0 < mention.score < 1


def test_what_is_written_right_is_no_repair(labeler: Labeler) -> None:
    (mention,) = labeler.label("Tràn dịch màng phổi.").mentions
    assert (mention.match, mention.repair, mention.score) == ("exact", None, 1.0)


def test_fluid_and_air_are_never_confused(labeler: Labeler) -> None:
    for typed in ("Tràn khí màng phổi.", "Tràn khis màng phổi."):
        assert {m.finding for m in labeler.label(typed).mentions} <= {"pneumothorax"}
    for typed in ("Tràn dịch màng phổi.", "Tràn dịc màng phổi."):
        assert {m.finding for m in labeler.label(typed).mentions} <= {"pleural_effusion"}


def test_not_and_space_are_never_confused(labeler: Labeler) -> None:
    assert labeler.label("Khoang màng phổi có dịch.").labels["pleura"] == 1
    assert labeler.label("Dịch khoang màng phổi phải.").labels["pleura"] == 1
    assert labeler.label("Không dịch màng phổi.").labels["pleura"] == 0
    for typed in ("Khoang thấy", "Khôang thấy"):
        assert {m.assertion for m in labeler.label(f"{typed} tràn dịch màng phổi.").mentions} == {"present"}


def test_the_longest_phrase_wins(labeler: Labeler) -> None:
    assert [m.finding for m in labeler.label("Tràn dịch tràn khí màng phổi phải.").mentions] == ["hydropneumothorax"]
    assert [m.finding for m in labeler.label("Nốt vôi hóa phổi phải.").mentions] == ["calcified_nodule"]
