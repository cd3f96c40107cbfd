"""Commands that measure and score: `evaluate`, `predict`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from vision.cli.base import (
    READ,
    accelerator_option,
    allow_refused_option,
    batch_size_option,
    cli,
    finish,
    json_option,
    print_json,
    say,
    threshold_or_split,
    write,
)
from vision.errors import InputError


@cli.command()
@click.argument("source", type=READ)
@click.option("--labels", type=READ, help="Labels to measure by; the run's own by default.")
@click.option("--images", type=READ, help="Folder of the films.")
@click.option("--split", help="test where there is one, else valid.")
@click.option(
    "--thresholds", default="0.5", callback=threshold_or_split, help="A number, or a split to choose them on."
)
@click.option("--against", type=READ, help="Another run, checkpoint or predictions file, compared in pairs.")
@click.option("-o", "--out", type=READ, help="Folder for tables and plots; evaluation-SPLIT in the run's by default.")
@click.option("--image-column")
@click.option("--patient-column")
@click.option("--replicates", type=click.IntRange(1), default=3000, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@json_option
@batch_size_option
@accelerator_option
@allow_refused_option
def evaluate(
    source: Path,
    labels: Path | None,
    images: Path | None,
    split: str | None,
    thresholds: str | float,
    against: Path | None,
    out: Path | None,
    image_column: str | None,
    patient_column: str | None,
    replicates: int,
    seed: int,
    as_json: bool,
    batch_size: int,
    accelerator: str,
    allow_refused: bool,
) -> None:
    """Measure SOURCE, a run's folder, a checkpoint or a predictions CSV.

    \b
    Example:
      vnvision evaluate runs/first --thresholds valid
    """
    from vision import evaluate as room
    from vision import report
    from vision.files import write_text
    from vision.scores import Scores

    evaluations, problems = [], list[tuple[str, str]]()
    opened = room.open_source(source)
    table = room.labels_for(opened, labels, images, image_column=image_column, patient_column=patient_column)
    sources = [opened, *([room.open_source(against)] if against else [])]
    for one, name in zip(sources, room.distinct_names(sources), strict=True):
        if one.classes != table.classes:
            raise InputError(f"{one.path}: classes {', '.join(one.classes)}, the same as of {source} are needed")
        evaluation, bad = room.evaluate(
            one, table, split=split, thresholds=thresholds, n=replicates, seed=seed, batch_size=batch_size,
            accelerator=accelerator,
        )  # fmt: skip
        evaluations.append(replace(evaluation, name=name))
        problems += [problem for problem in bad if problem not in problems]
    first = evaluations[0]
    folder = out or (source if source.is_dir() else source.parent) / f"evaluation-{first.split}"
    report.write_report(first, folder)
    write_text(folder / "predictions.csv", Scores(first.images, first.classes, first.scores).to_csv())
    text = report.summary(first)
    result: dict[str, Any] = {"split": first.split, "films": len(first.images), "patients": first.patients}
    result |= {"notes": list(first.notes), "metrics": report.as_records(first)}
    if against:
        differences = room.compare(first, evaluations[1])
        paired = report.comparison(first, evaluations[1], differences)
        write_text(folder / "comparison.md", paired)
        text += "\n" + paired
        result["against"] = report.difference_records(first, differences)
    if as_json:
        print_json(result)
    else:
        click.echo(text)
    say(f"tables and plots in {folder}")
    finish(problems, allow_refused)


@cli.command()
@click.argument("checkpoint", type=READ)
@click.argument("source", type=READ)
@click.option("--images", type=READ, help="Folder the CSV's image column is relative to.")
@click.option("--image-column")
@click.option("-o", "--out", default="-", help="Predictions CSV, `image` and one score per class; - is stdout.")
@batch_size_option
@accelerator_option
@allow_refused_option
def predict(
    checkpoint: Path,
    source: Path,
    images: Path | None,
    image_column: str | None,
    out: str,
    batch_size: int,
    accelerator: str,
    allow_refused: bool,
) -> None:
    """Score the films of SOURCE, a folder or a CSV, with CHECKPOINT (best.pt).

    \b
    Example:
      vnvision predict runs/first/best.pt NEW_FILMS -o predictions.csv
    """
    from vision.evaluate import predict as run
    from vision.models import load_checkpoint

    model = load_checkpoint(checkpoint / "best.pt" if checkpoint.is_dir() else checkpoint)
    scores, problems = run(
        model, source, images=images, image_column=image_column, batch_size=batch_size, accelerator=accelerator
    )
    write(out, scores.to_csv())
    finish(problems, allow_refused)
