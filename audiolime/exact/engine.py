"""The exact engine: a network's logit for every mask of one track, without running it on each."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from copy import copy
from functools import partial

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from audiolime.components import Components
from audiolime.exact.all_masks import Levels
from audiolime.exact.answers import MaskAnswers
from audiolime.exact.local_states import States
from audiolime.exact.network import Network
from audiolime.exact.pooled_tables import PooledTables
from audiolime.exact.receptive_field import check_segments
from audiolime.exact.sweep import Sweep
from audiolime.exact.tables import CellTables, Tables
from audiolime.exact.trunk_tables import TrunkTables
from audiolime.neighbourhood import as_random_state, draw_masks
from lemons_utils import OnProgress, ParameterError

MAX_PAIRS = 2**20
"""Most pairs of subsets in tables: 256 MB for 64 channels."""


class LocalStateEngine(MaskAnswers):
    """A network's exact answer to every mask over the stems and segments of one track.

    Parameters
    ----------
    network : Network
        In evaluation mode; the engine computes on its device.
    stems : Tensor or ndarray [shape=(S, samples)], float32
        They sum to the track.
    segments : list of (start, end) [samples]
        Half-open; they cover the track without gaps.
    dtype : torch.dtype
        `torch.float32`, or `torch.bfloat16` for the stages (spectra and head stay float32):
        faster where the hardware has it, and off by what `measured_error` says.
    output : int, optional
        Which of the network's outputs is explained, where there are several.

    Raises
    ------
    ParameterError
        If the network trains, or stems or segments do not fit.
    """

    def __init__(
        self,
        network: Network,
        stems: Tensor | NDArray[np.float32],
        segments: Sequence[tuple[int, int]],
        *,
        dtype: torch.dtype = torch.float32,
        output: int | None = None,
    ) -> None:
        super().__init__()
        if network.training:
            raise ParameterError("the network must be in evaluation mode: call network.eval()")
        stems = torch.as_tensor(stems).to(network.window.device)
        if stems.ndim != 2 or stems.dtype != torch.float32 or not 1 <= len(stems) <= 16:
            raise ParameterError(
                "stems must be float32 of shape [1 to 16 stems, samples], "
                f"got {stems.dtype} of shape {tuple(stems.shape)}"
            )
        if not bool(torch.isfinite(stems).all()):
            raise ParameterError("stems must be finite, got NaN or infinity")
        samples = stems.shape[1]
        starts = check_segments(segments, samples)
        self.segments = [(int(start), int(end)) for start, end in segments]
        self.n_stems, self.n_segments = len(stems), len(segments)
        self.n_components = self.n_stems * self.n_segments
        self._sounding = _sounding(stems, self.segments)
        self._tables: Tables | None = None
        self._pooled: PooledTables | None = None
        self.dtype = dtype
        self._make_sweep = torch.inference_mode()(
            partial(Sweep, network, stems, starts, output=output)
        )
        self._sweep = self._make_sweep(dtype=dtype)

    @property
    def closed(self) -> bool:
        """Whether closed tables exist: every column sees two segments at most.

        Nor must there be more than 2^20 pairs of subsets in all: 8 stems in 17 segments.
        """
        pairs = 4**self.n_stems * (self.n_segments - 1)
        return self._sweep.closed and pairs <= MAX_PAIRS

    def evaluate(self, masks: ArrayLike) -> NDArray[np.float64]:
        """Compute the network's logit for every mask.

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
            If a mask has another number of components, or values other than 0 and 1.
        """
        checked = self._check(masks)
        known = self._tables is not None or self._pooled is not None
        if self.closed and (known or len(checked) > 4 * 4**self.n_stems):
            return self._all_states().evaluate(checked)
        subsets = self._subsets(checked)
        distinct, position = np.unique(subsets, axis=0, return_inverse=True)
        per_sweep = self._masks_per_sweep()
        logits = [
            self._logits(distinct[start : start + per_sweep])
            for start in range(0, len(distinct), per_sweep)
        ]
        return np.concatenate([*logits, np.empty(0)])[position.reshape(-1)]

    def tables(self, *, on_progress: OnProgress | None = None) -> Tables:
        """Compute the track's tables, once: from then on every mask is a look-up.

        Parameters
        ----------
        on_progress : callable, optional
            Called now and then with 'tables' and the share that is done; what it raises ends
            the work.

        Raises
        ------
        ParameterError
            If they do not exist (see `closed`), or the head is not linear.
        """
        if self._tables is None:
            head = self._sweep.head
            if head.function is not None:
                raise ParameterError(
                    "tables hold linear heads only: with this network use evaluate, lime, shapley "
                    "and interactions"
                )
            tables = self._closed_tables(head.directions, on_progress)
            max_weight = head.max_weight.float().cpu().numpy()
            self._tables = tables.of_head([1.0], max_weight, float(head.bias))
        return self._tables

    def trunk_tables(
        self, directions: Tensor, *, on_progress: OnProgress | None = None
    ) -> TrunkTables:
        """Compute the track's tables for all heads whose weights of means are combinations.

        Parameters
        ----------
        directions : Tensor [shape=(D, channels)]
            What the heads' weights of the channels' means are combinations of.
        on_progress : callable, optional
            See `tables`.

        Raises
        ------
        ParameterError
            If the directions are of other channels, or tables do not exist: see `closed`.
        """
        channels = len(self._sweep.head.mean_weight)
        if directions.ndim != 2 or directions.shape[1] != channels:
            raise ParameterError(
                f"directions must have shape [D, {channels}], got {list(directions.shape)}"
            )
        return self._closed_tables(directions, on_progress)

    def measured_error(self, num_masks: int = 32, *, random_state: int = 0) -> float:
        """Measure how far off the logits of this track are because of `dtype`.

        Parameters
        ----------
        num_masks : int >= 1
            How many masks are drawn, the first of which is all ones.
        random_state : int

        Returns
        -------
        float
            Largest difference to the float32 engine's logits; 0 if this is one.
        """
        if self.dtype == torch.float32:
            return 0.0
        drawn = draw_masks(self.n_components, num_masks, as_random_state(random_state))
        near = self.evaluate(drawn)
        reference = copy(self)
        reference._sweep = self._make_sweep(dtype=torch.float32)
        reference._tables = reference._pooled = None
        return float(np.abs(near - reference.evaluate(drawn)).max())

    def components(self, kind: str) -> Components:
        """Return the track's components of some kind; stems are numbered from 1."""
        return Components.numbered(kind, self.n_segments, self.n_stems)

    def _sum_cells(self, output: str) -> Levels | None:
        return self._all_states().levels(output=output) if self.closed else None

    def _all_states(self) -> CellTables:
        """Return the track's tables, of whatever head."""
        function = self._sweep.head.function
        if function is None:
            return self.tables()
        if self._pooled is None:
            found = self._closed_tables(self._sweep.head.directions, None)
            self._pooled = PooledTables(
                found.segment_sum,
                found.boundary_sum,
                found.segment_max,
                found.boundary_max,
                head=function,
            )
        return self._pooled

    def _check(self, masks: ArrayLike) -> NDArray[np.int64]:
        array = np.asarray(masks)
        if array.ndim != 2 or array.shape[1] != self.n_components:
            raise ParameterError(
                f"masks must have shape [n, {self.n_components}] for {self.n_segments} segments "
                f"of {self.n_stems} stems, got {array.shape}"
            )
        if not ((array == 0) | (array == 1)).all():
            raise ParameterError("masks must hold 0 and 1 only")
        return array.astype(np.int64)

    def _subsets(self, masks: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which stems sound in every segment, as numbers; a silent stem is as good as off."""
        bits = 1 << np.arange(self.n_stems, dtype=np.int64)
        chosen = masks.reshape(len(masks), self.n_segments, self.n_stems) @ bits
        return np.asarray(chosen & self._sounding, dtype=np.int64)

    def _masks_per_sweep(self) -> int:
        """How many masks a sweep can hold; any number where they share few enough states."""
        at_once = self._sweep.masks_at_once
        few = self._sweep.closed and 4**self.n_stems <= at_once
        return sys.maxsize if few else at_once

    def _closed_tables(self, directions: Tensor, on_progress: OnProgress | None) -> TrunkTables:
        """Sweep once for all pairs of subsets at every boundary."""
        if not self.closed:
            raise ParameterError(
                "segments are so short that the network looks at three at once, or stems are "
                "too many; tables need longer segments or fewer stems, `evaluate` and "
                "sampling work with these"
            )
        count = 2**self.n_stems
        # Masks that alternate between two subsets hold every pair, at every boundary.
        others = count if self.n_segments > 1 else 1
        left, right = np.divmod(np.arange(count * others), others)
        even = np.arange(self.n_segments) % 2 == 0
        subsets = np.where(even, left[:, None], right[:, None]) & self._sounding
        states = States(subsets, self.n_stems)
        tables = TrunkTables.empty(
            self.n_segments, self.n_stems, len(directions), len(self._sweep.head.max_weight)
        )
        for part in self._sweep.through(states, directions):
            state = states.distinct(part.low, part.high)[1].reshape(count, others)
            state = state if part.low % 2 == 0 else state.T
            if part.low == part.high:
                tables.add_segment(part.low, part.sums[state[:, 0]], part.maxima[state[:, 0]])
            else:
                tables.add_boundary(part.low, part.sums[state], part.maxima[state])
            if on_progress is not None:
                on_progress("tables", (part.low + part.high + 1) / (2 * self.n_segments))
        return tables

    def _logits(self, subsets: NDArray[np.int64]) -> NDArray[np.float64]:
        """Sweep once for some masks and put their logits together."""
        states, head = States(subsets, self.n_stems), self._sweep.head
        directions = head.directions
        sums = np.zeros((len(subsets), len(directions)))
        largest = np.full((len(subsets), len(head.max_weight)), -np.inf, dtype=np.float32)
        for part in self._sweep.through(states, directions):
            _, state = states.distinct(part.low, part.high)
            sums += part.sums[state]
            np.maximum(largest, part.maxima[state], out=largest)
        if head.function is not None:
            return head.function(sums, largest)
        max_weight = head.max_weight.double().cpu().numpy()
        return np.asarray(float(head.bias) + sums[:, 0] + largest.astype(np.float64) @ max_weight)


def _sounding(stems: Tensor, segments: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """Which stems are not silent in each segment, as numbers [T]."""
    heard = torch.stack([(stems[:, start:end] != 0).any(dim=1) for start, end in segments])
    return np.asarray(heard.cpu().numpy() @ (1 << np.arange(len(stems))), dtype=np.int64)
