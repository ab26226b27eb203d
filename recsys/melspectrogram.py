"""Waveform -> decibel mel-spectrogram, by `torch.stft` and a mel filter bank of our own.

The numbers are those of torchaudio's `MelSpectrogram` and `AmplitudeToDB`, and so are the names
of the two buffers, so that published weights load. Each stage is a module with a plain
`forward`, because the explainer enters between them: spectra of components add up, decibels
do not.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from lemons_utils import SAMPLE_RATE, ParameterError

N_FFT = 512
"""Window and FFT [samples]."""

HOP_LENGTH = 256
"""From one frame to the next [samples]."""

N_MELS = 256
"""Mel bands."""

FLOOR_POWER = 1e-10
"""Mel power below this is -100 dB."""


def mel_filter_bank(
    *,
    n_freqs: int = N_FFT // 2 + 1,
    n_mels: int = N_MELS,
    f_max: float = SAMPLE_RATE / 2,
    sample_rate: int = SAMPLE_RATE,
) -> Tensor:
    """Triangular filters, equally spaced on the HTK mel scale, peak 1, from 0 Hz.

    Computed in float32, as the published network's were: float64 would be 3e-5 away.

    Parameters
    ----------
    n_freqs : int > 1
        Rows of the spectrogram, from 0 Hz to half the sample rate.
    n_mels : int > 0
    f_max : float > 0 [Hz]
    sample_rate : int > 0 [Hz]

    Returns
    -------
    Tensor [shape=(n_freqs, n_mels)], float32. Where the rows are wider apart than a filter,
    a filter may be all zero: 27 of the 256 are.
    """
    frequencies = torch.linspace(0, sample_rate // 2, n_freqs)
    mel_max = 2595.0 * math.log10(1.0 + f_max / 700.0)
    corners = 700.0 * (10.0 ** (torch.linspace(0.0, mel_max, n_mels + 2) / 2595.0) - 1.0)
    widths = corners.diff()
    distances = corners - frequencies[:, None]
    rising = -distances[:, :-2] / widths[:-1]
    falling = distances[:, 2:] / widths[1:]
    return torch.minimum(rising, falling).clamp_min(0.0)


def check_waveforms(waveforms: Tensor, *, min_samples: int) -> None:
    """Refuse what no spectrogram can be made of.

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
        """Lengthen [batch, samples] by half a window at either end."""
        return nn.functional.pad(waveforms, (N_FFT // 2, N_FFT // 2), mode="reflect")

    def frames(self, padded: Tensor) -> Tensor:
        """Transform what is already padded: frame j is `padded[:, 256 j : 256 j + 512]`."""
        return torch.stft(
            padded, N_FFT, HOP_LENGTH, window=self.window, center=False, return_complex=True
        )


class MelScale(nn.Module):
    """Complex spectra -> power in mel bands."""

    fb: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("fb", mel_filter_bank())

    def forward(self, spectra: Tensor) -> Tensor:
        """Map [..., 257, frames] complex to [..., 256, frames]."""
        power = spectra.real.square() + spectra.imag.square()
        return torch.matmul(power.transpose(-1, -2), self.fb).transpose(-1, -2)


class MelSpectrogram(nn.Module):
    """Waveforms -> power in mel bands."""

    def __init__(self) -> None:
        super().__init__()
        self.spectrogram = Spectrogram()
        self.mel_scale = MelScale()

    def forward(self, waveforms: Tensor) -> Tensor:
        """Map [batch, samples] to [batch, 256, samples // 256 + 1]."""
        return self.of_padded(self.spectrogram.reflect_ends(waveforms))

    def of_padded(self, padded: Tensor) -> Tensor:
        """Do the same with waveforms whose ends are reflected already."""
        mel: Tensor = self.mel_scale(self.spectrogram.frames(padded))
        return mel


class Decibels(nn.Module):
    """Power -> decibels, not below -100 dB; loud passages are not normalised away."""

    def forward(self, power: Tensor) -> Tensor:
        """Map power to 10 log10(power)."""
        return 10.0 * torch.log10(power.clamp_min(FLOOR_POWER))


class LogMel(nn.Sequential):
    """What the network hears: a decibel mel-spectrogram, as the published network makes it.

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
        """Do the same with waveforms whose ends are reflected already: strips of a track."""
        with torch.autocast(padded.device.type, enabled=False):
            waveforms = padded.to(self.mel.spectrogram.window.dtype)
            decibels: Tensor = self[1](self.mel.of_padded(waveforms))
        return decibels

    @property
    def mel(self) -> MelSpectrogram:
        """The first stage, by its type."""
        stage = self[0]
        if not isinstance(stage, MelSpectrogram):
            raise TypeError(f"expected a MelSpectrogram first, got {type(stage).__name__}")
        return stage
