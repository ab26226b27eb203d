"""The exact engine of any model that hears windows and pools what it says of them.

A window inside a segment has one answer for every subset of the stems, one at a boundary for every
pair of subsets: a few thousand different windows hold the answers to all masks of a track.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiolime.components import Components
from audiolime.exact.all_masks import Levels, sum_levels
from audiolime.exact.answers import MaskAnswers
from audiolime.exact.engine import MAX_PAIRS
from audiolime.exact.pooled_tables import LinearHead, PooledTables
from audiolime.exact.receptive_field import check_segments
from audiolime.exact.tables import Tables
from audiolime.exact.trunk_tables import TrunkTables
from audiolime.exact.window_outputs import Score, States, WindowOutputs
from audiolime.exact.windows import TrackWindow, place_windows
from lemons_utils import OnProgress, ParameterError

Float64 = NDArray[np.float64]
Head = Callable[[Float64], Any]

POOLINGS = ("mean", "max")


@dataclass(frozen=True)
class Cost:
    """How many windows a model is asked about.

    Parameters
    ----------
    calls : int
        Windows that `score` has yet to hear.
    plain_calls : int
        Windows that it would hear if every different mask were composed and scored by itself.
    """

    calls: int
    plain_calls: int


class WindowedEngine(MaskAnswers):
    """The exact answer to every mask of a model that hears windows and pools its outputs.

    Parameters
    ----------
    score : callable
        Maps waveforms [batch, window], float32, to outputs [batch, C] (or [batch]): anything that
        treats every waveform by itself.
    stems : ndarray [shape=(S, samples)], float32
        They sum to the track.
    segments : list of (start, end) [samples]
        Half-open; they cover the track without gaps.
    window, hop : int > 0 [samples]
        Windows begin at 0, hop, 2 hop, ...; only whole ones count.
    pooling : 'mean' or 'max'
        Over the windows, output by output.
    head : callable, optional
        Maps pooled outputs [n, C] to what is explained [n], a logit; by default the one output.
        Only with a `LinearHead` (or without one) can tables be written to a file.
    pad : bool
        Fill the last window up with silence.
    align : bool
        Place windows within segments, from the start of each: none sees two segments, so there
        are no pairs to ask about. The model then hears other windows than its usual ones, and
        what is explained is what it says of these.
    batch_size : int > 0
        Windows that `score` is given at a time.
    journal : Path, optional
        Keeps the outputs after every batch, so that a killed process goes on from there. Name one
        file per model: outputs are known by the stems and windows, not by `score`.
    on_progress : callable, optional
        Called after every batch with 'windows' and the share that is done; what it raises ends
        the work.

    Raises
    ------
    ParameterError
        If stems, segments or windows do not fit, or a word is unknown.
    """

    def __init__(
        self,
        score: Score,
        stems: NDArray[np.float32],
        segments: Sequence[tuple[int, int]],
        *,
        window: int,
        hop: int,
        pooling: str = "mean",
        head: Head | None = None,
        pad: bool = False,
        align: bool = False,
        batch_size: int = 32,
        journal: Path | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise ParameterError(f"pooling must be one of {', '.join(POOLINGS)}, got {pooling!r}")
        if batch_size < 1:
            raise ParameterError(f"batch_size must be above 0, got {batch_size!r}")
        stems = _checked_stems(stems)
        check_segments(segments, stems.shape[1])
        self.segments = [(int(start), int(end)) for start, end in segments]
        self.n_stems, self.n_segments = len(stems), len(segments)
        self.n_components = self.n_stems * self.n_segments
        self.windows = place_windows(stems, self.segments, window, hop, pad=pad, align=align)
        self._outputs = WindowOutputs(
            score,
            stems,
            self.segments,
            window,
            batch_size=batch_size,
            journal=journal,
            on_progress=on_progress,
        )
        self._head, self._mean = head, pooling == "mean"
        self._pooled_tables: PooledTables | None = None

    @property
    def closed(self) -> bool:
        """Whether closed tables exist: every window sees two segments at most.

        Nor must there be more than 2^20 pairs of subsets in all.
        """
        pairs = 4**self.n_stems * (self.n_segments - 1)
        return all(window.high - window.low < 2 for window in self.windows) and pairs <= MAX_PAIRS

    def components(self, kind: str) -> Components:
        """Return the track's components of some kind; stems are numbered from 1."""
        return Components.numbered(kind, self.n_segments, self.n_stems)

    def cost(self, masks: ArrayLike | None = None) -> Cost:
        """Count the windows that `score` has to hear, before it hears any.

        Parameters
        ----------
        masks : array_like [shape=(n, T * S)], 0 or 1
            Those that `evaluate` is to be given; by default all 2^(T * S), as for `tables`.
        """
        if masks is None:
            n_masks, states = 2**self.n_components, self._all_states()
        else:
            subsets = np.unique(self._subsets(masks), axis=0)
            n_masks, states = len(subsets), self._states_of(subsets)
        return Cost(len(self._outputs.missing(states)), n_masks * len(self.windows))

    def pooled(self, masks: ArrayLike) -> Float64:
        """Compute the outputs of the whole track for every mask, pooled over windows.

        Parameters
        ----------
        masks : array_like [shape=(n, T * S)], 0 or 1
            Component index = segment * S + stem.

        Returns
        -------
        ndarray [shape=(n, C)]
        """
        subsets = self._subsets(masks)
        self._outputs.ask(self._states_of(subsets))
        shape = len(subsets), self._outputs.count
        pooled = np.zeros(shape) if self._mean else np.full(shape, -np.inf)
        for low, high, windows in self._runs() if len(subsets) else ():
            distinct, position = np.unique(subsets[:, low : high + 1], axis=0, return_inverse=True)
            part = self._pool(windows, distinct)[position.ravel()]
            pooled = pooled + part if self._mean else np.maximum(pooled, part)
        return pooled

    def evaluate(self, masks: ArrayLike) -> Float64:
        """Compute what the head makes of every mask's pooled outputs.

        Parameters
        ----------
        masks : array_like [shape=(n, T * S)], 0 or 1
            Component index = segment * S + stem.

        Returns
        -------
        ndarray [shape=(n,)], logits

        Raises
        ------
        ParameterError
            If masks, outputs or what the head returns do not fit.
        """
        return self._explained(self.pooled(masks))

    def tables(self) -> Tables:
        """Compute the track's tables, once: from then on every mask is a look-up.

        Raises
        ------
        ParameterError
            If they do not exist (see `closed`), or the head is not linear.
        """
        found = self._all_pooled()
        head = self._head or self._single_output()
        if not isinstance(head, LinearHead):
            raise ParameterError(
                "tables hold linear heads only: give audiolime.exact.LinearHead, or use "
                "evaluate, lime, shapley and interactions, which take any head"
            )
        parts = TrunkTables(
            found.segment_sum, found.boundary_sum, found.segment_max, found.boundary_max
        )
        none = np.empty(0)
        return parts.of_head(
            head.weight if self._mean else none, none if self._mean else head.weight, head.bias
        )

    def _sum_cells(self, output: str) -> Levels | None:
        if not self.closed:
            return None
        linear = self._head is None or isinstance(self._head, LinearHead)
        found = self.tables() if linear else self._all_pooled()
        return sum_levels(found, relevance=output == "relevance")

    # -- states of windows -------------------------------------------------------------------
    def _subsets(self, masks: ArrayLike) -> NDArray[np.int64]:
        """Which stems are on in every segment, as numbers [n, T]."""
        cells = self.components("time_source").spread(masks)
        if not np.array_equal(cells, np.asarray(masks)) or not ((cells == 0) | (cells == 1)).all():
            raise ParameterError("masks must hold 0 and 1 only")
        bits = 1 << np.arange(self.n_stems, dtype=np.int64)
        return np.asarray(cells.reshape(-1, self.n_segments, self.n_stems) @ bits)

    def _runs(self) -> Iterator[tuple[int, int, list[TrackWindow]]]:
        """Go through the windows that see the same segments, run by run."""
        for (low, high), run in groupby(self.windows, key=lambda one: (one.low, one.high)):
            yield low, high, list(run)

    def _states_of(self, subsets: NDArray[np.int64]) -> States:
        for low, high, windows in self._runs():
            distinct = np.unique(subsets[:, low : high + 1], axis=0)
            yield from ((window, distinct) for window in windows)

    def _all_states(self) -> States:
        if not self.closed:
            raise ParameterError(
                "a window sees three segments, or stems are too many: tables need longer "
                "segments, shorter windows or fewer stems; `evaluate` and sampling work with these"
            )
        for low, high, windows in self._runs():
            every = self._every_state(high - low + 1)
            yield from ((window, every) for window in windows)

    def _every_state(self, n_segments: int) -> NDArray[np.int64]:
        return np.array(list(product(range(2**self.n_stems), repeat=n_segments)), dtype=np.int64)

    # -- pooling -----------------------------------------------------------------------------
    def _pool(self, windows: Sequence[TrackWindow], states: NDArray[np.int64]) -> Float64:
        """Pool the outputs of some windows in the same states [n, C]: a part of the mean's sum."""
        pooled = self._outputs.of(windows[0], states)
        for window in windows[1:]:
            further = self._outputs.of(window, states)
            pooled = pooled + further if self._mean else np.maximum(pooled, further)
        return pooled / len(self.windows) if self._mean else pooled

    def _all_pooled(self) -> PooledTables:
        """Have the model hear all states, and pool them segment by segment, once."""
        if self._pooled_tables is None:
            self._outputs.ask(self._all_states())
            count, n_outputs = 2**self.n_stems, self._outputs.count
            shape = (n_outputs, 0) if self._mean else (0, n_outputs)
            tables = TrunkTables.empty(self.n_segments, self.n_stems, *shape)
            for low, high, windows in self._runs():
                part = self._pool(windows, self._every_state(high - low + 1))
                part = part.reshape(*[count] * (high - low + 1), n_outputs)
                sums, maxima = part[..., : shape[0]], part[..., : shape[1]].astype(np.float32)
                add = tables.add_segment if low == high else tables.add_boundary
                add(low, sums, maxima)
            self._pooled_tables = PooledTables(
                tables.segment_sum,
                tables.boundary_sum,
                tables.segment_max,
                tables.boundary_max,
                head=self._head_of_tables,
            )
        return self._pooled_tables

    def _head_of_tables(self, means: Float64, maxima: NDArray[np.float32]) -> Float64:
        return self._explained(means if self._mean else maxima.astype(np.float64))

    def _explained(self, pooled: Float64) -> Float64:
        found = np.asarray((self._head or self._single_output())(pooled), np.float64)
        if found.shape != (len(pooled),) or not np.isfinite(found).all():
            raise ParameterError(
                f"head must return one finite number for each of {len(pooled)} masks, "
                f"got shape {found.shape}"
            )
        return found

    def _single_output(self) -> LinearHead:
        if self._outputs.count > 1:
            raise ParameterError(
                f"score returns {self._outputs.count} outputs: say which is explained, for "
                f"instance by head=LinearHead.of_output(0, {self._outputs.count})"
            )
        return LinearHead.of_output(0, 1)


def _checked_stems(stems: NDArray[np.float32]) -> NDArray[np.float32]:
    array = np.asarray(stems)
    if array.ndim != 2 or array.dtype != np.float32 or not 1 <= len(array) <= 16:
        raise ParameterError(
            "stems must be float32 of shape [1 to 16 stems, samples], "
            f"got {array.dtype} of shape {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ParameterError("stems must be finite, got NaN or infinity")
    return array
