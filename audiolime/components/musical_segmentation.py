"""Segments whose boundaries lie on bars or beats, where the music changes most."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiolime.components.equal_segmentation import Segment, equal_segments
from lemons_places import install
from lemons_utils import DataError, ParameterError

HOP = 512
BEATS_PER_BAR = 4
KERNEL_BEATS = 16
"""How many beats on each side of a boundary are compared."""
SHORTEST_PART = 0.25
"""Shortest segment, as a part of the length that equal segments would have."""


def musical_segments(
    waveform: NDArray[np.float32],
    sample_rate: int,
    *,
    n_segments: int = 5,
    unit: str = "bar",
) -> list[Segment]:
    """Cut where a new part begins: on the bars or beats of greatest novelty.

    Beats come from librosa's tracker. A bar is four beats; it begins at those whose onsets are
    strongest on average. The novelty of a beat is the checkerboard contrast of the
    self-similarity of beat-wise timbre (MFCC) and harmony (chroma) around it [1]_. Of all
    ways to choose the boundaries with no segment shorter than a quarter of the equal length,
    the one with the greatest sum of novelty is taken.

    Parameters
    ----------
    waveform : ndarray [shape=(samples,)], float32
    sample_rate : int > 0 [Hz]
    n_segments : int >= 1
    unit : 'bar' or 'beat'

    Returns
    -------
    list of (start, end) [samples]; equal segments, with a warning, where no beats are found
    that such segments could begin at

    References
    ----------
    .. [1] J. Foote, "Automatic audio segmentation using a measure of audio novelty", ICME 2000.
    """
    if unit not in ("bar", "beat"):
        raise ParameterError(f"unit must be 'bar' or 'beat', got {unit!r}")
    equal = equal_segments(len(waveform), n_segments)
    if n_segments == 1:
        return equal
    beats, strength, features = _beats(waveform, sample_rate)
    candidates = _bar_starts(strength) if unit == "bar" else np.arange(len(beats))
    gap = SHORTEST_PART * len(waveform) / n_segments
    chosen = None
    if len(candidates):
        novelty = checkerboard_novelty(features, KERNEL_BEATS)[candidates]
        chosen = best_boundaries(beats[candidates], novelty, n_segments - 1, gap, len(waveform))
    if chosen is None:
        warnings.warn(
            f"found too few {unit}s for {n_segments} musical segments: taking equal ones",
            stacklevel=2,
        )
        return equal
    edges = [0, *chosen, len(waveform)]
    return list(pairwise(edges))


def _beats(
    waveform: NDArray[np.float32], sample_rate: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Beat positions [samples], their onset strength, and one feature column per beat."""
    try:
        import librosa
    except ModuleNotFoundError as error:
        raise DataError(f"musical segments need librosa: {install('musical')}") from error

    onsets = librosa.onset.onset_strength(y=waveform, sr=sample_rate, hop_length=HOP)
    if not np.any(onsets):
        return np.empty(0, np.int64), np.empty(0), np.empty((0, 0))
    _, frames = librosa.beat.beat_track(onset_envelope=onsets, sr=sample_rate, hop_length=HOP)
    frames = np.unique(frames[(frames > 0) & (frames * HOP < len(waveform))])
    if len(frames) == 0:
        return np.empty(0, np.int64), np.empty(0), np.empty((0, 0))
    timbre = librosa.feature.mfcc(y=waveform, sr=sample_rate, n_mfcc=13, hop_length=HOP)[1:]
    harmony = librosa.feature.chroma_stft(y=waveform, sr=sample_rate, hop_length=HOP, tuning=0.0)
    features = np.concatenate([_standardized(timbre), _standardized(harmony)])
    per_beat = librosa.util.sync(features, frames.tolist(), pad=True)[
        :, 1:
    ]  # what follows each beat
    return frames.astype(np.int64) * HOP, onsets[frames].astype(float), per_beat.T.astype(float)


def _standardized(features: Any) -> Any:
    deviation = features.std(axis=1, keepdims=True)
    return (features - features.mean(axis=1, keepdims=True)) / np.where(deviation > 0, deviation, 1)


def _bar_starts(strength: NDArray[np.float64]) -> NDArray[np.int64]:
    phases = [strength[phase::BEATS_PER_BAR] for phase in range(min(BEATS_PER_BAR, len(strength)))]
    first = int(np.argmax([phase.mean() for phase in phases])) if phases else 0
    return np.arange(first, len(strength), BEATS_PER_BAR)


def checkerboard_novelty(features: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """How much the music before each beat differs from the music after it.

    Parameters
    ----------
    features : ndarray [shape=(beats, values)]
    reach : int >= 1
        Beats on each side that count; nearer ones count more.

    Returns
    -------
    ndarray [shape=(beats,)], larger where two self-similar stretches meet
    """
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.where(norms > 0, norms, 1.0)
    similarity = unit @ unit.T
    novelty = np.zeros(len(features))
    for beat in range(1, len(features)):
        before, after = np.arange(max(beat - reach, 0), beat), np.arange(beat, beat + reach)
        after = after[after < len(features)]
        near_before = np.exp(-(((beat - 0.5 - before) / (reach / 2)) ** 2))
        near_after = np.exp(-(((after - beat + 0.5) / (reach / 2)) ** 2))
        within = _mean(similarity, before, before, near_before, near_before)
        within += _mean(similarity, after, after, near_after, near_after)
        novelty[beat] = within - 2 * _mean(similarity, before, after, near_before, near_after)
    return np.maximum(novelty, 0.0)


def _mean(similarity: Any, rows: Any, columns: Any, row_weight: Any, column_weight: Any) -> float:
    block = similarity[np.ix_(rows, columns)]
    total = row_weight.sum() * column_weight.sum()
    return float(row_weight @ block @ column_weight / total)


def best_boundaries(
    positions: NDArray[np.int64],
    novelty: NDArray[np.float64],
    count: int,
    gap: float,
    n_samples: int,
) -> list[int] | None:
    """Choose boundaries with the greatest sum of novelty and room between them.

    Dynamic programming over the candidates: `best[c]` is the greatest sum of a choice that
    ends with candidate c.

    Parameters
    ----------
    positions : ndarray [shape=(candidates,)], ascending [samples]
    novelty : ndarray [shape=(candidates,)]
    count : int >= 1
    gap : float [samples]
        Least distance between boundaries, and to both ends of the track.
    n_samples : int

    Returns
    -------
    list of `count` positions, or None where they do not fit
    """
    best = np.where(positions >= gap, novelty, -np.inf)
    came_from: list[NDArray[np.int64]] = []
    for _ in range(count - 1):
        reachable = positions[None, :] <= positions[:, None] - gap
        sums = np.where(reachable, best[None, :], -np.inf)
        came_from.append(sums.argmax(axis=1))
        best = sums.max(axis=1) + novelty
    best = np.where(positions <= n_samples - gap, best, -np.inf)
    last = int(best.argmax())
    if not np.isfinite(best[last]):
        return None
    chosen = [last]
    for step in reversed(came_from):
        chosen.append(int(step[chosen[-1]]))
    return [int(positions[index]) for index in reversed(chosen)]
