"""Fit a linear head: logistic regression that says the base rate of nothing at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lemons_utils import ParameterError

Float64 = NDArray[np.float64]

STRENGTH = 0.00045
"""Inverse strength C of the regularisation, of a trunk's coordinates, for few tracks."""

FEW_TRACKS = 171
"""Training tracks beyond which C grows with their number."""

SOFTENING = 1.3
"""What weights are divided by after the fit: the softer a head, the better a sum of what parts add,
which is what an explanation says, describes its relevance. The ranking stays."""

REMOVED_WEIGHT = 1.0
"""Weight of all that is left of a track by removals, beside 1 for the whole track."""

_TO_THE_END: Any = {"maxiter": 1000, "xtol": 1e-10}
"""Or the weights depend on how many threads compute, by a hundredth of the largest."""


def strength_for(tracks: int) -> float:
    """Return the inverse strength C for a number of training tracks."""
    return STRENGTH * max(1.0, tracks / FEW_TRACKS)


@dataclass(frozen=True)
class Head:
    """Weights [features] and bias that map features to a logit."""

    weight: Float64
    bias: float

    def logits(self, features: NDArray[np.floating]) -> Float64:
        """Map features [tracks, features] to logits [tracks]."""
        return np.asarray(features.astype(np.float64) @ self.weight + self.bias)

    def softened(self) -> Head:
        """Return a head that ranks alike and is less sure; what it says of nothing is the same."""
        return Head(self.weight / SOFTENING, self.bias)


def fit_logistic(
    features: NDArray[np.floating],
    labels: NDArray[np.integer],
    weights: Float64,
    *,
    base_rate: float,
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
    base_rate : float in (0, 1)
        The relevance of nothing at all.
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
    from scipy.optimize import minimize  # slow to import, and scoring does not fit
    from scipy.special import expit, logit

    x, sign, bias = features.astype(np.float64), 2.0 * labels - 1.0, float(logit(base_rate))

    def loss(w: Float64) -> tuple[float, Float64]:
        margin = sign * (x @ w + bias)
        value = weights @ np.logaddexp(0.0, -margin) + w @ w / (2 * strength)
        return float(value), w / strength - x.T @ (weights * sign * expit(-margin))

    def curvature(w: Float64, along: Float64) -> Float64:
        relevance = expit(x @ w + bias)
        change = weights * relevance * (1.0 - relevance) * (x @ along)
        return np.asarray(along / strength + x.T @ change)

    start = np.zeros(x.shape[1])
    found: Any = minimize(
        loss, start, jac=True, hessp=curvature, method="Newton-CG", options=_TO_THE_END
    )
    return Head(found.x, bias)


def fit_to_removals(
    whole: NDArray[np.floating],
    removed: NDArray[np.floating] | None,
    labels: NDArray[np.integer],
    *,
    weights: Float64 | None = None,
    removed_weight: float = REMOVED_WEIGHT,
    strength: float = STRENGTH,
) -> Head:
    """Fit a head to tracks and to what removals leave of them, the labels kept.

    The base rate is the listened tracks' share of the weight, with one more track of either kind.

    Parameters
    ----------
    whole : ndarray [shape=(tracks, features)]
    removed : ndarray [shape=(tracks, removals, features)], optional
    labels : ndarray [shape=(tracks,)], 0 or 1
    weights : ndarray [shape=(tracks,)], optional
        How much each track counts; 1 by default.
    removed_weight : float > 0
        Weight of all that is left of a track, beside 1 for the whole track.
    strength : float > 0
        Inverse strength C of the regularisation.
    """
    counts = np.ones(len(whole)) if weights is None else weights
    base_rate = (counts @ labels + 1) / (counts.sum() + 2)
    features, all_labels = whole, labels
    if removed is not None:
        removals = removed.shape[1]
        features = np.concatenate([whole, removed.reshape(-1, whole.shape[1])])
        all_labels = np.concatenate([labels, np.repeat(labels, removals)])
        counts = np.concatenate([counts, np.repeat(counts * removed_weight / removals, removals)])
    return fit_logistic(features, all_labels, counts, base_rate=base_rate, strength=strength)
