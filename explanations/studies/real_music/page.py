"""What the study of real music shows: tables, pictures, and its section of the page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from explanations.studies.fidelity import page as faithfulness
from explanations.studies.fidelity.page import area_table, fidelity_table, gain_table
from explanations.studies.measures import listed, part_of, share_interval
from explanations.studies.results import read_results
from explanations.studies.separators import page as separators
from explanations.studies.stability import page as stability
from explanations.studies.stability.measuring import EXACT
from explanations.studies.study import StudySection
from recsys.evaluation import plots

TITLE = "Real music"

TRUE = "folder"
"""Separator of the true guitar stems."""


def section(folder: Path) -> StudySection:
    """Describe the results in a folder."""
    rows, about = read_results(folder, "real_music")
    reference, k = str(about["reference"]), int(about["k"])
    parts = {name: part_of(rows, name) for name in rows["part"].unique()}
    tables = [
        ("Stability", stability.summary(parts["stability"], k)),
        ("Fidelity", fidelity_table(parts["explanation"])),
        ("Areas under deletion and insertion curves", area_table(parts["curve"])),
        ("What LIME's order gains, paired by track", gain_table(parts["curve"])),
        (f"Separators, against {reference}",
         separators.agreement_table(parts["separators"], reference)),
        ("Separators: fidelity and cost", separators.cost_table(parts["separators"])),
    ]  # fmt: skip
    pictures = [
        (f"Left: different components in the top {k} of repeated explanations. Right: weights of "
         f"other separators against those from {reference} stems, a dot a track.", "real_music.png")
    ]  # fmt: skip
    if "guitar" in parts:
        tables.append(("Songs with a true guitar stem", guitar_table(parts["guitar"])))
        pictures.append(
            ("Weight of the true guitar and of the stem that comes nearest to it.",
             "real_music_guitar.png")
        )  # fmt: skip
    return StudySection(
        title=TITLE,
        question="Stability, faithfulness and separators as above, on recordings of a catalogue of "
        f"somebody's own ({about['catalogue']}), whose true stems nobody knows: {reference} stems "
        "are the reference. Songs whose guitar is a file of its own have one true stem: guitar "
        "and accompaniment are explained beside every separator's stems, of which the one with the "
        "highest SI-SDR of the guitar stands for it.",
        findings=_findings(parts, reference, about),
        tables=tables,
        pictures=pictures,
        facts=[about],
    )


def guitar_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Show the true guitar's weight, and what each separator makes of it, a line an excerpt."""
    lines = []
    for row in rows.to_dict("records"):  # of each excerpt, those of the true guitar come first
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
    rows = rows.assign(sign=np.sign(rows["weight"]), leads=rows["first"] == rows["nearest"])
    table = rows.pivot(index=["user_name", "track_id"], columns="separator")
    return {
        str(name): (
            int((table["sign", name] == table["sign", TRUE]).sum()),
            int((table["leads", name] == table["leads", TRUE]).sum()),
            len(table),
        )
        for name in sorted(rows["separator"].unique())
        if name != TRUE
    }


def draw(folder: Path) -> None:
    """Draw the pictures from the results in a folder."""
    rows, about = read_results(folder, "real_music")
    _draw_catalogue(rows, str(about["reference"]), int(about["k"]), folder / "real_music.png")
    guitars = part_of(rows, "guitar")
    if len(guitars):
        _draw_guitars(guitars, folder / "real_music_guitar.png")


def _draw_catalogue(rows: pd.DataFrame, reference: str, k: int, path: Path) -> None:
    figure = plots.new_figure(10.0, 4.0)
    left, right = figure.subplots(1, 2)
    repeated = part_of(rows, "stability")
    numbers = stability.numbers_of_samples(repeated)
    for place, number in enumerate(numbers):
        unique = stability.of_samples(repeated, number)["unique"]
        plots.draw_dots(left, place, unique.to_numpy(), plots.COLOURS[0])
    left.axhline(k, **plots.REFERENCE)
    left.set_xticks(range(len(numbers)), ["all" if n == EXACT else n for n in numbers])
    plots.tidy(left, xlabel="masks drawn, $N_s$", ylabel="different components in the top, $U_n$")
    separated = separators.others(part_of(rows, "separators"), reference)
    separators.draw_separators(right, separated, "rank_correlation", plots.COLOURS[1:])
    plots.tidy(right, ylabel=f"rank correlation with {reference}", ylim=(-1.05, 1.05))
    plots.save_figure(figure, path)


def _draw_guitars(rows: pd.DataFrame, path: Path) -> None:
    weights = rows.pivot_table(index="title", columns="separator", values="weight", sort=False)
    figure = plots.new_figure(10.0, 4.2)
    axes = figure.subplots()
    width = 0.8 / len(weights.columns)
    for place, name in enumerate(weights.columns):
        at = np.arange(len(weights)) + (place - (len(weights.columns) - 1) / 2) * width
        label = "true guitar" if name == TRUE else f"nearest of {name}"
        axes.bar(at, weights[name], width, color=plots.COLOURS[place], label=label)
    axes.set_xticks(range(len(weights)), [title.replace(", ", ",\n") for title in weights.index],
                    fontsize=7)  # fmt: skip
    plots.tidy(axes, ylabel="weight")
    plots.legend_above(figure, ncols=len(weights.columns))
    plots.save_figure(figure, path)


def _findings(
    parts: dict[str, pd.DataFrame], reference: str, about: Mapping[str, Any]
) -> list[str]:
    repeated = parts["stability"]
    tracks = f"{repeated['track_id'].nunique()} tracks"
    stable = stability.finding(repeated, int(about["k"]), int(about["repeat"]))
    findings = [
        f"{tracks}. {stable}",
        *faithfulness.findings_of(parts["explanation"], parts["curve"]),
        *separators.findings(parts["separators"], reference),
    ]
    return [*findings, _on_guitars(parts["guitar"])] if "guitar" in parts else findings


def _on_guitars(rows: pd.DataFrame) -> str:
    """Say whether the stem nearest to the guitar stands for it."""
    counts = guitar_agreement(rows)
    each = listed(f"{same} of {count} with {name}" for name, (same, _, count) in counts.items())
    says: dict[str, list[str]] = {}
    for name, (same, _, count) in counts.items():
        low, high = share_interval(np.arange(count) < same)
        often = "more often than chance" if low > 0.5 else "no different from chance"
        says.setdefault("less often than chance" if high < 0.5 else often, []).append(name)
    verdicts = "; ".join(f"{often} with {listed(names)}" for often, names in says.items())
    true = rows[rows["separator"] == TRUE]["weight"]
    return (
        f"The stem nearest to the guitar has a weight of the true guitar's sign on {each} "
        f"excerpts: {verdicts}. The true guitar's own weight is {true.abs().median():.4f} in size "
        "(median)."
    )
