"""Training by its promises: it learns, resumes bit for bit, ranks are micro-batches, the best is the best."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from tests.vision.drawn import draw_dataset
from vision import metrics
from vision.batches import Films
from vision.config import TrainConfig
from vision.data import LabelTable
from vision.devices import open_fabric
from vision.errors import InputError
from vision.evaluate import evaluate, labels_for, open_source
from vision.losses import AsymmetricLoss
from vision.models import create, load_checkpoint
from vision.train import backward, build_loss, lengths, load_dataset, read_last, train, training_batches


def config(labels: Path, **changes: Any) -> TrainConfig:
    values = {"model": "test_resnet", "init": "random", "size": 32, "batch_size": 8, "steps": 6, "valid_every": 3}
    return TrainConfig.model_validate({"labels": labels, "accelerator": "cpu", **values, **changes})


def quiet(_: str) -> None:
    pass


def test_a_small_model_learns_drawn_films(tmp_path: Path) -> None:
    """AUC of 0.95 in every class on films of patients it has not seen."""
    labels = draw_dataset(tmp_path / "films", 700, seed=1, size=64)
    run = config(
        labels, model="test_efficientnet", size=64, batch_size=16, steps=350, valid_every=70, lr=3e-3, loss="bce"
    )
    train(run, tmp_path / "run", say=quiet)
    source = open_source(tmp_path / "run")
    evaluation, problems = evaluate(source, labels_for(source, None, None), n=100, accelerator="cpu")
    assert problems == []
    assert evaluation.split == "test"
    assert len(evaluation.images) == 140
    assert (evaluation.intervals["auc"].point >= 0.95).all(), evaluation.intervals["auc"].point


def test_a_run_is_a_folder_that_says_what_it_is(films: Path, tmp_path: Path) -> None:
    best = train(config(films), tmp_path / "run", say=quiet)
    assert best == tmp_path / "run" / "best.pt"
    assert {p.name for p in (tmp_path / "run").iterdir()} == {
        "best.pt", "last.pt", "config.yaml", "run.json", "history.csv", "tensorboard"
    }  # fmt: skip
    assert list((tmp_path / "run" / "tensorboard").glob("events*"))
    with (tmp_path / "run" / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["3", "6"]
    checkpoint = load_checkpoint(best)
    best_row = max(rows, key=lambda row: float(row["macro_f1"]))
    assert checkpoint.about["step"] == int(best_row["step"])


@pytest.mark.parametrize("loss", ["bce", "asl", "dbl"])
def test_the_best_checkpoint_is_the_best_and_not_a_later_one(films: Path, tmp_path: Path, loss: str) -> None:
    """Its scores give the F1 that the history tells of it."""
    run = config(films, loss=loss, steps=24, valid_every=2, lr=2e-2, augment={"rotate": 0})
    train(run, tmp_path / "run", say=quiet)
    history = read_last(tmp_path / "run")["about"]["history"]  # type: ignore[index]
    source = open_source(tmp_path / "run")
    evaluation, _ = evaluate(source, labels_for(source, None, None), split="valid", n=10, accelerator="cpu")
    best = max(history, key=lambda entry: entry["macro_f1"])
    got = metrics.macro(evaluation.intervals["f1"].point)[0]
    assert got == pytest.approx(best["macro_f1"], abs=1e-6)
    assert len({entry["macro_f1"] for entry in history}) > 1


def vnvision_process(*arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "vision.cli", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def weights_of(run: Path) -> dict[str, Any]:
    last = read_last(run)
    assert last is not None
    flat = {f"model/{k}": v for k, v in last["model"].items()}
    for index, state in last["optimizer"]["state"].items():
        flat |= {f"optimizer/{index}/{k}": v for k, v in state.items()}
    return flat


def test_a_killed_run_ends_with_the_weights_of_an_unkilled_one(films: Path, tmp_path: Path) -> None:
    """Killed twice without warning, between validations as well, with dropout, accumulation and augmentation on."""
    arguments: list[object] = ["train", "--labels", films, "--model", "test_efficientnet", "--init", "random"]
    arguments += ["--size", 64, "--batch-size", 8, "--save-every", 3]
    for setting in ("steps=60", "valid_every=20", "drop_rate=0.3", "accumulate=2", "threads=1", "accelerator=cpu"):
        arguments += ["--set", setting]
    assert vnvision_process(*arguments, "-o", tmp_path / "whole").wait() == 0

    killed, kills = tmp_path / "killed", []
    for enough in (3, 30):
        process = vnvision_process(*arguments, "-o", killed)
        while process.poll() is None:
            if (killed / "last.pt").exists() and (last := read_last(killed)) and last["about"]["step"] >= enough:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills.append(last["about"]["step"])
                break
            time.sleep(0.02)
    assert len(kills) == 2
    assert max(kills) < 60
    assert vnvision_process("train", "-o", killed).wait() == 0  # its own configuration is enough
    expected, got = weights_of(tmp_path / "whole"), weights_of(killed)
    assert expected.keys() == got.keys()
    for key, value in expected.items():
        assert torch.equal(torch.as_tensor(got[key]), torch.as_tensor(value)), key
    assert (killed / "history.csv").read_text() == (tmp_path / "whole" / "history.csv").read_text()
    best = [load_checkpoint(run / "best.pt").weights for run in (tmp_path / "whole", killed)]
    assert all(torch.equal(best[0][key], best[1][key]) for key in best[0])


def gradients(fabric: Fabric, *, run: TrainConfig, table: LabelTable, pixels: Any, out: Path) -> None:
    """Writes the gradients of two steps' worth of films; module-level, for the ranks to find."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = create(run.model, len(table.classes), run.size)
    module, optimizer = fabric.setup(model, torch.optim.SGD(model.parameters(), lr=0.1))
    targets = torch.from_numpy(table.targets)
    batches = training_batches(Films(pixels, fabric.device), targets, run, range(3), fabric)
    module.train()
    found = []
    for _ in range(3):
        backward(fabric, module, AsymmetricLoss(), batches, run.micro_batches // fabric.world_size)
        found.append([parameter.grad.clone() for parameter in model.parameters()])  # type: ignore[union-attr]
        optimizer.step()
        optimizer.zero_grad()
    torch.save(found, out / f"{fabric.world_size}-{fabric.global_rank}.pt")


def test_two_ranks_are_two_micro_batches(films: Path, tmp_path: Path) -> None:
    runs = {1: config(films, accumulate=2), 2: config(films, devices=2)}
    data = load_dataset(runs[1], tmp_path / "cache", say=quiet)
    open_fabric("cpu", 2).launch(partial(gradients, run=runs[2], table=data.table, pixels=data.pixels, out=tmp_path))
    gradients(open_fabric("cpu"), run=runs[1], table=data.table, pixels=data.pixels, out=tmp_path)
    alone, first, second = (torch.load(tmp_path / f"{name}.pt") for name in ("1-0", "2-0", "2-1"))
    for step in range(3):
        for a, b, c in zip(alone[step], first[step], second[step], strict=True):
            assert torch.equal(b, c)
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5 * float(a.abs().max()))
        assert max(float(a.abs().max()) for a in alone[step]) > 1e-4


