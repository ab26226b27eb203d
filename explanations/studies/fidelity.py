"""Faithfulness: do explanations tell what the model goes by.

    python -m explanations.studies.fidelity --user_name marko --num_explanations 50

Three questions. Fidelity: how much of what the model says to all masks does the linear model
account for? Deletion and insertion: does relevance fall, or rise, faster where components go or
come in the order of their weights than in random or reversed order? Agreement: do LIME, Shapley
and leave-one-out rank components alike? Everything is exact, from the tracks' tables.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from explanations.store import TITLES, TYPES
from explanations.studies.measures import curve_interval, mean_and_interval
from explanations.studies.rankings import FORMAT, METHODS, ORDERS, as_curves, rate_track
from explanations.studies.study import (
    COLOURS,
    Item,
    Row,
    Section,
    arguments_of,
    new_figure,
    read_results,
    runs_of,
    save_figure,
    tidy,
    who_of,
    write_results,
)
from explanations.studies.subjects import Bench, bench_arguments, measure_tracks
from lemons_utils import command
from recsys.evaluation.reports import write_csv

NAME = "fidelity"
TITLE = "Faithfulness"
ORDER = 20
FULL = ((),)
QUICK = (("--tracks", "any", "--num_explanations", "2", "--n_temporal_segments", "2"),)


def measure(item: Item, *, bench: Bench) -> list[Row]:
    """Measure all types of one track."""
    track = bench.tables(item["user_name"], item["track_id"])
    who = {name: item[name] for name in ("user_name", "track_id")}
    return [row for kind in TYPES for row in rate_track(track, kind, who)]


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog=f"python -m explanations.studies.{NAME}",
        description="Fidelity, deletion and insertion curves, agreement of LIME, Shapley and "
        "leave-one-out.",
    )
    bench_arguments(parser, num_explanations=50)
    parser.add_argument("--name", default=NAME, help="of the files that it writes")
    options = arguments_of(parser).parse_args(arguments)
    rows, about = measure_tracks(NAME, measure, options, arguments, settings={"format": FORMAT})
    write(rows, about, options.out, options.name)
    explanations, curves = read(options.out, options.name)[:2]
    print(fidelity_table(explanations).to_string(index=False))
    print(area_table(curves).to_string(index=False))


def write(rows: pd.DataFrame, about: dict[str, object], folder: Path, name: str) -> None:
    """Write the two kinds of rows to a table each, and draw them."""
    for part, file in (("curve", f"{name}_curves"), ("explanation", name)):
        table = rows[rows["part"] == part].dropna(axis=1, how="all").drop(columns="part")
        if part == "curve":
            write_csv(folder / f"{file}.csv", table.round(5))
        else:
            write_results(folder, file, table, about, digits=5)
    explanations, curves, _ = read(folder, name)
    draw_fidelity(explanations, folder / f"{name}.png")
    draw_curves(curves, folder / f"{name}_curves.png")


def read(folder: Path, name: str) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, object]]:
    """Read the explanations, their curves and the facts."""
    explanations, about = read_results(folder, name)
    return explanations, pd.read_csv(folder / f"{name}_curves.csv"), about


# -- what comes of it --------------------------------------------------------------------------
def fidelity_table(explanations: pd.DataFrame) -> pd.DataFrame:
    """Fidelity of each listener and of all, a column for each type: mean, lowest."""
    lines = []
    everybody = ("all", explanations)
    for user_name, own in [*explanations.groupby("user_name"), everybody]:
        line = {"listener": user_name, "tracks": str((own["type"] == TYPES[0]).sum())}
        for kind in TYPES:
            values = own["fidelity"][own["type"] == kind]
            line[TITLES[kind]] = mean_and_interval(values)
            line[f"lowest, {TITLES[kind]}"] = f"{values.min():.3f}"
        lines.append(line)
    return pd.DataFrame(lines)


def area_table(curves: pd.DataFrame) -> pd.DataFrame:
    """Mean areas under the curves with their intervals, for each type and order."""
    lines = []
    for kind in TYPES:
        part = curves[curves["type"] == kind]
        for order in ORDERS:
            own = part[part["order"] == order]
            lines.append(
                {
                    "type": TITLES[kind],
                    "order": order,
                    "deletion area (small is good)": mean_and_interval(own["deletion_area"]),
                    "insertion area (large is good)": mean_and_interval(own["insertion_area"]),
                }
            )
    return pd.DataFrame(lines)


def silence_table(explanations: pd.DataFrame) -> pd.DataFrame:
    """Compare the relevance of the whole track with that of silence; count what speaks for it."""
    lines = []
    one = explanations[explanations["type"] == "time_source"]
    everybody = ("all", one)
    for user_name, own in [*one.groupby("user_name"), everybody]:
        lines.append(
            {
                "listener": user_name,
                "relevance of the track": mean_and_interval(own["relevance"]),
                "relevance of silence": mean_and_interval(own["relevance_of_silence"]),
                "silence above track": f"{100 * _silence_above(own).mean():.0f} % of tracks",
                "components that speak for it": f"{own['components_for'].mean():.1f} of "
                f"{own['components'].mean():.1f}",
                "fewer than 3": f"{100 * (own['components_for'] < 3).mean():.0f} % of tracks",
            }
        )
    return pd.DataFrame(lines)


def _silence_above(explanations: pd.DataFrame) -> pd.Series[bool]:
    return explanations["relevance_of_silence"] > explanations["relevance"]


def gain(curves: pd.DataFrame, kind: str, order: str, area: str) -> pd.Series[float]:
    """How much better LIME's order is than another on each track: a positive gain is good."""
    part = curves[curves["type"] == kind]
    table = part.pivot_table(index=["user_name", "track_id"], columns="order", values=area)
    difference = table[order] - table["LIME"]
    return difference if area == "deletion_area" else -difference


