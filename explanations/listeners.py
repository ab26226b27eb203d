"""Whose taste can be explained: listeners with a trained model."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from lemons_utils import DataError
from recsys.checkpoint import BEST_MODEL, load_model, newest_experiment
from recsys.model import FCN

_EXPERIMENT = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-(.+)")


@dataclass(frozen=True)
class ListenerModel:
    """A listener's trained model.

    Parameters
    ----------
    user_name : str
    network : FCN, in evaluation mode
    checksum : str
        SHA-256 of the weights.
    path : Path
        Where the weights lie.
    """

    user_name: str
    network: FCN
    checksum: str
    path: Path


def load_listener(
    user_name: str,
    *,
    catalogue: str,
    experiments: Path,
    model_path: Path | None = None,
) -> ListenerModel:
    """Load a listener's model: the newest one, or that of a path.

    Loaded once per process as long as the file stays the same.

    Parameters
    ----------
    user_name : str
    catalogue : str
        What the model was trained on.
    experiments : Path
        `configuration().experiments`.
    model_path : Path, optional
        Weights, or an experiment's folder.

    Raises
    ------
    DataError
        If there is no such model.
    """
    found = model_path or newest_experiment(experiments, catalogue=catalogue, user_name=user_name)
    path = found / BEST_MODEL if found.is_dir() else found
    if not path.is_file():
        raise DataError(f"there are no weights at {path}: train a model or name another file")
    return _loaded(user_name, path, path.stat().st_mtime_ns)


def trained_listeners(experiments: Path, *, catalogue: str) -> list[str]:
    """List who has a model trained on a catalogue, in alphabetical order.

    Parameters
    ----------
    experiments : Path
        `configuration().experiments`.
    catalogue : str
    """
    names = set()
    for folder in experiments.glob(f"*-{catalogue}-*") if experiments.is_dir() else []:
        match = _EXPERIMENT.fullmatch(folder.name)
        if match and match[1].startswith(f"{catalogue}-"):
            names.add(match[1].removeprefix(f"{catalogue}-"))
    return sorted(name for name in names if _has_model(experiments, catalogue, name))


def _has_model(experiments: Path, catalogue: str, user_name: str) -> bool:
    try:
        newest_experiment(experiments, catalogue=catalogue, user_name=user_name)
    except DataError:
        return False
    return True


@functools.lru_cache(maxsize=16)
def _loaded(user_name: str, path: Path, modified_ns: int) -> ListenerModel:
    """Load weights; the time of their last change is part of what is remembered."""
    network, card = load_model(path)
    return ListenerModel(user_name, network, str(card["model_checksum"]), path)