def test_a_run_on_two_ranks(films: Path, tmp_path: Path) -> None:
    process = vnvision_process(
        "train", "--labels", films, "-o", tmp_path / "run", "--model", "test_resnet", "--init", "random", "--size", 32,
        "--devices", 2, "--batch-size", 8, "--set", "steps=4", "--set", "valid_every=2", "--set", "accelerator=cpu",
        "--set", "threads=1", "--set", "eval_batch_size=5",
    )  # fmt: skip
    assert process.wait() == 0
    last = read_last(tmp_path / "run")
    assert last is not None
    assert [entry["step"] for entry in last["about"]["history"]] == [2, 4]
    source = open_source(tmp_path / "run")
    evaluation, _ = evaluate(source, labels_for(source, None, None), split="valid", n=10, accelerator="cpu")
    best = max(last["about"]["history"], key=lambda entry: entry["macro_f1"])
    assert metrics.macro(evaluation.intervals["auc"].point)[0] == pytest.approx(best["macro_auc"], abs=1e-6)


@pytest.mark.parametrize("accumulate", [1, 4])
def test_the_step_count_under_mixed_precision(films: Path, tmp_path: Path, accumulate: int) -> None:
    train(config(films, precision="bf16", accumulate=accumulate, steps=5), tmp_path / "run", say=quiet)
    last = read_last(tmp_path / "run")
    assert last is not None
    assert last["about"]["step"] == 5
    assert {int(state["step"]) for state in last["optimizer"]["state"].values()} == {5}
    assert all(value.dtype != torch.bfloat16 for value in last["model"].values())


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a compiler")
def test_a_compiled_model_is_saved_uncompiled(films: Path, tmp_path: Path) -> None:
    train(config(films, compile=True, steps=2, valid_every=2), tmp_path / "run", say=quiet)
    checkpoint = load_checkpoint(tmp_path / "run" / "best.pt")
    assert not any("_orig_mod" in key for key in checkpoint.weights)
    assert checkpoint.build()(torch.zeros(1, 1, 32, 32)).shape == (1, 5)


