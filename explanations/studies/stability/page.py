"""What the stability study shows: tables, a picture, and its section of the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from explanations.studies.measures import mean_and_interval, percent, table_of
from explanations.studies.results import describe_tracks, read_results, runs_of
from explanations.studies.stability.measuring import EXACT
from explanations.studies.study import StudySection
from recsys.evaluation import plots

TITLE = "Stability"

TIE = 5e-7
"""Weights that differ by less are called equal: half of the last digit in the results."""

FEW = 0.05
"""Part of the explanations that may have a wrong top where it counts as settled."""

CLOSER = 0.1
"""Difference of U_n from which on close weights count as the reason."""


def numbers_of_samples(rows: pd.DataFrame) -> list[str]:
    """List the numbers of samples as text, the exact weights last."""
    return list(dict.fromkeys(rows["num_samples"].astype(str)))


def of_samples(rows: pd.DataFrame, num_samples: str) -> pd.DataFrame:
    """Take the rows of a number of samples."""
    return rows[rows["num_samples"].astype(str) == num_samples]


def summary(rows: pd.DataFrame, k: int) -> pd.DataFrame:
    """Put the numbers of samples under each other, means over all listeners and tracks."""

    def line(part: pd.DataFrame) -> dict[str, str]:
        return {
            "mean U_n": mean_and_interval(part["unique"], digits=2),
            "largest U_n": f"{part['unique'].max():.0f}",
            f"tracks with U_n = {k}": percent(part["unique"] == k),
            f"explanations with the true top {k}": percent(part["top_is_true"]),
            f"of the true top {k} found": percent(part["overlap"]),
            "rank correlation with exact weights": f"{part['rank_correlation'].mean():.3f}",
        }

    texts = rows["num_samples"].astype(str)
    masks = texts.map(lambda text: "all" if text == EXACT else f"{int(text):,}")
    return table_of(rows.assign(masks=masks), {"masks": "masks"}, line)


def by_listener(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean U_n of each listener, a column for each number of samples."""
    text = rows.assign(num_samples=rows["num_samples"].astype(str))
    table = text.pivot_table(index="user_name", columns="num_samples", values="unique")
    table = table[numbers_of_samples(rows)].rename(columns={EXACT: "all"})
    table = table.map(lambda value: f"{value:.2f}")
    table.insert(0, "tracks", rows.groupby("user_name")["track_id"].nunique().astype(str))
    return table.reset_index().rename_axis(None, axis=1).rename(columns={"user_name": "listener"})


def draw(rows: pd.DataFrame, k: int, path: Path) -> None:
    """Draw U_n over the number of samples, one violin a listener, the exact weights last."""
    numbers, listeners = numbers_of_samples(rows), sorted(rows["user_name"].unique())
    figure = plots.new_figure(10.5, 4.6)
    axes = figure.subplots()
    width = 0.8 / len(listeners)
    for place, user_name in enumerate(listeners):
        colour = plots.COLOURS[place % len(plots.COLOURS)]
        of_listener = rows[rows["user_name"] == user_name]
        values = [of_samples(of_listener, number)["unique"] for number in numbers]
        at = np.arange(len(numbers)) + (place - (len(listeners) - 1) / 2) * width
        shapes = axes.violinplot(values, at, widths=0.9 * width, showextrema=False, bw_method=0.5)
        for body in shapes["bodies"]:
            body.set(facecolor=colour, alpha=0.55)
        means = [value.mean() for value in values]
        axes.plot(at, means, "o", color=colour, markersize=4, label=user_name)
    axes.axhline(k, **plots.REFERENCE)
    labels = ["all masks\n(exact)" if number == EXACT else f"{int(number):,}" for number in numbers]
    axes.set_xticks(range(len(numbers)), labels)
    plots.tidy(axes, xlabel="masks drawn, $N_s$", ylabel="different components in the top, $U_n$")
    plots.legend_above(figure, ncols=len(listeners))
    plots.save_figure(figure, path)


def section(folder: Path) -> StudySection:
    """Describe the results in a folder."""
    runs = [(run, *read_results(folder, run)) for run in runs_of(folder, "stability")]
    tables, pictures, findings = [], [], []
    for run, rows, about in runs:
        k, tracks = about["k"], describe_tracks(rows)
        tables.append((f"{tracks}; intervals: 95 %, bootstrap over tracks", summary(rows, k)))
        if rows["user_name"].nunique() > 1:
            tables.append(("Mean U_n by listener", by_listener(rows)))
        pictures.append((f"U_n over the number of masks; dots are means. {tracks}.", f"{run}.png"))
        findings.append(f"{tracks}. {finding(rows, k, about['repeat'])}")
    return StudySection(
        title=TITLE,
        question="Each track is explained several times (Time + Source) from freshly drawn masks; "
        "U_n counts the different components among all its top k, k at best. The exact engine "
        "answers the sampled masks, so what varies is the sampling alone; its own weights, of all "
        "masks, stand beside.",
        findings=findings,
        tables=tables,
        pictures=pictures,
        facts=[about for _, _, about in runs],
    )


def finding(rows: pd.DataFrame, k: int, repeat: int) -> str:
    """Say whether sampling settles the top k, what it would take, and why it does not."""
    sampled = [number for number in numbers_of_samples(rows) if number != EXACT]
    chosen = "2048" if "2048" in sampled else sampled[-1]
    part, masks = of_samples(rows, chosen), f"{int(chosen):,} masks"
    wrong = {number: 1 - of_samples(rows, number)["top_is_true"] for number in sampled}
    mean, share = f"{part['unique'].mean():.2f}", percent(wrong[chosen])
    if (wrong[chosen] == 0).all():
        text = f"{masks} settle the top {k}: every explanation has the true one."
    elif wrong[chosen].mean() <= FEW:
        text = (
            f"{masks} nearly settle the top {k}: {repeat} explanations of a track name {mean} "
            f"components, and {share} of the explanations lack the true ones."
        )
    else:
        text = (
            f"{masks} do not settle the top {k}: {repeat} explanations of a track name {mean} "
            f"components, and {share} of the explanations lack the true ones."
        )
    enough = [number for number in sampled if wrong[number].mean() <= FEW]
    if not enough:
        text += (
            f" Nor do {int(sampled[-1]):,}, which leave {percent(wrong[sampled[-1]])} wrong."
            if sampled[-1] != chosen
            else ""
        )
    elif int(enough[0]) > int(chosen):
        text += f" Of the numbers tried, {int(enough[0]):,} is the first with 19 of 20 right."
    elif enough[0] != chosen:
        text += f" For 19 of 20 explanations to be right, {int(enough[0]):,} are enough."
    return f"{text}{_ties(part, k)}"


def _ties(part: pd.DataFrame, k: int) -> str:
    """Say where the top k is a matter of convention, or nearly."""
    tied, median, text = part["gap"] < TIE, part["gap"].median(), ""
    close = part["unique"][part["gap"] <= median].mean()
    far = part["unique"][part["gap"] > median].mean()
    if close - far >= CLOSER:
        text += (
            f" Close calls are to blame: U_n is {close:.2f} where the exact weights of places {k} "
            f"and {k + 1} differ by less than the median of {median:.5f}, and {far:.2f} elsewhere."
        )
    if tied.any():
        text += (
            f" On {int(tied.sum())} of {len(part)} tracks these two tie, as components in which "
            f"nothing sounds do: there the true top {k} is a matter of convention."
        )
    return text
