"""Which components the linear model may use: the ways LIME knows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiolime.surrogate import Moments, fit_from_moments
from lemons_utils import ParameterError

METHODS = ("auto", "none", "forward_selection", "highest_weights", "lasso_path")
FORWARD_UP_TO = 6
"""'auto' selects forward up to this many features, by highest weights beyond."""

Indices = NDArray[np.intp]


def select_features(moments: Moments, num_features: int, method: str = "auto") -> Indices:
    """Choose the components that the linear model may use.

    Parameters
    ----------
    moments : Moments
    num_features : int >= 1
        How many at most.
    method : str
        - 'none': all of them, whatever `num_features` says;
        - 'highest_weights': those with the largest absolute least-squares weights;
        - 'forward_selection': one after the other, each time the one that adds most to R2;
        - 'lasso_path': the longest support along the lasso path that is short enough;
        - 'auto': 'forward_selection' up to six, else 'highest_weights'.

    Returns
    -------
    ndarray of int, in the order in which they were chosen

    References
    ----------
    M. T. Ribeiro, S. Singh, C. Guestrin, "Why should I trust you?", KDD 2016.
    """
    check_method(method)
    if not isinstance(num_features, (int, np.integer)) or num_features < 1:
        raise ParameterError(f"num_features must be an int from 1 on, got {num_features!r}")
    if method == "auto":
        method = "forward_selection" if num_features <= FORWARD_UP_TO else "highest_weights"
    if method == "forward_selection":
        return _forward(moments, int(num_features))
    if method == "highest_weights":
        weights = fit_from_moments(moments, alpha=0.0).coefficients
        return np.argsort(-np.abs(weights), kind="stable")[: int(num_features)]
    if method == "lasso_path":
        return _lasso_path(moments, int(num_features))
    return np.arange(len(moments.features))


def check_method(method: str) -> None:
    """Raise a ParameterError if there is no such method."""
    if method not in METHODS:
        raise ParameterError(
            f"feature_selection must be one of {', '.join(METHODS)}, got {method!r}"
        )


def _forward(moments: Moments, num_features: int) -> Indices:
    chosen: list[int] = []
    left = list(range(len(moments.features)))
    while left and len(chosen) < num_features:
        scores = [
            fit_from_moments(moments, alpha=0.0, features=[*chosen, candidate]).score
            for candidate in left
        ]
        chosen.append(left.pop(int(np.argmax(scores))))
    return np.array(chosen, np.intp)


def _lasso_path(moments: Moments, num_features: int) -> Indices:
    from sklearn.linear_model import lars_path_gram

    products, target_features, _ = moments.centred()
    _, _, path = lars_path_gram(target_features, products, n_samples=moments.count, method="lasso")
    supports = [np.flatnonzero(step) for step in path.T[1:]]
    for support in reversed(supports):
        if len(support) <= num_features:
            return support
    return supports[0] if supports else np.arange(len(moments.features))
