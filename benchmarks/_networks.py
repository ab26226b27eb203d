"""Published networks that benchmarks/recipe.py trains, one for each fold, kept on disk."""

from __future__ import annotations

import copy
import functools
import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _tastes import Fold
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from lemons_utils import write_beside
from recsys.dataset import Audio, Crops, Tracks, crop_loader
from recsys.model import FCN
from recsys.training import fit, fresh_network
from recsys.training_options import Options

VALID_EVERY = 5
"""Epochs from one validation to the next: the published one would cost as much as the training."""

SEED = 1_930_289
"""Of the networks' initial weights."""

REMOVED, SILENT = 0.5, 0.1
"""Share of the crops of which a part is removed, and share of which all is."""


@dataclass(frozen=True)
class Training:
    """A published training, one whose crops may be silent in part, or one for all listeners."""

    epochs: int
    removal: bool = False
    everybody: bool = False

    @property
    def name(self) -> str:
        """Name of the row."""
        kind = "everybody" if self.everybody else "published"
        return f"{kind}, {self.epochs} epochs" + (", removals" if self.removal else "")


class RemovingCrops(Crops):
    """Crops of which some have a random span silenced and some are wholly silent."""

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return the waveform and the label of (epoch, track)."""
        waveform, label = super().__getitem__(key)
        rng = np.random.default_rng((self.seed, 2, *key))
        draw, samples = rng.random(), len(waveform)
        if draw < SILENT:
            return torch.zeros_like(waveform), label
        if draw < SILENT + REMOVED:
            start, end = sorted(rng.integers(samples + 1, size=2).tolist())
            waveform = waveform.clone()
            waveform[start:end] = 0
        return waveform, label


class EverybodysCrops(Crops):
    """Crops with the labels of all listeners, NaN where one has none."""

    def __init__(self, audio: Audio, labels: pd.DataFrame) -> None:
        super().__init__(audio, labels.index.tolist(), [0] * len(labels))
        self.everybodys = torch.tensor(labels.to_numpy(np.float32))

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return the waveform of (epoch, track), and labels [listeners]."""
        return super().__getitem__(key)[0], self.everybodys[key[1]]


def fit_everybody(crops: EverybodysCrops, epochs: int) -> FCN:
    """Train one network with an output for each listener, on the labels that there are.

    Its settings are the published ones; the weights are those after the last epoch.
    """
    options = Options(n_epochs=epochs)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.training_seed)
        network = fresh_network(SEED)
        network.fc = torch.nn.Linear(network.fc.in_features, crops.everybodys.shape[1])
        optimizer = torch.optim.Adam(network.parameters(), lr=options.lr, weight_decay=options.wd)
        batches = crop_loader(crops, range(epochs), batch_size=options.batch_size, num_workers=0)
        for waveforms, labels in batches:
            known = ~labels.isnan()
            loss = binary_cross_entropy_with_logits(network(waveforms)[known], labels[known])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    return network.eval()


@dataclass(frozen=True)
class Networks:
    """A folder of trained networks."""

    folder: Path

    def trained(self, training: Training, fold: Fold) -> tuple[FCN, float]:
        """Return the network of a training, trained if need be, and its processor seconds."""
        kind = f"{training.epochs}{'-removals' if training.removal else ''}"
        whose = f"everybody-{_digest(fold)}" if training.everybody else fold.checksum
        path = self.folder / f"{whose}-{kind}.safetensors"
        if not path.is_file():
            started = time.process_time()
            network = _train(training, fold)
            about = {"seconds": str(time.process_time() - started)}
            with write_beside(path) as temporary:
                save_file(
                    {name: value.contiguous() for name, value in network.state_dict().items()},
                    temporary,
                    metadata=about,
                )
        network, seconds = _load(path)
        if not training.everybody:
            return network, seconds
        return _of_listener(network, [*fold.everybody].index(fold.listener)), seconds


def _digest(fold: Fold) -> str:
    return hashlib.sha256(fold.everybody.to_csv().encode()).hexdigest()[:16]


def _train(training: Training, fold: Fold) -> FCN:
    audio, train, valid = fold.catalogue.audio, fold.train, fold.valid
    if training.everybody:
        return fit_everybody(EverybodysCrops(audio, fold.everybody), training.epochs)
    network = fresh_network(SEED)
    maker = RemovingCrops if training.removal else Crops
    crops = maker(audio, train["track_id"].tolist(), train["label"].tolist())
    tracks = Tracks(audio, valid["track_id"].tolist(), valid["label"].tolist())
    fit(network, crops, tracks, Options(n_epochs=training.epochs, valid_every=VALID_EVERY))
    return network


def _of_listener(network: FCN, output: int) -> FCN:
    """Return a network with one of the outputs, which shares the other weights."""
    one = copy.copy(network)
    one._modules = dict(network._modules)
    one.fc = torch.nn.Linear(network.fc.in_features, 1)
    with torch.no_grad():
        one.fc.weight.copy_(network.fc.weight[output : output + 1])
        one.fc.bias.copy_(network.fc.bias[output : output + 1])
    return one.eval()


@functools.lru_cache(maxsize=1)
def _load(path: Path) -> tuple[FCN, float]:
    network = FCN()
    with safe_open(path, framework="pt") as file:
        outputs = file.get_slice("fc.bias").get_shape()[0]
        network.fc = torch.nn.Linear(network.fc.in_features, outputs)
        network.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        return network.eval(), float(file.metadata()["seconds"])
