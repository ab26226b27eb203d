"""Train one listener's relevance model.

`python3 experiment.py with user_name=marko` inside `recsys/`, or from anywhere
`python -m recsys.experiment with user_name=marko`. `--help` lists all options. A training
that was killed or interrupted goes on with `resume=True` or `resume=FOLDER`, to the same weights.
"""

from __future__ import annotations

import recsys  # noqa: F401 - first, so that an interrupt of the others is one line

# isort: split
import contextlib
import functools
import io
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from sacred.run import Run

from lemons_commands import print_next
from lemons_utils import Configuration, ParameterError, checksum, command, configuration
from recsys import checkpoint, listening, progress, tracking
from recsys.catalogue import Catalogue, open_catalogue
from recsys.evaluation.advice import few_tracks, print_advice
from recsys.experiments import (
    ExperimentFolder,
    newest_unfinished,
    recipes,
    reopen,
    settle,
    start,
)
from recsys.options import TRAINING, help_text, split_of, typed

local_conf = {"mongodb_url": "", "mongodb_db_name": "LEMONS", "experiment_name": "LEMONS"}
"""The settings of config.py that say where runs are logged, set when the command starts."""

_RESUME_ANY, _RESUME_NONE = {"true", "1"}, {"", "false", "0"}

_ALONE = threading.Lock()
"""Held by each silent training of this process."""


def defaults() -> dict[str, Any]:
    """Every option with its default, the published one where the published system has it."""
    return {
        "user_name": "marko",
        "catalogue": "demo",
        "recipe": "published",  # or "lemons", a head in one go: idle are input_length to device
        "trunk": "",  # of recipe=lemons: a trunk's name; by default the catalogue's own
        "choose_strength": True,  # of recipe=lemons: of the ridge, by cross-validation
        "finetune_epochs": 0,  # of recipe=lemons: epochs that go on from the head, by those options
        "split_seed": listening.PUBLISHED_SEED,
        "input_length": 16_000,  # samples of a crop
        "batch_size": 20,
        "n_epochs": 1000,
        "patience": None,  # epochs without a better model until it stops; None: never
        "valid_every": 1,  # epochs
        "lr": 1e-3,
        "wd": 1e-4,
        "schedule": "constant",  # of the learning rate; or "cosine"
        "precision": "float32",  # of a training step; or "bfloat16"
        "compiled": False,  # True: training steps by PyTorch's compiler, for a GPU
        "training_seed": 1_930_289,
        "model_load_path": "",  # weights to start from
        "device": "cuda:0" if torch.cuda.is_available() else "cpu",
        "num_workers": 0,
        "log_step": 100,  # steps
        "use_tensorboard": False,
        "resume": "",  # True: the newest unfinished one of the same options; or a folder
        "use": False,  # True: the experiment becomes current, however good its model is
    }


