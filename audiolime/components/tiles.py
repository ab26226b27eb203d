"""Tiles of time and frequency as components, after SoundLIME.

S. Mishra, B. L. Sturm, S. Dixon, "Local interpretable model-agnostic explanations for music
content analysis", ISMIR 2017. Component index = segment * number of bands + band, the bands
from low to high.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiolime.components.factorization import CompositionFn, Factorization
from audiolime.components.segmentation import Segment, SegmentationParams
from audiolime.data_provider import Waveform
from lemons_utils import ParameterError

Tile = tuple[int, NDArray[np.float64]]
GRID = 2.0**40
"""Tiles are rounded to multiples of 1 / GRID (-240 dB), so that float64 adds them exactly."""


class TimeFrequencyFactorization(Factorization):
    """Tiles of a short-time Fourier transform, turned back into waveforms.

    Every tile is the inverse transform of its own part of the spectrum; the lowest band of
    each segment also carries the rounding error of the round trip, so the tiles add up to the
    input exactly. Tiles of neighbouring segments fade into each other over one window.

    Parameters
    ----------
    input, target_sr, temporal_segmentation_params, composition_fn : see `Factorization`
    frequency_segments : int >= 1, or ascending band edges between 0 and half the rate [Hz]
    frequency_scale : 'linear' or 'mel'
        How to space the bands if `frequency_segments` is a number.
    n_fft : int, a multiple of 4 [samples]
        Length of the Hann window; it moves on by a quarter.

    Raises
    ------
    ParameterError
        If a segment is shorter than a quarter of the window or a band holds no bin.
    """

    def __init__(
        self,
        input: Any,
        target_sr: int = 16_000,
        frequency_segments: int | Sequence[float] = 4,
        temporal_segmentation_params: SegmentationParams = None,
        composition_fn: CompositionFn | None = None,
        *,
        frequency_scale: str = "linear",
        n_fft: int = 2048,
    ) -> None:
        if n_fft < 16 or n_fft % 4:
            raise ParameterError(f"n_fft must be a multiple of 4 and at least 16, got {n_fft!r}")
        super().__init__(input, target_sr, temporal_segmentation_params, composition_fn)
        self.n_fft = n_fft
        self.frequency_edges = frequency_edges(frequency_segments, target_sr, frequency_scale)
        self._bins = _bins_of(self.frequency_edges, target_sr, n_fft)
        self._components_names = [
            f"T{segment}F{band}"
            for segment in range(1, len(self.temporal_segments) + 1)
            for band in range(1, len(self.frequency_edges))
        ]
        self._tiles = self._cut()

    @property
    def component_bounds(self) -> list[Segment]:
        """The segment of every tile; what fades out beyond it is quieter."""
        return self._in_every_segment(len(self.frequency_edges) - 1)

    def retrieve_components(
        self, selection_order: Iterable[int] | None = None
    ) -> list[NDArray[np.float64]]:
        """Give each chosen tile by itself over the whole length; silence for none.

        Returns
        -------
        list of ndarray [shape=(samples,)], float64: only so do tiles add up exactly
        """
        indices = self._chosen(selection_order)
        found = [np.zeros(self.explained_length) for _ in indices or [0]]
        for waveform, index in zip(found, indices, strict=False):
            start, tile = self._tiles[index]
            waveform[start : start + len(tile)] = tile
        return found

    def _add_components(self, waveform: Waveform, indices: NDArray[np.intp]) -> None:
        total = np.zeros(self.explained_length)
        for index in indices:
            start, tile = self._tiles[index]
            total[start : start + len(tile)] += tile
        waveform += total.astype(np.float32)

    def _cut(self) -> list[Tile]:
        hop, n_samples = self.n_fft // 4, self.explained_length
        window = np.hanning(self.n_fft + 1)[:-1]
        # Frame j is centred on sample j * hop; -1 is the first to touch the track, so that
        # four frames cover every sample and their squared windows add up to 1.5 everywhere.
        n_frames = (n_samples - 1) // hop + 4
        padded = np.zeros((n_frames + 3) * hop)
        padded[3 * hop : 3 * hop + n_samples] = self._original_mix
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.n_fft)[::hop]

        tiles: list[Tile] = []
        total = np.zeros(n_samples)
        for begin, end in self.temporal_segments:
            first, last = self._frames_of(begin, end, n_frames)
            spectrum = np.fft.rfft(frames[first:last] * window, axis=1)
            offset = (first - 3) * hop
            start = max(offset, 0)
            for low, high in self._bins:
                part = np.zeros_like(spectrum)
                part[:, low:high] = spectrum[:, low:high]
                ringing = _overlap_add(np.fft.irfft(part, self.n_fft, axis=1) * window, hop)
                tile = np.rint(ringing[start - offset : n_samples - offset] / 1.5 * GRID) / GRID
                tiles.append((start, tile))
                total[start : start + len(tile)] += tile
        self._close(tiles, total)
        return tiles

    def _frames_of(self, begin: int, end: int, n_frames: int) -> tuple[int, int]:
        """Frames of a segment: those with their centre in it, and what pads the track's ends."""
        hop = self.n_fft // 4
        first, last = -(-begin // hop) + 1, -(-end // hop) + 1
        if first >= last:
            raise ParameterError(
                f"segments must have {hop:,} samples or more for a window of {self.n_fft:,}, got "
                f"{begin:,} to {end:,}: take fewer segments or a smaller n_fft"
            )
        return (0 if begin == 0 else first), (n_frames if end == self.explained_length else last)

    def _close(self, tiles: list[Tile], total: NDArray[np.float64]) -> None:
        """Let the lowest tile of every segment be what the others leave of the input."""
        bands = len(self.frequency_edges) - 1
        for number, (begin, end) in enumerate(self.temporal_segments):
            start, tile = tiles[number * bands]
            inside = slice(begin - start, end - start)
            others = total[begin:end] - tile[inside]
            tile[inside] = self._original_mix[begin:end] - others


def _overlap_add(frames: NDArray[np.float64], hop: int) -> NDArray[np.float64]:
    """Add up frames that follow each other by a quarter of their length."""
    count, length = frames.shape
    total = np.zeros((count + 3, hop))
    for quarter in range(4):
        total[quarter : quarter + count] += frames[:, quarter * hop : (quarter + 1) * hop]
    return total.reshape(-1)[: (count - 1) * hop + length]


def frequency_edges(
    frequency_segments: int | Sequence[float], target_sr: int, scale: str
) -> NDArray[np.float64]:
    """Edges of frequency bands from 0 to half the sample rate.

    Parameters
    ----------
    frequency_segments : int >= 1, or ascending edges [Hz]
        What lies below the first and above the last edge goes into the outer bands.
    target_sr : int > 0 [Hz]
    scale : 'linear' or 'mel' (HTK)

    Returns
    -------
    ndarray [shape=(bands + 1,)] [Hz]
    """
    top = target_sr / 2
    if isinstance(frequency_segments, (int, np.integer)):
        if frequency_segments < 1:
            raise ParameterError(f"the number of bands must be 1 or more, got {frequency_segments}")
        if scale == "linear":
            return np.linspace(0.0, top, int(frequency_segments) + 1)
        if scale == "mel":
            mels = np.linspace(0.0, np.log10(1 + top / 700), int(frequency_segments) + 1)
            return np.asarray(700 * (10**mels - 1))
        raise ParameterError(f"frequency_scale must be 'linear' or 'mel', got {scale!r}")
    edges = np.asarray(frequency_segments, np.float64)
    if edges.ndim != 1 or len(edges) < 2 or np.any(np.diff(edges) <= 0):
        raise ParameterError(f"band edges must be two or more, ascending, got {edges.tolist()}")
    if edges[0] < 0 or edges[-1] > top:
        raise ParameterError(f"band edges must lie in 0 to {top:g} Hz, got {edges.tolist()}")
    return np.concatenate([[0.0], edges[1:-1], [top]])


def _bins_of(edges: NDArray[np.float64], target_sr: int, n_fft: int) -> list[Segment]:
    """Bins of every band, half-open; the highest band also takes the Nyquist bin."""
    inner = np.ceil(edges[1:-1] * n_fft / target_sr).astype(int)
    bounds = [0, *inner.tolist(), n_fft // 2 + 1]
    bins = list(pairwise(bounds))
    if empty := [index for index, (low, high) in enumerate(bins) if low >= high]:
        low, high = edges[empty[0]], edges[empty[0] + 1]
        raise ParameterError(
            f"the band from {low:g} to {high:g} Hz holds no bin of a window of {n_fft:,}: "
            "take fewer bands or a greater n_fft"
        )
    return bins
