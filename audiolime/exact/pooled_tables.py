"""Tables that keep the statistics of every channel, for a head that is any function of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from audiolime.exact.all_masks import Part, blocks
from audiolime.exact.tables import CellTables
from lemons_utils import ParameterError

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

PooledHead = Callable[[Float64, Float32], Float64]
"""Maps channel means [n, D] and channel maxima [n, C] to logits [n]."""


@dataclass(frozen=True)
class LinearHead:
    """A head that weights pooled outputs: one that tables on disk can hold.

    Parameters
    ----------
    weight : ndarray [shape=(C,)]
    bias : float
    """

    weight: Float64
    bias: float = 0.0

    @classmethod
    def of_output(cls, output: int, n_outputs: int) -> LinearHead:
        """Choose one output of several."""
        if not 0 <= output < n_outputs:
            raise ParameterError(f"outputs are numbered 0 to {n_outputs - 1}, got {output}")
        return cls(np.eye(n_outputs)[output])

    def __call__(self, pooled: Float64) -> Float64:
        """Map pooled outputs [n, C] to what is explained [n]."""
        return np.asarray(pooled @ self.weight + self.bias, np.float64)


@dataclass(frozen=True, kw_only=True)
class PooledTables(CellTables):
    """Tables of any head over channel means and maxima.

    `segment_sum` [T, 2^S, D] and `boundary_sum` [T - 1, 2^S, 2^S, D] are contributions to the D
    channel means. They are not written to files: a browser cannot run the head.
    """

    head: PooledHead

    def logits(self, sums: Float64, maxima: Float32) -> Float64:
        """Compute the logits [n] of means [n, D] and maxima [n, C] over all segments."""
        return self.head(sums, maxima)

    def join(self, left: Part, right: Part) -> Tensor:
        """Compute the logits of all pairs of halves [left, right], float64."""
        logits = np.empty((len(left[0]), len(right[0])))
        for block in blocks(*logits.shape):
            means = left[0][block[0], None] + right[0][None, block[1]]
            maxima = np.maximum(left[1][block[0], None], right[1][None, block[1]])
            shape, count = means.shape[:2], means.shape[0] * means.shape[1]
            found = self.head(
                means.reshape(count, means.shape[2]), maxima.reshape(count, maxima.shape[2])
            )
            logits[block] = found.reshape(shape)
        return torch.from_numpy(logits)
