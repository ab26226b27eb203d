"""The interface of separators and what they share: checks, resampling, stems that sum."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lemons_utils import DataError, ParameterError

FULL_SCALE = 1 << 23
"""Steps of a 24-bit sample between 0 and 1."""

_LOWEST_RATE = 1_000
_BLOCK = 1 << 20


class Separator(Protocol):
    """A way to divide a recording into stems that sum to it exactly.

    A separator that reads its stems instead of computing them (a folder, the demo band) belongs
    to one track; its `version` then identifies the stems themselves.
    """

    @property
    def name(self) -> str:
        """Return the name that `get_separator` takes."""

    @property
    def version(self) -> str:
        """Return a text that changes whenever the same audio would give other stems."""

    @property
    def stem_names(self) -> tuple[str, ...]:
        """Return the names of the stems in order; the last one is the residual."""

    def separate(self, waveform: NDArray[np.floating], sample_rate: int) -> NDArray[np.float32]:
        """Separate a recording.

        Parameters
        ----------
        waveform : ndarray [shape=(samples,) or (channels, samples)], floats, full scale is 1
            At least one second.
        sample_rate : int >= 1,000 [Hz]

        Returns
        -------
        ndarray [shape=(stems, samples) or (stems, channels, samples)], float32
            Stems on the grid of 24-bit samples (see `stems_that_sum`). They, and any of them
            together, add up in float32 without rounding; all of them add up to `waveform`.

        Raises
        ------
        ParameterError
            If the waveform is shorter than a second, holds NaN or has the wrong shape.
        """


class ComputingSeparator(abc.ABC):
    """A separator that estimates all stems but the last one; the last one is the residual."""

    name: str
    version: str
    stem_names: tuple[str, ...]

    @abc.abstractmethod
    def estimate(self, mix: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """Estimate the first stems of a mix [channels, samples]: [stems - 1, channels, samples]."""

    def separate(self, waveform: NDArray[np.floating], sample_rate: int) -> NDArray[np.float32]:
        """Separate a recording; see `Separator.separate`."""
        mix = as_channels(waveform, sample_rate)
        stems = stems_that_sum(mix, self.estimate(mix, sample_rate))
        return stems[:, 0] if np.ndim(waveform) == 1 else stems


def estimate_in_stereo(
    network: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    mix: NDArray[np.float32],
    sample_rate: int,
    *,
    network_rate: int,
) -> NDArray[np.float32]:
    """Estimate stems by a network that takes two channels at a sample rate of its own.

    The mean of the channels of a mix that is not stereo is passed twice.

    Parameters
    ----------
    network : callable
        Takes [2, samples] at `network_rate`, returns [stems - 1, 2, samples].
    mix : ndarray [shape=(channels, samples)], float32
    sample_rate, network_rate : int [Hz]

    Returns
    -------
    ndarray [shape=(stems - 1, channels, samples)], float32
    """
    wide = resample(mix, sample_rate, network_rate)
    stereo = wide if len(wide) == 2 else np.repeat(wide.mean(axis=0, keepdims=True), 2, axis=0)
    estimates = network(stereo)
    if len(mix) != 2:
        estimates = estimates.mean(axis=1, keepdims=True)
    stems = [resample(estimate, network_rate, sample_rate) for estimate in estimates]
    return np.stack([np.broadcast_to(fit_length(stem, mix.shape[1]), mix.shape) for stem in stems])


def as_channels(waveform: NDArray[np.floating], sample_rate: int) -> NDArray[np.float32]:
    """Check a waveform and return it as float32 [channels, samples].

    Raises
    ------
    ParameterError
        If the waveform is no float array [samples] or [channels, samples], is shorter than a
        second, holds NaN or infinity, or the sample rate is under 1,000 Hz.
    """
    if sample_rate < _LOWEST_RATE:
        raise ParameterError(f"sample_rate must be at least {_LOWEST_RATE} Hz, got {sample_rate}")
    given = np.asarray(waveform)
    if not np.issubdtype(given.dtype, np.floating):
        raise ParameterError(
            f"waveform must hold floats with full scale 1, got {given.dtype}: "
            f"convert int16 with lemons_audio.to_float32"
        )
    if given.ndim not in (1, 2) or given.shape[0] == 0:
        raise ParameterError(
            f"waveform must have shape (samples,) or (channels, samples), got {given.shape}"
        )
    mix = np.atleast_2d(given).astype(np.float32)
    if mix.shape[1] < sample_rate:
        raise ParameterError(
            f"waveform must last at least 1 s ({sample_rate:,} samples), got {mix.shape[1]:,} "
            f"samples: pad it or take a longer excerpt (shape {given.shape} is read as "
            f"channels, samples)"
        )
    if not np.isfinite(mix).all():
        raise ParameterError(
            "waveform must be finite, got NaN or infinity: decode the file again or leave it out"
        )
    return mix


def resample(waveform: NDArray[np.float32], rate: int, to_rate: int) -> NDArray[np.float32]:
    """Resample [channels, samples] without shifting it in time."""
    if rate == to_rate:
        return waveform
    import soxr

    return np.ascontiguousarray(
        np.asarray(soxr.resample(waveform.T, rate, to_rate, quality="HQ"), dtype=np.float32).T
    )


def fit_length(waveform: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    """Cut or pad the end with silence to get [..., samples]."""
    missing = samples - waveform.shape[-1]
    if missing <= 0:
        return waveform[..., :samples]
    return np.pad(waveform, [(0, 0)] * (waveform.ndim - 1) + [(0, missing)])


def drop_silent(
    names: tuple[str, ...], stems: NDArray[np.float32]
) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Drop stems [stems, ...] that are silent throughout; keep one stem of a silent track.

    A silent stem explains nothing and doubles the number of masks.
    """
    kept = [i for i, stem in enumerate(stems) if stem.any()] or [0]
    return tuple(names[i] for i in kept), stems[kept]


