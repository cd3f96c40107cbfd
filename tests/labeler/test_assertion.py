"""What is asserted of each finding: negation and its scope, doubt, history, advice, sections.

Each row: a sentence and every mention that it must give (`tests.labeler.expect`).
"""

from __future__ import annotations

import pytest

from labeler import Labeler
from tests.labeler.expect import assert_labels, assert_mentions


def fails(reason: str) -> pytest.MarkDecorator:
    """What should hold and does not yet."""
    return pytest.mark.xfail(reason=reason, strict=True)


NEGATION = [
    ("Không thấy tràn dịch màng phổi.", "pleural_effusion absent"),
    ("Không có gãy xương sườn.", "rib_fracture absent"),
    ("Chưa thấy hình ảnh tràn khí màng phổi.", "pneumothorax absent"),
    ("Không ghi nhận đám mờ phổi.", "lung_opacity absent"),
    ("Chưa phát hiện nốt mờ phổi.", "nodule absent"),
    ("Hiện chưa ghi nhận tràn dịch màng phổi.", "pleural_effusion absent"),
    ("Ko thấy tràn dịch màng phổi.", "pleural_effusion absent"),
    ("k thấy tràn khí màng phổi", "pneumothorax absent"),
    ("Không còn tràn dịch màng phổi.", "pleural_effusion absent"),
    ("No pleural effusion.", "pleural_effusion absent"),
    # question and answer
    ("Tràn dịch màng phổi: có, tràn khí màng phổi: không.", "pleural_effusion present; pneumothorax absent"),
    ("Hạch rốn phổi: không.", "hilar_lymph_nodes absent"),
    ("Phổi: mờ đáy phải, tràn dịch: không.", "lung_opacity present right; pleural_effusion absent"),
    ("Màng phổi: không TD, không TK.", "pleural_effusion absent; pneumothorax absent"),
    ("Tràn dịch màng phổi phải ít, trái không.", "pleural_effusion present right"),
    # spelt as typists do, wherever "không" may stand
    ("Gãy xương sườn 7 (P) ko di lệch.", "rib_fracture present right"),
    ("Nốt mờ đỉnh T, bờ k rõ, hok tràn dịch.", "nodule present left; pleural_effusion absent"),
    ("0 nốt, 0 thấy đám mờ phổi.", "nodule absent; lung_opacity absent"),
    # results, one field or two
    ("TDMP: -", "pleural_effusion absent"),
    ("Tràn dịch / tràn khí: - / -", "pleural_effusion absent; pneumothorax absent"),
    ("Phổi: 0 nốt.", "nodule absent"),
    ("tim hong to, mang phoi hong day", "cardiomegaly absent; pleural_thickening absent"),
    # a noun with its predicate, in a list
    ("Hạch trung thất, hạch rốn phổi không to.",
     "mediastinal_lymph_nodes absent; hilar_lymph_nodes absent; hilar_enlargement absent"),
    ("không TKMP / tim to", "pneumothorax absent; cardiomegaly present"),
    ("không dịch / khí màng phổi", "pleural_effusion absent; pneumothorax absent"),
    ("hai phoi u huyet, tim to", "congestion present; cardiomegaly present"),
    ("rốn phổi to tim không to", "hilar_enlargement present; cardiomegaly absent"),
    ("co hoanh det khoang lien suon gian Tim nho", "flat_diaphragm present; wide_intercostal_spaces present"),
    ("Hạch rốn phổi to, hạch trung thất không to.",
     "hilar_lymph_nodes present; mediastinal_lymph_nodes absent; mediastinal_widening absent"),
    # a device without a fault is a device
    ("Không tuột CVC.", "central_line present"),
    ("Không đứt chỉ thép xương ức.", "sternal_wires present"),
    ("Không thấy gãy nẹp vít.", "bone_fracture absent; osteosynthesis present"),
    ("Không thấy dẫn lưu, nẹp vít.", "chest_drain absent; osteosynthesis absent"),
    # over a list
    ("Không thấy tràn dịch, tràn khí màng phổi.", "pleural_effusion absent; pneumothorax absent"),
    ("Không tràn dịch, tràn khí, dày dính màng phổi.", "pleural_effusion absent; pneumothorax absent; pleural_thickening absent"),
    ("Không thấy nốt mờ, đám mờ hay hang ở phổi.", "nodule absent; lung_opacity absent; cavity absent"),
    ("Không thấy tràn dịch hoặc tràn khí màng phổi.", "pleural_effusion absent; pneumothorax absent"),
    ("Không thấy tràn khí và tràn dịch màng phổi.", "pneumothorax absent; pleural_effusion absent"),
    pytest.param(
        "Không thấy tràn dịch và tràn khí màng phổi.",
        "pleural_effusion absent; pneumothorax absent",
        marks=fails("read as one hydropneumothorax: neither effusion nor pneumothorax counts as denied"),
    ),
    ("Không có dịch và khí màng phổi.", "pleural_effusion absent; pneumothorax absent"),
    ("Không thấy gãy xương sườn, xương đòn.", "rib_fracture absent; clavicle_fracture absent"),
    ("Không thấy nốt mờ phổi, không tràn dịch màng phổi.", "nodule absent; pleural_effusion absent"),
    ("Thai phụ ho 3 tuần, chưa loại trừ vài nốt thâm nhiễm nhỏ đỉnh phổi.", "infiltration uncertain"),
    # what is doubted after it, without a comma, is not denied
    ("phổi không đông đặc chưa loại trừ tràn dịch màng phổi trái", "consolidation absent; pleural_effusion uncertain left"),
    # over one predicate
    ("Bóng tim không to, quai ĐMC vồng.", "cardiomegaly absent; aortic_unfolding present"),
    ("Quai ĐMC không vồng, bóng tim to.", "aortic_unfolding absent; cardiomegaly present"),
    ("Góc sườn hoành không tù, dày màng phổi phải.", "costophrenic_blunting absent; pleural_thickening present right"),
    ("Màng phổi không dày, không dính.", "pleural_thickening absent; pleural_adhesion absent"),
    ("Bóng tim không to không lệch.", "cardiomegaly absent; mediastinal_shift absent"),
    ("Trung thất không giãn rộng.", "mediastinal_widening absent"),
    ("Không tràn dịch màng phổi, bóng tim to.", "pleural_effusion absent; cardiomegaly present"),
    ("Không thấy tràn dịch màng phổi, trung thất giãn rộng.", "pleural_effusion absent; mediastinal_widening present"),
    *(
        (text, f"{denied} absent; cardiomegaly present")
        for text, denied in (
            ("Phổi sáng, không tràn khí màng phổi, tim to.", "pneumothorax"),
            ("Không thấy tràn dịch màng phổi, tim to.", "pleural_effusion"),
            ("Xương không gãy, tim to.", "bone_fracture"),
            ("không tràn dịch màng phổi tim to", "pleural_effusion"),
        )
    ),
    ("bóng tim không to tràn dịch màng phổi phải", "cardiomegaly absent; pleural_effusion present right"),
    # ended by a finding with a side, place or amount of its own
    ("Không thấy tràn khí màng phổi, tràn dịch màng phổi phải lượng ít.", "pneumothorax absent; pleural_effusion present right"),
    ("Không thấy tràn khí màng phổi, tràn dịch màng phổi trái.", "pneumothorax absent; pleural_effusion present left"),
    ("Không thấy gãy xương sườn, tiêu xương đòn phải.", "rib_fracture absent; bone_lysis present right"),
    # ended by the sentence, the item, the line
    ("Không thấy tràn khí màng phổi. Tràn dịch màng phổi.", "pneumothorax absent; pleural_effusion present"),
    ("- Không thấy tràn khí màng phổi\n- Tràn dịch màng phổi", "pneumothorax absent; pleural_effusion present"),
    ("Không thấy tràn khí màng phổi; tràn dịch màng phổi.", "pneumothorax absent; pleural_effusion present"),
    ("Không thấy hình tràn\ndịch màng phổi.", "pleural_effusion absent"),
    ("Không thấy\ntràn dịch màng phổi.", "pleural_effusion absent"),
    # after the finding
    ("Tràn dịch màng phổi: không.", "pleural_effusion absent"),
    ("Tràn dịch màng phổi: không thấy.", "pleural_effusion absent"),
    ("Liềm hơi dưới vòm hoành: không thấy.", "pneumoperitoneum absent"),
    ("Tràn dịch màng phổi (-).", "pleural_effusion absent"),
    ("TDMP (-), TKMP (-).", "pleural_effusion absent; pneumothorax absent"),
    ("Tràn dịch màng phổi âm tính.", "pleural_effusion absent"),
    ("Tràn dịch, tràn khí màng phổi: không.", "pleural_effusion absent; pneumothorax absent"),
    ("Gãy xương sườn không thấy.", "rib_fracture absent"),
    # not a negation
    ("Đám mờ không đồng nhất thùy trên phổi phải.", "lung_opacity present right"),
    ("Nốt mờ bờ không rõ phổi trái.", "nodule present left"),
    ("Tràn dịch màng phổi phải không thay đổi so với phim cũ.", "pleural_effusion present right"),
]  # fmt: skip

