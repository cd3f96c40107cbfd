"""Coarse against fine labels (Table 8): the same films, configuration and seed, trained once on regions, once on findings.

The fine model's score of a coarse class is the highest of its members' scores, and it calls the class where any member is
above its own threshold. Both models are measured on what is `abnormal` with the devices and without them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vision import metrics, report
from vision.config import TrainConfig
from vision.data import LabelTable, counted
from vision.errors import InputError
from vision.evaluate import (
    Evaluation,
    assess,
    choose_thresholds,
    compare,
    labels_for,
    open_source,
    reported_split,
    require_split,
    score_table,
)
from vision.files import write_text
from vision.metrics import Array
from vision.models import resolve
from vision.schemes import Scheme
from vision.tables import interval_record, markdown, number, number_or_none, to_csv, with_interval
from vision.train import Say, read_table, train

WITHOUT = " (devices not counted)"


@dataclass(frozen=True)
class Row:
    """A line of the table: one model's predictions in one set of classes, of which the last may be `abnormal`.

    `abnormal` is measured as a class of its own where the classes do not have it.
    """

    model: str
    trained: str
    scored: str
    evaluation: Evaluation
    abnormal: Evaluation


@dataclass(frozen=True)
class Films:
    """The films of the experiment: both label sets, in the same rows and splits."""

    fine: LabelTable
    coarse: LabelTable
    without_devices: LabelTable
    notes: tuple[str, ...]


def read_films(config: TrainConfig, scheme: Scheme) -> Films:
    """Reads the fine labels once, splits them once, and derives the coarse ones.

    Raises:
        InputError: labels that lack a column of the scheme, or bad rows.
    """
    columns = scheme.columns
    table = read_table(config, columns)
    used = scheme.used(table.targets, columns)
    notes = [*table.notes]
    if left_out := int((~used).sum()):
        notes.append(f"left out: {left_out} rows, by the scheme's rules for both and neither")
    fine = table.targets[:, [columns.index(name) for name in scheme.findings]]
    coarse = scheme.to_coarse(table.targets, columns)
    plain = scheme.to_coarse(table.targets, columns, devices=False)
    unknown = np.isnan(fine).all(axis=1) | np.isnan(coarse).all(axis=1)
    if dropped := int((used & unknown).sum()):
        notes.append(f"left out: {dropped} rows without a known label in one of the two sets of classes")
    keep = np.flatnonzero(used & ~unknown)
    if not len(keep):
        raise InputError(f"{table.source}:1:1: no row is left by the scheme's rules for both and neither")

    def labelled(classes: tuple[str, ...], targets: Any) -> LabelTable:
        return replace(table, classes=classes, targets=targets).take(keep)

    return Films(labelled(scheme.findings, fine), labelled(scheme.coarse, coarse), labelled(scheme.coarse, plain),
                 tuple(notes))  # fmt: skip


def labels_csv(table: LabelTable) -> str:
    """A table as a label CSV of its own, with the full names of the films."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    known = table.patients is not None
    writer.writerow(["image", *(["patient_key"] if known else []), "split", *table.classes])
    for row, path in enumerate(table.paths):
        patient = [table.patients[row]] if table.patients is not None else []
        values = ["" if np.isnan(value) else str(int(value)) for value in table.targets[row]]
        writer.writerow([str(path.absolute()), *patient, table.splits[row], *values])
    return text.getvalue()


