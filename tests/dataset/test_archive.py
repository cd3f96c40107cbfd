"""What of asking a PACS needs none: pace, hours, addresses, silence."""

from __future__ import annotations

import json
import re
import shutil
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from pydicom.dataset import Dataset

from labeler.dataset import archive
from labeler.dataset.archive import ArchiveError, Instance, Study, collect_archive
from labeler.dataset.collect import Account, Store, Wanted
from labeler.dataset.dicomweb import part
from labeler.dataset.pace import Hours, Pace
from labeler.dataset.workspace import Workspace
from labeler.io.refusals import BadInput
from tests.dataset.films import encoded, film, values
from tests.dataset.hospital import answer, done, listed
from tests.dataset.orthanc import self_signed

NIGHT = datetime(2020, 11, 5, 23, 30)


@pytest.mark.parametrize(
    ("hours", "now", "wait"),
    [
        ("19:00-06:00", NIGHT, 0),
        ("19:00-06:00", NIGHT.replace(hour=5, minute=59), 0),
        ("19:00-06:00", NIGHT.replace(hour=6, minute=0), 13 * 3600),
        ("12:00-13:30", NIGHT.replace(hour=11), 1800),
        ("12:00-13:30", NIGHT.replace(hour=13, minute=29), 0),
        ("12:00-13:30", NIGHT.replace(hour=14, minute=0), 22 * 3600),
        ("0:00-24:00", NIGHT, 0),
    ],
)
def test_hours(hours: str, now: datetime, wait: float) -> None:
    """The end is not within; over midnight when it comes before the beginning."""
    assert Hours(hours).wait(now) == wait


@pytest.mark.parametrize("hours", ["", "19-6", "25:00-26:00", "19:00-19:00", "24:30-06:00"])
def test_hours_that_are_none(hours: str) -> None:
    with pytest.raises(BadInput, match="19:00-06:00"):
        Hours(hours)


def test_pace() -> None:
    """So many requests a minute, evenly; at closed hours it sleeps and says so once."""
    now = NIGHT
    said: list[str] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += timedelta(seconds=seconds)

    pace = Pace(30, None, said.append, lambda: now, sleep)
    for _ in range(31):
        pace()
    assert now - NIGHT == timedelta(minutes=1)
    pace = Pace(None, Hours("08:00-09:00"), said.append, lambda: now, sleep)
    pace()
    assert (now.hour, now.minute, len(said)) == (8, 0, 1)


def test_multipart() -> None:
    """The one part as it came, whatever its bytes; a body that was cut is asked for again."""
    kind = 'multipart/related; type="application/dicom"; boundary="b o"'
    data = bytes(range(256)) + b"\r\n--b"
    body = b"--b o\r\nContent-Type: application/dicom\r\n\r\n" + data + b"\r\n--b o--\r\n"
    assert part(body, kind) == data
    for broken in (body[:-9], b""):
        with pytest.raises(ArchiveError) as error:
            part(broken, kind)
        assert error.value.again
    with pytest.raises(ArchiveError):
        part(b"<html>", "text/html")


class Silent:
    """A server that names at most `most` studies of one a minute, and never says that there are more."""

    def __init__(self, number: int, most: int) -> None:
        self.times, self.most, self.asked = [f"{n // 60:02}{n % 60:02}30" for n in range(number)], most, 0

    def studies(self, day: str, times: str) -> tuple[list[Study], bool]:
        self.asked += 1
        begin, _, end = times.partition("-")
        fitting = [time for time in self.times if not times or begin <= time <= end]
        return [Study(time, None, ()) for time in fitting[: self.most]], False


@pytest.mark.parametrize(("number", "most", "requests"), [(49, 50, 1), (400, 100, 20), (400, 1000, 7), (1440, 50, 200)])
def test_silent_caps(number: int, most: int, requests: int) -> None:
    """All are found, with few requests; one round of halves is enough where nothing is held back."""
    server: Any = Silent(number, most)
    found = archive._studies_of(archive._Caller(server), "20201105")
    assert len(found) == number and server.asked <= requests


