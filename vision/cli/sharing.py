"""Commands whose result goes to somebody else: `export`, `cam`, `report`."""

from __future__ import annotations

from collections.abc import Sequence
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
    say,
    threshold_or_split,
)
from vision.errors import InputError

FORMATS = (".safetensors", ".onnx")  # as in vision.export, which takes seconds to import


def _formats(context: click.Context, parameter: click.Parameter, paths: Sequence[Path]) -> Sequence[Path]:
    for path in paths:
        if path.suffix not in FORMATS:
            raise click.BadParameter(f"{path} has the suffix of no format, {' or '.join(FORMATS)} is needed")
    return paths


@cli.command()
@click.argument("source", type=READ)
@click.option(
    "-o",
    "--out",
    "outs",
    type=READ,
    multiple=True,
    required=True,
    callback=_formats,
    help="FILE.safetensors or FILE.onnx; may repeat.",
)
@click.option("--thresholds", callback=threshold_or_split, default=None, help="A number, or a split to choose them on.")
@click.option("--labels", type=READ, help="Labels to choose thresholds by; the run's own by default.")
@click.option("--images", type=READ, help="Folder of the films.")
@batch_size_option
@accelerator_option
@allow_refused_option
def export(
    source: Path,
    outs: Sequence[Path],
    thresholds: str | float | None,
    labels: Path | None,
    images: Path | None,
    batch_size: int,
    accelerator: str,
    allow_refused: bool,
) -> None:
    """Write SOURCE, a run's folder or a checkpoint, as safetensors or ONNX.

    Label names, size, normalisation and thresholds go with the weights.

    \b
    Example:
      vnvision export runs/first -o model.safetensors -o model.onnx --thresholds valid
    """
    from vision import evaluate as room
    from vision.export import export as run

    opened = room.open_source(source)
    if opened.checkpoint is None:
        raise InputError(f"{source}:1:1: predictions, a run's folder or a checkpoint is needed")
    cuts, problems = None, []
    if isinstance(thresholds, str):
        table = room.labels_for(opened, labels, images)
        problems = list(table.refused)
        chosen, bad = room.choose_thresholds(opened, table, thresholds, batch_size=batch_size, accelerator=accelerator)
        cuts, problems = chosen.tolist(), [*problems, *bad]
    elif thresholds is not None:
        cuts = [thresholds] * len(opened.classes)
    for out in outs:
        run(opened.checkpoint, out, thresholds=cuts)
        click.echo(out)
    if isinstance(thresholds, str):
        say(f"thresholds chosen on {thresholds} for the highest F1")
    finish(problems, allow_refused)


@cli.command()
@click.argument("source", type=READ)
@click.argument("films", type=READ, nargs=-1)
@click.option("--class", "names", multiple=True, help="A class to explain; may repeat. All by default.")
@click.option("--count", type=click.IntRange(1), default=2, show_default=True, help="Films of each kind and class.")
@click.option("--labels", type=READ, help="Labels to tell right from wrong by; the run's own by default.")
@click.option("--images", type=READ, help="Folder of the films.")
@click.option("--split", help="test where there is one, else valid.")
@click.option("-o", "--out", type=READ, help="Folder for the pages; cam in the run's by default.")
@batch_size_option
@accelerator_option
@allow_refused_option
def cam(
    source: Path,
    films: Sequence[Path],
    names: Sequence[str],
    count: int,
    labels: Path | None,
    images: Path | None,
    split: str | None,
    out: Path | None,
    batch_size: int,
    accelerator: str,
    allow_refused: bool,
) -> None:
    """Show by Grad-CAM where SOURCE, a run's folder or a checkpoint, sees a class.

    Of the FILMS that are named; without any, of the most confident right and wrong ones of each class.

    \b
    Example:
      vnvision cam runs/first
      vnvision cam runs/first film.jpg --class pleura -o cam
    """
    from vision import cam as room
    from vision import evaluate

    opened = evaluate.open_source(source)
    if opened.checkpoint is None:
        raise InputError(f"{source}:1:1: predictions, a run's folder or a checkpoint is needed")
    options: dict[str, Any] = {"batch_size": batch_size, "accelerator": accelerator}
    if films:
        examples, problems = room.explain_named(opened.checkpoint, films, names, **options)
        heading = f"{opened.name}: {len(films)} films"
    else:
        table = evaluate.labels_for(opened, labels, images)
        split = split or evaluate.reported_split(table)
        examples, problems = room.explain_confident(opened, table, split, names=names, count=count, **options)
        problems = [*table.refused, *problems]
        heading = f"{opened.name}: the most confident films of {split}, right and wrong"
    folder = out or (source if source.is_dir() else source.parent) / "cam"
    if examples:
        room.write_pages(examples, folder, heading)
        click.echo(folder / "cam.html")
    finish(problems, allow_refused)
    if not examples:
        raise InputError(f"{source}: no film to show, one with a label or a positive score is needed")


@cli.command()
@click.argument("folders", type=READ, nargs=-1, required=True, metavar="RUN...")
@click.option("-o", "--out", type=READ, help="The page; report.html in the run's folder, in ./ for several.")
@click.option("--split", help="test where there is one, else valid.")
@click.option(
    "--thresholds", default="0.5", callback=threshold_or_split, help="A number, or a split to choose them on."
)
@click.option("--replicates", type=click.IntRange(1), default=3000, show_default=True)
@click.option(
    "--count", type=click.IntRange(0), default=1, show_default=True, help="Grad-CAM films of each kind and class."
)
@batch_size_option
@accelerator_option
@allow_refused_option
def report(
    folders: Sequence[Path],
    out: Path | None,
    split: str | None,
    thresholds: str | float,
    replicates: int,
    count: int,
    batch_size: int,
    accelerator: str,
    allow_refused: bool,
) -> None:
    """Write one self-contained page on a run, or on several side by side.

    \b
    Example:
      vnvision report runs/first
      vnvision report runs/first runs/second -o both.html
    """
    from vision.files import write_text
    from vision.runs import page, read_run

    runs, problems = [], list[tuple[str, str]]()
    for folder in folders:
        run, bad = read_run(
            folder, split=split, thresholds=thresholds, n=replicates, count=count, batch_size=batch_size,
            accelerator=accelerator,
        )  # fmt: skip
        runs.append(run)
        problems += [problem for problem in bad if problem not in problems]
    target = out or (folders[0] / "report.html" if len(folders) == 1 else Path("report.html"))
    write_text(target, page(runs))
    click.echo(target)
    finish(problems, allow_refused)
