"""Figures of runs and evaluations, drawn without a display and without global state."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_curve

from vision.tables import title, with_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vision.evaluate import Evaluation

KINDS = {  # of curves, with the names of their axes
    "roc": ("1 - specificity", "sensitivity"),
    "precision_recall": ("recall", "precision"),
    "calibration": ("mean score", "share of positives"),
}
_LEARNING = {"train_loss": "training loss", "macro_f1": "macro F1 on valid", "macro_auc": "macro AUC on valid"}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this size in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def svg(figure: Figure) -> str:
    """The figure as SVG text, the same for the same figure."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": "vnvision"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def curves(evaluation: Evaluation, kind: str) -> Figure:
    """ROC, precision-recall or calibration curves of all classes."""
    figure = new_figure(6, 6)
    axes = figure.add_subplot(aspect="equal", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set(xlabel=KINDS[kind][0], ylabel=KINDS[kind][1], title=f"{evaluation.name}, {evaluation.split}")
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
    return figure


def learning(histories: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """Training loss, macro F1 and macro AUC over the steps, a line for each run."""
    figure = new_figure(11, 3.2)
    for number, (key, label) in enumerate(_LEARNING.items()):
        axes = figure.add_subplot(1, len(_LEARNING), number + 1, xlabel="step", title=label)
        for name, history in histories.items():
            steps, values = [entry["step"] for entry in history], [entry[key] for entry in history]
            axes.plot(steps, values, marker="." if len(steps) < 30 else None, label=name)
        axes.grid(alpha=0.25)
    if len(histories) > 1:
        axes.legend(fontsize="small")
    return figure
