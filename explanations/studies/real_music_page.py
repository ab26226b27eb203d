"""Real music: the tables, the pictures and the section of the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from explanations.studies import fidelity, separators_page, stability
from explanations.studies.study import (
    COLOURS,
    Section,
    new_figure,
    read_results,
    save_figure,
    tidy,
)

STUDY = "real_music"
TITLE = "Real music"

TYPE_TITLES = {"time": "Time", "source": "Source", "time_source": "Time + Source"}

TRUE = "folder"
"""Separator of the true guitar stems."""


def section(folder: Path) -> Section:
    """Say what was found."""
    rows, about = read_results(folder, STUDY)
    reference, k = str(about["reference"]), int(about["k"])
    parts = {name: _part(rows, name) for name in rows["part"].unique()}
    tables = [
        ("Stability", stability.summary(parts["stability"], k)),
        ("Fidelity", fidelity.fidelity_table(parts["explanation"])),
        ("Areas under deletion and insertion curves", fidelity.area_table(parts["curve"])),
        ("What LIME's order gains, paired by track", fidelity.gain_table(parts["curve"])),
        (f"Separators, against {reference}",
         separators_page.agreement_table(parts["separators"], reference)),
        ("Separators: fidelity and cost", separators_page.cost_table(parts["separators"])),
    ]  # fmt: skip
    pictures = [
        (f"Left: different components in the top {k} of repeated explanations. Right: weights of "
         f"other separators against those from {reference} stems, a dot a track.", f"{STUDY}.png")
    ]  # fmt: skip
    if "guitar" in parts:
        tables.append(("Songs with a true guitar stem", guitar_table(parts["guitar"])))
        pictures.append(
            ("Weight of the true guitar and of the stem that comes nearest to it.",
             f"{STUDY}_guitar.png")
        )  # fmt: skip
    return Section(
        title=TITLE,
        question="Stability, faithfulness and separators as above, on recordings of a catalogue of "
        f"somebody's own ({about['catalogue']}), whose true stems nobody knows: {reference} stems "
        "are the reference. Songs whose guitar is a file of its own have one true stem: guitar "
        "and accompaniment are explained beside every separator's stems, of which the one with the "
        "highest SI-SDR of the guitar stands for it.",
        findings=_findings(parts, reference, k),
        tables=tables,
        pictures=pictures,
        facts=[about],
    )


def _part(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    return rows[rows["part"] == name].dropna(axis=1, how="all")


def guitar_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Show the true guitar's weight, and what each separator makes of it, a line an excerpt."""
    lines = []
    for _, own in rows.groupby(["user_name", "track_id"], sort=False):
        for row in own.to_dict("records"):
            true = row["separator"] == TRUE
            lines.append(
                {
                    "excerpt": row["title"] if true else "",
                    "relevance": f"{row['relevance']:.3f}" if true else "",
                    "stems of": "true guitar" if true else row["separator"],
                    "nearest to the guitar": row["nearest"],
                    "SI-SDR gain, dB": "" if true else f"{row['improvement']:+.1f}",
                    "its weight": f"{row['weight']:+.4f}",
                    "of all others": f"{row['rest']:+.4f}",
                    "first": row["first"],
                    "fidelity": f"{row['fidelity']:.3f}",
                }
            )
    return pd.DataFrame(lines)


def guitar_agreement(rows: pd.DataFrame) -> dict[str, tuple[int, int, int]]:
    """Compare each separator with the true guitar.

    Returns
    -------
    dict from separator to excerpts on which the sign of the guitar's weight is the same, on
    which it is first or not alike, and all excerpts
    """
    index = ["user_name", "track_id"]
    weights = rows.pivot_table(index=index, columns="separator", values="weight")
    leads = rows.assign(leads=(rows["first"] == rows["nearest"]).astype(float))
    leads = leads.pivot_table(index=index, columns="separator", values="leads")
    return {
        str(name): (
            int((np.sign(weights[name]) == np.sign(weights[TRUE])).sum()),
            int((leads[name] == leads[TRUE]).sum()),
            len(weights),
        )
        for name in weights.columns
        if name != TRUE
    }


