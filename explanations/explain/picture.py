"""A picture of an explanation: each stem's waveform, its components shaded by weight."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from explanations.store import TITLES, Explanation
from lemons_utils import SAMPLE_RATE
from recsys.evaluation import plots

POINTS = 1500


def draw(
    explanation: Explanation, stems: NDArray[np.float32], path: Path, *, title: str = ""
) -> None:
    """Draw an explanation as PNG (or whatever the suffix says).

    Orange speaks for the recommendation, blue against it; the three components that speak most
    for it are framed.

    Parameters
    ----------
    explanation : Explanation
    stems : ndarray [shape=(stems, samples)], float32
    path : Path
    title : str
        Of the track.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import TwoSlopeNorm
    from matplotlib.patches import Rectangle

    weight = explanation.components.grid(explanation.weights)
    largest = max(float(np.abs(weight).max()), 1e-9)
    shade = ScalarMappable(TwoSlopeNorm(0.0, -largest, largest), "PuOr_r")
    framed = explanation.grid(explanation.top(3))
    height = 1.2 * len(stems) + 1.0
    figure = plots.new_figure(11, height, layout=None)
    axes = figure.subplots(len(stems), 1, sharex=True, squeeze=False)
    figure.subplots_adjust(left=0.1, right=0.93, bottom=0.5 / height, top=1 - 0.45 / height)
    loudest = max(float(np.abs(stems).max()), 1e-6)
    for row, (axis, stem) in enumerate(zip(axes[:, 0], stems, strict=True)):
        for column, (start, end) in enumerate(explanation.segments):
            bounds = start / SAMPLE_RATE, end / SAMPLE_RATE
            axis.axvspan(*bounds, color=shade.to_rgba(weight[column, row]), alpha=0.75, lw=0)
            if framed[column, row]:
                frame = Rectangle(
                    (bounds[0], -1), bounds[1] - bounds[0], 2, fill=False, ec="black", lw=1.6
                )
                axis.add_patch(frame)
            axis.text(
                sum(bounds) / 2, -0.93, f"{weight[column, row]:+.3f}", ha="center", fontsize=7
            )
        times, low, high = _outline(stem / loudest)
        axis.fill_between(times, low, high, color="#2d3748", lw=0)
        axis.set(ylim=(-1, 1), yticks=[], xlim=(0, len(stem) / SAMPLE_RATE))
        axis.set_ylabel(explanation.stem_names[row], rotation=0, ha="right", va="center")
        axis.spines[:].set_visible(False)
    axes[-1, 0].set_xlabel("time [s]")
    figure.suptitle(
        f"{title + ': ' if title else ''}relevance {explanation.relevance:.2f}, "
        f"{TITLES[explanation.kind]}, fidelity {explanation.fidelity:.2f}",
        fontsize=11,
        y=1 - 0.12 / height,
    )
    bar = figure.colorbar(shade, ax=axes[:, 0].tolist(), fraction=0.025, pad=0.01)
    bar.set_label("weight")
    plots.save_figure(figure, path, dpi=130)


def _outline(
    waveform: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
    """Lowest and highest sample of some stretches of equal length."""
    starts = np.unique(np.linspace(0, len(waveform), POINTS, endpoint=False).astype(np.int64))
    low = np.minimum.reduceat(waveform, starts)
    high = np.maximum.reduceat(waveform, starts)
    return starts / SAMPLE_RATE, low, high