class Shelf:
    """An archive of one study; at `bad` objects it breaks off, at `slow` ones only the first time."""

    name, origin = "shelf", "test"

    def __init__(self, films: dict[str, bytes], bad: str, slow: str) -> None:
        self.films, self.bad, self.slow, self.dead = films, bad, slow, False

    def studies(self, day: str, times: str) -> tuple[list[Study], bool]:
        return [Study("1.2", None, ("DX",))], False

    def instances(self, study: str, modalities: Sequence[str]) -> tuple[list[Instance], int]:
        if self.dead:
            raise ArchiveError("no_answer", gone=True)
        return [Instance(study, "1.2.3", uid) for uid in self.films], len(self.films)

    def fetch(self, instance: Instance) -> bytes:
        if instance.sop_uid == self.bad or self.dead:
            raise ArchiveError("no_answer", gone=True)
        if instance.sop_uid == self.slow:
            self.slow = ""
            raise ArchiveError("http_503", again=True)
        return self.films[instance.sop_uid]

    def close(self) -> None:
        pass


def test_one_bad_object_does_not_stop_the_others(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again, then left for the next run; when nothing answers any more, the run ends."""
    monkeypatch.setattr(archive, "PAUSE", 0.0)
    made = [film(StudyInstanceUID="1.2", PatientID=str(n)) for n in range(4)]
    films = {data.SOPInstanceUID: encoded(data) for data in made}
    uids = list(films)
    shelf, day, said = Shelf(films, uids[1], uids[2]), date(2020, 11, 5), list[str]()

    def collect() -> Account:
        with Workspace("work", create=True) as workspace, Store(workspace, "test", Wanted(), said.append) as store:
            collect_archive(store, shelf, day, day, ("DX",), lambda more: None)
        return store.account

    account = collect()
    assert (account.counts["taken"], account.counts["failed"], account.short) == (3, 1, ["20201105"])
    assert {row["state"]: row["reason"] for row in listed("work", "collected") if row["state"] == "failed"} == {"failed": "no_answer"}
    assert "3 of 4 images came" in said[-1] and uids[1] not in "".join(said)
    assert re.search(r"from the PACS +3   of 4 that it promised\n  did not come: 1 no_answer\n", done("status", "work").stdout)
    shelf.bad = ""
    account = collect()
    assert (account.counts["taken"], account.counts["known"], account.short) == (1, 3, [])
    found = answer("status", "work")["pacs"]
    assert (found["came"], found["expected"], found["missing_by"]) == (4, 4, {})
    late = film(StudyInstanceUID="1.2")
    films[late.SOPInstanceUID] = encoded(late)
    monkeypatch.setattr(shelf, "fetch", lambda instance: setattr(shelf, "dead", True) or shelf.instances("", ()))
    with pytest.raises(BadInput, match="run the same command again"):
        collect()


@pytest.mark.parametrize("stopped", [False, True])
def test_what_did_not_come_is_asked_for_until_it_comes(here: Path, monkeypatch: pytest.MonkeyPatch, stopped: bool) -> None:
    """A film of another modality that is here already does not stand for it, also when the run was stopped between the two."""
    kinds = {"CR": film(StudyInstanceUID="1.2", Modality="CR"), "DX": film(StudyInstanceUID="1.2", PatientID="2")}
    shelf, day, said = Shelf({}, "", ""), date(2020, 11, 5), list[str]()
    monkeypatch.setattr(shelf, "studies", lambda day, times: ([Study("1.2", 2, ("CR", "DX"))], False))

    def collect(modality: str) -> Account:
        shelf.films = {kinds[modality].SOPInstanceUID: encoded(kinds[modality])}
        with Workspace("work", create=True) as workspace, Store(workspace, "test", Wanted(), said.append) as store:
            collect_archive(store, shelf, day, day, (modality,), lambda more: None)
        return store.account

    def break_off(instance: Instance) -> bytes:
        raise KeyboardInterrupt if stopped else ArchiveError("status_A702")

    assert collect("CR").counts["taken"] == 1
    with monkeypatch.context() as patch:
        patch.setattr(shelf, "fetch", break_off)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt) if stopped else nullcontext():
                account = collect("DX")
                assert (account.counts["known"], account.counts["failed"], account.short) == (0, 1, ["20201105"])
    account = collect("DX")
    assert (account.counts["taken"], account.counts["known"], account.short) == (1, 0, [])
    account = collect("DX")
    assert (account.counts["taken"], account.counts["known"], account.short) == (0, 1, [])


@pytest.mark.parametrize(
    "source",
    [
        "http://127.0.0.1:9/dicom-web", "dicom://PACS@127.0.0.1:9", "dicoms://PACS@127.0.0.1:9", "dicom://x",
        "dicom://AE@host", "ftp://host/x", "http://me:secret@host/x",
    ],
)  # fmt: skip
def test_nobody_there(here: Path, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, that tells nothing secret."""
    monkeypatch.setattr(archive, "PAUSE", 0.0)
    result = done("collect", "work", source, "--from", "2020-11-05", status=2)
    assert result.stderr.count("\n") == 1 and "secret" not in result.stderr and not result.stdout


@pytest.mark.parametrize(
    "options",
    [
        (), ("--from", "2020-11-05", "--to", "2020-11-04"), ("--from", "2020-11-05", "--listen", "11112"),
        ("--from", "2020-11-05", "--hours", "night"),
    ],
)  # fmt: skip
def test_options(here: Path, options: tuple[str, ...]) -> None:
    result = done("collect", "work", "dicom://PACS@127.0.0.1:9", *options, status=2)
    assert result.stderr.count("\n") == 1


@contextmanager
def web_server(films: list[Dataset], heard: list[str], page: int = 100) -> Iterator[str]:
    """A DICOMweb server, whose pages never hold more than `page` results."""
    tags = {"studies": "0020000D", "series": "0020000E", "instances": "00080018"}
    keys = {"studies": "StudyInstanceUID", "series": "SeriesInstanceUID", "instances": "SOPInstanceUID"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            path, _, query = self.path.partition("?")
            *place, level = path.strip("/").split("/")
            if level in tags:
                named = dict.fromkeys(str(f[keys[level]].value) for f in films if set(place[1::2]) <= set(uids(f)))
                begin = int(parse_qs(query).get("offset", ["0"])[0])
                found = [{tags[level]: {"Value": [uid]}, "00080060": {"Value": ["DX"]}} for uid in named]
                kind, body = "application/dicom+json", json.dumps(found[begin : begin + page]).encode()
            else:
                kind, body = "application/dicom", encoded(next(f for f in films if f.SOPInstanceUID == level))
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def uids(data: Dataset) -> tuple[str, str, str]:
    return data.StudyInstanceUID, data.SeriesInstanceUID, data.SOPInstanceUID


@contextmanager
def dicom_node(films: list[Dataset], heard: list[str]) -> Iterator[str]:
    """A node that answers C-FIND and C-GET."""
    from pynetdicom import AE, evt

    levels = ["STUDY", "SERIES", "IMAGE"]

    def fitting(identifier: Dataset) -> list[Dataset]:
        asked = {str(element.value) for element in identifier if element.VR == "UI" and element.value}
        return [data for data in films if asked <= set(uids(data))]

    def find(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        heard.append(level := event.identifier.QueryRetrieveLevel)
        depth = levels.index(level) + 1
        for known in dict.fromkeys(uids(data)[:depth] for data in fitting(event.identifier)):
            answer = Dataset()
            answer.QueryRetrieveLevel, answer.Modality = level, "DX"
            for name, uid in zip(("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"), known, strict=False):
                setattr(answer, name, uid)
            yield 0xFF00, answer

    def get(event: Any) -> Iterator[Any]:
        heard.append("GET")
        found = fitting(event.identifier)
        yield len(found)
        for data in found:
            yield 0xFF00, data

    ae: Any = AE(ae_title="PACS")
    for kind in ("1", "3"):
        ae.add_supported_context(f"1.2.840.10008.5.1.4.1.2.2.{kind}")
    ae.add_supported_context(films[0].SOPClassUID, scu_role=True, scp_role=True)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, find), (evt.EVT_C_GET, get)])
    try:
        yield f"dicom://PACS@127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