CONTRAST = [
    # nothing but the word of contrast ends the negation
    ("Không thấy tràn khí màng phổi nhưng tràn dịch màng phổi.", "pneumothorax absent; pleural_effusion present"),
    ("Không thấy tràn khí màng phổi, tuy nhiên dày màng phổi.", "pneumothorax absent; pleural_thickening present"),
    ("Không thấy tràn khí, ngoài ra dày màng phổi.", "pneumothorax absent; pleural_thickening present"),
    ("Không thấy nốt mờ phổi, trừ đám mờ phổi.", "nodule absent; lung_opacity present"),
    ("Không thấy nốt mờ, ngoại trừ xơ phổi.", "nodule absent; fibrosis present"),
    ("Không thấy tràn khí nhưng có tràn dịch màng phổi.", "pneumothorax absent; pleural_effusion present"),
    ("Không thấy tổn thương phổi, tuy nhiên bóng tim to.", "parenchymal_lesion absent; cardiomegaly present"),
    ("Không tràn khí màng phổi, ngoài ra có gãy xương sườn 5 trái.", "pneumothorax absent; rib_fracture present left"),
    ("Không thấy nốt mờ phổi, trừ nốt vôi hóa đỉnh phải.", "nodule absent; calcified_nodule present right"),
    ("Không thấy tràn dịch, có tràn khí màng phổi trái.", "pleural_effusion absent; pneumothorax present left"),
    ("Không gãy xương, song có tràn khí dưới da.", "bone_fracture absent; subcutaneous_emphysema present"),
    ("Không chỉ tràn dịch mà còn tràn khí màng phổi.", "pleural_effusion present; pneumothorax present"),
]  # fmt: skip

