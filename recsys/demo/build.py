"""`make demo`: compose the catalogue, train its seven listeners, evaluate them, show a table.

What is there already is not made again, so a second run takes seconds; an interrupted one goes
on where it was. Trainings and the evaluation are the ordinary commands, one process each.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from lemons_utils import Configuration, DataError, checksum, command, configuration
from recsys.catalogue import Catalogue
from recsys.checkpoint import BEST_MODEL, newest_experiment, read_card
from recsys.demo.listeners import LISTENERS
from recsys.demo.recording import record_demo
from recsys.evaluation import reports
from recsys.listening import PUBLISHED_SEED, split_path

_EPOCH = re.compile(r"epoch (\d+):")
"""Begins the lines that a training prints now and then."""

N_EPOCHS = 24
"""Far fewer than published: the band's genres are easy to tell apart."""

FIRST = min(LISTENERS)
"""Whom the demo app shows first: the first by alphabet."""

TRAINING = {
    "n_epochs": N_EPOCHS,
    "batch_size": 8,
    "schedule": "cosine",
    "valid_every": 12,
    "log_step": 10,
}
"""How the seven are trained; everything else is the published default.

Small batches: a step costs what its crops cost, so the same minutes hold more steps.
"""


@command
def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    options = _parse(arguments)
    config = configuration()
    catalogue = record_demo(config.catalogues / "demo")
    waiting = [name for name in LISTENERS if not _is_trained(name, catalogue, config)]
    if waiting:
        _train_all(waiting, options.jobs)
    table = config.experiments / f"{catalogue.name}-evaluation.csv"
    if waiting or not _is_current(table, catalogue, config):
        _run("recsys.eval", "with", "user_name=all", f"catalogue={catalogue.name}")
    else:
        print(f"{reports.as_text(pd.read_csv(table))}\ntable: {table}")
    print(
        "\nWith the virtual environment at hand (`. .venv/bin/activate`) go on with, e.g.\n"
        "  python -m recsys.predict --user_name marko --catalogue demo\n"
        "  python -m explanations.store_explanations --user_name marko --top_n 1\n",
        flush=True,
    )


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m recsys.demo.build",
        description="Compose the demo catalogue, train its seven listeners and evaluate them.",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="trainings at a time")
    return parser.parse_args(arguments)


def _is_trained(user_name: str, catalogue: Catalogue, config: Configuration) -> bool:
    """Whether a listener has a finished model of the very split that is there."""
    try:
        folder = newest_experiment(
            config.experiments, catalogue=catalogue.name, user_name=user_name
        )
        card = read_card(folder / BEST_MODEL)
    except DataError:
        return False
    split = split_path(catalogue, user_name, PUBLISHED_SEED)
    return card.get("split_checksum") == checksum(split) and "seconds" in card


def _is_current(table: Path, catalogue: Catalogue, config: Configuration) -> bool:
    """Whether the table of results is newer than every listener's model."""
    if not table.exists():
        return False
    models = [
        newest_experiment(config.experiments, catalogue=catalogue.name, user_name=name) / BEST_MODEL
        for name in LISTENERS
    ]
    return all(model.stat().st_mtime < table.stat().st_mtime for model in models)


def _run(module: str, *arguments: str) -> None:
    """Run one of our commands; what goes wrong there has been said there."""
    done = subprocess.run([sys.executable, "-m", module, *arguments])
    if done.returncode:
        raise DataError(f"`python -m {module} {' '.join(arguments)}` failed, see above")


def _train_all(names: list[str], jobs: int) -> None:
    """Train some listeners, `jobs` at a time, each on one thread: that is fastest per core.

    Whoever the demo app shows first is trained first, and their model scores the catalogue early:
    what takes longest must not be begun last, when the other cores have nothing left to do.
    """
    names = sorted(names, key=lambda name: (name != FIRST, name))
    jobs = max(1, min(jobs, len(names)))
    threads = max(1, (os.cpu_count() or 1) // jobs)
    total = len(names) * N_EPOCHS
    with (
        tqdm(total=total, unit="epoch", desc=f"training {len(names)} listeners") as bar,
        _pool(jobs) as pool,
    ):
        trained: dict[str, Future[list[str]]] = {}
        for name in names[:jobs]:
            trained[name] = pool.submit(_train, name, threads, bar.update)
        scored = pool.submit(_score, FIRST, trained.get(FIRST), threads)
        for name in names[jobs:]:
            trained[name] = pool.submit(_train, name, threads, bar.update)
        for name, training in trained.items():
            lines = training.result()
            bar.write(f"{name}: {lines[-2] if len(lines) > 1 else 'trained'}")
        bar.write(f"{FIRST}: {scored.result()[-1]}")


@contextmanager
def _pool(jobs: int) -> Iterator[ThreadPoolExecutor]:
    """Make a pool that drops what has not begun when it is left early."""
    pool = ThreadPoolExecutor(jobs)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _train(user_name: str, threads: int, on_epochs: Callable[[int], object]) -> list[str]:
    """Run one training command; return the lines it printed."""
    options = {"user_name": user_name, "catalogue": "demo", **TRAINING, "resume": True}
    settings = [f"{name}={value}" for name, value in options.items()]
    trained = 0

    def on_line(line: str) -> None:
        nonlocal trained
        if match := _EPOCH.match(line):
            on_epochs(int(match[1]) - trained)
            trained = int(match[1])

    return _lines_of(threads, on_line, "recsys.experiment", "with", *settings)


def _score(user_name: str, training: Future[list[str]] | None, threads: int) -> list[str]:
    """Score the catalogue by a listener's model once it is trained."""
    if training is not None:
        training.result()
    words = ("recsys.predict", "--user_name", user_name, "--catalogue", "demo")
    return _lines_of(threads, lambda line: None, *words)


def _lines_of(
    threads: int, on_line: Callable[[str], object], module: str, *arguments: str
) -> list[str]:
    """Run one of our commands on some threads; return the lines it printed."""
    lines = []
    with subprocess.Popen(
        [sys.executable, "-u", "-m", module, *arguments],
        env=_environment(threads=threads),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            lines.append(line.rstrip())
            on_line(lines[-1])
    if process.returncode:
        command_line = " ".join([module, *arguments[:2]])
        raise DataError(f"`python -m {command_line} ...` failed: " + " / ".join(lines[-3:]))
    return lines


def _environment(*, threads: int) -> Mapping[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1"}


if __name__ == "__main__":
    sys.exit(main())