def gain_table(curves: pd.DataFrame) -> pd.DataFrame:
    """Gains over the other orders, paired by track."""
    lines = []
    for kind in TYPES:
        for order in ORDERS[1:]:
            line = {"type": TITLES[kind], "LIME's order against": order}
            for area in ("deletion_area", "insertion_area"):
                values = gain(curves, kind, order, area)
                name = area.replace("_area", "")
                line[f"gain, {name}"] = mean_and_interval(values)
                line[f"tracks better, {name}"] = f"{100 * (values > 0).mean():.0f} %"
            lines.append(line)
    return pd.DataFrame(lines)


def agreement_table(explanations: pd.DataFrame) -> pd.DataFrame:
    """How the methods agree, two by two, for each type."""
    lines = []
    for kind in TYPES:
        own = explanations[explanations["type"] == kind]
        for column in explanations.columns:
            pair, _, measure_name = column.partition(": ")
            if measure_name == "rank correlation":
                lines.append(
                    {
                        "type": TITLES[kind],
                        "methods": pair,
                        "rank correlation": mean_and_interval(own[column]),
                        "same first": f"{100 * own[f'{pair}: same first'].mean():.0f} %",
                        "common top 3": f"{100 * own[f'{pair}: common top 3'].mean():.0f} %",
                    }
                )
    return pd.DataFrame(lines)


def draw_fidelity(explanations: pd.DataFrame, path: Path) -> None:
    """Draw the distribution of fidelity, a violin for each type and listener."""
    listeners = sorted(explanations["user_name"].unique())
    figure = new_figure(10.5, 4.2)
    axes = figure.subplots()
    for place, kind in enumerate(TYPES):
        own = explanations[explanations["type"] == kind]
        values = [own["fidelity"][own["user_name"] == name] for name in listeners]
        at = np.arange(len(listeners)) + (place - 1) * 0.27
        for body in axes.violinplot(values, at, widths=0.25, showextrema=False)["bodies"]:
            body.set(facecolor=COLOURS[place], alpha=0.45)
        for x, points in zip(at, values, strict=True):
            axes.plot(np.full(len(points), x), points, ".", color=COLOURS[place], markersize=3)
        means = [value.mean() for value in values]
        axes.plot(at, means, "_", color=COLOURS[place], markersize=14, label=TITLES[kind])
    axes.set_xticks(range(len(listeners)), listeners)
    tidy(axes, ylabel="fidelity: weighted $R^2$ over all masks")
    figure.legend(loc="outside upper center", ncols=len(TYPES), frameon=False)
    save_figure(figure, path)


