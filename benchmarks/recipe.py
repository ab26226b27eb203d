"""Which recipe ranks best, and what each says of silence.

    python benchmarks/recipe.py --catalogue games --tracks 100

Trains models of listeners whose taste is known, by several recipes on exactly the same tracks, and
prints how well they rank others, the relevance of nothing at all, and what explanations of the
most relevant tracks are like. The listeners are the demo's seven, or made up for a folder of real
music. What is measured is kept, so that the command goes on where it was interrupted; a row that
needs epochs (`published`, `everybody`, `fine-tuned`) has to be asked for by --rows.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from _measuring import ceiling, explained, of_nothing, ranking
from _networks import Networks
from _recipe_table import print_tables
from _rows import Row, fit_row, rows_of
from _tastes import (
    Fold,
    cross_validation,
    demo_labels,
    folders,
    made_up_labels,
    sounds_of,
    test_fold,
)

from lemons_jobs import add_options, run, workers_of
from lemons_journal import Journal
from lemons_places import typed_path
from lemons_utils import Configuration, ParameterError, command, configuration
from recsys import progress
from recsys.catalogue import open_catalogue
from recsys.demo.build import pool_band
from recsys.demo.listeners import LISTENERS
from recsys.demo.recording import record_demo

RESULTS = Path(__file__).parents[1] / "docs" / "results"
STATISTICS_ROWS = ("chance", "mean", "band", "local", "+", "lemons")
DEMO = "demo"
VERSION = 1
"""Of the measurements; others in the journal do not count."""


@dataclass(frozen=True, eq=False)
class Task:
    """Rows to measure on a fold; those that begin with the same network are in one task.

    Where `explain` is above 0, explanations of so many tracks are measured; otherwise ranking.
    """

    fold: Fold
    rows: tuple[str, ...]
    epochs: tuple[int, ...]
    explain: int

    def key(self, row: str) -> list[Any]:
        """Return what decides the result of a row."""
        fold = self.fold
        tracks = [fold.listener, fold.repeat, fold.number, fold.checksum]
        return [VERSION, row, *tracks, self.explain]


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = _parse(arguments)
    config = configuration()
    cache = config.data_folder / "studies" / "recipe"
    name = options.name or f"recipe-{options.catalogue}"
    rows = rows_of(options.epochs, options.rows)
    if not rows:
        raise ParameterError(f"no row is called {' or '.join(options.rows)}")
    folds = _folds(options, config, cache)
    tasks = [*_tasks(folds, rows, options)]
    journal = Journal(cache / f"{name}.jsonl")
    known = {str(record["key"]): record["results"] for record in journal.records()}
    waiting = [task for task in tasks if any(str(task.key(row)) not in known for row in task.rows)]
    if options.measured:
        tasks = [task for task in tasks if task not in waiting]
        waiting = []
    print(f"{len(tasks)} tasks, {len(waiting)} to do; kept in {journal.path}", flush=True)
    work = functools.partial(_measure, config=config, networks=Networks(cache / "networks"))
    with progress.bar(len(waiting), unit="fold") as bar:
        for outcome in run(work, waiting, workers_of(options)):
            task = waiting[outcome.index]
            for row, results in outcome.get().items():
                journal.append({"key": task.key(row), "results": results})
                known[str(task.key(row))] = results
            bar.update()
    measured: dict[tuple[str, str], dict[str, Any]] = {}
    for task in tasks:
        for row in task.rows:
            entry = measured.setdefault((row, task.fold.checksum), {})
            entry.update(known[str(task.key(row))])
    order = ["ceiling", *(row.name for row in rows)]
    table = pd.DataFrame([*(_ceiling_row(fold) for fold in folds), *measured.values()])
    print_tables(table, order, options.out / f"{name}.csv")
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/recipe.py", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--catalogue", default=DEMO)
    parser.add_argument("--test", metavar="CATALOGUE", help="train on the listeners' splits and "
                        "test on this catalogue of labelled tracks, instead of folds")  # fmt: skip
    parser.add_argument("--listeners", nargs="*", default=[], metavar="NAME")
    parser.add_argument("--repeats", type=int, default=1, help="of the division into folds")
    parser.add_argument("--folds", type=int, default=5, help="(%(default)s)")
    parser.add_argument("--first", type=int, metavar="N", help="measure N folds of each listener")
    parser.add_argument("--disjoint", action="store_true", help="keep folders or albums apart")
    parser.add_argument("--tracks", type=int, metavar="N", help="train on N tracks at most")
    parser.add_argument("--rows", nargs="*", default=STATISTICS_ROWS, metavar="NAME",
                        help="beginnings of the rows' names; all without a name")  # fmt: skip
    parser.add_argument("--epochs", nargs="+", type=int, default=[50], metavar="N",
                        help="of the published training, a row each")  # fmt: skip
    parser.add_argument("--explain", type=int, default=10, metavar="N",
                        help="tracks to explain on each listener's first fold")  # fmt: skip
    parser.add_argument("--measured", action="store_true",
                        help="print the tables of what is measured already")  # fmt: skip
    parser.add_argument("--out", type=typed_path, default=RESULTS, metavar="FOLDER")
    parser.add_argument("--name", help="of the results (recipe-CATALOGUE)")
    add_options(parser, jobs=1)
    return parser.parse_args(arguments)


def _folds(options: argparse.Namespace, config: Configuration, cache: Path) -> list[Fold]:
    """Return the folds of all listeners, the first fold of each first."""
    if options.catalogue == DEMO:
        catalogue = record_demo(config.catalogues / DEMO)
        pool_band(catalogue, workers_of(options))
    else:
        catalogue = open_catalogue(options.catalogue, data_folder=config.data_folder)
    make: Callable[[str], Iterable[Fold]]
    if options.test:
        tested_on = open_catalogue(options.test, data_folder=config.data_folder)
        known: Sequence[str] = [*LISTENERS]

        def make(listener: str) -> Iterable[Fold]:
            return [test_fold(catalogue, tested_on, listener)]
    else:
        groups = folders(catalogue)
        if catalogue.name == DEMO:
            labels = demo_labels(catalogue)
        else:
            path = cache / f"sounds-{catalogue.name}.csv"
            sounds = sounds_of(catalogue, path, workers_of(options))
            labels = made_up_labels(catalogue, sounds, groups)
        known = [*labels]

        def make(listener: str) -> Iterable[Fold]:
            return cross_validation(
                catalogue, listener, labels,
                repeats=options.repeats, count=options.folds, tracks=options.tracks,
                groups=groups if options.disjoint else None,
            )  # fmt: skip

    if unknown := set(options.listeners) - set(known):
        raise ParameterError(f"listeners are {', '.join(known)}, got {', '.join(sorted(unknown))}")
    chosen = [each for each in known if each in options.listeners or not options.listeners]
    folds = [fold for listener in chosen for fold in [*make(listener)][: options.first]]
    return sorted(folds, key=lambda fold: (fold.repeat, fold.number))


def _tasks(
    folds: Sequence[Fold], rows: Sequence[Row], options: argparse.Namespace
) -> Iterable[Task]:
    epochs, first = tuple(options.epochs), [fold for fold in folds if fold.is_first]
    for explain in (0, options.explain) if options.explain else (0,):
        for network in dict.fromkeys(row.network for row in rows):
            names = tuple(row.name for row in rows if row.network == network)
            for fold in first if explain else folds:
                yield Task(fold, names, epochs, explain)


def _measure(task: Task, *, config: Configuration, networks: Networks) -> dict[str, dict[str, Any]]:
    """Fit and measure the rows of a task."""
    results = {}
    with progress.hidden():
        for row in rows_of(task.epochs, []):
            if row.name not in task.rows:
                continue
            model = fit_row(row, task.fold, networks)
            results[row.name] = {**_about(task.fold), "row": row.name}
            if task.explain:
                results[row.name] |= explained(task.fold, model, task.explain, config)
                continue
            results[row.name] |= {
                "train": len(task.fold.train),
                "seconds": model.seconds,
                **ranking(task.fold, model),
                **of_nothing(task.fold, model),
            }
    return results


def _about(fold: Fold) -> dict[str, Any]:
    return {"listener": fold.listener, "repeat": fold.repeat, "fold": fold.number}


def _ceiling_row(fold: Fold) -> dict[str, Any]:
    return {**_about(fold), "row": "ceiling", **ceiling(fold)}


if __name__ == "__main__":
    sys.exit(main())
