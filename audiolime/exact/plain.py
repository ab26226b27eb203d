"""The plain engine: every mask's waveform is composed, and the network runs on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from audiolime.components import Components
from audiolime.components.stem_factorization import TimeSourceFactorization
from audiolime.exact.answers import MaskAnswers
from audiolime.neighbourhood import evaluate
from lemons_processes import full_precision
from lemons_utils import SAMPLE_RATE


class PlainEngine(MaskAnswers):
    """A network's answers to masks by one forward pass for every different mask.

    Parameters
    ----------
    network : callable
        Maps waveforms [batch, samples] to logits [batch, 1]; in evaluation mode.
    stems : ndarray [shape=(S, samples)], float32
    segments : sequence of (start, end) [samples]
    batch_size : int
        How many masks the network runs on at once.
    device : torch.device or str
        Where the network takes waveforms.
    """

    def __init__(
        self,
        network: Callable[[Tensor], Tensor],
        stems: NDArray[np.float32],
        segments: Sequence[tuple[int, int]],
        *,
        batch_size: int = 4,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__()
        named = {str(number): stem for number, stem in enumerate(stems)}
        self._factorization = TimeSourceFactorization(named, SAMPLE_RATE, list(segments))
        self._network, self._batch_size, self._device = network, batch_size, device
        self._size = len(segments), len(stems)

    def components(self, kind: str) -> Components:
        """Return the track's components of some kind, with stems numbered from 1."""
        return Components.numbered(kind, *self._size)

    def evaluate(self, masks: ArrayLike) -> NDArray[np.float64]:
        """Compute the logits [n] of masks over cells [n, T * S], index = segment * S + stem."""
        answers = evaluate(self._factorization, self._logits, masks, batch_size=self._batch_size)
        return answers[:, 0]

    @full_precision()
    @torch.inference_mode()
    def _logits(self, waveforms: NDArray[np.float32]) -> NDArray[np.float64]:
        logits = self._network(torch.as_tensor(waveforms).to(self._device))
        return np.asarray(logits.double().cpu().numpy())