def stems_that_sum(mix: NDArray[np.float32], estimates: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round estimated stems to 24 bits and add the residual, so that all sum to the mix.

    The sum is exact for a mix that lies on the 24-bit grid (every 16- or 24-bit recording); for
    any other mix (a decoded MP3, for example) the sum is the nearest 24-bit value, at most 2^-24
    off, because float32 cannot hold a large stem at the precision of a very quiet mix. Where the
    residual of a loud passage would exceed the range of 24-bit samples, all estimates of that
    sample are scaled down by the same factor. A mix beyond full scale uses a grid that is coarser
    by the power of two it needs.

    Parameters
    ----------
    mix : ndarray [shape=(channels, samples)], float32
    estimates : ndarray [shape=(stems - 1, channels, samples)], float32

    Returns
    -------
    ndarray [shape=(stems, channels, samples)], float32
        The magnitudes at one sample sum to at most twice full scale, so float32 adds any of the
        stems in any order without rounding.

    Raises
    ------
    DataError
        If an estimate holds NaN or infinity.
    """
    count, channels, samples = estimates.shape
    stems = np.empty((count + 1, channels, samples), dtype=np.float32)
    step = _grid_step(mix)
    for start in range(0, samples, _BLOCK):
        block = np.s_[..., start : start + _BLOCK]
        target = np.rint(mix[block].astype(np.float64) / step)
        wanted = estimates[block].astype(np.float64) / step
        if not np.isfinite(wanted).all():
            raise DataError("the separator gave NaN or infinity: its weights may be damaged")
        stems[block] = np.concatenate(_whole_stems(target, wanted)) * step
    return stems


def _grid_step(mix: NDArray[np.float32]) -> float:
    """Return the step of the grid: 2^-23, or more where the mix exceeds full scale."""
    step = 1.0 / FULL_SCALE
    low, high = float(mix.min()), float(mix.max())
    while np.rint(low / step) < -FULL_SCALE or np.rint(high / step) > FULL_SCALE - 1:
        step *= 2
    return step


def _whole_stems(
    target: NDArray[np.float64], wanted: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Round `wanted` [stems - 1, ...]; return it and the residual [1, ...] to `target`."""
    wanted = np.rint(wanted * _room(target, wanted))
    residual = target - wanted.sum(axis=0)
    # Where the mix itself is at full scale there is no room for rounding: the residual is all.
    overfull = (residual < -FULL_SCALE) | (residual > FULL_SCALE - 1)
    wanted[:, overfull] = 0.0
    residual[overfull] = target[overfull]
    return wanted, residual[None]


def _room(target: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return per sample the largest factor up to 1 at which estimates and residual fit."""
    limit = float(FULL_SCALE - 1 - len(wanted))  # leaves a unit of rounding to each stem
    total = wanted.sum(axis=0)
    size = np.abs(wanted).sum(axis=0)
    largest = np.abs(wanted).max(axis=0, initial=0.0)
    factor: NDArray[np.float64] = np.ones_like(total)
    for load, room in (
        (largest, np.full_like(total, limit)),
        (total, limit + target),  # the residual must not fall below -limit ...
        (-total, limit - target),  # ... nor rise above limit
        (size - total, 2 * limit - target),  # and all magnitudes together must stay
        (size + total, 2 * limit + target),  # within twice full scale
    ):
        over = load > room
        share = np.maximum(room, 0.0) / np.where(load > 0, load, 1.0)
        np.minimum(factor, share, out=factor, where=over)
    return factor
