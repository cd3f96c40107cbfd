"""DICOM objects into the workspace, from folders."""

from __future__ import annotations

import stat
import time
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import generate_uid

from tests.cli.helpers import start
from tests.dataset.films import encoded, film, values, write
from tests.dataset.hospital import answer, done, listed

NOTHING = {"taken": 0, "known": 0, "not_wanted": 0, "other_files": 0, "directories": 0, "failed": 0,
           "refused": {}, "reported": {}, "short_days": []}  # fmt: skip


def test_folders(here: Path) -> None:
    """Every object once, whatever its name and depth; its study's facts are in the table of films."""
    first, second = film(), film(values(12) // 2, StudyDate="20201106", StudyTime="101530.5", PatientID="0012 ")
    write(here / "films" / "a" / "IM000001", first)
    write(here / "films" / "b" / "deep" / "x.dcm", second)
    write(here / "films" / "copy.dcm", first)
    (here / "films" / "notes.txt").write_text("not a film")
    assert answer("collect", "work", "films") == {**NOTHING, "taken": 2, "known": 1, "other_files": 1}
    assert answer("collect", "work", "films", "films/copy.dcm") == {**NOTHING, "known": 4, "other_files": 1}
    rows = {row["sop_uid"]: row for row in listed("work", "studies")}
    row = rows[second.SOPInstanceUID]
    assert (row["study_time"], row["time_source"], row["patient_id"]) == (
        "2020-11-06T10:15:30.500000", "StudyDate+StudyTime", "0012",
    )  # fmt: skip
    kept = here / "work" / row["path"]
    assert kept.read_bytes() == encoded(second)
    assert stat.S_IMODE((here / "work").stat().st_mode) == 0o700


def test_in_place(here: Path) -> None:
    file = write(here / "films" / "1.dcm", film())
    done("collect", "work", "films", "--in-place")
    assert listed("work", "studies")[0]["path"] == str(file)
    assert not (here / "work" / "dicom").exists()
    done("views", "work")
    assert answer("images", "work")["made"] == 1


@pytest.mark.parametrize("options", [("--in-place",), ()])
def test_in_place_and_moved_since(here: Path, options: tuple[str, ...]) -> None:
    """Collected from its new place, a film is known, and found again."""
    write(here / "films" / "1.dcm", film())
    done("collect", "work", "films", "--in-place")
    (here / "films").rename(here / "moved")
    assert answer("views", "work")["unknown_by"] == {"unreadable": 1}
    assert answer("collect", "work", "moved", *options) == {**NOTHING, "known": 1}
    assert answer("views", "work")["pa"] == answer("images", "work")["made"] == 1
    assert answer("collect", "work", "moved") == {**NOTHING, "known": 1}


def test_by_day_and_modality(here: Path) -> None:
    """Bounds count; a film without a time is on no day."""
    for day in ("20201104", "20201105", "20201106", "20201107"):
        write(here / "films" / f"{day}.dcm", film(StudyDate=day))
    write(here / "films" / "ct.dcm", film(StudyDate="20201105", Modality="CT"))
    write(here / "films" / "never.dcm", film(StudyDate=None, StudyTime=None))
    found = answer("collect", "work", "films", "--from", "2020-11-05", "--to", "2020-11-06", "--modality", "DX")
    assert (found["taken"], found["not_wanted"]) == (2, 4)
    assert "--from" in done("collect", "work", "films", "--from", "5.11.20", status=2).stderr


def test_same_uid_other_bytes(here: Path) -> None:
    """The first stays in use, the other is kept beside it and named; a file that only has another header is known."""
    first = film()
    second = film(SOPInstanceUID=first.SOPInstanceUID, PatientID="another")
    write(here / "films" / "1.dcm", first)
    write(here / "films" / "2.dcm", second)
    first.preamble = b"x" * 128
    first.file_meta.ImplementationVersionName = "OTHER"
    write(here / "films" / "3.dcm", first)
    result = done("collect", "work", "films")
    assert "other bytes" in result.stderr and "another" not in result.output and "2.dcm" not in result.output
    assert answer("collect", "work", "films") == {**NOTHING, "known": 2, "reported": {"other_bytes": 1}}
    (aside,) = [row for row in listed("work", "collected") if row["state"] == "aside"]
    assert aside["reason"] == "other_bytes" and (here / "work" / aside["file"]).read_bytes() == encoded(second)
    (row,) = listed("work", "studies")
    assert row["patient_id"] == "BN004711"


def test_same_pixels_under_another_uid(here: Path) -> None:
    """Both are kept, and it is said."""
    write(here / "films" / "1.dcm", film())
    write(here / "films" / "2.dcm", film(SOPInstanceUID=generate_uid()))
    found = answer("collect", "work", "films")
    assert (found["taken"], found["reported"]) == (2, {"same_pixels": 1})
    assert answer("collect", "work", "films")["reported"] == {}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"no film at all", "not_dicom"),
        (encoded(film())[:200], "no_transfer_syntax"),
        (encoded(film(SOPClassUID=None)), "no_sop_class"),
        (encoded(film(StudyInstanceUID=None)), "no_uid"),
        (encoded(film())[:-100], "truncated"),
        (encoded(film())[132:], None),  # without the preamble, but with a file header
    ],
)
def test_broken_files(here: Path, data: bytes, code: str | None) -> None:
    """A broken file is refused with its reason, the others go on; messages name files of folders by a hash."""
    (here / "films").mkdir()
    (here / "films" / "Nguyen Van Bi Mat.dcm").write_bytes(data)
    write(here / "films" / "z.dcm", film())
    result = done("collect", "work", "films", status=2 if code else 0)
    assert "Mat" not in result.output and "Traceback" not in result.output
    if code is not None:
        assert result.stderr.count("\n") == 1 and result.stderr.startswith("films/[")
        assert [row["reason"] for row in listed("work", "refused")] == [code]
        assert f"set aside: 1 {code}" in done("status", "work").stdout
        done("collect", "work", "films", "--allow-refused")
    assert len(listed("work", "studies")) == 1 + (code is None)


def test_killed(here: Path) -> None:
    """Killed at any moment and run again, every film is there, whole and once."""
    rng = np.random.default_rng(0)
    films = [film(rng.integers(0, 4096, (256, 256)).astype("u2")) for _ in range(120)]
    for number, data in enumerate(films):
        write(here / "films" / f"{number:03}.dcm", data)
    for stage in (("collect", "work", "films"), ("images", "work", "--all", "--jobs", "1")):
        kind = "*.dcm" if stage[0] == "collect" else "*.jpg"
        process = start("dataset", *stage)
        while process.poll() is None and len(list(Path("work").rglob(kind))) < 30:
            time.sleep(0.005)
        process.kill()
        process.communicate()
        assert 30 <= len(list(Path("work").rglob(kind))) < len(films)
        done(*stage)
        assert len(list(Path("work").rglob(kind))) == len(films)
        assert not list(Path("work").rglob("*.part"))
    by_uid = {row["sop_uid"]: row for row in listed("work", "studies")}
    assert len(by_uid) == len(films)
    for data in films:
        row = by_uid[data.SOPInstanceUID]
        assert Path("work", row["path"]).read_bytes() == encoded(data) and Path("work", row["image"]).is_file()


def test_no_such_folder(here: Path) -> None:
    result = done("collect", "work", "gone", status=2)
    assert result.stderr == "gone: no such file or folder\n"
