"""A small hospital: HIS exports in its formats, and rows of films as the PACS stages will write them."""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from click.testing import Result
from sqlalchemy import insert

from labeler.dataset.times import micros
from labeler.dataset.workspace import Workspace, studies
from tests.cli.helpers import vnlabel

DAY = datetime(2020, 11, 5, 9, 30)
NORMAL = "- Bóng tim không to.\n- Không thấy viêm phổi."
EFFUSION = "- Tràn dịch màng phổi phải.\n- Bóng tim không to."
RULES = Path(__file__).parent / "rules"  # a few phrases: quick to load


@dataclass
class Report:
    """A report as HIS has it; times are written as given."""

    description: str = NORMAL
    time: str = "202011050930"
    service: str = "18.0119.0028"
    name: str | None = None
    conclusion: str = ""


@dataclass
class Session:
    """A stay with its reports."""

    session: str = "S1"
    patient: str = "P1"
    check_in: str = "202011050700"
    check_out: str = "202011061700"
    reports: list[Report] = field(default_factory=lambda: [Report()])


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


@dataclass
class Film:
    """A PA film."""

    uid: str
    patient: str = "P1"
    time: datetime | None = DAY
    view: float | None = 0.99
    image: str | None = None
    study: str = ""


def dataset(*args: object) -> Result:
    """Run `vnlabel dataset`, with the small rule set where rules are used."""
    ruled = args[0] in ("reports", "labels", "review") and "--rules" not in args
    return vnlabel("dataset", *args, *(("--rules", RULES) if ruled else ()))


def done(*args: object, status: int = 0) -> Result:
    """Run it; it must end with this status."""
    result = dataset(*args)
    assert result.exit_code == status, (result.exit_code, result.stdout, result.stderr, result.exception)
    return result


def answer(*args: object, status: int = 0) -> Any:
    """Its result as JSON."""
    return json.loads(done(*args, "--json", status=status).stdout)


def add_films(workspace: Path | str, films: Iterable[Film]) -> None:
    """Write rows of films, as the stages collect, views and images do."""
    rows = [
        {
            "sop_uid": film.uid, "study_uid": film.study or f"study.{film.uid}", "series_uid": f"series.{film.uid}",
            "patient_id": film.patient, "study_time": None if film.time is None else micros(film.time),
            "time_source": "StudyDate+StudyTime", "view_probability": film.view, "image": film.image,
        }
        for film in films
    ]  # fmt: skip
    workspace_ = Workspace(str(workspace), create=True)
    with workspace_.engine.begin() as db:
        db.execute(insert(studies), rows)
    workspace_.close()


def listed(workspace: Path | str, what: str) -> list[dict[str, str]]:
    """Rows of `dataset list`."""
    done("list", workspace, what, "-o", "listed.csv")
    csv.field_size_limit(10_000_000)
    with Path("listed.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def stamp(time: datetime) -> str:
    """14 digits."""
    return time.strftime("%Y%m%d%H%M%S")


def hours(n: float) -> timedelta:
    """So many hours."""
    return timedelta(hours=n)
