"""All masks of a track at once, from its tables: 33,554,432 for five stems in five segments.

The whole neighbourhood is summed up by *level*, the number of components that are on: LIME's
kernel, Shapley's weights and those of interactions depend on nothing else of a mask. One pass over
all masks therefore serves them all, and what remains of it are some 16,000 numbers.

To enumerate the masks, fix the subset of a middle segment. What lies left and right of it then
meet nowhere: both halves' sums and maxima are listed once, and each mask is one pair of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
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
    with_pair : ndarray [shape=(n + 1, n, n)]
        Sum of the function over those that have components i and j on; symmetric, on the
        diagonal the sum over those that have component i on.
    """

    count: Vector
    total: Vector
    squares: Vector
    with_pair: Vector

    @property
    def n_components(self) -> int:
        """Number of components n."""
        return int(self.with_pair.shape[1])

    @property
    def with_component(self) -> Vector:
        """Sum of the function over the masks that have component i on [n + 1, n]."""
        return np.asarray(np.diagonal(self.with_pair, axis1=1, axis2=2))

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
        weighted = rows * y[:, None]
        with_pair = [on @ (weighted * here[:, None]) for here in rows.T]
        return cls(on.sum(axis=1), on @ y, on @ y**2, np.stack(with_pair, axis=1))


Part = tuple[Vector, NDArray[np.float32]]
"""Sums [n] (or [n, D]) and maxima [n, C] of some masks over some segments."""


class SumsAndMaxima(Protocol):
    """What `sum_levels` needs of tables, which import this module."""

    @property
    def segment_sum(self) -> NDArray[np.floating]:
        """Contribution of every subset of stems in every segment [T, 2^S] or [T, 2^S, D]."""

    def part(self, subsets: NDArray[np.int64], first: int) -> Part:
        """Sum and maxima over neighbouring segments."""

    def join(self, left: Part, right: Part) -> Tensor:
        """Logits of all pairs of halves [left, right], float64; their sums add up."""


