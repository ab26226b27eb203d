"""The model of a listener: where it is, and who has one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lemons_utils import DataError, checksum
from recsys.catalogue import Catalogue
from recsys.checkpoint import BEST_MODEL, weights_path
from recsys.experiments.current import current_experiment
from recsys.experiments.folder import alike, without_time
from recsys.experiments.listing import list_experiments
from recsys.options import split_of

EVERYBODY = "all"
"""Stands for all listeners who have a model, where commands ask for names."""


@dataclass(frozen=True)
class FoundModel:
    """A listener's file of weights, and why it is this one.

    Parameters
    ----------
    path : Path
    why : str
        Empty if the path was named.
    """

    path: Path
    why: str = ""

    @property
    def name(self) -> str:
        """The name of the experiment's folder, or the path of other weights."""
        folder = self.path.parent.name
        is_one = self.path.name == BEST_MODEL and without_time(folder) is not None
        return folder if is_one else str(self.path)

    @property
    def line(self) -> str:
        """What everything that loads the model says of it: `model: FOLDER (why)`."""
        return f"model: {self.name}" + (f" ({self.why})" if self.why else "")


def find_model(
    experiments: Path, *, catalogue: str, user_name: str, named: str | Path | None = None
) -> FoundModel:
    """Return a listener's file of weights: one that is named, or the current experiment's.

    Parameters
    ----------
    experiments : Path
        Parent of the experiments' folders.
    catalogue, user_name : str
    named : str or Path, optional
        Weights, or an experiment's folder, or its name.

    Raises
    ------
    DataError
        If nothing is named and no training of the listener has ended.
    """
    if named:
        path = Path(named).expanduser().resolve()  # printed without `..`
        inside = experiments / named
        return FoundModel(weights_path(path if path.exists() or not inside.exists() else inside))
    found = current_experiment(experiments, catalogue=catalogue, user_name=user_name)
    if found is None:
        begun = list_experiments(experiments, catalogue=catalogue, user_name=user_name)
        what = f"with user_name={user_name} catalogue={catalogue}` trains one"
        if begun and begun[-1].options:
            what = f"with resume={begun[-1].name}` goes on with a training that has not ended"
        raise DataError(
            f"{user_name} has no model for catalogue {catalogue} in {experiments}: "
            f"`python -m recsys.experiment {what}"
        )
    experiment, why = found
    return FoundModel(experiment.path / BEST_MODEL, why)


def find_trained(
    experiments: Path,
    catalogue: Catalogue,
    user_name: str,
    split_seed: int,
    options: Mapping[str, Any] | None = None,
) -> Path | None:
    """Return the experiment of a listener's finished training on the present split, or None.

    Parameters
    ----------
    experiments, catalogue, user_name, split_seed
        The listener's split is that of this catalogue and seed.
    options : mapping, optional
        The options of the training; by default the current experiment counts, whatever its
        options.

    Raises
    ------
    DataError
        If the listener has no split in the catalogue.
    """
    split_checksum = checksum(split_of(catalogue, user_name, split_seed))
    whose = {"catalogue": catalogue.name, "user_name": user_name}
    if options is None:
        found = current_experiment(experiments, **whose)
        candidates = [found[0]] if found else []
    else:
        same = {folder.path for folder in alike(experiments, options)}
        listed = list_experiments(experiments, **whose)
        candidates = [each for each in reversed(listed) if each.finished and each.path in same]
    paths = (each.path for each in candidates if each.split_checksum == split_checksum)
    return next(paths, None)


def trained_listeners(experiments: Path, *, catalogue: str) -> list[str]:
    """Return the listeners with a finished model of a catalogue, in alphabetical order."""
    listed = list_experiments(experiments, catalogue=catalogue)
    return sorted({each.user_name for each in listed if each.finished})


def named_listeners(names: Sequence[str], experiments: Path, *, catalogue: str) -> list[str]:
    """Return listeners by the names that a command was given, each once.

    Parameters
    ----------
    names : sequence of str
        `EVERYBODY` alone, or no name, stands for all who have a finished model of the catalogue.
    experiments : Path
        Parent of the experiments' folders.
    catalogue : str

    Raises
    ------
    DataError
        If everybody is asked for, and nobody has a model.
    """
    if names and list(names) != [EVERYBODY]:
        return list(dict.fromkeys(names))
    found = trained_listeners(experiments, catalogue=catalogue)
    if not found:
        raise DataError(
            f"nobody has a model for catalogue {catalogue}: `python -m recsys.train_all "
            f"--catalogue {catalogue} --recipe lemons` trains everybody's"
        )
    return found
