"""The networks that map waveforms to a listener's logits.

`FCN` has five convolutional blocks; its layers and parameter names are the published network's,
so that published weights load. `LocalStatistics` has one convolution, which is fixed unless the
model was fine-tuned. Both take any length of half a second or more.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lemons_processes import full_precision
from recsys.melspectrogram import HOP_LENGTH, N_FFT, N_MELS, LogMel, check_waveforms
from recsys.normalisation import first_maps

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
        # Maximum and ReLU commute; pooling first leaves the ReLU a quarter of the work.
        return torch.relu(self.pool(self.bn(self.conv(x))))


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
        first, x = self.layer1, log_mel[:, None]
        if self.spec_bn.training and first.bn.training:
            x = first_maps([self.spec_bn], [first.conv], [first.bn], x)
            x = torch.relu(first.pool(x))
        else:  # whose convolutions may be in bfloat16
            x = first(self.spec_bn(x).to(first.conv.weight.dtype))
        for block in self.stages[1:]:
            x = block(x)
        return x

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
        normalised: Tensor = self.spec_bn(self.spec.of_spectra(spectra)[:, None])
        return normalised


# -- the network without training ----------------------------------------------------------------
BANDS = 64
"""Number of bands, each the mean of 4 mel bands [dB]."""

ROWS = BANDS + 1
"""The bands, and loudness: the mean power of all mel bands [dB]."""

LOUDER_DB = 30
"""How far loudness lies above the bands; taken off, so that the levels divide its range, too."""

LEVELS_DB = (-50, -45, -40, -35, -30, -25, -20, -15, -10, -5, 0)
"""Levels over which a band's excess is averaged; what is below the first counts as silence."""

LAGS = (1, 2, 4, 8, 16, 31)
"""Frames over which rises are averaged: 16 ms to half a second."""

JUMPS_DB = (5, 15)
"""Rises from one frame to the next that are averaged as far as they exceed this: onsets."""

PER_BAND = len(LEVELS_DB) + len(LAGS) + len(JUMPS_DB)
"""Number of statistics of a band, and of loudness."""

STATISTICS = ROWS * PER_BAND
"""Number of statistics of a track, those of each band side by side, then those of loudness."""

FORMAT = "lemons-statistics 4"
"""What the statistics are; what is kept of others is computed anew, or refused."""

CONTEXT = max(LAGS)
"""Frames before it that a frame is compared with; the shortest waveform has one more."""

CHUNK_FRAMES = 4096
"""Frames at a time, so that a long track takes little memory."""


class _Stage(NamedTuple):
    """The only layer of `LocalStatistics`, as an engine takes it."""

    conv: nn.Conv2d
    bn: None = None
    pool: None = None


