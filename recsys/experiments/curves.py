"""Learning curves of several trainings side by side: a table, and a picture on request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lemons_utils import DataError, ParameterError
from recsys import checkpoint

ROWS = 12
"""Most epochs that the table shows; the first and the last are among them."""

Curve = dict[int, float]
"""A metric by epoch."""


def read_curve(folder: Path, metric: str) -> Curve:
    """Return a metric of a training by epoch.

    Parameters
    ----------
    folder : Path
        An experiment's folder.
    metric : str
        A name that trainings log once an epoch: `valid/auc`, `train/epoch_loss`.

    Raises
    ------
    DataError
        If there is no such folder, or it has no training of epochs.
    ParameterError
        If there is no such metric; the message names those that there are.
    """
    if not folder.is_dir():
        raise DataError(
            f"{folder} is no experiment: `python -m recsys.experiments` lists what there is"
        )
    state = folder / checkpoint.LAST_STATE
    if not state.is_file():
        raise DataError(f"{folder} has no training of epochs: a head is fitted in one go")
    logged = checkpoint.load_state(state).facts.get("metrics", [])
    curve = {int(step): float(values[metric]) for step, values in logged if metric in values}
    if not curve:
        names = sorted({name for _, values in logged for name in values})
        raise ParameterError(f"metric must be one of {', '.join(names)}, got {metric!r}")
    return curve


def table(curves: Mapping[str, Curve]) -> Iterator[str]:
    """Yield the lines of a table with an epoch a row and a training a column."""
    epochs = sorted(set().union(*curves.values()))
    last = len(epochs) - 1
    shown = [epochs[i] for i in sorted({round(row * last / (ROWS - 1)) for row in range(ROWS)})]
    names = [f"[{number}]" for number in range(1, len(curves) + 1)]
    for number, name in zip(names, curves, strict=True):
        yield f"{number} {name}"
    yield "epoch  " + "  ".join(f"{number:>7}" for number in names)
    for epoch in shown:
        values = [curve.get(epoch) for curve in curves.values()]
        cells = ["" if value is None else f"{value:.4f}" for value in values]
        yield f"{epoch:5}  " + "  ".join(f"{cell:>7}" for cell in cells).rstrip()


def draw(curves: Mapping[str, Curve], metric: str, path: Path) -> None:
    """Draw curves into one picture, with a colour each."""
    from recsys.evaluation.plots import COLOURS, legend_above, new_figure, save_figure, tidy

    figure = new_figure()
    axes = figure.subplots()
    for number, (name, curve) in enumerate(curves.items()):
        epochs = sorted(curve)
        values = [curve[epoch] for epoch in epochs]
        axes.plot(epochs, values, color=COLOURS[number % len(COLOURS)], label=name)
    tidy(axes, xlabel="epoch", ylabel=metric)
    legend_above(figure)
    save_figure(figure, path, dpi=150)


def compare(folders: Sequence[Path], metric: str, picture: Path | None) -> Iterator[str]:
    """Yield the table of a metric of several trainings, and draw it where a picture is named."""
    curves = {folder.name: read_curve(folder, metric) for folder in folders}
    yield metric
    yield from table(curves)
    if picture is not None:
        draw(curves, metric, picture)
        yield f"picture: {picture}"
