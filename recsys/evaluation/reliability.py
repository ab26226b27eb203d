"""How well relevance agrees with the share of tracks that were listened to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lemons_utils import ParameterError

MAX_BINS = 10
"""Most bins of a reliability curve."""

MIN_BIN_TRACKS = 5
"""Fewest tracks of a bin, where there are as many at all."""

FEW_TRACKS = 20
"""Number of tracks below which a reliability curve says little, and an AUC is uncertain."""

_Z = 1.959963984540054  # 97.5 % of a normal distribution are below


@dataclass(frozen=True)
class Reliability:
    """The reliability curve of a model: arrays [shape=(bins,)], by increasing relevance."""

    relevance: NDArray[np.float64]  # mean of the bin's tracks, in [0, 1]
    share: NDArray[np.float64]  # of the bin's tracks that were listened to, in [0, 1]
    low: NDArray[np.float64]  # 95 % interval of the share
    high: NDArray[np.float64]
    tracks: NDArray[np.int64]
    ece: float
    """Expected calibration error: mean distance of share and relevance over all tracks."""

    brier: float
    """Brier score: mean squared distance of label and relevance."""

    @property
    def says_little(self) -> bool:
        """Whether the tracks are too few for the curve to mean much."""
        return int(self.tracks.sum()) < FEW_TRACKS


def reliability(labels: NDArray[np.int64], relevance: NDArray[np.float64]) -> Reliability:
    """Compare relevance with labels in bins of as equal a number of tracks as possible.

    There are 10 bins, or fewer of 5 tracks or more; equal relevance is never parted.

    Parameters
    ----------
    labels : ndarray [shape=(tracks,)], 0 or 1
    relevance : ndarray [shape=(tracks,)], in [0, 1]

    Raises
    ------
    ParameterError
        If the shapes differ, there are no tracks, or relevance is not in [0, 1].
    """
    if labels.shape != relevance.shape or labels.ndim != 1 or not labels.size:
        raise ParameterError(
            f"labels and relevance must be of the same shape (tracks,), at least one track, "
            f"got {labels.shape} and {relevance.shape}"
        )
    if not ((relevance >= 0) & (relevance <= 1)).all():
        raise ParameterError("relevance must be in [0, 1]: take the sigmoid of logits")
    bins = max(1, min(MAX_BINS, labels.size // MIN_BIN_TRACKS))
    starts = np.arange(1, bins) * labels.size // bins
    place = np.searchsorted(np.sort(relevance)[starts], relevance, side="right")
    _, place, tracks = np.unique(place, return_inverse=True, return_counts=True)
    listened = np.bincount(place[labels == 1], minlength=tracks.size)
    mean, share = np.bincount(place, weights=relevance) / tracks, listened / tracks
    low, high = wilson_interval(listened, tracks)
    ece = float(np.average(np.abs(share - mean), weights=tracks))
    brier = float(np.mean((labels - relevance) ** 2))
    return Reliability(mean, share, low, high, tracks, ece=ece, brier=brier)


def wilson_interval(
    successes: NDArray[np.int64], trials: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends of the 95 % score interval of shares, by Wilson (1927)."""
    share, z2 = successes / trials, _Z**2
    centre = (successes + z2 / 2) / (trials + z2)
    half = _Z * np.sqrt(trials * share * (1 - share) + z2 / 4) / (trials + z2)
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)
