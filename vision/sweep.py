"""A grid of runs, trained and measured one after the other, as one of the paper's tables.

A sweep is a YAML file: `base` holds the keys of the configuration that all runs share, `grid` lists values for some
keys, `pretrain` is a configuration that is trained first for every model of the grid, and that the runs with
`init: pretrained` begin with; `caption`, `column`, `label` and `names` say what the table looks like.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vision import report
from vision.config import TrainConfig, apply_settings, parse_yaml, validate
from vision.errors import InputError, nearest
from vision.evaluate import Evaluation, evaluate, labels_for, open_source
from vision.files import write_text
from vision.models import resolve
from vision.tables import to_csv
from vision.train import Say, train

SHIPPED = Path(__file__).parent / "sweeps"


class Sweep(BaseModel):
    """A sweep's file."""

    model_config = ConfigDict(extra="forbid")

    caption: str
    column: str = "Run"
    label: str | None = None
    names: dict[str, str] = {}
    base: dict[str, Any] = {}
    pretrain: dict[str, Any] = {}
    grid: dict[str, list[Any]] = Field(min_length=1)
    replicates: int = Field(default=3000, ge=1)


def load_sweep(file: Path, settings: Sequence[str] = ()) -> Sweep:
    """A sweep's file, or the shipped one of that name, with `settings` (`key=value` of `base`, `pretrain.key=value`).

    Raises:
        InputError: no such file, or keys and values that a sweep does not have.
    """
    if not file.exists() and (SHIPPED / f"{file}.yaml").exists():
        file = SHIPPED / f"{file}.yaml"
    values = parse_yaml(file)
    placed = [s if s.startswith(("pretrain.", "grid.")) else f"base.{s}" for s in settings]
    try:
        sweep = Sweep.model_validate(apply_settings(values, placed))
    except ValidationError as error:
        problems = []
        for item in error.errors():
            key = str(item["loc"][0])
            hint = nearest(key, Sweep.model_fields) if item["type"] == "extra_forbidden" else ""
            problems.append(f"{file}: {'.'.join(map(str, item['loc']))}: {item['msg']}{hint}")
        raise InputError(problems) from None
    for key in sweep.grid:
        if key not in TrainConfig.model_fields:
            raise InputError(f"{file}: grid: no key {key!r}{nearest(key, TrainConfig.model_fields)}")
    return sweep


def sweep(
    file: Path,
    out: Path,
    settings: Sequence[str] = (),
    *,
    accelerator: str = "auto",
    allow_refused: bool = False,
    say: Say = print,
) -> str:
    """Trains and measures every run of the grid and returns the table, which `out` then holds as well.

    What is finished is not trained again, what was killed is continued. A run that cannot be trained does not stop the
    others.

    Raises:
        InputError: after the others are done, why some runs could not be.
    """
    plan = load_sweep(file, settings)
    blocks: list[tuple[str, Evaluation]] = []
    failures: list[str] = []
    for values in itertools.product(*plan.grid.values()):
        combination = dict(zip(plan.grid, values, strict=True))
        try:
            config = _configured(plan, combination, out, allow_refused, say)
            name = _name(config, {**plan.base, **combination}, combination)
            say(f"== {name}")
            train(config, out / name, allow_refused=allow_refused, say=say)
            source = open_source(out / name)
            evaluation, _ = evaluate(source, labels_for(source, None, None), n=plan.replicates, accelerator=accelerator)
        except InputError as error:
            failures += [f"{', '.join(f'{k} {v}' for k, v in combination.items())}: {line}" for line in error.problems]
            say(f"== not done, the reason is below: {', '.join(map(str, values))}")
            continue
        report.write_report(evaluation, out / name / f"evaluation-{evaluation.split}")
        shown = {key: plan.names.get(str(value), str(value)) for key, value in combination.items()}
        blocks.append((plan.label.format(**shown) if plan.label else " + ".join(shown.values()), evaluation))
    table = report.paper_table(plan.caption, plan.column, blocks) if blocks else ""
    if blocks:
        write_text(out / f"{file.stem}.md", table)
        records = [{"run": label, **record} for label, evaluation in blocks for record in report.as_records(evaluation)]
        write_text(out / f"{file.stem}.csv", to_csv(records))
    if failures:
        done = f"{len(blocks)} runs are in {out / file.stem}.md" if blocks else "no run was done"
        raise InputError([*failures, f"{len(failures)} problems; {done}"])
    return table


def _configured(plan: Sweep, combination: dict[str, Any], out: Path, allow_refused: bool, say: Say) -> TrainConfig:
    """The configuration of one run, its pretraining done."""
    values = {**plan.base, **combination}
    if values.get("init") == "pretrained":
        model = resolve(str(values.get("model", TrainConfig.model_fields["model"].default)))
        if "labels" not in plan.pretrain:
            raise InputError("init pretrained: nothing to pretrain on, --set pretrain.labels=FILE is needed")
        say(f"== pretraining of {model}")
        first = validate({**plan.pretrain, "model": model}, "pretrain")
        values["init"] = str(train(first, out / f"pretrained-{model}", allow_refused=allow_refused, say=say).absolute())
    if "labels" not in values:
        raise InputError("labels: missing, --set labels=FILE is needed")
    return validate(values, "sweep")


def _name(config: TrainConfig, values: dict[str, Any], combination: dict[str, Any]) -> str:
    """A folder's name, the same in every sweep that has this run."""
    parts = [resolve(config.model), str(config.size), Path(str(values.get("init", config.init))).stem, config.loss]
    parts += [f"{key}-{value}" for key, value in combination.items() if key not in ("model", "size", "init", "loss")]
    return "-".join(parts).replace("/", "_")
