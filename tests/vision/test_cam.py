"""Grad-CAM: the numbers against the definition, the pages as their reader meets them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.vision.conftest import Result
from tests.vision.drawn import CLASSES
from vision.cam import Example, grad_cam, maps, most_confident, side_by_side
from vision.errors import InputError
from vision.models import create

Command = Callable[..., Result]


def test_a_map_by_hand() -> None:
    """Averaged features and a linear layer: the weights of the map are the layer's, over the number of places."""
    torch.manual_seed(0)
    features = torch.randn(2, 3, 4, 5, requires_grad=True)
    layer = torch.randn(6, 3)
    logits = features.mean(dim=(2, 3)) @ layer.T
    expected = torch.relu(torch.einsum("k,bkhw->bhw", layer[4] / 20, features.detach()))
    torch.testing.assert_close(grad_cam(features, logits, 4), expected)
    each = grad_cam(features, logits, [1, 4])  # the graph is still there, and each film has a class of its own
    torch.testing.assert_close(each[1], expected[1])
    torch.testing.assert_close(each[0], torch.relu(torch.einsum("k,khw->hw", layer[1] / 20, features[0].detach())))
    assert not each.requires_grad


def test_one_film_does_not_move_anothers_map() -> None:
    model = create("test_resnet", 3, 32).eval()
    films = torch.randn(3, 1, 32, 32)
    together, logits = maps(model, films.clone(), 1)
    alone, _ = maps(model, films[1:2].clone(), 1)
    torch.testing.assert_close(together[1:2], alone)
    torch.testing.assert_close(logits, model(films).detach())


def test_evidence_lies_where_the_logit_comes_from() -> None:
    features = torch.zeros(1, 2, 6, 6)
    features[0, 0, 4, 1] = 3.0
    features[0, 1, 0, 0] = 5.0
    features.requires_grad_()
    logits = torch.stack([features[:, 0].mean((1, 2)) - features[:, 1].mean((1, 2)), features.sum((1, 2, 3))], dim=1)
    found = grad_cam(features, logits, 0)[0]
    assert np.unravel_index(int(found.argmax()), (6, 6)) == (4, 1)
    assert found[0, 0] == 0  # evidence against the class is no evidence for it


@pytest.mark.parametrize("index", [3, -1, [0, 1, 2]])
def test_what_does_not_fit_is_refused(index: int | list[int]) -> None:
    features = torch.randn(2, 3, 4, 4, requires_grad=True)
    with pytest.raises((ValueError, RuntimeError)):
        grad_cam(features, features.mean((2, 3)), index)
    with pytest.raises(ValueError, match=r"\(B, K, h, w\)"):
        grad_cam(features[0], features.mean((2, 3)), 0)


@pytest.mark.parametrize("name", ["resnet50", "densenet121", "inception_v3", "efficientnet_b2"])
def test_the_papers_architectures_without_hooks(name: str) -> None:
    model = create(name, 2, 96).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)  # a frozen model is explained as well
    found, logits = maps(model, torch.randn(1, 1, 96, 96), 1)
    assert found.dim() == 3
    assert logits.shape == (1, 2)
    assert not any(module._forward_hooks or module._backward_hooks for module in model.modules())


def test_a_model_without_feature_maps_is_named() -> None:
    with pytest.raises(InputError, match="a convolutional network is needed"):
        maps(create("test_vit", 2, 64).eval(), torch.randn(1, 1, 64, 64), 0)


def test_the_most_confident_of_each_kind() -> None:
    y = np.array([[1, 1, 1, 0, 0, np.nan, 1]]).T
    scores = np.array([[0.9, 0.6, 0.1, 0.8, 0.2, 0.99, 0.4]]).T
    found = most_confident(y, scores, np.array([0.5]), 1)
    assert [(c.row, c.kind) for c in found] == [(0, "right"), (3, "alarm"), (2, "missed")]
    assert len(most_confident(y, scores, np.array([0.5]), 9)) == 5


