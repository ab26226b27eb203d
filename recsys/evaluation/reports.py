"""The files of an evaluation: numbers, curves, and a table over listeners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.evaluation import plots
from recsys.evaluation.reliability import FEW_TRACKS, Reliability
from recsys.metrics import ranking_metrics

Scores = Mapping[str, NDArray[np.float64]]
"""The scores that each model gives the same tracks, by the model's name."""


def draw_curves(path: Path, labels: NDArray[np.int64], scores: Scores, *, title: str) -> None:
    """Draw ROC and precision-recall curves side by side into a png, svg or pdf.

    Labels are 0 or 1; they and each model's scores have the shape (tracks,).
    """
    from sklearn.metrics import precision_recall_curve, roc_curve

    figure = plots.new_figure()
    roc, precision_recall = figure.subplots(1, 2)
    roc.plot([0, 1], [0, 1], **plots.REFERENCE)
    precision_recall.axhline(float(labels.mean()), **plots.REFERENCE)
    for number, (name, values) in enumerate(scores.items()):
        metrics = ranking_metrics(labels, values)
        style = {
            "color": plots.COLOURS[number % len(plots.COLOURS)],
            "linewidth": 2.2 if number == 0 else 1.4,
            "zorder": 10 - number,
            "where": "post",
        }
        false_positives, true_positives, _ = roc_curve(labels, values, drop_intermediate=False)
        label = f"{name}: AUC {metrics['auc']:.3f}"
        roc.step(false_positives, true_positives, label=label, **style)
        precision, recall, _ = precision_recall_curve(labels, values)
        label = f"{name}: MAP {metrics['map']:.3f}"
        precision_recall.step(recall, precision, label=label, **style)
    plots.tidy(roc, xlabel="false positive rate", ylabel="true positive rate", title="ROC")
    plots.tidy(precision_recall, xlabel="recall", ylabel="precision", title="Precision and recall")
    for axes in (roc, precision_recall):
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axes.legend(loc="lower right", frameon=True, framealpha=0.9, edgecolor="none")
    figure.suptitle(title, fontweight="bold")
    plots.save_figure(figure, path, dpi=150)


def draw_reliability(path: Path, curve: Reliability, *, title: str) -> None:
    """Draw the share of tracks listened to against relevance into a png, svg or pdf."""
    figure = plots.new_figure(5.6, 6.0)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], **plots.REFERENCE)
    axes.errorbar(
        curve.relevance,
        curve.share,
        yerr=np.maximum([curve.share - curve.low, curve.high - curve.share], 0),
        color=plots.COLOURS[0],
        marker="o",
        capsize=3,
        elinewidth=1,
    )
    about = f"expected calibration error {curve.ece:.3f}, Brier score {curve.brier:.3f}"
    if curve.says_little:
        about += f"\non under {FEW_TRACKS} tracks this curve says little"
    plots.tidy(axes, xlabel="mean relevance", ylabel="share listened, 95 % interval", title=about)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    figure.suptitle(title, fontweight="bold")
    plots.save_figure(figure, path, dpi=150)


def summarise(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a table with a row for each listener and a last one of means and deviations.

    Parameters
    ----------
    rows : sequence of mappings with the same keys
        The listener first, then whole numbers such as counts, and metrics (floats).

    Returns
    -------
    DataFrame, numbers as text
        The last row has "mean ± standard deviation" over the listeners (dividing by their
        number), as published, and the sum of whole numbers.
    """
    table = pd.DataFrame(rows)
    last: dict[str, object] = {table.columns[0]: "mean ± std"}
    for name in table.columns[1:]:
        values = table[name].to_numpy()
        if values.dtype.kind in "iu":
            last[name] = int(values.sum())
        else:
            last[name] = f"{values.mean():.3f} ± {values.std():.3f}"
            table[name] = [f"{value:.3f}" for value in values]
    return pd.concat([table.astype("str"), pd.DataFrame([last]).astype("str")], ignore_index=True)


def as_text(table: pd.DataFrame) -> str:
    """Format a table for a terminal, with names on the left and the last row set apart."""
    columns = [[str(name), *(str(value) for value in table[name])] for name in table.columns]
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for row in zip(*columns, strict=True):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])
