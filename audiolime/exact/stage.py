"""A local stage on its own: convolution with folded normalisation, ReLU, pooling.

Time comes before frequency: tensors are [states, columns, bands, channels], contiguous, so
that a stretch of time is a stretch of memory, and the zeros around a narrow patch, which the
convolution adds by itself, cost nothing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from audiolime.exact.depthwise import DepthwiseConvolution
from audiolime.exact.network import Stage
from audiolime.exact.receptive_field import Window
from audiolime.exact.winograd import TILE, BandConvolution
from lemons_processes import full_precision
from lemons_utils import ParameterError

MANY = 64
"""From so many channels on, multiplications cost more than rearranging them to save some."""


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
        weight, bias = fold(conv, stage.bn)
        weight = weight.transpose(2, 3)
        self.bias = bias.to(dtype)
        self._weight = weight.to(dtype).contiguous(memory_format=torch.channels_last)
        self._dilation = _pair(conv.dilation)[::-1]
        self._groups = conv.groups
        self._over_bands, self.conv_time = _sliding(conv)
        self.conv_bands = self._over_bands.width(bands)
        self._fast = self._faster(weight, bands)
        self.pool = pool
        self.pool_bands, self.pool_time = _pooling(pool)
        self.bands = self.pool_bands.width(self.conv_bands)

    def _faster(self, weight: Tensor, bands: int) -> BandConvolution | DepthwiseConvolution | None:
        """Choose a convolution that does with fewer multiplications than the library's."""
        plain = self.conv_time.stride == 1 and self._over_bands.stride == 1
        if not plain or (self.bias.device.type, self.bias.dtype) != ("cpu", torch.float32):
            return None
        channels = weight.shape[1] * self._groups
        if self._groups == channels > 1 and self._over_bands == Window(1, 1, 0):
            return DepthwiseConvolution(weight, self.bias, channels, self._dilation[0])
        three = self._over_bands == Window(3, 1, 1) and self._dilation == (1, 1)
        if three and self._groups == 1 and channels >= MANY and bands >= MANY // 2:
            return BandConvolution(weight, self.bias) if bands % TILE == 0 else None
        return None

    def width(self, columns: int) -> int:
        """Columns that leave the stage when so many enter it."""
        return self.pool_time.width(self.conv_time.width(columns))

    def convolve(self, x: Tensor, before: int, after: int, *, bias: bool) -> Tensor:
        """Convolve columns that have `before` and `after` columns of zeros around them.

        Parameters
        ----------
        x : Tensor [shape=(states, columns, bands, channels)]
        before, after : int
            Negative counts cut columns off instead.
        bias : bool
            Whether to add the bias, or leave that to another part of the sum.
        """
        x = x[:, max(-before, 0) : x.shape[1] - max(-after, 0)]
        before, after = max(before, 0), max(after, 0)
        first = last = padding = 0
        if self.conv_time.stride == 1:
            # The library pads both ends alike, and multiplies nothing with its own zeros.
            padding = max(before, after)
            first, last = padding - before, padding - after
        else:
            x = F.pad(x, (0, 0, 0, 0, before, after))
        y = (self._fast or self._convolve)(x, padding, bias)
        return y[:, first : y.shape[1] - last]

    def _convolve(self, x: Tensor, padding: int, bias: bool) -> Tensor:
        with full_precision():
            y = F.conv2d(
                x.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last),
                self._weight,
                self.bias if bias else None,
                stride=(self.conv_time.stride, self._over_bands.stride),
                padding=(padding, self._over_bands.padding),
                dilation=self._dilation,
                groups=self._groups,
            )
        return y.permute(0, 2, 3, 1)

    def finish(self, y: Tensor, before: int, after: int, out: Tensor) -> None:
        """ReLU and pooling of convolved columns, which are spoilt.

        Parameters
        ----------
        y : Tensor [shape=(states, columns, bands, channels)]
        before, after : int
            Columns of the pooling's own padding.
        out : Tensor
            Takes the result.
        """
        if self.pool is None:
            torch.clamp_min(y, 0, out=out)
            return
        maximum = isinstance(self.pool, nn.MaxPool2d)
        if maximum and (self.pool_time, self.pool_bands) == (PAIRS, PAIRS):
            torch.maximum(*_in_pairs(torch.maximum(*_in_pairs(y, 1)), 2), out=out)
            out.relu_()  # monotone, so it may follow the maximum
            return
        y = F.pad(y.relu_(), (0, 0, 0, 0, before, after), value=-torch.inf if maximum else 0.0)
        pool = F.max_pool2d if maximum else F.avg_pool2d
        pooled = pool(
            y.permute(0, 3, 1, 2),
            (self.pool_time.kernel, self.pool_bands.kernel),
            (self.pool_time.stride, self.pool_bands.stride),
            (0, self.pool_bands.padding),
        )
        out.copy_(pooled.permute(0, 2, 3, 1))


PAIRS = Window(2, 2, 0)
"""Pooling by two."""


def _in_pairs(y: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Take neighbours apart; what has none is dropped."""
    even, odd = (y[(slice(None),) * dim + (slice(start, None, 2),)] for start in (0, 1))
    return even.narrow(dim, 0, odd.shape[dim]), odd


def fold(conv: nn.Conv2d, bn: nn.BatchNorm2d | None) -> tuple[Tensor, Tensor]:
    """Compute weight and bias, float64, of a convolution and the normalisation after it."""
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


def _sliding(conv: nn.Conv2d) -> tuple[Window, Window]:
    """How a convolution slides over bands, and over columns."""
    taps = zip(_pair(conv.kernel_size), _pair(conv.dilation), strict=True)
    reach = [(kernel - 1) * dilation + 1 for kernel, dilation in taps]
    sizes = zip(reach, _pair(conv.stride), _pair(conv.padding), strict=True)
    bands, columns = (Window(*size) for size in sizes)
    return bands, columns


def _pooling(pool: nn.Module | None) -> tuple[Window, Window]:
    """How pooling slides over bands, and over columns."""
    if pool is None:
        return Window(1, 1, 0), Window(1, 1, 0)
    if not isinstance(pool, (nn.MaxPool2d, nn.AvgPool2d)):
        raise ParameterError(f"pooling must be MaxPool2d, AvgPool2d or None, got {pool}")
    sizes = zip(_pair(pool.kernel_size), _pair(pool.stride), _pair(pool.padding), strict=True)
    bands, columns = (Window(*size) for size in sizes)
    return bands, columns


def _check(conv: nn.Conv2d, pool: nn.Module | None) -> None:
    if conv.padding_mode != "zeros":
        raise ParameterError(f"a convolution must have zero padding, got {conv}")
    if getattr(pool, "ceil_mode", False) or getattr(pool, "dilation", 1) not in (1, (1, 1)):
        raise ParameterError(f"pooling with ceil_mode or dilation is not local enough: {pool}")
    if isinstance(pool, nn.AvgPool2d) and (
        pool.divisor_override or (_pair(pool.padding) != (0, 0) and not pool.count_include_pad)
    ):
        raise ParameterError(f"mean pooling must divide by its kernel's size everywhere: {pool}")
