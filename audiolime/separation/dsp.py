"""`dsp`: the stems of `hybrid` by signal processing alone, without weights."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from audiolime.separation.interface import ComputingSeparator
from audiolime.separation.spectral import (
    bin_frequencies,
    drums_and_bass,
    in_pieces,
    loudness,
    spectrum,
    waveform_of,
    window_samples,
)

_NEIGHBOURS = 32
_APART_S = 1.0
_MARGIN = 3.0
_LOWEST_HZ = 200.0
_TINY = 1e-12


class Dsp(ComputingSeparator):
    """Vocals are what does not repeat; drums and bass as in `hybrid`.

    There is no model of a voice: in music without singing the loudest melody goes to `vocals`,
    and so does a part that never repeats.
    """

    name = "dsp"
    version = "1"
    stem_names = ("vocals", "drums", "bass", "other")

    def estimate(self, mix: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """Estimate vocals, drums and bass."""
        voice = in_pieces(
            lambda piece: _foreground(piece, sample_rate),
            mix,
            piece=60 * sample_rate,
            overlap=2 * sample_rate,
        )
        return np.concatenate([voice[None], drums_and_bass(mix - voice, sample_rate)])


def _foreground(mix: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """Estimate the part that is not accompaniment, from 200 Hz up.

    Each frame of the spectrogram is compared with the most similar frames that are at least a
    second away. Accompaniment is in most of them and a voice in few, so their median estimates
    the accompaniment.

    Notes
    -----
    Rafii, Pardo: "Music/voice separation using the similarity matrix" (REPET-SIM), ISMIR 2012.
    """
    n_fft = window_samples(sample_rate)
    spectra = spectrum(mix, n_fft)
    magnitude = loudness(spectra)
    apart = round(_APART_S * sample_rate / (n_fft // 4))
    background = torch.minimum(_repeating(magnitude, apart), magnitude)
    voice = (magnitude - background).square()
    mask = voice / (voice + (_MARGIN * background).square() + _TINY)
    mask *= (bin_frequencies(n_fft, sample_rate) >= _LOWEST_HZ)[:, None]
    return waveform_of(spectra * mask, mix.shape[1])


def _repeating(magnitude: Tensor, apart: int) -> Tensor:
    """Return the median of each frame's most similar frames, `apart` or further away."""
    frames = magnitude.shape[1]
    unit = magnitude / magnitude.norm(dim=0).clamp_min(_TINY)
    similarity = unit.T @ unit
    position = torch.arange(frames)
    similarity[(position[:, None] - position).abs() < apart] = -1.0
    nearest = similarity.topk(min(_NEIGHBOURS, frames), dim=1).indices
    rows = magnitude.T.contiguous()
    return torch.stack([rows[chosen].median(dim=0).values for chosen in nearest], dim=1)
