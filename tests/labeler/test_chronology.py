"""Findings of older films: whether they are still there, and who decides where nothing tells.

Each row: a sentence and every mention that it must give (`tests.labeler.expect`).
"""

from __future__ import annotations

import pytest

from labeler import Labeler
from tests.labeler.expect import assert_labels, assert_mentions

GONE = [
    ("Góc sườn hoành phải trước tù, nay nhọn.", "costophrenic_blunting historical right"),
    ("Góc sườn hoành trái lần trước mờ, lần này nhọn.", "costophrenic_blunting historical left"),
    ("Bóng tim trước to, nay trở về bình thường.", "cardiomegaly historical"),
    ("Lúc vào viện phổi phải mờ, nay sáng.", "lung_opacity historical right"),
    ("Năm ngoái lao phổi, nay phổi sáng.", "tuberculosis historical"),
    ("Cách đây 1 tháng có tràn dịch màng phổi phải, nay góc sườn hoành nhọn.", "pleural_effusion historical right"),
    ("Trên phim 12/3 có đám mờ đáy phổi phải, phim hôm nay hai phổi sáng.", "lung_opacity historical right"),
    ("Đám mờ đáy phổi phải trên phim trước nay phổi sáng.", "lung_opacity historical right"),
    ("Hang 2 cm trên phim trước đã khép.", "cavity absent"),
    ("Thâm nhiễm hạ đòn phải ở phim tháng 0 nay đã xóa hết.", "infiltration absent right"),
    ("Xẹp thùy trên phải phim hôm qua nay đã nở lại hoàn toàn.", "atelectasis absent right"),
    ("Trung thất lệch trái trên phim trước nay đã về giữa.", "mediastinal_shift absent"),
    ("Xẹp thùy trên phải hôm qua, nay phổi nở.", "atelectasis historical right"),
    ("Trên phim trước nghi ngờ nốt mờ, chụp lại không thấy.", "nodule historical"),
    ("So với phim trước điều trị (hang đỉnh trái 3 cm): hang đã mất hoàn toàn.", "cavity historical; cavity absent"),
    ("Mẹ lao phổi AFB(+), phổi bé sáng.", "-"),
    ("U trung thất đã mổ, nay trung thất cân đối.", "mediastinal_mass historical"),
    ("Phim phổi trở về bình thường, lao phổi đã điều trị hoàn thành.", "tuberculosis historical"),
    ("Chỉ số tim ngực 0,58 xuống còn 0,48.", "-"),
]
STAYS = [
    ("Đám mờ đáy phải phim trước nay còn.", "lung_opacity present right"),
    ("Đám mờ đáy phải trên phim trước nay nhỏ hơn.", "lung_opacity present right"),
    ("Đám mờ đáy phải trên phim trước không thay đổi.", "lung_opacity present right"),
    ("Đám mờ đáy phải không thay đổi so với phim cũ.", "lung_opacity present right"),
    ("Phim trước đã thấy nốt mờ đỉnh phải, nay vẫn còn.", "nodule present right"),
    ("Phim trước có nốt mờ đỉnh phải, nay 12 mm.", "nodule present right"),
    ("Hang 2 cm trên phim trước nay 1 cm.", "cavity present"),
    ("Đã thấy nốt mờ đỉnh phải từ phim trước.", "nodule present right"),
    ("Bóng tim to, tỉ lệ 0,61 (phim trước 0,55).", "cardiomegaly present"),
    ("Phim trước hai phổi sáng, nay có đám mờ đáy phải.", "lung_opacity present right"),
    ("Đám mờ hạ đòn trái không có ở phim 2022.", "lung_opacity present left"),
    ("Hôm qua ngã xe, gãy xương sườn 5 phải.", "rib_fracture present right"),
    ("Nốt mờ trước tim, nay to hơn phim cũ.", "nodule present"),
    ("U trung thất trước.", "mediastinal_mass present"),
    ("Gãy xương đòn trái đã mổ.", "clavicle_fracture present left"),
    ("Tái khám lao phổi, còn thâm nhiễm đỉnh phải.", "tuberculosis historical; infiltration present right"),
    ("Dịch màng phổi phải gần hết.", "pleural_effusion present right"),
    ("Thùy dưới trái nở lại một phần.", "atelectasis present"),
    ("Chỉ số tim ngực 0,48, nay 0,56.", "cardiomegaly present"),
    ("Chỉ số tim ngực 0,57 (trước 0,49).", "cardiomegaly present"),
]
UNCLEAR = [
    "Mờ đáy phổi phải, hiện phổi sáng.",
    "Tràn dịch màng phổi phải trên phim trước.",
    "Phim ngày 12/3: đám mờ đáy phổi phải. Hôm nay phổi sáng.",
    "Sau điều trị đám mờ đáy phải giảm.",
    "Mổ tràn khí màng phổi trái 2021, nay phổi nở.",
    "Chỉ số tim ngực 0,56 phim trước, nay 0,49.",
]


