"""Which components are on, how near that is to the whole track, and what the model says to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lemons_utils import ParameterError

Masks = NDArray[np.int64]
Vector = NDArray[np.float64]
PredictFn = Callable[[NDArray[Any]], Any]
Kernel = Callable[..., Any]

MAX_EXHAUSTIVE = 20
"""Most components whose every combination is listed: 1,048,576 masks."""


def as_random_state(random_state: Any) -> np.random.RandomState:
    """Give a legacy generator: the one stream that audioLIME's masks can be drawn from.

    Parameters
    ----------
    random_state : int, RandomState, or None for numpy's global state
    """
    if random_state is None:
        return np.random.mtrand._rand
    if isinstance(random_state, np.random.RandomState):
        return random_state
    if isinstance(random_state, (int, np.integer)) and random_state >= 0:
        return np.random.RandomState(int(random_state))
    raise ParameterError(
        f"random_state must be an int from 0 on, a numpy RandomState or None, got {random_state!r}"
    )


def draw_masks(n_components: int, num_samples: int, random_state: np.random.RandomState) -> Masks:
    """Draw masks uniformly; the first is the whole track.

    Parameters
    ----------
    n_components : int >= 1
    num_samples : int >= 1
    random_state : RandomState

    Returns
    -------
    ndarray [shape=(num_samples, n_components)] of 0 and 1
    """
    if not isinstance(num_samples, (int, np.integer)) or num_samples < 1:
        raise ParameterError(
            f"num_samples must be an int from 1 on or 'exhaustive', got {num_samples!r}"
        )
    # The dtype is part of the stream: numpy draws another sequence for uint8.
    drawn = random_state.randint(0, 2, int(num_samples) * n_components)
    masks: Masks = drawn.reshape(int(num_samples), n_components).astype(np.int64, copy=False)
    masks[0] = 1
    return masks


def exhaustive_masks(n_components: int) -> Masks:
    """List every combination, from all on to all off, the last component changing first.

    Returns
    -------
    ndarray [shape=(2 ** n_components, n_components)] of 0 and 1
    """
    if n_components > MAX_EXHAUSTIVE:
        raise ParameterError(
            f"'exhaustive' lists at most 2^{MAX_EXHAUSTIVE} masks, got 2^{n_components}: draw "
            "num_samples of them, or use audiolime.exact for a network it knows"
        )
    return 1 - (np.arange(2**n_components)[:, None] >> np.arange(n_components)[::-1] & 1)


def cosine_distances(masks: ArrayLike) -> Vector:
    """Cosine distance of each mask to the whole track; 1 for the one that is all off.

    Parameters
    ----------
    masks : array-like [shape=(n, components)] of 0 and 1

    Returns
    -------
    ndarray [shape=(n,)] in [0, 1]
    """
    rows = np.asarray(masks)
    on = rows.sum(axis=1, dtype=np.float64)
    return np.asarray(1.0 - np.sqrt(on / rows.shape[1]))


def mask_distances(masks: ArrayLike, metric: str | Callable[..., Any] = "cosine") -> Vector:
    """Distance of each mask to the first one, which is the whole track.

    Parameters
    ----------
    masks : array-like [shape=(n, components)] of 0 and 1, the first row all ones
    metric : str or callable
        `'cosine'`, or what `sklearn.metrics.pairwise_distances` knows.

    Returns
    -------
    ndarray [shape=(n,)]
    """
    rows = np.asarray(masks)
    if metric == "cosine":
        return cosine_distances(rows)
    from sklearn.metrics import pairwise_distances

    try:
        found = pairwise_distances(rows.astype(np.float64), rows[:1].astype(np.float64), metric)
    except ValueError as error:
        raise ParameterError(f"distance_metric {metric!r} does not work: {error}") from error
    return np.asarray(found, np.float64).ravel()


def exponential_kernel(distances: ArrayLike, kernel_width: float = 0.25) -> Vector:
    """LIME's kernel: sqrt(exp(-d^2 / width^2)).

    Parameters
    ----------
    distances : array-like
    kernel_width : float > 0

    Returns
    -------
    ndarray like `distances`, in (0, 1]
    """
    squares = np.square(np.asarray(distances, np.float64)) / kernel_width**2
    return np.asarray(np.sqrt(np.exp(-squares)))


def evaluate(
    factorization: Any, predict_fn: PredictFn, masks: ArrayLike, *, batch_size: int = 10
) -> Vector:
    """Ask the model about every mask; about each different one once.

    At no time are there more than `batch_size` composed inputs.

    Parameters
    ----------
    factorization : Factorization, or anything with its `compose_model_input`
    predict_fn : callable
        Maps [batch, ...] composed inputs to predictions [batch, outputs] or [batch].
    masks : array-like [shape=(n, components)] of 0 and 1
    batch_size : int >= 1

    Returns
    -------
    ndarray [shape=(n, outputs)], float64

    Raises
    ------
    ParameterError
        If predictions do not fit the batch, or one of them is no finite number.
    """
    if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise ParameterError(f"batch_size must be an int from 1 on, got {batch_size!r}")
    rows = np.asarray(masks)
    packed = np.packbits(rows != 0, axis=1)
    _, first, inverse = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)  # the model hears them in the order they were drawn
    different = rows[first[order]]

    predictions: Vector | None = None
    for start in range(0, len(different), int(batch_size)):
        batch = different[start : start + int(batch_size)]
        inputs = np.array(
            [_as_array(factorization.compose_model_input(np.flatnonzero(row))) for row in batch]
        )
        found = checked_predictions(predict_fn(inputs), len(batch))
        if predictions is None:
            predictions = np.empty((len(different), found.shape[1]))
        if found.shape[1] != predictions.shape[1]:
            raise ParameterError(
                f"predict_fn must always return as many outputs, got {predictions.shape[1]} "
                f"and then {found.shape[1]}"
            )
        predictions[start : start + len(batch)] = found
    if predictions is None:
        raise ParameterError("there must be at least one mask to evaluate")
    position = np.empty_like(order)
    position[order] = np.arange(len(order))
    return np.asarray(predictions[position[inverse.ravel()]])


def _as_array(value: Any) -> NDArray[Any]:
    """Take arrays as they are and torch tensors from wherever they live."""
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def checked_predictions(found: Any, expected: int, *, name: str = "predict_fn") -> Vector:
    """Check what a model returned, and make it an array [shape=(expected, outputs)].

    Parameters
    ----------
    found : array, tensor or list of rows, [expected, outputs] or [expected]
    expected : int
        How many inputs the model was given.
    name : str
        What the model is called in messages.

    Raises
    ------
    ParameterError
        If predictions do not fit, or one of them is no finite number.
    """
    if isinstance(found, (list, tuple)):
        found = [_as_array(row) for row in found]
    predictions = np.asarray(_as_array(found), np.float64)
    if predictions.ndim == 1:
        predictions = predictions[:, None]
    if predictions.ndim != 2 or len(predictions) != expected:
        raise ParameterError(
            f"{name} must return one row of outputs for each of {expected} inputs, "
            f"got shape {predictions.shape}"
        )
    if not np.isfinite(predictions).all():
        raise ParameterError(
            f"{name} must return finite numbers, got NaN or infinity: "
            "does the model divide by or take the logarithm of silence?"
        )
    return predictions
