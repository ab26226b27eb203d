"""Published networks that benchmarks/recipe.py trains, one for each fold, kept on disk."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from _tastes import Fold
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from lemons_utils import write_beside
from recsys.dataset import Crops, Tracks
from recsys.model import FCN
from recsys.training import fit, fresh_network
from recsys.training_options import Options

VALID_EVERY = 5
"""Epochs from one validation to the next: the published one would cost as much as the training."""

REMOVED, SILENT = 0.5, 0.1
"""Share of the crops of which a part is removed, and share of which all is."""


@dataclass(frozen=True)
class Training:
    """A published training, or one whose crops may be silent in part."""

    epochs: int
    removal: bool

    @property
    def name(self) -> str:
        """Name of the row."""
        return f"published, {self.epochs} epochs" + (", removals" if self.removal else "")


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


@dataclass(frozen=True)
class Networks:
    """A folder of trained networks."""

    folder: Path

    def trained(self, training: Training, fold: Fold) -> tuple[FCN, float]:
        """Return the network of a training, trained if need be, and its processor seconds."""
        kind = f"{training.epochs}{'-removals' if training.removal else ''}"
        path = self.folder / f"{fold.checksum}-{kind}.safetensors"
        if not path.is_file():
            network = fresh_network(1_930_289)
            started = time.process_time()
            maker = RemovingCrops if training.removal else Crops
            audio, train, valid = fold.catalogue.audio, fold.train, fold.valid
            crops = maker(audio, train["track_id"].tolist(), train["label"].tolist())
            tracks = Tracks(audio, valid["track_id"].tolist(), valid["label"].tolist())
            options = Options(n_epochs=training.epochs, valid_every=VALID_EVERY)
            fit(network, crops, tracks, options)
            seconds = {"seconds": str(time.process_time() - started)}
            with write_beside(path) as temporary:
                save_file(
                    {name: value.contiguous() for name, value in network.state_dict().items()},
                    temporary,
                    metadata=seconds,
                )
        return _load(path)


@functools.lru_cache(maxsize=1)
def _load(path: Path) -> tuple[FCN, float]:
    network = FCN()
    with safe_open(path, framework="pt") as file:
        network.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        return network.eval(), float(file.metadata()["seconds"])
