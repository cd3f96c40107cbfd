"""Scores of films, and what they are worth on a split that they were not tuned on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vision import metrics
from vision.batches import prepare
from vision.bootstrap import Interval, interval, replicates, resample
from vision.cache import FilmError, in_order, read_film
from vision.config import TrainConfig, parse_yaml, validate
from vision.data import LabelTable, Problem, read_labels
from vision.devices import open_fabric
from vision.errors import InputError
from vision.models import Checkpoint, load_checkpoint
from vision.progress import progress
from vision.scores import Scores, list_films, read_scores

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Evaluation:
    """What is known of scores on one split.

    `point` and `intervals` are per class, `macro` is over the classes where the metric is defined; all by the names in
    `metrics.NAMES`. `replicates` are the (B, C) values the intervals are made of.
    """

    name: str
    split: str
    classes: tuple[str, ...]
    images: tuple[str, ...]
    y: Array
    scores: Array
    thresholds: Array
    intervals: dict[str, Interval]
    macro: dict[str, Interval]
    replicates: dict[str, Array]
    patients: int | None
    notes: tuple[str, ...]

    @property
    def prevalence(self) -> Array:
        return metrics.prevalence(self.y)

    def all_positive(self) -> dict[str, Array]:
        """The metrics of a model that calls every film positive with the same score."""
        return metrics.measure(self.y, np.ones_like(self.y), np.full(len(self.classes), 0.5))


def score_films(
    checkpoint: Checkpoint, paths: Sequence[Path], *, batch_size: int = 32, accelerator: str = "auto"
) -> tuple[Array, dict[int, FilmError]]:
    """Scores (N, C) of films on disk, nan for one that cannot be read, and why not by its number."""
    fabric = open_fabric(accelerator)
    spec, model = checkpoint.spec, checkpoint.build().to(fabric.device)
    scores = np.full((len(paths), len(spec.classes)), np.nan)
    failed: dict[int, FilmError] = {}
    waiting: list[tuple[int, NDArray[np.uint8]]] = []

    def flush() -> None:
        if waiting:
            films = torch.from_numpy(np.stack([film for _, film in waiting])).unsqueeze(1).to(fabric.device)
            logits = model(prepare(films, mean=spec.mean, std=spec.std))
            scores[[row for row, _ in waiting]] = torch.sigmoid(logits.float().cpu().double()).numpy()
            waiting.clear()

    def read(row: int) -> NDArray[np.uint8] | FilmError:
        try:
            return read_film(paths[row], spec.size)[0]
        except FilmError as error:
            return error

    with torch.inference_mode(), progress("scoring", len(paths)) as advance:
        for row, film in in_order(read, range(len(paths))):
            advance(1)
            if isinstance(film, FilmError):
                failed[row] = film
                continue
            waiting.append((row, film))
            if len(waiting) == batch_size:
                flush()
        flush()
    return scores, failed


def predict(
    checkpoint: Checkpoint,
    source: Path,
    *,
    images: Path | None = None,
    image_column: str | None = None,
    batch_size: int = 32,
    accelerator: str = "auto",
) -> tuple[Scores, list[Problem]]:
    """Scores every film of a folder, or of a CSV's image column (relative to `images` or the CSV's folder).

    Returns the scores of the films that could be read, and the others as problems.
    """
    names, paths, problems = list_films(source, images, image_column)
    scores, failed = score_films(checkpoint, paths, batch_size=batch_size, accelerator=accelerator)
    problems += [(error.kind, f"{paths[row]}:1:1: {error}") for row, error in sorted(failed.items())]
    good = [row for row in range(len(paths)) if row not in failed]
    return Scores(tuple(names[row] for row in good), checkpoint.spec.classes, scores[good]), problems


@dataclass(frozen=True)
class Source:
    """What is evaluated: a run's folder, a checkpoint, or a predictions file."""

    path: Path
    checkpoint: Checkpoint | None
    scores: Scores | None
    config: TrainConfig | None

    @property
    def name(self) -> str:
        return self.path.resolve().name  # a run's folder may be named "."

    @property
    def classes(self) -> tuple[str, ...]:
        if self.scores is not None:
            return self.scores.classes
        assert self.checkpoint is not None
        return self.checkpoint.spec.classes


def open_source(path: Path) -> Source:
    """A run's folder, a checkpoint or a predictions CSV, with the configuration of the run it lies in."""
    if path.suffix == ".csv":
        return Source(path, None, read_scores(path), None)
    file = path / "best.pt" if path.is_dir() else path
    beside = file.parent / "config.yaml"
    config = validate(parse_yaml(beside), str(beside)) if beside.exists() else None
    return Source(path, load_checkpoint(file), None, config)


