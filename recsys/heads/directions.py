"""The few directions in which local statistics of music lie, in the metric of a head's prior.

Those of bands are mixed; those of loudness come after them, one by one, because only some heads
take them (`recsys.heads.loudness`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recsys.model import BANDS, PER_BAND

Float64 = NDArray[np.float64]

DIRECTIONS = 128
"""Directions of the bands' statistics that a trunk keeps."""

OF_BANDS = BANDS * PER_BAND
"""Statistics of bands, 1216, which come before those of loudness, 19."""

SHARED = 2.0
"""How much further than a weight of its own a weight that neighbouring bands share may go."""

NEIGHBOURS = 4
"""Neighbouring bands that share weights; they divide the number of bands."""

_SMALLEST_DEVIATION = 1e-6


def leading_directions(
    whole: NDArray[np.floating], removed: NDArray[np.floating], count: int = DIRECTIONS
) -> NDArray[np.float32]:
    """Return the directions that hold most of what tracks and their removals differ from silence.

    A ridge of equal strength on the coordinates is one on all statistics of bands, in units of
    their deviation, in which neighbouring bands are likely to have like weights; of that, the part
    in the span of these directions. All `count=1216` of them leave nothing out.

    Parameters
    ----------
    whole : ndarray [shape=(tracks, 1235)]
    removed : ndarray [shape=(tracks, removals, 1235)]
    count : int > 0

    Returns
    -------
    ndarray [shape=(count + 19, 1235)], float32
        The leading one first, the largest entry of each is positive; then the statistics of
        loudness in units of their deviation. A statistic that does not vary takes no part.
    """
    whole = whole.astype(np.float64)
    scale = whole.std(axis=0)
    varies = scale > _SMALLEST_DEVIATION
    unit = np.divide(1.0, scale, out=np.zeros(len(scale)), where=varies)
    root, of_bands = prior_root(), unit[:OF_BANDS]
    every = np.concatenate([whole, removed.reshape(-1, len(unit)).astype(np.float64)])
    z = every[:, :OF_BANDS] * of_bands @ root
    _, vectors = np.linalg.eigh(z.T @ z)
    mixed = vectors[:, ::-1][:, :count].T @ root * of_bands
    largest = np.take_along_axis(mixed, np.abs(mixed).argmax(axis=1)[:, None], axis=1)
    directions = np.zeros((len(mixed) + PER_BAND, len(unit)), np.float32)
    directions[: len(mixed), :OF_BANDS] = mixed * np.where(largest < 0, -1.0, 1.0)
    directions[len(mixed) :, OF_BANDS:] = np.diag(unit[OF_BANDS:])
    return directions


def prior_root() -> Float64:
    """Return the root of the covariance that weights of bands are expected to have, [1216, 1216].

    Each has a part of its own, of variance 1, and one that it shares with the same statistic of
    the neighbouring bands.
    """
    groups = np.repeat(np.eye(BANDS // NEIGHBOURS), NEIGHBOURS, axis=0)
    shared = np.kron(groups, np.eye(PER_BAND)) * SHARED / np.sqrt(NEIGHBOURS)
    # `shared @ shared.T` projects onto the groups' means, SHARED squared times.
    longer = np.sqrt(1 + SHARED**2) - 1
    return np.asarray(np.eye(len(shared)) + shared @ shared.T * longer / SHARED**2)
