"""All masks of a track at once, from its tables: 33,554,432 for five stems in five segments.

The whole neighbourhood is summed up by *level*, the number of components that are on: LIME's
kernel and Shapley's weights depend on nothing else of a mask. One pass over all masks therefore
serves both, and what remains of it is a few hundred numbers.

To enumerate the masks, fix the subset of a middle segment. What lies left and right of it then
meet nowhere: both halves' sums and maxima are listed once, and each mask is one pair of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from lemons_utils import ParameterError

MAX_COMPONENTS = 25
"""All masks means 2^25 at most."""

PAIRS = 8192
"""Masks whose maxima are compared at a time, so that they stay in the cache."""

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Levels:
    """A function of all masks, summed by the number of components that are on.

    Attributes
    ----------
    count : ndarray [shape=(n + 1,)]
        How many masks have k components on.
    total, squares : ndarray [shape=(n + 1,)]
        Sum of the function, and of its square, over those.
    with_component : ndarray [shape=(n + 1, n)]
        Sum of the function over those that have component i on.
    """

    count: Vector
    total: Vector
    squares: Vector
    with_component: Vector

    @property
    def n_components(self) -> int:
        """Number of components n."""
        return int(self.with_component.shape[1])

    @property
    def nothing(self) -> float:
        """The function of the mask that is all off."""
        return float(self.total[0])

    @property
    def everything(self) -> float:
        """The function of the mask that is all on."""
        return float(self.total[-1])

    @classmethod
    def of(cls, masks: ArrayLike, values: ArrayLike) -> Levels:
        """Sum up values [2^n] that are known for all masks [2^n, n]."""
        rows, y = np.asarray(masks, np.float64), np.asarray(values, np.float64)
        if len(rows) != 2 ** rows.shape[1] or y.shape != (len(rows),):
            raise ParameterError(
                f"expected all 2^n masks [2^n, n] and as many values, got {rows.shape}, {y.shape}"
            )
        on = (rows.sum(axis=1) == np.arange(rows.shape[1] + 1)[:, None]).astype(np.float64)
        return cls(on.sum(axis=1), on @ y, on @ y**2, on @ (rows * y[:, None]))


def shapley_values(levels: Levels) -> Vector:
    """Compute exact Shapley values: what every component adds, averaged over all orders.

    phi_i = sum over masks z without i of  |z|! (n - 1 - |z|)! / n!  (f(z + i) - f(z))

    The factor depends on the number of components that are on alone: each mask with i on counts
    with the factor of its level minus one, each mask without it with its own.

    Parameters
    ----------
    levels : Levels
        Of n >= 1 components.

    Returns
    -------
    ndarray [shape=(n,)]
        They add up to f(all) - f(none).

    References
    ----------
    L. S. Shapley, "A value for n-person games", 1953.
    """
    n = levels.n_components
    factor = np.array([1.0 / (n * math.comb(n - 1, k)) for k in range(n)])
    with_i = levels.with_component
    without_i = levels.total[:, None] - with_i
    return np.asarray(factor @ with_i[1:] - factor @ without_i[:-1], dtype=np.float64)


class SumsAndMaxima(Protocol):
    """What `sum_levels` needs of `audiolime.exact.Tables`, which imports this module."""

    @property
    def segment_sum(self) -> Vector:
        """Contribution of every subset of stems in every segment [T, 2^S]."""

    @property
    def max_weight(self) -> NDArray[np.float32]:
        """Weight of every channel's maximum [C]."""

    @property
    def bias(self) -> float:
        """The head's bias."""

    def part(self, subsets: NDArray[np.int64], first: int) -> tuple[Vector, NDArray[np.float32]]:
        """Sum and maxima over neighbouring segments."""


