"""Train many listeners: `python -m recsys.train_all --users marko paige --jobs 2`.

Each training is `python -m recsys.experiment`'s, with its options and its folder. Who has a
finished model of the same options and split is not trained again; a training that was stopped
goes on; so started again, the command does what is left. On the same number of `--threads` the
weights are the same, whoever trains, and wherever.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lemons_jobs import Workers, add_options, run, workers_of
from lemons_utils import Configuration, DataError, ParameterError, command, configuration
from recsys import experiment, listening, progress, training, trainings
from recsys.catalogue import open_catalogue
from recsys.options import split_of
from recsys.trainings import Training

LOOK_S = 2.0
"""How often to look how far the trainings are [s]."""

_NOT_HERE = {"user_name", "resume", "num_workers", "catalogue"}


def train_all(
    users: Sequence[str],
    options: Mapping[str, Any],
    *,
    workers: Workers,
    threads: int = 1,
    settings: Configuration,
) -> None:
    """Train listeners who have no finished model yet, and print how good each became.

    Parameters
    ----------
    users : sequence of str
        Each with a split in the catalogue.
    options : mapping
        Of `experiment.defaults`, what is to be otherwise; the same for everybody.
    workers : Workers
        Who trains.
    threads : int > 0
        Of each training. One is fastest where there are more listeners than cores.
    settings : Configuration

    Raises
    ------
    ParameterError
        If an option is wrong.
    DataError
        If the catalogue or a listener's split is missing, or somebody could not be trained:
        the others are.
    """
    if threads < 1:
        raise ParameterError(f"threads must be 1 or more, got {threads}")
    waiting = _waiting(users, options, threads, settings)
    if not waiting:
        return
    failed = []
    n_epochs = int({**experiment.defaults(), **options}["n_epochs"])
    with _epochs_bar(waiting, n_epochs) as bar:
        for outcome in run(trainings.train, waiting, workers):
            who = waiting[outcome.index]
            if outcome.error is not None:
                failed.append(f"{who.user_name}: {outcome.error}")
                continue
            best = outcome.get()
            bar.write(
                f"{who.user_name}: best model of epoch {best['epoch']}, validation AUC "
                f"{best['valid_auc']:.3f}, MAP {best['valid_map']:.3f}: {who.folder}",
                file=sys.stdout,
            )
    for line in failed:
        print(f"not trained: {line}", file=sys.stderr)
    if failed:
        raise DataError(f"{len(failed)} of {len(waiting)} listeners were not trained")


def _waiting(
    users: Sequence[str], options: Mapping[str, Any], threads: int, settings: Configuration
) -> list[Training]:
    """List the trainings to do; nothing is begun before everything is found to be right."""
    everybody = [
        experiment.options_of({**experiment.defaults(), **options, "user_name": user_name})
        for user_name in dict.fromkeys(users)
    ]
    for each in everybody:
        del each["resume"]
    first = everybody[0]
    training.Options(**{name: first[name] for name in training.Options.__dataclass_fields__})
    catalogue = open_catalogue(first["catalogue"], data_folder=settings.data_folder)
    for each in everybody:
        split_of(catalogue, each["user_name"], each["split_seed"])
    waiting = [
        each
        for each in everybody
        if trainings.find_trained(each, catalogue, settings.experiments) is None
    ]
    if len(waiting) < len(everybody):
        print(f"{len(everybody) - len(waiting)} of {len(everybody)} listeners are trained already")
    return [trainings.prepare(each, threads=threads, settings=settings) for each in waiting]


@contextlib.contextmanager
def _epochs_bar(waiting: Sequence[Training], n_epochs: int) -> Iterator[Any]:
    """Show a bar of all epochs, which are read from the folders, wherever they are trained."""
    over = threading.Event()
    with progress.bar(
        len(waiting) * n_epochs, unit="epoch", about=f"training {len(waiting)} listeners"
    ) as bar:

        def look() -> None:
            while not over.wait(LOOK_S):
                bar.n = sum(each.epochs for each in waiting)
                bar.refresh()

        looking = threading.Thread(target=look, daemon=True)
        if not bar.disable:
            looking.start()
        try:
            yield bar
        finally:
            over.set()


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    options = _parse(arguments)
    workers, settings = workers_of(options), configuration()
    users = options.users
    if not users:
        catalogue = open_catalogue(options.catalogue, data_folder=settings.data_folder)
        users = listening.users(catalogue, int(options.split_seed))
        if not users:
            raise DataError(
                f"nobody has a split in catalogue {catalogue.name}: `python -m recsys.listening "
                f"plays.csv --catalogue {catalogue.name}` adds listeners"
            )
    said = {name: value for name, value in vars(options).items() if name in experiment.defaults()}
    train_all(users, said, workers=workers, threads=options.threads, settings=settings)
    print(f"models of {len(users)} listeners: {settings.experiments}")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m recsys.train_all", description="Train the models of many listeners."
    )
    parser.add_argument(
        "--users", nargs="*", metavar="NAME", help="whom (default: everybody with a split)"
    )
    parser.add_argument("--catalogue", default="demo", metavar="NAME", help="(default: demo)")
    add_options(parser, jobs=-1, what="trainings at a time")
    parser.add_argument(
        "--threads", type=int, default=1, metavar="N", help="of each training (default: 1)"
    )
    group = parser.add_argument_group("options of each training, as of recsys.experiment")
    for name, default in experiment.defaults().items():
        if name not in _NOT_HERE:
            group.add_argument(f"--{name}", type=_literal, default=default, metavar="VALUE")
    return parser.parse_args(arguments)


def _literal(said: str) -> Any:
    """Read a value as sacred does: a Python literal where it looks like one."""
    try:
        return ast.literal_eval(said)
    except (ValueError, SyntaxError):
        return said


if __name__ == "__main__":
    sys.exit(main())
