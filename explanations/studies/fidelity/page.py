"""What the faithfulness study shows: tables, pictures, and its section of the page."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audiolime.components import KINDS
from explanations.store import TITLES
from explanations.studies.fidelity.rankings import METHODS, ORDERS, as_curves
from explanations.studies.measures import (
    curve_interval,
    listed,
    mean_and_interval,
    percent,
    side,
    table_of,
)
from explanations.studies.results import describe_tracks, read_results, runs_of
from explanations.studies.study import StudySection
from recsys.evaluation import plots

TITLE = "Faithfulness"
AREAS = ("deletion_area", "insertion_area")
WITH_PAIRS = "fidelity_with_pairs"

ACCOUNTS = {0.8: "most of it", 0.5: "more than half of it", -math.inf: "less than half of it"}
"""What a linear model accounts for, by the least mean fidelity."""

ALIKE = 0.8
"""Rank correlation from which on two methods count as alike."""

_COMPARED = {
    (1, 1): "is better than",
    (1, 0): "is better in deletion and no different in insertion than",
    (0, 1): "is no different in deletion and better in insertion than",
    (0, 0): "is no different from",
    (1, -1): "is better in deletion and worse in insertion than",
    (-1, 1): "is worse in deletion and better in insertion than",
    (0, -1): "is no different in deletion and worse in insertion than",
    (-1, 0): "is worse in deletion and no different in insertion than",
    (-1, -1): "is worse than",
}
"""LIME's order against another, by the sides of zero of its gains in deletion and insertion."""


def read(folder: Path, name: str) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Read the explanations, their curves and the facts."""
    explanations, about = read_results(folder, name)
    return explanations, pd.read_csv(folder / f"{name}_curves.csv"), about


def fidelity_table(explanations: pd.DataFrame) -> pd.DataFrame:
    """Fidelity of each listener and of all, for each type: mean, lowest, mean with pairs."""

    def line(group: pd.DataFrame) -> dict[str, str]:
        cells = {"tracks": str((group["type"] == KINDS[0]).sum())}
        for kind in KINDS:
            values = group["fidelity"][group["type"] == kind]
            cells[TITLES[kind]] = mean_and_interval(values)
            cells[f"lowest, {TITLES[kind]}"] = f"{values.min():.3f}"
            if WITH_PAIRS in group:
                values = group[WITH_PAIRS][group["type"] == kind]
                cells[f"with pairs, {TITLES[kind]}"] = mean_and_interval(values)
        return cells

    rows = explanations.sort_values("user_name", kind="stable")
    return table_of(rows, {"user_name": "listener"}, line, total=True)


def area_table(curves: pd.DataFrame) -> pd.DataFrame:
    """Mean areas under the curves with their intervals, for each type and order."""
    return table_of(
        curves.assign(type=curves["type"].map(TITLES)),
        {"type": "type", "order": "order"},
        lambda group: {
            "deletion area (small is good)": mean_and_interval(group["deletion_area"]),
            "insertion area (large is good)": mean_and_interval(group["insertion_area"]),
        },
    )


def silence_table(explanations: pd.DataFrame) -> pd.DataFrame:
    """Compare the relevance of the whole track with that of silence; count what speaks for it."""
    cells = explanations[explanations["type"] == "time_source"]
    return table_of(
        cells.sort_values("user_name", kind="stable"),
        {"user_name": "listener"},
        lambda group: {
            "relevance of the track": mean_and_interval(group["relevance"]),
            "relevance of silence": mean_and_interval(group["relevance_of_silence"]),
            "silence above track": f"{percent(_silence_above(group))} of tracks",
            "components that speak for it": f"{group['components_for'].mean():.1f} of "
            f"{group['components'].mean():.1f}",
            "fewer than 3": f"{percent(group['components_for'] < 3)} of tracks",
        },
        total=True,
    )


def _silence_above(explanations: pd.DataFrame) -> pd.Series[bool]:
    return explanations["relevance_of_silence"] > explanations["relevance"]


def gain(curves: pd.DataFrame, kind: str, order: str, area: str) -> pd.Series[float]:
    """How much better LIME's order is than another on each track: a positive gain is good."""
    part = curves[curves["type"] == kind]
    table = part.pivot_table(index=["user_name", "track_id"], columns="order", values=area)
    difference = table[order] - table["LIME"]
    return difference if area == "deletion_area" else -difference


def _others(curves: pd.DataFrame) -> list[str]:
    """List the orders that LIME's is compared with, as far as they were measured."""
    measured = set(curves["order"])
    return [order for order in ORDERS[1:] if order in measured]


