"""Networks that cannot know a listener's taste: layers of random weights, shuffled labels."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from explanations.studies.measures import seed_of
from lemons_utils import ParameterError
from recsys.catalogue import Catalogue
from recsys.checkpoint import BEST_MODEL, load_model, make_card, save_model
from recsys.dataset import Crops, Tracks
from recsys.listening import PUBLISHED_SEED, read_split
from recsys.model import FCN
from recsys.options import split_of
from recsys.training import Options, evaluate, fit, fresh_network

CASCADE = ("fc", "layer5", "layer4", "layer3", "layer2", "layer1")
"""Layers from the top down: depth d has the first d of them at random."""

SHUFFLED, TRUE = "shuffled", "true"


def randomised(network: FCN, depth: int, seed: int) -> FCN:
    """Copy a network with its top layers as they are before any training.

    Parameters
    ----------
    network : FCN
    depth : int from 0 to 6
        How many layers, from the top down; normalisation within a block belongs to it.
    seed : int
        Of the initial weights.

    Returns
    -------
    FCN, in evaluation mode
    """
    if not 0 <= depth <= len(CASCADE):
        raise ParameterError(f"depth must be from 0 to {len(CASCADE)}, got {depth}")
    found = fresh_network(seed)
    fresh = found.state_dict()
    weights = {
        name: fresh[name] if name.split(".")[0] in CASCADE[:depth] else trained
        for name, trained in network.state_dict().items()
    }
    found.load_state_dict(weights)
    return found.eval()


@dataclass(frozen=True)
class Schooling:
    """How a listener's model is trained for the comparison.

    Parameters
    ----------
    user_name : str
    labels : 'true' or 'shuffled'
        Shuffled ones are the true ones of the training tracks in random order.
    seed : int
        Of the initial weights, the crops, dropout and, where it applies, the shuffling.
    n_epochs : int > 0
    batch_size : int > 0
    """

    user_name: str
    labels: str
    seed: int
    n_epochs: int
    batch_size: int = 8


def model_path(cache: Path, catalogue: Catalogue, schooling: Schooling) -> Path:
    """Where the weights of a training are kept: another split, another place."""
    split = split_of(catalogue, schooling.user_name, PUBLISHED_SEED)
    words = [str(value) for value in (*asdict(schooling).values(), seed_of(split.read_text()))]
    return cache / "models" / catalogue.name / "-".join(words) / BEST_MODEL


def train(catalogue: Catalogue, schooling: Schooling, cache: Path) -> FCN:
    """Train a model, or read what was trained before.

    The last epoch's weights are kept, not those that validate best, so that validation tracks
    are as new to the model as test tracks.
    """
    path = model_path(cache, catalogue, schooling)
    if path.exists():
        return load_model(path)[0]
    split = read_split(split_of(catalogue, schooling.user_name, PUBLISHED_SEED))
    train_part = split[split["split"] == "train"]
    labels = train_part["label"].to_numpy()
    if schooling.labels == SHUFFLED:
        labels = shuffled(labels, seed_of(schooling.user_name, schooling.seed))
    crops = Crops(
        catalogue.audio, list(train_part["track_id"]), labels.tolist(), seed=schooling.seed
    )
    options = Options(
        n_epochs=schooling.n_epochs,
        batch_size=schooling.batch_size,
        schedule="cosine",
        valid_every=schooling.n_epochs,
        training_seed=schooling.seed,
    )
    network = fresh_network(schooling.seed)
    started = time.perf_counter()
    fit(network, crops, unseen(catalogue, schooling.user_name), options)
    seconds = round(time.perf_counter() - started, 1)
    card = make_card(config=asdict(schooling), metrics={}, seconds=seconds)
    save_model(path, network, card)
    return network.eval()


def shuffled(labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Put labels in random order."""
    return np.asarray(np.random.default_rng(seed).permutation(labels))


def unseen(catalogue: Catalogue, user_name: str) -> Tracks:
    """Collect a listener's tracks that no training hears, with their true labels."""
    split = read_split(split_of(catalogue, user_name, PUBLISHED_SEED))
    rest = split[split["split"] != "train"]
    return Tracks(catalogue.audio, list(rest["track_id"]), list(rest["label"]))


def auc(network: FCN, catalogue: Catalogue, user_name: str) -> float:
    """How well a model tells liked from other tracks among those that no training heard."""
    return evaluate(network, unseen(catalogue, user_name), batch_size=4).auc