def draw(folder: Path) -> None:
    """Draw the pictures from the results in a folder."""
    rows, about = read_results(folder, STUDY)
    _draw_catalogue(rows, str(about["reference"]), int(about["k"]), folder / f"{STUDY}.png")
    guitars = _part(rows, "guitar")
    if len(guitars):
        _draw_guitars(guitars, folder / f"{STUDY}_guitar.png")


def _draw_catalogue(rows: pd.DataFrame, reference: str, k: int, path: Path) -> None:
    figure = new_figure(10.0, 4.0)
    left, right = figure.subplots(1, 2)
    steady, separated = _part(rows, "stability"), _part(rows, "separators")
    numbers = stability.numbers_of_samples(steady)
    text = steady["num_samples"].astype(str)
    values = [steady["unique"][text == number].to_numpy() for number in numbers]
    for place, unique in enumerate(values):
        spread = place + 0.3 * (np.arange(len(unique)) / max(len(unique) - 1, 1) - 0.5)
        left.plot(spread, unique, ".", color=COLOURS[0], alpha=0.6)
        left.plot([place - 0.3, place + 0.3], 2 * [unique.mean()], color=COLOURS[0])
    left.axhline(k, color="#8a8f98", linewidth=1, linestyle=(0, (4, 3)))
    left.set_xticks(range(len(numbers)), ["all" if n == stability.EXACT else n for n in numbers])
    tidy(left, xlabel="masks drawn, $N_s$", ylabel="different components in the top, $U_n$")
    names = separators_page.names_of(separated, reference)
    for place, name in enumerate(names):
        own = separated[separated["separator"] == name]["rank_correlation"].to_numpy()
        spread = place + 0.3 * (np.arange(len(own)) / max(len(own) - 1, 1) - 0.5)
        right.plot(spread, own, ".", color=COLOURS[place + 1], alpha=0.6)
        right.plot([place - 0.3, place + 0.3], 2 * [np.nanmean(own)], color=COLOURS[place + 1])
    right.set_xticks(range(len(names)), names)
    right.set_xlim(-0.6, len(names) - 0.4)
    tidy(right, ylabel=f"rank correlation with {reference}", ylim=(-1.05, 1.05))
    save_figure(figure, path)


def _draw_guitars(rows: pd.DataFrame, path: Path) -> None:
    names = list(dict.fromkeys(rows["separator"]))
    titles = list(dict.fromkeys(rows["title"]))
    figure = new_figure(10.0, 4.2)
    axes = figure.subplots()
    width = 0.8 / len(names)
    for place, name in enumerate(names):
        own = rows[rows["separator"] == name].groupby("title", sort=False)["weight"].mean()
        at = np.arange(len(titles)) + (place - (len(names) - 1) / 2) * width
        label = "true guitar" if name == TRUE else f"nearest of {name}"
        axes.bar(at, [own[title] for title in titles], width, color=COLOURS[place], label=label)
    axes.set_xticks(range(len(titles)), [title.replace(", ", ",\n") for title in titles],
                    fontsize=7)  # fmt: skip
    tidy(axes, ylabel="weight")
    figure.legend(loc="outside upper center", ncols=len(names), frameon=False)
    save_figure(figure, path)


def _findings(parts: dict[str, pd.DataFrame], reference: str, k: int) -> list[str]:
    steady, explained = parts["stability"], parts["explanation"]
    found = [
        f"Stability on {steady['track_id'].nunique()} tracks: "
        + ", ".join(
            f"mean U_n {row['mean U_n']} from {row['masks']} masks"
            for row in stability.summary(steady, k).to_dict("records")
        )
        + "."
    ]
    for kind, title in TYPE_TITLES.items():
        own = explained[explained["type"] == kind]["fidelity"]
        found.append(f"{title}: mean fidelity {own.mean():.3f}, lowest {own.min():.3f}.")
    gains = [
        f"{order} {fidelity.gain(parts['curve'], 'time_source', order, 'deletion_area').mean():.3f}"
        for order in ("random", "reversed")
    ]
    found.append(f"Time + Source, what LIME's order gains in deletion area: {', '.join(gains)}.")
    found += separators_page.findings(parts["separators"], reference)
    if "guitar" in parts:
        for name, (sign, leads, count) in guitar_agreement(parts["guitar"]).items():
            found.append(
                f"Guitars, {name}: the nearest stem's weight has the sign of the true guitar's on "
                f"{sign} of {count} excerpts, and both lead or both do not on {leads}."
            )
    return found