def gain_table(curves: pd.DataFrame) -> pd.DataFrame:
    """Gains over the other orders, paired by track."""
    lines = []
    for kind in KINDS:
        for order in _others(curves):
            line = {"type": TITLES[kind], "LIME's order against": order}
            for area in AREAS:
                values = gain(curves, kind, order, area)
                name = area.removesuffix("_area")
                line[f"gain, {name}"] = mean_and_interval(values)
                line[f"tracks better, {name}"] = percent(values > 0)
            lines.append(line)
    return pd.DataFrame(lines)


def agreement_table(explanations: pd.DataFrame) -> pd.DataFrame:
    """How the methods agree, two by two, for each type."""
    suffix = ": rank correlation"
    pairs = [name.removesuffix(suffix) for name in explanations.columns if name.endswith(suffix)]
    return pd.DataFrame([
        {
            "type": TITLES[str(kind)],
            "methods": pair,
            "rank correlation": mean_and_interval(group[f"{pair}: rank correlation"]),
            "same first": percent(group[f"{pair}: same first"]),
            "common top 3": percent(group[f"{pair}: common top 3"]),
        }
        for kind, group in explanations.groupby("type", sort=False)
        for pair in pairs
    ])  # fmt: skip


def draw_fidelity(explanations: pd.DataFrame, path: Path) -> None:
    """Draw the distribution of fidelity, a violin for each type and listener."""
    listeners = sorted(explanations["user_name"].unique())
    figure = plots.new_figure(10.5, 4.2)
    axes = figure.subplots()
    for place, kind in enumerate(KINDS):
        by_listener = explanations[explanations["type"] == kind].groupby("user_name")["fidelity"]
        values = [by_listener.get_group(name) for name in listeners]
        at = np.arange(len(listeners)) + (place - 1) * 0.27
        for body in axes.violinplot(values, at, widths=0.25, showextrema=False)["bodies"]:
            body.set(facecolor=plots.COLOURS[place], alpha=0.45)
        for x, points in zip(at, values, strict=True):
            axes.plot(
                np.full(len(points), x), points, ".", color=plots.COLOURS[place], markersize=3
            )
        means = [value.mean() for value in values]
        axes.plot(at, means, "_", color=plots.COLOURS[place], markersize=14, label=TITLES[kind])
    axes.set_xticks(range(len(listeners)), listeners)
    plots.tidy(axes, ylabel="fidelity: weighted $R^2$ over all masks")
    plots.legend_above(figure, ncols=len(KINDS))
    plots.save_figure(figure, path)


def draw_curves(curves: pd.DataFrame, path: Path) -> None:
    """Draw the mean deletion and insertion curves of Time + Source."""
    figure = plots.new_figure(10.5, 4.6)
    part = curves[curves["type"] == "time_source"]
    panels = figure.subplots(1, 2, sharey=True)
    for axes, change, title in zip(
        panels, ("deletion", "insertion"), ("gone", "there"), strict=True
    ):
        for place, order in enumerate(ORDERS):
            values = as_curves(list(part[change][part["order"] == order]))
            x = np.linspace(0, 1, values.shape[1])
            low, high = curve_interval(values)
            axes.fill_between(x, low, high, color=plots.COLOURS[place], alpha=0.15, linewidth=0)
            style = "-" if order in METHODS else "--"
            axes.plot(x, values.mean(axis=0), style, color=plots.COLOURS[place], label=order)
        plots.tidy(
            axes, xlabel=f"part of the components that is {title}", title=change.capitalize()
        )
    panels[0].set_ylabel("relevance")
    handles, labels = panels[0].get_legend_handles_labels()
    plots.legend_above(figure, handles=handles, labels=labels, ncols=len(ORDERS))
    plots.save_figure(figure, path)


def section(folder: Path) -> StudySection:
    """Describe the results in a folder."""
    tables, pictures, findings, facts = [], [], [], []
    for run in runs_of(folder, "fidelity"):
        explanations, curves, about = read(folder, run)
        tracks = describe_tracks(explanations)
        tables += [
            (f"Fidelity. {tracks}.", fidelity_table(explanations)),
            (f"Where relevance begins: Time + Source. {tracks}.", silence_table(explanations)),
            (f"Areas under deletion and insertion curves. {tracks}.", area_table(curves)),
            (f"What LIME's order gains, paired by track. {tracks}.", gain_table(curves)),
            (f"Agreement of the rankings. {tracks}.", agreement_table(explanations)),
        ]
        pictures += [
            (f"Fidelity by type and listener; bars are means. {tracks}.", f"{run}.png"),
            ("Mean deletion and insertion curves, Time + Source; shades are 95 % intervals. "
             f"{tracks}.", f"{run}_curves.png"),
        ]  # fmt: skip
        first, *more = findings_of(explanations, curves)
        findings += [f"{tracks}. {first}", *more]
        facts.append(about)
    return StudySection(
        title=TITLE,
        question="Fidelity is the weighted R2 of the linear model over all masks. Deletion "
        "switches components off, insertion on, those of largest weight first; the area under "
        "relevance is compared with random orders (the mean of 20), the reversed order and that of "
        "a model with pairs, which takes what matters most beside the components that are left. "
        "LIME, Shapley and leave-one-out are all exact here. Intervals: 95 %, bootstrap over "
        "tracks.",
        findings=findings,
        tables=tables,
        pictures=pictures,
        facts=facts,
    )


