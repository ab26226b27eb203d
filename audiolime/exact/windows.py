"""Windows of a track: where they lie, which segments they see, and what is heard in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lemons_utils import ParameterError

Segments = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class TrackWindow:
    """A stretch of the track that a model hears at once.

    Parameters
    ----------
    start, end : int [samples]
        What it takes of the track; after that it is silent.
    low, high : int
        The first and the last segment that it sees.
    sounding : tuple of int
        Which stems are not silent in its part of each of these segments, as numbers.
    """

    start: int
    end: int
    low: int
    high: int
    sounding: tuple[int, ...]

    def heard(self, states: NDArray[np.int64]) -> NDArray[np.int64]:
        """Leave what is silent in it out of subsets [n, segments]: states that sound alike."""
        return np.asarray(states & np.array(self.sounding))


def place_windows(
    stems: NDArray[np.float32], segments: Segments, window: int, hop: int, *, pad: bool, align: bool
) -> list[TrackWindow]:
    """Place windows over a track.

    Parameters
    ----------
    stems : ndarray [shape=(S, samples)]
    segments : sequence of (start, end) [samples]
    window, hop : int > 0 [samples]
    pad : bool
        Also place the one that would reach beyond the end.
    align : bool
        Begin anew in every segment, so that no window sees two.

    Raises
    ------
    ParameterError
        If a window or a hop is no length, or no window fits.
    """
    for name, value in (("window", window), ("hop", hop)):
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
            raise ParameterError(f"{name} must be a number of samples above 0, got {value!r}")
    samples = stems.shape[1]
    spans = [
        (start, min(start + window, last))
        for first, last in (segments if align else [(0, samples)])
        for start in _starts(first, last, window, hop, pad)
    ]
    if not spans:
        where = "in any segment" if align else f"in {samples:,} samples"
        raise ParameterError(
            f"no whole window of {window:,} samples fits {where}: pad=True fills the last one up"
        )
    return [_seen(stems, segments, start, end) for start, end in spans]


def window_waveforms(
    stems: NDArray[np.float32],
    segments: Segments,
    window: TrackWindow,
    states: NDArray[np.int64],
    length: int,
) -> NDArray[np.float32]:
    """Compose what is heard in a window in some states [n, high - low + 1].

    Returns
    -------
    ndarray [shape=(n, length)], float32
    """
    waveforms = np.zeros((len(states), length), np.float32)
    for column, segment in enumerate(range(window.low, window.high + 1)):
        start, end = max(segments[segment][0], window.start), min(segments[segment][1], window.end)
        subsets, position = np.unique(states[:, column], return_inverse=True)
        on = subsets[:, None] >> np.arange(len(stems)) & 1 == 1
        parts = np.stack([stems[chosen, start:end].sum(axis=0) for chosen in on])
        waveforms[:, start - window.start : end - window.start] = parts[position.ravel()]
    return waveforms


def _starts(first: int, last: int, window: int, hop: int, pad: bool) -> range:
    whole = max((last - first - window) // hop + 1, 0)
    covered = (whole - 1) * hop + window if whole else 0
    padded = pad and covered < last - first and whole * hop < last - first
    return range(first, first + (whole + padded) * hop, hop)


def _seen(stems: NDArray[np.float32], segments: Segments, start: int, end: int) -> TrackWindow:
    seen = [i for i, (first, last) in enumerate(segments) if first < end and last > start]
    bits = 1 << np.arange(len(stems))
    sounding = []
    for i in seen:
        part = stems[:, max(segments[i][0], start) : min(segments[i][1], end)]
        sounding.append(int((part != 0).any(axis=1) @ bits))
    return TrackWindow(start, end, seen[0], seen[-1], tuple(sounding))
