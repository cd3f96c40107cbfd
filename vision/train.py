"""Training, from a configuration to `best.pt`: one loop, to be read from top to bottom.

What a step does depends on the configuration and the number of the step alone (order of films, augmentation, dropout,
learning rate), so a run that was killed goes on from `last.pt` and ends with the weights of one that was not.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from vision import metrics
from vision.batches import Films, draw_changes, prepare, stream
from vision.cache import Pixels, build_cache
from vision.config import LOSSES, TrainConfig, parse_yaml, to_yaml, validate
from vision.data import SPLITS, LabelTable, Problem, counted, read_labels
from vision.devices import open_fabric
from vision.errors import InputError
from vision.files import write_text
from vision.losses import MultiLabelLoss
from vision.models import Checkpoint, ModelSpec, create, initialise, resolve
from vision.progress import progress
from vision.schedule import lr_at

Say = Callable[[str], object]
_MACHINE = {"accelerator", "devices", "threads", "cache"}  # may differ between a run and its continuation


@dataclass(frozen=True)
class Dataset:
    """Labels and the cached pixels of the same rows; `refused` names the rows and files that were left out as bad."""

    table: LabelTable
    pixels: Pixels
    refused: tuple[str, ...]


def read_table(config: TrainConfig, classes: Sequence[str] | None = None) -> LabelTable:
    """The labels that the configuration names, of these classes or its own."""
    return read_labels(
        config.labels,
        config.images,
        classes=classes or config.classes,
        image_column=config.image_column,
        patient_column=config.patient_column,
        status=config.status,
        uncertain=config.uncertain,
        blank=config.blank,
        views=config.views,
        valid_fraction=config.valid_fraction,
        seed=config.seed,
    )


def load_dataset(config: TrainConfig, cache: Path, *, allow_refused: bool = False, say: Say = print) -> Dataset:
    """Reads the labels, decodes every film once, and refuses bad input before any training begins.

    Raises:
        InputError: every bad row and file named and counted (unless `allow_refused`, which leaves them out), or no
            training row, or no validation row.
    """
    table = read_table(config)
    for note in table.notes:
        say(note)
    if not any(path.exists() for path in table.paths):
        raise InputError(
            f"{table.paths[0]}:1:1: none of the {len(table)} films is there, is --images the right folder?"
        )
    with progress("decoding films", len(table)) as advance:
        pixels, failed = build_cache(
            table.paths, config.size, config.cache or cache, workers=config.threads, progress=advance
        )
    problems: list[Problem] = [*table.refused]
    problems += [(error.kind, f"{table.paths[row]}:1:1: {error}") for row, error in sorted(failed.items())]
    if problems and not allow_refused:
        raise InputError([*counted(problems), "nothing was trained; --allow-refused leaves these rows out"])
    refused = counted(problems) if problems else []
    for line in refused:
        say(line)
    keep = [row for row in range(len(table)) if row not in failed]
    table, pixels = table.take(keep), pixels.take(keep)
    for split in ("train", "valid"):
        if not len(table.where(split)):
            raise InputError(f"{config.labels}:1:1: no {split} rows, at least one is needed")
    return Dataset(table, pixels, tuple(refused))


def train(config: TrainConfig, out: Path, *, allow_refused: bool = False, say: Say = print) -> Path:
    """Trains a model, or goes on with the run that lies in `out`; returns the path of the best checkpoint.

    `out` afterwards holds `best.pt`, `last.pt`, `config.yaml`, `run.json` (versions, seed, hashes of the data),
    `history.csv` and TensorBoard's logs.

    Raises:
        InputError: bad input, or a run of another configuration in `out`.
    """
    config = config.model_copy(update={"model": resolve(config.model)})
    _refuse_other_run(config, out)
    if _finished(config, out):
        say(f"{out} is finished")
        return out / "best.pt"
    data = load_dataset(config, out.parent / ".cache", allow_refused=allow_refused, say=say)
    criterion = build_loss(config, data.table)
    last = read_last(out)
    if last and last["about"]["labels"] != data.table.digest():
        raise InputError(f"{config.labels}:1:1: the labels have changed since {out} began, a new -o is needed")
    spec = ModelSpec(config.model, data.table.classes, config.size, config.mean, config.std)
    torch.manual_seed(config.seed)
    model = create(config.model, len(spec.classes), config.size, drop_rate=config.drop_rate)
    if last:
        say(f"continued from step {last['about']['step']}")
    else:
        for line in initialise(model, spec, config.init):
            say(line)
    write_text(out / "config.yaml", to_yaml(config))
    provenance = _provenance(config, data)
    write_text(out / "run.json", json.dumps(provenance, indent=2) + "\n")

    fabric = open_fabric(config.accelerator, config.devices, config.precision)
    loop = partial(_loop, config=config, spec=spec, criterion=criterion, data=data, out=out)
    # the model is an argument of its own: Fabric gives every rank a copy of the modules among these
    failure = fabric.launch(cast(Any, loop), model) if config.devices > 1 else loop(fabric, model)
    if failure:
        raise InputError(failure)
    write_text(out / "run.json", json.dumps({**provenance, "finished": True}, indent=2) + "\n")
    history = torch.load(out / "last.pt", map_location="cpu", weights_only=True)["about"]["history"]
    best = max(history, key=_rank)
    say(f"best macro F1 {best['macro_f1']:.4f} on valid, chosen there, at step {best['step']} of {history[-1]['step']}")
    return out / "best.pt"


def _loop(
    fabric: Fabric,
    model: nn.Module,
    *,
    config: TrainConfig,
    spec: ModelSpec,
    criterion: MultiLabelLoss,
    data: Dataset,
    out: Path,
) -> str | None:
    """One rank's training; the steps are the same on any number of ranks, and rank 0 alone writes.

    Returns what went wrong, since an exception would not cross the border between ranks in one piece.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    rows = {split: data.table.where(split) for split in ("train", "valid")}
    films = {split: Films(data.pixels.take(rows[split]), fabric.device) for split in rows}
    targets = torch.from_numpy(data.table.targets[rows["train"]]).to(fabric.device)
    truth = data.table.targets[rows["valid"]]
    digest = data.table.digest()
    total_steps, warmup_steps = lengths(config, len(targets))

    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    raw = model.to(fabric.device, memory_format=layout)  # type: ignore[call-overload]
    criterion = criterion.to(fabric.device)
    optimizer = build_optimizer(config, raw, fabric.device)
    start, history, loss_sum = 0, list[dict[str, Any]](), torch.zeros((), device=fabric.device)
    if last := read_last(out):
        raw.load_state_dict(last["model"])
        optimizer.load_state_dict(last["optimizer"])
        start, history, loss_sum = last["about"]["step"], last["about"]["history"], last["loss_sum"].to(fabric.device)
    # the compiled module shares its weights with `raw`, under whose names they are saved
    module, optimizer = fabric.setup(cast(nn.Module, torch.compile(raw)) if config.compile else raw, optimizer)
    batches = training_batches(films["train"], targets, config, range(start, total_steps), fabric)
    log = _Log(out, purge_step=start) if fabric.is_global_zero else None

    with progress("training", total_steps, done=start, show=fabric.is_global_zero) as advance:
        for step in range(start, total_steps):
            if _stops(history, config.patience):
                break
            lr = lr_at(
                step, base_lr=config.lr, warmup_steps=warmup_steps, total_steps=total_steps, min_lr=config.min_lr
            )
            micro_batches = config.micro_batches // fabric.world_size
            loss_sum += train_step(fabric, module, optimizer, criterion, batches, micro_batches, lr)
            advance(1)

            done = step + 1
            if validates := done % config.valid_every == 0 or done == total_steps:
                since = done - (history[-1]["step"] if history else 0)
                loss = float(cast(Tensor, fabric.all_reduce(loss_sum, reduce_op="mean"))) / since
                if not math.isfinite(loss):
                    return (
                        f"{out}: the loss became {loss} by step {done}, a lower learning rate (--set lr=...) is needed"
                    )
                measured = _measured(truth, score(fabric, module, films["valid"], config), spec.classes, config)
                history.append({"step": done, "lr": lr, "train_loss": loss, **measured})
                loss_sum = torch.zeros_like(loss_sum)
            about = {"step": done, "history": history, "labels": digest, "threshold": config.threshold}
            if log and validates:
                log.add(history)
                if max(history, key=_rank) is history[-1]:  # of equals the first is kept
                    Checkpoint(spec, raw.state_dict(), about).save(out / "best.pt")
            ends = done == total_steps or _stops(history, config.patience)
            if log and (done % (config.save_every or config.valid_every) == 0 or ends):
                state = {"optimizer": optimizer.state_dict(), "loss_sum": loss_sum}
                Checkpoint(spec, raw.state_dict(), about).save(out / "last.pt", **state)
    if log:
        log.close()
    return None


