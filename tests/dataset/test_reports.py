"""HIS exports: every format and flaw that was met."""

from __future__ import annotations

import codecs
import csv
import html
import sqlite3
import unicodedata
from collections import Counter
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.dataset.encodings import _TCVN3, _VNI_TABLE
from labeler.dataset.records import _mend
from tests.cli.helpers import SMALL
from tests.dataset.hospital import (
    EFFUSION,
    NORMAL,
    RULES,
    Film,
    Report,
    Session,
    add_films,
    answer,
    dataset,
    done,
    insurance,
    listed,
    paper,
    parts,
)  # fmt: skip

KEPT = {
    "session_id": "S1", "patient_id": "P1", "check_in": "2020-11-05T07:00:00", "check_out": "2020-11-06T17:00:00",
    "service_id": "18.0119.0028", "report_time": "2020-11-05T09:30:00", "description": EFFUSION,
}  # fmt: skip
ONE = Session(reports=[Report(EFFUSION)])


def read(text: str | bytes, name: str = "his.xml", status: int = 0, *options: str) -> list[dict[str, str]]:
    Path(name).write_bytes(text.encode() if isinstance(text, str) else text)
    done("reports", "work", name, *options, status=status)
    return listed("work", "reports")


def facts(row: dict[str, str]) -> dict[str, str]:
    return {name: row[name] for name in KEPT}


def flat(s: Session, *, newer: bool) -> str:
    return "<EXPORT>" + "".join(reversed(parts(s, newer=newer).values())) + "</EXPORT>"


ATTRIBUTES = f"""<DATA><SESSION SESSION_ID="S1" PATIENT_ID="P1" CHECK_IN_TIME="202011050700"
  CHECK_OUT_TIME="2020-11-06T17:00"><LIST><A><REPORT SERVICE_ID="18.0119.0028" REPORT_TIME="20201105093000">
  <DESCRIPTION>{EFFUSION}</DESCRIPTION></REPORT></A></LIST></SESSION></DATA>"""
HEADER_LAST = f"""<h:SESSION xmlns:h="urn:x"><h:REPORT><h:SERVICE_ID>18.0119.0028</h:SERVICE_ID>
  <h:REPORT_TIME>05/11/2020 09:30</h:REPORT_TIME><h:DESCRIPTION>{EFFUSION}</h:DESCRIPTION></h:REPORT><h:HEADER>
  <h:SESSION_ID>S1</h:SESSION_ID><h:PATIENT_ID>P1</h:PATIENT_ID><h:CHECK_IN_TIME>2020-11-05 07:00</h:CHECK_IN_TIME>
  <h:CHECK_OUT_TIME>061120201700</h:CHECK_OUT_TIME></h:HEADER></h:SESSION>"""


@pytest.mark.parametrize(
    "text",
    [
        paper(ONE), ATTRIBUTES, HEADER_LAST, insurance(ONE), insurance(ONE, newer=False), flat(ONE, newer=True),
        flat(ONE, newer=False),
    ],
    ids=["paper", "attributes", "header last", "newer", "older", "flat newer", "flat older"],
)  # fmt: skip
def test_formats(here: Path, text: str) -> None:
    assert [facts(row) for row in read(text)] == [KEPT]
    assert Path("work").stat().st_mode & 0o777 == 0o700
    assert {Path("work", name).stat().st_mode & 0o777 for name in ("key", "workspace.db")} == {0o600}


def test_the_conclusion_goes_under_its_heading(here: Path) -> None:
    s = Session(reports=[Report(NORMAL, conclusion="Tràn dịch màng phổi.\nTim to."), Report(EFFUSION, conclusion="  ")])
    texts = {row["description"] for row in read(insurance(s))}
    assert texts == {f"{NORMAL}\nKết luận:\nTràn dịch màng phổi.\nTim to.", EFFUSION}


def test_a_mapping_of_ones_own(here: Path) -> None:
    text = paper(ONE).replace("SESSION_ID", "MA").replace("DESCRIPTION", "KQ").replace("REPORT>", "PHIEU>")
    Path("ours.yaml").write_text(
        "name: ours\n"
        "session: {element: SESSION, fields: {session_id: [SO, MA], patient_id: PATIENT_ID, check_in: CHECK_IN_TIME,"
        " check_out: CHECK_OUT_TIME}}\n"
        "report: {element: PHIEU, fields: {service_id: SERVICE_ID, report_time: REPORT_TIME, description: KQ}}\n"
    )
    assert [facts(row) for row in read(text, "his.xml", 0, "--mapping", "ours.yaml")] == [KEPT]