@pytest.mark.parametrize(("sentence", "expected"), GONE)
def test_what_is_gone_sets_nothing(labeler: Labeler, sentence: str, expected: str) -> None:
    assert_mentions(labeler, sentence, expected)
    assert assert_labels(labeler, sentence, "").status == "auto"


@pytest.mark.parametrize(("sentence", "expected"), STAYS)
def test_what_is_still_there_counts(labeler: Labeler, sentence: str, expected: str) -> None:
    assert "unclear_time" not in assert_mentions(labeler, sentence, expected).reasons


@pytest.mark.parametrize("sentence", UNCLEAR)
def test_where_nothing_tells_a_person_decides(labeler: Labeler, sentence: str) -> None:
    report = labeler.label(sentence)
    assert report.labels["abnormal"] == 1
    assert "unclear_time" in report.reasons


@pytest.mark.parametrize(
    "sentence",
    [
        "Tiền sử hút thuốc, phổi tăng sáng.",
        "Trước đây khỏe mạnh, tràn dịch màng phổi phải nhiều.",
        "Phim trước: nốt mờ thùy trên phải. Phim này không thay đổi.",
        "Phim trước: nốt mờ thùy trên phải. Hiện không thấy nốt mới.",
        "Phim trước: nốt mờ thùy trên phải. Tim to. Phim này không thay đổi.",
        "Phim cũ: nốt xơ đỉnh trái\nPhim nay: không thay đổi\nTim: không to",
        "Hai phổi không thay đổi so với phim cũ.\nTim không to.",
        "Nhu mô phổi: như phim cũ.\nTim không to.",
    ],
)
def test_a_history_that_may_end_at_a_comma_goes_to_a_person(labeler: Labeler, sentence: str) -> None:
    assert "unclear_time" in labeler.label(sentence).reasons


@pytest.mark.parametrize(
    ("text", "positive"),
    [
        ("Hai phổi sáng.\nTim không to.\nSo với phim cũ không thay đổi.", ""),
        ("Hai phổi sáng, không thay đổi so với phim trước.", ""),
        ("Tim: kích thước không tăng.\nHai phổi sáng.", ""),
        ("Nốt mờ đỉnh phải.\nNhu mô phổi không thay đổi so với phim cũ.", "parenchyma abnormal"),
        ("Nốt mờ đỉnh phải cũ, hiện không thấy nốt mới.", "parenchyma abnormal"),
        ("Nhu mô: nốt mờ đỉnh phải.\nKhông có nốt mới.", "parenchyma abnormal"),
        ("Tiền sử lao phổi. Xơ đỉnh phải. Không có tổn thương mới so với phim 2022.", "parenchyma abnormal"),
        ("Phim trước: đám mờ đáy phải đã hết. Tim không thay đổi. Phim trong giới hạn bình thường.", ""),
    ],
)
def test_the_course_of_what_is_known_is_clear(labeler: Labeler, text: str, positive: str) -> None:
    assert assert_labels(labeler, text, positive).status == "auto"


def test_advice_is_not_ended_by_a_film_to_be_taken_again(labeler: Labeler) -> None:
    assert_mentions(labeler, "Đề nghị chụp lại loại trừ u phổi.", "lung_tumour historical")
