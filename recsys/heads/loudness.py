"""How much a head may go by the loudness of the whole, beside the single bands.

For most listeners the bands say it all, and weights of loudness, a sum of all stems, make
explanations by source worse. For whoever likes calm or percussive music they tell more than
anything else. So a head takes them where they rank its own training tracks better.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recsys.heads.fitting import Head, fit_to_removals, strength_for
from recsys.model import PER_BAND

Float64 = NDArray[np.float64]

SCALES = (3.0, 10.0, 30.0)
"""How much further than a direction of the bands a weight of loudness may go, if it is taken."""

ERRORS = 2.0
"""Standard errors by which the AUC has to rise."""

FOLDS = 5


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
) -> Head:
    """Fit a head whose weights of loudness may go `scale` times as far as others; 0 for none."""
    head = fit_to_removals(
        with_loudness(whole, scale),
        None if removed is None else with_loudness(removed, scale),
        labels,
        removed_weight=removed_weight,
        strength=strength_for(len(whole)),
    )
    return Head(with_loudness(head.weight, scale), head.bias)


def choose_loudness(
    whole: Float64,
    removed: Float64 | None,
    labels: NDArray[np.integer],
    removed_weight: float,
) -> float:
    """Return the scale that ranks tracks best which a head has not heard; 0 unless it is clear.

    Parameters
    ----------
    whole : ndarray [shape=(tracks, D)]
        Coordinates of training tracks; those of loudness come last.
    removed : ndarray [shape=(tracks, removals, D)], optional
    labels : ndarray [shape=(tracks,)], 0 or 1
    removed_weight : float >= 0

    Returns
    -------
    float, 0 or one of `SCALES`
        Of those that raise the AUC of a cross-validation by two standard errors (DeLong et al.,
        Biometrics 1988) the one that raises it most.
    """
    if np.bincount(labels, minlength=2).min() < FOLDS:
        return 0.0
    from sklearn.model_selection import StratifiedKFold

    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(whole, labels))

    def placements(scale: float) -> tuple[Float64, Float64]:
        logits = np.zeros(len(labels))
        for learnt, tested in folds:
            head = fit_with_loudness(
                whole[learnt],
                None if removed is None else removed[learnt],
                labels[learnt],
                scale,
                removed_weight,
            )
            logits[tested] = head.logits(whole[tested])
        above = np.sign(logits[labels == 1][:, None] - logits[labels == 0]) / 2 + 0.5
        return above.mean(axis=1), above.mean(axis=0)

    without, best = placements(0.0), (0.0, 0.0)
    for scale in SCALES:
        listened, unheard = (new - old for new, old in zip(placements(scale), without, strict=True))
        rise = float(listened.mean())
        error = np.sqrt(listened.var() / len(listened) + unheard.var() / len(unheard))
        if rise > ERRORS * error:
            best = max(best, (rise, scale))
    return best[1]
