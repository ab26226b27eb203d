"""Features of tracks and of any waveform, for benchmarks/recipe.py."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lemons_audio import to_float32
from recsys.catalogue import Catalogue
from recsys.dataset import repeat_to
from recsys.evaluation.baseline import MEAN_SPECTRA, STATISTICS, band_statistics
from recsys.heads import Trunk, make_trunk, pool, pooled_tracks
from recsys.heads.directions import leading_directions
from recsys.melspectrogram import LogMel
from recsys.model import FCN, MIN_SAMPLES, LocalStatistics

Float32 = NDArray[np.float32]
Features = NDArray[np.floating]


@dataclass
class Measure:
    """Measures tracks once and remembers the results, in this process."""

    of_waveform: Callable[[Float32], Float32]
    known: dict[tuple[str, str], Float32] = field(default_factory=dict)
    seconds: float = 0.0

    def tracks(self, catalogue: Catalogue, track_ids: Sequence[str]) -> Float32:
        """Return the features of tracks."""
        for track_id in track_ids:
            if (key := (catalogue.name, track_id)) not in self.known:
                started = time.process_time()
                audio = repeat_to(catalogue.audio(track_id), MIN_SAMPLES)
                self.known[key] = self.of_waveform(to_float32(audio))
                self.seconds += time.process_time() - started
        return np.stack([self.known[catalogue.name, track_id] for track_id in track_ids])

    @property
    def seconds_a_track(self) -> float:
        """Mean processor time of what was measured."""
        return self.seconds / max(len(self.known), 1)


@functools.cache
def _front_end() -> LogMel:
    return LogMel()


@torch.inference_mode()
def _log_mel(waveform: Float32) -> Tensor:
    spectrum: Tensor = _front_end()(torch.from_numpy(waveform)[None])[0]
    return spectrum


SPECTROGRAM: dict[str, Callable[[Tensor], Tensor]] = {
    MEAN_SPECTRA: lambda spectrum: spectrum.mean(dim=1),
    STATISTICS: band_statistics,
}


@functools.cache
def measure(name: str) -> Measure:
    """Return the features of a baseline."""
    return Measure(lambda waveform: SPECTROGRAM[name](_log_mel(waveform)).float().numpy())


def local_tracks(catalogue: Catalogue, track_ids: Sequence[str]) -> Float32:
    """Return the local statistics of tracks, which are kept beside the catalogue."""
    return np.stack([track.whole for track in pooled_tracks(catalogue, track_ids)])


@torch.inference_mode()
def local_waveform(waveform: Float32, network: LocalStatistics | None = None) -> Float32:
    """Return the local statistics of a waveform, or those that a network has learnt."""
    network = network or _local_network()
    pooled: Float32 = network.pooled(torch.from_numpy(waveform)[None])[0].numpy()
    return pooled


@functools.cache
def _local_network() -> LocalStatistics:
    return LocalStatistics()


@functools.cache
def trunk_of(name: str, folder: Path) -> Trunk:
    """Return a catalogue's trunk."""
    return make_trunk(Catalogue(name, folder))


def trunk_of_tracks(catalogue: Catalogue, track_ids: Sequence[str], count: int) -> Trunk:
    """Return a trunk of so many directions, of these tracks alone."""
    tracks = pooled_tracks(catalogue, track_ids)
    whole = np.stack([track.whole for track in tracks])
    removed = np.stack([track.removed for track in tracks])
    return Trunk("", catalogue.name, leading_directions(whole, removed, count), "")


@functools.cache
def pooling_seconds(name: str, folder: Path) -> float:
    """Return the processor time of a track's statistics and removals, of those without stems."""
    catalogue, times = Catalogue(name, folder), []
    for track_id in sorted(catalogue.track_ids)[:5]:
        started = time.process_time()
        pool(track_id, to_float32(catalogue.audio(track_id))[None], "", _local_network())
        times.append(time.process_time() - started)
    return float(np.median(times))


@torch.inference_mode()
def columns_of(network: FCN, waveform: Float32) -> Float32:
    """Return the means and maxima over frequency of a network's maps, [2, 64, columns]."""
    maps = network.features(network.spec(torch.from_numpy(waveform)[None]))[0]
    columns: Float32 = torch.stack([maps.mean(dim=1), maps.amax(dim=1)]).numpy()
    return columns


def pooled_columns(columns: Float32) -> Float32:
    """Map columns [..., 2, 64, columns] to what the network's head takes, [..., 128]."""
    means, maxima = columns[..., 0, :, :].mean(axis=-1), columns[..., 1, :, :].max(axis=-1)
    return np.concatenate([means, maxima], axis=-1)


def measure_trunk(network: FCN) -> Measure:
    """Return the features of a network, which its rows and others of the same blocks share."""
    known = _known(network.layer5)
    return Measure(lambda waveform: pooled_columns(columns_of(network, waveform)), known)


@functools.lru_cache(maxsize=1)
def _known(last_block: nn.Module) -> dict[tuple[str, str], Float32]:
    return {}