def test_a_broken_mapping_names_its_place(here: Path) -> None:
    Path("his.xml").write_text(paper(ONE))
    Path("ours.yaml").write_text(
        "name: ours\nsession: {element: S, fields: {patient: X}}\nreport: {element: R, fields: {}}\n"
    )
    result = done("reports", "work", "his.xml", "--mapping", "ours.yaml", status=2)
    assert result.stderr.startswith("ours.yaml:2:")
    assert "Traceback" not in result.stderr
    assert dataset("reports", "work", "his.xml", "--mapping", "nowhere.yaml").stderr.startswith(
        "nowhere.yaml:1:1: cannot be read"
    )


def test_only_frontal_chest_services_are_kept(here: Path) -> None:
    codes = ["18.0119.0028", "18.0119.0010", "18.0120.0028", "18.0120.0010", "18.0067.0028", "18.01190", "02.0085.1778"]
    Path("his.xml").write_text(paper(Session(reports=[Report(f"{NORMAL} {c}", service=c) for c in codes])))
    found = answer("reports", "work", "his.xml")
    assert (found["frontal"], found["kept"], found["lateral"], found["other"]) == (2, 2, 2, 3)
    assert answer("status", "work")["his"]["lateral_reports"] == 2


def test_a_rule_set_without_frontal_services_is_told(here: Path) -> None:
    Path("his.xml").write_text(paper(ONE))
    result = done("reports", "work", "his.xml", "--rules", SMALL, status=2)
    assert "lists no frontal service" in result.stderr


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("Chụp Xquang ngực thẳng", True), ("Chup X-quang tim phoi thang", True), ("XQ NGỰC THẲNG [Số hóa 1 phim]", True),
        ("Chụp Xquang ngực nghiêng hoặc chếch mỗi bên", False), ("Chụp Xquang cột sống cổ thẳng", False), ("", True),
    ],
)  # fmt: skip
def test_the_name_of_the_service_is_checked_against_its_code(here: Path, name: str, fits: bool) -> None:
    Path("his.xml").write_text(insurance(Session(reports=[Report(name=name)])))
    found = answer("reports", "work", "his.xml")
    assert found["kept"] == int(fits)
    assert found["reasons"] == ({} if fits else {"service_name_differs": 1})


def test_the_time_of_a_result_may_stand_with_its_service(here: Path) -> None:
    text = flat(Session(reports=[Report(EFFUSION, time="")]), newer=True)
    assert read(text, "without.xml") == []
    four, three = "<NGAY_KQ></NGAY_KQ><MA_BS", "<NGAY_KQ></NGAY_KQ></CHI_TIET_DVKT>"
    assert four in text
    text = text.replace(three, three.replace("><", ">202011050930<", 1))
    assert [facts(row) for row in read(text)] == [KEPT]


@pytest.mark.parametrize(
    ("session", "codes"),
    [
        (Session(check_in=""), {"missing_check_in": 1, "session_refused": 1}),
        (Session(check_in="202013450700"), {"impossible_check_in": 1, "session_refused": 1}),
        (Session(check_out="202002301200"), {"impossible_check_out": 1, "session_refused": 1}),
        (Session(check_out="202011040700"), {"check_out_before_check_in": 1, "session_refused": 1}),
        (Session(patient=" "), {"missing_patient_id": 1, "session_refused": 1}),
        (Session(session=""), {"missing_session_id": 2}),
        (Session(reports=[Report(time="")]), {"missing_report_time": 1}),
        (Session(reports=[Report(time="2020110509300")]), {"impossible_report_time": 1}),
        (Session(reports=[Report(time="20201105 25:00")]), {"impossible_report_time": 1}),
        (Session(reports=[Report(service="")]), {"missing_service_id": 1}),
        (Session(reports=[Report("x" * 1_000_001)]), {"too_long": 1}),
        (Session(reports=[Report("x" * 5_000_000)]), {"too_long": 1}),
    ],
)
def test_a_record_is_refused_alone_with_its_reason(here: Path, session: Session, codes: dict[str, int]) -> None:
    Path("his.xml").write_text(paper(session, Session("S2", "P2", reports=[Report(EFFUSION)])))
    found = answer("reports", "work", "his.xml")
    assert found["reasons"] == codes
    assert found["kept"] == 1
    assert [row["reason"] for row in listed("work", "refused")] == sorted(
        codes, key=lambda c: c == "session_refused"
    ) * (2 if codes == {"missing_session_id": 2} else 1)


