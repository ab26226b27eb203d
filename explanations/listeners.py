"""Listeners' trained models, loaded once for each process."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lemons_utils import DataError
from recsys.checkpoint import load_model
from recsys.experiments import FoundModel, find_model
from recsys.heads import Head, Trunk, find_head
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
    trunk, head : Trunk and Head, or None both
        They make the network; a network without them is explained by itself.
    """

    user_name: str
    network: Network
    checksum: str
    path: Path
    why: str = ""
    trunk: Trunk | None = None
    head: Head | None = None

    @property
    def on_trunk(self) -> tuple[Trunk, Head] | None:
        """The trunk and the head that make the network, or None."""
        return (self.trunk, self.head) if self.trunk and self.head else None

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
    network, card = _loaded(path, path.stat().st_mtime_ns)
    trunk, head = find_head(network, card, experiments) or (None, None)
    model_checksum = str(card["model_checksum"])
    return ListenerModel(user_name, network, model_checksum, path, found.why, trunk, head)


@functools.lru_cache(maxsize=16)
def _loaded(path: Path, modified_ns: int) -> tuple[Network, dict[str, Any]]:
    """Load weights and their card, again if the time of their last change differs."""
    return load_model(path)
