"""The results of a study on disk: rows as CSV, and the facts of the run that made them as JSON."""

from __future__ import annotations

import datetime
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lemons_limits import read_json
from lemons_utils import DataError, write_csv, write_json
from lemons_versions import versions

RESULTS = Path("docs") / "results"
"""Where results go unless `--out` says otherwise."""

_UNRECORDED = ("--out", "--cache", "--jobs")
_VERSIONS_OF = ("lemons", "torch", "numpy")


def facts(
    name: str,
    arguments: Sequence[str],
    *,
    models: Mapping[str, str],
    started: float | None = None,
    **more: object,
) -> dict[str, Any]:
    """Describe how results came about.

    Parameters
    ----------
    name : str
        The study's name.
    arguments : sequence of str
        The words of its command line.
    models : mapping from listener to checksum
    started : float, optional
        `time.perf_counter()` at the start: how long this run took, which is less than the whole
        where it resumed.
    **more
        Whatever else is worth keeping.
    """
    return {
        "command": shlex.join(["python", "-m", f"{__package__}.{name}", *recorded(arguments)]),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "seconds": None if started is None else round(time.perf_counter() - started, 1),
        "models": {user_name: checksum[:12] for user_name, checksum in models.items()},
        "versions": versions(_VERSIONS_OF),
        **more,
    }


def recorded(arguments: Iterable[str]) -> list[str]:
    """Drop the options that say where and how to compute, which change nothing in the results."""
    kept: list[str] = []
    words = iter(arguments)
    for word in words:
        if word in _UNRECORDED:
            next(words, None)
        elif not word.startswith(tuple(f"{option}=" for option in _UNRECORDED)):
            kept.append(word)
    return kept


def write_results(
    folder: Path, name: str, rows: pd.DataFrame, about: Mapping[str, Any], *, digits: int = 6
) -> None:
    """Write a study's rows and facts; readers see the old files or the new ones."""
    write_csv(folder / f"{name}.csv", rows.round(digits))
    write_json(folder / f"{name}.json", about)


def read_results(folder: Path, name: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a study's rows and facts.

    Raises
    ------
    DataError
        If they are not there: says how to make them.
    """
    try:
        rows = pd.read_csv(folder / f"{name}.csv")
        about = read_json(folder / f"{name}.json", dict[str, Any], "study's facts")
    except (OSError, ValueError, DataError) as error:
        raise DataError(
            f"there are no results of {name}: run `python -m {__package__}.{name}` first"
        ) from error
    return rows, about


def runs_of(folder: Path, name: str) -> list[str]:
    """List the runs of a study that have results: its own name first, then `<name>-<more>`.

    A study without any results is listed by its name, so that reading them says what to run.
    """
    names = [path.stem for path in folder.glob(f"{name}*.json")]
    longer = sorted(run for run in names if run.startswith(f"{name}-"))
    return [name, *longer] if name in names or not longer else longer


def describe_tracks(rows: pd.DataFrame) -> str:
    """Name the listeners of some rows, and how many tracks each has."""
    counts = rows.groupby("user_name")["track_id"].nunique()
    each = f"{counts.iloc[0]}" if counts.nunique() == 1 else f"{counts.min()} to {counts.max()}"
    return f"{', '.join(counts.index)}: {each} tracks{' each' if len(counts) > 1 else ''}"