def test_an_empty_text_is_a_report(here: Path) -> None:
    assert [row["description"] for row in read(paper(Session(reports=[Report("")])))] == [""]


# encodings


PIECES = ["&", "&amp;", "&nbsp;", "&#10;", "&#1;", "x", "]", "]]", "\x01", " <![CDATA[& &nbsp; ]] ]]>", "<![CDATA[]]>", "&#x41;"]


def tcvn3(text: str) -> str:
    return "".join({chr(shown): chr(sign) for sign, shown in _TCVN3.items()}.get(c, c) for c in text)


def vni(text: str) -> str:
    table: dict[str, str] = {}
    for sign, shown in _VNI_TABLE.items():
        table.setdefault(shown, sign)
    return "".join(table.get(c, c) for c in text)


def cp1258(text: str) -> bytes:
    """As Windows writes it: shapes composed, tones apart."""
    out = ""
    for c in unicodedata.normalize("NFC", text):
        base = unicodedata.normalize("NFD", c)
        tone = next((m for m in base[1:] if m in "\u0300\u0301\u0303\u0309\u0323"), "")
        out += unicodedata.normalize("NFC", base.replace(tone, "") if tone else base) + tone
    return out.encode("cp1258")


LONG = "Tràn dịch màng phổi phải lượng ít, không thấy tràn khí. Bóng tim to, quai động mạch chủ vồng, rốn phổi đậm."
TEXT = paper(Session(reports=[Report(LONG)]))


def declared(name: str, text: str = TEXT) -> str:
    return text.replace("UTF-8", name)


@pytest.mark.parametrize(
    ("data", "mended"),
    [
        (TEXT.encode(), []),
        (codecs.BOM_UTF8 + TEXT.encode(), []),
        (declared("utf-16").encode("utf-16"), []),
        (declared("UTF-16").encode("utf-16-be"), []),
        (declared("UTF-16LE").encode("utf-16-le"), []),
        (TEXT.encode("utf-16"), ["encoding_misdeclared"]),
        (declared("utf-16").encode(), ["encoding_misdeclared"]),
        (declared("windows-1258").encode(), ["encoding_misdeclared"]),
        (cp1258(declared("windows-1258")), []),
        (cp1258(TEXT), ["encoding_misdeclared"]),
        (cp1258(declared("iso-8859-1")), ["encoding_misdeclared"]),
        (unicodedata.normalize("NFD", TEXT).encode(), []),
        (tcvn3(declared("windows-1252")).encode("latin-1"), ["font_tcvn3"]),
        (tcvn3(TEXT).encode("latin-1"), ["encoding_misdeclared", "font_tcvn3"]),
        (tcvn3(TEXT).encode(), ["font_tcvn3"]),
        (vni(declared("windows-1252")).encode("cp1252"), ["font_vni"]),
        (vni(TEXT).encode(), ["font_vni"]),
        (TEXT.encode().decode("latin-1").encode(), ["font_utf8_twice"]),
        (b"\n\n  " + TEXT.encode(), ["blank_before_declaration"]),
        (TEXT.encode() + b"\0" * 100, ["control_character"]),
        (TEXT.replace(" Bóng", "\x01Bóng").replace("<REPORTS>", "<REPORTS>&#11;").encode(), ["control_character"]),
        (TEXT.replace("<REPORTS>", "<REPORTS>A & B &nbsp; &").encode(), ["bare_ampersand"]),
    ],
)  # fmt: skip
def test_encodings_as_declared_and_as_found(here: Path, data: bytes, mended: list[str]) -> None:
    rows = read(data)
    assert [row["description"].strip() for row in rows] == [LONG]
    assert sorted(answer("status", "work")["his"]["mended_files"]) == mended


