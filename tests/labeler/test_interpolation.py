"""From mentions to classes: values and their reasons, auto or review."""

from __future__ import annotations

import pytest

from labeler import Labeler
from tests.labeler.expect import assert_labels

CLASSES = ["chest_wall", "pleura", "parenchyma", "cardio", "abnormal"]

WHY = [
    ("Tràn dịch màng phổi.", "pleura", 1, "mention"),
    ("Tràn dịch màng phổi.", "abnormal", 1, "mention"),
    ("Tràn dịch màng phổi.", "cardio", 0, "not mentioned"),
    ("Theo dõi viêm phổi.", "parenchyma", 1, "mention"),
    ("Không thấy tràn dịch màng phổi.", "pleura", 0, "negation"),
    ("Bóng tim không to.", "cardio", 0, "negation"),
    ("Không thấy tràn dịch màng phổi.", "abnormal", 0, "negation"),
    ("Góc sườn hoành hai bên nhọn.", "pleura", 0, "normal statement"),
    ("Hai phổi sáng.", "parenchyma", 0, "normal statement"),
    ("Hai phổi sáng.", "pleura", 0, "not mentioned"),
    ("Hai phổi sáng.", "abnormal", 0, "normal statement"),
    ("Hạn chế đánh giá đáy phổi trái.", "parenchyma", 0, "not assessable"),
    ("Chưa đánh giá được màng phổi.", "pleura", 0, "not assessable"),
    ("Tim phổi bình thường.", "chest_wall", 0, "template"),
    ("Tiền sử lao phổi.", "parenchyma", 0, "not about this film"),
    ("", "abnormal", 0, "not mentioned"),
    ("Ống nội khí quản.", "abnormal", 1, "mention"),
    ("Ống nội khí quản.", "parenchyma", 0, "not mentioned"),
]

STATUS = [
    ("Tràn dịch màng phổi phải.", "auto", ""),
    ("Theo dõi viêm phổi.", "auto", ""),
    ("Hạn chế đánh giá đáy phổi trái.", "auto", "not_assessable"),
    ("", "review", "empty"),
    (" \n\t ", "review", "empty"),
    ("...", "review", "empty"),
    ("Không thay đổi so với phim cũ.", "review", "empty"),
    ("Hai phổi như phim trước.", "review", "empty"),
    ("Bệnh nhân nam 45 tuổi.", "review", "empty"),
    ("Hai phổi sáng, như phim trước.", "auto", ""),
    ("Tim: (-)", "auto", ""),
    ("Phổi có hình lôphômát.", "review", "residue"),
    ("Tim lờm xờm.", "review", "residue"),
    ("Tràn dịch màng phổi phải. Không thấy tràn dịch màng phổi phải.", "review", "contradiction"),
    ("Không thấy tràn dịch màng phổi.\nKết luận: Tràn dịch màng phổi.", "review", "contradiction"),
    ("Tràn dịch màng phổi phải. Không thấy tràn dịch màng phổi trái.", "auto", ""),
    ("Tràn dịch màng phổi phải.\nKết luận: Tim phổi bình thường.", "review", "conclusion_disagrees"),
    ("Tràn dịch màng phổi phải.\nKết luận: Không thấy bất thường.", "review", "conclusion_disagrees"),
    ("Tràn dịch màng phổi phải.\nKết luận: Tràn dịch màng phổi phải.", "auto", ""),
    ("Vôi hóa.", "review", "unattached_sign"),
    ("Tổn thương.", "review", "unspecified"),
    ("Hai phổi sáng.\nTiền sử:\nlao phổi", "review", "open_section"),
    ("Tim to, nghi tràn dịch màng tim -> siêu âm\nTDMP phải ít", "auto", ""),
    ("Vẹo cột sống: không đáng kể.", "review", "negated_normal"),
    ("Có tràn dịch không? Có, bên phải ít.", "review", "unclear_indication"),
    ("Tràn dịch: phải không, trái không", "review", "dangling_negation"),
    ("Tràn dịch → không", "review", "unclear_indication"),
    ("Tràn dịch | Không |", "review", "unclear_indication"),
    ("Không ghi nhận:\n- tràn dịch", "review", "dangling_negation"),
    ("TDMP / TKMP: không / có", "review", "dangling_negation"),
    ("Gãy xương:\nTim không to.", "review", "unspecified"),
    ("TDMP 0, TKMP 0", "review", "unspecified"),
    ("Không thấy nốt, vài dải xơ.", "review", "ambiguous_scope"),
    ("Tràn dịch phải đã hút, nay góc nhọn.", "review", "unclear_time"),
    ("Không thấy gãy xương, vôi hóa sụn sườn.", "review", "ambiguous_scope"),
    ("Không thấy gãy xương, tiêu xương.", "auto", ""),
    ("Khối mờ thùy trên phải, bờ tua gay.", "review", "uncertain_repair"),
    ("Gay xương sườn 5 phải.", "auto", ""),
    ("Không thấy gãy xương sườn, tràn khí màng phổi.", "auto", ""),
    ("Không thấy tràn dịch màng phổi, nốt mờ thùy trên.", "review", "ambiguous_scope"),
    ("Không thấy gãy xương sườn hay thoái hóa cột sống.", "auto", ""),
    ("Kỹ thuật: tràn dịch màng phổi", "review", "misplaced_finding"),
    ("Không có lôphômát.", "auto", ""),
]