def test_a_flat_map_does_not_look_like_evidence() -> None:
    film = np.full((64, 64), 90, dtype=np.uint8)
    flat = Example("a", "pleura", "right", 0.5, film, np.full((4, 4), 0.01, dtype=np.float32))
    strong = Example("b", "pleura", "right", 0.9, film, np.eye(4, dtype=np.float32))
    beside = np.asarray(side_by_side(flat, scale=strong.peak), dtype=int)
    assert np.abs(beside[:, 72:] - 90).max() < 12  # hardly coloured
    assert np.ptp(np.asarray(side_by_side(strong, scale=strong.peak))[:, 72:]) > 100
    none = Example("c", "pleura", "right", 0.1, film, np.zeros((4, 4), dtype=np.float32))
    assert (np.asarray(side_by_side(none, scale=0.0))[:, 72:] == 90).all()


class Pictures(HTMLParser):
    """The sources of what a page shows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attributes if name in ("src", "href")]


def test_pages_of_the_most_confident_films(vnvision: Command, small_run: Path, films: Path, tmp_path: Path) -> None:
    done = vnvision("cam", small_run, "-o", tmp_path / "cam", "--count", 1, "--split", "train", "--class", "abnormal")
    assert done.code == 0, done.err
    assert done.out == f"{tmp_path / 'cam' / 'cam.html'}\n"
    with (tmp_path / "cam" / "cam.csv").open() as file:
        rows = list(csv.DictReader(file))
    with films.open() as file:
        truth = {row["image"]: row["abnormal"] for row in csv.DictReader(file)}
    assert {row["class"] for row in rows} == {"abnormal"}
    for row in rows:
        score = float(row["score"])
        assert truth[row["image"]] == ("0" if row["kind"] == "alarm" else "1")
        assert (score > 0.5) == (row["kind"] != "missed")
        assert 0 <= float(row["raw_mean"]) <= float(row["raw_peak"]) <= float(row["scale"])
        with Image.open(tmp_path / "cam" / row["file"]) as picture:
            assert picture.size == (512 + 8 + 512, 512)
    page = (tmp_path / "cam" / "cam.html").read_text()
    sources = Pictures(page).sources
    assert len(sources) == len(rows)
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)  # nothing outside the file
    with Image.open(tmp_path / "cam" / "cam.png") as sheet:
        assert min(sheet.size) > 200


def test_named_films(vnvision: Command, small_run: Path, films: Path, tmp_path: Path) -> None:
    chosen = [films.parent / "film_0001.jpg", films.parent / "film_0002.jpg"]
    done = vnvision("cam", small_run / "best.pt", *chosen, "--class", "pleura", "--class", "cardio", "-o", tmp_path)
    assert done.code == 0, done.err
    with (tmp_path / "cam.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(r["image"], r["class"]) for r in rows} == {(p.name, c) for p in chosen for c in ("pleura", "cardio")}
    done = vnvision("cam", small_run, *chosen, "-o", tmp_path / "all")
    assert done.code == 0, done.err
    with (tmp_path / "all" / "cam.csv").open() as file:
        assert {r["image"] for r in csv.DictReader(file)} == {p.name for p in chosen}  # each with one class at least


def test_what_cam_refuses(vnvision: Command, small_run: Path, films: Path, tmp_path: Path) -> None:
    (tmp_path / "scores.csv").write_text(f"image,{','.join(CLASSES)}\na.jpg,0,0,0,0,0\n")
    (tmp_path / "bad.jpg").write_text("no film")
    good = films.parent / "film_0001.jpg"
    for arguments, message in [
        ([small_run, "--class", "plera"], "no such class; did you mean 'pleura'?"),
        ([small_run, "--split", "holdout"], "no holdout rows"),
        ([tmp_path / "scores.csv", good], "a run's folder or a checkpoint is needed"),
        ([small_run, tmp_path / "bad.jpg"], "bad.jpg:1:1: not an image"),
        ([small_run, good, tmp_path / "bad.jpg"], "1 problems: 1 not an image"),
    ]:
        done = vnvision("cam", *arguments, "-o", tmp_path / "out")
        assert done.code == 2, arguments
        assert message in done.err
        assert "Traceback" not in done.err
    assert (tmp_path / "out" / "cam.html").exists()  # the film that could be read
