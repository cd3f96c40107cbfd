"""Reports for property tests: every line names its own region, and no abbreviation depends on case."""

NORMAL = (
    "Không thấy bất thường xương lồng ngực.",
    "Không thấy hình tràn dịch, tràn khí màng phổi.",
    "Hai trường phổi sáng đều, không thấy tổn thương khu trú.",
    "Hình tim không to, trung thất không giãn rộng.",
)
LINES = (
    *NORMAL,
    "Gãy cung bên xương sườn 6, 7 bên trái.",
    "Xương đòn phải đã kết hợp xương bằng nẹp vít.",
    "Tràn dịch màng phổi phải lượng ít.",
    "Góc sườn hoành hai bên nhọn, không tù.",
    "Không tràn khí, tràn máu màng phổi.",
    "Dày dính màng phổi đỉnh hai bên.",
    "Đám mờ không đồng nhất thùy dưới phổi trái, theo dõi viêm phổi.",
    "Nốt vôi hóa đỉnh phổi phải, xơ hóa hai đáy phổi.",
    "Các nhánh phế huyết quản tăng đậm, rốn phổi không to.",
    "Nhu mô phổi không thấy nốt mờ, đám mờ hay thâm nhiễm.",
    "Quai động mạch chủ vồng, vôi hóa thành mạch.",
    "Bóng tim to, chỉ số tim ngực 0,58.",
    "Trung thất cân đối, khí quản không lệch.",
    "Vòm hoành phải cao, không thấy liềm hơi.",
    "Thùy trên phổi phải có hang, hai phổi có nốt mờ lan toả.",
)
NAUGHTY = (
    "", " ", "\n", "\r\n", "\t", "\u00a0", "\u200b", "\ufeff", "\x00", "- ", "--", "...", "?!", "(-)", "&", "&amp;", "&#x110;",
    "<p>", "<p>- Tim to.<br/>- Phổi sáng</p>", "a\u0300\u0301", "e\u0323\u0302", "\u0300", "Ðám mờ", "ﬁ", "½ dưới phổi", "𝒯im to",
    "phổi\u00adphải", "İstanbul", "ẞ", "🫁 phổi mờ", "шум", "１２３", "tim\u2028to", "tim\x85to", "a" * 5000, "mờ " * 800, "((((", "))))",
    "0,5" * 100, "không " * 200, ", , , ,", "1.2.3.4.5", "-" * 400, "tim - - - to", "\r\r\n\r", "Tim\rto", "T\u1ea1i", "x" * 63 + "\u0301",
    "l'aorte", "'", "''a''", "_", "__phổi__", "tim_to", "http://a.b/c?d=e&f=g", "<script>alert(1)</script>", "<!-- x -->", "</br >",
    "< 0.5", "tim < 0,5 > phổi", "%s %d {0} $HOME `id`", "NULL", "nan", "NaN", "𠀀", "\ud7ff", "🇻🇳", "👩‍⚕️ đọc phim", "ệ̣̂",
)  # fmt: skip
