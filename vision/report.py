"""An evaluation as tables (CSV, Markdown in the paper's layout, JSON) and as plots (PNG)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vision import figures, metrics
from vision.files import write_text, write_with
from vision.metrics import Array
from vision.tables import Table, interval_record, markdown, number, number_or_none, title, to_csv, with_interval

if TYPE_CHECKING:
    from vision.evaluate import Difference, Evaluation

PAPER_METRICS = ("f1", "auc", "sensitivity", "specificity")  # the columns of Tables 4, 5 and 6


def paper_rows(evaluation: Evaluation, label: str) -> list[list[str]]:
    """Rows of Tables 4 to 6: label, class, prevalence, F1, AUC, sensitivity, specificity; the average last."""
    share = evaluation.prevalence
    rows = [
        [label if c == 0 else "", title(name), number(share[c], 3)]
        + [with_interval(evaluation.intervals[m], c) for m in PAPER_METRICS]
        for c, name in enumerate(evaluation.classes)
    ]
    averages = [with_interval(evaluation.macro[m]) for m in PAPER_METRICS]
    return [*rows, ["", _over({m: evaluation.intervals[m].point for m in PAPER_METRICS}), "", *averages]]


def _over(points: dict[str, Array]) -> str:
    """The name of a row of macro averages, with the number of classes where each metric is defined."""
    counts = {metrics.NAMES[m]: metrics.macro(values)[1] for m, values in points.items()}
    total = len(next(iter(points.values())))
    if len(set(counts.values())) == 1:
        return f"Average over {next(iter(counts.values()))} of {total} classes"
    return f"Average over {', '.join(f'{n} ({name})' for name, n in counts.items())} of {total} classes"


def baseline_rows(evaluation: Evaluation) -> list[list[str]]:
    """The same rows for calling every film positive, which any model has to beat."""
    share, baseline = evaluation.prevalence, evaluation.all_positive()
    rows = [
        [
            "All positive" if c == 0 else "",
            title(name),
            number(share[c], 3),
            *(number(baseline[m][c]) for m in PAPER_METRICS),
        ]
        for c, name in enumerate(evaluation.classes)
    ]
    averages = [number(metrics.macro(baseline[m])[0]) for m in PAPER_METRICS]
    return [*rows, ["", _over({m: baseline[m] for m in PAPER_METRICS}), "", *averages]]


def paper_cells(first_column: str, blocks: Sequence[tuple[str, Evaluation]]) -> Table:
    """Table 4, 5 or 6: a block of rows for each labelled evaluation, and the all-positive baseline of the first one."""
    header = [first_column, "Class", "Prevalence", "F1 score", "AUC", "Sensitivity", "Specificity"]
    rows = [row for label, evaluation in blocks for row in paper_rows(evaluation, label)]
    return Table(header, [*rows, *baseline_rows(blocks[0][1])])


def paper_table(caption: str, first_column: str, blocks: Sequence[tuple[str, Evaluation]]) -> str:
    """`paper_cells` as Markdown, with its notes."""
    shown = blocks[0][1]
    notes = "".join(f"- {note}\n" for note in dict.fromkeys(note for _, e in blocks for note in e.notes))
    return f"**{caption}**\n\n{markdown(*paper_cells(first_column, blocks))}\n{_about(shown)}{notes}"


def _about(evaluation: Evaluation) -> str:
    patients = f" of {evaluation.patients} patients" if evaluation.patients is not None else ""
    return f"- split {evaluation.split}: {len(evaluation.y)} films{patients}\n"


def detail_table(evaluation: Evaluation) -> Table:
    """Every metric per class."""
    known = (~np.isnan(evaluation.y)).sum(axis=0)
    positives = (evaluation.y == 1).sum(axis=0)
    header = ["Class", "Known", "Positive", "Threshold", *metrics.NAMES.values(), "F1 all positive"]
    baseline = evaluation.all_positive()["f1"]
    rows = [
        [title(name), str(known[c]), str(positives[c]), number(evaluation.thresholds[c])]
        + [with_interval(evaluation.intervals[m], c) for m in metrics.NAMES]
        + [number(baseline[c])]
        for c, name in enumerate(evaluation.classes)
    ]
    average = [with_interval(evaluation.macro[m]) for m in metrics.NAMES]
    label = _over({m: evaluation.intervals[m].point for m in metrics.NAMES})
    rows.append([label, "", "", "", *average, number(metrics.macro(baseline)[0])])
    return Table(header, rows)


def summary(evaluation: Evaluation) -> str:
    """The whole evaluation as Markdown: the paper's Table 6 and Figure 6, then every metric."""
    table6 = paper_table(
        f"Table 6. Performance of {evaluation.name} on {evaluation.split}.", "Model", [("", evaluation)]
    )
    auc = evaluation.intervals["auc"]
    areas = [[title(name), with_interval(auc, c)] for c, name in enumerate(evaluation.classes)]
    figure6 = "**Figure 6. Area under the ROC curve.**\n\n![ROC curves](roc.png)\n\n" + markdown(
        ["Class", "AUC (95 % CI)"], areas
    )
    plots = "![Precision and recall](precision_recall.png)\n\n![Calibration](calibration.png)\n"
    return f"{table6}\n{figure6}\n**Every metric**\n\n{markdown(*detail_table(evaluation))}\n{plots}"