class LocalStatistics(nn.Module):
    """Linear head on local statistics of the log-mel spectrogram.

    How loud each band and the whole is, how often it exceeds some level, how much and how
    suddenly it rises: each is a rectified difference of decibels, averaged over the track. As a
    network this is one convolution with fixed kernels, ReLU and a mean over time. Of silence every
    statistic is zero: what the network says to nothing at all is the head's bias alone. A fresh
    head is all zero.

    Parameters
    ----------
    tuned : bool
        Whether kernels and thresholds are trained, too, and kept with the weights. Statistics of
        silence are zero whatever they become; the bias is not trained.
    """

    kernel: Tensor
    threshold: Tensor

    def __init__(self, *, tuned: bool = False) -> None:
        super().__init__()
        self.spec = LogMel()
        self.fc = nn.Linear(STATISTICS, 1)
        nn.init.zeros_(self.fc.weight)
        nn.init.zeros_(self.fc.bias)
        for name, values in zip(("kernel", "threshold"), _statistics(), strict=True):
            if tuned:
                self.register_parameter(name, nn.Parameter(values))
            else:
                self.register_buffer(name, values, persistent=False)
        self.fc.bias.requires_grad_(not tuned)

    @property
    def offset(self) -> Tensor:
        """What is added to the kernels' sums, [19] dB: of silence they are zero or less then."""
        return self.threshold.clamp(max=0.0) - LEVELS_DB[0] * self.kernel.sum(dim=(1, 2))

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the logits [batch, 1] of waveforms; what it takes and raises is `FCN`'s."""
        logits: Tensor = self.fc(self.pooled(waveforms))
        return logits

    @full_precision()
    def pooled(self, waveforms: Tensor) -> Tensor:
        """Map waveforms to the means of their statistics over time, [batch, 1235] dB."""
        check_waveforms(waveforms, min_samples=MIN_SAMPLES)
        frames = waveforms.shape[1] // HOP_LENGTH + 1
        padded = self.spec.mel.spectrogram.reflect_ends(waveforms)
        total = waveforms.new_zeros(len(waveforms), STATISTICS, dtype=torch.float64)
        offset = self.offset
        for begin in range(0, frames - CONTEXT, CHUNK_FRAMES):
            end = min(begin + CONTEXT + CHUNK_FRAMES, frames)
            strip = padded[:, HOP_LENGTH * begin : HOP_LENGTH * (end - 1) + N_FFT]
            rows = _rows(self.spec.of_padded(strip))
            # One kernel serves every row, so rows are items of a batch here.
            local = nn.functional.conv1d(rows.reshape(-1, 1, end - begin), self.kernel, offset)
            total += torch.relu_(local).sum(dim=2).reshape(len(waveforms), -1)
        return (total / (frames - CONTEXT)).to(waveforms.dtype)

    # The following describe the network to engines, which compute its stages one by one.
    n_fft = N_FFT
    hop_length = HOP_LENGTH
    head_statistics = ("mean",)
    """Statistics of every channel that `fc` takes."""

    @property
    def window(self) -> Tensor:
        """Window of the short-time Fourier transform, [512]."""
        return self.spec.mel.spectrogram.window

    @property
    def stages(self) -> tuple[_Stage]:
        """One convolution, with the rows for groups of channels."""
        conv = nn.Conv2d(ROWS, STATISTICS, (1, CONTEXT + 1), groups=ROWS, device=self.kernel.device)
        conv.weight = nn.Parameter(self.kernel.detach()[:, :, None].repeat(ROWS, 1, 1, 1), False)
        conv.bias = nn.Parameter(self.offset.detach().repeat(ROWS), False)
        return (_Stage(conv),)

    def from_spectrum(self, spectra: Tensor) -> Tensor:
        """Map complex spectra [batch, 257, frames] to [batch, 65, 1, frames] dB."""
        return _rows(self.spec.of_spectra(spectra))[:, :, None]


def _rows(decibels: Tensor) -> Tensor:
    """Map mel bands [batch, 256, frames] to 64 wider ones and loudness, [batch, 65, frames]."""
    batch, _, frames = decibels.shape
    bands = decibels.reshape(batch, BANDS, N_MELS // BANDS, frames).mean(dim=2)
    power = (decibels * (math.log(10) / 10)).exp_().mean(dim=1, keepdim=True)
    loudness = 10 * power.log10_() - LOUDER_DB
    return torch.cat([bands, loudness], dim=1).clamp_min_(LEVELS_DB[0])


def _statistics() -> tuple[Tensor, Tensor]:
    """Return the kernels of one row's statistics, [19, 1, 32], and their thresholds, [19] dB.

    Thresholds are of decibels above silence, which is the first level.
    """
    kernel, threshold = torch.zeros(PER_BAND, 1, CONTEXT + 1), torch.zeros(PER_BAND)
    kernel[:, :, CONTEXT] = 1.0
    levels = torch.tensor(LEVELS_DB, dtype=torch.float32)
    threshold[: len(LEVELS_DB)] = LEVELS_DB[0] - levels
    for row, lag in enumerate(LAGS + (1,) * len(JUMPS_DB), start=len(LEVELS_DB)):
        kernel[row, :, CONTEXT - lag] = -1.0
    threshold[-len(JUMPS_DB) :] = -torch.tensor(JUMPS_DB, dtype=torch.float32)
    return kernel, threshold


Network = FCN | LocalStatistics
"""What scores audio for a listener."""
