"""Items of a report: by line, dash, bullet, number, or none at all; broken lines joined."""

from __future__ import annotations

import pytest

from labeler import Labeler
from labeler.text import normalize


def items(labeler: Labeler, text: str) -> list[str]:
    out = []
    for _, raw in labeler.splitter.groups(text):
        out += [line.text for line in labeler.splitter.split(normalize(raw.replace("\n", " ")).text)]
    return out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- Tim to.\n- Phổi sáng.", ["Tim to", "Phổi sáng"]),
        ("-Tim to.\n-Phổi sáng.", ["Tim to", "Phổi sáng"]),
        ("-- Tim to.\n-- Phổi sáng.", ["Tim to", "Phổi sáng"]),
        ("+ Tim to.\n+ Phổi sáng.", ["Tim to", "Phổi sáng"]),
        ("• Tim to.\n• Phổi sáng.", ["Tim to", "Phổi sáng"]),
        ("* Tim to.\n* Phổi sáng.", ["Tim to", "Phổi sáng"]),
        ("1. Tim to.\n2. Phổi sáng.", ["Tim to", "Phổi sáng"]),
        ("3A. Màng phổi: không\n4A. Khác: không", ["Màng phổi: không", "Khác: không"]),
        ("1) Tim to.\n2) Phổi sáng.", ["Tim to", "Phổi sáng"]),
        ("Tim to.\nPhổi sáng.", ["Tim to", "Phổi sáng"]),
        ("- Tim to. - Phổi sáng.", ["Tim to", "Phổi sáng"]),
        ("1. Tim to. 2. Phổi sáng.", ["Tim to", "Phổi sáng"]),
        ("- Tim to.\n\n\n- Phổi sáng.", ["Tim to", "Phổi sáng"]),
        ("- Tràn dịch\nmàng phổi.", ["Tràn dịch màng phổi"]),
        ("Không thấy hình tràn dịch,\ntràn khí màng phổi.", ["Không thấy hình tràn dịch, tràn khí màng phổi"]),
        ("Không thấy\ntổn thương phổi.", ["Không thấy tổn thương phổi"]),
        ("Tim - phổi bình thường.", ["Tim - phổi bình thường"]),
        ("X-quang ngực thẳng.", ["X-quang ngực thẳng"]),
        ("Sườn 5-7 trái.", ["Sườn 5-7 trái"]),
        ("---\n", []),
        ("", []),
    ],
)  # fmt: skip
def test_items(labeler: Labeler, text: str, expected: list[str]) -> None:
    assert items(labeler, text) == expected


@pytest.mark.parametrize(
    ("text", "positive"),
    [
        ("Chỉ định:\nViêm phổi\nMô tả:\nTim to", {"cardio"}),
        ("LÂM SÀNG: ho, sốt, viêm phổi. MÔ TẢ: tim to.", {"cardio"}),
        ("Kết luận: Viêm phổi.", {"parenchyma"}),
        ("Đề nghị: chụp CT kiểm tra u phổi.", set()),
        ("Kỹ thuật: chụp thẳng.\nTim to.", {"cardio"}),
        ("Nhận xét khác:", set()),
        ("Màng phổi:\n- Dày.", {"pleura"}),
        ("Tim: to. Phổi: mờ đáy phải.", {"cardio", "parenchyma"}),
    ],
)
def test_headings_decide_what_a_text_is_about(labeler: Labeler, text: str, positive: set[str]) -> None:
    labels = labeler.label(text).labels
    assert {name for name, value in labels.items() if value} - {"abnormal"} == positive


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("- Quai ĐMC vồng.", "cardio"),
        ("- Phổi sáng, quai ĐMC vồng.", "parenchyma"),
        ("- Màng phổi bình thường, tim to.", "pleura"),
    ],
)
def test_a_mention_knows_the_region_of_its_line(labeler: Labeler, text: str, region: str) -> None:
    (mention,) = labeler.label(text).mentions
    assert (mention.region, mention.line) == ("cardio", region)