def build_loss(config: TrainConfig, table: LabelTable) -> MultiLabelLoss:
    """The loss of the configuration; DBL counts the classes of the training rows.

    Raises:
        InputError: options out of range, or a class that DBL is not defined for.
    """
    options: dict[str, Any] = dict(config.loss_options)
    if config.loss == "dbl":
        known = table.targets[table.where("train")]
        options |= {"class_counts": (known == 1).sum(axis=0), "n_samples": (~np.isnan(known)).sum(axis=0)}
        for name, positives, n in zip(table.classes, options["class_counts"], options["n_samples"], strict=True):
            if positives in (0, n):
                what = f"{positives} of {n} known training labels of {name} are positive, DBL needs some of each"
                raise InputError(f"{table.source}:1:1: {what} (--loss asl does not)")
    try:
        loss = LOSSES[config.loss](**options)
        loss(torch.zeros(1, len(table.classes)), torch.zeros(1, len(table.classes)))
    except (ValueError, TypeError, RuntimeError) as error:
        raise InputError(f"loss_options: {error}, for {len(table.classes)} classes") from None
    return loss


def build_optimizer(config: TrainConfig, model: nn.Module, device: torch.device) -> torch.optim.Optimizer:
    """Adam, as in the paper; its learning rate is set at every step."""
    fused = device.type == "cuda" if config.fused is None else config.fused
    return torch.optim.Adam(
        model.parameters(), lr=config.lr, betas=config.betas, weight_decay=config.weight_decay, fused=fused or None
    )


