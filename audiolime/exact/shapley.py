"""Exact Shapley values: what every component adds, on average over all orders of adding them.

    phi_i = sum over masks z without i of  |z|! (n - 1 - |z|)! / n!  (f(z + i) - f(z))

L. S. Shapley, "A value for n-person games", 1953. The factor depends on the number of
components that are on alone, so sums by level (`all_masks`) are all one needs: each mask with
i on counts with the factor of its level minus one, each mask without it with its own.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from audiolime.exact.all_masks import Levels


def shapley_values(levels: Levels) -> NDArray[np.float64]:
    """Compute Shapley values from a function's sums by level.

    Parameters
    ----------
    levels : Levels
        Of n >= 1 components.

    Returns
    -------
    ndarray [shape=(n,)]
        They add up to f(all) - f(none).
    """
    n = levels.n_components
    factor = np.array([1.0 / (n * math.comb(n - 1, k)) for k in range(n)])
    with_i = levels.with_component
    without_i = levels.total[:, None] - with_i
    return np.asarray(factor @ with_i[1:] - factor @ without_i[:-1], dtype=np.float64)
