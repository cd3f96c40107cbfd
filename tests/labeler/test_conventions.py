"""What a label means (DESIGN, section 3): every row of its table, sentence by sentence.

Each row: the convention, a sentence, the classes that are 1 besides `abnormal` ("other": only `abnormal` is 1, "":
nothing is), and the uncertain ones.
"""

from __future__ import annotations

import pytest

from labeler import Labeler
from tests.labeler.expect import assert_labels

CONVENTIONS = [
    # the finding decides, not the line
    ("region", "- Hai phổi sáng, quai ĐMC vồng.", "cardio", ""),
    ("region", "- Bóng tim không to, tràn dịch màng phổi trái.", "pleura", ""),
    ("region", "- Màng phổi bình thường, gãy xương sườn 5 trái.", "chest_wall", ""),
    ("region", "- Phổi: mờ vùng đáy phải.", "parenchyma", ""),
    ("region", "- Màng phổi: dày.", "pleura", ""),
    ("region", "- Nhu mô phổi: vôi hóa đỉnh phải.", "parenchyma", ""),
    ("region", "- Quai động mạch chủ vôi hóa.", "cardio", ""),
    ("region", "- Màng phổi phải vôi hóa.", "pleura", ""),
    # chest wall
    ("chest_wall", "Gãy xương đòn trái.", "chest_wall", ""),
    ("chest_wall", "Gãy xương bả vai phải.", "chest_wall", ""),
    ("chest_wall", "Gãy xương ức.", "chest_wall", ""),
    ("chest_wall", "Loãng xương.", "chest_wall", ""),
    ("chest_wall", "Tiêu xương sườn 6 phải.", "chest_wall", ""),
    ("chest_wall", "Vẹo cột sống ngực.", "chest_wall", ""),
    ("chest_wall", "Thoái hóa cột sống ngực.", "chest_wall", ""),
    ("chest_wall", "Tràn khí dưới da thành ngực trái.", "chest_wall", ""),
    ("chest_wall", "Khối phần mềm thành ngực phải.", "chest_wall", ""),
    ("chest_wall", "Dị vật cản quang phần mềm thành ngực.", "chest_wall", ""),
    # pleura
    ("pleura", "Tràn dịch màng phổi hai bên.", "pleura", ""),
    ("pleura", "Tràn khí màng phổi phải.", "pleura", ""),
    ("pleura", "Dày màng phổi đỉnh.", "pleura", ""),
    ("pleura", "Dính màng phổi trái.", "pleura", ""),
    ("pleura", "Vôi hóa màng phổi.", "pleura", ""),
    ("pleura", "Tù góc sườn hoành phải.", "pleura", ""),
    ("pleura", "Dịch rãnh liên thùy bé.", "pleura", ""),
    # parenchyma
    ("parenchyma", "Đám mờ thùy trên phổi phải.", "parenchyma", ""),
    ("parenchyma", "Nốt mờ đỉnh phổi trái.", "parenchyma", ""),
    ("parenchyma", "Khối mờ thùy dưới phổi trái.", "parenchyma", ""),
    ("parenchyma", "Đông đặc thùy giữa phổi phải.", "parenchyma", ""),
    ("parenchyma", "Xẹp thùy trên phổi phải.", "parenchyma", ""),
    ("parenchyma", "Dày tổ chức kẽ hai phổi.", "parenchyma", ""),
    ("parenchyma", "Dày thành phế quản hai đáy phổi.", "parenchyma", ""),
    ("parenchyma", "Xơ phổi đỉnh hai bên.", "parenchyma", ""),
    ("parenchyma", "Hang đỉnh phổi trái.", "parenchyma", ""),
    ("parenchyma", "Giãn phế nang hai phổi.", "parenchyma", ""),
    ("parenchyma", "Giãn phế quản thùy dưới phổi trái.", "parenchyma", ""),
    ("parenchyma", "Ứ huyết phổi.", "parenchyma", ""),
    ("parenchyma", "Phù phổi cấp.", "parenchyma", ""),
    ("parenchyma", "Lao phổi đỉnh phải.", "parenchyma", ""),
    ("parenchyma", "Nốt vôi hóa phổi phải.", "parenchyma", ""),
    # cardio
    ("cardio", "Bóng tim to.", "cardio", ""),
    ("cardio", "Giãn cung thất trái.", "cardio", ""),
    ("cardio", "Quai động mạch chủ vồng.", "cardio", ""),
    ("cardio", "Động mạch chủ giãn.", "cardio", ""),
    ("cardio", "Cung động mạch phổi phồng.", "cardio", ""),
    ("cardio", "Trung thất giãn rộng.", "cardio", ""),
    ("cardio", "U trung thất trước.", "cardio", ""),
    ("cardio", "Tràn dịch màng ngoài tim.", "cardio", ""),
    # other
    ("other", "Liềm hơi dưới vòm hoành phải.", "other", ""),
    ("other", "Vòm hoành phải nâng cao.", "other", ""),
    ("other", "Vòm hoành hai bên dẹt.", "other", ""),
    ("other: flat beside hyperlucent lungs", "Hai phổi tăng sáng, vòm hoành dẹt.", "parenchyma", ""),
    ("other", "Thoát vị hoành.", "other", ""),
    ("other", "Ống nội khí quản đúng vị trí.", "other", ""),
    ("other", "Catheter tĩnh mạch trung tâm đầu ở tĩnh mạch chủ trên.", "other", ""),
    ("other", "Buồng tiêm dưới da ngực phải.", "other", ""),
    ("other", "Máy tạo nhịp thành ngực trái.", "other", ""),
    # absent
    ("absent", "Không thấy tràn dịch, tràn khí màng phổi.", "", ""),
    ("absent", "Không thấy tràn dịch tràn khí màng phổi.", "", ""),
    ("absent", "Không thấy tràn khí màng phổi, tràn dịch màng phổi phải lượng ít.", "pleura", ""),
    ("absent", "Không thấy tổn thương phổi nhưng có tràn dịch màng phổi.", "pleura", ""),
    ("absent", "Không thấy tổn thương đáng kể.", "", ""),
    ("absent", "Không thấy hình tràn dịch,\ntràn khí màng phổi.", "", ""),
    # normal statements
    ("normal", "Hình tim không to.", "", ""),
    ("normal", "Góc sườn hoành hai bên nhọn.", "", ""),
    ("normal", "Hai phổi sáng.", "", ""),
    ("normal", "Trung thất cân đối.", "", ""),
    # uncertain
    ("uncertain", "Theo dõi viêm phổi.", "parenchyma", "parenchyma abnormal"),
    ("uncertain", "Nghi ngờ tràn dịch màng phổi trái.", "pleura", "pleura abnormal"),
    ("uncertain", "Khả năng lao phổi.", "parenchyma", "parenchyma abnormal"),
    ("uncertain", "Có thể gãy xương sườn 7 phải.", "chest_wall", "chest_wall abnormal"),
    ("uncertain", "Nghĩ nhiều đến u trung thất.", "cardio", "cardio abnormal"),
    ("uncertain", "Chưa loại trừ tràn khí màng phổi.", "pleura", "pleura abnormal"),
    ("uncertain", "Không loại trừ viêm phổi.", "parenchyma", "parenchyma abnormal"),
    ("uncertain", "Hình ảnh gợi ý lao phổi.", "parenchyma", "parenchyma abnormal"),
    ("uncertain", "Hướng tới viêm phổi.", "parenchyma", "parenchyma abnormal"),
    ("uncertain", "TD lao phổi.", "parenchyma", "parenchyma abnormal"),
    ("uncertain: the cause only", "Mờ đáy phổi phải, theo dõi viêm.", "parenchyma", ""),
    ("uncertain: the cause only", "Đám mờ thùy dưới phổi trái, theo dõi viêm phổi.", "parenchyma", ""),
    # derived
    ("derived", "Bóng tim to. Theo dõi viêm phổi.", "cardio parenchyma", "parenchyma"),
    # old
    ("old", "Can cũ xương sườn 6 phải.", "chest_wall", ""),
    ("old", "Xơ cũ đỉnh phổi phải.", "parenchyma", ""),
    ("old", "Vôi hóa đỉnh phổi trái.", "parenchyma", ""),
    ("old", "Tiền sử lao phổi.", "", ""),
    ("old", "Tiền sử lao phổi, hiện tại xơ đỉnh phổi phải.", "parenchyma", ""),
    # not about this film
    ("not this film", "Đề nghị chụp CT để loại trừ u phổi.", "", ""),
    ("not this film", "Chỉ định: tràn dịch màng phổi.", "", ""),
    ("not this film", "Chẩn đoán lâm sàng: viêm phổi.\nHai phổi sáng.", "", ""),
    ("not this film", "Kỹ thuật: chụp phổi thẳng.\nHai phổi sáng.", "", ""),
    ("not this film", "So với phim cũ (tràn dịch màng phổi trái), nay hai phổi sáng.", "", ""),
    # not assessable
    ("not assessable", "Hạn chế đánh giá đáy phổi trái.", "", ""),
    ("not assessable", "Khó đánh giá bóng tim.", "", ""),
    ("not assessable", "", "", ""),
    # hardware
    ("hardware", "Nẹp vít xương đòn phải.", "chest_wall", ""),
    ("hardware", "Chỉ thép xương ức.", "other", ""),
    ("hardware", "Van tim nhân tạo.", "other", ""),
    ("hardware", "Clip phẫu thuật vùng nách phải.", "other", ""),
    ("hardware", "Sonde dạ dày.", "other", ""),
    ("hardware", "Dẫn lưu màng phổi trái.", "other", ""),
    # shift
    ("shift", "Trung thất bị đẩy lệch sang trái.", "cardio", ""),
    ("shift", "Khí quản lệch phải.", "cardio", ""),
    ("shift", "Tim bị kéo lệch sang phải.", "cardio", ""),
    # nodes, oesophagus
    ("nodes", "Hạch rốn phổi phải to.", "parenchyma", ""),
    ("nodes", "Hạch trung thất to.", "cardio", ""),
    ("oesophagus", "Dị vật thực quản.", "other", ""),
    ("oesophagus", "Achalasia thực quản.", "other", ""),
    # after surgery
    ("after surgery", "Sau cắt thùy trên phổi phải.", "parenchyma", ""),
    ("after surgery", "Mất bóng vú phải sau phẫu thuật.", "chest_wall", ""),
    # collapse
    ("collapse", "Tràn khí màng phổi phải, nhu mô phổi xẹp về rốn.", "pleura", ""),
    ("collapse", "Xẹp phổi trái.", "parenchyma", ""),
    # ILO
    ("ILO", "ILO: 0/0.", "", ""),
    ("ILO", "Mật độ đám mờ nhỏ: 0/1.", "", ""),
    ("ILO", "Mật độ đám mờ nhỏ: 1/0.", "parenchyma", ""),
    ("ILO", "Mật độ 1/1, loại p/q.", "parenchyma", ""),
    # markings
    ("markings", "Rốn phổi hai bên đậm.", "parenchyma", ""),
    ("markings", "Các nhánh phế huyết quản tăng đậm.", "parenchyma", ""),
    ("markings", "Hai phổi kém sáng.", "parenchyma", ""),
    # variants
    ("variants", "Thùy azygos phổi phải.", "parenchyma", ""),
    ("variants", "Xương sườn cổ bên trái.", "chest_wall", ""),
    ("variants", "Vòm hoành phải nâng cao do tư thế.", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("convention", "text", "positive", "uncertain"), CONVENTIONS)
def test_convention(labeler: Labeler, convention: str, text: str, positive: str, uncertain: str) -> None:
    classes = {name for name in positive.split() if name != "other"}
    if positive:
        classes.add("abnormal")
    assert_labels(labeler, text, " ".join(classes), uncertain)
