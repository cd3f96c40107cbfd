"""`vnvision views`: is a film a frontal PA chest film?"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vision.cli.base import (
    READ,
    accelerator_option,
    allow_refused_option,
    cli,
    finish,
    json_option,
    print_json,
    say,
    write,
)

if TYPE_CHECKING:
    from vision.views.measure import Group

# Only `views train` imports torch: the others run where onnxruntime alone is installed.


@cli.group()
def views() -> None:
    """Tell frontal PA chest films from all others.

    \b
    Example:
      vnvision views predict DICOM_FOLDER -o views.csv
    """


_model_option = click.option("--model", type=READ, help="ONNX file; the shipped classifier by default.")
_column_option = click.option(
    "--column", default="is_pa", show_default=True, help="Column of 1 for PA, 0 for all else."
)
_leave_out_option = click.option(
    "--leave-out", multiple=True, metavar="COLUMN=TEXT", help="Leave out rows whose column contains TEXT; may repeat."
)
_by_option = click.option("--by", multiple=True, metavar="COLUMN", help="Also measure each value alone; may repeat.")


@views.command()
@click.argument("source", type=READ)
@click.option("--images", type=READ, help="Folder the CSV's image column is relative to.")
@click.option("--image-column")
@click.option("-o", "--out", default="-", help="CSV, `image` and `pa`; - is stdout.")
@_model_option
@allow_refused_option
def predict(
    source: Path, images: Path | None, image_column: str | None, out: str, model: Path | None, allow_refused: bool
) -> None:
    """Score the films of SOURCE, a folder or a CSV: images and DICOM files.

    \b
    Example:
      vnvision views predict DICOM_FOLDER -o views.csv
    """
    from vision.dicom import is_dicom
    from vision.scores import list_films
    from vision.views.classifier import SHIPPED, Classifier

    classifier = Classifier(model or SHIPPED)
    names, paths, problems = list_films(source, images, image_column, also=is_dicom)
    scores, failed = classifier.score(paths)
    problems += [(error.kind, f"{paths[row]}:1:1: {error}") for row, error in sorted(failed.items())]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "pa"])
    writer.writerows([name, f"{scores[row]:.6f}"] for row, name in enumerate(names) if row not in failed)
    write(out, text.getvalue())
    finish(problems, allow_refused)


@views.command()
@click.option("--labels", type=READ, required=True, help="CSV with an image column and the column of views.")
@click.option("--images", type=READ, help="Folder the image column is relative to; the CSV's own by default.")
@click.option("--split", help="Rows of this split alone; all by default.")
@click.option("--threshold", type=click.FloatRange(0, 1), default=0.5, show_default=True)
@_model_option
@_column_option
@_leave_out_option
@_by_option
@json_option
@allow_refused_option
def evaluate(
    labels: Path,
    images: Path | None,
    split: str | None,
    threshold: float,
    model: Path | None,
    column: str,
    leave_out: Sequence[str],
    by: Sequence[str],
    as_json: bool,
    allow_refused: bool,
) -> None:
    """Measure the classifier on films whose view is known.

    \b
    Example:
      vnvision views evaluate --labels films.csv --images DIR --split test --by source
    """
    from vision.errors import InputError
    from vision.views.classifier import SHIPPED, Classifier
    from vision.views.measure import measure, read_views

    classifier = Classifier(model or SHIPPED)
    table = read_views(labels, images, column=column, leave_out=leave_out)
    refused = list(table.refused)
    if split:
        rows = table.where(split)
        if not len(rows):
            raise InputError(f"{labels}:1:1: no {split} rows, splits there are {', '.join(sorted(set(table.splits)))}")
        table = table.take(rows)
    groups, problems = measure(classifier, table, by=by, threshold=threshold)
    if as_json:
        print_json({"version": classifier.version, "groups": [_record(group) for group in groups]})
    else:
        click.echo(_table(groups, threshold), nl=False)
    finish([*refused, *problems], allow_refused)


@views.command()
@click.option("--labels", type=READ, required=True, help="CSV with an image column and the column of views.")
@click.option("--images", type=READ, help="Folder the image column is relative to; the CSV's own by default.")
@click.option("-o", "--out", type=READ, required=True, help="The ONNX file.")
@click.option("--valid", type=click.FloatRange(0, 1, max_open=True), default=0.2, show_default=True,
              help="Share of the training patients held out and measured where no row is valid; 0 trains on all.")  # fmt: skip
@click.option("--arch", "model", help="A timm name.")
@click.option("--size", type=click.IntRange(32), help="Side of the films in pixels.")
@click.option("--epochs", type=click.IntRange(1))
@click.option("--batch-size", type=click.IntRange(2))
@click.option("--lr", type=click.FloatRange(0, min_open=True))
@click.option("--seed", type=int)
@click.option("--threads", type=click.IntRange(1), help="Threads that decode and compute.")
@_column_option
@_leave_out_option
@_by_option
@accelerator_option
@allow_refused_option
def train(
    labels: Path,
    images: Path | None,
    out: Path,
    valid: float,
    threads: int | None,
    column: str,
    leave_out: Sequence[str],
    by: Sequence[str],
    accelerator: str,
    allow_refused: bool,
    **options: Any,
) -> None:
    """Train a classifier on films whose view is known, and measure it on patients held out.

    \b
    Example:
      vnvision views train --labels films.csv --images DIR --leave-out licence=NC -o pa.onnx
    """
    from vision.views.classifier import Classifier
    from vision.views.measure import measure, read_views
    from vision.views.train import Recipe
    from vision.views.train import train as run

    table = read_views(labels, images, column=column, leave_out=leave_out, hold_out=valid)
    for note in table.notes:
        say(note)
    given: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    if "model" in given:
        given["options"] = {}  # the default's widths are not another model's
    recipe = replace(Recipe(), **given)
    run(table, out, recipe, cache=out.parent / ".cache", accelerator=accelerator, threads=threads,
        allow_refused=allow_refused, say=say)  # fmt: skip
    say(f"wrote {out}")
    if len(held := table.where("valid")):
        groups, problems = measure(Classifier(out, threads), table.take(held), by=by)
        click.echo(_table(groups, 0.5), nl=False)
        finish(problems, allow_refused)


@views.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes a free one.")
@click.option("--max-mb", type=click.IntRange(1), default=200, show_default=True, help="Largest request.")
@click.option("--threads", type=click.IntRange(1), help="Threads that compute.")
@_model_option
def serve(host: str, port: int, max_mb: int, threads: int | None, model: Path | None) -> None:
    """Answer POST /pa with a DICOM body by its probability, until stopped.

    \b
    Example:
      vnvision views serve --port 8765
      curl --data-binary @film.dcm http://127.0.0.1:8765/pa
    """
    from vision.errors import InputError
    from vision.views.classifier import SHIPPED, Classifier

    classifier = Classifier(model or SHIPPED, threads)
    try:
        from vision.views.serve import app
        from vision.views.serve import serve as run
    except ImportError as error:
        raise InputError(f"{error.name} is missing, pip install 'vnlabel[review]' is needed") from None
    run(app(classifier, max_mb << 20), host, port, lambda url: say(f"listening at {url}, version {classifier.version}"))


def _table(groups: Sequence[Group], threshold: float) -> str:
    from vision.tables import markdown, with_interval

    header = ["Films", "Number", "PA", "AUC", f"Sensitivity at {threshold:g}", "Specificity"]
    rows = [
        [g.name, str(g.films), str(g.pa), *(with_interval(i) for i in (g.auc, g.sensitivity, g.specificity))]
        for g in groups
    ]
    return markdown(header, rows)


def _record(group: Group) -> dict[str, Any]:
    from vision.tables import interval_record

    intervals = {"auc": group.auc, "sensitivity": group.sensitivity, "specificity": group.specificity}
    found = {name: interval_record(value) for name, value in intervals.items()}
    return {"group": group.name, "films": group.films, "pa": group.pa, **found}
