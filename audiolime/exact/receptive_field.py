"""Which segments of a track a column of a network sees: arithmetic on whole numbers.

A *column* is one position in time of a feature map: a frame after the STFT, then ever coarser.
Receptive fields are intervals that move forward in time, so the segments that a column sees
are an interval too, low to high, and columns that see the same segments lie side by side: a
*run*. A run with low == high is *pure*, any other *mixed*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lemons_utils import ParameterError

Spans = tuple[NDArray[np.int64], NDArray[np.int64]]
"""For every column the first and the last segment that it sees."""


@dataclass(frozen=True)
class Window:
    """How an operation slides over columns."""

    kernel: int
    stride: int
    padding: int

    def width(self, columns: int) -> int:
        """Columns that come out when so many go in."""
        return (columns + 2 * self.padding - self.kernel) // self.stride + 1

    def inputs(self, first: int, last: int) -> tuple[int, int]:
        """First and last input of outputs first to last; may lie in the padding."""
        return (
            first * self.stride - self.padding,
            last * self.stride - self.padding + self.kernel - 1,
        )

    def outputs(self, first: int, last: int) -> tuple[int, int]:
        """First and last output that sees any of the inputs first to last."""
        return (
            -((self.kernel - 1 - first - self.padding) // self.stride),
            (last + self.padding) // self.stride,
        )


@dataclass(frozen=True)
class Run:
    """Neighbouring columns that see the same segments; all four ends belong to it."""

    first: int
    last: int
    low: int
    high: int

    @property
    def columns(self) -> int:
        """How many columns."""
        return self.last - self.first + 1

    @property
    def span(self) -> tuple[int, int]:
        """The segments that its columns see, first and last."""
        return self.low, self.high


def check_segments(segments: Sequence[tuple[int, int]], samples: int) -> NDArray[np.int64]:
    """Check that segments cover a track without a gap; return where each one starts.

    Raises
    ------
    ParameterError
        If a segment is empty, or does not start where the one before it ends.
    """
    if not len(segments):
        raise ParameterError("expected at least one segment, got none")
    expected = 0
    for number, (start, end) in enumerate(segments):
        if start != expected or end <= start:
            raise ParameterError(
                f"segment {number} must start at sample {expected} and not be empty, got "
                f"({start}, {end}): segments are half-open and cover the track without gaps"
            )
        expected = end
    if expected != samples:
        raise ParameterError(
            f"segments must end with the track at sample {samples}, got {expected}"
        )
    return np.array([start for start, _ in segments], dtype=np.int64)


def frame_spans(
    starts: NDArray[np.int64], samples: int, *, hop_length: int, half: int, support: tuple[int, int]
) -> Spans:
    """Segments that the windows of a centred STFT with reflected ends touch.

    Parameters
    ----------
    starts : ndarray [shape=(segments,)]
        First sample of every segment.
    samples : int
        Length of the track.
    hop_length, half : int
        Hop and half the FFT's length [samples].
    support : (int, int)
        First and last index of the window that is not zero; a periodic Hann window starts
        with a zero, which sees nothing.

    Notes
    -----
    Frame j covers samples hop j - half + support. What lies before the start is the mirror
    image of what follows it: index -i stands for i; at the end, N - 1 + i for N - 1 - i.
    """
    centre = np.arange(samples // hop_length + 1) * hop_length - half
    first, last = centre + support[0], centre + support[1]
    end = samples - 1
    reflected_last = np.where(first < 0, np.maximum(last, -first), last)
    reflected_first = np.where(last > end, np.minimum(first, 2 * end - last), first)
    low = np.searchsorted(starts, np.clip(reflected_first, 0, end), side="right") - 1
    high = np.searchsorted(starts, np.clip(reflected_last, 0, end), side="right") - 1
    # A mirrored end may look back a little further than the frame before it; that every frame
    # sees no less than its neighbours' order demands costs nothing and keeps runs in order.
    return np.minimum.accumulate(low[::-1])[::-1], np.maximum.accumulate(high)


def widen(spans: Spans, window: Window) -> Spans:
    """Segments that the outputs of an operation see, given what its inputs see."""
    low, high = spans
    columns = np.arange(window.width(len(low)))
    first = columns * window.stride - window.padding
    last = first + window.kernel - 1
    end = len(low) - 1
    return low[np.clip(first, 0, end)], high[np.clip(last, 0, end)]


def runs_of(spans: Spans) -> list[Run]:
    """Part columns into runs, in order."""
    low, high = spans
    cuts = np.flatnonzero((np.diff(low) != 0) | (np.diff(high) != 0)) + 1
    edges = [0, *cuts.tolist(), len(low)]
    return [
        Run(first, end - 1, int(low[first]), int(high[first])) for first, end in pairwise(edges)
    ]


def cut(run: Run, columns: int) -> list[Run]:
    """Part a run into pieces of at most so many columns."""
    return [
        Run(first, min(first + columns - 1, run.last), run.low, run.high)
        for first in range(run.first, run.last + 1, columns)
    ]
