"""Train many listeners: `python -m recsys.train_all --users marko paige --jobs 2`.

Each training has the options and the folder of `python -m recsys.experiment`. Listeners with a
finished model of the same options and split are not trained again, and a training that was stopped
goes on: the same command, run again, does what is left. For the same number of `--threads` the
weights are the same wherever they are trained. `--together` trains all networks side by side in one
process, for a GPU: the weights are the same up to rounding.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import functools
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tqdm import tqdm

from lemons_commands import print_next
from lemons_jobs import Workers, add_options, run, workers_of
from lemons_utils import Configuration, DataError, ParameterError, command, configuration
from recsys import experiment, heads, listening, progress
from recsys.catalogue import open_catalogue
from recsys.experiments import (
    ExperimentFolder,
    find_trained,
    make_current,
    recipes,
    side_by_side,
    take_up,
)
from recsys.options import TRAINING

LOOK_S = 2.0
"""The time between two readings of the number of trained epochs [s]."""

_ONE_PER_CORE = -1

_NOT_OFFERED = {"user_name", "resume", "num_workers", "catalogue"}


def train_all(
    users: Sequence[str],
    options: Mapping[str, Any],
    *,
    workers: Workers,
    threads: int = 1,
    together: bool = False,
    settings: Configuration,
) -> None:
    """Train the listeners who have no finished model yet, and print how good each model is.

    With the option `use`, the models of the others become current, too.

    Parameters
    ----------
    users : sequence of str
        Listeners with a split in the catalogue.
    options : mapping
        Options that differ from `experiment.defaults`, the same for all listeners.
    workers, settings : Workers, Configuration
    threads : int > 0
        Threads of each training. One is fastest if there are more listeners than cores.
    together : bool
        Whether the networks train side by side in this process; then `workers` is this process.

    Raises
    ------
    ParameterError
        If an option is wrong, or `together` is said of heads, which are fitted in one go.
    DataError
        If the catalogue or a listener's split is missing, or, at the end, if a listener could
        not be trained.
    """
    if threads < 1:
        raise ParameterError(f"threads must be 1 or more, got {threads}")
    if together and not workers.is_here:
        raise ParameterError("--together trains in one process: leave --jobs and --cluster out")
    if together and experiment.options_of({**options})["recipe"] != "published":
        raise ParameterError(
            "--together trains recipe=published alone: a head of recipe=lemons is fitted in one go "
            "and fine-tuned by itself, leave --together out"
        )
    folders = [take_up(settings.experiments, each) for each in _untrained(users, options, settings)]
    if together and folders:
        _train_together(folders, threads, settings)
    work = functools.partial(experiment.train_in_background, threads=threads, settings=settings)
    train_listeners(folders, work, workers)


def _train_together(
    folders: Sequence[ExperimentFolder], threads: int, settings: Configuration
) -> None:
    """Train side by side to the last epoch in all folders; `train_listeners` does the rest."""
    name = folders[0].options["catalogue"]
    catalogue = open_catalogue(name, data_folder=settings.data_folder)
    plans = side_by_side.planned(folders, catalogue)
    audio = side_by_side.audio_of(plans, catalogue)
    with _epochs_bar(folders), experiment.silent(threads):
        side_by_side.train_side_by_side(plans, audio)


def train_listeners(
    folders: Sequence[ExperimentFolder],
    work: Callable[[ExperimentFolder], dict[str, Any]],
    workers: Workers,
) -> None:
    """Train a listener in each folder, and print the results as they come.

    Parameters
    ----------
    folders : sequence of ExperimentFolder
        From `experiments.take_up`.
    work : callable
        `experiment.train_in_background` with its keywords, or a function that calls it.
    workers : Workers

    Raises
    ------
    DataError
        At the end, if a listener could not be trained.
    """
    if not folders:
        return
    failed = []
    with _epochs_bar(folders):
        for outcome in run(work, folders, workers):
            folder = folders[outcome.index]
            user_name = folder.options["user_name"]
            if outcome.error is None:
                for line in _result(folder, outcome.get()):
                    tqdm.write(f"{user_name}: {line}")
            else:
                failed.append(f"not trained: {user_name}: {outcome.error}")
    if failed:
        print(*failed, sep="\n", file=sys.stderr)
        raise DataError(f"{len(failed)} of {len(folders)} listeners were not trained")


def _result(folder: ExperimentFolder, best: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is printed of a training: how good the model is, and the training's remarks."""
    in_epochs = folder.options["recipe"] == "published" or folder.options["finetune_epochs"]
    model = f"best model of epoch {best['epoch']}" if in_epochs else "head fitted"
    yield f"{model}, validation AUC {best['auc']:.3f}, MAP {best['map']:.3f}: {folder.path}"
    yield from best["remarks"]