def test_marks_of_a_text_that_is_fine_are_left_alone(here: Path) -> None:
    texts = [
        "Tim to, quai ĐMC vồng ≥ 5°.",
        "Foyer đông đặc, bronchogramme aérien évident à gauche.",
        "µ",
        "A&B <b>x</b> &nbsp;",
    ]
    assert [r["description"] for r in read(paper(Session(reports=[Report(t) for t in texts])))] == texts


def test_line_breaks_and_html_stay_what_they_mean(here: Path) -> None:
    inner = "- Tim to.&#10;- TDMP.&#13;&#10;&lt;p&gt;Ph&amp;#7893;i&lt;/p&gt;<br/>x<![CDATA[<b>&nbsp;A & B</b>]]>"
    (row,) = read(paper(ONE).replace(EFFUSION, inner))
    assert row["description"] == "- Tim to.\n- TDMP.\r\n<p>Ph&#7893;i</p><br></br>x<b>&nbsp;A & B</b>"


# what is broken, or hostile

BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
EXTERNAL = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
OUTSIDE_DTD = '<!DOCTYPE x SYSTEM "http://localhost:9/x.dtd">'


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (BOMB + paper(ONE, declaration=""), "bad.xml:1:13: has a DTD"),
        (EXTERNAL + paper(ONE, declaration="").replace(EFFUSION, "&e;"), "bad.xml:1:13: has a DTD"),
        (OUTSIDE_DTD + paper(ONE, declaration=""), "bad.xml:1:46: has a DTD"),
        ("<a>" * 100_000 + "</a>" * 100_000, "bad.xml:1:601: more than 200 elements"),
        (paper(ONE)[:-20], "the file was cut"),
        (paper(ONE).replace("</REPORT>", "</REPROT>"), "bad.xml:4:37: not well-formed XML: mismatched tag"),
        (paper(ONE) + "<a/>", "not well-formed XML: junk after document element"),
        (paper(ONE).replace(EFFUSION, "1 < 2"), "not well-formed XML"),
        ("", "bad.xml:1:1: empty; export it again"),
        ("hello", "bad.xml:1:1: not well-formed XML: syntax error"),
        ("<a/>", "holds none of CHI_TIET_CLS, REPORT, SESSION, TONG_HOP; give its names with --mapping"),
        (paper(ONE).encode() + "Tràn".encode()[:-2], "byte"),
        (paper(ONE).replace("Tràn", "T\udc80n", 1).encode("utf-8", "surrogateescape") + TEXT.encode(), "not UTF-8 from there on"),
        (TEXT.encode("utf-16")[:-301], "not utf-16 at its end"),
    ],
)  # fmt: skip
def test_a_broken_file_spoils_only_itself(here: Path, data: str | bytes, message: str) -> None:
    Path("bad.xml").write_bytes(data.encode() if isinstance(data, str) else data)
    Path("good.xml").write_text(paper(Session("S9", "P9", reports=[Report(EFFUSION)])))
    result = done("reports", "work", "bad.xml", "good.xml", status=2)
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr
    assert [row["session_id"] for row in listed("work", "reports")] == ["S9"]
    assert listed("work", "refused")[0]["file"] == "bad.xml"
    assert done("reports", "work", "bad.xml", "--allow-refused").exit_code == 0
    assert answer("status", "work")["his"]["broken_files"] == 1


def test_a_broken_part_spoils_only_itself(here: Path) -> None:
    broken = "<FILEHOSO><LOAIHOSO>XML4</LOAIHOSO><NOIDUNGFILE>{}</NOIDUNGFILE></FILEHOSO>"
    also = (
        broken.format("!!!") + broken.format("PGE+") + broken.format("PCFET0NUWVBFIGE+PGEvPg==") + broken.format("<a>")
    )
    text = insurance(ONE, also=also.replace("<a>", "&lt;a&gt;"))
    assert [facts(row) for row in read(text)] == [KEPT]
    assert sorted(row["reason"] for row in listed("work", "refused")) == [
        "part_dtd", "part_not_base64", "part_not_well_formed", "part_not_well_formed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("inside", "code"),
    [("<REPORT/>" * 300_000, "session_too_large"), ("<X>a</X>" * 100_000 + "b" * 1000, None)],
)
def test_a_session_of_countless_elements(here: Path, inside: str, code: str | None) -> None:
    Path("his.xml").write_text(paper(ONE).replace("<REPORTS>", f"<REPORTS>{inside}"))
    found = answer("reports", "work", "his.xml", status=2 if code else 0)
    assert found["reasons"] == ({code: 1} if code else {})


