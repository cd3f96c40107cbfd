"""The command `vnvision`: thin, each command parses its arguments, calls a room, and prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click

from vision.errors import InputError

# Only what `--help` needs is imported here: torch and timm take seconds, and the commands import what they use.

READ = click.Path(path_type=Path)


def _version() -> str:
    try:
        return version("vnlabel")
    except PackageNotFoundError:
        return "0"


def _say(line: str) -> None:
    click.echo(line, err=True)


def _finish(problems: Sequence[tuple[str, str]], allow_refused: bool) -> None:
    """Names and counts what was refused; exit status 2 unless that is allowed."""
    from vision.data import counted

    if problems:
        for line in counted(list(problems)):
            _say(line)
        if not allow_refused:
            raise SystemExit(2)


def _write(path: str, text: str) -> None:
    from vision.files import write_text

    if path == "-":
        click.echo(text, nl=False)
    else:
        write_text(Path(path), text)


def _numbers_or_split(context: click.Context, parameter: click.Parameter, value: str) -> str | float:
    try:
        number = float(value)
    except ValueError:
        if value in ("train", "valid", "test"):
            return value
        raise click.BadParameter(f"{value!r} is neither a number in 0..1 nor train, valid or test") from None
    if not 0 <= number <= 1:
        raise click.BadParameter(f"{value} is no threshold, a number in 0..1 is")
    return number


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), prog_name="vnvision")
def cli() -> None:
    """From a label CSV and a folder of films to trained and measured models."""


_allow_refused = click.option("--allow-refused", is_flag=True, help="Leave bad rows and files out and go on, exit 0.")
_accelerator = click.option("--accelerator", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto")
_batch_size = click.option("--batch-size", type=click.IntRange(1), default=32, show_default=True)


@cli.command()
@click.option("--labels", type=READ, help="CSV with an image column and classes of 0, 1, -1 or blank.")
@click.option("--images", type=READ, help="Folder the image column is relative to; the CSV's own by default.")
@click.option("-o", "--out", type=READ, required=True, help="Folder of the run; a run that lies there is continued.")
@click.option("--config", type=READ, help="YAML configuration; options and --set go over it.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any key of the configuration.")
@click.option("--model", help="resnet50, densenet121, inception_v3, efficientnet_b2 or any timm name.")
@click.option("--init", metavar="random|imagenet|FILE", help="Weights to begin with.")
@click.option("--loss", type=click.Choice(["bce", "asl", "dbl"]))
@click.option("--size", type=int, help="Side of the films in pixels.")
@click.option("--batch-size", type=int, help="Films of one optimiser step.")
@click.option("--epochs", type=int)
@click.option("--lr", type=float, help="Highest learning rate.")
@click.option("--classes", help="Class columns, with commas.")
@click.option("--status", help="Values of the column status that are used, with commas: auto,reviewed.")
@click.option("--uncertain", type=click.Choice(["ones", "zeros", "ignore"]), help="What -1 means.")
@click.option("--save-every", type=int, help="Steps between saved states; each validation by default.")
@click.option("--seed", type=int)
@click.option("--precision", type=click.Choice(["32", "bf16"]))
@click.option("--devices", type=int, help="GPUs, or ranks on the CPU.")
@_allow_refused
def train(out: Path, config: Path | None, settings: Sequence[str], allow_refused: bool, **options: Any) -> None:
    """Train a model; the paper's settings are the defaults.

    A killed run is continued by the same command, or by `vnvision train -o RUN` alone.
    """
    from vision.config import apply_settings, parse_yaml, validate
    from vision.train import train as run

    saved = out / "config.yaml"
    given = {key: value for key, value in options.items() if value is not None}
    for key in ("classes", "status"):
        if key in given:
            given[key] = [name.strip() for name in given[key].split(",")]
    source = config or (saved if saved.exists() and "labels" not in given else None)
    values = apply_settings({**(parse_yaml(source) if source else {}), **given}, settings)
    if "labels" not in values:
        raise InputError("--labels: missing, a CSV of labels is needed")
    best = run(validate(values, str(source or "options")), out, allow_refused=allow_refused, say=_say)
    click.echo(best)


@cli.command()
@click.argument("source", type=READ)
@click.option("--labels", type=READ, help="Labels to measure by; the run's own by default.")
@click.option("--images", type=READ, help="Folder of the films.")
@click.option("--split", help="test where there is one, else valid.")
@click.option("--thresholds", default="0.5", callback=_numbers_or_split, help="A number, or a split to choose them on.")
@click.option("--against", type=READ, help="Another run, checkpoint or predictions file, compared in pairs.")
@click.option("-o", "--out", type=READ, help="Folder for tables and plots; evaluation-SPLIT in the run's by default.")
@click.option("--image-column")
@click.option("--patient-column")
@click.option("--replicates", type=click.IntRange(1), default=3000, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
@_batch_size
@_accelerator
@_allow_refused
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
    """Measure SOURCE, a run's folder, a checkpoint or a predictions CSV."""
    from vision import evaluate as room
    from vision import report
    from vision.files import write_text

    evaluations, problems = [], list[tuple[str, str]]()
    opened = room.open_source(source)
    table = room.labels_for(opened, labels, images, image_column=image_column, patient_column=patient_column)
    for one in [opened, *([room.open_source(against)] if against else [])]:
        if one.classes != table.classes:
            raise InputError(f"{one.path}: classes {', '.join(one.classes)}, the same as of {source} are needed")
        evaluation, bad = room.evaluate(
            one, table, split=split, thresholds=thresholds, n=replicates, seed=seed, batch_size=batch_size,
            accelerator=accelerator,
        )  # fmt: skip
        evaluations.append(evaluation)
        problems += [problem for problem in bad if problem not in problems]
    first = evaluations[0]
    folder = out or (source if source.is_dir() else source.parent) / f"evaluation-{first.split}"
    report.write_report(first, folder)
    write_text(folder / "predictions.csv", room.Scores(first.images, first.classes, first.scores).to_csv())
    text = report.summary(first)
    result: dict[str, Any] = {"split": first.split, "films": len(first.images), "patients": first.patients}
    result |= {"notes": list(first.notes), "metrics": report.as_records(first)}
    if against:
        differences = room.compare(first, evaluations[1])
        paired = report.comparison(first, evaluations[1], differences)
        write_text(folder / "comparison.md", paired)
        text += "\n" + paired
        result["against"] = report.difference_records(first, differences)
    click.echo(json.dumps(result, indent=2) if as_json else text)
    _say(f"tables and plots in {folder}")
    _finish(problems, allow_refused)