DOUBT = [
    ("Theo dõi viêm phổi.", "pneumonia uncertain"),
    ("Nghi ngờ tràn dịch màng phổi trái.", "pleural_effusion uncertain left"),
    ("Khả năng lao phổi.", "tuberculosis uncertain"),
    ("Có thể có tràn dịch màng phổi phải.", "pleural_effusion uncertain right"),
    ("Nghĩ nhiều đến u phổi.", "lung_tumour uncertain"),
    ("Không loại trừ gãy xương sườn.", "rib_fracture uncertain"),
    ("Chưa loại trừ tràn khí màng phổi.", "pneumothorax uncertain"),
    ("Hình ảnh gợi ý lao phổi.", "tuberculosis uncertain"),
    ("Viêm phổi?", "pneumonia uncertain"),
    ("TD lao phổi.", "tuberculosis uncertain"),
    ("TD tràn khí dưới da thành ngực phải.", "subcutaneous_emphysema uncertain"),
    ("TDMP phải.", "pleural_effusion present right"),
    ("Đám mờ thùy dưới phổi phải, theo dõi viêm phổi.", "lung_opacity present right; pneumonia uncertain"),
    ("Nốt mờ phổi trái nghi u phổi.", "nodule present left; lung_tumour uncertain"),
    ("Theo dõi viêm phổi. Tràn dịch màng phổi.", "pneumonia uncertain; pleural_effusion present"),
    ("Hình ảnh phù hợp với phù phổi.", "pulmonary_oedema uncertain"),
]  # fmt: skip

HISTORY_AND_ADVICE = [
    ("Tiền sử lao phổi.", "tuberculosis historical"),
    ("Tiền sử lao phổi. Tràn dịch màng phổi trái.", "tuberculosis historical; pleural_effusion present left"),
    ("Tiền sử lao phổi, hiện tại tràn dịch màng phổi trái.", "tuberculosis historical; pleural_effusion present left"),
    ("Đề nghị chụp CT để loại trừ u phổi.", "lung_tumour historical"),
    ("Chụp CT để loại trừ u trung thất.", "mediastinal_mass historical"),
    ("Đề nghị siêu âm đánh giá tràn dịch màng phổi.", "pleural_effusion historical"),
    ("So với phim cũ (tràn dịch màng phổi), nay hai phổi sáng.", "pleural_effusion historical"),
    ("Lâm sàng nghi viêm phổi.", "pneumonia historical"),
    ("Vôi hóa cũ đỉnh phổi phải.", "calcified_nodule present right"),
    ("Xơ cũ đỉnh phổi trái.", "fibrosis present left"),
    ("Can cũ xương sườn 7 phải.", "rib_callus present right"),
]  # fmt: skip

SECTIONS = [
    ("Chẩn đoán lâm sàng: Viêm phổi.", "pneumonia historical"),
    ("Chỉ định: tràn dịch màng phổi\nMô tả: bóng tim to.", "pleural_effusion historical; cardiomegaly present"),
    ("CHỈ ĐỊNH:\nTràn dịch màng phổi\nMÔ TẢ:\nBóng tim to.", "pleural_effusion historical; cardiomegaly present"),
    ("Kết luận: Viêm phổi.", "pneumonia present"),
    ("Kết luận: Theo dõi viêm phổi.", "pneumonia uncertain"),
    ("Đề nghị: chụp CT tìm u phổi.", "lung_tumour historical"),
    ("MÔ TẢ HÌNH ẢNH:\n- Bóng tim to.\nKẾT LUẬN:\n- Tim to.", "cardiomegaly present"),
    ("Mô tả: tràn dịch màng phổi trái. Kết luận: TDMP trái. Đề nghị: siêu âm.", "pleural_effusion present left"),
    ("Tim: to. Phổi: sáng. Màng phổi: dày.", "cardiomegaly present; pleural_thickening present"),
    ("Màng phổi:\n- Dày hai bên.", "pleural_thickening present both"),
]  # fmt: skip

SIDES = [
    ("Tràn dịch màng phổi phải.", "pleural_effusion present right"),
    ("Tràn dịch màng phổi (P).", "pleural_effusion present right"),
    ("TDMP (T).", "pleural_effusion present left"),
    ("Tràn dịch màng phổi 2 bên.", "pleural_effusion present both"),
    ("Tràn dịch màng phổi.", "pleural_effusion present none"),
    ("Bên trái có tràn khí màng phổi.", "pneumothorax present left"),
    ("Tù góc sườn hoành, dày màng phổi hai bên.", "costophrenic_blunting present; pleural_thickening present both"),
    ("Tràn dịch màng phổi phải, tràn khí màng phổi trái.", "pleural_effusion present right; pneumothorax present left"),
    ("Góc sườn hoành phải nhọn, trái tù.", "costophrenic_blunting present left"),
]  # fmt: skip

MISLEADING = [
    ("Tràn dịch màng ngoài tim.", "pericardial_effusion present"),
    ("Tràn dịch màng tim.", "pericardial_effusion present"),
    ("Tràn khí dưới da ngực phải.", "subcutaneous_emphysema present right"),
    ("Tràn khí trung thất.", "pneumomediastinum present"),
    ("Nốt mờ sát màng phổi phải.", "nodule present right"),
    ("Góc tâm hoành phải tù.", "cardiophrenic_opacity present right"),
    ("Hai phổi tăng sáng.", "hyperinflation present"),
    ("Hai phổi sáng.", "-"),
]  # fmt: skip


NEGATION += [
    # said of a noun at several places
    ("Hạch rốn phổi, trung thất không to.", "hilar_lymph_nodes absent; mediastinal_widening absent"),
    ("Hạch trung thất, tim không to.", "mediastinal_lymph_nodes present; cardiomegaly absent"),
    ("Dày màng phổi phải, góc sườn hoành không tù.", "pleural_thickening present right; costophrenic_blunting absent"),
    ("Gãy xương sườn 7, xương đòn không gãy.", "rib_fracture present; clavicle_fracture absent"),
    ("Hạch: rốn phổi, trung thất không to.", "hilar_lymph_nodes absent; mediastinal_widening absent; hilar_enlargement absent"),
    # a list goes on from the structure it began with
    ("Không thấy gãy xương hay tiêu xương.", "bone_fracture absent; bone_lysis absent"),
    # a colon after what it looks into opens what was found
    ("Tái khám viêm phổi: còn mờ đáy phải.", "pneumonia historical; lung_opacity present right"),
    ("Kiểm tra sau đợt điều trị lao phổi: đã hết đám mờ.", "tuberculosis historical; lung_opacity absent"),
    ("Dịch màng phổi: đã hết.", "pleural_effusion absent"),
    # a bone with its number is a place of its own
    ("Không thấy gãy xương, xẹp đốt sống D12.", "bone_fracture absent; vertebral_fracture present"),
    ("Không thấy gãy xương mới, can xương sườn 6.", "bone_fracture absent; rib_callus present"),
    ("Không thấy gãy xương sườn 5, 6, 7.", "rib_fracture absent"),
    ("Không thấy gãy xương, xẹp đốt sống.", "bone_fracture absent; vertebral_fracture absent"),
    # what was before something else is not gone with it
    ("Màng phổi phải dày sau khi dịch đã hết.", "pleural_thickening present right; pleural_effusion absent"),
    ("Không thấy gì ngoài lồng ngực phễu.", "pectus_excavatum present"),
]


