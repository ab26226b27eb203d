"""Datasets over a catalogue's audio: random crops for training, whole tracks for scoring.

A crop is determined by (seed, epoch, track) alone, so that the number of loader processes, the
order of reading and a restart of the training do not change it. Both datasets take the audio
access of a catalogue, `catalogue.audio`; arrays are mapped from disk, and only crops are read. They
take `ResidentAudio` as well, from which batches are cut where the network is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

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

RESIDENT_SHARE = 0.5
"""The share of a GPU's free memory that audio may take; the rest is for networks at work."""

_ORDERS, _CROPS = 0, 1  # two streams of random numbers from one seed


def repeat_to(audio: NDArray[np.int16], samples: int) -> NDArray[np.int16]:
    """Return audio, repeated from its beginning if it has fewer samples than asked for.

    Repeated music still sounds like music; padding would teach the network silence.
    """
    return audio if audio.shape[0] >= samples else np.resize(audio, samples)


class ResidentAudio:
    """Audio of some tracks in the memory of a device, which takes the place of `catalogue.audio`.

    Parameters
    ----------
    audio : callable from track_id to ndarray [shape=(samples,)], int16
        `catalogue.audio`.
    track_ids : iterable of str
        A track that occurs several times is kept once.
    device : torch.device

    Raises
    ------
    ParameterError
        If the audio takes more than `RESIDENT_SHARE` of the device's free memory.
    """

    def __init__(self, audio: Audio, track_ids: Iterable[str], device: torch.device) -> None:
        self._lengths = {name: int(audio(name).shape[0]) for name in dict.fromkeys(track_ids)}
        self.device, total = device, sum(self._lengths.values())
        if (size := 2 * total) > (room := RESIDENT_SHARE * _free_bytes(device)):
            raise ParameterError(
                f"the audio of {len(self._lengths):,} tracks takes {size / 1e9:.2f} GB, of which "
                f"{room / 1e9:.2f} GB fit on {device}: free its memory, or load from disk"
            )
        self._samples = torch.empty(total, dtype=torch.int16, device=device)
        self._begins = dict[str, int]()
        begin = 0
        for name, length in self._lengths.items():
            self._begins[name] = begin
            # A copy, because arrays that are mapped from disk cannot be written.
            self._samples[begin : begin + length] = torch.from_numpy(np.array(audio(name)))
            begin += length

    def __call__(self, track_id: str) -> NDArray[np.int16]:
        """Return a copy of a track's audio, as `catalogue.audio` does."""
        begin, length = self._begins[track_id], self._lengths[track_id]
        audio: NDArray[np.int16] = self._samples[begin : begin + length].cpu().numpy()
        return audio

    def length(self, track_id: str) -> int:
        """Return the number of samples of a track."""
        return self._lengths[track_id]

    def cut(self, track_ids: Sequence[str], starts: Sequence[int], samples: int) -> Tensor:
        """Return waveforms [tracks, samples] on the device, float32, each from a start on.

        A track that ends before is repeated from its beginning, as by `repeat_to`.
        """
        numbers = [(self._begins[name], self._lengths[name]) for name in track_ids]
        begins, lengths = torch.tensor(numbers, device=self.device).T[:, :, None]
        places = torch.tensor(starts, device=self.device)[:, None]
        places = (places + torch.arange(samples, device=self.device)) % lengths
        return self._samples[begins + places].float() / 32_768


def _free_bytes(device: torch.device) -> float:
    """Return the free memory of a GPU; of other devices, where nobody has to ask, infinity."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else float("inf")


def _length(audio: Audio, track_id: str) -> int:
    if isinstance(audio, ResidentAudio):
        return audio.length(track_id)
    return int(audio(track_id).shape[0])


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
        start = self.start(epoch, index, audio.shape[0])
        crop = repeat_to(audio[start : start + self.input_length], self.input_length)
        label = torch.tensor(self.labels[index], dtype=torch.float32)
        return torch.from_numpy(to_float32(crop)), label

    def start(self, epoch: int, index: int, samples: int) -> int:
        """Return the first sample of the crop of (epoch, track), a track of so many samples."""
        rng = np.random.default_rng((self.seed, _CROPS, epoch, index))
        return int(rng.integers(max(samples - self.input_length, 0) + 1))

    def order(self, epoch: int) -> list[int]:
        """Return the order of the tracks in an epoch."""
        rng = np.random.default_rng((self.seed, _ORDERS, epoch))
        return [int(index) for index in rng.permutation(len(self))]


def crop_loader(
    crops: Crops, epochs: range, *, batch_size: int, num_workers: int
) -> Iterable[tuple[Tensor, Tensor]]:
    """Return a loader of the crops of some epochs, for one pass, which starts its processes once.

    The last batch of an epoch may be smaller than `batch_size`. Resident audio needs no processes.
    """
    if batch_size < 1:
        raise ParameterError(f"batch_size must be at least 1, got {batch_size}")
    batches = (
        [(epoch, index) for index in order[begin : begin + batch_size]]
        for epoch in epochs
        for order in [crops.order(epoch)]
        for begin in range(0, len(order), batch_size)
    )
    if isinstance(crops.audio, ResidentAudio):
        return (_resident_crops(crops, crops.audio, batch) for batch in batches)
    return DataLoader(
        crops,
        batch_sampler=batches,
        num_workers=num_workers,
        prefetch_factor=4 if num_workers else None,
        generator=torch.Generator(),  # or it would draw from the network's random numbers
    )


def _resident_crops(
    crops: Crops, audio: ResidentAudio, batch: Sequence[tuple[int, int]]
) -> tuple[Tensor, Tensor]:
    """Return the waveforms and labels of a batch of (epoch, track), cut on the device."""
    names = [crops.track_ids[index] for _, index in batch]
    lengths = map(audio.length, names)
    starts = [
        crops.start(epoch, index, length)
        for (epoch, index), length in zip(batch, lengths, strict=True)
    ]
    labels = torch.tensor([crops.labels[index] for _, index in batch], dtype=torch.float32)
    return audio.cut(names, starts, crops.input_length), labels


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
            by_length[max(_length(self.audio, track_id), MIN_SAMPLES)].append(index)
        batches = []
        for samples, same in sorted(by_length.items()):
            size = max(1, min(batch_size, MAX_BATCH_SAMPLES // samples))
            batches += [same[begin : begin + size] for begin in range(0, len(same), size)]
        return batches


def track_loader(
    tracks: Tracks, *, batch_size: int, num_workers: int
) -> Iterable[tuple[Tensor, Tensor]]:
    """Return a loader of whole tracks: (places [batch], waveforms [batch, samples])."""
    if isinstance(tracks.audio, ResidentAudio):
        batches = tracks.batches(batch_size)
        return (_resident_tracks(tracks, tracks.audio, batch) for batch in batches)
    return DataLoader(
        tracks,
        batch_sampler=tracks.batches(batch_size),
        num_workers=num_workers,
        generator=torch.Generator(),
    )


def _resident_tracks(
    tracks: Tracks, audio: ResidentAudio, batch: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Return places and waveforms of tracks of one length, cut on the device."""
    names = [tracks.track_ids[index] for index in batch]
    samples = max(audio.length(names[0]), MIN_SAMPLES)
    return torch.tensor(batch), audio.cut(names, [0] * len(names), samples)
