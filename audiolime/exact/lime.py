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
        What the linear model says of it.
    num_samples : int
        How many masks it was fitted to.
    exhaustive : bool
        Whether these were all there are.
    """

    weights: Vector
    intercept: float
    score: float
    original: float
    local_prediction: float
    num_samples: int
    exhaustive: bool


def fit_sampled(
    masks: NDArray[np.int64],
    values: Vector,
    *,
    kernel_width: float,
    alpha: float,
    exhaustive: bool = False,
) -> LimeWeights:
    """Fit to some masks, the first of which is all ones."""
    n = masks.shape[1]
    moments = Moments.of(masks, values, _kernel(masks.sum(axis=1), n, kernel_width))
    return _fit(moments, alpha, float(values[0]), exhaustive=exhaustive)


def fit_exhaustive(levels: Levels, *, kernel_width: float, alpha: float) -> LimeWeights:
    """Fit to all 2^n masks."""
    return _fit(
        moments_of_levels(levels, kernel_width=kernel_width),
        alpha,
        levels.everything,
        exhaustive=True,
    )


def moments_of_levels(levels: Levels, *, kernel_width: float) -> Moments:
    """Weighted sums over all masks, for a kernel of their cosine distance.

    Of the masks with k of n components on, C(n - 1, k - 1) have a given one on and
    C(n - 2, k - 2) a given pair.
    """
    n = levels.n_components
    kernel = _kernel(np.arange(n + 1), n, kernel_width)
    with_one = np.array([math.comb(n - 1, k - 1) if k else 0 for k in range(n + 1)], np.float64)
    with_two = np.array([math.comb(n - 2, k - 2) if k > 1 else 0 for k in range(n + 1)], np.float64)
    weight = float(kernel @ levels.count)
    shift = float(kernel @ levels.total) / weight
    products = np.full((n, n), kernel @ with_two)
    np.fill_diagonal(products, kernel @ with_one)
    squares = levels.squares - 2 * shift * levels.total + shift**2 * levels.count
    return Moments(
        weight=weight,
        features=np.full(n, kernel @ with_one),
        products=products,
        target=float(kernel @ (levels.total - shift * levels.count)),
        target_features=kernel @ (levels.with_component - shift * with_one[:, None]),
        target_squares=float(kernel @ squares),
        count=2**n,
        shift=shift,
    )


def _kernel(on: NDArray[np.int64], n: int, kernel_width: float) -> Vector:
    """Weigh masks as audioLIME does, by how many components they have on."""
    return exponential_kernel(1.0 - np.sqrt(on / n), kernel_width)


def _fit(moments: Moments, alpha: float, original: float, *, exhaustive: bool) -> LimeWeights:
    fit = fit_from_moments(moments, alpha=alpha)
    return LimeWeights(
        weights=fit.coefficients,
        intercept=fit.intercept,
        score=fit.score,
        original=original,
        local_prediction=fit.intercept + float(fit.coefficients.sum()),
        num_samples=moments.count,
        exhaustive=exhaustive,
    )