@pytest.mark.parametrize(("text", "expected"), NEGATION)
def test_negation(labeler: Labeler, text: str, expected: str) -> None:
    assert_mentions(labeler, text, expected)


@pytest.mark.parametrize(
    "text",
    [
        "Màng phổi không thấy dày, dính, vôi hóa.",
        "Không thấy nốt, hang, xơ hay thâm nhiễm hai phổi.",
        "Không thấy tràn dịch, tràn khí, dày dính màng phổi.",
        "Không thấy gãy xương sườn, xương đòn, xương bả vai.",
    ],
)
def test_a_denied_list_is_understood(labeler: Labeler, text: str) -> None:
    report = labeler.label(text)
    assert (report.status, report.reasons) == ("auto", ())
    assert len(report.mentions) >= 3
    assert {m.assertion for m in report.mentions} == {"absent"}


@pytest.mark.parametrize(("text", "expected"), CONTRAST)
def test_contrast(labeler: Labeler, text: str, expected: str) -> None:
    assert_mentions(labeler, text, expected)


@pytest.mark.parametrize(("text", "expected"), DOUBT)
def test_doubt(labeler: Labeler, text: str, expected: str) -> None:
    assert_mentions(labeler, text, expected)


@pytest.mark.parametrize(("text", "expected"), HISTORY_AND_ADVICE)
def test_history_and_advice(labeler: Labeler, text: str, expected: str) -> None:
    assert_mentions(labeler, text, expected)


@pytest.mark.parametrize(("text", "expected"), SECTIONS)
def test_sections(labeler: Labeler, text: str, expected: str) -> None:
    assert_mentions(labeler, text, expected)


@pytest.mark.parametrize(("text", "expected"), SIDES)
def test_sides(labeler: Labeler, text: str, expected: str) -> None:
    assert_mentions(labeler, text, expected)


@pytest.mark.parametrize(("text", "expected"), MISLEADING)
def test_words_that_mislead(labeler: Labeler, text: str, expected: str) -> None:
    assert_mentions(labeler, text, expected)


def test_a_negation_names_its_cue(labeler: Labeler) -> None:
    (mention,) = labeler.label("Chưa ghi nhận hình tràn dịch màng phổi.").mentions
    assert mention.assertion == "absent"
    assert mention.cue is not None and mention.cue.startswith("Chưa ghi nhận")


def test_a_present_finding_has_no_cue(labeler: Labeler) -> None:
    (mention,) = labeler.label("Tràn dịch màng phổi phải.").mentions
    assert (mention.assertion, mention.cue) == ("present", None)


WHAT_IS_GONE = [
    # "đã hết" and its like look back over a finding, and ahead where none was said in their segment
    ("Tràn dịch màng phổi phải nay đã tan hoàn toàn.", "pleural_effusion absent right"),
    ("Bóng tim to, đã hết dịch màng phổi.", "cardiomegaly present; pleural_effusion absent"),
    ("Đám mờ đáy phổi phải nay đã xóa hết.", "lung_opacity absent right"),
    ("Góc sườn hoành phải đã xóa hết.", "costophrenic_blunting present right"),
    ("TKMP: không thấy trên phim nằm.", "pneumothorax absent"),
    ("Không thấy trên phim này hình tràn dịch màng phổi.", "pleural_effusion absent"),
    # nipples and postures set nothing aside that stands after a comma
    ("Bóng núm vú hai bên, nốt mờ đáy phổi phải.", "nodule present right"),
    # one structure shared by two statements: only the second is denied
    ("Tim to, bờ phải không còn lệch.", "cardiomegaly present; mediastinal_shift absent"),
]

