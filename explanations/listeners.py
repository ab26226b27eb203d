"""Listeners' trained models, loaded once for each process."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lemons_utils import DataError
from recsys.checkpoint import load_model
from recsys.experiments import (
    FoundModel,
    current_experiments,
    find_model,
    read_experiment,
    record_path,
)
from recsys.heads import Head, Trunk, find_head
from recsys.model import Network
from recsys.training_options import pick_device

FELLOWS = 64
"""Most heads that go to a browser together: half a kilobyte each, a few more than a page shows."""


@dataclass(frozen=True)
class ListenerModel:
    """A listener's trained model.

    Parameters
    ----------
    user_name : str
    network : Network, in evaluation mode
        On the device that explains.
    checksum : str
        SHA-256 of the weights.
    path : Path
        The file of weights.
    why : str
        Why it is this file; empty if it was named.
    trunk, head : Trunk and Head, or None both
        They make the network; a network without them is explained by itself.
    beside : Path, optional
        Weights of a listener whose fellow this one is, for a model that is in no file.
    """

    user_name: str
    network: Network
    checksum: str
    path: Path
    why: str = ""
    trunk: Trunk | None = None
    head: Head | None = None
    beside: Path | None = None

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
    device: str = "cpu",
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
    device : str
        Where the network is put: "cpu", "cuda", "cuda:1" or "auto".

    Raises
    ------
    DataError
        If there is no such model.
    ParameterError
        If this machine has no such device.
    """
    found = find_model(experiments, catalogue=catalogue, user_name=user_name, named=model_path)
    path = found.path
    if not path.is_file():
        raise DataError(f"there are no weights at {path}: train a model or name another file")
    network, card = _loaded(path, path.stat().st_mtime_ns, pick_device(device))
    trunk, head = find_head(network, card, experiments) or (None, None)
    model_checksum = str(card["model_checksum"])
    return ListenerModel(user_name, network, model_checksum, path, found.why, trunk, head)


def fellow_heads(listener: ListenerModel) -> dict[str, Head]:
    """Return the heads of listeners whose current models are on the same trunk, by `user_name`.

    The listener's own comes first, then those of others of the catalogue that the model was
    trained on, in alphabetical order: at most 64 in all. Without a trunk there are none.
    """
    if listener.trunk is None or listener.head is None:
        return {}
    own, others = read_experiment((listener.beside or listener.path).parent), dict[str, Head]()
    if own is not None:
        experiments = own.path.parent
        record = record_path(experiments, own.catalogue)
        changed = tuple(path.stat().st_mtime_ns for path in (experiments, record) if path.exists())
        others = _heads_on(listener.trunk.checksum, experiments, own.catalogue, changed)
    names = dict.fromkeys([listener.user_name, *others])
    heads = {**others, listener.user_name: listener.head}
    return {name: heads[name] for name in list(names)[:FELLOWS]}


@functools.lru_cache(maxsize=16)
def _heads_on(
    trunk_checksum: str, experiments: Path, catalogue: str, changed: tuple[int, ...]
) -> dict[str, Head]:
    """Read the heads of current models on a trunk, again if the times of changes differ."""
    heads = {}
    for user_name, current in current_experiments(experiments, catalogue=catalogue).items():
        entry = current.card.get("trunk")
        with contextlib.suppress(KeyError, TypeError, ValueError):
            if entry and entry["checksum"] == trunk_checksum:
                weight = np.array(entry["weight"], dtype=np.float64)
                heads[user_name] = Head(weight, float(entry["bias"]))
    return heads


@functools.lru_cache(maxsize=16)
def _loaded(path: Path, modified_ns: int, device: torch.device) -> tuple[Network, dict[str, Any]]:
    """Load weights and their card, again if the time of their last change differs."""
    network, card = load_model(path)
    return network.to(device), card
