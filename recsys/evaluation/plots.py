"""The one style of all charts: curves of evaluations, studies, explanations as pictures.

The colours of the app's page are in `explanations.player.palette`: that page has two themes,
while a picture is always on white.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lemons_utils import write_beside

COLOURS = ("#1b6ca8", "#d98a1f", "#5a8f4a", "#a23b52", "#6a5aa0", "#8a8f98", "#2a9d9d")
REFERENCE: dict[str, Any] = {"color": "#8a8f98", "linewidth": 1, "linestyle": (0, (4, 3))}
"""The look of a line to compare with: chance, a target, zero."""


def new_figure(
    width: float = 9.6,
    height: float = 4.8,
    *,
    layout: Literal["constrained"] | None = "constrained",
) -> Any:
    """Make an empty matplotlib figure [inches], without a screen and without global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def tidy(axes: Any, **labels: object) -> None:
    """Give axes their grid and spines; labels as of `Axes.set`."""
    axes.set(**labels)
    axes.grid(color="#e6e8eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def legend_above(figure: Any, **options: Any) -> None:
    """Put a figure's legend above its axes; options as of `Figure.legend`."""
    figure.legend(loc="outside upper center", frameon=False, **options)


def draw_dots(axes: Any, place: float, values: NDArray[np.float64], colour: str) -> None:
    """Draw values above a place of the x-axis, a dot each, and their mean as a line.

    The dots are spread, the same way every time, so that equal values can be told apart.
    """
    at = place + 0.3 * (np.arange(len(values)) / max(len(values) - 1, 1) - 0.5)
    axes.plot(at, values, ".", color=colour, alpha=0.6)
    if len(values):
        axes.plot([place - 0.3, place + 0.3], 2 * [values.mean()], color=colour)


def save_figure(figure: Any, path: Path, *, dpi: int = 110) -> None:
    """Write a picture in the format of its suffix, the same bytes for the same figure."""
    metadata = {"Software": None} if path.suffix == ".png" else None
    with write_beside(path) as temporary:
        figure.savefig(temporary, dpi=dpi, metadata=metadata)
