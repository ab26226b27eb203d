"""How much a head may go by the loudness of the whole, beside the single bands.

For most listeners the bands say it all, and weights of loudness, a sum of all stems, make
explanations by source worse. For whoever likes calm or percussive music they tell more than
anything else. So a head takes them where they rank its own training tracks better
(`recsys.heads.choosing`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recsys.heads.fitting import Head, fit_to_removals, strength_for
from recsys.model import PER_BAND

Float64 = NDArray[np.float64]

SCALES = (10.0, 30.0)
"""How much further than a direction of the bands a weight of loudness may go, if it is taken."""


def with_loudness(coordinates: NDArray[np.floating], scale: float) -> Float64:
    """Scale the coordinates of loudness, which are the last ones of [..., D]."""
    scaled = coordinates.astype(np.float64)
    scaled[..., -PER_BAND:] *= scale
    return scaled


def fit_with_loudness(
    whole: Float64,
    removed: Float64 | None,
    labels: NDArray[np.integer],
    scale: float,
    removed_weight: float,
    *,
    strength: float | None = None,
) -> Head:
    """Fit a head whose weights of loudness may go `scale` times as far as others; 0 for none.

    The inverse strength C is the usual one of so many tracks unless it is given.
    """
    head = fit_to_removals(
        with_loudness(whole, scale),
        None if removed is None else with_loudness(removed, scale),
        labels,
        removed_weight=removed_weight,
        strength=strength or strength_for(len(whole)),
    )
    return Head(with_loudness(head.weight, scale), head.bias)
