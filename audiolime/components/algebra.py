"""The algebra of components: their names, their cells, and masks over either.

A cell is one stem within one segment, with the index segment * stems + stem; the engines of
`audiolime.exact` answer masks over cells. A component is what an explanation switches off: a
group of cells that depends on the kind of explanation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lemons_utils import ParameterError

KINDS = ("time", "source", "time_source")
"""What a component is: a segment, a stem, a stem within a segment."""

OF_SEGMENTS, OF_STEMS = ("time", "time_source"), ("source", "time_source")
"""The kinds whose components part the segments, and those whose components part the stems."""

ALL_STEMS = "all stems"
"""The name of the stem group of 'time'."""

Groups = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Components:
    """What an explanation of some kind can switch off in a track.

    Component index = segment group * number of stem groups + stem group.

    Parameters
    ----------
    kind : 'time', 'source' or 'time_source'
    segments : tuple of (start, end) [samples], half-open, without gaps
    stem_names : tuple of str

    Raises
    ------
    ParameterError
        If the kind is unknown.
    """

    kind: str
    segments: tuple[tuple[int, int], ...]
    stem_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ParameterError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")

    @classmethod
    def numbered(cls, kind: str, n_segments: int, n_stems: int) -> Components:
        """Make the components of a track of which only these numbers are known."""
        segments = tuple((number, number + 1) for number in range(n_segments))
        return cls(kind, segments, tuple(f"stem {number + 1}" for number in range(n_stems)))

    @property
    def stem_groups(self) -> Groups:
        """Stems that are switched together: all of them for 'time', otherwise one each."""
        stems = range(len(self.stem_names))
        return tuple((stem,) for stem in stems) if self.kind in OF_STEMS else (tuple(stems),)

    @property
    def segment_groups(self) -> Groups:
        """Segments that are switched together: all of them for 'source', otherwise one each."""
        numbers = range(len(self.segments))
        return tuple((n,) for n in numbers) if self.kind in OF_SEGMENTS else (tuple(numbers),)

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """Half-open bounds of every segment group [samples]."""
        return tuple(
            (self.segments[group[0]][0], self.segments[group[-1]][1])
            for group in self.segment_groups
        )

    @property
    def count(self) -> int:
        """Number of components."""
        return len(self.segment_groups) * len(self.stem_groups)

    @property
    def are_cells(self) -> bool:
        """Whether every component is one cell, whatever the kind."""
        return self.count == len(self.segments) * len(self.stem_names)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the components: `segment 2`, `drums`, `drums 2`, segments counted from 1."""
        if self.kind not in OF_SEGMENTS:
            return self.stem_names
        stems = self.stem_names if self.kind in OF_STEMS else ("segment",)
        return tuple(f"{stem} {i + 1}" for i in range(len(self.segments)) for stem in stems)

    @property
    def row_names(self) -> tuple[str, ...]:
        """Names of the stem groups."""
        return self.stem_names if self.kind in OF_STEMS else (ALL_STEMS,)

    @property
    def cells(self) -> NDArray[np.int64]:
        """The cells of every component, 0 or 1 [shape=(components, segments * stems)]."""
        return np.kron(
            _membership(self.segment_groups, len(self.segments)),
            _membership(self.stem_groups, len(self.stem_names)),
        )

    def cells_of(self, component: int) -> list[tuple[int, int]]:
        """List the (segment, stem) cells that one component switches."""
        segments, stems = divmod(component, len(self.stem_groups))
        return [
            (segment, stem)
            for segment in self.segment_groups[segments]
            for stem in self.stem_groups[stems]
        ]

    def span_of(self, component: int) -> tuple[int, int]:
        """Return the half-open bounds of one component [samples]."""
        return self.spans[component // len(self.stem_groups)]

    def spread(self, masks: ArrayLike) -> NDArray[np.int64]:
        """Spread masks over components to masks over cells.

        Parameters
        ----------
        masks : array_like [shape=(n, components)], 0 or 1

        Returns
        -------
        ndarray [shape=(n, segments * stems)], 0 or 1

        Raises
        ------
        ParameterError
            If a mask has another number of components.
        """
        return np.asarray(self._checked(masks, self.count) @ self.cells, dtype=np.int64)

    def gather(self, cells: ArrayLike) -> NDArray[np.int64]:
        """Turn masks over cells into masks over components, on where all of their cells are.

        Parameters
        ----------
        cells : array_like [shape=(n, segments * stems)], 0 or 1

        Returns
        -------
        ndarray [shape=(n, components)], 0 or 1
        """
        table = self.cells
        on = self._checked(cells, table.shape[1]) @ table.T
        return np.asarray(on == table.sum(axis=1), dtype=np.int64)

    def grid(self, values: ArrayLike) -> NDArray[np.float64]:
        """Give every cell the value of its component.

        Parameters
        ----------
        values : array_like [shape=(components,)]

        Returns
        -------
        ndarray [shape=(segments, stems)]
        """
        flat = np.asarray(values, np.float64) @ self.cells
        return np.asarray(flat.reshape(len(self.segments), len(self.stem_names)))

    def merge_stems(self, stems: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sum the stems of every group [shape=(stem groups, samples)]."""
        return np.stack([stems[list(group)].sum(axis=0) for group in self.stem_groups])

    def _checked(self, masks: ArrayLike, width: int) -> NDArray[np.int64]:
        rows = np.asarray(masks)
        if rows.ndim != 2 or rows.shape[1] != width:
            raise ParameterError(
                f"masks must have shape [n, {width}] for {self.kind} of {len(self.segments)} "
                f"segments and {len(self.stem_names)} stems, got {rows.shape}"
            )
        return rows.astype(np.int64)


def _membership(groups: Groups, size: int) -> NDArray[np.int64]:
    """Mark the members of every group [shape=(groups, size)]."""
    return np.array([np.isin(np.arange(size), group) for group in groups], dtype=np.int64)