def as_records(evaluation: Evaluation) -> list[dict[str, Any]]:
    """One record a class and metric, and one a metric for the macro average; None is undefined."""
    records = []
    known, positives = (~np.isnan(evaluation.y)).sum(axis=0), (evaluation.y == 1).sum(axis=0)
    share, baseline = evaluation.prevalence, evaluation.all_positive()
    for metric in metrics.NAMES:
        for c, name in enumerate(evaluation.classes):
            own = {"known": int(known[c]), "positives": int(positives[c]), "prevalence": number_or_none(share[c])}
            own |= {"threshold": float(evaluation.thresholds[c]), "all_positive": number_or_none(baseline[metric][c])}
            records.append({"class": name, "metric": metric, **interval_record(evaluation.intervals[metric], c), **own})
        over = metrics.macro(evaluation.intervals[metric].point)[1]
        average: dict[str, float | None] = {"known": None, "positives": None, "prevalence": None, "threshold": None}
        average |= {"all_positive": number_or_none(metrics.macro(baseline[metric])[0])}
        records.append(
            {"class": f"macro over {over}", "metric": metric, **interval_record(evaluation.macro[metric]), **average}
        )
    return records


def comparison_cells(first: Evaluation, second: Evaluation, differences: Sequence[Difference]) -> Table:
    """A paired comparison, one row a metric and class."""
    share = first.prevalence
    baseline = first.all_positive()
    rows = []
    for difference in differences:
        averages = [*baseline[difference.metric], metrics.macro(baseline[difference.metric])[0]]
        for c, name in enumerate([*first.classes, "macro average"]):
            rows.append(
                [
                    metrics.NAMES[difference.metric],
                    title(name),
                    number(share[c], 3) if c < len(share) else "",
                    number(averages[c]),
                    number(difference.first[c]),
                    number(difference.second[c]),
                    with_interval(difference.interval, c),
                    number(difference.p[c], 3),
                ]
            )
    header = ["Metric", "Class", "Prevalence", "All positive", first.name, second.name, "Difference (95 % CI)", "p"]
    return Table(header, rows)


def comparison(first: Evaluation, second: Evaluation, differences: Sequence[Difference]) -> str:
    """`comparison_cells` as Markdown."""
    cells = markdown(*comparison_cells(first, second, differences))
    return (
        f"**{second.name} against {first.name}, paired on {len(first.images)} films of {first.split}**\n\n"
        f"{cells}\n{_about(first)}" + "".join(f"- {note}\n" for note in first.notes)
    )


def difference_records(first: Evaluation, differences: Sequence[Difference]) -> list[dict[str, Any]]:
    """One record a metric and class of a paired comparison."""
    return [
        {
            "class": name,
            "metric": difference.metric,
            "first": number_or_none(difference.first[c]),
            "second": number_or_none(difference.second[c]),
            **interval_record(difference.interval, c),
            "p": number_or_none(difference.p[c]),
        }
        for difference in differences
        for c, name in enumerate([*first.classes, "macro"])
    ]


def write_report(evaluation: Evaluation, folder: Path) -> None:
    """Writes report.md, metrics.csv, roc.png, precision_recall.png and calibration.png."""
    write_text(folder / "report.md", summary(evaluation))
    write_text(folder / "metrics.csv", to_csv(as_records(evaluation)))
    for kind in figures.KINDS:
        write_with(folder / f"{kind}.png", partial(figures.curves(evaluation, kind).savefig, dpi=150))
