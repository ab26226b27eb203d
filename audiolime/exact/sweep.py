"""One sweep over a track: all layers of a network, for all distinct local states of some masks.

Plans which columns see what (`receptive_field`), computes them (`spectra`, `local_states`), and
reduces the last layer to what the head needs of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from audiolime.exact.local_states import Columns, States, advance
from audiolime.exact.network import HeadParts, Network
from audiolime.exact.receptive_field import Run, Spans, cut, frame_spans, runs_of, widen
from audiolime.exact.spectra import Spectra
from audiolime.exact.stage import LocalStage
from lemons_processes import freed_memory_kept
from lemons_utils import ParameterError

CHUNK_FRAMES = 64
"""Pure columns are computed so many frames at a time, so that they stay in the cache."""

GPU_CHUNK_FRAMES = 512
"""A GPU has no such cache, and wants more work at a time."""

RUN_BYTES = 128 << 20
"""A run is cut when its columns for all of its states would need more than this."""

SWEEP_BYTES = 1 << 30
"""What all layers may hold where every column needs every mask."""


@dataclass(frozen=True)
class Reduced:
    """What heads need of a run of the last layer, for every local state.

    `sums` [states, D] float64 are along directions, `maxima` [states, C] are by channel.
    """

    low: int
    high: int
    sums: NDArray[np.float64]
    maxima: NDArray[np.float32]


class Sweep:
    """A network over the stems and segments of one track, ready to go through it.

    Parameters
    ----------
    network : Network
    stems : Tensor [shape=(stems, samples)], float32, on the network's device
    starts : ndarray [shape=(segments,)], int64
        First sample of every segment.
    dtype : torch.dtype
        What the stages compute in.
    output : int, optional
        Which output of the network is explained.
    """

    def __init__(
        self,
        network: Network,
        stems: Tensor,
        starts: NDArray[np.int64],
        *,
        dtype: torch.dtype,
        output: int | None = None,
    ) -> None:
        self.head = HeadParts.of(network, output)
        self._spectra = Spectra(network, stems, starts, dtype=dtype)
        window = torch.nonzero(network.window).flatten()
        spans = frame_spans(
            starts,
            stems.shape[1],
            hop_length=network.hop_length,
            half=network.n_fft // 2,
            support=(int(window[0]), int(window[-1])),
        )
        _, channels, bands, _ = network.from_spectrum(
            torch.zeros(1, network.n_fft // 2 + 1, 1, dtype=torch.complex64, device=stems.device)
        ).shape
        self._stages: list[LocalStage] = []
        self._layers: list[Spans] = [spans]
        self._column_bytes = [4 * channels * bands]
        for stage in network.stages:
            local = LocalStage(stage, bands, dtype=dtype)
            if local.width(len(spans[0])) < 1 or local.bands < 1:
                raise ParameterError(
                    f"a track of {stems.shape[1]:,} samples is too short for the network: nothing "
                    f"is left after stage {len(self._layers)}; pad it or take a longer excerpt"
                )
            spans, bands = widen(widen(spans, local.conv_time), local.pool_time), local.bands
            self._stages.append(local)
            self._layers.append(spans)
            self._column_bytes.append(4 * len(local.bias) * bands)
        self._cells = len(spans[0]) * bands

    @property
    def closed(self) -> bool:
        """Whether every column sees at most two segments."""
        low, high = self._layers[-1]
        return bool((high - low <= 1).all())

    @property
    def masks_at_once(self) -> int:
        """How many masks a sweep can hold where every column needs each of them."""
        held = 0
        for stage, size in zip(self._stages, self._column_bytes, strict=False):
            stride = stage.conv_time.stride * stage.pool_time.stride
            held += size * (stage.conv_time.kernel + 2 * stride)
        return max(SWEEP_BYTES // held, 1)

    @torch.inference_mode()
    def through(self, states: States, directions: Tensor) -> Iterator[Reduced]:
        """Go through the track from left to right; yield what heads need, run by run.

        Parameters
        ----------
        states : States
        directions : Tensor [shape=(D, channels)]
            What the channels' sums are weighted by.
        """
        layers = self._runs(states)
        columns = self._spectra.columns(layers[0], states)
        for stage, runs, below in zip(self._stages, layers[1:], self._layers, strict=False):
            columns = advance(stage, runs, len(below[0]), columns, states)
        weights = directions.to(self.head.mean_weight.device).double().T
        with freed_memory_kept():  # which is an eighth of the time
            for last in columns:
                yield self._reduce(last, weights)

    def _reduce(self, columns: Columns, weights: Tensor) -> Reduced:
        values = columns.values.float()
        sums = values.sum((1, 2)).double() @ weights / self._cells
        takes_maxima = len(self.head.max_weight) > 0
        maxima = values.amax((1, 2)) if takes_maxima else values.new_empty(len(values), 0)
        return Reduced(*columns.run.span, sums.cpu().numpy(), maxima.cpu().numpy())

    def _runs(self, states: States) -> list[list[Run]]:
        """Part all layers into runs, cut where they would be large."""
        layers = []
        chunk = float(CHUNK_FRAMES if self._spectra.on_cpu else GPU_CHUNK_FRAMES)
        for number, (spans, size) in enumerate(zip(self._layers, self._column_bytes, strict=True)):
            if number:
                stage = self._stages[number - 1]
                chunk /= stage.conv_time.stride * stage.pool_time.stride
            runs = []
            for run in runs_of(spans):
                fits = RUN_BYTES // (size * states.count(*run.span))
                wanted = int(chunk) if run.low == run.high else run.columns
                runs += cut(run, max(min(fits, wanted), 1))
            layers.append(runs)
        return layers
