"""The linear model of one output, under the name that LIME and audioLIME v0.0.3 have for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiolime.feature_selection import select_features
from audiolime.neighbourhood import as_random_state
from audiolime.surrogate import Moments, fit_from_moments

Vector = NDArray[np.float64]
Weights = list[tuple[int, float]]


class LimeBase:
    """Fits a weighted linear model to a neighbourhood.

    Parameters
    ----------
    kernel_fn : callable
        Maps distances to proximities.
    verbose : bool
        Print every fit.
    absolute_feature_sort : bool
        Sort components by absolute weight rather than by weight.
    random_state : int, RandomState or None
        Is not used for anything.
    """

    def __init__(
        self,
        kernel_fn: Callable[..., Any],
        verbose: bool = False,
        absolute_feature_sort: bool = False,
        random_state: Any = None,
    ) -> None:
        self.kernel_fn, self.verbose = kernel_fn, verbose
        self.absolute_feature_sort = absolute_feature_sort
        self.random_state = as_random_state(random_state)

    def explain_instance_with_data(
        self,
        neighborhood_data: ArrayLike,
        neighborhood_labels: ArrayLike,
        distances: ArrayLike,
        label: int,
        num_features: int,
        feature_selection: str = "auto",
        model_regressor: Any = None,
        fit_intercept: bool = True,
    ) -> tuple[float, Weights, float, Vector]:
        """Fit a linear model to one output.

        Parameters
        ----------
        neighborhood_data : array-like [shape=(n, components)] of 0 and 1, the first row all ones
        neighborhood_labels : array-like [shape=(n, outputs)]
        distances : array-like [shape=(n,)]
        label : int
            The output.
        num_features : int >= 1
            How many components the model may use.
        feature_selection : str
            See `audiolime.feature_selection.select_features`.
        model_regressor : object with `fit`, `score`, `predict`, `coef_`
            In place of ridge regression with a penalty of 1.
        fit_intercept : bool
            Of the ridge regression.

        Returns
        -------
        intercept : float
        weights : list of (component, weight), the largest first
        score : float
            Weighted R2.
        local_prediction : ndarray [shape=(1,)]
            What the model says of the first row.
        """
        masks = np.asarray(neighborhood_data)
        targets = np.asarray(neighborhood_labels, np.float64)[:, label]
        weights = np.asarray(self.kernel_fn(distances), np.float64)
        moments = Moments.of(masks, targets, weights)
        used = select_features(moments, num_features, feature_selection)
        if model_regressor is None:
            fit = fit_from_moments(moments, features=used, fit_intercept=fit_intercept)
            intercept, coefficients, score = fit.intercept, fit.coefficients, fit.score
            predicted = fit.predict(masks[:1])
        else:
            rows = masks[:, used].astype(np.float64)
            model_regressor.fit(rows, targets, sample_weight=weights)
            intercept = float(getattr(model_regressor, "intercept_", 0.0))
            coefficients = np.asarray(model_regressor.coef_, np.float64).ravel()
            score = float(model_regressor.score(rows, targets, sample_weight=weights))
            predicted = np.asarray(model_regressor.predict(rows[:1]), np.float64).ravel()

        pairs = [(int(f), float(w)) for f, w in zip(used, coefficients, strict=True)]
        size = (lambda pair: abs(pair[1])) if self.absolute_feature_sort else (lambda pair: pair[1])
        if self.verbose:
            print(
                f"label {label}: intercept {intercept:.4g}, R2 {score:.4g}, linear model "
                f"{predicted[0]:.4g}, model {targets[0]:.4g}"
            )
        return intercept, sorted(pairs, key=size, reverse=True), score, predicted
