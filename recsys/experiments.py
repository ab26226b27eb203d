"""Experiments on disk: their folders, who has a trained model and where it is.

An experiment is the folder of one training, named by time, catalogue and listener. The argument
`experiments` of these functions is the parent of these folders, `configuration().experiments`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lemons_utils import DataError, ParameterError, checksum, claim_folder, locked, write_json
from recsys.catalogue import Catalogue
from recsys.checkpoint import BEST_MODEL, LAST_STATE, read_card, trained_epochs, weights_path
from recsys.options import split_of

NOTE = "experiment.json"
"""File in each folder: the options of the training, and whether it has ended."""

CHANGE_NOTHING = frozenset({"use_tensorboard", "log_step", "num_workers", "resume"})
"""Options that the weights do not depend on."""

_STARTED = r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d"


@dataclass(frozen=True)
class ExperimentFolder:
    """One training on disk.

    Parameters
    ----------
    path : Path
    options : dict
        The options of the training.
    finished : bool
    """

    path: Path
    options: dict[str, Any]
    finished: bool = False

    @property
    def epochs(self) -> int:
        """The number of epochs trained so far."""
        return trained_epochs(self.path / LAST_STATE)

    def go_on(self, options: Mapping[str, Any]) -> ExperimentFolder:
        """Record the options with which the training starts or goes on."""
        return _write(ExperimentFolder(self.path, dict(options)))

    def finish(self) -> None:
        """Record that the training has ended."""
        _write(ExperimentFolder(self.path, self.options, True))

    def in_use(self) -> AbstractContextManager[None]:
        """Keep other commands out of the folder; the lock of a killed command is void.

        Raises
        ------
        ParameterError
            If another command trains in the folder.
        """
        busy = f"another command trains in {self.path}: wait for it, or start a new experiment"
        return locked(self.path / ".lock", ParameterError(busy))


# -- starting and resuming a training ----------------------------------------------------------
def start(experiments: Path, options: Mapping[str, Any]) -> ExperimentFolder:
    """Make the folder of a new experiment; JSON can hold its options."""
    now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    path = claim_folder(experiments, f"{now}-{options['catalogue']}-{options['user_name']}")
    return _write(ExperimentFolder(path, dict(options)))


def reopen(name: str, experiments: Path) -> ExperimentFolder:
    """Open an experiment by its path, or by its name under `experiments`.

    Raises
    ------
    DataError
        If there is none.
    """
    for path in (Path(name).expanduser(), experiments / name):
        if (folder := _read(path.absolute())) is not None:
            return folder
    raise DataError(
        f"{name!r} is no experiment: name a folder of {experiments} that holds {NOTE}, or say "
        "resume=True for the newest unfinished one"
    )


def take_up(experiments: Path, options: Mapping[str, Any]) -> ExperimentFolder:
    """Return the newest unfinished experiment of the same options, or start a new one."""
    folder = newest_unfinished(experiments, options) or start(experiments, options)
    return ExperimentFolder(folder.path, dict(options))


def newest_unfinished(experiments: Path, options: Mapping[str, Any]) -> ExperimentFolder | None:
    """Return the newest unfinished experiment of the same options, or None."""
    return _newest_alike(experiments, options, finished=False)


# -- trained models ----------------------------------------------------------------------------
def newest_experiment(experiments: Path, *, catalogue: str, user_name: str) -> Path:
    """Return the folder of a listener's newest experiment that has a model.

    Raises
    ------
    DataError
        If the listener has no model.
    """
    folders = [found[1:] for found in _with_model(experiments, catalogue, user_name)]
    if not folders:
        raise DataError(
            f"{user_name} has no model for catalogue {catalogue} in {experiments}: train one with "
            f"`python -m recsys.experiment with user_name={user_name} catalogue={catalogue}`"
        )
    return max(folders)[-1]


def find_model(
    experiments: Path, *, catalogue: str, user_name: str, named: Path | None = None
) -> Path:
    """Return a listener's file of weights: that of a named path, or the newest experiment's.

    Parameters
    ----------
    experiments, catalogue, user_name
        As of `newest_experiment`.
    named : Path, optional
        Weights, or an experiment's folder.

    Raises
    ------
    DataError
        If nothing is named and the listener has no model.
    """
    return weights_path(
        named or newest_experiment(experiments, catalogue=catalogue, user_name=user_name)
    )


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
        The options of the training; by default the newest model counts, whatever its options.

    Raises
    ------
    DataError
        If the listener has no split in the catalogue.
    """
    split = split_of(catalogue, user_name, split_seed)
    try:
        if options is None:
            path = newest_experiment(experiments, catalogue=catalogue.name, user_name=user_name)
        elif finished := _newest_alike(experiments, options, finished=True):
            path = finished.path
        else:
            return None
        card = read_card(path / BEST_MODEL)
    except (DataError, OSError):
        return None
    is_of_split = card.get("split_checksum") == checksum(split)
    return path if is_of_split and "seconds" in card else None


def trained_listeners(experiments: Path, *, catalogue: str) -> list[str]:
    """Return the listeners with a model trained on a catalogue, in alphabetical order."""
    return sorted({user_name for user_name, *_ in _with_model(experiments, catalogue)})


def _with_model(
    experiments: Path, catalogue: str, wanted: str | None = None
) -> Iterator[tuple[str, str, int, Path]]:
    """Yield listener, time of start, number within that second and folder of each experiment.

    The number at the end of a folder's name is `claim_folder`'s, or a part of the listener's
    name: the model's card says which. Without a card, both listeners are yielded.
    """
    named = re.compile(rf"({_STARTED})-{re.escape(catalogue)}-((.+?)(?:-(\d+))?)")
    for folder in experiments.iterdir() if experiments.is_dir() else ():
        match = named.fullmatch(folder.name)
        if not match:
            continue
        started, whole, stem, number = match.groups()
        candidates = {whole: 1, stem: int(number or 1)}
        if wanted not in (None, *candidates) or not (folder / BEST_MODEL).is_file():
            continue
        owner = _card_owner(folder)
        for user_name, place in candidates.items():
            if wanted in (None, user_name) and owner in (None, (catalogue, user_name)):
                yield user_name, started, place, folder


def _card_owner(folder: Path) -> tuple[str, str] | None:
    """Read the catalogue and the listener of an experiment from the card of its model."""
    try:
        config = json.loads((folder / BEST_MODEL).with_suffix(".json").read_text())["config"]
        return config["catalogue"], config["user_name"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _newest_alike(
    experiments: Path, options: Mapping[str, Any], *, finished: bool
) -> ExperimentFolder | None:
    """Return the newest finished or unfinished experiment of the same options, or None."""
    named = f"-{options['catalogue']}-{options['user_name']}"
    paths = experiments.iterdir() if experiments.is_dir() else ()
    for path in sorted((path for path in paths if named in path.name), reverse=True):
        folder = _read(path)
        if not folder or folder.finished != finished:
            continue
        if _decisive(folder.options) == _decisive(options):
            return folder
    return None


def _decisive(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in CHANGE_NOTHING}


def _read(path: Path) -> ExperimentFolder | None:
    try:
        note = json.loads((path / NOTE).read_text(encoding="utf-8"))
        return ExperimentFolder(path, dict(note["options"]), bool(note["finished"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(folder: ExperimentFolder) -> ExperimentFolder:
    note = {"options": folder.options, "finished": folder.finished}
    write_json(folder.path / NOTE, note)
    return folder