def options_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of a training but `resume`: those given, and defaults for the others."""
    known = {name: value for name, value in defaults().items() if name != "resume"}
    options = typed({**known, **given}, known)
    if options["trunk"]:
        options["recipe"] = "lemons"
    if options["recipe"] not in recipes.RECIPES:
        names = " or ".join(recipes.RECIPES)
        raise ParameterError(f"recipe must be {names}, got {options['recipe']!r}")
    if options["compiled"] and options["recipe"] != "published":
        raise ParameterError("compiled is of the published network: say recipe=published")
    if (epochs := options["finetune_epochs"]) < 0:
        raise ParameterError(f"finetune_epochs must be 0 or greater, got {epochs}")
    if options["finetune_epochs"] and options["recipe"] != "lemons":
        raise ParameterError("finetune_epochs is of heads: say recipe=lemons or trunk=NAME")
    if epochs:
        left = {name for name in recipes.TUNING if options[name] == known[name]}
        options |= {name: recipes.TUNING[name] for name in left}
    if options["model_load_path"]:
        options["model_load_path"] = str(Path(options["model_load_path"]).expanduser().resolve())
    return options


def _train(run: Run, settings: Configuration) -> dict[str, Any]:
    """Train with the options of a run, which are those that `_understand` returns."""
    resume: str = run.config["resume"]
    options = {name: run.config[name] for name in defaults() if name != "resume"}
    folder = None
    if _names_a_folder(resume):
        folder = reopen(resume, settings.experiments)
    elif resume.lower() in _RESUME_ANY:
        folder = newest_unfinished(settings.experiments, options)
        if folder is None:
            print("nothing unfinished with these options; starting anew")
    catalogue = open_catalogue(options["catalogue"], data_folder=settings.data_folder)
    numbers = train_listener(
        options, catalogue, experiments=settings.experiments, folder=folder, run=run
    )
    user_name, name = options["user_name"], catalogue.name
    print_next(f"recsys.predict --user_name {user_name} --catalogue {name}")
    return numbers


def _understand(
    config: Mapping[str, Any], given: Collection[str], settings: Configuration
) -> dict[str, Any]:
    """Return all options of a training, of which a folder's own come before the defaults.

    Raises what is wrong with them, unless the training goes on in a named folder.
    """
    resume = typed(config, {"resume": ""})["resume"]
    if _names_a_folder(resume):
        typed(config, defaults())
        there = reopen(resume, settings.experiments).options
        options = options_of({**there, **{name: config[name] for name in given if name in config}})
    else:
        options = options_of(config)
        catalogue = open_catalogue(options["catalogue"], data_folder=settings.data_folder)
        path = split_of(catalogue, options["user_name"], options["split_seed"])
        recipes.check(options, catalogue, listening.read_split(path))
    return {**options, "resume": resume}


def _names_a_folder(resume: str) -> bool:
    return resume.lower() not in _RESUME_ANY | _RESUME_NONE


def train_listener(
    options: dict[str, Any],
    catalogue: Catalogue,
    *,
    experiments: Path,
    folder: ExperimentFolder | None = None,
    run: Run | None = None,
    change_split: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
) -> dict[str, Any]:
    """Train a listener's model in an experiment's folder, or go on training it.

    Parameters
    ----------
    options : dict
        From `options_of`.
    catalogue : Catalogue
    experiments : Path
        Where a new experiment is started if `folder` is None.
    folder : ExperimentFolder, optional
        An experiment to go on with.
    run : sacred's run, optional
        Where metrics and files are logged.
    change_split : callable, optional
        Maps the listener's split to the one to train and validate on. The experiment does not
        become the listener's current one.

    Returns
    -------
    dict with the best model's `epoch` and validation `loss`, `auc`, `map`, its path as `model`,
    the `seconds` of the training, and `remarks`: a list of lines on the result, of which the first
    says which experiment is current

    Raises
    ------
    ParameterError, DataError
        If an option, the listener or the weights to start from are wrong: before a folder is
        made, where `folder` is None.
    """
    path = split_of(catalogue, options["user_name"], options["split_seed"])
    split = listening.read_split(path)
    split = change_split(split) if change_split else split
    train = recipes.prepare(options, catalogue, split, experiments)
    folder = folder or start(experiments, options)
    if run is not None:
        run.info["model_save_path"] = str(folder.path)  # an option of the published system
    logs = folder.path / "tensorboard" if options["use_tensorboard"] else None
    with (
        folder.in_use(),
        tracking.Tracker(run, tensorboard_folder=logs, afresh=True) as tracker,
    ):
        folder = folder.go_on(options)
        checkpoint.remove_leftovers(folder.path)
        numbers = train(folder, tracker, checksum(path))
        remarks = []
        if change_split is None:
            valid_labels = split.loc[split["split"] == "valid", "label"].tolist()
            lines = (settle(folder, use=options["use"]), few_tracks(numbers["auc"], valid_labels))
            remarks = [line for line in lines if line]
            print(*remarks, sep="\n")
        else:
            folder.finish()
    recipe = options["recipe"]
    print_advice(catalogue, split, auc=numbers["auc"], map=numbers["map"], recipe=recipe)
    return {**numbers, "remarks": remarks}


def train_in_background(
    folder: ExperimentFolder, *, threads: int, settings: Configuration
) -> dict[str, Any]:
    """Train in an experiment's folder as a run of sacred's, without printing.

    Parameters
    ----------
    folder : ExperimentFolder
        Begun or not; its options are those of the training.
    threads : int > 0
        PyTorch's threads. The last bits of the weights may depend on them.
    settings : Configuration

    Returns and raises what `train_listener` does.
    """
    experiment = _sacred_experiment(settings)
    with silent(threads):
        run = experiment.run(config_updates={**folder.options, "resume": str(folder.path)})
    numbers: dict[str, Any] = run.result
    return numbers


@contextlib.contextmanager
def silent(threads: int) -> Iterator[None]:
    """Hide bars and printed lines and set PyTorch's threads, in one training at a time.

    Output, threads and PyTorch's random numbers belong to the process, so that trainings in its
    threads wait for each other.
    """
    output = io.StringIO()
    with (
        _ALONE,
        progress.hidden(),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(output),
    ):
        threads_before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(threads_before)


def _sacred_experiment(settings: Configuration) -> tracking.RecordedExperiment:
    """Make the experiment of sacred's that trains one listener and keeps its runs."""
    local_conf.update({name: getattr(settings, name) for name in local_conf})
    experiment = tracking.RecordedExperiment(local_conf["experiment_name"], save_git_info=False)

    def train(_run: Run) -> dict[str, Any]:
        """Train one listener's relevance model."""
        return _train(_run, settings)

    understand = functools.partial(_understand, settings=settings)
    return tracking.set_up(
        experiment, train, defaults(), settings, understand=understand, seed="training_seed"
    )


def run_commandline(arguments: Sequence[str] | None, settings: Configuration) -> int:
    """Run sacred's command line as `tracking.run_commandline` does, and return its exit code."""
    about = help_text(defaults(), TRAINING)
    return tracking.run_commandline(_sacred_experiment(settings), arguments, about)


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    try:
        return run_commandline(arguments, configuration())
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