def test_early_stop(films: Path, tmp_path: Path) -> None:
    """A learning rate of next to nothing brings nothing better: one validation, and two in vain."""
    train(config(films, lr=1e-12, steps=60, valid_every=2, patience=2), tmp_path / "run", say=quiet)
    last = read_last(tmp_path / "run")
    assert last is not None
    ranks = [entry["macro_f1"] for entry in last["about"]["history"]]
    assert len(ranks) - 1 - ranks.index(max(ranks)) == 2
    assert last["about"]["step"] == 2 * len(ranks) < 60


def test_the_papers_lengths() -> None:
    """160 epochs of 7,001 films at 16, a validation every 413 steps and one at the end: 170 in all."""
    total, warmup = lengths(TrainConfig(labels=Path("x.csv")), 7001)
    assert total == 70010
    assert -(-total // 413) == 170
    assert warmup == 437


def test_another_configuration_or_other_labels_in_the_same_folder_are_refused(tmp_path: Path) -> None:
    labels = draw_dataset(tmp_path / "films", 20, size=32)
    train(config(labels), tmp_path / "run", say=quiet)
    with pytest.raises(InputError, match=r"there is a run with lr 0.001, not 0.01"):
        train(config(labels, lr=0.01), tmp_path / "run", say=quiet)
    said: list[str] = []
    train(config(labels, threads=1), tmp_path / "run", say=said.append)
    assert said == [f"{tmp_path / 'run'} is finished"]
    lines = labels.read_text().splitlines()
    labels.write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(InputError, match="the labels have changed"):
        train(config(labels), tmp_path / "run", say=quiet)


def test_a_loss_that_explodes_ends_in_one_line(films: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lower learning rate") as error:
        train(config(films, lr=1e30, loss="bce", warmup_steps=0), tmp_path / "run", say=quiet)
    assert "\n" not in str(error.value)


def test_dbl_names_the_class_it_cannot_count(films: Path, tmp_path: Path) -> None:
    table = load_dataset(config(films), tmp_path, say=quiet).table
    targets = table.targets.copy()
    targets[:, 3] = 0
    with pytest.raises(InputError, match="0 of 36 known training labels of cardio are positive"):
        build_loss(config(films, loss="dbl"), LabelTable(**{**vars(table), "targets": targets}))


def test_unknown_classes_are_masked_in_training(films: Path, tmp_path: Path) -> None:
    """A class without a single label neither breaks the run nor moves its own output's bias."""
    lines = [line.split(",") for line in films.read_text().splitlines()]
    for fields in lines[1:]:
        fields[4] = ""
    labels = tmp_path / "labels.csv"
    labels.write_text("\n".join(",".join(fields) for fields in lines) + "\n")
    train(config(labels, images=films.parent), tmp_path / "run", say=quiet)
    weights = load_checkpoint(tmp_path / "run" / "last.pt").weights
    torch.manual_seed(0)
    begun = create("test_resnet", 5, 32).state_dict()
    assert torch.equal(weights["fc.weight"][1], begun["fc.weight"][1])
    assert not torch.equal(weights["fc.weight"][0], begun["fc.weight"][0])
    assert np.isnan(read_last(tmp_path / "run")["about"]["history"][0]["f1/pleura"])  # type: ignore[index]
