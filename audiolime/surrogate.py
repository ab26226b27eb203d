"""The weighted linear model that stands in for the network near one track.

Everything a ridge regression needs of a neighbourhood is in its weighted sums (`Moments`):
25 components are 25 x 25 numbers, whether they come from a thousand masks or from all 2^25.
All sums run in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lemons_utils import ParameterError

Vector = NDArray[np.float64]
BLOCK_ROWS = 65_536
"""Masks that are turned into float64 at a time."""


@dataclass(frozen=True)
class Moments:
    """Weighted sums over masks z with target y and weight w.

    Targets are taken relative to `shift`: near their mean the sums of squares lose no digits.
    Blocks of one neighbourhood are added up with `+` if they have the same shift.

    Attributes
    ----------
    weight : float
        Sum of w.
    features : ndarray [shape=(components,)]
        Sum of w z.
    products : ndarray [shape=(components, components)]
        Sum of w z z'.
    target : float
        Sum of w (y - shift).
    target_features : ndarray [shape=(components,)]
        Sum of w (y - shift) z.
    target_squares : float
        Sum of w (y - shift)^2.
    count : int
        Number of masks.
    shift : float
    """

    weight: float
    features: Vector
    products: Vector
    target: float
    target_features: Vector
    target_squares: float
    count: int
    shift: float = 0.0

    @classmethod
    def of(
        cls,
        masks: ArrayLike,
        targets: ArrayLike,
        weights: ArrayLike | None = None,
        *,
        shift: float | None = None,
    ) -> Moments:
        """Add up a neighbourhood, or a block of one.

        Parameters
        ----------
        masks : array-like [shape=(n, components)]
        targets : array-like [shape=(n,)]
        weights : array-like [shape=(n,)], not negative; all 1 if None
        shift : float
            The weighted mean of the targets if None; name one to add blocks up.

        Raises
        ------
        ParameterError
            If lengths differ, or the weights are negative or all zero.
        """
        rows, y, w = checked_neighbourhood(masks, targets, weights)
        if shift is None:
            # relative to the first, so that a constant target becomes zero and nothing else
            shift = float(y[0] + w @ (y - y[0]) / w.sum())
        y = y - shift
        n = rows.shape[1]
        features, target_features, products = np.zeros(n), np.zeros(n), np.zeros((n, n))
        for start in range(0, len(rows), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            z = rows[block].astype(np.float64)
            weighted = z * w[block, None]
            features += weighted.sum(axis=0)
            products += weighted.T @ z
            target_features += weighted.T @ y[block]
        return cls(
            weight=float(w.sum()),
            features=features,
            products=products,
            target=float(w @ y),
            target_features=target_features,
            target_squares=float(w @ y**2),
            count=len(y),
            shift=shift,
        )

    def __add__(self, other: Moments) -> Moments:
        if self.shift != other.shift or self.features.shape != other.features.shape:
            raise ParameterError("only moments of the same components and shift can be added up")
        sums = [field.name for field in fields(self) if field.name != "shift"]
        return replace(self, **{name: getattr(self, name) + getattr(other, name) for name in sums})

    def of_features(self, features: Sequence[int] | NDArray[np.intp]) -> Moments:
        """Keep the sums of some components."""
        kept = np.asarray(features, np.intp)
        return replace(
            self,
            features=self.features[kept],
            products=self.products[np.ix_(kept, kept)],
            target_features=self.target_features[kept],
        )

    def centred(self) -> tuple[Vector, Vector, float]:
        """Weighted covariances: of the components [n, n], with the target [n], of the target."""
        mean = self.features / self.weight
        products = self.products - np.outer(self.features, mean)
        target_features = self.target_features - self.target * mean
        return products, target_features, self.target_squares - self.target**2 / self.weight


@dataclass(frozen=True)
class LinearFit:
    """A linear model of some components.

    Attributes
    ----------
    intercept : float
    coefficients : ndarray [shape=(used,)]
    features : ndarray [shape=(used,)]
        Which components the coefficients belong to.
    score : float
        Weighted R2 on the neighbourhood it was fitted to.
    """

    intercept: float
    coefficients: Vector
    features: NDArray[np.intp]
    score: float

    def predict(self, masks: ArrayLike) -> Vector:
        """Predict the targets of masks [shape=(n, components)]."""
        used = np.asarray(masks, np.float64)[:, self.features]
        return np.asarray(used @ self.coefficients + self.intercept)


def fit_from_moments(
    moments: Moments,
    *,
    alpha: float = 1.0,
    fit_intercept: bool = True,
    features: Sequence[int] | NDArray[np.intp] | None = None,
) -> LinearFit:
    """Ridge regression in closed form, the intercept not penalised.

    Parameters
    ----------
    moments : Moments
    alpha : float >= 0
        Penalty; 0 is ordinary least squares, of least norm where that is not unique.
    fit_intercept : bool
    features : sequence of int
        The components to use; all if None.

    Returns
    -------
    LinearFit
    """
    if alpha < 0:
        raise ParameterError(f"alpha must not be negative, got {alpha!r}")
    used = np.arange(len(moments.features)) if features is None else np.asarray(features, np.intp)
    part = moments.of_features(used)
    if fit_intercept:
        products, target_features, _ = part.centred()
    else:
        products = part.products
        target_features = part.target_features + part.shift * part.features
    coefficients = _solve(products, target_features, alpha)
    mean = part.shift + part.target / part.weight - coefficients @ part.features / part.weight
    intercept = float(mean) if fit_intercept else 0.0
    return LinearFit(intercept, coefficients, used, _score(part, coefficients, intercept))


def _solve(products: Vector, target_features: Vector, alpha: float) -> Vector:
    if alpha > 0:
        penalised = products + alpha * np.eye(len(products))
        return np.asarray(np.linalg.solve(penalised, target_features), np.float64)
    tolerance = len(products) * np.finfo(np.float64).eps
    inverse = np.linalg.pinv(products, rcond=tolerance, hermitian=True)
    return np.asarray(inverse @ target_features, np.float64)


def _score(moments: Moments, coefficients: Vector, intercept: float) -> float:
    """Weighted R2, 1 for a constant target that is met and 0 for one that is not."""
    products, target_features, total = moments.centred()
    offset = float(moments.target - coefficients @ moments.features) / moments.weight
    bias = offset + moments.shift - intercept
    explained = 2 * coefficients @ target_features - coefficients @ products @ coefficients
    residual = total - float(explained) + moments.weight * bias**2
    rounding = 1e-14 * moments.target_squares
    if total <= rounding:
        return 1.0 if residual <= rounding else 0.0
    return 1.0 - max(residual, 0.0) / total


def checked_neighbourhood(
    masks: ArrayLike, targets: ArrayLike, weights: ArrayLike | None
) -> tuple[NDArray[Any], Vector, Vector]:
    """Check that masks, targets and weights belong together; weights of None are all 1."""
    rows, y = np.asarray(masks), np.asarray(targets, np.float64)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, np.float64)
    if rows.ndim != 2 or y.shape != (len(rows),) or w.shape != y.shape or len(y) == 0:
        raise ParameterError(
            "expected masks [n, components] with one target and one weight each, "
            f"got {rows.shape}, {y.shape} and {w.shape}"
        )
    if not (np.isfinite(y).all() and np.isfinite(w).all()):
        raise ParameterError("targets and weights must be finite numbers, got NaN or infinity")
    if w.min() < 0 or w.max() == 0:
        raise ParameterError("weights must not be negative, and not all zero")
    return rows, y, w
