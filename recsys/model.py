"""The network that maps waveforms to a listener's logits: five convolutional blocks.

Layers and parameter names are the published network's, so that published weights load. The
network is fully convolutional and takes any length of half a second or more.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from recsys.melspectrogram import HOP_LENGTH, N_FFT, LogMel, check_waveforms

CHANNELS = (1, 64, 128, 128, 128, 64)
"""Channels before the first block and after each of the five."""

FRAMES_PER_COLUMN = 2 ** (len(CHANNELS) - 1)
"""Frames of one output column, after five poolings by two."""

MIN_SAMPLES = (FRAMES_PER_COLUMN - 1) * HOP_LENGTH
"""Length of the shortest waveform, which yields one output column: 7,936 samples."""


class Block(nn.Module):
    """3x3 convolution, batch normalisation, ReLU, 2x2 max pooling."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.bn = nn.BatchNorm2d(out_channels)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        """Map [batch, in, height, width] to [batch, out, height // 2, width // 2]."""
        return self.after_convolution(self.conv(x))

    def after_convolution(self, x: Tensor) -> Tensor:
        """Apply the layers after the convolution."""
        # Maximum and ReLU commute; pooling first leaves the ReLU a quarter of the work.
        return torch.relu(self.pool(self.bn(x)))


class FCN(nn.Module):
    """Fully convolutional network that scores the relevance of audio to one listener.

    A fresh network has Xavier-uniform weights (gain sqrt 2) and zero biases, drawn from
    torch's global generator.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spec = LogMel()
        self.spec_bn = nn.BatchNorm2d(1)
        self.layer1, self.layer2, self.layer3, self.layer4, self.layer5 = (
            Block(before, after) for before, after in itertools.pairwise(CHANNELS)
        )
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(2 * CHANNELS[-1], 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight, gain=math.sqrt(2.0))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        # The layout in which convolutions are fastest on a CPU; feature maps follow the weights.
        nn.utils.convert_conv2d_weight_memory_format(self, torch.channels_last)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the logits of waveforms.

        Parameters
        ----------
        waveforms : Tensor [shape=(batch, samples)], float32 in [-1, 1], at least 7,936 samples

        Returns
        -------
        Tensor [shape=(batch, 1)], logits: the relevance is their sigmoid

        Raises
        ------
        ParameterError
            If the waveforms are shorter or empty, or hold NaN or infinity.
        """
        check_waveforms(waveforms, min_samples=MIN_SAMPLES)
        maps = self.features(self.spec(waveforms))
        return self.head(maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3)))

    def features(self, log_mel: Tensor) -> Tensor:
        """Map decibels [batch, 256, frames] to feature maps [batch, 64, 8, frames // 32]."""
        x = log_mel[:, None]
        is_training = self.spec_bn.training
        x = self._first_convolution(x) if is_training else self.layer1.conv(self.spec_bn(x))
        x = self.layer1.after_convolution(x)
        for block in self.stages[1:]:
            x = block(x)
        return x

    def _first_convolution(self, x: Tensor) -> Tensor:
        """`layer1.conv(spec_bn(x))` with batch statistics, without a gradient for the input.

        `spec_bn` scales and shifts by two numbers. Their gradients, taken through the first
        convolution's input, cost a ninth of a training step. Here the scale and the shift move
        into the convolution's weights, where their gradients cost nothing: the normalised
        input is one channel, a constant of one (zero where the padding is) the other.
        """
        bn, conv = self.spec_bn, self.layer1.conv
        normalised = nn.functional.batch_norm(
            x,
            bn.running_mean,
            bn.running_var,
            training=True,
            momentum=bn.momentum or 0.0,
            eps=bn.eps,
        )
        if bn.num_batches_tracked is not None:
            bn.num_batches_tracked.add_(1)
        inputs = torch.cat([normalised, torch.ones_like(normalised)], dim=1)
        weight = torch.cat([bn.weight[0] * conv.weight, bn.bias[0] * conv.weight], dim=1)
        return nn.functional.conv2d(
            inputs.contiguous(memory_format=torch.channels_last),
            weight.contiguous(memory_format=torch.channels_last),
            conv.bias,
            padding=1,
        )

    def head(self, mean: Tensor, maximum: Tensor) -> Tensor:
        """Map the channels' means and maxima over a track, [batch, 64] each, to logits."""
        pooled = torch.cat([mean, maximum], dim=1)
        logits: Tensor = self.fc(self.dropout(pooled))
        return logits

    # The following describe the network to engines, which compute its stages one by one.
    n_fft = N_FFT
    hop_length = HOP_LENGTH
    head_statistics = ("mean", "max")
    """Statistics of every channel that `fc` takes, in order."""

    @property
    def window(self) -> Tensor:
        """Window of the short-time Fourier transform, [512]."""
        return self.spec.mel.spectrogram.window

    @property
    def stages(self) -> tuple[Block, ...]:
        """The five blocks, first to last."""
        return self.layer1, self.layer2, self.layer3, self.layer4, self.layer5

    def from_spectrum(self, spectra: Tensor) -> Tensor:
        """Map complex spectra [batch, 257, frames] to the input of the first block."""
        decibels: Tensor = self.spec[1](self.spec.mel.mel_scale(spectra))
        normalised: Tensor = self.spec_bn(decibels[:, None])
        return normalised
