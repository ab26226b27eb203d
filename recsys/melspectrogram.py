"""Compute decibel mel-spectrograms of waveforms.

The numbers and the names of the two buffers are those of torchaudio's `MelSpectrogram` and
`AmplitudeToDB`, so that published weights load. Each stage is a module with a plain `forward`,
because the explainer uses them one by one: spectra of components add up, decibels do not.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from lemons_utils import SAMPLE_RATE, ParameterError

N_FFT = 512
"""Length of the window and the FFT [samples]."""

HOP_LENGTH = 256
"""Distance of two frames [samples]."""

N_MELS = 256
"""Number of mel bands."""

FLOOR_POWER = 1e-10
"""Mel power that counts as -100 dB, as does any below."""


def mel_filter_bank() -> Tensor:
    """Return triangular filters of peak 1, equally spaced on the HTK mel scale from 0 to 8 kHz.

    They are computed in float32, as the published network's: float64 differs by 3e-5.

    Returns
    -------
    Tensor [shape=(257, 256)], float32. Where the rows are wider apart than a filter, a filter
    may be all zero: 27 of the 256 are.
    """
    frequencies = torch.linspace(0, SAMPLE_RATE // 2, N_FFT // 2 + 1)
    mel_max = 2595.0 * math.log10(1.0 + SAMPLE_RATE / 2 / 700.0)
    corners = 700.0 * (10.0 ** (torch.linspace(0.0, mel_max, N_MELS + 2) / 2595.0) - 1.0)
    widths = corners.diff()
    distances = corners - frequencies[:, None]
    rising = -distances[:, :-2] / widths[:-1]
    falling = distances[:, 2:] / widths[1:]
    return torch.minimum(rising, falling).clamp_min(0.0)


def check_waveforms(waveforms: Tensor, *, min_samples: int) -> None:
    """Raise if waveforms cannot be transformed.

    Raises
    ------
    ParameterError
        If the waveforms are not [batch, samples] floating point, empty, shorter than
        `min_samples`, or hold NaN or infinity.
    """
    if waveforms.ndim != 2 or not waveforms.is_floating_point():
        raise ParameterError(
            "waveforms must be [batch, samples] in floating point, got "
            f"{list(waveforms.shape)} {waveforms.dtype}: batch a single track with "
            "waveform[None], convert int16 with lemons_audio.to_float32"
        )
    batch, samples = waveforms.shape
    if batch == 0:
        raise ParameterError(f"waveforms must hold at least one track, got {[batch, samples]}")
    if samples < min_samples:
        frames = min_samples // HOP_LENGTH + 1
        raise ParameterError(
            f"waveform must have at least {min_samples:,} samples ({frames} frames), got "
            f"{samples:,}: pad it or take a longer excerpt"
        )
    if not bool(torch.isfinite(waveforms).all()):
        raise ParameterError(
            "waveforms must be finite, got NaN or infinity: decode the audio again or leave "
            "the track out"
        )


class Spectrogram(nn.Module):
    """Short-time Fourier transform: periodic Hann window, centred, ends reflected."""

    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(N_FFT))

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return complex spectra [batch, 257, samples // 256 + 1]; linear in the waveforms."""
        return self.frames(self.reflect_ends(waveforms))

    def reflect_ends(self, waveforms: Tensor) -> Tensor:
        """Pad [batch, samples] by half a window at either end, by reflection."""
        return nn.functional.pad(waveforms, (N_FFT // 2, N_FFT // 2), mode="reflect")

    def frames(self, padded: Tensor) -> Tensor:
        """Transform padded waveforms: frame j is of `padded[:, 256 j : 256 j + 512]`."""
        return torch.stft(
            padded, N_FFT, HOP_LENGTH, window=self.window, center=False, return_complex=True
        )


class MelScale(nn.Module):
    """Power of complex spectra in mel bands."""

    fb: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("fb", mel_filter_bank())

    def forward(self, spectra: Tensor) -> Tensor:
        """Map [..., 257, frames] complex to [..., 256, frames]."""
        power = spectra.real.square() + spectra.imag.square()
        return torch.matmul(power.transpose(-1, -2), self.fb).transpose(-1, -2)


class MelSpectrogram(nn.Module):
    """Power of waveforms in mel bands."""

    def __init__(self) -> None:
        super().__init__()
        self.spectrogram = Spectrogram()
        self.mel_scale = MelScale()

    def forward(self, waveforms: Tensor) -> Tensor:
        """Map [batch, samples] to [batch, 256, samples // 256 + 1]."""
        return self.of_padded(self.spectrogram.reflect_ends(waveforms))

    def of_padded(self, padded: Tensor) -> Tensor:
        """Map padded waveforms likewise."""
        mel: Tensor = self.mel_scale(self.spectrogram.frames(padded))
        return mel


class Decibels(nn.Module):
    """Decibels of power, at least -100 dB, without normalisation."""

    def forward(self, power: Tensor) -> Tensor:
        """Map power to 10 log10(power)."""
        return 10.0 * torch.log10(power.clamp_min(FLOOR_POWER))


class LogMel(nn.Sequential):
    """Decibel mel-spectrograms, the network's input, as the published network computes them.

    The order in the sequence gives the buffers their published names,
    `0.spectrogram.window` and `0.mel_scale.fb`.
    """

    def __init__(self) -> None:
        super().__init__(MelSpectrogram(), Decibels())

    def forward(self, waveforms: Tensor) -> Tensor:
        """Map waveforms to decibels.

        Parameters
        ----------
        waveforms : Tensor [shape=(batch, samples)], floating point in [-1, 1], more than
            256 samples

        Returns
        -------
        Tensor [shape=(batch, 256, samples // 256 + 1)], dB

        Raises
        ------
        ParameterError
            If the waveforms are too short to reflect, or hold NaN or infinity.
        """
        check_waveforms(waveforms, min_samples=N_FFT // 2 + 1)
        return self.of_padded(self.mel.spectrogram.reflect_ends(waveforms))

    def of_padded(self, padded: Tensor) -> Tensor:
        """Map padded waveforms, such as strips of a track, likewise."""
        with torch.autocast(padded.device.type, enabled=False):
            waveforms = padded.to(self.mel.spectrogram.window.dtype)
            decibels: Tensor = self[1](self.mel.of_padded(waveforms))
        return decibels

    def of_spectra(self, spectra: Tensor) -> Tensor:
        """Map complex spectra [batch, 257, frames] to decibels [batch, 256, frames]."""
        decibels: Tensor = self[1](self.mel.mel_scale(spectra))
        return decibels

    @property
    def mel(self) -> MelSpectrogram:
        """The first stage, by its type."""
        stage = self[0]
        if not isinstance(stage, MelSpectrogram):
            raise TypeError(f"expected a MelSpectrogram first, got {type(stage).__name__}")
        return stage