def sum_levels(tables: SumsAndMaxima, *, relevance: bool = True) -> Levels:
    """Evaluate all masks and sum them up by level.

    Parameters
    ----------
    tables : Tables or PooledTables
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
        at_left = tables.part(np.pad(left, ((0, 0), (0, 1)), constant_values=subset), 0)
        at_right = tables.part(np.pad(right, ((0, 0), (1, 0)), constant_values=subset), middle)
        without = at_left[0] - tables.segment_sum[middle, subset]  # both halves have it
        values = tables.join((without, at_left[1]), at_right)
        sums.add(torch.sigmoid(values) if relevance else values, subset)
    return sums.levels()


def _subsets(segments: int, stems: int) -> NDArray[np.int64]:
    """Subsets in each segment for all masks of some segments, [2^(segments * stems), segments]."""
    masks = np.arange(2 ** (segments * stems))
    shifts = stems * np.arange(segments)
    return np.asarray((masks[:, None] >> shifts) & (2**stems - 1), dtype=np.int64)


def join_linear(left: Part, right: Part, max_weight: NDArray[np.float32], bias: float) -> Tensor:
    """Logits of all pairs of halves [left, right] whose sums the head has weighted already."""
    left_max, right_max, weight = (
        torch.from_numpy(array) for array in (left[1], right[1], max_weight)
    )
    logits = torch.from_numpy(left[0] + bias)[:, None] + torch.from_numpy(right[0])
    for block in blocks(len(left_max), len(right_max)) if len(weight) else ():
        largest = torch.maximum(left_max[block[0], None], right_max[None, block[1]])
        logits[block] += largest @ weight
    return logits


def blocks(left: int, right: int) -> Iterator[tuple[slice, slice]]:
    """Cut all pairs of so many halves into blocks of at most `PAIRS`."""
    rows, columns = max(PAIRS // right, 1), min(PAIRS, right)
    for top in range(0, left, rows):
        for side in range(0, right, columns):
            yield slice(top, top + rows), slice(side, side + columns)


class _Half:
    """All masks of the components on one side of the middle segment.

    Its features of a mask are 1 and whether each component is on.
    """

    def __init__(self, n: int) -> None:
        self.size = 1 + n
        on = torch.from_numpy((np.arange(2**n)[:, None] >> np.arange(n)) & 1).double().T
        features = torch.cat([torch.ones_like(on[:1]), on]) if n else torch.ones(1, 1).double()
        self.levels = (on.sum(dim=0) == torch.arange(n + 1)[:, None]).double()
        self.by_level = (self.levels[:, None] * features).flatten(0, 1)
        self._first, self._second = torch.triu_indices(self.size, self.size)
        self._products = (features[self._first] * features[self._second]).T

    def products(self, values: Tensor) -> Tensor:
        """Sum values [masks, k] times two features, by level [levels, k, features, features]."""
        weighted = (self._products[:, None] * values[:, :, None]).flatten(1)
        sums = (self.levels @ weighted).view(self.size, values.shape[1], -1)
        both = sums.new_zeros(*sums.shape[:2], self.size, self.size)
        both[:, :, self._first, self._second] = sums
        both[:, :, self._second, self._first] = sums
        return both


class _Sums:
    """Levels in the making, one subset of the middle segment after the other."""

    def __init__(self, n: int, before: int, stems: int) -> None:
        self._left, self._right = _Half(before), _Half(n - before - stems)
        levels = torch.arange(self._left.size)[:, None] + torch.arange(self._right.size)
        self._fold = (levels.ravel() == torch.arange(n - stems + 1)[:, None]).double()
        self._squares = torch.zeros(n + 1, dtype=torch.float64)
        self._products = torch.zeros(n + 1, n + 1, n + 1, dtype=torch.float64)
        beside = torch.cat([torch.arange(before + 1), torch.arange(before + stems + 1, n + 1)])
        self._spread = torch.eye(n + 1, dtype=torch.float64)[:, beside]
        self._middle = slice(before + 1, before + stems + 1)
        self._stems = stems

    def add(self, values: Tensor, subset: int) -> None:
        """Add the values of all pairs [left mask, right mask] under a subset in the middle."""
        on = [subset >> stem & 1 for stem in range(self._stems)]
        self._spread[self._middle, 0] = torch.tensor(on, dtype=torch.float64)
        levels = slice(sum(on), sum(on) + len(self._fold))
        self._products[levels] += self._spread @ self._beside(values) @ self._spread.T
        squares = self._left.levels @ (values.square() @ self._right.levels.T)
        self._squares[levels] += self._fold @ squares.ravel()

    def _beside(self, values: Tensor) -> Tensor:
        """Sum values times two features of what is not in the middle, by level.

        Features are 1, the components on the left and those on the right: a component of the
        middle is the 1 where it is on, and nothing where it is off.
        """
        left, right = self._left, self._right
        of_left = left.products(values @ right.levels.T)
        of_right = right.products((left.levels @ values).T).transpose(0, 1)
        across = (left.by_level @ values) @ right.by_level.T
        across = across.view(left.size, left.size, right.size, right.size).transpose(1, 2)
        size = left.size + right.size - 1
        sums = values.new_empty(len(self._fold), size, size)
        at_left, at_right = slice(left.size), torch.tensor([0, *range(left.size, size)])
        sums[:, at_left, at_left] = self._folded(of_left)
        sums[:, at_left, at_right] = self._folded(across)
        sums[:, at_right, at_left] = self._folded(across).transpose(1, 2)
        sums[:, at_right[:, None], at_right] = self._folded(of_right)
        return sums

    def _folded(self, sums: Tensor) -> Tensor:
        """Sum what belongs to a level on the left and one on the right by their sum."""
        return (self._fold @ sums.flatten(0, 1).flatten(1)).view(-1, *sums.shape[2:])

    def levels(self) -> Levels:
        """Finish."""
        n = len(self._squares) - 1
        count = np.array([math.comb(n, k) for k in range(n + 1)], dtype=np.float64)
        products = self._products.numpy()
        return Levels(count, products[:, 0, 0], self._squares.numpy(), products[:, 1:, 1:])