FORMS = [
    ("[ ] Bình thường  [x] Bất thường: thâm nhiễm đỉnh phổi trái", "infiltration present left"),
    ("[x] Bình thường  [ ] Tràn dịch màng phổi", "-"),
    ("Bình thường [x] Tràn dịch màng phổi [ ]", "pleural_effusion absent"),
    ("Tràn dịch: 0; tràn khí: 0; tim to: 1", "pleural_effusion absent; pneumothorax absent; cardiomegaly present"),
    ("(-) tràn dịch, (-) tràn khí, (-) đám mờ", "pleural_effusion absent; pneumothorax absent; lung_opacity absent"),
    ("Tràn dịch (-), tràn khí (-)", "pleural_effusion absent; pneumothorax absent"),
    ("Nghi lao: không | Bất thường khác: không", "tuberculosis absent"),
    ("Theo dõi lao phổi: không.", "tuberculosis absent"),
    ("Phổi (P): BT ☑ BẤT THƯỜNG ☐", "-"),
    ("2. Phổi: [ ] Bình thường  [x] Đám mờ đáy phải  [ ] Nốt  [ ] Khác", "lung_opacity present right"),
    ("Tim: [ ] To  [x] Khác: quai ĐMC vồng", "aortic_unfolding present"),
    ("Tim: bình thường [ ] to [x] (CTR 0,55)", "cardiomegaly present"),
    ("Tim to: có ☐ không ☑ (phim nằm)", "cardiomegaly absent"),
    ("TDMP, TKMP: không (phim nằm)", "pleural_effusion absent; pneumothorax absent"),
    ("Tràn khí: ko nhé. Tim to: không (chụp nằm).", "pneumothorax absent; cardiomegaly absent"),
    ("Nốt mờ đáy phải: không đồng nhất.", "nodule present right"),
    ("Tràn dịch: hai bên không có", "pleural_effusion absent"),
    ("Tràn dịch ........ không\nTràn khí ........ có", "pleural_effusion absent; pneumothorax present"),
    ("Effusion: none. Nodule: none. TDMP: Ø", "pleural_effusion absent; nodule absent"),
    ("Tim > 50%", "cardiomegaly present"),
    ("Lao (0), bụi phổi (0)", "tuberculosis absent; pneumoconiosis absent"),
    ("Hạch trung thất: không lớn", "mediastinal_lymph_nodes absent; mediastinal_lymph_nodes absent"),
    ("Tổn thương phổi: không có gì", "parenchymal_lesion absent"),
    ("Tràn dịch: [ ]  Tràn khí: [x]", "pleural_effusion absent; pneumothorax present"),
    ("☑ Bình thường ☐ Tràn dịch màng phổi", "-"),
    ("Nghi lao: có ☑ không ☐", "tuberculosis uncertain"),
    ("Tim to -> đề nghị siêu âm loại trừ tràn dịch màng tim", "cardiomegaly present; pericardial_effusion historical"),
]

OTHER_FILMS = [
    ("Lần chụp trước có nốt mờ đáy phải, lần này không thấy nữa.", "nodule historical"),
    (
        "Đông đặc đáy phải rộng hơn phim cũ, dịch màng phổi phải.",
        "consolidation present right; pleural_effusion present right",
    ),
    ("So sánh phim hôm qua: tim to không đổi.", "cardiomegaly present"),
]

BY_SIDE_AND_BY_ANSWER = [
    # what is gone on one side says nothing of the other
    ("Còn ít dịch màng phổi phải, bên trái đã hết.", "pleural_effusion present right"),
    ("Tràn dịch màng phổi hai bên, bên trái đã hết.", "pleural_effusion present both"),
    ("Tràn dịch màng phổi phải, đã hết bên trái.", "pleural_effusion present right"),
    ("Tràn dịch màng phổi trái, bên trái đã hết.", "pleural_effusion absent left"),
    # an answer, and a list under its head
    ("Tim to? Không.", "cardiomegaly absent"),
    ("Tim to? Không. Tràn dịch màng phổi.", "cardiomegaly absent; pleural_effusion present"),
    ("Âm tính: TKMP, TDMP, gãy xương.", "pneumothorax absent; pleural_effusion absent; bone_fracture absent"),
    ("TKMP: âm tính.", "pneumothorax absent"),
    ("Gãy xương sườn 6 phải, xương đòn phải: không.", "rib_fracture present right"),
    ("Tràn dịch màng phổi không được ghi nhận.", "pleural_effusion absent"),
    ("Lao chưa được loại trừ.", "tuberculosis uncertain"),
    # what is denied is its change
    ("Không thấy di lệch thêm của ổ gãy xương đòn trái.", "clavicle_fracture present left"),
    ("Không thấy cải thiện của đám mờ đáy phải.", "lung_opacity present right"),
    ("Trông như nốt nhưng là mạch máu cắt ngang.", "nodule absent"),
    ("TD (-), TK (-), góc sườn hoành nhọn.", "pleural_effusion absent; pneumothorax absent"),
    # what was taken out says nothing of what stands after a comma, unless it is a tube as well
    ("Đã rút dẫn lưu, sonde dạ dày.", "chest_drain absent; nasogastric_tube absent"),
    ("Đã rút dẫn lưu màng phổi, tràn khí màng phổi trái.", "chest_drain absent; pneumothorax present left"),
    ("Đã tháo nẹp xương đòn, can xương tốt.", "osteosynthesis absent; rib_callus present"),
    # a test's result is said of the test, and no list before it denies a ratio
    ("Thâm nhiễm đỉnh phổi phải, AFB (-).", "infiltration present right"),
    ("Thâm nhiễm đỉnh phổi phải AFB âm tính.", "infiltration present right"),
    ("Lao phổi AFB (-).", "tuberculosis present"),
    ("Không gãy xương, chỉ số tim ngực 0,58.", "bone_fracture absent; cardiomegaly present"),
    ("Chỉ số tim ngực 0,58, các vùng khác bình thường.", "cardiomegaly present"),
    ("Nốt mờ đáy phổi phải không trùng núm vú.", "nodule present right"),
    # what may still come is not there
    ("Phổi sáng, phù phổi có thể xuất hiện muộn.", "pulmonary_oedema absent"),
    # a list of tubes that are not there yet
    ("Phim chụp trước khi đặt NKQ, CVC.", "endotracheal_tube historical; central_line historical"),
    ("Phim chụp trước khi đặt NKQ, tràn khí màng phổi.", "endotracheal_tube historical; pneumothorax present"),
    # double negation
    ("Không phải không có nốt mờ đỉnh phổi phải.", "nodule present right"),
    ("Đám mờ thùy trên phải ghi nhận tháng trước nay còn nguyên.", "lung_opacity present"),
]

ILLUSIONS = [
    ("Đáy phổi đậm hơn do phim thì thở ra.", "lung_opacity absent"),
    ("Hít chưa đủ nên hai đáy phổi mờ.", "lung_opacity absent both"),
    ("Hít chưa đủ, hai đáy phổi mờ.", "lung_opacity present both"),
    ("Nốt nhỏ đỉnh phổi trái là do chồng xương.", "nodule absent left"),
    ("Bóng tim có vẻ to do chụp nằm.", "cardiomegaly absent"),
    ("Hít vào nông làm vân phổi đậm.", "bronchovascular_markings absent"),
    ("Vân phổi đậm hai đáy không do tư thế.", "bronchovascular_markings present"),
    ("Ít nghĩ đến lao phổi.", "tuberculosis absent"),
    ("Đám mờ thùy giữa xóa bờ tim phải.", "lung_opacity present; silhouette_sign present"),
]

