"""Mixes of some cells of a track, and of nothing else, without clicks.

Everything works on the stems of a track [stems, samples] and a grid of marked cells
[segments, stems].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lemons_utils import SAMPLE_RATE, ParameterError

FADE_S = 0.010
SILENCE = 10 ** (-60 / 20)


def mix(
    stems: NDArray[np.float32],
    segments: Sequence[tuple[int, int]],
    marked: NDArray[np.bool_],
    *,
    sample_rate: int = SAMPLE_RATE,
) -> NDArray[np.float32]:
    """Sum the marked cells over the whole track; the rest is silence.

    Where a stem is switched on or off between two segments, it is faded over 10 ms inside the
    segment that sounds, so nothing clicks; a stem that stays on is left as it is.

    Parameters
    ----------
    stems : ndarray [shape=(stems, samples)], float32
    segments : sequence of (start, end) [samples]
    marked : ndarray [shape=(segments, stems)], bool

    Returns
    -------
    ndarray [shape=(samples,)], float32
    """
    if marked.shape != (len(segments), len(stems)):
        raise ParameterError(
            f"marked must have shape {(len(segments), len(stems))} (segments, stems), "
            f"got {marked.shape}"
        )
    out = np.zeros(stems.shape[1], dtype=np.float32)
    for stem, row in zip(stems, marked.T, strict=True):
        for first, last in _runs(row):
            start, end = segments[first][0], segments[last][1]
            out[start:end] += _faded(
                stem[start:end],
                fade_in=start > 0,
                fade_out=end < len(out),
                fade_samples=round(FADE_S * sample_rate),
            )
    return out


def trim(waveform: NDArray[np.float32], *, sample_rate: int = SAMPLE_RATE) -> NDArray[np.float32]:
    """Cut away silence (below -60 dB full scale) before and after; fade the new ends.

    A waveform that is silent throughout comes back as it is.
    """
    sounding = np.flatnonzero(np.abs(waveform) > SILENCE)
    if not len(sounding):
        return waveform
    fade = round(FADE_S * sample_rate)
    start = max(int(sounding[0]) - fade, 0)
    end = min(int(sounding[-1]) + 1 + fade, len(waveform))
    return _faded(
        waveform[start:end],
        fade_in=start > 0,
        fade_out=end < len(waveform),
        fade_samples=fade,
    )


def _runs(row: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of every stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(np.int8), [0]])))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _faded(
    waveform: NDArray[np.float32], *, fade_in: bool, fade_out: bool, fade_samples: int
) -> NDArray[np.float32]:
    out = waveform.copy()
    fade_samples = min(fade_samples, len(out) // 2)
    ramp = np.linspace(0, 1, fade_samples, endpoint=False, dtype=np.float32)
    if fade_in:
        out[:fade_samples] *= ramp
    if fade_out:
        out[len(out) - fade_samples :] *= ramp[::-1]
    return out