def sum_levels(tables: SumsAndMaxima, *, relevance: bool = True) -> Levels:
    """Evaluate all masks and sum them up by level.

    Parameters
    ----------
    tables : Tables
        Of at most 25 components.
    relevance : bool
        Sum the relevance (the sigmoid of the logit), or the logit itself.

    Returns
    -------
    Levels
        Sums in float64.

    Raises
    ------
    ParameterError
        If there are more components.
    """
    segments, stems = len(tables.segment_sum), int(tables.segment_sum.shape[1]).bit_length() - 1
    n = segments * stems
    if n > MAX_COMPONENTS:
        raise ParameterError(
            f"all masks means 2^{MAX_COMPONENTS} at most, got 2^{n}: draw num_samples of them"
        )
    middle = segments // 2
    left = _subsets(middle, stems)
    right = _subsets(segments - middle - 1, stems)
    sums = _Sums(n, middle * stems, stems)
    for subset in range(2**stems):
        values = _join(
            tables.part(np.pad(left, ((0, 0), (0, 1)), constant_values=subset), 0),
            tables.part(np.pad(right, ((0, 0), (1, 0)), constant_values=subset), middle),
            tables.max_weight,
        )
        values += tables.bias - tables.segment_sum[middle, subset]  # both halves have it
        sums.add(torch.sigmoid(values) if relevance else values, subset)
    return sums.levels()


def _subsets(segments: int, stems: int) -> NDArray[np.int64]:
    """Subsets in each segment for all masks of some segments, [2^(segments * stems), segments]."""
    masks = np.arange(2 ** (segments * stems))
    shifts = stems * np.arange(segments)
    return np.asarray((masks[:, None] >> shifts) & (2**stems - 1), dtype=np.int64)


def _join(
    left: tuple[Vector, NDArray[np.float32]],
    right: tuple[Vector, NDArray[np.float32]],
    max_weight: NDArray[np.float32],
) -> Tensor:
    """Logits of all pairs of halves but for the bias, [left, right] float64."""
    left_max, right_max, weight = (
        torch.from_numpy(array) for array in (left[1], right[1], max_weight)
    )
    logits = torch.from_numpy(left[0])[:, None] + torch.from_numpy(right[0])
    rows = max(PAIRS // len(right_max), 1)
    columns = min(PAIRS, len(right_max))
    for top in range(0, len(left_max) if len(weight) else 0, rows):
        for side in range(0, len(right_max), columns):
            block = slice(top, top + rows), slice(side, side + columns)
            largest = torch.maximum(left_max[block[0], None], right_max[None, block[1]])
            logits[block] += largest @ weight
    return logits


class _Half:
    """All masks of the components on one side of the middle segment."""

    def __init__(self, n: int) -> None:
        self.on = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        levels = self.on.sum(axis=1) == np.arange(n + 1)[:, None]
        self.levels = torch.from_numpy(levels.astype(np.float64))


class _Sums:
    """Levels in the making, one subset of the middle segment after the other."""

    def __init__(self, n: int, before: int, stems: int) -> None:
        self._n, self._before, self._stems = n, before, stems
        self._left, self._right = _Half(before), _Half(n - before - stems)
        levels = np.arange(before + 1)[:, None] + np.arange(n - before - stems + 1)
        self._levels = levels.ravel()
        self._total, self._squares = np.zeros(n + 1), np.zeros(n + 1)
        self._with_component = np.zeros((n + 1, n))

    def add(self, values: Tensor, subset: int) -> None:
        """Add the values of all pairs [left mask, right mask] under a subset in the middle."""
        on = subset.bit_count()
        left, right = self._left, self._right
        by_left = values @ right.levels.T
        by_right = left.levels @ values
        both = left.levels @ by_left
        self._total += self._by_level(both, on)
        self._squares += self._by_level(left.levels @ (values.square() @ right.levels.T), on)
        for i, here in enumerate(torch.from_numpy(left.on.T)):
            part = left.levels @ (here[:, None] * by_left)
            self._with_component[:, i] += self._by_level(part, on)
        for i in range(self._stems):
            if subset >> i & 1:
                self._with_component[:, self._before + i] += self._by_level(both, on)
        for i, here in enumerate(torch.from_numpy(right.on.T), start=self._before + self._stems):
            part = (by_right * here) @ right.levels.T
            self._with_component[:, i] += self._by_level(part, on)

    def _by_level(self, sums: Tensor, on: int) -> Vector:
        """Sum what belongs to a left and a right level by the level of the whole, [n + 1]."""
        found = np.bincount(self._levels + on, sums.numpy().ravel(), self._n + 1)
        return np.asarray(found, dtype=np.float64)

    def levels(self) -> Levels:
        """Finish."""
        count = np.array([math.comb(self._n, k) for k in range(self._n + 1)], dtype=np.float64)
        return Levels(count, self._total, self._squares, self._with_component)