TREATED = [
    ("Chụp sau mười ngày điều trị viêm phổi, nay hai phổi sáng.", "-"),
    ("Viêm phổi, điều trị kháng sinh.", "pneumonia present"),
    ("Đã chữa lao năm 2010, xơ đỉnh phổi phải.", "fibrosis present right"),
    ("Đối tượng: BN lao phổi AFB (+). AFB: âm. XQ: hai phổi sáng.", "tuberculosis historical"),
    ("Đã vá thông liên nhĩ năm 5 tuổi, tim không to.", "cardiomegaly absent"),
    ("Kiểm tra sau viêm phổi 4 tuần: hai phổi sáng.", "-"),
    ("Phim trước đặt CVC: hai phổi sáng.", "central_line historical"),
    ("Sau dẫn lưu TKMP trái ngày 2, phổi trái đã nở.", "chest_drain present"),
    ("Phim trước lọc máu: bóng tim to.", "cardiomegaly present"),
    ("COVID-19 ngày 5, hai phổi sáng.", "-"),
    ("Hen phế quản, phim ngoài cơn bình thường.", "-"),
    ("Trước rút NKQ: ống đúng vị trí.", "endotracheal_tube present"),
    ("Không có khả năng hít sâu, tràn dịch màng phổi phải.", "pleural_effusion present right"),
    ("Hóc xương cá. Không thấy dị vật cản quang vùng cổ.", "foreign_body absent"),
]


@pytest.mark.parametrize(("text", "expected"), WHAT_IS_GONE + FORMS + OTHER_FILMS + BY_SIDE_AND_BY_ANSWER + ILLUSIONS + TREATED)
def test_gone_ticked_and_treated(labeler: Labeler, text: str, expected: str) -> None:
    assert_mentions(labeler, text, expected)


