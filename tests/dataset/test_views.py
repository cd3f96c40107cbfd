"""Which films are PA: by attributes, by a classifier, by a service."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from labeler.dataset import views
from labeler.dataset.projection import judge
from labeler.dataset.views import SHIPPED
from tests.cli.helpers import start
from tests.dataset.films import film, values, write
from tests.dataset.hospital import answer, done, listed

SHARED = Path(__file__).resolve().parents[3] / "shared" / "dicom"
CHEST = {"Modality": "DX", "BodyPartExamined": "CHEST"}


@pytest.mark.parametrize(
    ("attributes", "pa"),
    [
        (CHEST | {"ViewPosition": "PA"}, True),
        (CHEST | {"ViewPosition": " pa "}, True),
        (CHEST | {"ViewPosition": "AP"}, False),
        (CHEST | {"ViewPosition": "LL"}, False),
        (CHEST | {"ViewPosition": "LLO"}, False),
        (CHEST | {"PatientPosition": "PA"}, True),  # a vendor's place for it
        (CHEST | {"PatientPosition": "HFS"}, None),
        (CHEST | {"ViewCode": "postero-anterior"}, True),
        (CHEST | {"ViewCode": "antero-posterior"}, False),
        (CHEST | {"SeriesDescription": "view: PA"}, True),
        (CHEST | {"SeriesDescription": "Thorax p.a."}, True),
        (CHEST | {"SeriesDescription": "W033 Chest posteroanterior"}, True),
        (CHEST | {"SeriesDescription": "Ngực nghiêng trái"}, False),
        (CHEST | {"SeriesDescription": "Ngực thẳng"}, None),  # frontal: PA or AP
        (CHEST | {"SeriesDescription": "Chest PA and Lateral"}, None),
        (CHEST | {"SeriesDescription": "Chest AP portable"}, False),
        (CHEST | {"SeriesDescription": "Phổi tại giường"}, False),
        (CHEST | {"SeriesDescription": "PA LORDOTIC"}, False),
        (CHEST | {"ProtocolName": "Chest PA"}, True),
        ({"Modality": "DX", "SeriesDescription": "Tim phổi PA"}, True),
        ({"Modality": "DX", "SeriesDescription": "Hand PA"}, False),
        ({"Modality": "DX", "ViewPosition": "PA"}, None),  # hands are taken PA, too
        ({"Modality": "DX", "ViewPosition": "PA", "StudyDescription": "XR CHEST"}, True),
        (CHEST | {"ViewPosition": "PA", "SeriesDescription": "Hand"}, None),
        ({"Modality": "CT", "BodyPartExamined": "CHEST", "ViewPosition": "PA"}, False),
        ({"Modality": "DX", "BodyPartExamined": "RIBCAGE", "PatientPosition": "PA"}, False),
        ({"Modality": "DX", "BodyPartExamined": "T SPINE", "ViewPosition": "PA"}, False),
        ({"Modality": "OT", "BodyPartExamined": "CHEST", "ViewPosition": "PA"}, None),
        (CHEST | {"ViewPosition": "PA", "SeriesDescription": "Chest lateral"}, None),
        (CHEST | {"ViewPosition": "PA", "PatientOrientation": "A\\F"}, None),
        (CHEST | {"ViewPosition": "PA", "PatientOrientation": "L\\F"}, True),
        (CHEST | {"ViewPosition": "AP", "PatientOrientation": "L\\F"}, False),
        (CHEST | {"PatientOrientation": "P\\F"}, False),
        (CHEST | {"PatientOrientation": "L\\F"}, None),
        (CHEST, None),
        ({}, None),
    ],
)
def test_attributes(attributes: dict[str, str], pa: bool | None) -> None:
    """Above 0.5, below, or no answer; every verdict has a reason."""
    found = judge(attributes)
    assert (None if found.probability is None else found.probability > 0.5) == pa, found
    assert found.reason


def test_everything_is_stored_and_nothing_dropped(here: Path) -> None:
    view = Dataset()
    view.CodeMeaning = "postero-anterior"
    films = {
        "pa": film(), "lateral": film(ViewPosition="LL"), "blank": film(ViewPosition=None),
        "coded": film(ViewPosition=None, ViewCodeSequence=Sequence([view])), "cut": film(PixelData=None),
    }  # fmt: skip
    for name, data in films.items():
        write(here / "films" / f"{name}.dcm", data)
    done("collect", "work", "films")
    assert answer("views", "work") == {
        "asked": 5, "kept": 0, "pa": 3, "not_pa": 1, "unknown": 1, "unknown_by": {"no_view": 1},
    }  # fmt: skip
    rows = {row["sop_uid"]: row for row in listed("work", "views")}
    by_name = {name: rows[data.SOPInstanceUID] for name, data in films.items()}
    assert (by_name["pa"]["view_probability"], by_name["pa"]["view_source"]) == ("0.99", "attributes")
    assert by_name["coded"]["view_reason"] == "ViewCode=PA"
    assert (by_name["blank"]["view_probability"], by_name["blank"]["view_reason"]) == ("", "no_view")
    assert {row["view_version"] for row in rows.values()} == {"attributes-1"}
    assert answer("views", "work", "--threshold", 0.995)["pa"] == 0
    assert answer("views", "work")["pa"] == 0  # remembered
    assert answer("views", "work", "--threshold", 0.5)["pa"] == 3


def model(path: Path, size: int = 8, version: str = "mean-1", names: tuple[str, str] = ("image", "pa")) -> Path:
    """A classifier whose probability is the film's mean."""
    from onnx import TensorProto, helper, save

    graph = helper.make_graph(
        [helper.make_node("ReduceMean", [names[0]], [names[1]], axes=[1, 2, 3], keepdims=0)], "mean",
        [helper.make_tensor_value_info(names[0], TensorProto.FLOAT, ["N", 1, size, size])],
        [helper.make_tensor_value_info(names[1], TensorProto.FLOAT, ["N"])],
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(made, {"size": str(size), "version": version})
    save(made, path)
    return path


def test_classifier(here: Path) -> None:
    """It sees the film as the image stage makes it; a film that cannot be read has no answer and a reason."""
    window = {"WindowCenter": "2048", "WindowWidth": "4096"}
    bright = film(np.full((8, 8), 4000, np.uint16), ViewPosition=None, **window)
    negative = film(np.full((8, 8), 4000, np.uint16), PhotometricInterpretation="MONOCHROME1", **window)
    padded = film(np.full((8, 4), 4000, np.uint16), ViewPosition="LL", **window)
    absent = film(PixelData=None, ViewPosition=None)
    for number, data in enumerate((bright, negative, padded, absent)):
        write(here / "films" / f"{number}.dcm", data)
    done("collect", "work", "films")
    done("views", "work")
    assert {row["view_source"] for row in listed("work", "views")} == {"attributes"}
    model(here / "pa.onnx")
    found = answer("views", "work", "--model", "pa.onnx", "--only-unknown")
    assert found["asked"] == 2
    sources = [row["view_source"] for row in listed("work", "views")]
    assert sorted(sources) == ["attributes", "attributes", "attributes", "model"]
    found = answer("views", "work", "--model", "pa.onnx")
    assert found["asked"] == 3 and found["unknown_by"] == {"no_pixel_data": 1}
    rows = {row["sop_uid"]: row for row in listed("work", "views")}
    share = round(4000 / 4095 * 255) / 255
    for data, expected in ((bright, share), (negative, 1 - share), (padded, share / 2)):
        assert float(rows[data.SOPInstanceUID]["view_probability"]) == pytest.approx(expected, abs=0.002)
    assert {row["view_version"] for row in rows.values()} == {"mean-1"}
    model(here / "newer.onnx", version="mean-2")
    assert answer("views", "work", "--model", "newer.onnx")["asked"] == 4  # another version is asked anew


def test_other_onnx_files_are_refused(here: Path) -> None:
    write(here / "films" / "1.dcm", film())
    done("collect", "work", "films")
    model(here / "other.onnx", names=("input", "logits"))
    Path("no.onnx").write_bytes(b"nothing")
    for name, why in (("other.onnx", "no PA classifier"), ("no.onnx", "not an ONNX file"), ("gone.onnx", "no such file")):
        result = done("views", "work", "--model", name, status=2)
        assert result.stderr.startswith(f"{name}: {why}") and result.stderr.count("\n") == 1


@contextmanager
def service(replies: list[tuple[int, object]]) -> Iterator[tuple[str, list[bytes]]]:
    """A PA service that answers one after the other, the last one for good."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            status, reply = replies.pop(0) if len(replies) > 1 else replies[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(reply).encode())

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/pa", bodies
    finally:
        server.shutdown()
        server.server_close()


def test_service(here: Path) -> None:
    """A DICOM body each; a refusal is a film without an answer, a failure is tried again, silence ends the run."""
    data = film()
    file = write(here / "films" / "1.dcm", data)
    done("collect", "work", "films")
    good = {"probability": 0.97, "version": "v3"}
    with service([(503, {}), (200, good)]) as (url, bodies):
        assert answer("views", "work", "--service", url)["pa"] == 1
    assert bodies == [file.read_bytes()] * 2
    (row,) = listed("work", "views")
    assert (row["view_probability"], row["view_source"], row["view_version"]) == ("0.97", "service", "v3")
    done("collect", "other", "films")
    with service([(422, {"error": "several frames"})]) as (url, _):
        assert answer("views", "other", "--service", url)["unknown_by"] == {"service_refused_422": 1}
    with service([(200, {"probability": 97})]) as (url, _):
        assert answer("views", "other", "--service", url)["unknown_by"] == {"service_answered_badly": 1}
    result = done("views", "other", "--service", url, status=2)
    assert "no answer" in result.stderr and result.stderr.count("\n") == 1
    done("views", "other", "--service", "http://me:secret@host/pa", status=2)


def test_what_a_service_has_answered_is_kept(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked again it is sent one film, to tell its version, and all when that has changed; no answer is lost to none."""
    monkeypatch.setattr(views, "PAUSE", 0.0)
    for number in range(5):
        write(here / "films" / f"{number}.dcm", film(ViewPosition=None, InstanceNumber=number))
    done("collect", "work", "films")
    assert answer("views", "work")["unknown_by"] == {"no_view": 5}
    with service([(200, {"probability": 0.97, "version": "v3"})]) as (url, bodies):
        assert answer("views", "work", "--service", url)["asked"] == 5
        again = answer("views", "work", "--service", url)
        assert (again["asked"], again["pa"], len(bodies)) == (0, 5, 6)
    assert answer("views", "work")["pa"] == 5  # the attributes do not know better
    with service([(500, {})]) as (url, _):
        assert answer("views", "work", "--service", url)["pa"] == 5
    assert {row["view_version"] for row in listed("work", "views")} == {"v3"}
    with service([(200, {"probability": 0.2, "version": "v4"})]) as (url, _):
        assert answer("views", "work", "--service", url)["not_pa"] == 5


def test_films_go_through_no_proxy(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are patients', and whoever set a proxy for other things did not mean them."""
    write(here / "films" / "1.dcm", film())
    done("collect", "work", "films")
    good = {"probability": 0.97, "version": "v3"}
    with service([(200, good)]) as (proxy, passed), service([(200, good)]) as (url, bodies):
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        asked = start("dataset", "views", "work", "--service", url)
        asked.communicate(timeout=60)
        assert (asked.returncode, len(passed), len(bodies)) == (0, 0, 1)


def test_the_project_s_own_service(here: Path) -> None:
    """What `vnvision views serve` runs gives the answers of the same classifier asked directly."""
    from vision.views.classifier import Classifier
    from vision.views.serve import app as service_app
    from vision.views.serve import serve

    films = [film(np.full((8, 6), 4000, np.uint16), WindowCenter="2048", WindowWidth="4096"), film(PixelData=None)]
    for number, data in enumerate(films):
        write(here / "films" / f"{number}.dcm", data)
    done("collect", "work", "films")
    classifier = model(here / "pa.onnx")
    done("views", "work", "--model", classifier)
    (direct,) = [row["view_probability"] for row in listed("work", "views") if row["view_probability"]]
    started = threading.Event()
    urls: list[str] = []

    def ready(url: str) -> None:
        urls.append(url)
        started.set()

    threading.Thread(target=serve, args=(service_app(Classifier(classifier)), "127.0.0.1", 0, ready), daemon=True).start()
    assert started.wait(20)
    found = answer("views", "work", "--service", urls[0])
    assert found["unknown_by"] == {"service_refused_422": 1}
    (row,) = [row for row in listed("work", "views") if row["view_probability"]]
    assert float(row["view_probability"]) == pytest.approx(float(direct), abs=0.003)
    assert (row["view_source"], row["view_version"]) == ("service", "mean-1")


@pytest.mark.skipif(not SHIPPED.is_file(), reason="no classifier is shipped here")
@pytest.mark.skipif(not SHARED.is_dir(), reason="no real files here")
def test_the_shipped_classifier_knows_real_films(here: Path) -> None:
    done("collect", "work", *(SHARED / f"test{n}.dcm" for n in (1, 2, 3)))
    found = answer("views", "work", "--model", "shipped")
    assert found["asked"] == 3 and found["unknown"] == 0
    rows = listed("work", "views")
    assert {row["view_source"] for row in rows} == {"model"} and all(row["view_version"] for row in rows)


@pytest.mark.skipif(not SHARED.is_dir(), reason="no real files here")
def test_real_files(here: Path) -> None:
    """The view stands in PatientPosition; a rib cage, a CT and an unknown position are no PA chest films."""
    expected = {1: True, 2: False, 3: False, 4: False, 5: False, 6: None}
    for number, pa in expected.items():
        shutil.rmtree("work", ignore_errors=True)
        done("collect", "work", SHARED / f"test{number}.dcm")
        found = answer("views", "work")
        assert (found["pa"], found["not_pa"], found["unknown"]) == (int(pa is True), int(pa is False), int(pa is None))
    assert dcmread(SHARED / "test1.dcm").get("ViewPosition") is None


def test_the_film_itself_is_what_decides(here: Path) -> None:
    """Stored values and attributes of the same object: a wrong tag is outvoted by the classifier when it is asked."""
    write(here / "films" / "1.dcm", film(values(12), ViewPosition="AP"))
    done("collect", "work", "films")
    assert answer("views", "work")["not_pa"] == 1
    assert answer("views", "work", "--model", model(here / "m.onnx"), "--threshold", 0.3)["pa"] == 1
