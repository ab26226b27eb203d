"""Fit a linear head: logistic regression that says the base rate of nothing at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

from lemons_utils import ParameterError

Float64 = NDArray[np.float64]

STRENGTH = 0.001
"""Inverse strength C of the regularisation, of features in units of their deviation."""

SHARED = 2.0
"""How much further than a weight of its own a weight that neighbouring bands share may go."""

REMOVED_WEIGHT = 0.5
"""Weight of all that is left of a track by removals, beside 1 for the whole track."""

_SMALLEST_DEVIATION = 1e-6


@dataclass(frozen=True)
class Head:
    """Weights [features] and bias that map features to a logit."""

    weight: Float64
    bias: float

    def logits(self, features: NDArray[np.floating]) -> Float64:
        """Map features [tracks, features] to logits [tracks]."""
        return np.asarray(features.astype(np.float64) @ self.weight + self.bias)


def fit_head(
    features: NDArray[np.floating],
    labels: NDArray[np.integer],
    weights: Float64,
    *,
    scale: Float64,
    base_rate: float,
    shared: Float64 | None = None,
    strength: float = STRENGTH,
) -> Head:
    """Fit regularised logistic regression whose bias is the base rate.

    Features are zero where nothing is heard, so that the bias is what the head says of silence;
    fixing it costs the fit little, because every track has features far from zero.

    Parameters
    ----------
    features : ndarray [shape=(tracks, features)]
    labels : ndarray [shape=(tracks,)], 0 or 1
    weights : ndarray [shape=(tracks,)]
        How much each track counts.
    scale : ndarray [shape=(features,)]
        The features' deviations; a feature that does not vary takes no part.
    base_rate : float in (0, 1)
        The relevance of nothing at all.
    shared : ndarray [shape=(features, groups)], optional
        Groups of features that are likely to have like weights, with the deviation of what they
        share beside 1 for a weight of its own.
    strength : float > 0
        Inverse strength C of the regularisation.

    Raises
    ------
    ParameterError
        If the labels are all alike or an argument is out of range.
    """
    if len(set(labels.tolist())) < 2:
        raise ParameterError("a head needs listened and unheard tracks, got one kind alone")
    if not 0 < base_rate < 1 or not strength > 0:
        raise ParameterError(
            f"base_rate must lie in (0, 1) and strength above 0, got {base_rate} and {strength}"
        )
    varies = scale > _SMALLEST_DEVIATION
    unit = np.divide(1.0, scale, out=np.zeros(len(scale)), where=varies)
    x, sign, bias = features * unit, 2.0 * labels - 1.0, float(logit(base_rate))
    if shared is not None:
        x = np.hstack([x, x @ shared])

    def loss(w: Float64) -> tuple[float, Float64]:
        margin = sign * (x @ w + bias)
        value = weights @ np.logaddexp(0.0, -margin) + w @ w / (2 * strength)
        return float(value), w / strength - x.T @ (weights * sign * expit(-margin))

    start = np.zeros(x.shape[1])
    found: Any = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 1_000})
    own, common = np.split(found.x, [len(scale)])
    return Head((own if shared is None else own + shared @ common) * unit, bias)


def fit_to_removals(
    whole: NDArray[np.floating],
    removed: NDArray[np.floating] | None,
    labels: NDArray[np.integer],
    *,
    removed_weight: float = REMOVED_WEIGHT,
    scale: Float64,
    shared: Float64 | None = None,
    strength: float = STRENGTH,
) -> Head:
    """Fit a head to tracks and to what removals leave of them, the labels kept.

    The base rate is the share of listened tracks, with one more of either kind.

    Parameters
    ----------
    whole : ndarray [shape=(tracks, features)]
    removed : ndarray [shape=(tracks, removals, features)], optional
    labels : ndarray [shape=(tracks,)], 0 or 1
    removed_weight : float > 0
        Weight of all that is left of a track, beside 1 for the whole track.
    scale, shared, strength
        See `fit_head`.
    """
    features, all_labels, weights = whole, labels, np.ones(len(whole))
    if removed is not None:
        removals = removed.shape[1]
        features = np.concatenate([whole, removed.reshape(-1, whole.shape[1])])
        all_labels = np.concatenate([labels, np.repeat(labels, removals)])
        share = np.full(len(labels) * removals, removed_weight / removals)
        weights = np.concatenate([weights, share])
    base_rate = (labels.sum() + 1) / (len(labels) + 2)
    return fit_head(
        features,
        all_labels,
        weights,
        scale=scale,
        base_rate=base_rate,
        shared=shared,
        strength=strength,
    )


def shared_by_neighbours(bands: int, per_band: int, *, width: int = 8) -> Float64:
    """Return the groups of like statistics of neighbouring bands, for `fit_head`.

    Parameters
    ----------
    bands, per_band : int > 0
        Features are those of each band side by side.
    width : int > 0
        Neighbouring bands in a group; it divides their number.

    Returns
    -------
    ndarray [shape=(bands * per_band, bands / width * per_band)]
    """
    groups = np.repeat(np.eye(bands // width), width, axis=0)
    return np.asarray(np.kron(groups, np.eye(per_band)) * SHARED / np.sqrt(width))
