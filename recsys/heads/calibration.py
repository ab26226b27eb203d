"""Calibrate a head on validation tracks, so that relevance means the same for every listener."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.heads.fitting import Head

TEMPERATURE_SPREAD = 0.1
"""Prior deviation of the temperature's logarithm: a tenth more or less is nothing unusual."""

OFFSET_SPREAD = 0.2
"""Prior deviation of the offset: 0.05 of relevance at the base rate."""


def calibrate(
    head: Head, features: NDArray[np.floating], labels: NDArray[np.integer]
) -> tuple[Head, dict[str, float]]:
    """Fit temperature and offset of a head's logits to labelled tracks, and fold them in.

    Both have normal priors around "no change", which hold them back when tracks are few.

    Parameters
    ----------
    head : Head
    features : ndarray [shape=(tracks, features)]
        Of tracks that the head was not fitted to.
    labels : ndarray [shape=(tracks,)], 0 or 1

    Returns
    -------
    head : Head
        Its logits are those of the head given, over the temperature, plus the offset.
    found : dict
        `temperature` and `offset`.
    """
    from scipy.optimize import minimize  # slow to import, and scoring does not fit
    from scipy.special import expit

    logits, sign = head.logits(features), 2.0 * labels - 1.0

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        sharpness, offset = values
        margin = sign * (logits * np.exp(sharpness) + offset)
        slope = -sign * expit(-margin)
        value = np.logaddexp(0.0, -margin).sum()
        value += (sharpness / TEMPERATURE_SPREAD) ** 2 / 2 + (offset / OFFSET_SPREAD) ** 2 / 2
        by_sharpness = slope @ logits * np.exp(sharpness) + sharpness / TEMPERATURE_SPREAD**2
        return float(value), np.array([by_sharpness, slope.sum() + offset / OFFSET_SPREAD**2])

    found: Any = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B")
    sharpness, offset = map(float, found.x)
    factor = float(np.exp(sharpness))
    calibrated = Head(head.weight * factor, head.bias * factor + offset)
    return calibrated, {"temperature": 1 / factor, "offset": offset}
