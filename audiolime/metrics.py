"""How good an explanation is: fidelity, stability, deletion and insertion, complexity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiolime.surrogate import checked_neighbourhood
from lemons_utils import ParameterError

Vector = NDArray[np.float64]
Evaluate = Callable[[NDArray[np.int64]], Any]


def fidelity(
    masks: ArrayLike,
    relevance: ArrayLike,
    weights: ArrayLike,
    *,
    intercept: float = 0.0,
    proximities: ArrayLike | None = None,
) -> float:
    """Weighted R2 of a linear explanation: how much of the model it accounts for.

    On the masks that the explanation was fitted to this is `AudioExplanation.score`; on others
    it says whether the explanation holds beyond them.

    Parameters
    ----------
    masks : array-like [shape=(n, components)] of 0 and 1
    relevance : array-like [shape=(n,)]
        What the model says of each mask.
    weights : array-like [shape=(components,)]
        The explanation.
    intercept : float
    proximities : array-like [shape=(n,)]
        How much each mask counts; all the same if None.

    Returns
    -------
    float, 1 at best and not bounded below; for a model that always says the same, 1 if the
    explanation meets it and else 0
    """
    rows, y, w = checked_neighbourhood(masks, relevance, proximities)
    coefficients = _checked_weights(weights)
    if coefficients.shape != rows.shape[1:]:
        raise ParameterError(
            f"expected one weight for each of {rows.shape[1]} components, "
            f"got shape {coefficients.shape}"
        )
    predicted = rows.astype(np.float64) @ coefficients + intercept
    centre = y[0] + w @ (y - y[0]) / w.sum()
    residual, total = w @ (y - predicted) ** 2, w @ (y - centre) ** 2
    if total == 0:
        # met up to the rounding of the sum of the weights
        met = np.allclose(predicted, y, rtol=1e-12, atol=1e-12)
        return 1.0 if met else 0.0
    return float(1.0 - residual / total)


def top_k(weights: ArrayLike, k: int = 3) -> NDArray[np.intp]:
    """Components with the k largest signed weights, the largest first.

    Parameters
    ----------
    weights : array-like [shape=(components,)]
    k : int >= 1

    Returns
    -------
    ndarray [shape=(min(k, components),)]; of equal weights, the first component comes first
    """
    if k < 1:
        raise ParameterError(f"k must be 1 or more, got {k}")
    return np.argsort(-_checked_weights(weights), kind="stable")[:k]


def stability(weights: ArrayLike, k: int = 3) -> int:
    """Count the different components among the top k of repeated explanations: U_n.

    Parameters
    ----------
    weights : array-like [shape=(repeats, components)]
        One explanation of the same track a row.
    k : int >= 1

    Returns
    -------
    int; k, if all repeats agree

    References
    ----------
    A. B. Melchiorre, V. Haunschmid, M. Schedl, G. Widmer, "LEMONS: Listenable explanations for
    music recommender systems", ECIR 2021.
    """
    repeats = np.asarray(weights, np.float64)
    if repeats.ndim != 2 or len(repeats) == 0:
        raise ParameterError(
            f"expected weights of repeated explanations [repeats, components], "
            f"got shape {repeats.shape}"
        )
    return len({int(component) for row in repeats for component in top_k(row, k)})


@dataclass(frozen=True)
class Curve:
    """The model's relevance while components go or come one by one.

    Attributes
    ----------
    fraction : ndarray [shape=(components + 1,)], from 0 to 1
        Part of the components that have gone (deletion) or come (insertion).
    relevance : ndarray [shape=(components + 1,)]
    order : ndarray [shape=(components,)]
        Which component went or came at each step.
    """

    fraction: Vector
    relevance: Vector
    order: NDArray[np.intp]

    @property
    def area(self) -> float:
        """Area under the curve, by the trapezoidal rule."""
        return float(np.trapezoid(self.relevance, self.fraction))


def deletion_curve(evaluate: Evaluate, weights: ArrayLike) -> Curve:
    """Switch components off, those that speak most for the prediction first.

    A good explanation makes relevance fall early: a small area.

    Parameters
    ----------
    evaluate : callable
        Maps masks [n, components] to relevance [n] (or [n, 1]).
    weights : array-like [shape=(components,)]

    References
    ----------
    V. Petsiuk, A. Das, K. Saenko, "RISE: Randomized input sampling for explanation of black-box
    models", BMVC 2018.
    """
    order = top_k(weights, np.size(weights))
    masks = 1 - _steps(order)
    return _curve(evaluate, masks, order)


def insertion_curve(evaluate: Evaluate, weights: ArrayLike) -> Curve:
    """Switch components on, those that speak most for the prediction first.

    A good explanation makes relevance rise early: a large area. Parameters and reference are
    those of `deletion_curve`.
    """
    order = top_k(weights, np.size(weights))
    return _curve(evaluate, _steps(order), order)


def complexity(weights: ArrayLike) -> float:
    """Entropy of the absolute weights, as a part of the greatest there could be.

    Parameters
    ----------
    weights : array-like [shape=(components,)]

    Returns
    -------
    float in [0, 1]: 0 where one component says it all (or none says anything), 1 where all say
    as much

    References
    ----------
    U. Bhatt, A. Weller, J. M. F. Moura, "Evaluating and aggregating feature-based model
    explanations", IJCAI 2020.
    """
    absolute = np.abs(_checked_weights(weights))
    largest = absolute.max()
    if len(absolute) == 1 or largest == 0:
        return 0.0
    share = absolute / largest  # first, or the smallest weights would not add up
    share = share / share.sum()
    share = share[share > 0]
    return float(min(max(-(share @ np.log(share)) / np.log(len(absolute)), 0.0), 1.0))


def compute_complexity(explanation: Any, target_idx: int) -> float:
    """Complexity of one label's explanation over the components it uses: audioLIME's name."""
    return complexity([weight for _, weight in explanation.local_exp[target_idx]])


def _steps(order: NDArray[np.intp]) -> NDArray[np.int64]:
    """Masks with the first 0, 1, 2, ... components of an order on."""
    n = len(order)
    masks = np.empty((n + 1, n), np.int64)
    masks[:, order] = np.tri(n + 1, n, -1)
    return masks


def _curve(evaluate: Evaluate, masks: NDArray[np.int64], order: NDArray[np.intp]) -> Curve:
    relevance = np.asarray(evaluate(masks), np.float64)
    if relevance.size != len(masks):
        raise ParameterError(
            f"evaluate must return one relevance for each of {len(masks)} masks, "
            f"got shape {relevance.shape}"
        )
    return Curve(np.linspace(0.0, 1.0, len(masks)), relevance.reshape(-1), order)


def _checked_weights(weights: ArrayLike) -> Vector:
    found = np.asarray(weights, np.float64)
    if found.ndim != 1 or len(found) == 0 or not np.isfinite(found).all():
        raise ParameterError(f"expected finite weights [components], got {found.tolist()!r:.80}")
    return found