def test_countless_elements_in_an_embedded_document_are_read_in_time(here: Path) -> None:
    part = (
        f"<FILEHOSO><LOAIHOSO>XML1</LOAIHOSO><NOIDUNGFILE>{'x' * 2000}{'<b>xyz</b>' * 200_000}</NOIDUNGFILE></FILEHOSO>"
    )
    Path("his.xml").write_text(insurance(ONE, also=part))
    assert answer("reports", "work", "his.xml")["reasons"] == {"part_not_base64": 1}


def test_a_large_embedded_document_is_read(here: Path) -> None:
    s = Session(reports=[Report("x" * 900_000 + str(i)) for i in range(20)])
    assert len(read(insurance(s))) == 20


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.integers(1, 9), st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_mending_does_not_depend_on_where_a_file_is_cut(pieces: list[str], size: int, lead: int) -> None:
    text = "\n" * lead + "<a>" + "".join(pieces) + "</a>"
    whole, cut = Counter[str](), Counter[str]()
    expected = "".join(_mend([text], whole))
    assert "".join(_mend((text[i : i + size] for i in range(0, len(text), size)), cut)) == expected
    assert whole == cut
    found = ElementTree.fromstring(expected)
    assert expected.startswith("\n" * lead)
    shown = "".join(pieces).replace("<![CDATA[", "").replace("]]>", "").replace("\x01", " ").replace("&#1;", " ")
    assert html.unescape("".join(found.itertext())) == html.unescape(shown)


# again


def test_what_was_read_is_not_read_again(here: Path) -> None:
    Path("his.xml").write_text(paper(ONE))
    assert answer("reports", "work", "his.xml")["kept"] == 1
    Path("his.xml").rename("renamed.xml")
    assert answer("reports", "work", "renamed.xml")["files"] == {"read": 0, "known": 1, "refused": 0}
    Path("more.xml").write_text(paper(ONE, Session("S2", reports=[Report(NORMAL)])))
    found = answer("reports", "work", "more.xml")
    assert (found["kept"], found["repeated"]) == (1, 1)


def test_a_file_is_read_again_with_other_service_codes(here: Path) -> None:
    Path("his.xml").write_text(
        paper(Session(reports=[Report(EFFUSION), Report(NORMAL, service="99.1"), Report(time="x")]))
    )
    assert answer("reports", "work", "his.xml")["kept"] == 1
    Path("ours").mkdir()
    Path("ours/ruleset.yaml").write_text(f'name: ours\nversion: "1"\nextends: {RULES}\n')
    Path("ours/services.yaml").write_text(
        'services:\n  - {id: private, code: "99.1", view: frontal, name: Phim phổi}\n'
    )
    found = answer("reports", "work", "his.xml", "--rules", "ours")
    assert (found["files"]["read"], found["kept"], found["repeated"]) == (1, 1, 1)
    assert answer("reports", "work", "his.xml", "--rules", "ours")["files"]["known"] == 1
    assert len(listed("work", "refused")) == 1


def test_headers_may_come_in_another_file(here: Path) -> None:
    of = parts(ONE, newer=True)
    for kind in ("XML1", "XML4"):
        Path(f"{kind}.xml").write_text(of[kind])
    found = answer("reports", "work", "XML4.xml", "XML1.xml")
    assert (found["kept"], found["reasons"]) == (0, {"no_session": 1})
    found = answer("reports", "work", "XML4.xml", "XML1.xml")
    assert (found["kept"], found["files"]["known"], found["reasons"]) == (1, 1, {})
    assert [facts(row) for row in listed("work", "reports")] == [KEPT]
    assert listed("work", "refused") == []