def draw_curves(curves: pd.DataFrame, path: Path) -> None:
    """Draw the mean deletion and insertion curves of Time + Source."""
    figure = new_figure(10.5, 4.6)
    part = curves[curves["type"] == "time_source"]
    panels = figure.subplots(1, 2, sharey=True)
    for axes, change, title in zip(
        panels, ("deletion", "insertion"), ("gone", "there"), strict=True
    ):
        for place, order in enumerate(ORDERS):
            values = as_curves(list(part[change][part["order"] == order]))
            x = np.linspace(0, 1, values.shape[1])
            low, high = curve_interval(values)
            axes.fill_between(x, low, high, color=COLOURS[place], alpha=0.15, linewidth=0)
            style = "-" if order in METHODS else "--"
            axes.plot(x, values.mean(axis=0), style, color=COLOURS[place], label=order)
        tidy(axes, xlabel=f"part of the components that is {title}", title=change.capitalize())
    panels[0].set_ylabel("relevance")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center",
                  ncols=len(ORDERS), frameon=False)  # fmt: skip
    save_figure(figure, path)


def section(folder: Path) -> Section:
    """Say what was found."""
    tables, pictures, findings, every = [], [], [], []
    for run in runs_of(folder, NAME):
        explanations, curves, about = read(folder, run)
        who = who_of(explanations)
        tables += [
            (f"Fidelity. {who}.", fidelity_table(explanations)),
            (f"Where relevance begins: Time + Source. {who}.", silence_table(explanations)),
            (f"Areas under deletion and insertion curves. {who}.", area_table(curves)),
            (f"What LIME's order gains, paired by track. {who}.", gain_table(curves)),
            (f"Agreement of the rankings. {who}.", agreement_table(explanations)),
        ]
        pictures += [
            (f"Fidelity by type and listener; bars are means. {who}.", f"{run}.png"),
            ("Mean deletion and insertion curves, Time + Source; shades are 95 % intervals. "
             f"{who}.", f"{run}_curves.png"),
        ]  # fmt: skip
        findings += [f"{who}. {finding}" for finding in _findings(explanations, curves)]
        every.append(about)
    return Section(
        title=TITLE,
        question="Fidelity is the weighted R2 of the linear model over all masks. Deletion "
        "switches components off, insertion on, those of largest weight first; the area under "
        "relevance is compared with random orders (the mean of 20) and with the reversed order. "
        "LIME, Shapley and leave-one-out are all exact here. Intervals: 95 %, bootstrap over "
        "tracks.",
        findings=findings,
        tables=tables,
        pictures=pictures,
        facts=every,
    )


def _findings(explanations: pd.DataFrame, curves: pd.DataFrame) -> list[str]:
    found = []
    for kind in TYPES:
        own = explanations[explanations["type"] == kind]
        low = float((own["fidelity"] < 0.5).mean())
        found.append(
            f"{TITLES[kind]}: mean fidelity {own['fidelity'].mean():.3f}, lowest "
            f"{own['fidelity'].min():.3f}; below 0.5 on {100 * low:.0f} % of "
            f"{len(own)} explanations."
        )
    one = explanations[explanations["type"] == "time_source"]
    found.append(
        f"Silence, where insertion begins and deletion ends, has a mean relevance of "
        f"{one['relevance_of_silence'].mean():.3f}, the tracks {one['relevance'].mean():.3f}; on "
        f"{100 * _silence_above(one).mean():.0f} % of the tracks silence is the more relevant. "
        f"Where it is, most weights must speak against the track: on "
        f"{100 * (one['components_for'] < 3).mean():.0f} % fewer than 3 of its components "
        "(Time + Source) speak for it."
    )
    for order in ORDERS[1:]:
        signs = []
        for area in ("deletion_area", "insertion_area"):
            text = mean_and_interval(gain(curves, "time_source", order, area))
            signs.append(f"{text} in {area.replace('_area', '')}")
        found.append(
            f"Time + Source, LIME's order against {order}: a gain in area of {' and '.join(signs)} "
            "(positive: LIME is better; an interval that holds 0 shows no difference)."
        )
    return found


if __name__ == "__main__":
    sys.exit(main())
