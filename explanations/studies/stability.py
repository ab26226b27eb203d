"""Stability: does an explanation say the same when it is made again.

    python -m explanations.studies.stability --user_name marko --num_samples 512 1024 2048 4096
        --repeat 5 --k 3 --num_explanations 50 --n_temporal_segments 5

The published experiment: explain each track several times from freshly drawn masks, take the k
components of largest weight each time, and count the different ones among them, U_n: k at best.
Beside it what sampling cannot show: the exact weights of all masks, how often the sampled top k
are the true ones, and how well sampled weights keep their order. The engine answers the sampled
masks exactly, so all there is to see is the sampling.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from audiolime.metrics import stability, top_k
from explanations.store import TYPES
from explanations.studies.measures import interval, rank_correlation, seed_of
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
from lemons_utils import ParameterError, command

NAME = "stability"
TITLE = "Stability"
ORDER = 10
FULL = (("--num_samples", "512", "1024", "2048", "4096", "131072"),)
_SMALL = ("--tracks", "any", "--num_explanations", "2", "--n_temporal_segments", "2")
QUICK = (("--num_samples", "128", "512", "--repeat", "3", *_SMALL),)

EXACT = "exhaustive"

TIE = 5e-7
"""Weights that differ by less are called equal: half of the last digit in the results."""


def measure(item: Item, *, bench: Bench) -> list[Row]:
    """Explain one track again and again; one row for each number of samples."""
    track = bench.tables(item["user_name"], item["track_id"])
    kind, k = item["type"], item["k"]
    exact = track.exhaustive(kind)
    truth = set(top_k(exact.weights, k))
    ranked = np.sort(exact.weights)[::-1]
    who = {name: item[name] for name in ("user_name", "track_id")}
    about = {
        "relevance": exact.original,
        "gap": float(ranked[k - 1] - ranked[k]) if len(ranked) > k else None,
    }
    rows: list[Row] = []
    for num_samples in item["num_samples"]:
        seeds = [seed_of(item["track_id"], num_samples, turn) for turn in range(item["repeat"])]
        found = [track.sampled(kind, num_samples, seed) for seed in seeds]
        weights = np.array([one.weights for one in found])
        overlaps = [len(truth & set(top_k(row, k))) / len(truth) for row in weights]
        rows.append(
            who
            | {
                "num_samples": str(num_samples),
                "unique": stability(weights, k),
                "top_is_true": float(np.mean([overlap == 1 for overlap in overlaps])),
                "overlap": float(np.mean(overlaps)),
                "rank_correlation": float(
                    np.mean([rank_correlation(row, exact.weights) for row in weights])
                ),
                "fidelity": float(np.mean([one.score for one in found])),
            }
            | about
        )
    best = {"unique": len(truth), "top_is_true": 1.0, "overlap": 1.0, "rank_correlation": 1.0}
    rows.append(who | {"num_samples": EXACT} | best | {"fidelity": exact.score} | about)
    return rows


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    options = _parse(arguments)
    settings = {name: getattr(options, name) for name in ("type", "num_samples", "repeat", "k")}
    rows, about = measure_tracks(
        NAME, measure, options, arguments, settings=settings, k=options.k, repeat=options.repeat
    )
    write_results(options.out, options.name, rows, about)
    draw(rows, options.k, options.out / f"{options.name}.png")
    print(summary(rows, options.k).to_string(index=False))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f"python -m explanations.studies.{NAME}",
        description="How much do explanations from sampled masks change when made again?",
    )
    bench_arguments(parser, num_explanations=50)
    parser.add_argument("--type", choices=TYPES, default="time_source")
    parser.add_argument("--num_samples", nargs="+", type=int, default=[512, 1024, 2048, 4096],
                        metavar="N", help="masks that an explanation draws")  # fmt: skip
    parser.add_argument("--repeat", type=int, default=5, help="explanations of each track")
    parser.add_argument("--k", type=int, default=3, help="components at the top")
    parser.add_argument("--name", default=NAME, help="of the files that it writes")
    options = arguments_of(parser).parse_args(arguments)
    for name in ("repeat", "k"):
        if getattr(options, name) < 1:
            raise ParameterError(f"{name} must be at least 1, got {getattr(options, name)}")
    if min(options.num_samples) < 1:
        raise ParameterError(f"num_samples must be at least 1, got {min(options.num_samples)}")
    return options


# -- what comes of it --------------------------------------------------------------------------
def numbers_of_samples(rows: pd.DataFrame) -> list[str]:
    """List the numbers of samples, the exact weights last."""
    return list(dict.fromkeys(rows["num_samples"].astype(str)))


def summary(rows: pd.DataFrame, k: int) -> pd.DataFrame:
    """Put the numbers of samples under each other, means over all listeners and tracks."""
    lines = []
    for num_samples in numbers_of_samples(rows):
        part = rows[rows["num_samples"].astype(str) == num_samples]
        low, high = interval(part["unique"])
        lines.append(
            {
                "masks": "all" if num_samples == EXACT else f"{int(num_samples):,}",
                "mean U_n": f"{part['unique'].mean():.2f} [{low:.2f}, {high:.2f}]",
                "largest U_n": str(part["unique"].max()),
                f"tracks with U_n = {k}": _percent(part["unique"] == k),
                f"explanations with the true top {k}": _percent(part["top_is_true"]),
                f"of the true top {k} found": _percent(part["overlap"]),
                "rank correlation with exact weights": f"{part['rank_correlation'].mean():.3f}",
            }
        )
    return pd.DataFrame(lines)


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
    figure = new_figure(10.5, 4.6)
    axes = figure.subplots()
    width = 0.8 / len(listeners)
    for place, user_name in enumerate(listeners):
        colour = COLOURS[place % len(COLOURS)]
        own = rows[rows["user_name"] == user_name]
        values = [own["unique"][own["num_samples"].astype(str) == number] for number in numbers]
        at = np.arange(len(numbers)) + (place - (len(listeners) - 1) / 2) * width
        shapes = axes.violinplot(values, at, widths=0.9 * width, showextrema=False, bw_method=0.5)
        for body in shapes["bodies"]:
            body.set(facecolor=colour, alpha=0.55)
        means = [value.mean() for value in values]
        axes.plot(at, means, "o", color=colour, markersize=4, label=user_name)
    axes.axhline(k, color="#8a8f98", linewidth=1, linestyle=(0, (4, 3)))
    labels = ["all masks\n(exact)" if number == EXACT else f"{int(number):,}" for number in numbers]
    axes.set_xticks(range(len(numbers)), labels)
    tidy(axes, xlabel="masks drawn, $N_s$", ylabel="different components in the top, $U_n$")
    figure.legend(loc="outside upper center", ncols=len(listeners), frameon=False)
    save_figure(figure, path)


def section(folder: Path) -> Section:
    """Say what was found."""
    runs = runs_of(folder, NAME)
    results = [(run, *read_results(folder, run)) for run in runs]
    tables, pictures, findings = [], [], []
    for run, rows, about in results:
        k, who = about["k"], who_of(rows)
        tables.append((f"{who}; intervals: 95 %, bootstrap over tracks", summary(rows, k)))
        if rows["user_name"].nunique() > 1:
            tables.append(("Mean U_n by listener", by_listener(rows)))
        pictures.append((f"U_n over the number of masks; dots are means. {who}.", f"{run}.png"))
        findings.append(_finding(rows, k, about["repeat"], who))
    return Section(
        title=TITLE,
        question="Each track is explained several times (Time + Source) from freshly drawn masks; "
        "U_n counts the different components among all its top k, k at best. The exact engine "
        "answers the sampled masks, so what varies is the sampling alone; its own weights, of all "
        "masks, stand beside.",
        findings=findings,
        tables=tables,
        pictures=pictures,
        facts=[about for _, _, about in results],
    )


def _finding(rows: pd.DataFrame, k: int, repeat: int, who: str) -> str:
    sampled = [number for number in numbers_of_samples(rows) if number != EXACT]
    chosen = "2048" if "2048" in sampled else sampled[-1]
    part = rows[rows["num_samples"].astype(str) == chosen]
    last = rows[rows["num_samples"].astype(str) == sampled[-1]]
    return (
        f"{who}: at {int(chosen):,} masks {repeat} explanations of a track name "
        f"{part['unique'].mean():.2f} components among their top {k} on average, and "
        f"{_percent(1 - part['top_is_true'])} of the explanations do not have the true top {k}. "
        f"At {int(sampled[-1]):,} masks it is {last['unique'].mean():.2f} and "
        f"{_percent(1 - last['top_is_true'])}. Exact weights are the same every time: U_n = {k} "
        f"by construction. {_ties(part, k)}"
    )


def _ties(part: pd.DataFrame, k: int) -> str:
    """Say where the top k is a matter of convention, or nearly."""
    tied = part["gap"] < TIE
    close = part["unique"][part["gap"] <= part["gap"].median()].mean()
    far = part["unique"][part["gap"] > part["gap"].median()].mean()
    return (
        f"The reason is how close the exact weights lie: U_n is {close:.2f} where those of places "
        f"{k} and {k + 1} differ by less than the median of {part['gap'].median():.5f}, and "
        f"{far:.2f} elsewhere. On {int(tied.sum())} of {len(part)} tracks they tie, as components "
        f"in which nothing sounds do: there the true top {k} is a matter of convention."
    )


def _percent(values: pd.Series[float] | pd.Series[bool]) -> str:
    return f"{100 * float(values.mean()):.0f} %"


if __name__ == "__main__":
    sys.exit(main())