def test_a_later_file_tells_what_became_of_a_record(here: Path) -> None:
    read(paper(Session(reports=[Report(EFFUSION), Report(EFFUSION), Report(NORMAL)])), "a.xml")
    rows = read(paper(Session(check_out="202011081700", reports=[Report("Tim to."), Report(NORMAL)])), "b.xml")
    assert [row["description"] for row in rows] == ["Tim to.", NORMAL]
    assert {row["check_out"] for row in rows} == {"2020-11-08T17:00:00"}
    assert len({row["report_key"] for row in rows}) == 2


@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=4, unique=True), min_size=1, max_size=4)
)
@settings(max_examples=40, deadline=None)
def test_a_report_keeps_its_key_in_whatever_order_its_files_tell_it(files: list[list[str]]) -> None:
    """A text that is told again keeps its key; new ones take those of the texts not told, then keys of their own."""
    keys: dict[str, str] = {}
    with TemporaryDirectory() as folder, chdir(folder):
        for number, texts in enumerate(files):
            Path("his.xml").write_text(paper(Session(reports=[Report(text) for text in texts])) + f"<!-- {number} -->")
            new = [text for text in texts if text not in keys]
            assert answer("reports", "work", "his.xml")["kept"] == len(new)
            now = {row["description"]: row["report_key"] for row in listed("work", "reports")}
            assert now.keys() >= set(texts)
            assert all(now[text] == keys[text] for text in texts if text in keys)
            assert len(set(now.values())) == len(now) == max(len(keys), len(texts))
            assert set(now.values()) >= set(keys.values())
            keys = now


def test_a_session_of_two_patients_is_refused(here: Path) -> None:
    Path("his.xml").write_text(paper(ONE, Session("S1", "P2", reports=[Report("Tim to.")])))
    found = answer("reports", "work", "his.xml")
    assert found["reasons"]["session_of_two_patients"] == 1
    assert found["kept"] == 0


OTHER = """name: other
session: {{element: {0}, fields: {{session_id: {1}, patient_id: {2}, check_in: CHECK_IN_TIME, check_out: CHECK_OUT_TIME}}}}
report: {{element: {3}, fields: {{service_id: SERVICE_ID, report_time: REPORT_TIME, description: DESCRIPTION}}}}
"""


def test_a_wrong_mapping_does_not_spoil_what_was_read(here: Path) -> None:
    Path("other.yaml").write_text(OTHER.format("VISIT", "SESSION_ID", "PATIENT_ID", "RESULT"))
    assert len(read(paper(ONE))) == 1
    for _ in range(2):
        assert "holds none of" in done("reports", "work", "his.xml", "--mapping", "other.yaml", status=2).stderr
        assert answer("reports", "work", "his.xml")["files"] == {"read": 0, "known": 1, "refused": 0}
    assert [facts(row) for row in listed("work", "reports")] == [KEPT]


def cards(*sessions: Session) -> str:
    """With a field more, that a mapping may take for another."""
    return paper(*sessions).replace("<CHECK_IN_TIME>", "<CARD>C7</CARD><CHECK_IN_TIME>")


@pytest.mark.parametrize("wrong", [("SESSION_ID", "CARD"), ("CARD", "PATIENT_ID")])
def test_the_mended_mapping_overwrites_what_the_wrong_one_said(here: Path, wrong: tuple[str, str]) -> None:
    Path("other.yaml").write_text(OTHER.format("SESSION", *wrong, "REPORT"))
    Path("also.xml").write_text(cards(ONE, Session("S2", reports=[Report(NORMAL)])))
    (row, *_) = read(cards(ONE), "his.xml", 0, "--mapping", "other.yaml")
    assert "C7" in row.values()
    done("reports", "work", "also.xml", "--mapping", "other.yaml")
    add_films("work", [Film("f", row["patient_id"])])
    done("match", "work")
    found = answer("reports", "work", "his.xml", "also.xml")
    assert (found["files"]["read"], found["reasons"]) == (2, {})
    assert found["withdrawn"] == (0 if wrong[1] == "CARD" else 2)
    assert [facts(row) for row in listed("work", "reports") if row["session_id"] != "S2"] == [KEPT]
    assert len(listed("work", "reports")) == 2
    done("match", "work")


