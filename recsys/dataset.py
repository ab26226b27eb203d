"""Datasets over a catalogue's audio: random crops for training, whole tracks for scoring.

A crop is determined by (seed, epoch, track) alone, so that the number of loader processes, the
order of reading and a restart of the training do not change it. Both datasets take the audio
access of a catalogue, `catalogue.audio`; arrays are mapped from disk, and only crops are read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from lemons_audio import to_float32
from lemons_utils import SAMPLE_RATE, ParameterError
from recsys.model import MIN_SAMPLES

Audio = Callable[[str], NDArray[np.int16]]
"""Returns the audio of a track: `catalogue.audio`."""

MAX_BATCH_SAMPLES = 2**24
"""Most samples of a batch of several whole tracks: 64 MB."""

_ORDERS, _CROPS = 0, 1  # two streams of random numbers from one seed


def repeat_to(audio: NDArray[np.int16], samples: int) -> NDArray[np.int16]:
    """Return audio, repeated from its beginning if it has fewer samples than asked for.

    Repeated music still sounds like music; padding would teach the network silence.
    """
    return audio if audio.shape[0] >= samples else np.resize(audio, samples)


class _Labelled:
    """Tracks with labels: the base of both datasets."""

    def __init__(self, audio: Audio, track_ids: Sequence[str], labels: Sequence[int]) -> None:
        self.audio = audio
        self.track_ids = list(track_ids)
        self.labels = [int(label) for label in labels]
        if not self.track_ids:
            raise ParameterError("a dataset needs at least one track, got none: check the split")
        if len(self.labels) != len(self.track_ids):
            raise ParameterError(
                f"expected one label per track, got {len(self.labels)} labels for "
                f"{len(self.track_ids)} tracks"
            )
        if wrong := sorted(set(self.labels) - {0, 1}):
            raise ParameterError(f"labels must be 0 (not listened) or 1 (listened), got {wrong}")

    def __len__(self) -> int:
        return len(self.track_ids)


class Crops(_Labelled, Dataset[tuple[Tensor, Tensor]]):
    """One random crop of every track in every epoch.

    Parameters
    ----------
    audio : callable from track_id to ndarray [shape=(samples,)], int16
        `catalogue.audio`.
    track_ids : sequence of str
    labels : sequence of int, 0 or 1
    input_length : int >= 7,936 [samples]
        A track shorter than this is repeated from its beginning until it fills the crop.
    seed : int >= 0
        The seed of the tracks' order in each epoch and of the crops' positions.

    Raises
    ------
    ParameterError
        If there are no tracks, labels do not fit, or the crop is too short for the network.
    """

    def __init__(
        self,
        audio: Audio,
        track_ids: Sequence[str],
        labels: Sequence[int],
        *,
        input_length: int = SAMPLE_RATE,
        seed: int = 0,
    ) -> None:
        super().__init__(audio, track_ids, labels)
        if input_length < MIN_SAMPLES:
            raise ParameterError(
                f"input_length must be at least {MIN_SAMPLES:,} samples, got {input_length:,}"
            )
        if seed < 0:
            raise ParameterError(f"seed must be 0 or more, got {seed}")
        self.input_length = input_length
        self.seed = seed

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return the waveform [input_length] and the label of (epoch, track)."""
        epoch, index = key
        audio = self.audio(self.track_ids[index])
        rng = np.random.default_rng((self.seed, _CROPS, epoch, index))
        start = int(rng.integers(max(audio.shape[0] - self.input_length, 0) + 1))
        crop = repeat_to(audio[start : start + self.input_length], self.input_length)
        label = torch.tensor(self.labels[index], dtype=torch.float32)
        return torch.from_numpy(to_float32(crop)), label

    def order(self, epoch: int) -> list[int]:
        """Return the order of the tracks in an epoch."""
        rng = np.random.default_rng((self.seed, _ORDERS, epoch))
        return [int(index) for index in rng.permutation(len(self))]


def crop_loader(
    crops: Crops, epochs: range, *, batch_size: int, num_workers: int
) -> DataLoader[tuple[Tensor, Tensor]]:
    """Return a loader of the crops of some epochs, for one pass, which starts its processes once.

    The last batch of an epoch may be smaller than `batch_size`.
    """
    if batch_size < 1:
        raise ParameterError(f"batch_size must be at least 1, got {batch_size}")
    batches = (
        [(epoch, index) for index in order[begin : begin + batch_size]]
        for epoch in epochs
        for order in [crops.order(epoch)]
        for begin in range(0, len(order), batch_size)
    )
    return DataLoader(
        crops,
        batch_sampler=batches,
        num_workers=num_workers,
        prefetch_factor=4 if num_workers else None,
        generator=torch.Generator(),  # or it would draw from the network's random numbers
    )


class Tracks(_Labelled, Dataset[tuple[Tensor, Tensor]]):
    """Whole tracks, each with its place in the list.

    Parameters
    ----------
    audio, track_ids
        As of `Crops`; a track shorter than 7,936 samples is repeated from its beginning.
    labels : sequence of int, 0 or 1, or None where only relevance is wanted

    Raises
    ------
    ParameterError
        If there are no tracks or the labels do not fit.
    """

    def __init__(
        self, audio: Audio, track_ids: Sequence[str], labels: Sequence[int] | None = None
    ) -> None:
        super().__init__(audio, track_ids, [0] * len(track_ids) if labels is None else labels)
        self.labelled = labels is not None

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return the place and the waveform [samples] of a track."""
        audio = repeat_to(self.audio(self.track_ids[index]), MIN_SAMPLES)
        return torch.tensor(index), torch.from_numpy(to_float32(audio))

    def batches(self, batch_size: int) -> list[list[int]]:
        """Return batches of tracks of one length each; batches of long tracks are smaller."""
        if batch_size < 1:
            raise ParameterError(f"batch_size must be at least 1, got {batch_size}")
        by_length = defaultdict[int, list[int]](list)
        for index, track_id in enumerate(self.track_ids):
            by_length[max(self.audio(track_id).shape[0], MIN_SAMPLES)].append(index)
        batches = []
        for samples, same in sorted(by_length.items()):
            size = max(1, min(batch_size, MAX_BATCH_SAMPLES // samples))
            batches += [same[begin : begin + size] for begin in range(0, len(same), size)]
        return batches


def track_loader(
    tracks: Tracks, *, batch_size: int, num_workers: int
) -> DataLoader[tuple[Tensor, Tensor]]:
    """Return a loader of whole tracks: (places [batch], waveforms [batch, samples])."""
    return DataLoader(
        tracks,
        batch_sampler=tracks.batches(batch_size),
        num_workers=num_workers,
        generator=torch.Generator(),
    )
