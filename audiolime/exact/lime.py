"""LIME on exact answers: the weights of sampled masks, and the weights that they tend to.

With every mask known, the weighted ridge regression that audioLIME estimates from some
thousand masks has one answer. The kernel depends on the number of components that are on, so
its sums over all 2^n masks come from sums by level (`all_masks`) and binomial coefficients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiolime.exact.all_masks import Levels
from audiolime.neighbourhood import exponential_kernel
from audiolime.surrogate import Moments, fit_from_moments

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class LimeWeights:
    """A local linear model of the relevance (or the logit) of a track.

    Attributes
    ----------
    weights : ndarray [shape=(n,)]
        One per component; positive speaks for the recommendation.
    intercept : float
    score : float
        Weighted R2 on the masks: the fidelity.
    original : float
        What the network says of the whole track.
    local_prediction : float
        What the model of components (and pairs) says of it.
    num_samples : int
        How many masks it was fitted to.
    exhaustive : bool
        Whether these were all there are.
    pairs : ndarray [shape=(n, n)], or None
        Of order 2: the weight of every pair that is on together, symmetric and zero on the
        diagonal.
    linear_score : float
        Weighted R2 of the model without pairs; `score` where there are none.
    """

    weights: Vector
    intercept: float
    score: float
    original: float
    local_prediction: float
    num_samples: int
    exhaustive: bool
    pairs: Vector | None
    linear_score: float


def fit_sampled(
    masks: NDArray[np.int64],
    values: Vector,
    *,
    kernel_width: float,
    alpha: float,
    exhaustive: bool = False,
    order: int = 1,
) -> LimeWeights:
    """Fit to some masks, the first of which is all ones."""
    n = masks.shape[1]
    first, second = np.triu_indices(n, 1)
    products = [masks[:, first] * masks[:, second]] if order == 2 else []
    features = np.concatenate([masks, *products], axis=1)
    moments = Moments.of(features, values, _kernel(masks.sum(axis=1), n, kernel_width))
    return _fit(moments, n, alpha, float(values[0]), exhaustive=exhaustive)


def fit_exhaustive(
    levels: Levels, *, kernel_width: float, alpha: float, order: int = 1
) -> LimeWeights:
    """Fit to all 2^n masks."""
    return _fit(
        moments_of_levels(levels, kernel_width=kernel_width, order=order),
        levels.n_components,
        alpha,
        levels.everything,
        exhaustive=True,
    )


def moments_of_levels(levels: Levels, *, kernel_width: float, order: int = 1) -> Moments:
    """Weighted sums over all masks, for a kernel of their cosine distance.

    Of the masks with k of n components on, C(n - m, k - m) have m given ones on.

    Parameters
    ----------
    levels : Levels
    kernel_width : float > 0
    order : int
        1 for the components alone; 2 for their pairs, too, which follow in the order of
        `np.triu_indices`.
    """
    n = levels.n_components
    kernel = _kernel(np.arange(n + 1), n, kernel_width)
    with_given = np.array([
        [math.comb(n - m, k - m) if m <= k else 0 for k in range(n + 1)]
        for m in range(min(2 * order, n) + 1)
    ], dtype=np.float64)  # fmt: skip
    of_given = with_given @ kernel
    weight = float(of_given[0])
    shift = float(kernel @ levels.total) / weight
    members, sums = np.eye(n, dtype=np.intp), levels.with_component
    if order == 2:
        first, second = np.triu_indices(n, 1)
        members = np.concatenate([members, members[first] + members[second]])
        sums = np.concatenate([sums, levels.with_pair[:, first, second]], axis=1)
    size = members.sum(axis=1)
    squares = levels.squares - 2 * shift * levels.total + shift**2 * levels.count
    return Moments(
        weight=weight,
        features=of_given[size],
        products=of_given[size[:, None] + size - members @ members.T],
        target=float(kernel @ (levels.total - shift * levels.count)),
        target_features=kernel @ (sums - shift * with_given[size].T),
        target_squares=float(kernel @ squares),
        count=2**n,
        shift=shift,
    )


def _kernel(on: NDArray[np.int64], n: int, kernel_width: float) -> Vector:
    """Weigh masks as audioLIME does, by how many components they have on."""
    return exponential_kernel(1.0 - np.sqrt(on / n), kernel_width)


def _fit(
    moments: Moments, n: int, alpha: float, original: float, *, exhaustive: bool
) -> LimeWeights:
    """Fit to the moments of n components, and of their pairs where there are more features."""
    fit = fit_from_moments(moments, alpha=alpha)
    pairs, linear_score = None, fit.score
    if len(fit.coefficients) > n:
        pairs = np.zeros((n, n))
        pairs[np.triu_indices(n, 1)] = fit.coefficients[n:]
        pairs += pairs.T
        linear_score = fit_from_moments(moments, alpha=alpha, features=range(n)).score
    return LimeWeights(
        weights=fit.coefficients[:n],
        intercept=fit.intercept,
        score=fit.score,
        original=original,
        local_prediction=fit.intercept + float(fit.coefficients.sum()),
        num_samples=moments.count,
        exhaustive=exhaustive,
        pairs=pairs,
        linear_score=linear_score,
    )
