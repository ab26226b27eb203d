"""What all studies share: work that resumes, tables of results, pictures, and their page.

A study asks one question of the explanations. It goes through *items* (one listener and one
track, say), measures a few *rows* for each, and leaves in its results folder

    <name>.csv     all rows: the results
    <name>.json    facts: the command line, date, versions, checksums of the models
    <name>*.png    pictures

Its module `explanations.studies.<name>` follows a convention, so that the report finds it
without being told of it (a module that lacks any of these is no study):

    NAME, TITLE        stem of its files; heading on the page
    ORDER              place on the page (stability 10, faithfulness 20, planted 30, sanity 40,
                       separators 50, real music 60)
    FULL, QUICK        runs of the report and of its quick form: tuples of command lines, each a
                       tuple of str; the report adds --out, --cache and --jobs
    main(arguments)    the command, made with `lemons_utils.command`
    section(folder)    -> Section from the files in a results folder alone, without computing;
                       raises DataError where they are missing

and its main usually reads

    options = arguments_of(parser).parse_args(arguments)     # adds --out, --cache and --jobs
    rows = run_items(NAME, items, work, cache=..., jobs=options.jobs)
    write_results(options.out, NAME, rows, facts(NAME, arguments, models={...}, seconds=...))
    draw pictures with `new_figure` and `save_figure`

`run_items` journals each finished item in the cache, with its rows, under everything that the
item says: killed at any moment and started again, the command goes on where it was, and an item
that says something else (another model, other settings) is measured anew. So an item must
mention all that decides its rows: checksums of models, numbers of samples, seeds.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import platform
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from lemons_jobs import Workers, run
from lemons_utils import DataError, Journal, ParameterError, configuration, write_beside
from recsys.evaluation.reports import write_csv, write_json

Item = Mapping[str, Any]
"""What to measure: names and numbers that JSON can hold, all that decides the rows."""

Row = dict[str, Any]
"""One line of the results: column -> text, number or None."""

Work = Callable[[Item], list[Row]]
"""Measures one item. A function of a module, or a `functools.partial` of one, so that other
processes can run it."""

RESULTS = Path("docs") / "results"
"""Where results go unless `--out` says otherwise."""

_UNRECORDED = ("--out", "--cache", "--jobs")
_VERSIONS_OF = ("lemons", "torch", "numpy")


# -- the command line --------------------------------------------------------------------------
def arguments_of(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the options of all studies: --out, --cache, --jobs."""
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results")
    parser.add_argument(
        "--cache", type=Path, help="folder for what is measured and computed along the way, to "
        "resume from; by default `studies` in the data folder",
    )  # fmt: skip
    parser.add_argument("--jobs", type=int, default=1, help="processes that share the cores")
    return parser


def cache_of(options: argparse.Namespace) -> Path:
    """Where a study keeps what it resumes from."""
    chosen: Path | None = options.cache
    return chosen or configuration().data_folder / "studies"


# -- work that resumes -------------------------------------------------------------------------
def run_items(
    name: str, items: Sequence[Item], work: Work, *, cache: Path, jobs: int = 1
) -> pd.DataFrame:
    """Measure all items that the journal does not have yet, with a progress bar.

    Parameters
    ----------
    name : str
        Of the study: its journal is `<cache>/<name>.jsonl`.
    items : sequence of mappings
    work : callable
        Maps an item to its rows.
    cache : Path
    jobs : int > 0
        Processes, each on one thread; 1 for this process alone, with all the threads it has.

    Returns
    -------
    DataFrame : the rows of all items, in the order of the items

    Raises
    ------
    DataError
        At the end, if the work raised a `DataError` or a `ParameterError` for some items; the
        other items are in the journal.
    """
    if jobs < 1:
        raise ParameterError(f"jobs must be 1 or more, got {jobs}")
    keys = [json.dumps(dict(item), sort_keys=True) for item in items]
    failed: dict[str, str] = {}
    journal = Journal(cache / f"{name}.jsonl")
    known = _read_journal(journal)
    waiting = [json.loads(key) for key in dict.fromkeys(keys) if key not in known]
    with (
        tqdm(total=len(keys), initial=len(keys) - len(waiting), desc=name, unit="item") as bar,
        closing(run(work, waiting, Workers(jobs))) as outcomes,
    ):
        for outcome in outcomes:
            item = waiting[outcome.index]
            key = json.dumps(item, sort_keys=True)
            if outcome.error is None:
                known[key] = outcome.get()
                journal.append({"item": item, "rows": known[key]})
            else:
                failed[key] = str(outcome.error)
            bar.update()
    for key, reason in failed.items():
        print(f"not measured: {key}: {reason}", file=sys.stderr)
    if failed:
        raise DataError(f"{name}: {len(failed)} of {len(keys)} items could not be measured")
    return pd.DataFrame([row for key in keys for row in known[key]])


