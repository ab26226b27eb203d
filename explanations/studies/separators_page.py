"""Separators: the tables, the picture and the section of the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from explanations.studies.measures import interval, mean_and_interval
from explanations.studies.study import (
    COLOURS,
    Section,
    new_figure,
    read_results,
    save_figure,
    tidy,
)

STUDY = "separators"
TITLE = "Separators: what imperfect stems cost"


def section(folder: Path) -> Section:
    """Say what was found."""
    rows, about = read_results(folder, STUDY)
    reference = str(about["reference"])
    return Section(
        title=TITLE,
        question="The same tracks are explained with the demo band's true stems and with those "
        "that a separator makes of the mix; weights are summed to the stems that both have. `Drop` "
        "is what relevance loses when the true stem that an explanation puts first is taken out "
        "of the mix: with worse stems the choice is worse, and relevance falls less. Seconds are "
        "a processor's, for a track. Intervals: 95 %, bootstrap over tracks.",
        findings=findings(rows, reference),
        tables=[
            (f"Agreement with explanations from {reference} stems: {who(rows)}",
             agreement_table(rows, reference)),
            ("Fidelity and cost", cost_table(rows)),
            *([("Same first stem, by listener", listener_table(rows, reference))]
              if rows["user_name"].nunique() > 1 else []),
        ],
        pictures=[(f"Agreement of each track's weights with those from {reference} stems; bars "
                   "are means.", f"{STUDY}.png")],
        facts=[about],
    )  # fmt: skip


def names_of(rows: pd.DataFrame, reference: str = "") -> list[str]:
    """List the separators, without the reference."""
    return [name for name in dict.fromkeys(rows["separator"]) if name != reference]


def agreement_table(rows: pd.DataFrame, reference: str) -> pd.DataFrame:
    """How each separator's explanations agree with the reference's."""
    lines = []
    for name in names_of(rows, reference):
        own = rows[rows["separator"] == name]
        low, high = interval(own["same_first"])
        lines.append(
            {
                "separator": name,
                "common stems": str(own["common"].iloc[0]),
                "same first": f"{percent(own['same_first'])} [{100 * low:.0f}, {100 * high:.0f}]",
                "by chance": percent(own["chance_first"]),
                "rank correlation": mean_and_interval(own["rank_correlation"], digits=2),
                "mean difference of weights": f"{own['difference'].mean():.3f}",
                "mean size of weights": f"{own['size'].mean():.3f}",
                "drop": mean_and_interval(own["drop"], digits=2),
                f"drop, {reference}": mean_and_interval(own["reference_drop"], digits=2),
                "SI-SDR, dB": f"{own['si_sdr'].mean():.1f}",
            }
        )
    return pd.DataFrame(lines)


def cost_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Fidelity and seconds of each separator."""
    lines = []
    for name in names_of(rows):
        own = rows[rows["separator"] == name]
        lines.append(
            {
                "separator": name,
                "stems that sound": f"{own['stems'].mean():.1f}",
                "fidelity": mean_and_interval(own["fidelity"]),
                "lowest": f"{own['fidelity'].min():.3f}",
                "separation, s": f"{own['separation_s'].mean():.1f}",
                "explanation, s": f"{own['explanation_s'].mean():.1f}",
            }
        )
    return pd.DataFrame(lines)


def listener_table(rows: pd.DataFrame, reference: str) -> pd.DataFrame:
    """How often the first stem is the same, a line for each listener."""
    lines = []
    for user_name, own in rows.groupby("user_name"):
        line = {"listener": str(user_name), "tracks": str(own["track_id"].nunique())}
        for name in names_of(rows, reference):
            line[name] = percent(own[own["separator"] == name]["same_first"])
        lines.append(line)
    return pd.DataFrame(lines)


def draw(rows: pd.DataFrame, reference: str, path: Path) -> None:
    """Draw rank correlation and difference of weights for each separator, a dot a track."""
    names = names_of(rows, reference)
    figure = new_figure(9.6, 4.0)
    panels = figure.subplots(1, 2)
    labels = ("rank correlation", "mean difference of weights")
    for axes, column, label in zip(panels, ("rank_correlation", "difference"), labels, strict=True):
        for place, name in enumerate(names):
            values = rows[rows["separator"] == name][column].dropna().to_numpy()
            # spread where tracks coincide, the same way every time
            at = place + 0.24 * (np.arange(len(values)) / max(len(values) - 1, 1) - 0.5)
            colour = COLOURS[place % len(COLOURS)]
            axes.plot(at, values, ".", color=colour, alpha=0.6, markersize=6)
            if len(values):
                axes.plot([place - 0.3, place + 0.3], 2 * [values.mean()], color=colour, lw=2)
        axes.set_xticks(range(len(names)), names)
        axes.set_xlim(-0.6, len(names) - 0.4)
        tidy(axes, ylabel=label)
    save_figure(figure, path)


def findings(rows: pd.DataFrame, reference: str) -> list[str]:
    """Say what the tables show, a sentence or two for each separator."""
    found = []
    for name in names_of(rows, reference):
        own = rows[rows["separator"] == name]
        text = (
            f"{name}: the same first stem as with {reference} stems on "
            f"{percent(own['same_first'])} of {len(own)} explanations (chance "
            f"{percent(own['chance_first'])}); weights differ by {own['difference'].mean():.3f} "
            f"where their mean size is {own['size'].mean():.3f}"
        )
        if own["drop"].notna().any():
            best = own["reference_drop"].mean()
            text += (
                f"; without the true stem that it puts first relevance falls by "
                f"{own['drop'].mean():.2f}, without the one of them that {reference} stems put "
                f"first by {best:.2f}"
            )
        found.append(f"{text}. Fidelity {own['fidelity'].mean():.3f}.")
    return found


def who(rows: pd.DataFrame) -> str:
    """Name the listeners and their tracks."""
    tracks = rows.groupby("user_name")["track_id"].nunique()
    return f"{', '.join(tracks.index)}, {tracks.min()} tracks each"


def percent(values: pd.Series[float]) -> str:
    """Write a mean as per cent."""
    return f"{100 * float(values.mean()):.0f} %"
