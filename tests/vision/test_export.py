"""What `vnvision export` writes: the same scores elsewhere, and all that is needed to read them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors import safe_open

from tests.vision.conftest import Result
from tests.vision.drawn import CLASSES
from vision.cache import read_film
from vision.export import export
from vision.models import Checkpoint, ModelSpec, create, load_checkpoint

Command = Callable[..., Result]


def unlike_films(count: int, size: int) -> torch.Tensor:
    """Noise of every coarseness and exposure, (count, 1, size, size) in 0..1."""
    made = [torch.rand(1, 1, 2 + 3 * i, 2 + 3 * i) * (i + 1) / count for i in range(count)]
    return torch.cat([torch.nn.functional.interpolate(film, size=size) for film in made])


def checkpoint_of(name: str, size: int) -> Checkpoint:
    """A model with random weights whose scores differ from film to film."""
    torch.manual_seed(0)
    model = create(name, 5, size)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-0.1, 0.1)  # type: ignore[union-attr]  # no longer the identity
                module.running_var.uniform_(0.8, 1.2)  # type: ignore[union-attr]
        logits = model.eval()((unlike_films(8, size) - 0.4) / 0.25)
        spread, head = logits.std(dim=0), model.get_classifier()  # type: ignore[operator]
        head.bias.sub_(logits.mean(dim=0)).div_(spread)
        head.weight.div_(spread.unsqueeze(1))
    spec = ModelSpec(name, CLASSES, size, 0.4, 0.25)
    return Checkpoint(spec, model.state_dict(), {"step": 7, "threshold": 0.5})


@pytest.mark.parametrize(
    ("name", "size"),
    [("test_resnet", 32), ("test_efficientnet", 64)],
)
def test_onnx_and_torch_agree(name: str, size: int, tmp_path: Path) -> None:
    checkpoint = checkpoint_of(name, size)
    export(checkpoint, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    films = unlike_films(5, size).numpy()
    (scores,) = session.run(None, {"image": films})
    with torch.no_grad():
        expected = torch.sigmoid(checkpoint.build()((torch.from_numpy(films) - 0.4) / 0.25)).numpy()
    assert scores.shape == (5, 5)
    assert np.ptp(expected, axis=0).min() > 0.01  # it does look at the films
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    (one,) = session.run(None, {"image": films[:1]})
    np.testing.assert_allclose(one, scores[:1], atol=1e-6)


def test_both_files_tell_how_they_are_used(vnvision: Command, small_run: Path, films: Path, tmp_path: Path) -> None:
    tensors, graph = tmp_path / "m.safetensors", tmp_path / "m.onnx"
    done = vnvision("export", small_run, "-o", tensors, "-o", graph, "--thresholds", "valid")
    assert done.code == 0, done.err
    assert done.out == f"{tensors}\n{graph}\n"
    with safe_open(tensors, "pt") as file:
        inside = file.metadata()
    of_graph = onnxruntime.InferenceSession(str(graph)).get_modelmeta().custom_metadata_map
    assert {key: inside[key] for key in of_graph} == of_graph
    assert json.loads(inside["classes"]) == list(CLASSES)
    assert (inside["size"], float(inside["mean"]), float(inside["std"])) == ("32", 0.449, 0.226)
    thresholds = json.loads(inside["thresholds"])
    chosen = json.loads(
        vnvision("evaluate", small_run, "-o", tmp_path / "e", "--thresholds", "valid", "--replicates", 10, "--json").out
    )
    by_class = {r["class"]: r["threshold"] for r in chosen["metrics"] if r["class"] in CLASSES}
    assert thresholds == pytest.approx([by_class[c] for c in CLASSES])
    assert load_checkpoint(tensors).thresholds == thresholds
    assert str(Path.home()) not in graph.read_bytes().decode("latin-1")

    # the safetensors file is a checkpoint, and the ONNX file gives its scores
    assert vnvision("predict", tensors, films).out == vnvision("predict", small_run, films).out
    rows = list(csv.DictReader(io.StringIO(vnvision("predict", tensors, films).out)))
    shown = np.stack([read_film(films.parent / row["image"], 32)[0] for row in rows])
    (scores,) = onnxruntime.InferenceSession(str(graph)).run(None, {"image": shown[:, None].astype(np.float32) / 255})
    np.testing.assert_allclose(scores, [[float(row[c]) for c in CLASSES] for row in rows], atol=1e-5)


def test_thresholds_as_a_number_and_by_default(vnvision: Command, small_run: Path, tmp_path: Path) -> None:
    assert vnvision("export", small_run, "-o", tmp_path / "a.safetensors").code == 0
    assert load_checkpoint(tmp_path / "a.safetensors").thresholds == [0.5] * 5
    assert vnvision("export", small_run, "-o", tmp_path / "b.safetensors", "--thresholds", "0.3").code == 0
    assert load_checkpoint(tmp_path / "b.safetensors").thresholds == [0.3] * 5


def test_what_export_refuses(vnvision: Command, small_run: Path, tmp_path: Path) -> None:
    (tmp_path / "scores.csv").write_text("image,pleura\na.jpg,0.5\n")
    for arguments, message in [
        ([small_run, "-o", tmp_path / "m.pth"], ".safetensors or .onnx is needed"),
        ([tmp_path / "no.pt", "-o", tmp_path / "m.onnx"], "no.pt:1:1: no such file"),
        ([tmp_path / "scores.csv", "-o", tmp_path / "m.onnx"], "a checkpoint is needed"),
        ([small_run, "-o", tmp_path / "m.onnx", "--thresholds", "2"], "no threshold"),
    ]:
        done = vnvision("export", *arguments)
        assert done.code == 2, arguments
        assert message in done.err
        assert done.err.count("\n") == 1
    assert not list(tmp_path.glob("m.*"))
