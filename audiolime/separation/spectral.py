"""Signal processing that the separators share: spectra, overlapping pieces, drums and bass."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from torch import Tensor

# Chosen by SI-SDR on demo tracks 0 to 15 and four metal songs; benchmarks/separation.py uses
# other tracks.
_WINDOW_S = 0.11
_HARMONIC_S = 0.5
_PERCUSSIVE_HZ = 120.0
_BASS_HZ = (200.0, 300.0)
_TINY = 1e-12


def window_samples(sample_rate: int) -> int:
    """Return the length of an analysis window: a power of two near 0.11 s (2048 at 16 kHz)."""
    return 1 << round(math.log2(_WINDOW_S * sample_rate))


def spectrum(waveform: NDArray[np.float32], n_fft: int) -> Tensor:
    """Compute an STFT, Hann window, hop a quarter of it: complex [channels, bins, frames]."""
    return torch.stft(
        torch.from_numpy(waveform),
        n_fft,
        n_fft // 4,
        window=torch.hann_window(n_fft),
        pad_mode="constant",
        return_complex=True,
    )


def waveform_of(spectra: Tensor, samples: int) -> NDArray[np.float32]:
    """Invert `spectrum`: [channels, samples] float32."""
    n_fft = 2 * (spectra.shape[-2] - 1)
    waveform = torch.istft(
        spectra, n_fft, n_fft // 4, window=torch.hann_window(n_fft), length=samples
    )
    return np.asarray(waveform.numpy(), dtype=np.float32)


def loudness(spectra: Tensor) -> Tensor:
    """Return the RMS magnitude over channels; one mask for all channels keeps the stereo image."""
    return spectra.abs().square().mean(dim=0).sqrt()


def bin_frequencies(n_fft: int, sample_rate: int) -> Tensor:
    """Return the centre frequency of each bin [Hz]."""
    return torch.arange(n_fft // 2 + 1) * (sample_rate / n_fft)


def in_pieces(
    estimate: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    waveform: NDArray[np.float32],
    *,
    piece: int,
    overlap: int,
) -> NDArray[np.float32]:
    """Estimate a long recording in equal pieces with cross-fades between them.

    Memory then depends on the piece, not on the recording.

    Parameters
    ----------
    estimate : callable
        Takes [channels, samples], returns [..., channels, samples].
    waveform : ndarray [shape=(channels, samples)], float32
    piece, overlap : int > 0 [samples]
        The longest piece, and its overlap with the next one.

    Returns
    -------
    ndarray [shape=(..., channels, samples)], float32
    """
    samples = waveform.shape[-1]
    if samples <= piece:
        return estimate(waveform)
    count = -(-(samples - overlap) // (piece - overlap))
    starts = [round(i * (samples - overlap) / count) for i in range(count)]
    fade = (np.arange(overlap, dtype=np.float32) + 0.5) / np.float32(overlap)
    for i, start in enumerate(starts):
        stop = samples if i == count - 1 else starts[i + 1] + overlap
        part = estimate(np.ascontiguousarray(waveform[:, start:stop]))
        if i == 0:
            whole = np.zeros((*part.shape[:-1], samples), dtype=np.float32)
        if i > 0:
            part[..., :overlap] *= fade
        if i < count - 1:
            part[..., -overlap:] *= fade[::-1]
        whole[..., start:stop] += part
    return whole


def harmonic_mask(magnitude: Tensor, n_fft: int, sample_rate: int) -> Tensor:
    """Return the share of each cell of a spectrogram that belongs to a steady tone, in [0, 1].

    A tone is a ridge along time, a drum stroke a ridge along frequency; a median filter along
    one of the two axes keeps one of them and removes the other.

    Parameters
    ----------
    magnitude : Tensor [shape=(bins, frames)]

    Notes
    -----
    FitzGerald: "Harmonic/percussive separation using median filtering", DAFx 2010.
    """
    frames = round(_HARMONIC_S * sample_rate / (n_fft // 4)) | 1
    bins = round(_PERCUSSIVE_HZ * n_fft / sample_rate) | 1
    cells = magnitude.numpy()
    tones = np.square(_running_median(cells, frames))
    strokes = np.square(_running_median(np.ascontiguousarray(cells.T), bins).T)
    return torch.from_numpy(tones / (tones + strokes + _TINY))


def _running_median(rows: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Filter by the median of `size` neighbours along the last axis, mirrored at the ends."""
    # SciPy's one-dimensional filter on one long line is ten times as fast as row by row; the
    # mirrored margins keep the rows apart.
    margin = min(size, rows.shape[1] - 1)
    line = np.pad(rows, ((0, 0), (margin, margin)), mode="reflect")
    filtered = median_filter(line.ravel(), size=size).reshape(line.shape)
    return np.asarray(filtered[:, margin : margin + rows.shape[1]], dtype=np.float32)


def drums_and_bass(rest: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """Estimate drums and bass of a recording without voice.

    Drums are the percussive part, bass is the low band of the harmonic part. Both are real-valued
    masks on the spectrum, so neither is shifted in time.

    Parameters
    ----------
    rest : ndarray [shape=(channels, samples)], float32
    sample_rate : int [Hz]

    Returns
    -------
    ndarray [shape=(2, channels, samples)], float32
    """
    n_fft = window_samples(sample_rate)
    low, high = _BASS_HZ
    ramp = ((high - bin_frequencies(n_fft, sample_rate)) / (high - low)).clamp(0, 1)
    band = (0.5 - 0.5 * torch.cos(torch.pi * ramp))[:, None]

    def piece(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        spectra = spectrum(waveform, n_fft)
        harmonic = harmonic_mask(loudness(spectra), n_fft, sample_rate)
        samples = waveform.shape[1]
        return np.stack(
            [
                waveform_of(spectra * (1 - harmonic), samples),
                waveform_of(spectra * harmonic * band, samples),
            ]
        )

    return in_pieces(piece, rest, piece=60 * sample_rate, overlap=2 * sample_rate)
