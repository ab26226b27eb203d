"""What the separators study shows: tables, a picture, and its section of the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from explanations.studies.measures import (
    hits_of,
    interval,
    mean_and_interval,
    percent,
    share_interval,
    side,
    table_of,
)
from explanations.studies.results import describe_tracks, read_results
from explanations.studies.study import StudySection
from recsys.evaluation import plots

TITLE = "Separators: what imperfect stems cost"


def section(folder: Path) -> StudySection:
    """Describe the results in a folder."""
    rows, about = read_results(folder, "separators")
    reference = str(about["reference"])
    tracks = describe_tracks(rows).replace(":", ",")
    return StudySection(
        title=TITLE,
        question="The same tracks are explained with the demo band's true stems and with those "
        "that a separator makes of the mix; weights are summed to the stems that both have. `Drop` "
        "is what relevance loses when the true stem that an explanation puts first is taken out "
        "of the mix: with worse stems the choice is worse, and relevance falls less. Seconds are "
        "a processor's, for a track. Intervals: 95 %, bootstrap over tracks.",
        findings=findings(rows, reference),
        tables=[
            (f"Agreement with explanations from {reference} stems: {tracks}",
             agreement_table(rows, reference)),
            ("Fidelity and cost", cost_table(rows)),
            *([("Same first stem, by listener", listener_table(rows, reference))]
              if rows["user_name"].nunique() > 1 else []),
        ],
        pictures=[(f"Agreement of each track's weights with those from {reference} stems; bars "
                   "are means.", "separators.png")],
        facts=[about],
    )  # fmt: skip


def others(rows: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Take the rows of the separators that are compared with the reference."""
    return rows[rows["separator"] != reference]


def agreement_table(rows: pd.DataFrame, reference: str) -> pd.DataFrame:
    """How each separator's explanations agree with the reference's."""

    def line(group: pd.DataFrame) -> dict[str, str]:
        low, high = interval(group["same_first"])
        return {
            "common stems": str(group["common"].iloc[0]),
            "same first": f"{percent(group['same_first'])} [{100 * low:.0f}, {100 * high:.0f}]",
            "by chance": percent(group["chance_first"]),
            "rank correlation": mean_and_interval(group["rank_correlation"], digits=2),
            "mean difference of weights": f"{group['difference'].mean():.3f}",
            "mean size of weights": f"{group['size'].mean():.3f}",
            "drop": mean_and_interval(group["drop"], digits=2),
            f"drop, {reference}": mean_and_interval(group["reference_drop"], digits=2),
            "SI-SDR, dB": f"{group['si_sdr'].mean():.1f}",
        }

    return table_of(others(rows, reference), {"separator": "separator"}, line)


def cost_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Fidelity and seconds of each separator."""
    return table_of(
        rows,
        {"separator": "separator"},
        lambda group: {
            "stems that sound": f"{group['stems'].mean():.1f}",
            "fidelity": mean_and_interval(group["fidelity"]),
            "lowest": f"{group['fidelity'].min():.3f}",
            "separation, s": f"{group['separation_s'].mean():.1f}",
            "explanation, s": f"{group['explanation_s'].mean():.1f}",
        },
    )


def listener_table(rows: pd.DataFrame, reference: str) -> pd.DataFrame:
    """How often the first stem is the same, a line for each listener."""
    return table_of(
        others(rows, reference).sort_values("user_name", kind="stable"),
        {"user_name": "listener"},
        lambda group: {
            "tracks": str(group["track_id"].nunique()),
            **{
                str(name): percent(of_separator["same_first"])
                for name, of_separator in group.groupby("separator", sort=False)
            },
        },
    )


def draw(rows: pd.DataFrame, reference: str, path: Path) -> None:
    """Draw rank correlation and difference of weights for each separator, a dot a track."""
    figure = plots.new_figure(9.6, 4.0)
    panels = figure.subplots(1, 2)
    labels = ("rank correlation", "mean difference of weights")
    for axes, column, label in zip(panels, ("rank_correlation", "difference"), labels, strict=True):
        draw_separators(axes, others(rows, reference), column, plots.COLOURS)
        plots.tidy(axes, ylabel=label)
    plots.save_figure(figure, path)


def draw_separators(axes: Any, rows: pd.DataFrame, column: str, colours: Sequence[str]) -> None:
    """Draw a column of the rows, a dot a track, above the name of each separator."""
    groups = rows.groupby("separator", sort=False)[column]
    for place, (_, values) in enumerate(groups):
        colour = colours[place % len(colours)]
        plots.draw_dots(axes, place, values.dropna().to_numpy(), colour)
    axes.set_xticks(range(len(groups)), list(groups.groups))
    axes.set_xlim(-0.6, len(groups) - 0.4)


def findings(rows: pd.DataFrame, reference: str) -> list[str]:
    """Say of each separator whether its first stem can be relied on, and what it costs."""
    return [
        _on_separator(str(name), group, reference)
        for name, group in others(rows, reference).groupby("separator", sort=False)
    ]


def _on_separator(name: str, group: pd.DataFrame, reference: str) -> str:
    hits, chance = group["same_first"], group["chance_first"].mean()
    low, high = share_interval(hits)
    share = f"{hits_of(hits)} explanations, chance {100 * chance:.0f} %"
    if (hits == 1).all():
        text = f"{name} always puts the same stem first as {reference} stems do ({share})"
    elif low > chance:
        often = "mostly" if low > 0.5 else "more often than chance, but not reliably,"
        text = f"{name} {often} puts the same stem first as {reference} stems do ({share})"
    elif high < chance:
        text = f"{name} puts the same stem first less often than chance ({share})"
    else:
        text = f"{name} puts the same stem first no more often than chance ({share})"
    lost = group["reference_drop"] - group["drop"]
    if group["drop"].notna().any():
        fall, true_fall = (f"{group[name].mean():.2f}" for name in ("drop", "reference_drop"))
        text += f"; without the true stem that it chooses relevance falls by {fall}, " + (
            f"less by {mean_and_interval(lost, digits=2)} than without the right one ({true_fall})"
            if side(lost) > 0
            else f"no less than without the right one ({true_fall})"
        )
    return f"{text}. Fidelity {group['fidelity'].mean():.3f}."
