"""One page for a run, or for several side by side: what was trained, on what, and how good it is."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vision import cam, metrics
from vision.config import TrainConfig
from vision.data import Problem
from vision.errors import InputError
from vision.evaluate import Evaluation, Source, compare, distinct_names, evaluate, labels_for, open_source
from vision.figures import KINDS, curves, learning, svg
from vision.models import weights_hash
from vision.page import render
from vision.report import comparison_cells, detail_table, paper_cells
from vision.tables import Table, number, with_interval

_WITH_INTERVALS = ("f1", "auc", "ap", "sensitivity", "specificity", "brier")


@dataclass(frozen=True)
class Run:
    """A finished or unfinished run's folder, measured."""

    source: Source
    config: TrainConfig
    history: list[dict[str, float]]
    about: dict[str, Any]
    evaluation: Evaluation
    examples: list[cam.Example]

    @property
    def best(self) -> dict[str, float]:
        """The validation that chose the checkpoint."""
        assert self.source.checkpoint is not None
        return next(entry for entry in self.history if entry["step"] == self.source.checkpoint.about["step"])


def read_run(
    folder: Path,
    *,
    split: str | None = None,
    thresholds: str | float = 0.5,
    n: int = 3000,
    count: int = 1,
    **options: Any,
) -> tuple[Run, list[Problem]]:
    """Measures a run's checkpoint on its own labels, and explains `count` films of each kind and class.

    `options` are `batch_size` and `accelerator`.

    Raises:
        InputError: no run, or one whose films or labels are gone.
    """
    source = open_source(folder)
    if not folder.is_dir() or source.config is None or source.checkpoint is None:
        raise InputError(f"{folder}:1:1: no run, the folder of one is needed (vnvision train -o RUN)")
    for name in ("run.json", "history.csv"):
        if not (folder / name).exists():
            raise InputError(f"{folder / name}:1:1: no such file, a run with a validation behind it is needed")
    about = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        history = [{key: float(value or "nan") for key, value in row.items()} for row in csv.DictReader(file)]
    table = labels_for(source, None, None)
    evaluation, problems = evaluate(source, table, split=split, thresholds=thresholds, n=n, **options)
    examples: list[cam.Example] = []
    if count:
        place = dict(zip(table.images, table.paths, strict=True))
        paths = [place[image] for image in evaluation.images]
        chosen = cam.most_confident(evaluation.y, evaluation.scores, evaluation.thresholds, count)
        with suppress(cam.NoMaps):  # a report all the same
            examples, _ = cam.explain(source.checkpoint, evaluation.images, paths, chosen, **options)
    return Run(source, source.config, history, about, evaluation, examples), problems


def page(runs: Sequence[Run]) -> str:
    """The self-contained HTML page."""
    several = len(runs) > 1
    names = distinct_names([run.source for run in runs])
    heading = f"Runs {', '.join(names)}" if several else f"Run {names[0]}"
    sections = [_section(name, run) for name, run in zip(names, runs, strict=True)]
    return render(
        "report.html",
        heading=heading,
        learning=svg(learning({name: run.history for name, run in zip(names, runs, strict=True)})),
        overview=_overview(names, runs),
        differences=_differences(names, runs),
        settings=_settings(names, runs),
        sections=sections,
    )


def _overview(names: Sequence[str], runs: Sequence[Run]) -> Table:
    """Macro averages with intervals, one row a run."""
    header = [
        "Run",
        "Model",
        "Loss",
        "Size",
        "Split",
        "Films",
        *(f"{metrics.NAMES[m]}, macro" for m in _WITH_INTERVALS),
    ]
    rows = []
    for name, run in zip(names, runs, strict=True):
        e, c = run.evaluation, run.config
        averages = [with_interval(e.macro[m]) for m in _WITH_INTERVALS]
        rows.append([name, c.model, c.loss, str(c.size), e.split, str(len(e.images)), *averages])
    return Table(header, rows)


def _differences(names: Sequence[str], runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Each run against the first, paired, where the films and classes are the same."""
    found = list[dict[str, Any]]()
    first = replace(runs[0].evaluation, name=names[0])
    for name, run in zip(names[1:], runs[1:], strict=True):
        caption, other = f"{name} against {names[0]}", replace(run.evaluation, name=name)
        if (first.images, first.classes) == (other.images, other.classes):
            cells = comparison_cells(first, other, compare(first, other))
            macro = Table(cells.header, [row for row in cells.rows if row[1] == "Macro average"])
            found.append({"caption": f"{caption}, paired on {len(first.images)} films", "table": macro})
        else:
            found.append({"caption": f"{caption}: other films or classes, not comparable in pairs", "table": None})
    return found


def _settings(names: Sequence[str], runs: Sequence[Run]) -> Table:
    """The whole configuration, a column a run; what differs between the runs comes first."""
    dumps = [run.config.model_dump(mode="json") for run in runs]
    shown = {key: [_value(dump[key]) for dump in dumps] for key in dumps[0]}
    order = sorted(shown, key=lambda key: len(set(shown[key])) == 1)
    return Table(["Key", *names], [[key, *shown[key]] for key in order])


def _value(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _section(name: str, run: Run) -> dict[str, Any]:
    about, checkpoint = run.about, run.source.checkpoint
    assert checkpoint is not None
    films = ", ".join(f"{n} {split}" for split, n in about["rows"].items())
    best = run.best
    chosen = f"step {best['step']:.0f} of {run.history[-1]['step']:.0f}, macro F1 {number(best['macro_f1'])} on valid"
    data = {
        "Films": films,
        "Best checkpoint": chosen + ("" if about.get("finished") else "; the run is not finished"),
        "Weights": weights_hash(checkpoint.weights),
        "Labels, SHA-256": about["labels_sha256"],
        "Rows used, SHA-256": about["table_sha256"],
        "Films, SHA-256": about["images_sha256"],
        "Seed": str(about["seed"]),
        "Versions": ", ".join(f"{package} {version}" for package, version in about["versions"].items()),
    }
    return {
        "name": name,
        "data": data,
        "notes": [*about["notes"], *run.evaluation.notes],
        "positives": _positives(about, checkpoint.spec.classes),
        "paper": paper_cells("Model", [(run.config.model, run.evaluation)]),
        "detail": detail_table(run.evaluation),
        "curves": [svg(curves(run.evaluation, kind)) for kind in KINDS],
        "cards": cam.cards(run.examples),
    }


def _positives(about: dict[str, Any], classes: Sequence[str]) -> Table:
    """How many films of each split are positive."""
    splits = [split for split, n in about["rows"].items() if n]
    rows = [[name, *(str(about["positives"][split].get(name, "")) for split in splits)] for name in classes]
    return Table(["Positive films", *splits], rows)
