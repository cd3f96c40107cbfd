"""The PA classifier: trained, measured, asked by the command line and over HTTP."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from tests.vision.conftest import Result
from tests.vision.dicoms import dicom
from tests.vision.drawn import draw_film
from vision.cli import main
from vision.views.changes import Strength, vary
from vision.views.classifier import SHIPPED, Classifier

Command = Callable[..., Result]
ROOT = Path(__file__).parents[2]


def draw_other(rng: np.random.Generator, size: int) -> Image.Image:
    """One lung seen from the side, more or less."""
    film = Image.new("L", (size, size), 20)
    x, y = rng.uniform(0.15, 0.3, 2) * size
    ImageDraw.Draw(film).ellipse([x, y, x + 0.5 * size, y + 0.6 * size], fill=int(rng.integers(120, 220)))
    noise = rng.normal(0, 5, (size, size))
    return Image.fromarray((np.asarray(film) + noise).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def view_films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV of 120 films, PA or not, two a patient, of two sources; some may not be used."""
    folder, rng = tmp_path_factory.mktemp("views"), np.random.default_rng(0)
    rows = []
    for i in range(120):
        pa = i // 2 % 2
        (draw_film(np.zeros(4), rng, 48) if pa else draw_other(rng, 48)).save(folder / f"{i}.png")
        licence = "CC BY-NC" if i % 10 == 9 else "CC BY"
        rows.append([f"{i}.png", f"p{i // 2}", "train" if i < 80 else "test", pa, "one" if i % 3 else "two", licence])
    with (folder / "films.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["image", "patient_id", "split", "is_pa", "source", "licence"], *rows])
    return folder / "films.csv"


@pytest.fixture(scope="session")
def model(view_films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier that the command trained."""
    out = tmp_path_factory.mktemp("model") / "pa.onnx"
    with pytest.MonkeyPatch.context() as patch, io.StringIO() as table:
        patch.setattr(sys, "stdout", table)
        main(["views", "train", "--labels", str(view_films), "-o", str(out), "--leave-out", "licence=NC", "--size", "64",
              "--epochs", "15", "--batch-size", "16", "--accelerator", "cpu", "--by", "source", "--threads", "1"])  # fmt: skip
        (out.parent / "table.md").write_text(table.getvalue())
    return out


def test_training_writes_the_file_and_measures_held_out_patients(model: Path) -> None:
    table = (model.parent / "table.md").read_text()
    rows = [line.split(" | ") for line in table.splitlines()[2:]]
    assert [row[0].removeprefix("| ") for row in rows] == ["all", "source one", "source two"]
    assert float(rows[0][3].split()[0]) > 0.95
    classifier = Classifier(model)
    assert classifier.size == 64
    trained = json.loads(classifier.metadata["trained"])
    assert trained["films"] + int(rows[0][1]) == 72  # of the 80 training films eight may not be used
    assert trained["recipe"]["epochs"] == 15
    assert str(model.parent) not in model.read_bytes().decode("latin-1")


def test_bad_films_are_named_before_training(vnvision: Command, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in "ab":
        draw_other(rng, 32).save(tmp_path / f"{name}.png")
    (tmp_path / "films.csv").write_text("image,is_pa\na.png,1\nb.png,0\ngone.png,1\n")
    arguments = ["views", "train", "--labels", tmp_path / "films.csv", "-o", tmp_path / "pa.onnx", "--valid", "0"]
    done = vnvision(*arguments)
    assert done.code == 2
    assert "gone.png:1:1: no such file" in done.err
    assert "nothing was trained" in done.err
    assert not (tmp_path / "pa.onnx").exists()
    (tmp_path / "films.csv").write_text("image,is_pa\na.png,1\nb.png,1\n")
    assert "some PA and some others are needed" in vnvision(*arguments).err


def test_evaluate_by_group(vnvision: Command, model: Path, view_films: Path) -> None:
    arguments = ["views", "evaluate", "--model", model, "--labels", view_films, "--split", "test", "--by", "licence"]
    done = vnvision(*arguments, "--json")
    assert done.code == 0, done.err
    groups = {g["group"]: g for g in json.loads(done.out)["groups"]}
    assert list(groups) == ["all", "licence CC BY", "licence CC BY-NC"]
    assert (groups["all"]["films"], groups["all"]["pa"]) == (40, 20)
    assert groups["all"]["auc"]["value"] > 0.95
    assert groups["licence CC BY"]["films"] == 36
    fewer = vnvision(*arguments, "--leave-out", "licence=NC")
    assert "licence CC BY-NC" not in fewer.out
    for bad, message in [
        (["--split", "valid"], "no valid rows, splits there are test, train"),
        (["--by", "sorce"], "no column 'sorce'; did you mean 'source'?"),
        (["--leave-out", "licence"], "no COLUMN=TEXT"),
        (["--column", "pa"], "no class column 'pa'"),
    ]:
        refused = vnvision(*arguments, *bad)
        assert refused.code == 2, bad
        assert message in refused.err
        assert refused.err.count("\n") == 1


def test_predict_takes_images_and_dicom(vnvision: Command, model: Path, view_films: Path, tmp_path: Path) -> None:
    film = np.asarray(Image.open(view_films.parent / "2.png"))
    (tmp_path / "1.2.840.9").write_bytes(dicom(film, WindowCenter=128, WindowWidth=256))
    (tmp_path / "film.png").write_bytes((view_films.parent / "2.png").read_bytes())
    (tmp_path / "other.png").write_bytes((view_films.parent / "0.png").read_bytes())
    (tmp_path / "notes.txt").write_text("not looked at")
    (tmp_path / "cut.dcm").write_bytes(dicom(film)[:-400])
    done = vnvision("views", "predict", tmp_path, "--model", model)
    assert done.code == 2
    assert "cut.dcm:1:1: broken pixels" in done.err or "cut.dcm:1:1: broken header or pixels" in done.err
    assert "SECRET" not in done.err
    rows = {row["image"]: float(row["pa"]) for row in csv.DictReader(io.StringIO(done.out))}
    assert set(rows) == {"1.2.840.9", "film.png", "other.png"}
    assert rows["film.png"] > rows["other.png"] + 0.2
    assert rows["1.2.840.9"] == pytest.approx(rows["film.png"], abs=0.05)
    listed = vnvision("views", "predict", view_films, "--model", model, "-o", tmp_path / "p.csv")
    assert listed.code == 0, listed.err
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 121


def test_what_is_no_classifier_is_one_line(vnvision: Command, view_films: Path, tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    for name in ("text.onnx", "none.onnx"):
        done = vnvision("views", "predict", view_films, "--model", tmp_path / name)
        assert done.code == 2
        assert f"{name}:1:1: " in done.err
        assert done.err.count("\n") == 1


def test_without_torch(model: Path, view_films: Path) -> None:
    """`views predict` where torch cannot be imported, with the same scores."""
    code = "import sys; sys.modules['torch'] = None; from vision.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "views", "predict", str(view_films), "--model", str(model)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    paths = [view_films.parent / row["image"] for row in rows]
    np.testing.assert_allclose([float(row["pa"]) for row in rows], Classifier(model).score(paths)[0], atol=1e-5)


@pytest.fixture(scope="session")
def service(model: Path) -> Iterator[str]:
    """The address of the service in a process of its own, on a free port."""
    code = "import sys; sys.modules['torch'] = None; from vision.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "views", "serve", "--port", "0", "--max-mb", "1", "--model", str(model)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"listening at (http://127\.0\.0\.1:\d+/pa)", line)
        try:
            assert found, line + process.stderr.read()
            yield found.group(1)
        finally:
            process.terminate()
            assert "SECRET" not in process.stderr.read()


def post(url: str, body: bytes | None, method: str = "POST") -> tuple[int, dict[str, object]]:
    request = urllib.request.Request(url, data=body, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_the_service_answers_as_predict_does(service: str, model: Path, view_films: Path) -> None:
    body = dicom(np.asarray(Image.open(view_films.parent / "2.png")), WindowCenter=128, WindowWidth=256)
    classifier = Classifier(model)
    status, answer = post(service, body)
    assert status == 200
    assert answer.keys() == {"probability", "version"}
    assert answer["version"] == classifier.version
    assert answer["probability"] == pytest.approx(float(classifier(classifier.read(body)[None])[0]), abs=1e-6)
    assert post(service.replace("/pa", "/health"), None, "GET")[1]["version"] == classifier.version


def test_what_the_service_refuses(service: str) -> None:
    film = np.zeros((8, 8), dtype=np.uint8)
    for body, status in [
        (b"", 400),
        (b"no DICOM", 415),
        (dicom(film, PixelData=None), 422),
        (dicom(film)[:-30], 422),
        (b"\0" * (2 << 20), 413),
    ]:
        code, answer = post(service, body)
        assert code == status
        assert list(answer) == ["error"]
    assert post(service, None, "GET")[0] == 405
    assert list(post(service + "x", b"")[1]) == ["error"]
    assert post(service + "x", b"")[0] == 404


def test_a_port_that_is_taken_is_one_line(vnvision: Command, service: str, model: Path) -> None:
    port = re.search(r":(\d+)/", service)
    assert port
    done = vnvision("views", "serve", "--port", port.group(1), "--model", model)
    assert done.code == 2
    assert done.err.startswith(f"127.0.0.1:{port.group(1)}:1:1: Address already in use")


def test_changes_keep_what_a_film_is_and_follow_the_seed() -> None:
    films = torch.rand(24, 1, 40, 40)
    a, like = vary(films, np.random.default_rng(3), 32, Strength())
    b, _ = vary(films, np.random.default_rng(3), 32, Strength())
    c, _ = vary(films, np.random.default_rng(4), 32, Strength())
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert a.shape == (24, 1, 32, 32)
    assert float(a.min()) >= 0 and float(a.max()) <= 1
    assert set(like.tolist()) <= {0.0, 1.0}
    none = Strength(0, 0, (1.0, 1.0), 0, 0, 0, 0, 0, 0, 0)
    plain, like = vary(films, np.random.default_rng(0), 40, none)
    assert like.all()
    for film, changed in zip(films, plain, strict=True):  # mirrored at most
        assert min(float((changed - side).abs().max()) for side in (film, film.flip(-1))) < 1e-3


def test_the_shipped_classifier() -> None:
    """Found by its path alone, in the form that is agreed, and about a megabyte."""
    classifier = Classifier(SHIPPED)
    assert SHIPPED == ROOT / "vision" / "pa.onnx"
    assert SHIPPED.stat().st_size < 1.5e6
    found = classifier(np.zeros((3, classifier.size, classifier.size), dtype=np.uint8))
    assert found.shape == (3,)
    assert (found < 0.5).all()  # an empty film is no chest


def test_the_shipped_classifier_on_real_films(vnvision: Command, shared: Path) -> None:
    """What the README says of it holds: all test films that may be used, and NIH's alone."""
    cxr = shared / "cxr"
    done = vnvision("views", "evaluate", "--labels", cxr / "manifest.csv", "--images", cxr, "--split", "test",
                    "--leave-out", "licence=NC", "--by", "source", "--json")  # fmt: skip
    assert done.code == 0, done.err
    groups = {g["group"]: g for g in json.loads(done.out)["groups"]}
    assert groups["all"]["auc"]["value"] >= 0.985
    assert groups["source nih_chestxray14"]["auc"]["value"] >= 0.995
    assert groups["source mednist"]["specificity"]["value"] >= 0.95
