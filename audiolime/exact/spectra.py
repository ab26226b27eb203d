"""What a network hears of every local state: the STFT is linear, so spectra add up.

The spectrum of a masked track is the sum of the spectra of its components, stem by stem and
segment by segment. Where a window lies inside one segment, the stem's own spectrum serves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from audiolime.exact.local_states import Columns, States
from audiolime.exact.network import Network
from audiolime.exact.receptive_field import Run
from lemons_utils import ParameterError

BLOCK_BYTES = 8 << 20


class Spectra:
    """Spectra of stems, frame by frame.

    Parameters
    ----------
    network : Network
        Gives the STFT's parameters and what happens to every frame.
    stems : Tensor [shape=(stems, samples)], float32
    starts : ndarray [shape=(segments,)], int64
        First sample of every segment.
    dtype : torch.dtype
        What the first stage computes in.
    """

    def __init__(
        self, network: Network, stems: Tensor, starts: NDArray[np.int64], *, dtype: torch.dtype
    ) -> None:
        half = network.n_fft // 2
        samples = stems.shape[1]
        if network.window.shape != (network.n_fft,):
            raise ParameterError(
                f"the window must have n_fft = {network.n_fft} values, "
                f"got shape {tuple(network.window.shape)}"
            )
        if samples <= half:
            raise ParameterError(
                f"a track must have more than {half} samples to be reflected at its ends, "
                f"got {samples}"
            )
        self._network = network
        self._dtype = dtype
        self._padded = F.pad(stems[None], (half, half), mode="reflect")[0]
        lengths = np.diff(starts, append=samples)
        owner = np.repeat(np.arange(len(starts), dtype=np.int16), lengths)
        self._owner = torch.from_numpy(np.pad(owner, half, mode="reflect")).to(stems.device)

    @property
    def on_cpu(self) -> bool:
        """Whether the CPU computes."""
        return self._padded.device.type == "cpu"

    def columns(self, runs: Sequence[Run], states: States) -> Iterator[Columns]:
        """Compute the network's first columns run by run, for every distinct local state."""
        for run in runs:
            yield Columns(run, self._heard(run, states))

    def _heard(self, run: Run, states: States) -> Tensor:
        """Compute what the first stage gets for a run, [states, frames, bands, channels]."""
        count = states.count(*run.span)
        sums = [self._subset_sums(run, segment, states) for segment in range(run.low, run.high + 1)]
        size = max(BLOCK_BYTES // (sums[0][0][0].numel() * 8), 1)
        heard = []
        for start in range(0, count, size):
            block = slice(start, min(start + size, count))
            total = sums[0][0].index_select(0, sums[0][1][block])
            for spectra, row in sums[1:]:
                total += spectra.index_select(0, row[block])
            heard.append(self._network.from_spectrum(total).permute(0, 3, 2, 1).to(self._dtype))
        return torch.cat(heard).contiguous()

    def _subset_sums(self, run: Run, segment: int, states: States) -> tuple[Tensor, Tensor]:
        """Sum one segment's stems for every subset of them; and each state's row in that."""
        subsets, row = np.unique(states.subset(run.span, segment), return_inverse=True)
        spectra = self._segment_spectra(run, None if run.low == run.high else segment)
        stems = len(spectra)
        on = torch.from_numpy((subsets[:, None] >> np.arange(stems)) & 1).to(spectra.device)
        real = torch.view_as_real(spectra)
        total = (on.to(real.dtype) @ real.reshape(stems, -1)).reshape(len(on), *real.shape[1:])
        return torch.view_as_complex(total), torch.from_numpy(row).to(spectra.device)

    def _segment_spectra(self, run: Run, segment: int | None) -> Tensor:
        """Spectra of the stems, silent outside a segment, [stems, bins, frames]."""
        hop, n_fft = self._network.hop_length, self._network.n_fft
        samples = slice(run.first * hop, run.last * hop + n_fft)
        waveform = self._padded[:, samples]
        if segment is not None:
            waveform = waveform * (self._owner[samples] == segment)
        frames = waveform.unfold(1, n_fft, hop) * self._network.window
        spectra: Tensor = torch.fft.rfft(frames)
        return spectra.transpose(1, 2)