@pytest.mark.parametrize("serve", [web_server, dicom_node])
def test_every_request_waits_its_turn(here: Path, monkeypatch: pytest.MonkeyPatch, serve: Callable[..., Any]) -> None:
    """What is paced is what goes over the wire, however many requests a study takes."""
    films = [film(values(12) + n, StudyInstanceUID="1.2.3", SeriesInstanceUID=f"1.2.3.{n}") for n in range(3)]
    heard, paced = list[str](), list[int]()
    keep = Pace.__call__
    monkeypatch.setattr(Pace, "__call__", lambda self: (paced.append(len(heard)), keep(self)))
    with serve(films, heard) as source:
        assert answer("collect", "work", source, "--from", "2020-11-05", "--rate", 60_000)["taken"] == 3
    assert len(heard) >= 8 and paced == list(range(len(heard)))


@pytest.mark.parametrize("page", [2, 3, 100])
def test_pages(here: Path, page: int) -> None:
    """A server that brings fewer at once than it was asked for is asked on; a page that is not full is the last one."""
    films = [film(values(12) + n, StudyInstanceUID=f"1.2.{n}") for n in range(5)]
    heard: list[str] = []
    with web_server(films, heard, page) as source:
        assert answer("collect", "work", source, "--from", "2020-11-05")["taken"] == 5
    assert len([path for path in heard if path.startswith("/studies?")]) == {2: 3, 3: 2, 100: 2}[page]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")