def test_a_report_that_a_person_decided_on_outlives_a_wrong_mapping(here: Path) -> None:
    Path("other.yaml").write_text(OTHER.format("SESSION", "SESSION_ID", "PATIENT_ID", "RESULT"))
    read(paper(Session(reports=[Report("Tim to. Xyzzy."), Report(NORMAL)])))
    add_films("work", [Film("f")])
    for stage in ("match", "review"):
        done(stage, "work", *(("--out", "sheets") if stage == "review" else ()))
    with Path("sheets/review.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    key = next(report["report_key"] for report in listed("work", "reports") if "Xyzzy" in report["description"])
    with Path("filled.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(row))
        writer.writeheader()
        writer.writerow({**row, "verdict": "match", "match": key})
    done("review", "work", "--in", "filled.csv")
    assert answer("reports", "work", "his.xml", "--mapping", "other.yaml")["withdrawn"] == 1
    assert [report["report_key"] for report in listed("work", "reports")] == [key]
    assert answer("reports", "work", "his.xml")["kept"] == 1
    assert answer("match", "work")["films_by"] == {"person": 1}


def test_two_patients_stay_two_whatever_the_mapping(here: Path) -> None:
    Path("other.yaml").write_text(OTHER.format("SESSION", "SESSION_ID", "CARD", "REPORT"))
    for name, patient in (("a.xml", "P1"), ("b.xml", "P2")):
        Path(name).write_text(cards(Session(patient=patient, reports=[Report(EFFUSION)])))
    assert answer("reports", "work", "a.xml", "b.xml", "--mapping", "other.yaml")["reasons"] == {}
    found = answer("reports", "work", "a.xml", "b.xml")
    assert found["reasons"] == {"session_of_two_patients": 1, "session_refused": 1}
    assert listed("work", "reports")[0]["patient_id"] == "P1"


def test_a_workspace_of_the_version_before_is_taken_over(here: Path) -> None:
    rows = read(cards(ONE))
    with sqlite3.connect("work/workspace.db") as db:
        columns = "id INTEGER PRIMARY KEY, session_id TEXT NOT NULL UNIQUE, patient_id TEXT, check_in INTEGER, check_out INTEGER"
        db.executescript(f"""PRAGMA legacy_alter_table = ON; DROP INDEX ix_reports_source;
            ALTER TABLE sessions RENAME TO now; CREATE TABLE sessions ({columns});
            INSERT INTO sessions SELECT id, session_id, patient_id, check_in, check_out FROM now;
            DROP TABLE now; ALTER TABLE asked DROP COLUMN came;
            UPDATE settings SET value = '2' WHERE name = 'version';""")
    assert listed("work", "reports") == rows
    Path("other.yaml").write_text(OTHER.format("SESSION", "SESSION_ID", "CARD", "REPORT"))
    assert read(cards(ONE), "his.xml", 0, "--mapping", "other.yaml")[0]["patient_id"] == "C7"
    done("status", "work")


def test_files_of_a_folder_are_not_named(here: Path) -> None:
    Path("his").mkdir()
    Path("his/NGUYEN VAN AN.xml").write_text("<a>")
    Path("his/b.XML").write_text(paper(ONE))
    result = done("reports", "work", "his", status=2)
    assert "NGUYEN" not in result.stderr + result.stdout
    assert result.stderr.startswith("his/[")
    assert listed("work", "refused")[0]["file"] == "his/NGUYEN VAN AN.xml"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("work", "nowhere.xml"), "nowhere.xml: no such file or folder"),
        (("work", "empty"), "empty: no .xml files in this folder"),
        (("full", "his.xml"), "full: holds other files"),
        (("his.xml", "his.xml"), "his.xml: is a file; a workspace is a folder"),
    ],
)
def test_wrong_paths(here: Path, args: tuple[str, str], message: str) -> None:
    Path("empty").mkdir()
    Path("full").mkdir()
    Path("full/x").touch()
    Path("his.xml").write_text(paper(ONE))
    result = done("reports", *args, status=2)
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1
    assert not Path("work").exists()


def test_a_stage_does_not_make_a_workspace_out_of_nothing(here: Path) -> None:
    for stage in ("match", "labels", "split", "status"):
        assert "no workspace" in done(stage, "nowhere", status=2).stderr
    assert not Path("nowhere").exists()