def lengths(config: TrainConfig, films: int) -> tuple[int, int]:
    """Optimiser steps of the whole run, and of its warm-up: one epoch, but at most a tenth of the run."""
    total = config.steps or max(1, config.epochs * films // config.batch_size)
    warmup = min(films // config.batch_size, total // 10) if config.warmup_steps is None else config.warmup_steps
    if warmup >= total:
        raise InputError(f"warmup_steps: {warmup} of {total} steps, fewer than there are steps are needed")
    return total, warmup


def training_batches(
    films: Films, targets: Tensor, config: TrainConfig, steps: range, fabric: Fabric
) -> Iterator[tuple[Tensor, Tensor]]:
    """This rank's micro-batches of these steps, ready for the model: (b, 1, S, S) and targets (b, C).

    A step's `batch_size` films are dealt to its micro-batches, and these to the ranks in turn. Every micro-batch has a
    number of its own, which its augmentation and its dropout follow from.
    """
    each = config.batch_size // config.micro_batches
    numbers = [
        step * config.micro_batches + micro
        for step in steps
        for micro in range(fabric.global_rank, config.micro_batches, fabric.world_size)
    ]

    def films_of(number: int) -> NDArray[np.intp]:
        return stream(len(films), seed=config.seed, start=number * each, count=each)

    for number, pixels in zip(numbers, films.batches(map(films_of, numbers)), strict=True):
        changes = draw_changes(each, seed=config.seed, index=number).to(films.device, non_blocking=True)
        x = prepare(pixels, mean=config.mean, std=config.std, changes=changes, by=config.augment)
        if config.drop_rate:
            torch.manual_seed(int(np.random.SeedSequence([config.seed, number]).generate_state(1)[0]))
        yield x, targets.index_select(0, torch.from_numpy(films_of(number)).to(films.device, non_blocking=True))


def train_step(
    fabric: Fabric,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    criterion: MultiLabelLoss,
    batches: Iterator[tuple[Tensor, Tensor]],
    micro_batches: int,
    lr: float,
) -> Tensor:
    """One optimiser step over this rank's next `micro_batches`; returns their mean loss, on the device."""
    for group in optimizer.param_groups:
        group["lr"] = lr
    module.train()
    loss = backward(fabric, module, criterion, batches, micro_batches)
    optimizer.step()
    optimizer.zero_grad()
    return loss


def backward(
    fabric: Fabric,
    module: nn.Module,
    criterion: MultiLabelLoss,
    batches: Iterator[tuple[Tensor, Tensor]],
    count: int,
) -> Tensor:
    """Leaves in `module` the gradient of one step: the mean over `count` micro-batches and over the ranks.

    Returns this rank's mean loss, on the device: nothing here waits for it.
    """
    loss_sum = torch.zeros((), device=fabric.device)
    for micro in range(count):
        x, y = next(batches)
        with fabric.no_backward_sync(module, enabled=micro < count - 1):  # type: ignore[arg-type]
            loss = criterion(module(x), y) / count
            fabric.backward(loss)
        loss_sum += loss.detach()
    return loss_sum


@torch.no_grad()
def score(fabric: Fabric, module: nn.Module, films: Films, config: TrainConfig) -> NDArray[np.float32]:
    """Sigmoid scores of all films, (N, C), the work shared between the ranks."""
    module.eval()
    share = -(-len(films) // fabric.world_size)
    own = np.arange(fabric.global_rank * share, (fabric.global_rank + 1) * share) % len(films)  # the last share wraps
    plan = [own[i : i + config.eval_batch_size] for i in range(0, share, config.eval_batch_size)]
    scores = [
        torch.sigmoid(module(prepare(pixels, mean=config.mean, std=config.std)).float())
        for pixels in films.batches(plan)
    ]
    gathered = cast(Tensor, fabric.all_gather(torch.cat(scores)))
    result: NDArray[np.float32] = gathered.reshape(-1, gathered.shape[-1])[: len(films)].cpu().numpy()
    return result


def _measured(
    truth: NDArray[np.float32], scores: NDArray[np.float32], classes: Sequence[str], config: TrainConfig
) -> dict[str, float]:
    measured = metrics.measure(truth, scores, np.full(len(classes), config.threshold))
    result = {f"macro_{name}": metrics.macro(values)[0] for name, values in measured.items()}
    for name in ("f1", "auc"):
        result |= {f"{name}/{c}": float(v) for c, v in zip(classes, measured[name], strict=True)}
    return result


def _rank(entry: dict[str, Any]) -> float:
    """What the best checkpoint is chosen by: macro F1; an undefined one is worse than any."""
    return -1.0 if math.isnan(entry["macro_f1"]) else float(entry["macro_f1"])


def _stops(history: list[dict[str, Any]], patience: int | None) -> bool:
    """Whether the last `patience` validations brought no better macro F1."""
    if not patience or not history:
        return False
    ranks = [_rank(entry) for entry in history]
    return len(ranks) - 1 - ranks.index(max(ranks)) >= patience


def read_last(out: Path) -> dict[str, Any] | None:
    """The state a run is continued from, or None where it has none yet."""
    path = out / "last.pt"
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True)) if path.exists() else None
    except Exception as error:  # torch raises whatever unpickling did
        raise InputError(f"{path}:1:1: cannot be read ({type(error).__name__}), remove it to begin again") from None


def _refuse_other_run(config: TrainConfig, out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}:1:1: a file, a folder for the run is needed")
    if not (out / "last.pt").exists():
        return
    before = validate(parse_yaml(out / "config.yaml"), str(out / "config.yaml")).model_dump()
    for key, value in config.model_dump().items():
        if value != before[key] and key not in _MACHINE:
            raise InputError(
                f"{out}: there is a run with {key} {before[key]}, not {value}; the same or a new -o is needed"
            )


def _finished(config: TrainConfig, out: Path) -> bool:
    """Whether the run ended, with the labels as they are now."""
    file = out / "run.json"
    run = json.loads(file.read_text(encoding="utf-8")) if file.exists() and (out / "best.pt").exists() else {}
    return bool(run.get("finished")) and run["labels_sha256"] == _sha256(config.labels)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


def _provenance(config: TrainConfig, data: Dataset) -> dict[str, Any]:
    packages = ("torch", "timm", "lightning-fabric", "numpy", "scikit-learn")
    splits = {split: data.table.where(split) for split in SPLITS}
    return {
        "seed": config.seed,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        "labels_sha256": _sha256(config.labels),
        "table_sha256": data.table.digest(),
        "images_sha256": hashlib.sha256("".join(data.pixels.hashes).encode()).hexdigest(),
        "rows": {split: len(rows) for split, rows in splits.items()},
        "positives": {
            split: dict(zip(data.table.classes, (data.table.targets[rows] == 1).sum(axis=0).tolist(), strict=True))
            for split, rows in splits.items()
        },
        "notes": [*data.table.notes, *data.refused],
    }


class _Log:
    """`history.csv` and TensorBoard."""

    def __init__(self, out: Path, purge_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # slow to import, and wanted on one rank only

        self._path = out / "history.csv"
        self._board = SummaryWriter(str(out / "tensorboard"), purge_step=purge_step + 1)

    def add(self, history: list[dict[str, Any]]) -> None:
        entry = history[-1]
        for key, value in entry.items():
            if key != "step":
                self._board.add_scalar(key.replace("macro_", "macro/"), value, entry["step"])
        self._board.flush()
        text = io.StringIO()
        writer = csv.DictWriter(text, list(entry), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        write_text(self._path, text.getvalue())

    def close(self) -> None:
        self._board.close()