def _untrained(
    users: Sequence[str], options: Mapping[str, Any], settings: Configuration
) -> list[dict[str, Any]]:
    """Check the options of all trainings; return those of listeners without a finished model."""
    names = dict.fromkeys(users)
    everybody = [experiment.options_of({**options, "user_name": name}) for name in names]
    if everybody[0]["recipe"] == "published" or everybody[0]["finetune_epochs"]:
        recipes.loop_options(everybody[0])
    catalogue = open_catalogue(everybody[0]["catalogue"], data_folder=settings.data_folder)
    untrained, home, trunk = [], settings.experiments, None
    if everybody[0]["recipe"] == "lemons":
        trunk = heads.open_trunk(home, catalogue, everybody[0]["trunk"])
    for each in everybody:
        done = find_trained(home, catalogue, each["user_name"], each["split_seed"], each)
        if done is None:
            untrained.append(each)
        elif trunk and not heads.is_on(trunk, done):
            print(f"{each['user_name']}: fitted again, since trunk {trunk.name} is another one now")
            untrained.append({**each, "use": True})
        elif each["use"]:
            print(make_current(done))
    if count := len(everybody) - len(untrained):
        print(f"{count} of {len(everybody)} listeners are trained already")
    return untrained


@contextlib.contextmanager
def _epochs_bar(folders: Sequence[ExperimentFolder]) -> Iterator[None]:
    """Show a bar of all epochs, read from the folders, within this context."""
    over = threading.Event()
    total = sum(folder.n_epochs for folder in folders)
    with progress.bar(total, unit="epoch", about=f"training {len(folders)} listeners") as bar:

        def follow() -> None:
            while not over.wait(LOOK_S):
                bar.update(sum(folder.epochs for folder in folders) - bar.n)

        follower = threading.Thread(target=follow, daemon=True)
        if not bar.disable:
            follower.start()
        try:
            yield
        finally:
            over.set()


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    options = _parse(arguments)
    if options.together and options.jobs == _ONE_PER_CORE:
        options.jobs = 1
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
    given = {name: value for name, value in vars(options).items() if name in experiment.defaults()}
    train_all(
        users,
        given,
        workers=workers,
        threads=options.threads,
        together=options.together,
        settings=settings,
    )
    print(f"models of {len(users)} listeners: {settings.experiments}")
    print_next(f"recsys.predict --user_name all --catalogue {options.catalogue}")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m recsys.train_all", description="Train the models of many listeners."
    )
    parser.add_argument(
        "--users", nargs="*", metavar="NAME", help="whom (default: everybody with a split)"
    )
    parser.add_argument("--catalogue", default="demo", metavar="NAME", help="(default: demo)")
    add_options(parser, jobs=_ONE_PER_CORE, what="trainings at a time")
    parser.add_argument(
        "--threads", type=int, default=1, metavar="N", help="of each training (default: 1)"
    )
    parser.add_argument(
        "--together",
        action="store_true",
        help="train all networks side by side in this process, on one device (recipe=published)",
    )
    group = parser.add_argument_group("options of each training, as of recsys.experiment")
    for name, default in experiment.defaults().items():
        if name not in _NOT_OFFERED:
            meaning = f"{TRAINING[name].replace('`', '')} ({default!r})".replace("%", "%%")
            group.add_argument(
                f"--{name}", type=_literal, default=default, metavar="VALUE", help=meaning
            )
    return parser.parse_args(arguments)


def _literal(text: str) -> Any:
    """Read a value as sacred does: as a Python literal if it is one."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


if __name__ == "__main__":
    sys.exit(main())