@cli.command()
@click.argument("checkpoint", type=READ)
@click.argument("source", type=READ)
@click.option("--images", type=READ, help="Folder the CSV's image column is relative to.")
@click.option("--image-column")
@click.option("-o", "--out", default="-", help="Predictions CSV, `image` and one score per class; - is stdout.")
@_batch_size
@_accelerator
@_allow_refused
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
    """Score the films of SOURCE, a folder or a CSV, with CHECKPOINT (best.pt)."""
    from vision.evaluate import predict as run
    from vision.models import load_checkpoint

    model = load_checkpoint(checkpoint / "best.pt" if checkpoint.is_dir() else checkpoint)
    scores, problems = run(
        model, source, images=images, image_column=image_column, batch_size=batch_size, accelerator=accelerator
    )
    _write(out, scores.to_csv())
    _finish(problems, allow_refused)


@cli.command()
@click.option("--model", default="efficientnet_b2", show_default=True)
@click.option("--size", type=int, default=768, show_default=True)
@click.option("--batch-size", type=int, default=16, show_default=True)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any key of the configuration.")
@click.option("--steps", type=click.IntRange(1), default=10, show_default=True, help="Optimiser steps of one timing.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Timings, of which the median.")
@click.option("--films", type=click.IntRange(1), default=256, show_default=True, help="Films in the drawn set.")
@click.option("--gains/--no-gains", default=True, help="Also channels_last, bf16, fused Adam, torch.compile, each.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def bench(
    model: str, size: int, batch_size: int, settings: Sequence[str], steps: int, rounds: int, films: int, gains: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Images per second of training, against the model alone in the same run."""
    from vision.bench import bench as run
    from vision.config import apply_settings, validate
    from vision.models import resolve

    values = {"labels": ".", "model": resolve(model), "size": size, "batch_size": batch_size}
    config = validate(apply_settings(values, settings), "options")
    result = run(config, steps=steps, rounds=rounds, films=films, gains=gains)
    if as_json:
        click.echo(json.dumps(result, indent=2))
        return

    def shown(value: object) -> str:
        return str(value) if not isinstance(value, float) else f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"

    gained = result.pop("gains", {})
    for key, value in result.items():
        click.echo(f"{key.replace('_', ' '):36} {shown(value)}")
    for key, value in gained.items():
        click.echo(f"{f'gain of {key}':36} {f'{value:.2f} times' if isinstance(value, float) else value}")


@cli.command()
@click.argument("file", type=READ)
@click.option("-o", "--out", type=READ, required=True, help="Folder of the runs; what is finished is not done again.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A key of the base, pretrain.KEY of that.")
@_accelerator
@_allow_refused
def sweep(file: Path, out: Path, settings: Sequence[str], accelerator: str, allow_refused: bool) -> None:
    """Train and measure a grid of configurations, and write it as one of the paper's tables.

    FILE is a YAML file, or table4 or table5 for the shipped ones.
    """
    from vision.sweep import sweep as run

    click.echo(run(file, out, settings, accelerator=accelerator, allow_refused=allow_refused, say=_say))


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point: bad input is one line each on stderr and exit status 2, never a traceback."""
    try:
        cli(arguments)
    except InputError as error:
        _say(str(error))
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:
        _say(f"{error.filename or 'output'}:1:1: {error.strerror or error}, another place is needed")
        sys.exit(2)


if __name__ == "__main__":
    main()
