"""Listeners' trained models, loaded once for each process."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path

from lemons_utils import DataError
from recsys.checkpoint import load_model
from recsys.experiments import FoundModel, find_model
from recsys.model import Network


@dataclass(frozen=True)
class ListenerModel:
    """A listener's trained model.

    Parameters
    ----------
    user_name : str
    network : Network, in evaluation mode
    checksum : str
        SHA-256 of the weights.
    path : Path
        The file of weights.
    why : str
        Why it is this file; empty if it was named.
    """

    user_name: str
    network: Network
    checksum: str
    path: Path
    why: str = ""

    @property
    def found(self) -> FoundModel:
        """The file of weights, to be named."""
        return FoundModel(self.path, self.why)


def load_listener(
    user_name: str,
    *,
    catalogue: str,
    experiments: Path,
    model_path: Path | None = None,
) -> ListenerModel:
    """Load a listener's current model, or that of a path, once for as long as its file is the same.

    Parameters
    ----------
    user_name : str
    catalogue : str
        The catalogue that the model was trained on.
    experiments : Path
        `configuration().experiments`.
    model_path : Path, optional
        Weights, or an experiment's folder, or its name.

    Raises
    ------
    DataError
        If there is no such model.
    """
    found = find_model(experiments, catalogue=catalogue, user_name=user_name, named=model_path)
    path = found.path
    if not path.is_file():
        raise DataError(f"there are no weights at {path}: train a model or name another file")
    return replace(_loaded(user_name, path, path.stat().st_mtime_ns), why=found.why)


@functools.lru_cache(maxsize=16)
def _loaded(user_name: str, path: Path, modified_ns: int) -> ListenerModel:
    """Load weights, again if the time of their last change differs."""
    network, card = load_model(path)
    return ListenerModel(user_name, network, str(card["model_checksum"]), path)