def findings_of(explanations: pd.DataFrame, curves: pd.DataFrame) -> list[str]:
    """Say what the tables show: fidelity, silence, orders, agreement."""
    return [
        _on_fidelity(explanations),
        _on_silence(explanations[explanations["type"] == "time_source"]),
        _on_orders(curves),
        _on_agreement(explanations[explanations["type"] == "time_source"]),
    ]


def _on_fidelity(explanations: pd.DataFrame) -> str:
    by_type = {str(kind): rows["fidelity"] for kind, rows in explanations.groupby("type")}
    accounts, above = [], math.inf
    for least, what in ACCOUNTS.items():
        kinds = [k for k in KINDS if k in by_type and least <= by_type[k].mean() < above]
        named = [f"{TITLES[kind]} ({mean_and_interval(by_type[kind])})" for kind in kinds]
        accounts += [f"for {what} with {listed(named)}"] if named else []
        above = least
    text = f"Of what the models say to all masks, a linear model accounts {'; '.join(accounts)}."
    if WITH_PAIRS in explanations:
        pairs = {str(kind): rows[WITH_PAIRS] for kind, rows in explanations.groupby("type")}
        named = [f"{TITLES[k]} ({mean_and_interval(pairs[k])})" for k in KINDS if k in pairs]
        text += f" With a weight for every pair of components, too: {listed(named)}."
    low = {kind: values < 0.5 for kind, values in by_type.items() if (values < 0.5).any()}
    if not low:
        return f"{text} No explanation is below 0.5."
    shares = listed(f"{percent(low[k])} of {TITLES[k]}" for k in KINDS if k in low)
    return f"{text} Below 0.5, where weights should not be read as amounts, are {shares}."


def _on_silence(cells: pd.DataFrame) -> str:
    above, silence = _silence_above(cells), f"{cells['relevance_of_silence'].mean():.3f}"
    tracks, few = f"{cells['relevance'].mean():.3f}", cells["components_for"] < 3
    speak = f"{cells['components_for'].mean():.1f} of {cells['components'].mean():.1f} components"
    if not above.any():
        return (
            f"Silence is less relevant than any track ({silence} against {tracks} on average), so "
            f"that components have something to add: {speak} speak for a track."
        )
    return (
        f"Silence is more relevant than the track on {percent(above)} of the tracks ({silence} "
        f"against {tracks} on average), where most weights must speak against it: on "
        f"{percent(few)} fewer than 3 components speak for the track, on average {speak}."
    )


def _on_orders(curves: pd.DataFrame) -> str:
    groups: dict[tuple[int, int], list[str]] = {}
    for order in _others(curves):
        gains = [gain(curves, "time_source", order, area) for area in AREAS]
        numbers = " and ".join(
            f"{values.mean():+.3f} in {area.removesuffix('_area')}"
            for values, area in zip(gains, AREAS, strict=True)
        )
        sides = side(gains[0]), side(gains[1])
        groups.setdefault(sides, []).append(f"{order} ({numbers})")
    sentences = [
        f"{_COMPARED[sides]} {listed(orders)}"
        for sides, orders in sorted(groups.items(), reverse=True)
    ]
    return f"Time + Source, gains in area: LIME's order {'; it '.join(sentences)}."


def _on_agreement(cells: pd.DataFrame) -> str:
    suffix = ": rank correlation"
    pairs = [name.removesuffix(suffix) for name in cells.columns if name.endswith(suffix)]
    alike: list[str] = []
    unlike: list[str] = []
    for pair in pairs:
        mean = cells[pair + suffix].mean()
        text = f"{pair.replace(' / ', ' and ')} ({mean:.2f}, the same first on "
        text += f"{percent(cells[f'{pair}: same first'])})"
        (alike if mean >= ALIKE else unlike).append(text)
    parts = [f"{listed(alike)} rank components alike"] if alike else []
    parts += [f"{listed(unlike)} do so in part only" if alike else
              f"{listed(unlike)} rank components alike in part only"] if unlike else []  # fmt: skip
    return f"Time + Source, rank correlation: {'; '.join(parts)}."
