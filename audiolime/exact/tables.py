"""Closed tables: all that a network says to the masks of a track, in about a megabyte.

Where every column sees two segments at most, the head's sum and maxima over all columns part
into what each segment contributes, for every subset of its stems, and what each boundary
between neighbours contributes, for every pair of subsets:

    logit(mask) = bias + sum_t segment_sum[t, s_t] + sum_t boundary_sum[t, s_t, s_t+1]
                + max_weight . max(max_t segment_max[t, s_t], max_t boundary_max[t, s_t, s_t+1])

with s_t the subset that the mask leaves on in segment t: bit i for stem i. The relevance is
1 / (1 + exp(-logit)). `Tables.evaluate` is this in NumPy, and what a browser does as well.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from audiolime.components import Components
from audiolime.exact.all_masks import Levels, Part, join_linear, sum_levels
from audiolime.exact.answers import MaskAnswers
from audiolime.exact.tables_file import Shapes, TablesFormat
from lemons_utils import ParameterError

_BLOCK = 4096

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class CellTables(MaskAnswers):
    """What every segment and every boundary contributes to the statistics that a head is given.

    `segment_sum` [T, 2^S, ...] and `boundary_sum` [T - 1, 2^S, 2^S, ...] are added up;
    `segment_max` [T, 2^S, C] and `boundary_max` [T - 1, 2^S, 2^S, C] are maxima by channel, -inf
    where there is nothing to take them over. A boundary's pairs are [subset left of it, subset
    right of it]. A subclass says what the head makes of them.
    """

    segment_sum: NDArray[np.floating]
    boundary_sum: NDArray[np.floating]
    segment_max: Float32
    boundary_max: Float32
    _levels: dict[tuple[str, str], Levels] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _listed: dict[tuple[str, str], Float64] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @abstractmethod
    def logits(self, sums: Float64, maxima: Float32) -> Float64:
        """Compute the logits [n] of sums [n, ...] and maxima [n, C] over all segments."""

    @abstractmethod
    def join(self, left: Part, right: Part) -> Tensor:
        """Compute the logits of all pairs of halves [left, right], float64."""

    @property
    def n_segments(self) -> int:
        """Number of segments T."""
        return len(self.segment_sum)

    @property
    def n_stems(self) -> int:
        """Number of stems S."""
        return int(self.segment_sum.shape[1]).bit_length() - 1

    @property
    def n_components(self) -> int:
        """Number of components T * S."""
        return self.n_segments * self.n_stems

    def components(self, kind: str) -> Components:
        """Return the track's components of some kind, with stems numbered from 1."""
        return Components.numbered(kind, self.n_segments, self.n_stems)

    def subsets(self, masks: ArrayLike) -> NDArray[np.int64]:
        """Which stems masks [n, T * S] leave on in every segment, as numbers [n, T]."""
        array = np.asarray(masks)
        if array.ndim != 2 or array.shape[1] != self.n_components:
            raise ParameterError(
                f"masks must have shape [n, {self.n_components}], got {array.shape}"
            )
        bits = 1 << np.arange(self.n_stems)
        chosen = array.reshape(len(array), self.n_segments, self.n_stems) != 0
        return np.asarray(chosen @ bits, dtype=np.int64)

    def evaluate(self, masks: ArrayLike) -> Float64:
        """Look up the logit of every mask.

        Parameters
        ----------
        masks : array_like [shape=(n, T * S)], 0 or 1
            Component index = segment * S + stem.

        Returns
        -------
        ndarray [shape=(n,)], logits
        """
        subsets = self.subsets(masks)
        blocks = [
            self.logits(*self.part(subsets[start : start + _BLOCK], 0))
            for start in range(0, len(subsets), _BLOCK)
        ]
        return np.concatenate([*blocks, np.empty(0)])

    def part(self, subsets: NDArray[np.int64], first: int) -> Part:
        """Sum and maxima over neighbouring segments and the boundaries between them.

        Parameters
        ----------
        subsets : ndarray [shape=(n, segments)]
            What is on in segment `first` and those that follow.
        first : int

        Returns
        -------
        sums : ndarray [shape=(n, ...)]
        maxima : ndarray [shape=(n, C)]
        """
        on, n = subsets.T, len(subsets)
        sums = np.zeros((n, *self.segment_sum.shape[2:]))
        maxima = np.full((n, self.segment_max.shape[2]), -np.inf, dtype=np.float32)
        for segment, here in enumerate(on, start=first):
            sums += self.segment_sum[segment, here]
            np.maximum(maxima, self.segment_max[segment, here], out=maxima)
        for boundary, (left, right) in enumerate(pairwise(on), start=first):
            sums += self.boundary_sum[boundary, left, right]
            np.maximum(maxima, self.boundary_max[boundary, left, right], out=maxima)
        return sums, maxima

    def _sum_cells(self, output: str) -> Levels:
        return sum_levels(self, relevance=output == "relevance")


@dataclass(frozen=True, kw_only=True)
class Tables(CellTables):
    """Tables of a linear head, which has weighted the sums already.

    `segment_sum` is [T, 2^S], `boundary_sum` [T - 1, 2^S, 2^S]; `max_weight` [C] and `bias` are
    the head's. `meta` is what was said about them on writing.
    """

    max_weight: Float32
    bias: float
    meta: dict[str, object] = field(default_factory=dict)

    def logits(self, sums: Float64, maxima: Float32) -> Float64:
        """Compute the logits [n] of sums [n] and maxima [n, C] over all segments."""
        return self.bias + sums + maxima.astype(np.float64) @ self.max_weight.astype(np.float64)

    def join(self, left: Part, right: Part) -> Tensor:
        """Compute the logits of all pairs of halves [left, right], float64."""
        return join_linear(left, right, self.max_weight, self.bias)

    # -- on disk -------------------------------------------------------------------------------
    def write(self, path: Path, **about: object) -> None:
        """Write `tables.npz`; `docs/exact.md` describes the format.

        Parameters
        ----------
        path : Path
            Ends in `.npz`; written beside its name and renamed into place.
        **about
            What else to say in `meta`, JSON-able: checksums, names of stems, segments.
        """
        sizes = self.n_segments, self.n_stems, len(self.max_weight)
        arrays = {name: getattr(self, name) for name in _shapes(1, 1, 1)}
        fields = {**self.meta, **about, **dict(zip(_FORMAT.sizes, sizes, strict=True))}
        _FORMAT.write(path, arrays, {**fields, "bias": self.bias})

    @classmethod
    def read(cls, path: Path) -> Tables:
        """Read what `write` wrote.

        Raises
        ------
        DataError
            If the file is missing, of another format or version, or its arrays do not fit.
        """
        arrays, meta = _FORMAT.read(path)
        return cls(
            segment_sum=arrays["segment_sum"].astype(np.float64),
            boundary_sum=arrays["boundary_sum"].astype(np.float64),
            segment_max=arrays["segment_max"],
            boundary_max=arrays["boundary_max"],
            max_weight=arrays["max_weight"],
            bias=float(str(meta["bias"])),
            meta=_FORMAT.about(meta),
        )


def _shapes(segments: int, stems: int, channels: int) -> Shapes:
    subsets, boundaries = 2**stems, segments - 1
    return {
        "segment_sum": (segments, subsets),
        "boundary_sum": (boundaries, subsets, subsets),
        "segment_max": (segments, subsets, channels),
        "boundary_max": (boundaries, subsets, subsets, channels),
        "max_weight": (channels,),
    }


_FORMAT = TablesFormat(
    "lemons-tables", ("n_segments", "n_stems", "n_channels"), _shapes, numbers=("bias",)
)
