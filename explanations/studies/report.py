"""All studies, and one page with every table and picture and the command that made it.

`make report` measures in full and resumes where it was; `make report-quick` composes a small
catalogue of its own, trains one listener for moments, and runs every study on the smallest scale
that still runs all of it: its numbers mean nothing, it shows that the studies work.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from explanations.studies import fidelity, planted, real_music, sanity, separators, stability
from explanations.studies.page import write_page
from explanations.studies.results import RESULTS, recorded
from explanations.studies.study import Study, StudySection
from lemons_places import typed_path
from lemons_utils import DataError, ParameterError, command, configuration
from recsys.experiments import trained_listeners

MODULE = "explanations.studies.report"
QUICK_TRACKS = 40
QUICK_LISTENER = "marko"
QUICK_TRAINING = ("catalogue=demo", "recipe=lemons")

STUDIES = tuple(
    package.STUDY for package in (stability, fidelity, planted, sanity, separators, real_music)
)
"""All studies, in their order on the page."""


def studies() -> dict[str, Study]:
    """Return all studies by name, in their order on the page."""
    return {study.name: study for study in STUDIES}


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    options = _parse(arguments)
    known = studies()
    chosen = [] if options.page_only else options.only or [*known]
    if unknown := [name for name in options.only or [] if name not in known]:
        raise ParameterError(f"no study {unknown[0]!r}: there are {', '.join(known)}")
    config = configuration()
    out = options.out or (config.data_folder / "results-quick" if options.quick else RESULTS)
    cache = options.cache or config.data_folder / ("studies-quick" if options.quick else "studies")
    environment = dict(os.environ)
    if options.quick and not options.page_only:
        environment["LEMONS_DATA_FOLDER"] = str(_quick_data(cache))
    failed = {}
    for name in filter(chosen.__contains__, known):
        for words in known[name].quick if options.quick else known[name].full:
            where = ["--out", str(out), "--cache", str(cache), "--jobs", str(options.jobs)]
            if reason := _run(known[name].module, [*words, *where], environment):
                failed[name] = reason
    own_words = sys.argv[1:] if arguments is None else arguments
    page = write_report(out, shlex.join(["python", "-m", MODULE, *recorded(own_words)]))
    print(f"page: {page}")
    if failed:
        raise DataError("; ".join(failed.values()))


def write_report(out: Path, how: str) -> Path:
    """Write the page from the results in a folder; what is missing is named on it.

    Parameters
    ----------
    out : Path
    how : str
        The command that makes the page.
    """
    sections: dict[str, StudySection] = {}
    missing: dict[str, str] = {}
    for name, study in studies().items():
        try:
            sections[name] = study.section(out)
        except (DataError, FileNotFoundError) as error:
            missing[study.title] = str(error)
        except KeyError as error:  # columns that an older version of the study did not write
            missing[study.title] = f"its results lack {error}: run the study again"
    path = out / "index.html"
    write_page(path, sections, missing, command=how)
    return path


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m explanations.studies.report",
        description="Run all studies of the explanations and write one page about them.",
    )
    parser.add_argument("--quick", action="store_true", help="all of it, on the smallest scale")
    parser.add_argument("--only", nargs="+", metavar="STUDY", help="run these, show all")
    parser.add_argument("--page_only", action="store_true", help="run none, show what is there")
    parser.add_argument(
        "--out", type=typed_path, help=f"folder of the results; by default {RESULTS}, or "
        "results-quick in the data folder",
    )  # fmt: skip
    parser.add_argument("--cache", type=typed_path, help="what to resume from")
    parser.add_argument("--jobs", type=int, default=1, help="processes that share the cores")
    return parser.parse_args(arguments)


def _run(module: str, arguments: list[str], environment: Mapping[str, str]) -> str:
    """Run a study as the command that it is; return what went wrong, if anything did."""
    print(f"\n== python -m {module} {shlex.join(recorded(arguments))}", flush=True)
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", module, *arguments], env=dict(environment))
    if done.returncode == 130:
        raise KeyboardInterrupt
    print(f"== {time.perf_counter() - started:.0f} s", flush=True)
    return f"`python -m {module}` failed, see above" if done.returncode else ""


def _quick_data(cache: Path) -> Path:
    """Make a data folder with a small demo catalogue and one listener, if it is not there."""
    folder = cache / "data"
    environment = {**os.environ, "LEMONS_DATA_FOLDER": str(folder)}
    if not trained_listeners(folder / "experiments", catalogue="demo"):
        for module, arguments in (
            ("recsys.demo", ["--tracks", str(QUICK_TRACKS)]),
            ("recsys.experiment", ["with", f"user_name={QUICK_LISTENER}", *QUICK_TRAINING]),
        ):
            if reason := _run(module, arguments, environment):
                raise DataError(reason)
    return folder


if __name__ == "__main__":
    sys.exit(main())
