"""Every distinct local state of a network, computed once: the sweep over a track.

A mask switches stems on and off in every segment. A column of a feature map sees the segments
low to high only, so all masks that agree there give it the same value: a *local state* of that
stretch. The sweep goes through the track from left to right, all layers at once, run by run
(`receptive_field`), and computes each run for each of its distinct states.

How a run comes from the layer below: a convolution is linear, so its value on columns that
were computed as several runs is the sum of what each of those runs contributes; and each
contribution depends on that run's states alone. A run that straddles a boundary between long
segments is the sum of a left, a middle and a right part: 2^S left states, 2^S right states,
and only the middle for all pairs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from audiolime.exact.receptive_field import Run
from audiolime.exact.stage import LocalStage

BLOCK_BYTES = 8 << 20
"""A convolution's output per block of states: small enough to be pooled from the cache."""

GPU_BLOCK_BYTES = 256 << 20
"""The same on a GPU: large enough to keep it busy."""

SHARE = 2
"""A run below contributes once per state of its own if it has so many times fewer states."""


class States:
    """The distinct local states among some masks, for any stretch of segments.

    Parameters
    ----------
    subsets : ndarray [shape=(masks, segments)], int64
        Which stems every mask leaves on in every segment, as a number: bit s for stem s.
    bits : int
        Number of stems.
    """

    def __init__(self, subsets: NDArray[np.int64], bits: int) -> None:
        self.subsets = subsets
        self._bits = bits
        self._known: dict[tuple[int, int], tuple[NDArray[np.int64], NDArray[np.int64]]] = {}

    def distinct(self, low: int, high: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """One mask for every state of segments low to high; and the state of every mask."""
        if (low, high) not in self._known:
            part = self.subsets[:, low : high + 1]
            width = part.shape[1] * self._bits
            if width <= 62:  # one number per state sorts faster than rows do
                part = part @ (1 << (self._bits * np.arange(part.shape[1], dtype=np.int64)))
            _, first, state = np.unique(part, axis=0, return_index=True, return_inverse=True)
            self._known[low, high] = first.astype(np.int64), state.reshape(-1).astype(np.int64)
        return self._known[low, high]

    def count(self, low: int, high: int) -> int:
        """Count the distinct states of segments low to high."""
        return len(self.distinct(low, high)[0])

    def within(self, outer: tuple[int, int], inner: tuple[int, int]) -> NDArray[np.int64]:
        """For every state of a stretch its state in a stretch inside, [states of outer]."""
        masks, _ = self.distinct(*outer)
        _, state = self.distinct(*inner)
        return state[masks]

    def subset(self, span: tuple[int, int], segment: int) -> NDArray[np.int64]:
        """For every state of a stretch the stems that are on in one of its segments."""
        masks, _ = self.distinct(*span)
        chosen: NDArray[np.int64] = self.subsets[masks, segment]
        return chosen


@dataclass(frozen=True)
class Columns:
    """The values of a run, [states, columns, bands, channels]."""

    run: Run
    values: Tensor


def advance(
    stage: LocalStage,
    runs: Sequence[Run],
    width: int,
    below: Iterator[Columns],
    states: States,
) -> Iterator[Columns]:
    """Compute a stage run by run, from the runs of the layer below.

    Parameters
    ----------
    stage : LocalStage
    runs : list of Run
        What to compute, in order: all columns of the layer.
    width : int
        Number of columns below.
    below : iterator of Columns
        The layer below, in order; only what later runs need is kept.
    states : States
    """
    conv_width = stage.conv_time.width(width)
    window: deque[Columns] = deque()
    for run in runs:
        first, last = stage.pool_time.inputs(run.first, run.last)
        padding = max(-first, 0), max(last - conv_width + 1, 0)
        conv = Run(max(first, 0), min(last, conv_width - 1), *run.span)
        first, last = stage.conv_time.inputs(conv.first, conv.last)
        while not window or window[-1].run.last < min(last, width - 1):
            window.append(next(below))
        while window[0].run.last < min(first, width - 1):
            window.popleft()
        count = states.count(*run.span)
        values = stage.bias.new_empty(count, run.columns, stage.bands, len(stage.bias))
        one = conv.columns * stage.conv_bands * len(stage.bias) * values.element_size()
        size = max((GPU_BLOCK_BYTES if values.is_cuda else BLOCK_BYTES) // one, 1)
        total = _Sum(stage, conv, _parts(stage, conv, window, states), count)
        for start in range(0, count, size):
            block = slice(start, min(start + size, count))
            stage.finish(total.of(block), *padding, out=values[block])
        yield Columns(run, values)


@dataclass(frozen=True)
class _Part:
    """A stretch of like columns below, and the convolved columns of a run that it touches."""

    pieces: list[Tensor]
    """The columns, [states of the stretch, columns, bands, channels] each."""
    state: Tensor | None
    """For every state of the run the stretch's state; None if they are the same."""
    before: int
    """Columns of zeros before and after it, which stand for the other parts."""
    after: int
    touched: slice

    def rows(self, states: slice) -> Tensor:
        """Look the columns up for some states of the run."""
        state = self.state
        if state is None:
            return _joined([piece[states] for piece in self.pieces])
        return _joined([piece.index_select(0, state[states]) for piece in self.pieces])


def _joined(pieces: list[Tensor]) -> Tensor:
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=1)


def _parts(stage: LocalStage, conv: Run, window: Sequence[Columns], states: States) -> list[_Part]:
    """Part what convolved columns see of the layer below by the segments that it sees in turn."""
    needed = stage.conv_time.inputs(conv.first, conv.last)
    stretches: dict[tuple[int, int], list[Columns]] = {}
    for columns in window:
        if columns.run.first <= needed[1] and columns.run.last >= needed[0]:
            stretches.setdefault(columns.run.span, []).append(columns)
    parts = []
    for span, stretch in stretches.items():
        first = max(stretch[0].run.first, needed[0])
        last = min(stretch[-1].run.last, needed[1])
        touched = stage.conv_time.outputs(first, last)
        touched = max(touched[0], conv.first), min(touched[1], conv.last)
        if touched[0] > touched[1]:  # a stride longer than the kernel steps over columns
            continue
        sees = stage.conv_time.inputs(*touched)
        pieces = [
            columns.values[:, max(first - columns.run.first, 0) : last - columns.run.first + 1]
            for columns in stretch
        ]
        state = None
        if span != conv.span:
            state = torch.from_numpy(states.within(conv.span, span)).to(pieces[0].device)
        zeros = first - sees[0], sees[1] - last
        columns_touched = slice(touched[0] - conv.first, touched[1] - conv.first + 1)
        parts.append(_Part(pieces, state, *zeros, columns_touched))
    return parts


class _Sum:
    """The sum of all parts' contributions to a run's convolved columns."""

    def __init__(self, stage: LocalStage, conv: Run, parts: Sequence[_Part], count: int) -> None:
        self._stage, self._columns = stage, conv.columns
        self._each: list[_Part] = []
        self._once: list[tuple[slice, Tensor, Tensor]] = []
        for part in parts:
            if part.state is None or len(part.pieces[0]) * SHARE > count:
                self._each.append(part)
            else:  # few states: convolve once for each, then look it up
                y = stage.convolve(_joined(part.pieces), part.before, part.after, bias=False)
                self._once.append((part.touched, y.contiguous(), part.state))
        # What touches most starts the sum, and brings the bias.
        self._each.sort(key=lambda part: part.touched.start - part.touched.stop)

    def of(self, block: slice) -> Tensor:
        """Sum up for a block of the run's states, [states, columns, bands, channels]."""
        total: Tensor | None = None
        for part in self._each:
            first = total is None
            y = self._stage.convolve(part.rows(block), part.before, part.after, bias=first)
            if total is not None:
                total[:, part.touched] += y
            elif part.touched == slice(0, self._columns):
                total = y
            else:
                total = self._bias(block)
                total[:, part.touched] = y
        if total is None:
            total = self._bias(block)
        for touched, contribution, state in self._once:
            total[:, touched] += contribution.index_select(0, state[block])
        return total

    def _bias(self, block: slice) -> Tensor:
        shape = block.stop - block.start, self._columns, self._stage.conv_bands, 1
        return self._stage.bias.repeat(shape)
