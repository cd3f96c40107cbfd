"""HIS exports as hospitals write them: the paper's own elements, and the insurance exchange with its parts in base64."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from xml.sax.saxutils import escape


@dataclass
class Report:
    """A report as HIS has it; times are written as given."""

    description: str
    time: str
    service: str
    name: str | None = None
    conclusion: str = ""


@dataclass
class Session:
    """A stay with its reports."""

    session: str
    patient: str
    check_in: str
    check_out: str
    reports: list[Report]


def paper(*sessions: Session, declaration: str = '<?xml version="1.0" encoding="UTF-8"?>\n') -> str:
    """The paper's names."""
    return declaration + "<SESSIONS>\n" + "\n".join(map(_paper_session, sessions)) + "\n</SESSIONS>\n"


def _paper_session(s: Session) -> str:
    reports = "".join(
        f"<REPORT><SERVICE_ID>{r.service}</SERVICE_ID><REPORT_TIME>{r.time}</REPORT_TIME>"
        f"<DESCRIPTION>{escape(r.description)}</DESCRIPTION></REPORT>"
        for r in s.reports
    )
    return (
        f"<SESSION><SESSION_ID>{s.session}</SESSION_ID><PATIENT_ID>{s.patient}</PATIENT_ID>"
        f"<CHECK_IN_TIME>{s.check_in}</CHECK_IN_TIME><CHECK_OUT_TIME>{s.check_out}</CHECK_OUT_TIME>"
        f"<REPORTS>{reports}</REPORTS></SESSION>"
    )


def parts(s: Session, *, newer: bool) -> dict[str, str]:
    """XML1, XML3, XML4 of a session, after decision 130 or 4210."""
    one = (
        f"<TONG_HOP><MA_LK>{s.session}</MA_LK><STT>1</STT><MA_BN>{s.patient}</MA_BN><HO_TEN>X</HO_TEN>"
        f"<NGAY_VAO>{s.check_in}</NGAY_VAO><NGAY_RA>{s.check_out}</NGAY_RA></TONG_HOP>"
    )
    three = "".join(
        f"<CHI_TIET_DVKT><MA_LK>{s.session}</MA_LK><STT>{i}</STT><MA_DICH_VU>{r.service}</MA_DICH_VU>"
        f"<TEN_DICH_VU>{r.name or ''}</TEN_DICH_VU><NGAY_YL>{s.check_in}</NGAY_YL><NGAY_KQ></NGAY_KQ></CHI_TIET_DVKT>"
        for i, r in enumerate(s.reports)
    )
    four = "".join(
        f"<CHI_TIET_CLS><MA_LK>{s.session}</MA_LK><STT>{i}</STT><MA_DICH_VU>{r.service}</MA_DICH_VU><MA_CHI_SO></MA_CHI_SO>"
        f"<GIA_TRI></GIA_TRI><MO_TA>{_text(r.description, newer)}</MO_TA><KET_LUAN>{_text(r.conclusion, newer)}</KET_LUAN>"
        f"<NGAY_KQ>{r.time}</NGAY_KQ><MA_BS_DOC_KQ>0123/BYT</MA_BS_DOC_KQ></CHI_TIET_CLS>"
        for i, r in enumerate(s.reports)
    )
    three = f"<DSACH_CHI_TIET_DVKT>{three}</DSACH_CHI_TIET_DVKT>"
    four = f"<DSACH_CHI_TIET_CLS>{four}</DSACH_CHI_TIET_CLS>"
    if newer:
        three = f"<CHITIEU_CHITIET_DVKT_VTYT>{three}</CHITIEU_CHITIET_DVKT_VTYT>"
        four = f"<CHITIEU_CHITIET_DICHVUCANLAMSANG>{four}</CHITIEU_CHITIET_DICHVUCANLAMSANG>"
    return {"XML1": one, "XML3": three, "XML4": four}


def _text(text: str, newer: bool) -> str:
    return escape(text) if newer else f"<![CDATA[{text}]]>"


def insurance(*sessions: Session, newer: bool = True, also: str = "") -> str:
    """The insurance exchange, its parts in base64 with line breaks, kinds in mixed case."""
    files = ""
    for s in sessions:
        inner = ""
        for kind, text in {**parts(s, newer=newer), "XML2": "<DSACH_CHI_TIET_THUOC/>"}.items():
            shown = kind if newer else kind.capitalize()
            content = base64.encodebytes(text.encode()).decode()
            inner += f"<FILEHOSO><LOAIHOSO>{shown}</LOAIHOSO><NOIDUNGFILE>{content}</NOIDUNGFILE></FILEHOSO>\n"
        files += f"<HOSO>{inner}{also}</HOSO>"
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<GIAMDINHHS><THONGTINDONVI><MACSKCB>25001</MACSKCB></THONGTINDONVI>'
        f"<THONGTINHOSO><NGAYLAP>20201107</NGAYLAP><SOLUONGHOSO>{len(sessions)}</SOLUONGHOSO>"
        f"<DANHSACHHOSO>{files}</DANHSACHHOSO></THONGTINHOSO></GIAMDINHHS>"
    )