def distinct_names(sources: Sequence[Source]) -> list[str]:
    """The name of each source, with as many of the folders around it as tell it from the others."""
    paths = [source.path.resolve().parts for source in sources]
    names = []
    for own in paths:
        others = [path for path in paths if path != own]
        n = next(n for n in range(1, len(own) + 1) if all(path[-n:] != own[-n:] for path in others))
        names.append(str(Path(*own[-n:])))
    return names


def labels_for(source: Source, labels: Path | None, images: Path | None, **options: object) -> LabelTable:
    """The labels that `source` is measured by: its run's own, or those of another file.

    A file without a split column, which the run did not hold anything out of, is one split named `all`.
    """
    config = source.config
    own = config is not None and (labels is None or labels.absolute() == config.labels)
    if labels is None and config is None:
        raise InputError(f"{source.path}: no run beside it to take labels from, --labels FILE is needed")
    settings: dict[str, object] = {}
    if config is not None:
        settings = {
            k: getattr(config, k) for k in ("image_column", "patient_column", "status", "uncertain", "blank", "views")
        }
        if own:
            settings |= {"valid_fraction": config.valid_fraction, "seed": config.seed}
    settings |= {key: value for key, value in options.items() if value is not None}
    file = labels or (config.labels if config else Path())
    folder = images or (config.images if own and config else None)
    return read_labels(file, folder, classes=source.classes, hold_out=own, **settings)  # type: ignore[arg-type]


def evaluate(
    source: Source,
    table: LabelTable,
    *,
    split: str | None = None,
    thresholds: str | float = 0.5,
    n: int = 3000,
    seed: int = 0,
    batch_size: int = 32,
    accelerator: str = "auto",
) -> tuple[Evaluation, list[Problem]]:
    """Measures `source` on one split of `table`.

    Args:
        split: test where there is one, else valid, by default.
        thresholds: a number, or the split on which the thresholds of the highest F1 are chosen.
        n: bootstrap replicates, of patients where the table knows them.

    Raises:
        InputError: no such split, thresholds chosen on the split that is reported, films without a score.
    """
    split = split or reported_split(table)
    tuned = thresholds if isinstance(thresholds, str) else None
    for wanted in filter(None, (split, tuned)):
        require_split(table, wanted)
    if tuned == split:
        raise InputError(
            f"--thresholds {tuned}: chosen on the split that is reported, another split or a number is needed"
        )
    problems = list(table.refused)
    cuts = np.full(len(table.classes), float(thresholds) if tuned is None else 0.5)
    if tuned is not None:
        cuts, bad = choose_thresholds(source, table, tuned, batch_size=batch_size, accelerator=accelerator)
        problems += bad
    reported, scores, bad = score_table(source, table.take(table.where(split)), batch_size, accelerator)
    problems += bad
    notes = _notes(source, split, tuned, float(cuts[0]), n, reported.patients is not None)
    return assess(source.name, split, reported, scores, cuts, n=n, seed=seed, notes=notes), problems


def assess(
    name: str,
    split: str,
    table: LabelTable,
    scores: Array,
    thresholds: Array,
    *,
    predicted: NDArray[np.bool_] | None = None,
    n: int = 3000,
    seed: int = 0,
    notes: tuple[str, ...] = (),
) -> Evaluation:
    """What is known of scores (N, C) of the films of `table`; the same `seed` draws the same resamples.

    Args:
        predicted: (N, C) which films are called positive, where that is not score > threshold.
    """
    y, groups = table.targets.astype(np.float64), table.groups()
    counts = resample(len(y), n=n, seed=seed, groups=groups)
    drawn = replicates(y, scores, thresholds=thresholds, counts=counts)
    point = metrics.measure(y, scores, thresholds)
    if predicted is not None:
        called = predicted.astype(np.float64)
        by_call, at_point = replicates(y, called, thresholds=0.5, counts=counts), metrics.measure(y, called, 0.5)
        for metric in ("f1", "sensitivity", "specificity"):
            drawn[metric], point[metric] = by_call[metric], at_point[metric]
    return Evaluation(
        name=name,
        split=split,
        classes=table.classes,
        images=table.images,
        y=y,
        scores=scores,
        thresholds=thresholds,
        intervals={metric: interval(point[metric], drawn[metric]) for metric in metrics.NAMES},
        macro={metric: _macro_interval(point[metric], drawn[metric]) for metric in metrics.NAMES},
        replicates=drawn,
        patients=None if groups is None else len(set(groups.tolist())),
        notes=notes,
    )


def reported_split(table: LabelTable) -> str:
    """The split to report: test where there is one, else valid."""
    return next((s for s in ("test", "valid", "all", "train") if len(table.where(s))), "test")


