"""Tables of a track for all heads of one network: sums along directions, maxima by channel.

What `audiolime.exact.tables` holds for one head is a weighted sum over channel means, and the
weights enter it linearly. So one sweep serves every head whose weights are combinations of some
directions: the tables keep the sums along each of them, and a head's own tables follow by one
matrix product, without the network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiolime.exact.tables import Tables
from audiolime.exact.tables_file import Shapes, TablesFormat
from lemons_utils import ParameterError

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class TrunkTables:
    """What every segment and every boundary contributes to a mask's pooled channels.

    `segment_sum` [T, 2^S, D] and `boundary_sum` [T - 1, 2^S, 2^S, D] are contributions to the
    channel means along D directions; `segment_max` [T, 2^S, C] and `boundary_max`
    [T - 1, 2^S, 2^S, C] are maxima by channel, -inf where there is nothing to take them over,
    and C = 0 where a head takes no maxima. A boundary's pairs are [subset left of it, subset
    right of it]. `meta` is what was said about them on writing.
    """

    segment_sum: NDArray[np.floating]
    boundary_sum: NDArray[np.floating]
    segment_max: Float32
    boundary_max: Float32
    meta: dict[str, object] = field(default_factory=dict)

    @classmethod
    def empty(
        cls, n_segments: int, n_stems: int, n_directions: int, n_channels: int
    ) -> TrunkTables:
        """Make tables to which nothing was added yet."""
        shapes = _shapes(n_segments, n_stems, n_directions, n_channels)
        return cls(
            segment_sum=np.zeros(shapes["segment_sum"]),
            boundary_sum=np.zeros(shapes["boundary_sum"]),
            segment_max=np.full(shapes["segment_max"], -np.inf, dtype=np.float32),
            boundary_max=np.full(shapes["boundary_max"], -np.inf, dtype=np.float32),
        )

    def add_segment(self, segment: int, sums: ArrayLike, maxima: Float32) -> None:
        """Add pure columns, for every subset: sums [2^S, D] and maxima [2^S, C]."""
        self.segment_sum[segment] += sums
        np.maximum(self.segment_max[segment], maxima, out=self.segment_max[segment])

    def add_boundary(self, boundary: int, sums: ArrayLike, maxima: Float32) -> None:
        """Add mixed columns, for every pair: sums [2^S, 2^S, D] and maxima [2^S, 2^S, C]."""
        self.boundary_sum[boundary] += sums
        np.maximum(self.boundary_max[boundary], maxima, out=self.boundary_max[boundary])

    def of_head(self, sum_weight: ArrayLike, max_weight: ArrayLike, bias: float) -> Tables:
        """Return the tables of one head.

        Parameters
        ----------
        sum_weight : array_like [shape=(D,)]
            Its weights along the directions.
        max_weight : array_like [shape=(C,)]
            Its weights of the channels' maxima; empty where there are none.
        bias : float

        Raises
        ------
        ParameterError
            If the head has other numbers of weights.
        """
        weight = np.asarray(sum_weight, dtype=np.float64)
        maxima = np.asarray(max_weight, dtype=np.float32)
        expected = self.segment_sum.shape[2:], self.segment_max.shape[2:]
        if (weight.shape, maxima.shape) != expected:
            raise ParameterError(
                f"a head of these tables has weights of shapes {expected[0]} and {expected[1]}, "
                f"got {weight.shape} and {maxima.shape}: take the head that goes with their trunk"
            )
        return Tables(
            segment_sum=self.segment_sum.astype(np.float64) @ weight,
            boundary_sum=self.boundary_sum.astype(np.float64) @ weight,
            segment_max=self.segment_max,
            boundary_max=self.boundary_max,
            max_weight=maxima,
            bias=float(bias),
            meta=self.meta,
        )

    # -- on disk -------------------------------------------------------------------------------
    def write(self, path: Path, **about: object) -> None:
        """Write `tables.npz` as float32; `docs/exact.md` describes the format.

        Parameters
        ----------
        path : Path
            Ends in `.npz`; written beside its name and renamed into place.
        **about
            What else to say in `meta`, JSON-able: checksums, names of stems, segments.
        """
        n_segments, subsets, n_directions = self.segment_sum.shape
        sizes = n_segments, subsets.bit_length() - 1, n_directions, self.segment_max.shape[2]
        arrays = {name: getattr(self, name) for name in _shapes(1, 1, 1, 1)}
        fields = {**self.meta, **about, **dict(zip(_FORMAT.sizes, sizes, strict=True))}
        _FORMAT.write(path, arrays, fields)

    @classmethod
    def read(cls, path: Path) -> TrunkTables:
        """Read what `write` wrote; the sums stay float32.

        Raises
        ------
        DataError
            If the file is missing, of another format or version, or its arrays do not fit.
        """
        arrays, meta = _FORMAT.read(path)
        return cls(**arrays, meta=_FORMAT.about(meta))


def _shapes(segments: int, stems: int, directions: int, channels: int) -> Shapes:
    subsets, boundaries = 2**stems, segments - 1
    return {
        "segment_sum": (segments, subsets, directions),
        "boundary_sum": (boundaries, subsets, subsets, directions),
        "segment_max": (segments, subsets, channels),
        "boundary_max": (boundaries, subsets, subsets, channels),
    }


_FORMAT = TablesFormat(
    "lemons-trunk-tables", ("n_segments", "n_stems", "n_directions", "n_channels"), _shapes
)