@pytest.mark.parametrize(("text", "name", "value", "kind"), WHY)
def test_every_value_has_its_reason(labeler: Labeler, text: str, name: str, value: int, kind: str) -> None:
    report = labeler.label(text)
    assert list(report.labels) == list(report.classes) == CLASSES
    assert (report.labels[name], report.classes[name].value, report.classes[name].kind) == (value, value, kind)


@pytest.mark.parametrize(("text", "status", "reasons"), STATUS)
def test_status_and_reasons(labeler: Labeler, text: str, status: str, reasons: str) -> None:
    report = labeler.label(text)
    assert (report.status, " ".join(report.reasons)) == (status, reasons)


@pytest.mark.parametrize(
    ("text", "positive"),
    [
        ("Tràn khí màng phổi phải, phổi xẹp.", "pleura abnormal"),
        ("Tràn khí màng phổi phải lượng nhiều, xẹp phổi phải.", "pleura abnormal"),
        ("Tràn khí màng phổi phải, xẹp phổi trái.", "pleura parenchyma abnormal"),
        ("Tràn khí màng phổi phải, xẹp thùy dưới phổi phải.", "pleura parenchyma abnormal"),
        ("Tràn khí màng phổi phải, dải xẹp phổi phải.", "pleura parenchyma abnormal"),
        ("Không tràn khí màng phổi, xẹp phổi phải.", "parenchyma abnormal"),
        ("Tràn dịch màng phổi phải, xẹp phổi phải.", "pleura parenchyma abnormal"),
    ],
)
def test_a_lung_collapsed_by_a_pneumothorax_is_its_extent(labeler: Labeler, text: str, positive: str) -> None:
    assert_labels(labeler, text, positive)


@pytest.mark.parametrize(
    ("text", "positive"),
    [
        ("Mờ đồng nhất đáy phổi phải, mất góc sườn hoành, đường cong Damoiseau.", "pleura abnormal"),
        ("Đáy phổi trái mờ đều, giới hạn trên là đường cong lõm.", "pleura abnormal"),
        ("Nốt mờ thùy trên phổi trái, mờ đều đáy phổi phải, đường cong Damoiseau.", "pleura parenchyma abnormal"),
        ("Đám mờ đáy phổi trái, đường cong Damoiseau bên phải.", "pleura parenchyma abnormal"),
        ("Đám mờ đáy phổi phải, không thấy đường cong Damoiseau.", "parenchyma abnormal"),
        ("Đám mờ đáy phổi phải. Tràn dịch màng phổi phải.", "pleura parenchyma abnormal"),
    ],
)
def test_an_opacity_below_a_meniscus_is_that_of_the_fluid(labeler: Labeler, text: str, positive: str) -> None:
    assert_labels(labeler, text, positive)


@pytest.mark.parametrize(
    ("text", "positive"),
    [
        ("Tràn dịch màng phổi phải do lao.", "pleura abnormal"),
        ("Tù góc sườn hoành trái, nghĩ do lao.", "pleura abnormal"),
        ("Xơ đỉnh phổi phải do lao.", "parenchyma abnormal"),
        ("Tràn dịch màng phổi phải, tổn thương phổi do lao.", "pleura parenchyma abnormal"),
        ("Lao hạch trung thất.", "cardio abnormal"),
        ("Lao hạch rốn phổi.", "parenchyma abnormal"),
    ],
)
def test_a_cause_belongs_to_what_it_causes(labeler: Labeler, text: str, positive: str) -> None:
    assert_labels(labeler, text, positive)