def _read_journal(journal: Journal) -> dict[str, list[Row]]:
    known: dict[str, list[Row]] = {}
    for record in journal.records():
        with suppress(KeyError, TypeError):  # written by something else: measured again
            known[json.dumps(record["item"], sort_keys=True)] = record["rows"]
    return known


# -- results -----------------------------------------------------------------------------------
def facts(
    name: str,
    arguments: Sequence[str] | None,
    *,
    models: Mapping[str, str] | None = None,
    started: float | None = None,
    **more: object,
) -> dict[str, Any]:
    """Say how results came about.

    Parameters
    ----------
    name : str
        Of the study's module.
    arguments : sequence of str, or None
        What `main` got; None for the command line of this process.
    models : mapping from listener to checksum, optional
    started : float, optional
        `time.perf_counter()` at the start: how long this run took, which is less than the whole
        where it resumed.
    **more
        Whatever else is worth keeping.
    """
    said = sys.argv[1:] if arguments is None else arguments
    return {
        "command": shlex.join(["python", "-m", f"{__package__}.{name}", *recorded(said)]),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "seconds": None if started is None else round(time.perf_counter() - started, 1),
        "models": {user: value[:12] for user, value in (models or {}).items()},
        "versions": {
            "python": platform.python_version(),
            **{library: importlib.metadata.version(library) for library in _VERSIONS_OF},
        },
        **more,
    }


def recorded(arguments: Iterable[str]) -> list[str]:
    """Drop what says where and how to compute, which changes nothing in the results."""
    kept: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument in _UNRECORDED:
            next(rest, None)
        elif not argument.startswith(tuple(f"{option}=" for option in _UNRECORDED)):
            kept.append(argument)
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
        about: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"there are no results of {name}: run `python -m {__package__}.{name}` first"
        ) from error
    return rows, about


def runs_of(folder: Path, name: str) -> list[str]:
    """List the runs of a study that have results: its own name first, then `<name>-<more>`."""
    there = [path.stem for path in folder.glob(f"{name}*.json")]
    more = sorted(run for run in there if run.startswith(f"{name}-"))
    return [name, *more] if name in there or not more else more


def who_of(rows: pd.DataFrame) -> str:
    """Name the listeners of some rows, and how many tracks each has."""
    names = sorted(rows["user_name"].unique())
    counts = rows.groupby("user_name")["track_id"].nunique()
    each = f"{counts.iloc[0]}" if counts.nunique() == 1 else f"{counts.min()} to {counts.max()}"
    return f"{', '.join(names)}: {each} tracks{' each' if len(names) > 1 else ''}"


# -- pictures ----------------------------------------------------------------------------------
COLOURS = ("#1b6ca8", "#d98a1f", "#5a8f4a", "#a23b52", "#6a5aa0", "#8a8f98", "#2a9d9d")


def new_figure(width: float = 9.6, height: float = 4.8) -> Any:
    """Make an empty matplotlib figure [inches], without a screen and without global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def tidy(axes: Any, **labels: object) -> None:
    """Give axes the looks of all our pictures; labels as of `Axes.set`."""
    axes.set(**labels)
    axes.grid(color="#e6e8eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def save_figure(figure: Any, path: Path) -> None:
    """Write a picture, the same bytes for the same figure."""
    with write_beside(path) as temporary:
        figure.savefig(temporary, dpi=110, metadata={"Software": None})


# -- the page ----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Section:
    """What a study says on the page.

    Parameters
    ----------
    title : str
    question : str
        What is asked and how, in a few sentences.
    findings : sequence of str
        What came out, one sentence or two each; made from the results, so that they are true
        of whatever was measured. What misses a target says so.
    tables : sequence of (caption, DataFrame)
        Cells are shown as `str` gives them: format numbers beforehand.
    pictures : sequence of (caption, file name in the results folder)
    facts : sequence of dict
        Of each run that the section shows, from `read_results`: their commands are printed.
    """

    title: str
    question: str
    findings: Sequence[str] = ()
    tables: Sequence[tuple[str, pd.DataFrame]] = ()
    pictures: Sequence[tuple[str, str]] = ()
    facts: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
