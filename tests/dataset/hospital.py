"""A small hospital: HIS exports in its formats, and rows of films as the PACS stages will write them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from click.testing import Result
from sqlalchemy import insert

from labeler.dataset.times import micros
from labeler.dataset.workspace import Workspace, studies
from labeler.demo import his_files
from labeler.demo.his_files import insurance, paper, parts
from tests.cli.helpers import vnlabel

__all__ = ["insurance", "paper", "parts"]

DAY = datetime(2020, 11, 5, 9, 30)
NORMAL = "- Bóng tim không to.\n- Không thấy viêm phổi."
EFFUSION = "- Tràn dịch màng phổi phải.\n- Bóng tim không to."
RULES = Path(__file__).parent / "rules"  # a few phrases: quick to load


@dataclass
class Report(his_files.Report):
    """A report as HIS has it; times are written as given."""

    description: str = NORMAL
    time: str = "202011050930"
    service: str = "18.0119.0028"
    name: str | None = None
    conclusion: str = ""


@dataclass
class Session(his_files.Session):
    """A stay with its reports."""

    session: str = "S1"
    patient: str = "P1"
    check_in: str = "202011050700"
    check_out: str = "202011061700"
    reports: list[his_files.Report] = field(default_factory=lambda: [Report()])


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


def private(folder: str) -> bool:
    """Whether a folder and all that is in it can be read by its owner alone."""
    return all(path.stat().st_mode & 0o077 == 0 for path in (Path(folder), *Path(folder).rglob("*")))