def choose_thresholds(
    source: Source, table: LabelTable, split: str, *, batch_size: int = 32, accelerator: str = "auto"
) -> tuple[Array, list[Problem]]:
    """The thresholds (C,) of the highest F1 on `split`, and the films that could not be scored."""
    require_split(table, split)
    chosen_on, scores, problems = score_table(source, table.take(table.where(split)), batch_size, accelerator)
    return metrics.best_thresholds(chosen_on.targets, scores), problems


def require_split(table: LabelTable, split: str) -> None:
    """Raises InputError where the table has no row of the split."""
    if not len(table.where(split)):
        there = ", ".join(sorted(set(table.splits.tolist())))
        raise InputError(f"{table.source}:1:1: no {split} rows, splits there are {there}")


def _macro_interval(point: Array, drawn: Array) -> Interval:
    """The mean over the classes where the point is defined; replicates that lack one of these are left out."""
    defined = ~np.isnan(point)
    means = drawn[:, defined].mean(axis=1, keepdims=True) if defined.any() else np.full((len(drawn), 1), np.nan)
    return interval(metrics.macro(point)[0], means)


def _notes(source: Source, split: str, tuned: str | None, cut: float, n: int, by_patient: bool) -> tuple[str, ...]:
    notes = [
        f"thresholds chosen on {tuned} for the highest F1" if tuned else f"thresholds {cut:g}, positive is above",
        f"95 % intervals: {n} bootstrap replicates, drawn by {'patient' if by_patient else 'image'}",
    ]
    if split == "valid":
        whose = "the checkpoint was chosen" if source.checkpoint else "a checkpoint may have been chosen"
        notes.append(f"no independent test: {whose} on these films, expect less on others")
    if split == "train":
        notes.append("not a measurement: the model was trained on this split")
    return tuple(notes)


def score_table(
    source: Source, table: LabelTable, batch_size: int = 32, accelerator: str = "auto"
) -> tuple[LabelTable, Array, list[Problem]]:
    """The rows of `table` that have a score, these scores, and why others have none."""
    if source.checkpoint is not None:
        scores, failed = score_films(source.checkpoint, table.paths, batch_size=batch_size, accelerator=accelerator)
        problems = [(error.kind, f"{table.paths[row]}:1:1: {error}") for row, error in sorted(failed.items())]
        good = [row for row in range(len(table)) if row not in failed]
    else:
        assert source.scores is not None
        at = {image: row for row, image in enumerate(source.scores.images)}
        good = [row for row, image in enumerate(table.images) if image in at]
        problems = [
            (
                "without score",
                f"{table.source}:{table.lines[row]}:1: {image} has no score in {source.path}, one is needed",
            )
            for row, image in enumerate(table.images)
            if image not in at
        ]
        scores = np.full((len(table), len(table.classes)), np.nan)
        scores[good] = source.scores.values[[at[table.images[row]] for row in good]]
    if not good:
        example = f"{problems[0][1]} ({len(problems)} like it)"
        raise InputError([example, f"{table.source}:1:1: no film has a score, the same image names are needed"])
    return table.take(good), scores[good], problems


@dataclass(frozen=True)
class Difference:
    """One metric of two evaluations on the same films, (C + 1,) each with the macro average last.

    `interval` is of `second` minus `first`; `p` is the two-sided bootstrap p-value of no difference.
    """

    metric: str
    first: Array
    second: Array
    interval: Interval
    p: Array


def compare(first: Evaluation, second: Evaluation) -> list[Difference]:
    """Paired comparison: both models on the same resamples, so that what is hard for both cancels out.

    Raises:
        InputError: other films or other classes.
    """
    if first.classes != second.classes or first.images != second.images:
        raise InputError(f"{first.name} and {second.name}: scores of other films or classes, the same are needed")
    differences = []
    for name in metrics.NAMES:
        a, b = first.intervals[name].point, second.intervals[name].point
        both = np.append(a, metrics.macro(a)[0]), np.append(b, metrics.macro(b)[0])
        defined = ~np.isnan(a) & ~np.isnan(b)
        drawn = second.replicates[name] - first.replicates[name]
        mean = drawn[:, defined].mean(axis=1, keepdims=True) if defined.any() else np.full((len(drawn), 1), np.nan)
        drawn = np.hstack([drawn, mean])
        known = np.maximum((~np.isnan(drawn)).sum(axis=0), 1)
        tail = np.minimum((drawn <= 0).sum(axis=0), (drawn >= 0).sum(axis=0))
        p = np.where(np.isnan(drawn).all(axis=0), np.nan, np.minimum(1.0, 2 * (tail + 1) / (known + 1)))
        differences.append(Difference(name, *both, interval(both[1] - both[0], drawn), p))
    return differences
