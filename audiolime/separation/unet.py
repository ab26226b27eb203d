"""The U-Net by which Spleeter estimates the spectrogram of one stem."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_CHANNELS = (2, 16, 32, 64, 128, 256, 512)
_PADDING = (1, 2, 1, 2)


class UNet(nn.Module):
    """Six strided convolutions down, six transposed ones up, a sigmoid mask on the input.

    Jansson et al.: "Singing voice separation with deep U-Net convolutional networks", ISMIR
    2017, as in Hennequin et al.: "Spleeter: a fast and efficient music source separation tool
    with pre-trained models", JOSS 2020. Parameters have the names of the torch conversion of
    Deezer's weights. It differs from a plain U-Net in three ways: the convolutions pad one before
    and two behind, as Keras does for a kernel of 5 and a stride of 2; the skip connections and
    the bottleneck take the convolutions before normalisation; on the way up the activation comes
    before the normalisation.
    """

    def __init__(self) -> None:
        super().__init__()
        for level in range(1, 7):
            before, after = _CHANNELS[level - 1], _CHANNELS[level]
            # The published names count a padding layer: the convolution comes second.
            convolution = nn.Conv2d(before, after, kernel_size=5, stride=2)
            self.add_module(f"down{level}_conv", nn.Sequential(nn.Identity(), convolution))
            self.add_module(
                f"down{level}_act",
                nn.Sequential(nn.BatchNorm2d(after, eps=1e-3), nn.LeakyReLU(0.2)),
            )
        for level in range(1, 7):
            before = _CHANNELS[7 - level] * (1 if level == 1 else 2)
            after = _CHANNELS[6 - level] if level < 6 else 1
            self.add_module(
                f"up{level}",
                nn.Sequential(
                    nn.ConvTranspose2d(before, after, kernel_size=5, stride=2),
                    nn.Identity(),
                    nn.ReLU(),
                    nn.BatchNorm2d(after, eps=1e-3),
                ),
            )
        self.up7 = nn.Sequential(nn.Conv2d(1, 2, kernel_size=4, dilation=2, padding=3))

    def forward(self, magnitude: Tensor) -> Tensor:
        """Estimate the magnitude spectrogram of one stem.

        Parameters
        ----------
        magnitude : Tensor [shape=(batch, 2, frames, bins)]
            Both multiples of 64.

        Returns
        -------
        Tensor, same shape, between 0 and `magnitude`
        """
        skips: list[Tensor] = []
        hidden = magnitude
        for level in range(1, 7):
            padded = functional.pad(hidden, _PADDING)
            skips.append(self.get_submodule(f"down{level}_conv")(padded))
            hidden = self.get_submodule(f"down{level}_act")(skips[-1])
        hidden = skips.pop()
        for level in range(1, 7):
            convolution, _, activation, norm = self.get_submodule(f"up{level}").children()
            frames, bins = 2 * hidden.shape[2], 2 * hidden.shape[3]
            grown = convolution(hidden)[:, :, 1 : 1 + frames, 1 : 1 + bins]
            hidden = norm(activation(grown))
            if skips:
                hidden = torch.cat([skips.pop(), hidden], dim=1)
        return torch.sigmoid(self.up7(hidden)) * magnitude
