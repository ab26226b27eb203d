"""The trunk that all listeners of a catalogue share: fixed directions of local statistics.

A trunk is made of a catalogue's sound alone, without labels. It maps a track to a few
coordinates, the same for everybody, and a listener's head is a weight for each and a bias. Head
and trunk together are an ordinary `LocalStatistics`, which needs the trunk no more.
"""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lemons_utils import DataError, locked
from recsys import checkpoint
from recsys.catalogue import Catalogue, check_name
from recsys.heads.directions import leading_directions
from recsys.heads.fitting import Head
from recsys.heads.pooled import REMOVALS, pooled_tracks
from recsys.model import FORMAT, STATISTICS, LocalStatistics, Network

SAMPLE_TRACKS = 512
"""Most tracks of a catalogue that its trunk is made of."""

MAKING_S = 1800.0
"""How long a command waits for another one that makes the same trunk [s]."""

_TOLERANCE = 1e-5
_ANEW = "`python -m recsys.trunk --anew` makes it again"


def _no_sample() -> NDArray[np.float32]:
    return np.zeros((0, 1 + REMOVALS, 0), np.float32)


@dataclass(frozen=True)
class Trunk:
    """Directions of local statistics, and where the tracks they were made of lie in them.

    Attributes
    ----------
    name : str
    catalogue : str
        The catalogue that it was made of.
    directions : ndarray [shape=(D, 1235)], float32
    checksum : str
        SHA-256 of the file.
    about : dict
        The card; `sample` are the ids of the tracks it was made of.
    sample : ndarray [shape=(tracks, 7, D)], float32
        Coordinates of these tracks, whole and after each removal.
    """

    name: str
    catalogue: str
    directions: NDArray[np.float32]
    checksum: str
    about: Mapping[str, Any] = field(default_factory=dict)
    sample: NDArray[np.float32] = field(default_factory=_no_sample)

    def coordinates(self, pooled: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map pooled statistics [..., 1235] to coordinates [..., D]."""
        return np.asarray(pooled.astype(np.float64) @ self.directions.T.astype(np.float64))

    def model(self, head: Head) -> LocalStatistics:
        """Return the network that a head of D weights makes of the trunk, in evaluation mode."""
        network = LocalStatistics()
        with torch.no_grad():
            network.fc.weight.copy_(torch.from_numpy(self.weight(head))[None])
            network.fc.bias.fill_(head.bias)
        return network.eval()

    def entry(self, head: Head) -> dict[str, Any]:
        """Return what the card of a head's model says of the trunk; `find_head` reads it."""
        weight = head.weight.tolist()
        return {"name": self.name, "checksum": self.checksum, "weight": weight, "bias": head.bias}

    def weight(self, head: Head) -> NDArray[np.float64]:
        """Return the weights [1235] of statistics that a head's weights [D] stand for."""
        return np.asarray(head.weight @ self.directions.astype(np.float64))


def trunk_path(experiments: Path, name: str) -> Path:
    """Return the path of a trunk: trunks have a folder beside that of the experiments."""
    return experiments.with_name("trunks") / check_name(name, "trunk") / "trunk.safetensors"


def make_trunk(catalogue: Catalogue, name: str | None = None) -> Trunk:
    """Make the trunk of a catalogue, from the pooled statistics of at most 512 of its tracks.

    Statistics that are missing are computed and kept. The same tracks give the same trunk.

    Parameters
    ----------
    catalogue : Catalogue
    name : str, optional
        The catalogue's by default.
    """
    track_ids = sorted(catalogue.track_ids)
    chosen = track_ids[:: -(-len(track_ids) // SAMPLE_TRACKS)]
    tracks = pooled_tracks(catalogue, chosen)
    whole = np.stack([track.whole for track in tracks])
    removed = np.stack([track.removed for track in tracks])
    directions = leading_directions(whole, removed)
    name = name or catalogue.name
    card: dict[str, Any] = {
        "model": "trunk",
        "name": name,
        "catalogue": catalogue.name,
        "format": FORMAT,
        "tracks": len(track_ids),
        "sample": chosen,
    }
    bare = Trunk(name, catalogue.name, directions, "", card)
    sample = bare.coordinates(np.concatenate([whole[:, None], removed], axis=1))
    return _checked(bare, sample.astype(np.float32))


def _checked(trunk: Trunk, sample: NDArray[np.float32]) -> Trunk:
    from safetensors.torch import save

    tensors = {"directions": trunk.directions, "sample": sample}
    data = save({name: torch.from_numpy(each) for name, each in tensors.items()})
    checksum = hashlib.sha256(data).hexdigest()
    return Trunk(trunk.name, trunk.catalogue, trunk.directions, checksum, trunk.about, sample)


def write_trunk(path: Path, trunk: Trunk) -> None:
    """Write a trunk and its card beside it, atomically."""
    tensors = {"directions": trunk.directions, "sample": trunk.sample}
    weights = {name: torch.from_numpy(each) for name, each in tensors.items()}
    versions = checkpoint.make_card(config={"catalogue": trunk.catalogue}, metrics={})
    checkpoint.save_model(path, weights, {**versions, **trunk.about})


def read_trunk(path: Path) -> Trunk:
    """Read a trunk.

    Raises
    ------
    DataError
        If there is none, it is damaged, or it is of other statistics than the present ones.
    """
    if not path.is_file():
        raise DataError(
            f"there is no trunk at {path}: `python -m recsys.trunk --catalogue NAME` makes one"
        )
    return _read(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _read(path: Path, modified_ns: int) -> Trunk:
    """Read a trunk, again if the time of its last change differs."""
    card, tensors = checkpoint.read_card(path), checkpoint.read_tensors(path)
    if card.get("format") != FORMAT:
        raise DataError(
            f"{path} is of statistics {card.get('format')!r}, expected {FORMAT!r}: {_ANEW}"
        )
    try:
        name, catalogue, track_ids = card["name"], card["catalogue"], card["sample"]
        directions, sample = tensors["directions"].numpy(), tensors["sample"].numpy()
    except KeyError as error:
        raise DataError(f"{path} is no trunk, it lacks {error}: {_ANEW}") from error
    expected = (len(track_ids), 1 + REMOVALS, len(directions))
    if directions.shape[1:] != (STATISTICS,) or sample.shape != expected:
        shapes = f"directions {directions.shape}, sample {sample.shape}"
        raise DataError(f"{path} is no trunk of {len(track_ids)} tracks, it has {shapes}: {_ANEW}")
    return Trunk(name, catalogue, directions, card["model_checksum"], card, sample)


def open_trunk(experiments: Path, catalogue: Catalogue, name: str = "") -> Trunk:
    """Return the trunk of a name; make the catalogue's own if there is none.

    Parameters
    ----------
    experiments : Path
        Parent of the experiments' folders; that of the trunks is beside it.
    catalogue : Catalogue
    name : str
        Empty for the catalogue's own.

    Raises
    ------
    DataError
        If another catalogue's is missing, damaged or of other statistics.
    """
    path = trunk_path(experiments, name or catalogue.name)
    if name in ("", catalogue.name) and not _is_usable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        busy = DataError(f"another command makes the trunk {path}: wait for it")
        with locked(path.parent / ".lock", busy, wait_s=MAKING_S):
            if not _is_usable(path):
                write_trunk(path, make_trunk(catalogue))
    return read_trunk(path)


def _is_usable(path: Path) -> bool:
    """Return whether there is a trunk that can be read; say why where it cannot."""
    if not path.is_file():
        return False
    try:
        read_trunk(path)
    except DataError as error:
        print(f"the trunk is made anew: {error}", file=sys.stderr)
        return False
    return True


def find_head(
    network: Network, card: Mapping[str, Any], experiments: Path
) -> tuple[Trunk, Head] | None:
    """Return the trunk and the head of a model; None if it has none, or they do not make it.

    Parameters
    ----------
    network : Network
    card : mapping
        The model's.
    experiments : Path
        Parent of the experiments' folders; that of the trunks is beside it.
    """
    entry = card.get("trunk")
    if not isinstance(entry, Mapping) or not isinstance(network, LocalStatistics):
        return None
    try:
        trunk = read_trunk(trunk_path(experiments, entry["name"]))
        head = Head(np.array(entry["weight"], np.float64), float(entry["bias"]))
        weight = trunk.weight(head)
    except (DataError, ValueError, KeyError, TypeError):
        return None
    fc = {name: each.detach().cpu().numpy() for name, each in network.fc.named_parameters()}
    near = functools.partial(np.allclose, rtol=_TOLERANCE, atol=_TOLERANCE)
    same = near(fc["weight"][0], weight) and near(fc["bias"], head.bias)
    return (trunk, head) if same and trunk.checksum == entry["checksum"] else None


def is_on(trunk: Trunk, model: Path) -> bool:
    """Return whether a model, or the best one of an experiment, comes from this trunk."""
    card = checkpoint.read_card(checkpoint.weights_path(model))
    entry = card.get("trunk", card.get("fine_tuned_from"))
    return isinstance(entry, Mapping) and entry.get("checksum") == trunk.checksum