@pytest.mark.parametrize(
    "text",
    [
        "Lao phổi có hang, tổn thương mức độ vừa.",  # goes on about what was named
        "Kết luận: tràn dịch màng phổi trái thể tự do.",  # describes the effusion, does not call the film normal
        "Túi cùng trái hết dịch, màng phổi không dày.",
        "Chàn dịch màng phổi hai bên lượng ít.",  # as it is dictated in the north
        "Xương xườn không gãy. Theo rõi viêm phổi.",
        "Phổi trái sáng, không tái phát.",  # a property denied
        "Hiện không thấy hoạt tính. Tim nhỏ.",
        "Nốt mờ thùy trên phải. Không thấy nốt nào khác.",  # of others
        "Phổi trái không tổn thương mới, đám mờ cũ đã tan.",
        "Phim trước tràn dịch màng phổi phải; nay hết. Góc sườn hoành nhọn.",
        "Góc sườn hoành trái còn tù nhẹ, giảm nhiều so với lần khám trước.",
        "Vôi hóa quai động mạch chủ.\nKết luận: Không thấy bệnh lý cấp tính.",  # leaves old ones
        "Hai phổi sáng.\nKhuyến nghị:\nChụp lại nếu nghi ngờ tràn dịch màng phổi.",
        "Đặt catheter, không biến chứng tràn khí, tràn máu màng phổi.",
        "Không thấy mảng màng phổi hay vôi hóa, tim và mạch máu lớn bình thường.",
        "Mờ phế trường T.\nPhế trường P: không mờ.",  # the side of a field
        "Nghi lao đỉnh phổi phải. Chuyển khám chuyên khoa lao.",
        "Kết quả: bất thường.\nNốt mờ đỉnh phổi phải.",
        "Tràn khí màng phổi phải.\nKhông có dấu hiệu tràn khí áp lực.",
        "Tim bị đẫy wa trái.",  # hỏi and ngã, and an onset of short messages
        "Phổi không có hình ảnh thâm nhiễm, hang. Màng phổi không thấy dịch, khí.",
        "Khoang màng phổi không thấy khí, khí dưới da vùng cổ chưa thấy.",
        "Không thấy gãy xương, tràn khí, tràn dịch màng phổi. Không có tổn thương, nốt, khối hay đông đặc.",
    ],
)
def test_no_person_is_troubled(labeler: Labeler, text: str) -> None:
    assert labeler.label(text).reasons == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Tràn dịch màng phổi, bên phải đã hết.", "ambiguous_scope"),  # which side is left?
        ("Không tràn khí mờ nhẹ đáy phổi trái.", "ambiguous_scope"),  # a comma may be missing
        ("Hít nông nên bóng tim có thể to.", "ambiguous_scope"),
        ("Lao? Chưa thấy tổn thương.", "unclear_indication"),
        ("Nghi viêm phổi. Hai phổi sáng.", "unclear_indication"),  # the question before the answer?
        ("Tràn dịch màng phổi phải đã hết, bên trái còn ít.", "ambiguous_scope"),  # there is some
        ("Không thấy tổn thương mới, nốt vôi cũ đỉnh phải.", "ambiguous_scope"),
        ("Phim trước tràn dịch màng phổi phải; nay còn ít.", "unclear_time"),
        ("Không gãy xương, giãn cung thất trái.", "ambiguous_scope"),  # a list of other things?
        ("Không gãy xương, xẹp đốt sống D12.", "ambiguous_scope"),
        ("Không có nốt mới, nốt mờ đỉnh phải không đổi.", "ambiguous_scope"),
        ("Cần loại trừ lao: nốt mờ đỉnh phải.", "unclear_indication"),  # the reason of the advice?
        ("Nay hết dịch, dày nhẹ màng phổi.", "ambiguous_scope"),  # a list of what is gone?
        ("Xẹp phổi phải.\nTràn khí màng phổi phải.", "ambiguous_scope"),  # how large the pneumothorax is?
        ("TDMP -", "unattached_sign"),  # a minus, or the dash of what is broken off?
        ("Gãy xương sườn? Không thấy đường gãy.", "unclear_indication"),
        ("Màng phổi: bên phải mờ vùng đáy.", "unclear_place"),  # of the lung, or of the pleura?
        ("Không hang trong đám mờ đỉnh phải.", "ambiguous_scope"),  # an opacity without a cavity
        ("Không tràn dịch, tràn khí màng phổi phải.", "ambiguous_scope"),  # both of the right pleura?
        ("Không thấy tràn dịch, mờ đáy P.", "ambiguous_scope"),  # one list of the base, or an opacity there?
        ("Kết quả: bất thường.", "unspecified"),
        ("Khung xương không gãy, loãng xương.", "ambiguous_scope"),
        ("Không thấy nốt mờ và bóng tim to.", "ambiguous_scope"),
        ("Chỉ số tim ngực từ 0,58 xuống 0,49.", "unattached_sign"),  # which of them is now?
        ("Theo dõi sau 2 chu kỳ: nốt hai phổi tăng số lượng.", "unclear_indication"),
        ("Nghĩ: viêm phổi đã hồi phục.", "ambiguous_scope"),
        ("Đề nghị phúc tra vì nghi có nốt mờ nhỏ thùy trên trái.", "unclear_indication"),
        ("TDMP: không có như cũ.", "ambiguous_scope"),
        ("Không có nốt, xơ, dày dính màng phổi, tim to hay gãy xương.", "ambiguous_scope"),
        ("BN COPD đợt cấp. Phổi không thấy đám đông đặc. KL: chưa thấy viêm phổi.", "unclear_indication"),
        ("Không thấy. tràn dịch. tràn khí màng phổi.", "ambiguous_scope"),  # which points end anything?
        ("Tràn dịch, tràn khí không thấy.", "ambiguous_scope"),  # both, or the last one?
        ("Tung thất rộng.", "uncertain_repair"),  # "từng thấy", or "trung thất"
        ("Theo dõi PBA.", "uncertain_repair"),  # no "PDA"
        ("Cần loại trừ lao: nốt mờ đỉnh phổi phải.", "unclear_indication"),  # what for, or why?
        ("Tim không to.\nHai phổi không thay đổi so với phim cũ.", "unclear_time"),  # how were they?
        ("Áp xe phổi - màng phổi.", "unspecified"),  # of the pleura as well
        ("Áp xe phổi, màng phổi.", "unspecified"),
        ("Không tràn dịch, không tràn khí, dày màng phổi đỉnh hai bên.", "ambiguous_scope"),  # the others by "không"
        ("Khó đánh giá đáy phổi trái do bóng tim to.", "ambiguous_scope"),
        ("Phổi không thấy tổn thương, vẹo cột sống.", "ambiguous_scope"),  # of what else is nothing seen?
        ("Không thấy bất thường, vẹo cột sống.", "ambiguous_scope"),
        ("Không thấy gãy xương, giãn cung thất trái.", "ambiguous_scope"),
        ("Không thấy nốt mờ, dải xơ đáy phổi trái.", "ambiguous_scope"),
        ("Màng phổi không có dịch, xơ vữa quai động mạch chủ.", "ambiguous_scope"),
        ("Bóng tim to, tràn dịch màng phổi: không.", "ambiguous_scope"),  # is the first one denied too?
        ("Đề nghị: chụp CT ngực. Nốt mờ đỉnh phổi phải.", "misplaced_finding"),
        ("Phổi không có tổn thương tiến triển, vôi hóa rải rác rốn phổi hai bên.", "ambiguous_scope"),
        ("Không gãy xương sườn, vôi hóa sụn sườn.", "ambiguous_scope"),
        ("Tim không to.\nPhim cũ: TDMP.\nPhim nay: còn ít.", "unclear_time"),
    ],
)
def test_what_may_be_meant_otherwise_goes_to_a_person(labeler: Labeler, text: str, reason: str) -> None:
    assert reason in labeler.label(text).reasons


