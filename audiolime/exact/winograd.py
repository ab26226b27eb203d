"""A 3 x 3 convolution with half the multiplications along the bands.

Winograd's F(4, 3): four neighbouring outputs of a three-tap filter come from six products
instead of twelve. Along time the filter stays as it is, so that the zeros around a narrow patch
are still never multiplied. The result differs from the direct one by rounding alone.

A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_FILTER = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
"""G: three taps become six."""

TILE = 4
"""Outputs that are computed together."""


class BandConvolution:
    """Convolve [states, columns, bands, channels] with a 3 x 3 filter, one band padded each side.

    Parameters
    ----------
    weight : Tensor [shape=(out channels, channels, 3 columns, 3 bands)], float64
    bias : Tensor [shape=(out channels,)]
        Of the dtype that is computed in.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        taps = torch.tensor(_FILTER, dtype=weight.dtype, device=weight.device)
        six = torch.einsum("kj,octj->koct", taps, weight).to(bias.dtype)
        self._weights = [w[..., None].contiguous(memory_format=torch.channels_last) for w in six]
        self._bias = bias

    def __call__(self, x: Tensor, padding: int, bias: bool) -> Tensor:
        """Convolve columns with `padding` columns of zeros at both ends.

        Parameters
        ----------
        x : Tensor [shape=(states, columns, bands, channels)]
            Bands a multiple of four.
        padding : int
        bias : bool
            Whether to add the bias.
        """
        # All four outputs of a tile have the second product with factor one: it brings the bias.
        products = [
            F.conv2d(
                part.permute(0, 3, 1, 2),
                weight,
                self._bias if bias and number == 1 else None,
                padding=(padding, 0),
            ).permute(0, 2, 3, 1)
            for number, (part, weight) in enumerate(zip(_split(x), self._weights, strict=True))
        ]
        return _join(products)


def _split(x: Tensor) -> Tensor:
    """Turn every tile and its neighbours into six values, [6, states, columns, tiles, channels].

    A tile of outputs 4 i ... 4 i + 3 sees the inputs 4 i - 1 ... 4 i + 4, here d0 ... d5.
    """
    states, columns, bands, channels = x.shape
    d1, d2, d3, d4 = (x[:, :, band::TILE] for band in range(TILE))
    six = x.new_empty(6, states, columns, bands // TILE, channels)
    torch.sub(d4, d2, alpha=5, out=six[0])
    six[0, :, :, 1:].add_(d4[:, :, :-1], alpha=4)
    torch.mul(d1, 4, out=six[5]).sub_(d3, alpha=5)
    six[5, :, :, :-1].add_(d1[:, :, 1:])
    even, odd = torch.sub(d4, d2, alpha=4), torch.sub(d3, d1, alpha=4)
    torch.add(even, odd, out=six[1])
    torch.sub(even, odd, out=six[2])
    torch.sub(d4, d2, out=even)
    torch.sub(d3, d1, out=odd)
    torch.add(even, odd, alpha=2, out=six[3])
    torch.sub(even, odd, alpha=2, out=six[4])
    return six


def _join(products: list[Tensor]) -> Tensor:
    """Turn six products per tile into four outputs, [states, columns, bands, channels]."""
    m0, m1, m2, m3, m4, m5 = products
    states, columns, tiles, channels = m0.shape
    four = m0.new_empty(states, columns, tiles, TILE, channels)
    y0, y1, y2, y3 = (four[:, :, :, number] for number in range(TILE))
    near, near_odd = m1 + m2, torch.sub(m1, m2, out=m1)
    far, far_odd = m3 + m4, torch.sub(m3, m4, out=m3)
    torch.add(m0, near, out=y0).add_(far)
    torch.add(near_odd, far_odd, alpha=2, out=y1)
    torch.add(near, far, alpha=4, out=y2)
    torch.add(near_odd, far_odd, alpha=8, out=y3).add_(m5)
    return four.view(states, columns, tiles * TILE, channels)
