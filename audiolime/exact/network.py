"""What the exact engine must know of a network: two Protocols.

A network satisfies them by its shape (both of `recsys.model` do); it imports nothing from here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lemons_utils import ParameterError, first_line


class Stage(Protocol):
    """One local stage: convolution, normalisation, ReLU, pooling, in this order."""

    @property
    def conv(self) -> nn.Conv2d:
        """Convolution over [bands, frames], zero padded, of any number of groups."""

    @property
    def bn(self) -> nn.BatchNorm2d | None:
        """Normalisation of the convolution's channels, if any."""

    @property
    def pool(self) -> nn.Module | None:
        """`MaxPool2d` or `AvgPool2d` over [bands, frames], or None."""


class Network(Protocol):
    """A network that is linear up to its STFT, then local, then a head over means and maxima.

    Called with waveforms [batch, samples] it returns logits [batch, 1]; what it computes is

    1. `torch.stft` with `n_fft`, `hop_length` and `window`, centred, with reflected ends;
    2. `from_spectrum`, which treats every frame by itself;
    3. the `stages`;
    4. `fc`, the head over the channels' statistics named in `head_statistics` (`mean` and `max`
       over all bands and columns), concatenated in that order: a linear layer, or any module
       that treats every row by itself. It may have several outputs, one of which is explained.
    """

    n_fft: int
    hop_length: int

    @property
    def window(self) -> Tensor:
        """Window of the STFT, [n_fft]."""

    @property
    def stages(self) -> Sequence[Stage]:
        """The local stages, first to last."""

    @property
    def fc(self) -> nn.Module:
        """The head: statistics [n, statistics * channels] -> outputs [n, outputs]."""

    @property
    def head_statistics(self) -> Sequence[str]:
        """`mean`, `max` or both, in the order of the head's inputs."""

    @property
    def training(self) -> bool:
        """Whether the network is in training mode."""

    def from_spectrum(self, spectra: Tensor) -> Tensor:
        """Complex [batch, n_fft // 2 + 1, frames] -> real [batch, channels, bands, frames]."""


@dataclass(frozen=True)
class HeadParts:
    """A head, parted by statistic; a missing statistic has no channels.

    A linear head has weights. Any other has zeros in their place, and a `function` that maps
    channel means [n, C] and channel maxima [n, C], float64, to logits [n].
    """

    mean_weight: Tensor
    max_weight: Tensor
    bias: Tensor
    function: Callable[[NDArray[Any], NDArray[Any]], NDArray[np.float64]] | None = None

    @property
    def directions(self) -> Tensor:
        """What the channels' sums are weighted by [D, C]: the head's weights, or each by itself."""
        if self.function is None:
            return self.mean_weight[None]
        return torch.eye(len(self.mean_weight), device=self.mean_weight.device)

    @classmethod
    def of(cls, network: Network, output: int | None = None) -> HeadParts:
        """Take the head of a network apart, for one of its outputs.

        Raises
        ------
        ParameterError
            If statistics or outputs are others than there are, or none of several is named.
        """
        statistics = list(network.head_statistics)
        if not statistics or len(set(statistics)) < len(statistics):
            raise ParameterError(f"head_statistics must name mean, max or both, got {statistics}")
        if unknown := set(statistics) - {"mean", "max"}:
            raise ParameterError(f"head_statistics must be mean or max, got {sorted(unknown)}")
        channels = network.stages[-1].conv.out_channels
        fc, width = network.fc, channels * len(statistics)
        device = network.window.device
        output = _chosen(fc, torch.zeros(1, width, device=device), output)
        if not isinstance(fc, nn.Linear):
            return cls(
                mean_weight=torch.zeros(channels, device=device),
                max_weight=torch.zeros(channels * ("max" in statistics), device=device),
                bias=torch.zeros((), device=device),
                function=partial(_run_head, fc, statistics, output, device),
            )
        weight = fc.weight.detach()[output]
        parts = dict(zip(statistics, weight.chunk(len(statistics)), strict=True))
        return cls(
            mean_weight=parts.get("mean", weight.new_zeros(channels)),
            max_weight=parts.get("max", weight.new_zeros(0)),
            bias=weight.new_zeros(()) if fc.bias is None else fc.bias.detach()[output],
        )


@torch.inference_mode()
def _chosen(fc: nn.Module, zeros: Tensor, output: int | None) -> int:
    """Find out how many outputs a head has, and check which is explained."""
    try:
        shape = tuple(fc(zeros).shape)
    except RuntimeError as error:
        raise ParameterError(
            f"the head must take {zeros.shape[1]} statistics of the channels: {first_line(error)}"
        ) from error
    if len(shape) != 2 or shape[0] != 1:
        raise ParameterError(f"the head must map statistics [n, k] to [n, outputs], got {shape}")
    if output is None and shape[1] > 1:
        raise ParameterError(f"the network has {shape[1]} outputs: say which, as in output=0")
    if not 0 <= (output or 0) < shape[1]:
        raise ParameterError(f"outputs are numbered 0 to {shape[1] - 1}, got {output}")
    return output or 0


@torch.inference_mode()
def _run_head(
    fc: nn.Module,
    statistics: Sequence[str],
    output: int,
    device: torch.device,
    means: NDArray[Any],
    maxima: NDArray[Any],
) -> NDArray[np.float64]:
    """Run a head on float32 statistics, as the network does."""
    parts = {"mean": means, "max": maxima}
    rows = np.concatenate([parts[name] for name in statistics], axis=1)
    outputs = fc(torch.as_tensor(rows, dtype=torch.float32, device=device))
    return np.asarray(outputs[:, output].double().cpu().numpy())
