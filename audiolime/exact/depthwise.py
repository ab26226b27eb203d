"""A convolution along time of every channel by itself, by the taps that are not zero.

The library's convolution with a group for each channel multiplies by every tap, and slowly. Where
kernels are long and mostly zero, as differences of two moments are, a few products are left of
them; and those with the zeros around a narrow patch are left out as well. The result differs from
the direct one by rounding alone.
"""

from __future__ import annotations

import torch
from torch import Tensor


class DepthwiseConvolution:
    """Convolve [states, columns, bands, channels], each channel to some channels of its own.

    Parameters
    ----------
    weight : Tensor [shape=(out channels, 1, kernel columns, 1)], float64
    bias : Tensor [shape=(out channels,)]
        Of the dtype that is computed in.
    channels : int
        They divide the out channels, which come side by side for every channel.
    dilation : int
        Along time.
    """

    def __init__(self, weight: Tensor, bias: Tensor, channels: int, dilation: int) -> None:
        taps = weight.to(bias.dtype).reshape(channels, -1, weight.shape[2])
        self._reach = (taps.shape[2] - 1) * dilation
        self._bias = bias.reshape(taps.shape[:2])
        self._taps: list[tuple[int, slice, Tensor]] = []
        for number, tap in enumerate(taps.unbind(2)):
            used = torch.nonzero((tap != 0).any(dim=0)).flatten().tolist()
            if used:
                outputs = slice(used[0], used[-1] + 1)
                self._taps.append((number * dilation, outputs, tap[:, outputs].contiguous()))

    def __call__(self, x: Tensor, padding: int, bias: bool) -> Tensor:
        """Convolve columns with `padding` columns of zeros at both ends.

        Parameters
        ----------
        x : Tensor [shape=(states, columns, bands, channels)]
        padding : int
        bias : bool
            Whether to add the bias.
        """
        states, columns, bands, _ = x.shape
        width = columns + 2 * padding - self._reach
        start = self._bias if bias else torch.zeros_like(self._bias)
        y = start.repeat(states, width, bands, 1, 1)
        for offset, outputs, tap in self._taps:
            shift = offset - padding  # output j sees input j + shift
            first, end = max(-shift, 0), min(columns - shift, width)
            if first < end:
                seen = x[:, first + shift : end + shift, :, :, None]
                y[:, first:end, :, :, outputs].addcmul_(seen, tap)
        return y.flatten(3)