@pytest.mark.parametrize(
    ("text", "positive"),
    [
        ("Hạch: (+) rốn phổi phải.", "parenchyma abnormal"),
        ("Hạch: trung thất.", "cardio abnormal"),
        ("Vôi: 1 nốt vôi đỉnh phổi phải.", "parenchyma abnormal"),
        ("Vôi: quai động mạch chủ.", "cardio abnormal"),
        ("Đỉnh trái có dải xơ. Phổi phải RAS.", "parenchyma abnormal"),
        ("Tim to. KL: Không thấy tổn thương phổi.", "cardio abnormal"),
    ],
)
def test_a_field_and_a_part_called_normal_trouble_nobody(labeler: Labeler, text: str, positive: str) -> None:
    assert assert_labels(labeler, text, positive).reasons == ()


def test_an_empty_text_is_five_zeros(labeler: Labeler) -> None:
    report = labeler.label("")
    assert report.labels == dict.fromkeys(CLASSES, 0)
    assert (report.method, report.uncertain, report.mentions, report.residue) == ("rules", (), (), ())


def test_a_mention_is_named_by_its_number(labeler: Labeler) -> None:
    report = labeler.label("Không thấy tràn khí màng phổi. Tràn dịch màng phổi phải. Tim to.")
    assert report.classes["pleura"].details["mentions"] == [1]
    assert report.classes["cardio"].details["mentions"] == [2]
    assert report.classes["abnormal"].details["mentions"] == [1, 2]


def test_a_negation_shows_its_cue_and_span(labeler: Labeler) -> None:
    text = "- Tim to.\n- Không thấy tràn dịch màng phổi."
    why = labeler.label(text).classes["pleura"].to_dict()["because"]
    assert (why["kind"], why["cue"]) == ("negation", "Không thấy")
    span = why["span"]
    assert text[span["start"] : span["end"]] == span["text"] == "tràn dịch màng phổi"


def test_a_normal_statement_shows_its_span_and_rule(labeler: Labeler) -> None:
    text = "- Tim to.\n- Góc sườn hoành hai bên nhọn."
    why = labeler.label(text).classes["pleura"].to_dict()["because"]
    assert why["kind"] == "normal statement"
    assert text[why["span"]["start"] : why["span"]["end"]] == why["span"]["text"]
    assert "nhọn" in why["span"]["text"]
    assert why["rule"].startswith("rules/")


def test_what_was_not_understood_is_residue(labeler: Labeler) -> None:
    text = "- Hai phổi sáng.\n- Phổi phải có hình lôphômát."
    report = labeler.label(text)
    assert [text[s.start : s.end] for s in report.residue] == ["lôphômát"]


@pytest.mark.parametrize(
    ("text", "uncertain"),
    [
        ("Theo dõi viêm phổi.", {"parenchyma", "abnormal"}),
        ("Theo dõi viêm phổi. Tim to.", {"parenchyma"}),
        ("Theo dõi viêm phổi. Đám mờ đáy phổi phải.", set()),
        ("Nghi ngờ dị vật thực quản.", {"abnormal"}),
        ("Tim to.", set()),
    ],
)
def test_uncertain_is_what_nothing_definite_sets(labeler: Labeler, text: str, uncertain: set[str]) -> None:
    assert set(labeler.label(text).uncertain) == uncertain


def test_devices_set_abnormal_alone(labeler: Labeler) -> None:
    for text in ("Ống nội khí quản.", "Máy tạo nhịp.", "Sonde dạ dày."):
        labels = labeler.label(text).labels
        assert [name for name in CLASSES if labels[name]] == ["abnormal"]


def test_every_mention_says_which_rule_and_layer(labeler: Labeler) -> None:
    (mention,) = labeler.label("Tràn dịch màng phổi.").mentions
    file, line = mention.rule.split(":")
    assert file == "rules/pleura.yaml"
    assert int(line) > 0
    assert mention.layer == "builtin"


def test_the_explanation_is_one_plain_object(labeler: Labeler) -> None:
    found = labeler.label("Tràn dichj màng phổi phải.").to_dict("r1")
    assert list(found) == [
        "report_id", "labels", "status", "method", "uncertain", "reasons", "template", "mentions", "residue", "classes",
    ]  # fmt: skip
    (mention,) = found["mentions"]
    assert set(mention) == {
        "start", "end", "text", "finding", "region", "side", "location", "line", "rule", "match", "repair", "score",
        "assertion", "cue",
    }  # fmt: skip


def test_labels_are_not_shared_between_equal_reports(labeler: Labeler) -> None:
    first = labeler.label("Tim to. Phổi mờ đáy phải.")
    first.labels["cardio"] = 0
    try:
        assert labeler.label("Tim to. Phổi mờ đáy phải. ").labels["cardio"] == 1
    finally:
        first.labels["cardio"] = 1
