"""What of a listener's head is chosen by cross-validation on the listener's own training tracks.

A setting other than the usual one is taken only where it ranks tracks clearly better that the head
has not heard. Validation tracks, a tenth of the labels, are too few to tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from recsys.heads.fitting import Head, strength_for
from recsys.heads.loudness import SCALES, fit_with_loudness

Float64 = NDArray[np.float64]

FACTORS = (0.1, 0.3, 3.0, 10.0)
"""Inverse strengths C of the regularisation that are tried, beside the usual one."""

ERRORS = 2.0
"""Standard errors by which the AUC has to rise for another strength."""

LOUDNESS_ERRORS = 1.5
"""Standard errors by which it has to rise for weights of loudness."""

FOLDS = 5


def choose_loudness(
    whole: Float64,
    removed: Float64 | None,
    labels: NDArray[np.integer],
    removed_weight: float,
) -> float:
    """Return how far weights of loudness may go: 0, or the one of `SCALES` that is clearly best.

    Parameters
    ----------
    whole : ndarray [shape=(tracks, D)]
        Coordinates of training tracks; those of loudness come last.
    removed : ndarray [shape=(tracks, removals, D)], optional
    labels : ndarray [shape=(tracks,)], 0 or 1
    removed_weight : float >= 0
    """

    def fit(scale: float, learnt: NDArray[np.intp]) -> Head:
        left = None if removed is None else removed[learnt]
        return fit_with_loudness(whole[learnt], left, labels[learnt], scale, removed_weight)

    return _clearly_best(fit, 0.0, SCALES, LOUDNESS_ERRORS, whole, labels)


def choose_strength(
    whole: Float64,
    removed: Float64 | None,
    labels: NDArray[np.integer],
    removed_weight: float,
    loudness: float,
) -> float:
    """Return the inverse strength C of the regularisation: the usual, or one that is clearly best.

    Parameters
    ----------
    whole, removed, labels, removed_weight
        As of `choose_loudness`.
    loudness : float >= 0
        How far weights of loudness may go.
    """

    def fit(factor: float, learnt: NDArray[np.intp]) -> Head:
        left = None if removed is None else removed[learnt]
        return fit_with_loudness(
            whole[learnt], left, labels[learnt], loudness, removed_weight,
            strength=factor * strength_for(len(learnt)),
        )  # fmt: skip

    return _clearly_best(fit, 1.0, FACTORS, ERRORS, whole, labels) * strength_for(len(labels))


def _clearly_best(
    fit: Callable[[float, NDArray[np.intp]], Head],
    usual: float,
    others: Sequence[float],
    errors: float,
    whole: Float64,
    labels: NDArray[np.integer],
) -> float:
    """Return the setting that ranks tracks best which a head has not heard; the usual one if none.

    Parameters
    ----------
    fit : callable
        Fits a head by a setting to the tracks of some places.
    usual : float
    others : sequence of float
    errors : float
        Of the settings that raise the AUC of a cross-validation by so many standard errors (DeLong
        et al., Biometrics 1988) the one that raises it most is returned.
    whole, labels
        As of `choose_loudness`.
    """
    if np.bincount(labels, minlength=2).min() < FOLDS:
        return usual
    from sklearn.model_selection import StratifiedKFold

    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(whole, labels))

    def placements(setting: float) -> tuple[Float64, Float64]:
        logits = np.zeros(len(labels))
        for learnt, tested in folds:
            logits[tested] = fit(setting, learnt).logits(whole[tested])
        above = np.sign(logits[labels == 1][:, None] - logits[labels == 0]) / 2 + 0.5
        return above.mean(axis=1), above.mean(axis=0)

    before, best = placements(usual), (0.0, usual)
    for setting in others:
        now = placements(setting)
        listened, unheard = (new - old for new, old in zip(now, before, strict=True))
        rise = float(listened.mean())
        error = np.sqrt(listened.var() / len(listened) + unheard.var() / len(unheard))
        if rise > errors * error:
            best = max(best, (rise, setting))
    return best[1]
