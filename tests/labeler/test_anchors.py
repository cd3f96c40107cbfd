"""Which structure a sign is said of, on which side, and where."""

from __future__ import annotations

import pytest

from labeler import Labeler
from tests.labeler.expect import assert_mentions

PLACES = [
    # the wall is where the plaque lies: what is said after it goes on about the pleura
    ("Màng phổi: mảng dày khu trú thành ngực bên, có vôi hóa.", "pleural_plaque present; pleural_calcification present"),
]


@pytest.mark.parametrize(("text", "expected"), PLACES)
def test_a_place_is_not_spoken_of(labeler: Labeler, text: str, expected: str) -> None:
    assert_mentions(labeler, text, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # the sign after its structure, before it, far from it
        ("Quai động mạch chủ vồng.", "aortic_unfolding present"),
        ("Vồng quai động mạch chủ.", "aortic_unfolding present"),
        ("Quai động mạch chủ đoạn ngang hơi vồng.", "aortic_unfolding present"),
        ("Bóng tim trên phim thẳng to.", "cardiomegaly present"),
        # a longer phrase of another structure is cut to what this one takes; of words typed alike it takes its own
        ("Bóng tim không to quai động mạch chủ vồng nhẹ", "cardiomegaly absent; aortic_unfolding present"),
        ("Trung that rong", "mediastinal_widening present"),
        # one sign, another structure, another finding
        ("Màng phổi dày.", "pleural_thickening present"),
        ("Rãnh liên thùy bé dày.", "fissure_thickening present"),
        ("Thành phế quản dày.", "bronchial_wall_thickening present"),
        ("Quai ĐMC vôi hóa.", "aortic_calcification present"),
        ("Màng phổi vôi hóa.", "pleural_calcification present"),
        ("Màng tim vôi hóa.", "pericardial_calcification present"),
        # several signs of one structure, several structures of one sign
        ("Màng phổi dày và vôi hóa.", "pleural_thickening present; pleural_calcification present"),
        ("Quai ĐMC vồng, vôi hóa.", "aortic_unfolding present; aortic_calcification present"),
        ("Gãy xương đòn và xương bả vai phải.", "clavicle_fracture present; scapula_fracture present"),
        ("Bóng tim to, trung thất rộng.", "cardiomegaly present; mediastinal_widening present"),
        ("Dày, dính màng phổi.", "pleural_thickening present; pleural_adhesion present"),
        ("Phổi và màng phổi bình thường.", "-"),
        ("Dày màng phổi và thành phế quản.", "pleural_thickening present; bronchial_wall_thickening present"),
        ("Không thấy vôi hóa màng phổi và quai ĐMC.", "pleural_calcification absent; aortic_calcification absent"),
        # a structure named by the line above
        ("Màng phổi:\n- Dày.", "pleural_thickening present"),
        ("Bóng tim:\nto", "cardiomegaly present"),
    ],
)  # fmt: skip
def test_signs_find_their_structure(labeler: Labeler, text: str, expected: str) -> None:
    assert_mentions(labeler, text, expected)


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("Nốt mờ thùy trên phổi phải.", "thùy trên"),
        ("Đám mờ đáy phổi trái.", "đáy"),
        ("Gãy xương đòn trái.", "xương đòn"),
        ("Gãy xương sườn 5 trái.", "xương sườn"),
        ("Gãy xương sườn 5 trái.", "xương sườn 5"),
        ("Xẹp thân đốt sống D12.", "D12"),
    ],
)
def test_location_is_what_the_text_says(labeler: Labeler, text: str, location: str) -> None:
    (mention,) = labeler.label(text).mentions
    assert mention.location is not None
    assert location.lower() in mention.location.lower()


def test_no_place_no_location(labeler: Labeler) -> None:
    (mention,) = labeler.label("Tràn dịch màng phổi.").mentions
    assert (mention.side, mention.location) == (None, None)


@pytest.mark.parametrize("text", ["Vôi hóa.", "Mờ.", "Phổi phải không đồng nhất."])
def test_a_sign_of_nothing_goes_to_a_person(labeler: Labeler, text: str) -> None:
    report = labeler.label(text)
    assert (report.status, report.reasons) == ("review", ("unattached_sign",))
    assert report.residue


def test_a_size_is_no_side(labeler: Labeler) -> None:
    for text, side in (
        ("Nốt 3 cm phổi phải.", "right"),
        ("Nốt 2 cm phổi phải.", "right"),
        ("Nốt mờ 2 x 3 cm thùy trên phổi trái.", "left"),
        ("Mờ 2 đáy phổi.", "both"),
    ):
        assert [m.side for m in labeler.label(text).mentions] == [side], text


def test_a_size_stands_between_a_sign_and_its_structure(labeler: Labeler) -> None:
    for size in ("6mm", "6x3mm", "6 x 3 x 2 mm", "6×3 mm"):
        assert_mentions(labeler, f"Mảnh kim khí {size} nằm trong phần mềm thành ngực.", "chest_wall_foreign_body present")
