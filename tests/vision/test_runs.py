"""One page per run: everything in it, nothing outside it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.vision.conftest import Result
from tests.vision.drawn import CLASSES
from tests.vision.test_cam import Pictures
from vision.tables import title

Command = Callable[..., Result]


def test_a_page_of_one_run(vnvision: Command, small_run: Path, tmp_path: Path) -> None:
    done = vnvision("report", small_run, "-o", tmp_path / "r.html", "--replicates", 100)
    assert done.code == 0, done.err
    assert done.out == f"{tmp_path / 'r.html'}\n"
    page = (tmp_path / "r.html").read_text()
    for expected in ("Run small", "training loss", "1 - specificity", "share of positives", "Labels, SHA-256",
                     "Best checkpoint", "All positive", "thresholds 0.5, positive is above", "raw peak"):  # fmt: skip
        assert expected in page
    for name in CLASSES:
        assert title(name) in page
    assert f"<td>valid_every</td><td>{10}</td>" in page
    sources = [s for s in Pictures(page).sources if not s.startswith("#")]  # within the drawing itself
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert "<script" not in page
    again = vnvision("report", small_run, "-o", tmp_path / "again.html", "--replicates", 100)
    assert again.code == 0
    assert (tmp_path / "again.html").read_text() == page


@pytest.mark.parametrize(("threshold", "shown", "never"), [(0, "false alarm", "missed"), (1, "missed", "found")])
def test_films_are_right_and_wrong_by_the_thresholds_of_the_tables(
    vnvision: Command, small_run: Path, tmp_path: Path, threshold: float, shown: str, never: str
) -> None:
    arguments = ["--replicates", 10, "--thresholds", threshold]
    done = vnvision("report", small_run, "-o", tmp_path / "r.html", *arguments)
    assert done.code == 0, done.err
    page = (tmp_path / "r.html").read_text()
    assert f", {shown}: score" in page
    assert f", {never}: score" not in page


def test_several_runs_side_by_side(vnvision: Command, small_run: Path, films: Path, tmp_path: Path) -> None:
    done = vnvision("train", "--labels", films, "-o", tmp_path / "small", "--model", "test_vit", "--init", "random", "--size",
                    "64", "--batch-size", "8", "--set", "steps=2", "--set", "accelerator=cpu")  # fmt: skip
    assert done.code == 0, done.err
    done = vnvision("report", small_run, tmp_path / "small", "-o", tmp_path / "r.html", "--replicates", 100)
    assert done.code == 0, done.err
    page = (tmp_path / "r.html").read_text()
    second = f"{tmp_path.name}/small"
    assert f"{second} against {small_run.parent.name}/small, paired on 12 films" in page
    assert "<td>model</td><td>test_resnet</td><td>test_vit</td>" in page
    settings = page[page.index("<h2 class=") :]
    assert settings.index("<td>model</td>") < settings.index("<td>labels</td>")  # what differs comes first


def test_runs_are_told_apart_by_as_many_folders_as_it_takes(
    vnvision: Command, small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for house in ("north", "south"):
        shutil.copytree(small_run, tmp_path / house / "runs" / "first")
    monkeypatch.chdir(tmp_path / "north" / "runs" / "first")
    other, few = Path("../../../south/runs/first"), ["--replicates", 10, "-o", tmp_path / "out"]
    done = vnvision("report", ".", other, *few, "--count", 0)
    assert done.code == 0, done.err
    page = (tmp_path / "out").read_text()
    for name in ("north/runs/first", "south/runs/first"):
        assert f"<h2>{name}</h2>" in page
        assert f"<th>{name}</th>" in page
    (tmp_path / "out").unlink()
    done = vnvision("evaluate", ".", "--against", other, *few)
    assert done.code == 0, done.err
    assert "**south/runs/first against north/runs/first, paired" in done.out
    done = vnvision("evaluate", ".", *few)
    assert "Table 6. Performance of first on test" in done.out
    done = vnvision("cam", ".", "--count", 1, "--class", "pleura", "-o", tmp_path / "cam")
    assert "first: the most confident films of test" in (tmp_path / "cam" / "cam.html").read_text()


@pytest.mark.parametrize("what", ["folder", "checkpoint"])
def test_what_is_no_run(vnvision: Command, small_run: Path, tmp_path: Path, what: str) -> None:
    done = vnvision("report", tmp_path if what == "folder" else small_run / "best.pt", "-o", tmp_path / "r.html")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "needed" in done.err
    assert not (tmp_path / "r.html").exists()