def run(
    config: TrainConfig,
    models: Sequence[str],
    out: Path,
    scheme: Scheme,
    *,
    thresholds: str | float = 0.5,
    split: str | None = None,
    n: int = 3000,
    accelerator: str = "auto",
    allow_refused: bool = False,
    say: Say = print,
) -> tuple[str, list[dict[str, Any]]]:
    """Trains both label sets for every model, and returns the table as Markdown and as records.

    `out` holds the label CSVs, a run's folder each (what is finished is not trained again), and the tables.

    Raises:
        InputError: bad input, runs of other labels in `out`, or thresholds chosen on the split that is reported.
    """
    films = read_films(config, scheme)
    for note in films.notes:
        say(note)
    if films.fine.refused and not allow_refused:
        raise InputError([*counted(films.fine.refused), "nothing was trained; --allow-refused leaves these rows out"])
    models = [resolve(model) for model in models]
    split = split or reported_split(films.fine)
    require_split(films.fine, split)
    if thresholds == split:
        raise InputError(f"--thresholds {split}: chosen on the split that is reported, another one is needed")
    paths = {"coarse": out / "coarse.csv", "fine": out / "fine.csv"}
    texts = {"coarse": labels_csv(films.coarse), "fine": labels_csv(films.fine)}
    for name, path in paths.items():  # the labels of finished runs are kept as they are
        if path.exists() and path.read_bytes() != texts[name].encode() and any(out.glob(f"*-{name}/config.yaml")):
            raise InputError(f"{path}:1:1: other labels or splits than those of the runs beside it, a new -o is needed")
    for name, path in paths.items():
        write_text(path, texts[name])
    shared = {"images": None, "image_column": "image", "patient_column": None, "blank": "ignore", "uncertain": "ones"}
    cache = config.cache or out / ".cache"
    rows, paired = list[Row](), list[str]()
    for model in models:
        runs = {}
        for name in paths:
            say(f"== {model}, {name}")
            classes = list(scheme.coarse if name == "coarse" else scheme.findings)
            own = config.model_copy(
                update={"labels": paths[name].absolute(), "classes": classes, "model": model, "cache": cache, **shared}
            )
            runs[name] = out / f"{model}-{name}"
            train(own, runs[name], allow_refused=allow_refused, say=say)
        own_rows = _measured(
            model, runs, films, scheme, split, thresholds, n=n, seed=config.seed, accelerator=accelerator
        )
        rows += own_rows
        paired.append(_paired(own_rows))
    notes = [*films.notes, *rows[0].evaluation.notes]
    table_text = _table(rows, split, notes, list(scheme.devices))
    records = [record for row in rows for record in _records(row)]
    write_text(out / "compare.md", "\n".join([table_text, *paired]))
    write_text(out / "compare.csv", to_csv(records))
    return table_text, records


def _measured(
    model: str,
    runs: dict[str, Path],
    films: Films,
    scheme: Scheme,
    split: str,
    thresholds: str | float,
    **options: Any,
) -> list[Row]:
    """The rows of one architecture."""
    accelerator = options.pop("accelerator")
    found: dict[str, tuple[LabelTable, Array, Array]] = {}
    for name, folder in runs.items():
        source = open_source(folder)
        table = labels_for(source, None, None)
        cuts = np.full(len(table.classes), thresholds if not isinstance(thresholds, str) else 0.5, dtype=np.float64)
        if isinstance(thresholds, str):
            cuts, _ = choose_thresholds(source, table, thresholds, accelerator=accelerator)
        scored, scores, _ = score_table(source, table.take(table.where(split)), accelerator=accelerator)
        found[name] = scored, scores, cuts
    said = f"thresholds chosen on {thresholds}" if isinstance(thresholds, str) else f"thresholds {thresholds:g}"
    notes = [f"{said}, positive is above; 95 % intervals from {options['n']} bootstrap replicates"]
    if split == "valid":
        notes.append("no independent test: both checkpoints were chosen on these films")

    scored, scores, cuts = found["fine"]
    place = {str(path): row for row, path in enumerate(map(Path.absolute, films.coarse.paths))}
    at = [place[image] for image in scored.images]
    coarse, plain = films.coarse.take(at), films.without_devices.take(at)
    columns = [[scheme.findings.index(m) for m in members] for members in scheme.members(devices=False)]
    highest = np.stack([scores[:, c].max(axis=1) for c in columns], axis=1)
    called = np.stack([(scores[:, c] > cuts[c]).any(axis=1) for c in columns], axis=1)
    half = np.full(len(scheme.coarse), 0.5)

    def of(name: str, table: LabelTable, given: Array, limits: Array, predicted: Any = None) -> Evaluation:
        return assess(name, split, table, given, limits, predicted=predicted, notes=tuple(notes), **options)

    coarse_scored, coarse_scores, coarse_cuts = found["coarse"]
    if coarse_scored.images != scored.images:
        raise InputError(f"{runs['coarse']} and {runs['fine']}: other films, a new -o is needed")
    as_coarse = of("as regions", coarse, highest, half, called)
    plainly = of("as regions", plain, highest, half, called)
    native = of("coarse", coarse, coarse_scores, coarse_cuts)
    native_plain = of("coarse", plain, coarse_scores, coarse_cuts)
    fine = of("fine", scored, scores, cuts)
    n_coarse, n_fine = f"{len(scheme.coarse)} classes", f"{len(scheme.findings)} classes"
    return [
        Row(model, n_coarse, n_coarse, native, native),
        Row(model, n_coarse, n_coarse + WITHOUT, native_plain, native_plain),
        Row(model, n_fine, n_fine, fine, as_coarse),
        Row(model, n_fine, n_fine + WITHOUT, fine, plainly),
        Row(model, n_fine, n_coarse, as_coarse, as_coarse),
        Row(model, n_fine, n_coarse + WITHOUT, plainly, plainly),
    ]


