"""A picture of a taste profile: bars of shares, with the clearest example beside each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from explanations.player.palette import PALETTE
from explanations.taste_profile.measuring import Part, TasteProfile
from recsys.evaluation import plots

PAIRS_DRAWN = 5
FOR, AGAINST = PALETTE["light"]["positive"], PALETTE["light"]["negative"]
"""As on the page: orange speaks for a track, blue against it."""


def draw_profile(
    profile: TasteProfile, path: Path, *, name: str, titles: Mapping[str, str]
) -> None:
    """Draw a taste profile as PNG (or whatever the suffix says).

    Parameters
    ----------
    profile : TasteProfile
    path : Path
    name : str
        The listener's.
    titles : mapping from track_id to str
        Titles of the examples.
    """
    pairs = profile.pairs[:PAIRS_DRAWN]
    rows = [max(len(profile.stems), 1), max(len(pairs), 1)]
    figure = plots.new_figure(10, 0.42 * sum(rows) + 2.0)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=rows)
    _draw(upper, profile.stems, titles)
    _draw(lower, pairs, titles)
    plots.tidy(upper, title=f"What carries {name}'s {profile.tracks} top tracks")
    plots.tidy(
        lower,
        title="What two stems add together, beyond what each adds alone",
        xlabel="mean share of the relevance [%]; lines: four fifths of the tracks",
    )
    plots.save_figure(figure, path, dpi=130)


def _draw(axes: Any, parts: Sequence[Part], titles: Mapping[str, str]) -> None:
    """Draw one bar a part, the first on top, with its spread and its example."""
    axes.axvline(0, **plots.REFERENCE)
    for row, part in enumerate(parts):
        share = 100 * part.share
        axes.barh(row, share, height=0.62, color=FOR if share > 0 else AGAINST)
        axes.plot([100 * part.low, 100 * part.high], [row, row], color="#2d3748", linewidth=1.2)
        title = titles.get(part.example.track_id, part.example.track_id)
        words = f"{share:+.0f} %   clearest: {title} ({100 * part.example.share:+.0f} %)"
        axes.annotate(
            words, (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=8
        )
    axes.set_yticks(range(len(parts)), [" + ".join(part.stems) for part in parts])
    axes.invert_yaxis()
