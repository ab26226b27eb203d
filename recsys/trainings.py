"""Trainings that can be handed to somebody else: what to train, whether it is done, doing it."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lemons_utils import Configuration, DataError, checksum
from recsys import checkpoint, progress
from recsys import experiments as experiment_folder
from recsys.catalogue import Catalogue
from recsys.options import split_of

_ALONE = threading.Lock()
"""PyTorch's random numbers and sacred's capture of what is printed belong to the process."""


@dataclass(frozen=True)
class Training:
    """One listener's training: its folder says everything about it.

    Parameters
    ----------
    user_name : str
    folder : Path
        Of the experiment, begun or not.
    threads : int > 0
        To train on. The weights' last bits may depend on it, on nothing else of where it runs.
    settings : Configuration
        Of who wants it; the same folders are where it is done.
    """

    user_name: str
    folder: Path
    threads: int
    settings: Configuration

    @property
    def epochs(self) -> int:
        """How many epochs it has had."""
        return checkpoint.trained_epochs(self.folder / checkpoint.LAST_STATE)


def find_trained(
    options: Mapping[str, Any], catalogue: Catalogue, experiments: Path
) -> Path | None:
    """Find a listener's finished model of these options and of the split that is there now.

    Parameters
    ----------
    options : mapping
        `experiment.options_of` of the listener's.
    catalogue : Catalogue
        That of the options.
    experiments : Path
        `configuration().experiments`.
    """
    found = experiment_folder.newest_finished(experiments, options)
    if found is None:
        return None
    try:
        card = checkpoint.read_card(found.path / checkpoint.BEST_MODEL)
    except (DataError, OSError):
        return None
    split = split_of(catalogue, options["user_name"], options["split_seed"])
    return found.path if card.get("split_checksum") == checksum(split) else None


def prepare(options: Mapping[str, Any], *, threads: int, settings: Configuration) -> Training:
    """Take up the training of these options that was not ended, or make a folder for one."""
    folder = experiment_folder.newest_unfinished(settings.experiments, options)
    folder = folder or experiment_folder.start(settings.experiments, options)
    return Training(options["user_name"], folder.path, threads, settings)


def train(training: Training) -> dict[str, Any]:
    """Train, or go on where a worker that died has left it; one at a time in a process.

    Returns
    -------
    dict, the metrics of the model's card

    Raises
    ------
    ParameterError, DataError
        If an option or the split is wrong, or somebody else trains in the folder.
    """
    from recsys import experiment

    said = io.StringIO()
    arguments = ["with", f"resume={str(training.folder)!r}"]
    with (
        _ALONE,
        progress.hidden(),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
    ):
        torch.set_num_threads(training.threads)
        code = experiment.run_commandline(arguments, training.settings)
    if code:
        last = said.getvalue().strip().splitlines()[-1:]
        raise DataError(f"the training in {training.folder} failed: {' '.join(last)}")
    card = checkpoint.read_card(training.folder / checkpoint.BEST_MODEL)
    metrics: dict[str, Any] = card["metrics"]
    return metrics
