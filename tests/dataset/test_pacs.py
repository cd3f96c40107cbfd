"""Collecting from a real PACS: DICOMweb, C-GET and C-MOVE."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from tests.dataset import orthanc
from tests.dataset.films import compressed, film, write
from tests.dataset.hospital import listed
from tests.dataset.orthanc import NODE, WEB, Orthanc, self_signed

pytestmark = pytest.mark.skipif(orthanc.missing() is not None, reason=str(orthanc.missing()))
DAYS = ("--from", "2020-11-05", "--to", "2020-11-06")
WAYS = {"web": (WEB,), "get": (NODE,), "move": (NODE, "--listen", f"127.0.0.1:{orthanc.LISTEN}")}


@pytest.fixture
def pacs(here: Path) -> Iterator[Orthanc]:
    server = Orthanc(here / "pacs")
    yield server
    server.close()


def noise(seed: int, side: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4096, (side, side)).astype("u2")


def hospital(folder: Path) -> dict[str, Any]:
    """Films of two days in several transfer syntaxes, and what is not wanted: another day, a CT beside a film."""
    films = {}
    for n, how in enumerate(("", "lossless", "j2k", "ls", "rle", "")):
        data = film(noise(n), StudyDate="20201105" if n < 4 else "20201106", StudyTime=f"{8 + n:02}0000")
        if how:
            data = compressed(data, how, folder.parent)
        films[data.SOPInstanceUID] = write(folder / f"{n}.dcm", data)
    write(folder / "other_day.dcm", film(noise(50), StudyDate="20201107"))
    study = dcmread(folder / "0.dcm").StudyInstanceUID
    write(folder / "ct.dcm", film(noise(51), Modality="CT", StudyInstanceUID=study))
    return films


def data_set(file: Path) -> str:
    """A hash of what is in a file but its header."""
    from labeler.dataset.dicom import head

    found = head(file.read_bytes())
    assert found is not None
    return found.sha256


def ran(server: Orthanc, *args: object, status: int = 0, **environment: str) -> Any:
    result = server.vnlabel("dataset", "collect", "work", *args, "--json", **environment)
    assert result.returncode == status, result.stderr
    return json.loads(result.stdout) if result.stdout else result.stderr


@pytest.mark.parametrize("way", list(WAYS))
def test_every_way_gives_the_stored_bytes(here: Path, pacs: Orthanc, way: str) -> None:
    """By day and modality; as stored, in every transfer syntax; nothing twice when it is run again."""
    if way == "web" and not pacs.has_web:
        pytest.skip("no DICOMweb plugin")
    films = hospital(here / "films")
    pacs.store(here / "films")
    found = ran(pacs, *WAYS[way], *DAYS)
    assert (found["taken"], found["expected"], found["short_days"], found["refused"]) == (6, 6, [], {})
    rows = {row["sop_uid"]: row for row in listed("work", "studies")}
    assert set(rows) == set(films)
    for uid, file in films.items():
        kept = here / "work" / rows[uid]["path"]
        assert dcmread(kept).file_meta.TransferSyntaxUID == dcmread(file).file_meta.TransferSyntaxUID
        assert dcmread(kept).PixelData == dcmread(file).PixelData
        if way != "web":
            assert data_set(kept) == data_set(file)
    assert {row["state"] for row in listed("work", "collected")} == {"done"}
    write(here / "more" / "late.dcm", film(noise(60), StudyDate="20201106"))
    pacs.store(here / "more")
    again = ran(pacs, *WAYS[way], *DAYS)
    assert (again["taken"], again["known"], again["expected"]) == (1, 6, 7)


@pytest.mark.parametrize("way", list(WAYS))
def test_killed_midway(here: Path, pacs: Orthanc, way: str) -> None:
    """The server dies: one line, what came is kept; started again, the same command brings the rest."""
    number = 20
    for n in range(number):
        write(here / "films" / f"{n}.dcm", film(noise(n, 128), StudyDate="20201105", StudyTime=f"{n // 3:02}{n % 3:02}00"))
    pacs.store(here / "films")
    running = pacs.popen("dataset", "collect", "work", *WAYS[way], "--from", "2020-11-05", "--rate", 3000)
    deadline = time.monotonic() + 30
    while len(list(Path("work").rglob("*.dcm"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    pacs.kill()
    _, stderr = running.communicate(timeout=150)
    assert running.returncode == 2
    assert "run the same command again" in stderr and stderr.count("\n") == 1
    kept = {file: hashlib.sha256(file.read_bytes()).digest() for file in Path("work").rglob("*.dcm")}
    assert 5 <= len(kept) < number
    assert not list(Path("work").rglob("*.part"))
    pacs.start()
    found = ran(pacs, *WAYS[way], "--from", "2020-11-05")
    assert found["taken"] + found["known"] == number and found["short_days"] == []
    assert found["known"] >= len(kept) - 1
    assert all(hashlib.sha256(file.read_bytes()).digest() == digest for file, digest in kept.items())
    assert len(listed("work", "studies")) == number


def test_a_film_that_the_server_has_lost(here: Path) -> None:
    """It counts as missing, whatever else of its study is here, and comes when it has been found again."""
    server = Orthanc(here / "pacs")
    try:
        for n, kind in enumerate(("CR", "DX")):
            write(here / "films" / f"{kind}.dcm", film(noise(n), Modality=kind, StudyInstanceUID="1.2.3", SeriesInstanceUID=f"1.2.3.{n}"))
        server.store(here / "films")
        asked = (NODE, "--from", "2020-11-05", "--modality")
        assert ran(server, *asked, "CR")["taken"] == 1
        server.kill()
        lost = (here / "films" / "DX.dcm").read_bytes()
        (place,) = (file for file in (here / "pacs" / "storage").rglob("*") if file.is_file() and file.read_bytes() == lost)
        place.unlink()
        server.start()
        for _ in range(2):
            found = ran(server, *asked, "DX", status=2)
            assert (found["known"], found["failed"], found["short_days"]) == (0, 1, ["20201105"])
        place.write_bytes(lost)
        found = ran(server, *asked, "DX")
        assert (found["taken"], found["short_days"]) == (1, [])
    finally:
        server.close()


def test_a_server_that_names_only_so_many(here: Path) -> None:
    """A node that stops in the middle of its answer is asked for ever shorter spans until all are named."""
    server = Orthanc(here / "pacs", LimitFindResults=5)
    try:
        for n in range(14):
            write(here / "films" / f"{n}.dcm", film(noise(n, 8), StudyDate="20201105", StudyTime=f"{n // 3:02}{n % 3:02}00"))
        server.store(here / "films")
        assert ran(server, NODE, "--from", "2020-11-05")["taken"] == 14
    finally:
        server.close()


def test_tls(here: Path) -> None:
    """A node whose certificate nobody vouches for is not spoken to."""
    certificate, key = self_signed(here)
    tls = {
        "DicomTlsEnabled": True, "DicomTlsCertificate": str(certificate), "DicomTlsPrivateKey": str(key),
        "DicomTlsTrustedCertificates": str(certificate), "DicomTlsRemoteCertificateRequired": False,
    }  # fmt: skip
    write(here / "films" / "1.dcm", film())
    server = Orthanc(here / "pacs", **tls)
    try:
        server.store(here / "films")
        node = NODE.replace("dicom:", "dicoms:")
        assert ran(server, node, "--from", "2020-11-05", status=2).count("\n") == 1
        assert ran(server, node, "--from", "2020-11-05", "--ca", certificate)["taken"] == 1
    finally:
        server.close()


def test_credentials_stay_in_the_environment(here: Path) -> None:
    """They open the door, and stand nowhere: not in messages, not in the workspace."""
    server = Orthanc(here / "pacs", AuthenticationEnabled=True, RegisteredUsers={"reader": "s3cret-word"})
    try:
        if not server.has_web:
            pytest.skip("no DICOMweb plugin")
        refused = ran(server, WEB, "--from", "2020-11-05", status=2)
        assert "http_401" in refused and refused.count("\n") == 1
        door = {"VNLABEL_PACS_USER": "reader", "VNLABEL_PACS_PASSWORD": "s3cret-word"}
        result = server.vnlabel("dataset", "collect", "work", WEB, "--from", "2020-11-05", **door)
        assert result.returncode == 0, result.stderr
        assert "s3cret" not in result.stdout + result.stderr
        assert not [file for file in Path("work").iterdir() if b"s3cret" in file.read_bytes()]
    finally:
        server.close()


def test_others_cannot_put_films_in(here: Path, pacs: Orthanc) -> None:
    """While the receiver of C-MOVE listens, an object that nobody asked for is refused."""
    hospital(here / "films")
    pacs.store(here / "films")
    intruder = write(here / "intruder.dcm", film(noise(99)))
    running = pacs.popen("dataset", "collect", "work", *WAYS["move"], *DAYS, "--rate", 240)
    script = (
        "import sys, time, pydicom, pynetdicom\n"
        "data = pydicom.dcmread(sys.argv[1])\n"
        "ae = pynetdicom.AE(); ae.add_requested_context(data.SOPClassUID, data.file_meta.TransferSyntaxUID)\n"
        "for _ in range(100):\n"
        f"    link = ae.associate('127.0.0.1', {orthanc.LISTEN}, ae_title='VNLABEL')\n"
        "    if link.is_established: break\n"
        "    time.sleep(0.05)\n"
        "print(hex(link.send_c_store(data).Status)); link.release()\n"
    )
    sent = pacs.within([sys.executable, "-c", script, str(intruder)])
    assert sent.stdout.strip() == "0xc000", sent.stderr
    running.communicate(timeout=150)
    assert len(listed("work", "studies")) == 6


def test_hours_are_kept(here: Path, pacs: Orthanc) -> None:
    """Outside its hours a PACS is not asked at all."""
    hour = time.localtime().tm_hour
    closed = f"{(hour + 3) % 24:02}:00-{(hour + 4) % 24:02}:00"
    with pytest.raises(subprocess.TimeoutExpired):
        running = pacs.popen("dataset", "collect", "work", WEB, *DAYS, "--hours", closed)
        try:
            running.communicate(timeout=3)
        finally:
            running.terminate()
            _, stderr = running.communicate(timeout=20)
    assert "waiting for the hours" in stderr
