"""An evaluation as tables (CSV, Markdown in the paper's layout, JSON) and as plots (PNG)."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_curve

from vision import metrics
from vision.bootstrap import Interval
from vision.files import write_text, write_with
from vision.metrics import Array

if TYPE_CHECKING:
    from vision.evaluate import Difference, Evaluation

PAPER_METRICS = ("f1", "auc", "sensitivity", "specificity")  # the columns of Tables 4, 5 and 6


def number(value: float, digits: int = 4) -> str:
    """A number for a table; `undefined` stays a word."""
    return "undefined" if math.isnan(value) else f"{value:.{digits}f}"


def with_interval(interval: Interval, column: int = 0) -> str:
    """`0.4483 (0.327, 0.559)`, the paper's way; says how many replicates were undefined, where any were."""
    point = number(float(interval.point[column]))
    if math.isnan(interval.low[column]):
        return point
    left_out = int(interval.undefined[column])
    note = f"; {left_out} undefined" if left_out else ""
    return f"{point} ({interval.low[column]:.3f}, {interval.high[column]:.3f}{note})"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [list(header), ["---"] * len(header), *(list(row) for row in rows)]
    return "".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def title(name: str) -> str:
    """`chest_wall` is Chest wall."""
    return name.replace("_", " ")[:1].upper() + name.replace("_", " ")[1:]


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


def paper_table(caption: str, first_column: str, blocks: Sequence[tuple[str, Evaluation]]) -> str:
    """Table 4, 5 or 6: a block of rows for each labelled evaluation, and the all-positive baseline of the first one."""
    header = [first_column, "Class", "Prevalence", "F1 score", "AUC", "Sensitivity", "Specificity"]
    rows = [row for label, evaluation in blocks for row in paper_rows(evaluation, label)]
    shown = blocks[0][1]
    notes = "".join(f"- {note}\n" for note in dict.fromkeys(note for _, e in blocks for note in e.notes))
    return f"**{caption}**\n\n{markdown(header, [*rows, *baseline_rows(shown)])}\n{_about(shown)}{notes}"


def _about(evaluation: Evaluation) -> str:
    patients = f" of {evaluation.patients} patients" if evaluation.patients is not None else ""
    return f"- split {evaluation.split}: {len(evaluation.y)} films{patients}\n"


def detail_table(evaluation: Evaluation) -> str:
    """Every metric per class as Markdown."""
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
    return markdown(header, rows)


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
    return f"{table6}\n{figure6}\n**Every metric**\n\n{detail_table(evaluation)}\n{plots}"


def as_records(evaluation: Evaluation) -> list[dict[str, Any]]:
    """One record a class and metric, and one a metric for the macro average; None is undefined."""
    records = []
    known, positives = (~np.isnan(evaluation.y)).sum(axis=0), (evaluation.y == 1).sum(axis=0)
    share, baseline = evaluation.prevalence, evaluation.all_positive()
    for metric in metrics.NAMES:
        for c, name in enumerate(evaluation.classes):
            own = {"known": int(known[c]), "positives": int(positives[c]), "prevalence": _number(share[c])}
            own |= {"threshold": float(evaluation.thresholds[c]), "all_positive": _number(baseline[metric][c])}
            records.append({"class": name, "metric": metric, **interval_record(evaluation.intervals[metric], c), **own})
        over = metrics.macro(evaluation.intervals[metric].point)[1]
        average: dict[str, float | None] = {"known": None, "positives": None, "prevalence": None, "threshold": None}
        average |= {"all_positive": _number(metrics.macro(baseline[metric])[0])}
        records.append(
            {"class": f"macro over {over}", "metric": metric, **interval_record(evaluation.macro[metric]), **average}
        )
    return records


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def interval_record(interval: Interval, column: int = 0) -> dict[str, float | int | None]:
    """One column of an interval; None is undefined."""
    return {
        "value": _number(interval.point[column]),
        "low": _number(interval.low[column]),
        "high": _number(interval.high[column]),
        "undefined_replicates": int(interval.undefined[column]),
    }


def to_csv(records: Sequence[dict[str, Any]]) -> str:
    """Records as CSV; what is None is the word undefined where it is a value, and blank where it does not apply."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
    writer.writeheader()
    for record in records:
        values = {k: "undefined" for k in ("value", "low", "high") if k in record and record[k] is None}
        writer.writerow(record | values)
    return text.getvalue()


def comparison(first: Evaluation, second: Evaluation, differences: Sequence[Difference]) -> str:
    """A paired comparison as Markdown."""
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
    return (
        f"**{second.name} against {first.name}, paired on {len(first.images)} films of {first.split}**\n\n"
        f"{markdown(header, rows)}\n{_about(first)}" + "".join(f"- {note}\n" for note in first.notes)
    )


def difference_records(first: Evaluation, differences: Sequence[Difference]) -> list[dict[str, Any]]:
    """One record a metric and class of a paired comparison."""
    return [
        {
            "class": name,
            "metric": difference.metric,
            "first": _number(difference.first[c]),
            "second": _number(difference.second[c]),
            **interval_record(difference.interval, c),
            "p": _number(difference.p[c]),
        }
        for difference in differences
        for c, name in enumerate([*first.classes, "macro"])
    ]


def write_report(evaluation: Evaluation, folder: Path) -> None:
    """Writes report.md, metrics.csv, roc.png, precision_recall.png and calibration.png."""
    write_text(folder / "report.md", summary(evaluation))
    write_text(folder / "metrics.csv", to_csv(as_records(evaluation)))
    _plot(folder / "roc.png", evaluation, "roc")
    _plot(folder / "precision_recall.png", evaluation, "precision_recall")
    _plot(folder / "calibration.png", evaluation, "calibration")


def _plot(path: Path, evaluation: Evaluation, kind: str) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import; no display, no global state
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(aspect="equal", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    labels = {
        "roc": ("1 - specificity", "sensitivity"),
        "precision_recall": ("recall", "precision"),
        "calibration": ("mean score", "share of positives"),
    }
    axes.set(xlabel=labels[kind][0], ylabel=labels[kind][1], title=f"{evaluation.name}, {evaluation.split}")
    if kind != "precision_recall":
        axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":")
    for c, name in enumerate(evaluation.classes):
        known = ~np.isnan(evaluation.y[:, c])
        y, score = evaluation.y[known, c], evaluation.scores[known, c]
        if len(set(y.tolist())) < 2:
            axes.plot([], [], label=f"{title(name)}: undefined")
        elif kind == "roc":
            fpr, tpr, _ = roc_curve(y, score)
            axes.plot(fpr, tpr, label=f"{title(name)}: AUC {with_interval(evaluation.intervals['auc'], c)}")
        elif kind == "precision_recall":
            precision, recall, _ = precision_recall_curve(y, score)
            share = f"{with_interval(evaluation.intervals['ap'], c)}, prevalence {y.mean():.3f}"
            (line,) = axes.plot(recall, precision, drawstyle="steps-post", label=f"{title(name)}: AP {share}")
            axes.axhline(y.mean(), color=line.get_color(), linewidth=0.8, linestyle=":")
        else:
            share_true, mean_score = calibration_curve(y, score, n_bins=10, strategy="quantile")
            brier = with_interval(evaluation.intervals["brier"], c)
            axes.plot(mean_score, share_true, marker="o", label=f"{title(name)}: Brier {brier}")
    axes.legend(fontsize="small", loc="lower right" if kind == "roc" else "best")
    write_with(path, lambda temporary: figure.savefig(temporary, dpi=150))
