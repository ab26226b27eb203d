"""The tables of benchmarks/recipe.py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from _measuring import NOTHING
from _rows import LEMONS
from _shared import print_head, print_row

from audiolime.components import KINDS
from lemons_utils import write_csv
from recsys.evaluation.baseline import STATISTICS

ROUNDS = 2000
SCORES = {
    "auc_clean": "AUC",
    "map_clean": "MAP",
    "auc_noisy": "AUC, noisy labels",
    "map_noisy": "MAP, noisy labels",
}
FOLD = ["listener", "repeat", "fold"]


def mean_and_interval(values: pd.Series[float]) -> tuple[float, float, float]:
    """Return a mean and its 95 % interval, by a bootstrap over listeners and their folds.

    Parameters
    ----------
    values : Series, by listener
        Folds of one listener have the same index; NaN is left out.
    """
    values = values.dropna()
    groups = [group.to_numpy() for _, group in values.groupby(level=0)]
    if not groups:
        return np.nan, np.nan, np.nan
    rng = np.random.default_rng(0)
    means = []
    for _ in range(ROUNDS):
        drawn = [groups[place] for place in rng.integers(len(groups), size=len(groups))]
        means.append(np.mean([rng.choice(group, len(group)).mean() for group in drawn]))
    low, high = np.quantile(means, [0.025, 0.975])
    return float(np.mean([group.mean() for group in groups])), float(low), float(high)


def print_tables(table: pd.DataFrame, order: Sequence[str], path: Path) -> None:
    """Print the tables and write them.

    `path` takes a line for each row, `<name>_listeners.csv` beside it one for each listener.
    """
    rows = [name for name in order if name in set(table["row"])]
    lines = [_line(table, name) for name in rows]
    write_csv(path, pd.DataFrame(lines).round(4))
    by_listener = _by_listener(table, rows)
    write_csv(path.with_name(f"{path.stem}_listeners.csv"), by_listener.round(4))
    _print_ranking(lines)
    _print_nothing(lines)
    print(f"\ntables: {path}")


def paired(
    table: pd.DataFrame, name: str, other: str, score: str = "auc_clean"
) -> pd.Series[float]:
    """Return a row's score minus another row's on the folds that both have, by listener."""
    one, two = (table[table["row"] == each].set_index(FOLD)[score] for each in (name, other))
    difference: pd.Series[float] = (one - two).dropna()
    return difference.droplevel(["repeat", "fold"])


def _line(table: pd.DataFrame, name: str) -> dict[str, object]:
    part = table[table["row"] == name]
    by_listener = part.set_index("listener")
    line: dict[str, object] = {
        "row": name, "listeners": part["listener"].nunique(), "folds": len(part)
    }  # fmt: skip
    for score in SCORES:
        if score in part:
            line |= _interval_cells(score, by_listener[score])
    if "ece" in part:
        line["ece"] = part["ece"].mean()
    line |= _interval_cells("minus_band_statistics", paired(table, name, STATISTICS))
    line |= _interval_cells("lemons_minus", paired(table, LEMONS, name))
    if name == "ceiling":
        return line
    line |= {"train": part["train"].median(), "seconds": part["seconds"].median()}
    for what in NOTHING:
        column = what.replace(" ", "_")
        line |= {f"{column}_min": part[what].min(), f"{column}_max": part[what].max()}
    if "below_silence" in part:
        lists = {key: _joined(part, key) for key in _explained_keys()}
        line["explained"] = len(lists["below_silence"])
        line |= {key: float(np.mean(values)) for key, values in lists.items() if values}
    return line


def _explained_keys() -> list[str]:
    return [
        "below_silence",
        *(f"{what}_{kind}" for what in ("fidelity", "empty") for kind in KINDS),
    ]


def _joined(part: pd.DataFrame, key: str) -> list[float]:
    return [each for values in part[key] if isinstance(values, list) for each in values]


def _interval_cells(name: str, values: pd.Series[float]) -> dict[str, float]:
    mean, low, high = mean_and_interval(values)
    return {name: mean, f"{name}_low": low, f"{name}_high": high}


def _by_listener(table: pd.DataFrame, rows: Sequence[str]) -> pd.DataFrame:
    """Return a line for each listener and row: mean AUC over folds, and `lemons` minus it."""
    lines = []
    for name in rows:
        differences = paired(table, LEMONS, name)
        for listener, part in table[table["row"] == name].groupby("listener", sort=False):
            line = {"listener": listener, "row": name, "folds": len(part)}
            line["auc_clean"] = part["auc_clean"].mean() if name != "ceiling" else 1.0
            line["silence"] = part["silence"].mean()
            mine = differences[differences.index == listener]
            line |= _interval_cells("lemons_minus", mine)
            lines.append(line)
    return pd.DataFrame(lines)


def _cell(line: dict[str, object], name: str, digits: str = ".3f") -> str:
    if name not in line or pd.isna(line[name]):  # type: ignore[call-overload]
        return ""
    values = [line[f"{name}{end}"] for end in ("", "_low", "_high")]
    mean, low, high = (f"{value:{digits}}" for value in values)
    return f"{mean} [{low}, {high}]"


def _print_ranking(lines: Sequence[dict[str, object]]) -> None:
    scores = {name: title for name, title in SCORES.items() if any(name in each for each in lines)}
    print_head("recipe", "folds", *scores.values(), "minus band statistics", "ECE", "seconds")
    for line in lines:
        print_row(
            line["row"], line["folds"],
            *(_cell(line, score) for score in scores),
            _cell(line, "minus_band_statistics", "+.3f"),
            _number(line, "ece", ".2f"), _number(line, "seconds", ".1f"),
        )  # fmt: skip


def _number(line: dict[str, object], name: str, digits: str) -> str:
    value = line.get(name)
    return f"{value:{digits}}" if isinstance(value, float) and not np.isnan(value) else ""


def _print_nothing(lines: Sequence[dict[str, object]]) -> None:
    print("\nRelevance of nothing at all, least to most of the models, and explanations\n")
    kinds = [kind.replace("_source", " + Source").capitalize() for kind in KINDS]
    print_head(
        "recipe", *NOTHING, "explained", *(f"{kind}: empty, fidelity" for kind in kinds),
        "below silence",
    )  # fmt: skip
    for line in lines:
        if "silence_min" not in line:
            continue
        ranges = []
        for what in NOTHING:
            column = what.replace(" ", "_")
            ends = [_number(line, f"{column}_{end}", ".2f") for end in ("min", "max")]
            ranges.append(" to ".join(ends))
        cells = [
            ", ".join(_number(line, f"{what}_{kind}", ".2f") for what in ("empty", "fidelity"))
            if line.get("explained") else ""
            for kind in KINDS
        ]  # fmt: skip
        print_row(
            line["row"], *ranges, line.get("explained", ""), *cells,
            _number(line, "below_silence", ".2f"),
        )  # fmt: skip
