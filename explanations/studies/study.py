"""What all studies share: their commands, work that resumes, results on disk, their sections.

A study asks one question of the explanations. Its package hands out one `Study`, which the report
lists. Its command goes through *items* (one listener and one track, say), measures a few *rows*
for each, and leaves in its results folder

    <name>.csv     all rows: the results
    <name>.json    facts: the command line, date, versions, checksums of the models
    <name>*.png    pictures

`run_items` journals each finished item in the cache, with its rows, under everything that the
item holds: killed at any moment and started again, the command goes on where it was, and an item
that holds something else (another model, other settings) is measured anew. So an item must
hold all that decides its rows: checksums of models, numbers of samples, seeds.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import pandas as pd

from explanations.studies.results import RESULTS, facts
from lemons_jobs import Workers, run
from lemons_journal import Journal
from lemons_limits import convert_json
from lemons_places import typed_path
from lemons_utils import DataError, ParameterError, command, configuration
from recsys import progress

Item = Mapping[str, Any]
"""What to measure: names and numbers that JSON can hold, all that decides the rows."""

Row = dict[str, Any]
"""One line of the results: column -> text, number or None."""

Work = Callable[[Item], list[Row]]
"""Measures one item. A function of a module, or a `functools.partial` of one, so that other
processes can run it."""


class _Measured(TypedDict):
    """A record of the journal."""

    item: dict[str, Any]
    rows: list[Row]


# -- a study and its command -------------------------------------------------------------------
@dataclass(frozen=True)
class StudySection:
    """The section of a study on the page.

    Parameters
    ----------
    title : str
    question : str
        What is asked and how, in a few sentences.
    findings : sequence of str
        The results in words, one sentence or two each; made from the numbers, so that they are
        true of whatever was measured. A missed target is named.
    tables : sequence of (caption, DataFrame)
        Cells are shown as `str` gives them: format numbers beforehand.
    pictures : sequence of (caption, file name in the results folder)
    facts : sequence of dict
        Of each run in the section, from `read_results`: their commands are printed.
    """

    title: str
    question: str
    findings: Sequence[str] = ()
    tables: Sequence[tuple[str, pd.DataFrame]] = ()
    pictures: Sequence[tuple[str, str]] = ()
    facts: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class StudyRun:
    """One call of a study's command.

    Parameters
    ----------
    study : str
        The study's name.
    options : argparse.Namespace
        The study's own options, and `out`, `cache` and `jobs`.
    arguments : sequence of str
        The words of the command line.
    started : float
        `time.perf_counter()` at the start.
    """

    study: str
    options: argparse.Namespace
    arguments: Sequence[str]
    started: float

    @property
    def cache(self) -> Path:
        """The folder of what is measured and computed along the way."""
        chosen: Path | None = self.options.cache
        return chosen or configuration().data_folder / "studies"

    def measure(
        self,
        items: Sequence[Item],
        measure: Callable[..., list[Row]],
        context: object,
        *,
        part: str = "",
    ) -> pd.DataFrame:
        """Measure items by a function of a module that gets an item, and the context as `context`.

        The items of each `part` have a journal of their own: see `run_items`.
        """
        work = functools.partial(measure, context=context)
        name = self.study + part
        return run_items(name, items, work, cache=self.cache, jobs=self.options.jobs)

    def facts(self, models: Mapping[str, str], **more: object) -> dict[str, Any]:
        """Describe this run: see `facts`."""
        return facts(self.study, self.arguments, models=models, started=self.started, **more)

    def require_positive(self, *names: str) -> None:
        """Raise a ParameterError if one of these options, or of the values of one, is below 1."""
        for name in names:
            value = getattr(self.options, name)
            lowest = min(value) if isinstance(value, list) else value
            if lowest < 1:
                raise ParameterError(f"{name} must be at least 1, got {lowest}")


@dataclass(frozen=True)
class Study:
    """A measurement of explanations: a command, and a section of the report.

    Parameters
    ----------
    name : str
        The name of its package, and of its files.
    title : str
        The heading on the page.
    description : str
        The command's description under `--help`.
    add_options : callable
        Adds the study's own options to a parser.
    run : callable
        Measures the items of a `StudyRun`, writes and draws the results, prints the main tables.
    section : callable
        Makes the `StudySection` from the files in a results folder alone, without computing.
        Raises a DataError where they are missing.
    full, quick : tuple of tuple of str
        The command lines of the report and of its quick form, without --out, --cache and --jobs.
    """

    name: str
    title: str
    description: str
    add_options: Callable[[argparse.ArgumentParser], object]
    run: Callable[[StudyRun], None]
    section: Callable[[Path], StudySection]
    full: tuple[tuple[str, ...], ...] = ((),)
    quick: tuple[tuple[str, ...], ...] = ((),)

    @property
    def module(self) -> str:
        """What `python -m` runs."""
        return f"{__package__}.{self.name}"

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Run the command; return its exit code."""
        return command(self._main)(arguments)

    def _main(self, arguments: Sequence[str] | None) -> None:
        started = time.perf_counter()
        words = sys.argv[1:] if arguments is None else list(arguments)
        parser = argparse.ArgumentParser(
            prog=f"python -m {self.module}", description=self.description
        )
        self.add_options(parser)
        parser.add_argument(
            "--out", type=typed_path, default=RESULTS, help="folder for the results"
        )
        parser.add_argument(
            "--cache", type=typed_path, help="folder for what is measured and computed along the "
            "way, to resume from; by default `studies` in the data folder",
        )  # fmt: skip
        parser.add_argument("--jobs", type=int, default=1, help="processes that share the cores")
        self.run(StudyRun(self.name, parser.parse_args(words), words, started))


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
        progress.bar(len(keys), unit="item", initial=len(keys) - len(waiting), about=name) as bar,
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
        with suppress(DataError):  # written by something else: measured again
            measured = convert_json(record, _Measured, str(journal.path))
            known[json.dumps(measured["item"], sort_keys=True)] = measured["rows"]
    return known