def test_https(here: Path) -> None:
    """A DICOMweb server is trusted by its certificate, and told who asks by a token over https alone."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(str(self.headers["Authorization"]))
            self.send_response(200)
            self.send_header("Content-Type", "application/dicom+json")
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, *args: object) -> None:
            pass

    certificate, key = self_signed(here)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    source = f"https://127.0.0.1:{server.server_port}/dicom-web"
    try:
        result = done("collect", "work", source, "--from", "2020-11-05", status=2)
        assert "--ca" in result.stderr and result.stderr.count("\n") == 1 and not heard
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("VNLABEL_PACS_TOKEN", "s3cret")
            result = done("collect", "work", source, "--from", "2020-11-05", "--ca", certificate)
        assert heard == ["Bearer s3cret"] and "s3cret" not in result.output
    finally:
        server.shutdown()
        server.server_close()


def test_a_broken_line_is_no_question_of_trust(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that breaks off while a secure line is agreed on does not answer; one that is not trusted never will."""
    monkeypatch.setattr(archive, "PAUSE", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def slam() -> None:
            with suppress(OSError):
                while True:
                    line, _ = server.accept()
                    line.recv(10)
                    line.close()

        threading.Thread(target=slam, daemon=True).start()
        source = f"https://127.0.0.1:{server.getsockname()[1]}/dicom-web"
        result = done("collect", "work", source, "--from", "2020-11-05", status=2)
        assert "does not answer" in result.stderr and "--ca" not in result.stderr
        Path("ca.pem").write_text("no certificate")
        assert "--ca" in done("collect", "work", source, "--from", "2020-11-05", "--ca", "ca.pem", status=2).stderr


def test_credentials_by_http(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not sent over a line that anybody can read."""
    monkeypatch.setenv("VNLABEL_PACS_TOKEN", "s3cret")
    result = done("collect", "work", "http://pacs.example/dicom-web", "--from", "2020-11-05", status=2)
    assert "https" in result.stderr and "s3cret" not in result.output
