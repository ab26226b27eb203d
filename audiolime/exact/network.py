"""What the exact engine must know of a network: two Protocols.

A network satisfies them by its shape (both of `recsys.model` do); it imports nothing from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from lemons_utils import ParameterError


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
    4. `fc`, a linear layer over the channels' statistics named in `head_statistics`
       (`mean` and `max` over all bands and columns), concatenated in that order.
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
    def fc(self) -> nn.Linear:
        """The last layer: one output."""

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
    """Weights of a head, parted by statistic; a missing statistic has no channels."""

    mean_weight: Tensor
    max_weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, network: Network) -> HeadParts:
        """Take the head of a network apart."""
        statistics = list(network.head_statistics)
        if not statistics or len(set(statistics)) < len(statistics):
            raise ParameterError(f"head_statistics must name mean, max or both, got {statistics}")
        weight = network.fc.weight.detach()
        if weight.shape[0] != 1 or weight.shape[1] % len(statistics):
            raise ParameterError(
                f"the head must map {len(statistics)} statistics of every channel to one logit, "
                f"got a weight of shape {tuple(weight.shape)}"
            )
        parts = dict(zip(statistics, weight[0].chunk(len(statistics)), strict=True))
        if unknown := set(parts) - {"mean", "max"}:
            raise ParameterError(f"head_statistics must be mean or max, got {sorted(unknown)}")
        bias = network.fc.bias
        return cls(
            mean_weight=parts.get("mean", weight.new_zeros(weight.shape[1] // len(statistics))),
            max_weight=parts.get("max", weight.new_zeros(0)),
            bias=weight.new_zeros(()) if bias is None else bias.detach()[0],
        )
