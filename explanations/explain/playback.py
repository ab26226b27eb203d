"""What a listener hears: an explanation's components mixed, trimmed and faded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audiolime.components.mixing import FADE_S, SILENCE, mix, trim
from explanations.store import Explanation
from lemons_audio import write_mix
from lemons_utils import SAMPLE_RATE, ParameterError

__all__ = ["FADE_S", "SILENCE", "mix", "top", "trim", "without_top", "write_playback"]


def top(
    explanation: Explanation,
    stems: NDArray[np.float32],
    k: int,
    *,
    query_instrument: str | None = None,
) -> NDArray[np.float32]:
    """Mix the k components that speak most for the recommendation, trimmed to where they sound.

    Parameters
    ----------
    explanation : Explanation
    stems : ndarray [shape=(stems, samples)], float32
    k : int > 0
    query_instrument : str, optional
        A stem, whose components alone are mixed.

    Returns
    -------
    ndarray [shape=(samples of what sounds,)], float32; the whole length, silent, where nothing
    speaks for the recommendation
    """
    _check(k)
    marked = explanation.grid(explanation.top(k, query_instrument=query_instrument))
    return trim(mix(stems, explanation.segments, marked))


def without_top(
    explanation: Explanation, stems: NDArray[np.float32], k: int
) -> NDArray[np.float32]:
    """Mix everything but the k strongest components, over the whole track."""
    _check(k)
    marked = ~explanation.grid(explanation.top(k))
    return mix(stems, explanation.segments, marked)


def write_playback(
    explanation: Explanation,
    stems: NDArray[np.float32],
    folder: Path,
    *,
    query_instrument: str | None = None,
) -> list[Path]:
    """Write `top1.flac`, `top3.flac` and `without_top3.flac` (24 bits, 16 kHz).

    With a stem as `query_instrument`, `top3_<stem>.flac` of its components alone as well.
    """
    heard = {
        "top1.flac": top(explanation, stems, 1),
        "top3.flac": top(explanation, stems, 3),
        "without_top3.flac": without_top(explanation, stems, 3),
    }
    if query_instrument is not None:
        only = top(explanation, stems, 3, query_instrument=query_instrument)
        heard[f"top3_{query_instrument}.flac"] = only
    for name, waveform in heard.items():
        write_mix(folder / name, waveform, sample_rate=SAMPLE_RATE)
    return [folder / name for name in heard]


def _check(k: int) -> None:
    if k < 1:
        raise ParameterError(f"k must be at least 1, got {k}")