def _paired(rows: Sequence[Row]) -> str:
    """Coarse against fine, both in the coarse classes, on the same resamples."""
    native, mapped = rows[0].evaluation, rows[4].evaluation
    native, mapped = (
        replace(native, name=f"{rows[0].model} coarse"),
        replace(mapped, name=f"{rows[0].model} fine, as regions"),
    )
    return report.comparison(native, mapped, compare(native, mapped))


def _table(rows: Sequence[Row], split: str, notes: Sequence[str], devices: Sequence[str]) -> str:
    header = ["Model", "Trained on", "Scored in", "Prevalence of abnormal", "Macro F1", "F1 abnormal", "AUC abnormal",
              "AP abnormal"]  # fmt: skip
    lines = []
    for row in rows:
        interval, last = row.abnormal.intervals, -1
        lines.append(
            [row.model, row.trained, row.scored, number(float(row.abnormal.prevalence[-1]), 3)]
            + [f"{with_interval(row.evaluation.macro['f1'])}{_over(row.evaluation)}"]
            + [with_interval(interval[metric], last) for metric in ("f1", "auc", "ap")]
        )
    seen: dict[str, Row] = {row.scored: row for row in reversed(rows)}
    for scored, row in sorted(seen.items()):
        baseline, whole = row.abnormal.all_positive(), row.evaluation.all_positive()["f1"]
        lines.append(
            ["All positive", "", scored, number(float(row.abnormal.prevalence[-1]), 3)]
            + [f"{number(metrics.macro(whole)[0])}{_over(row.evaluation)}"]
            + [number(float(baseline[metric][-1])) for metric in ("f1", "auc", "ap")]
        )
    first = rows[0].evaluation
    patients = f" of {first.patients} patients" if first.patients is not None else ""
    about = [
        f"split {split}: {len(first.y)} films{patients}",
        f"abnormal is any finding or {', '.join(devices)}; with devices not counted, any finding alone",
        "the fine model's abnormal, and its regions, are the highest score and any call of their members",
        *notes,
    ]
    caption = "**Table 8. Coarse and fine classification.**"
    return f"{caption}\n\n{markdown(header, lines)}\n" + "".join(f"- {note}\n" for note in dict.fromkeys(about))


def _over(evaluation: Evaluation) -> str:
    """How many classes a macro average is over, where it is not all of them."""
    defined = metrics.macro(evaluation.intervals["f1"].point)[1]
    return "" if defined == len(evaluation.classes) else f" over {defined} of {len(evaluation.classes)}"


def _records(row: Row) -> list[dict[str, Any]]:
    given = {"model": row.model, "trained": row.trained, "scored": row.scored}
    prevalence, baseline = number_or_none(row.abnormal.prevalence[-1]), row.abnormal.all_positive()
    whole = metrics.macro(row.evaluation.all_positive()["f1"])[0]
    macro = {"metric": "macro f1", **interval_record(row.evaluation.macro["f1"]), "all_positive": number_or_none(whole)}
    records = [{**given, **macro, "prevalence": None}]
    for metric in ("f1", "auc", "ap"):
        interval = interval_record(row.abnormal.intervals[metric], -1)
        own = {"metric": f"{metric} abnormal", **interval, "all_positive": number_or_none(baseline[metric][-1])}
        records.append({**given, **own, "prevalence": prevalence})
    return records
