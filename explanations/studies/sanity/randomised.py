"""Networks without knowledge of a listener's taste: random layers, shuffled labels."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from filelock import FileLock
from numpy.typing import NDArray

from explanations.studies.measures import seed_of
from lemons_utils import ParameterError
from recsys.catalogue import Catalogue
from recsys.checkpoint import BEST_MODEL, load_model
from recsys.dataset import Tracks
from recsys.experiment import options_of, silent, train_listener
from recsys.experiments import ExperimentFolder
from recsys.listening import PUBLISHED_SEED, read_split
from recsys.metrics import evaluate
from recsys.model import FCN, Network
from recsys.options import split_of
from recsys.training import fresh_network

CASCADE = ("fc", "layer5", "layer4", "layer3", "layer2", "layer1")
"""Layers from the top down: at depth d, the first d of them have random weights."""

SHUFFLED, TRUE = "shuffled", "true"


def randomised(network: Network, depth: int, seed: int) -> Network:
    """Return a copy of a network with random weights in its top layers.

    Parameters
    ----------
    network : Network
    depth : int from 0 to 6, or to 1 where there is but one layer that learns
        The number of layers, from the top down; a block's normalisation belongs to it.
    seed : int
        The seed of the weights: initial ones for an FCN; for a head on local statistics, which
        starts from zero, its own weights in random order.

    Returns
    -------
    Network, in evaluation mode
    """
    layers = layers_of(network)
    if not 0 <= depth <= layers:
        raise ParameterError(f"depth must be from 0 to {layers}, got {depth}")
    copy: Network
    if isinstance(network, FCN):
        copy = fresh_network(seed)
        fresh = copy.state_dict()
    else:
        copy = deepcopy(network)
        weight = network.fc.weight.detach()
        order = torch.from_numpy(np.random.default_rng(seed).permutation(weight.shape[1]))
        fresh = {**network.state_dict(), "fc.weight": weight[:, order]}
    weights = {
        name: fresh[name] if name.split(".")[0] in CASCADE[:depth] else trained
        for name, trained in network.state_dict().items()
    }
    copy.load_state_dict(weights)
    return copy.eval()


def layers_of(network: Network) -> int:
    """Count the layers of a network that learn."""
    return len(CASCADE) if isinstance(network, FCN) else 1


@dataclass(frozen=True)
class TrainingVariant:
    """One of the heads of a listener that the study compares, fitted to half of the tracks.

    Parameters
    ----------
    user_name : str
    labels : 'true' or 'shuffled'
        Shuffled ones are the true ones of these tracks in random order.
    half : 0 or 1
        The half of the training tracks: the two have no track in common.
    """

    user_name: str
    labels: str
    half: int

    def change_split(self, split: pd.DataFrame) -> pd.DataFrame:
        """Leave out the other half of the training tracks, and shuffle labels if asked to."""
        training = split[split["split"] == "train"]
        first = first_half(training["label"].to_numpy(), seed_of(self.user_name))
        other = training.index[first == bool(self.half)]
        split = split.drop(index=other)
        mine = split["split"] == "train"
        if self.labels == SHUFFLED:
            labels = split.loc[mine, "label"].to_numpy()
            split.loc[mine, "label"] = shuffled(labels, seed_of(self.user_name, self.half))
        return split


def first_half(labels: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """Draw half of some tracks at random: of every label half, or one more.

    Returns
    -------
    ndarray [shape=(tracks,)]: whether a track is in the first half
    """
    rng, first = np.random.default_rng(seed), np.zeros(len(labels), dtype=np.bool_)
    for label in np.unique(labels):
        first[rng.permutation(np.flatnonzero(labels == label))[::2]] = True
    return first


def model_path(cache: Path, catalogue: Catalogue, variant: TrainingVariant) -> Path:
    """Return the path of a variant's weights, which differs for another split."""
    split = split_of(catalogue, variant.user_name, PUBLISHED_SEED)
    words = [
        str(value)
        for value in (*asdict(variant).values(), seed_of(split.read_text(encoding="utf-8")))
    ]
    return cache / "models" / catalogue.name / "-".join(words) / BEST_MODEL


def train(catalogue: Catalogue, variant: TrainingVariant, cache: Path) -> Network:
    """Fit a head on local statistics, or read the one that was fitted before."""
    path = model_path(cache, catalogue, variant)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.parent / ".wait"):  # other workers may want the same model
        if not path.exists():
            options = options_of(
                {
                    "user_name": variant.user_name,
                    "catalogue": catalogue.name,
                    "recipe": "lemons",
                },
            )
            with silent(torch.get_num_threads()):
                train_listener(
                    options,
                    catalogue,
                    experiments=path.parents[1],
                    folder=ExperimentFolder(path.parent, options),
                    change_split=variant.change_split,
                )
    return load_model(path)[0]


def shuffled(labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return labels in random order."""
    return np.asarray(np.random.default_rng(seed).permutation(labels))


def unseen(catalogue: Catalogue, user_name: str) -> Tracks:
    """Return a listener's tracks that no model is trained on, with their true labels."""
    split = read_split(split_of(catalogue, user_name, PUBLISHED_SEED))
    rest = split[split["split"] != "train"]
    return Tracks(catalogue.audio, list(rest["track_id"]), list(rest["label"]))


def auc(network: Network, catalogue: Catalogue, user_name: str) -> float:
    """Return a model's AUC on the tracks that no model is trained on."""
    return evaluate(network, unseen(catalogue, user_name), batch_size=4).auc
