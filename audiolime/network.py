"""What the exact engine must know of a network: two Protocols, and the network in local form.

A network satisfies them by its shape (`recsys.model.FCN` does); it imports nothing from here.
The engine keeps time before frequency: its tensors are [states, channels, columns, bands] in
channels-last memory, so that a stretch of time is one stretch of memory, and the padded ends
of a narrow patch cost nothing in a convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from audiolime.receptive_field import Window
from lemons_utils import ParameterError


class Stage(Protocol):
    """One local stage: convolution, normalisation, ReLU, pooling, in this order."""

    @property
    def conv(self) -> nn.Conv2d:
        """Convolution over [bands, frames], zero padded, one group."""

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
class Head:
    """Weights of the head, parted by statistic; a missing statistic has no channels."""

    mean_weight: Tensor
    max_weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, network: Network) -> Head:
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


class LocalStage:
    """One stage with its normalisation folded into the convolution before it.

    In evaluation mode a normalisation is y -> a y + b per channel, so conv followed by it is
    the convolution with weights a w and bias a (c - mean) + b.

    Parameters
    ----------
    stage : Stage
    bands : int
        How many enter it.
    dtype : torch.dtype
        What the convolution computes in.
    """

    def __init__(self, stage: Stage, bands: int, *, dtype: torch.dtype) -> None:
        conv, pool = stage.conv, stage.pool
        _check(conv, pool)
        weight, bias = _fold(conv, stage.bn)
        time_first = weight.transpose(2, 3).to(dtype)
        self.weight = time_first.contiguous(memory_format=torch.channels_last)
        self.bias = bias.to(dtype)
        self.band_stride, self.stride = _pair(conv.stride)
        self.band_padding = _pair(conv.padding)[0]
        self.band_dilation, self.dilation = _pair(conv.dilation)
        reach = (self.weight.shape[2] - 1) * self.dilation + 1
        self.conv_time = Window(reach, self.stride, _pair(conv.padding)[1])
        self.pool = pool
        kernel, stride, padding = _pooling(pool)
        self.pool_time = Window(kernel[1], stride[1], padding[1])
        self.pool_bands = Window(kernel[0], stride[0], padding[0])
        reach = (self.weight.shape[3] - 1) * self.band_dilation + 1
        self.conv_bands = Window(reach, self.band_stride, self.band_padding).width(bands)
        self.bands = self.pool_bands.width(self.conv_bands)

    def width(self, columns: int) -> int:
        """Columns that leave the stage when so many enter it."""
        return self.pool_time.width(self.conv_time.width(columns))

    def convolve(self, x: Tensor, before: int, after: int, *, bias: bool) -> Tensor:
        """Convolve columns that have `before` and `after` columns of zeros around them.

        Parameters
        ----------
        x : Tensor [shape=(states, channels, columns, bands)]
        before, after : int
            Negative counts cut columns off instead.
        bias : bool
            Whether to add the bias, or leave that to another part of the sum.
        """
        x = x[:, :, max(-before, 0) : x.shape[2] - max(-after, 0)]
        before, after = max(before, 0), max(after, 0)
        padding = max(before, after)
        if self.stride == 1:  # the library skips zeros of its own padding: never multiply them
            first, last = padding - before, padding - after
        else:
            x = F.pad(x, (0, 0, before, after))
            first = last = padding = 0
        y = F.conv2d(
            x.contiguous(memory_format=torch.channels_last),
            self.weight,
            self.bias if bias else None,
            stride=(self.stride, self.band_stride),
            padding=(padding, self.band_padding),
            dilation=(self.dilation, self.band_dilation),
        )
        return y[:, :, first : y.shape[2] - last]

    def finish(self, y: Tensor, before: int, after: int) -> Tensor:
        """ReLU and pooling; `before` and `after` count the pooling's own padded columns."""
        if self.pool is None:
            return F.relu(y)
        kernel = (self.pool_time.kernel, self.pool_bands.kernel)
        stride = (self.pool_time.stride, self.pool_bands.stride)
        padding = (0, self.pool_bands.padding)
        if isinstance(self.pool, nn.MaxPool2d):  # ReLU is monotone: it may follow the maximum
            if before or after:
                y = F.pad(y, (0, 0, before, after), value=-torch.inf)
            if kernel == stride == (2, 2) and padding == (0, 0):
                return F.relu_(_largest_of_four(y))
            return F.relu_(F.max_pool2d(y, kernel, stride, padding))
        y = F.relu(y)
        if before or after:
            y = F.pad(y, (0, 0, before, after))
        return F.avg_pool2d(y, kernel, stride, padding)


def _largest_of_four(y: Tensor) -> Tensor:
    """2 x 2 maxima as two vectorised passes; the library's own also records where they were."""
    columns, bands = y.shape[2] // 2 * 2, y.shape[3] // 2 * 2
    y = torch.maximum(y[:, :, 0:columns:2, :bands], y[:, :, 1:columns:2, :bands])
    return torch.maximum(y[..., 0::2], y[..., 1::2])


def _fold(conv: nn.Conv2d, bn: nn.BatchNorm2d | None) -> tuple[Tensor, Tensor]:
    weight = conv.weight.detach().double()
    bias = weight.new_zeros(len(weight)) if conv.bias is None else conv.bias.detach().double()
    if bn is None:
        return weight, bias
    if bn.running_mean is None or bn.running_var is None:
        raise ParameterError("normalisation must keep running statistics to be folded")
    scale = (bn.running_var.double() + bn.eps).rsqrt()
    shift = -bn.running_mean.double() * scale
    if bn.affine:
        scale = scale * bn.weight.detach().double()
        shift = shift * bn.weight.detach().double() + bn.bias.detach().double()
    return weight * scale[:, None, None, None], bias * scale + shift


def _pair(value: object) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    if isinstance(value, tuple) and len(value) == 2:
        return int(value[0]), int(value[1])
    raise ParameterError(f"expected a number or a pair of numbers, got {value!r}")


def _pooling(pool: nn.Module | None) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Kernel, stride and padding, each [bands, frames]."""
    if pool is None:
        return (1, 1), (1, 1), (0, 0)
    if isinstance(pool, (nn.MaxPool2d, nn.AvgPool2d)):
        return _pair(pool.kernel_size), _pair(pool.stride), _pair(pool.padding)
    raise ParameterError(f"pooling must be MaxPool2d, AvgPool2d or None, got {pool}")


def _check(conv: nn.Conv2d, pool: nn.Module | None) -> None:
    if conv.groups != 1 or conv.padding_mode != "zeros":
        raise ParameterError(f"a convolution must have one group and zero padding, got {conv}")
    if getattr(pool, "ceil_mode", False) or getattr(pool, "dilation", 1) not in (1, (1, 1)):
        raise ParameterError(f"pooling with ceil_mode or dilation is not local enough: {pool}")
    if isinstance(pool, nn.AvgPool2d) and (
        pool.divisor_override or (_pair(pool.padding) != (0, 0) and not pool.count_include_pad)
    ):
        raise ParameterError(f"mean pooling must divide by its kernel's size everywhere: {pool}")