@pytest.mark.parametrize(
    ("text", "positive"),
    [
        ("TDMP -, TKMP -", ""),
        ("Màng phổi: TD -, TK - , dày dính -.", ""),
        ("TDMP +, TKMP -.", "pleura abnormal"),
        ("TD +, TK -, dày dính +.", "pleura abnormal"),
        ("Tràn dịch - tràn khí màng phổi phải.", "pleura abnormal"),
        ("Phổi không thấy TT, tim bình thường.", ""),  # "tổn thương", not "trung thất"
        ("Kỹ thuật: sau chọc hút dịch màng phổi.\nHai phổi sáng.", ""),
        ("Không thấy khác biệt: hai phổi sáng.", ""),
        ("Màng phổi phải dày sau khi dịch đã hết.", "pleura abnormal"),
        ("Không thấy gì ngoài lồng ngực phễu.", "chest_wall abnormal"),
        ("Xẹp thùy trên phải.\nTràn khí màng phổi phải.", "pleura parenchyma abnormal"),
        ("Hang đỉnh phải đã lấp kín, còn dải xơ.", "parenchyma abnormal"),
        ("Đáy phổi trái không đánh giá được do bóng tim to.", "cardio abnormal"),
        ("Dụng cụ: không có. Gãy xương sườn 5 trái.", "chest_wall abnormal"),
        ("Dày màng phổi đỉnh phải, trung thất không rộng.", "pleura abnormal"),
        ("Hạch rốn phổi, trung thất không to.", ""),
        ("Quai ĐMC vồng, tim: không to.", "cardio abnormal"),
        ("Tổn thương nhu mô: không (0/0). Tràn dịch màng phổi: không (-).", ""),
        ("Kết luận: Máy tạo nhịp, ngoài ra không thấy bất thường.", "abnormal"),
        ("Kết luận: Không thấy bất thường tim phổi / Normal heart and lungs.", ""),
        ("Chất lượng phim: cắt mất góc sườn hoành trái.\nHai phổi sáng.", ""),
        ("Không thấy tràn khí quanh dẫn lưu.", "abnormal"),
        ("Không thấy biến chứng sau đặt catheter.", "abnormal"),
        ("Không có bóng mờ dạng di căn.", ""),
        ("Không thấy nốt kiểu bụi phổi.", ""),
        ("Không thấy bội nhiễm trên nền xơ cũ đỉnh phổi.", "parenchyma abnormal"),
        ("Không thấy rõ bờ khối mờ đáy phải.", "parenchyma abnormal"),
        ("U lympho đã lui bệnh, trung thất không rộng.", ""),
        ("Chỉ số tim ngực 0,54 (trẻ 4 tháng, trong giới hạn tuổi).", ""),
        ("Chỉ số tim ngực 0,56 (bình thường < 0,5).", "cardio abnormal"),
        ("Tim bóng mờ vừa phải.", ""),
        ("Tim bóng mờ to.", "cardio abnormal"),
        ("Tăng sáng phổi trái do mất bóng vú.", "chest_wall abnormal"),
        ("Phổi trái tăng sáng, gù cột sống.", "chest_wall parenchyma abnormal"),
        ("Màng phổi: không dịch, khí.", ""),
        ("Ngoài bóng tim hơi to, không thấy bất thường.", "cardio abnormal"),
        ("Không thấy hạch trung thất, rốn phổi hai bên không to.", ""),
        ("Không tràn khí màng phổi, có đám mờ.", "parenchyma abnormal"),
        ("Dịch màng phổi: không, đám mờ: có.", "parenchyma abnormal"),
        ("BS hỏi: suy tim? ứ huyết? dịch MP? --> tim bt, phổi bt, MP bt", ""),
        ("Đề nghị chụp CLVT tìm nguyên nhân ho máu (giãn phế quản? u?)", ""),
        ("Hai phổi sáng. Chụp mỗi ngày theo dõi xơ phổi.", ""),
        ("BS đọc: không tổn thương.", ""),
        ("Gửi BS: có tràn dịch bên phải tới ngang sườn 4.", "pleura abnormal"),
        ("Bệnh: u lympho, sau 6 chu kỳ.\nTrung thất: khối hạch đã hết.", ""),
        ("AI 0,8. BS đọc: thâm nhiễm đỉnh T.", "parenchyma abnormal"),
        ("Màng phổi: tràn dịch trái, mức dịch ngang cung trước sườn 5; phải không dịch.", "pleura abnormal"),
        ("Đang điều trị lao phổi, bóng tim to.", "cardio abnormal"),
        ("cung ĐMC không nổi, không thấy nốt hay hang không có dịch màng phổi", ""),
        ("KL: TT thùy giữa phổi phải.", "parenchyma abnormal"),
        ("Ứ huyết phổi (độ 0-3): 0", ""),
        ("Tràn dịch MP: P +, T 0", "pleura abnormal"),
        ("Tim to? khó đánh giá.", ""),
        ("Tổn thương xương   ☑ Có  ☐ Không   ghi rõ: can xương đòn P", "chest_wall abnormal"),
        ("Tràn dịch màng phổi   ☐ Có  ☑ Không", ""),
        ("1) Phổi: từng tràn khí màng phổi trái, nay phổi nở hết 2) Tim: không to", ""),
        ("Hạch trung thất, rốn phổi không thấy to.", ""),
        ("Hạch rốn phổi - trung thất: không to", ""),
        ("Hiện không thấy bất thường. Còn đau thì chụp CLVT tìm gãy sườn.", ""),
        ("Bình thường. Bỏ thuốc lá phòng COPD.", ""),
        ("Kết luận: Máy tạo nhịp. Ngoài ra chưa thấy bất thường.", "abnormal"),
        ("không tràn dịch không tràn khí thoái hóa cột sống ngực", "chest_wall abnormal"),
        ("Dị vật / thiết bị: (0)", ""),
        ("SM N2 / dẫn lưu (+) / trung thất còn rộng nhẹ / MP: 0 / chỉ thép ức (+)", "cardio abnormal"),
        ("Tràn dịch / tràn khí / xẹp phổi / gãy xương: không / không / không / không", ""),
        ("Tràn dịch màng phổi phải. Phim hôm nay dịch còn ít.", "pleura abnormal"),
        ("Phim trước tràn dịch màng phổi phải. Nay hết dịch.", ""),
        ("Tràn dịch màng phổi P, đã chọc. Nay dịch hết.", ""),
        ("Góc sườn hoành phải xóa hoàn toàn.", "pleura abnormal"),
        ("Tổn thương cũ hai đỉnh xóa hoàn toàn.", ""),
        ("Thâm nhiễm đỉnh trái đã giảm, hang nhỏ hạ đòn trái nay không còn thấy.", "parenchyma abnormal"),
        ("Ghi chú: đã chụp nơi khác báo viêm phổi.\nHai phổi sáng.", ""),
    ],
)
def test_what_signs_and_short_forms_deny(labeler: Labeler, text: str, positive: str) -> None:
    assert assert_labels(labeler, text, positive).status == "auto"


def test_a_lone_misspelt_word_is_no_heading(labeler: Labeler) -> None:
    """ "CPR" is a letter from "CRP", under which nothing would be read."""
    assert labeler.label("Sau CPL: gãy sườn 5 phải.").labels["chest_wall"] == 1
