"""The baselines of an evaluation: logistic regression on averages of a track's spectrogram.

Mean spectra depend on the frequencies in a track alone. Band statistics, the stronger baseline,
also measure how much each band varies and how fast, but no order or coincidence of sounds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lemons_audio import to_float32
from recsys import progress
from recsys.catalogue import Catalogue
from recsys.dataset import repeat_to
from recsys.melspectrogram import N_MELS, LogMel
from recsys.model import MIN_SAMPLES

STATISTICS = "band statistics"
"""The baseline's name in tables and pictures."""

MEAN_SPECTRA = "mean spectra"
"""The name of the second, weaker baseline."""

BASELINES = {STATISTICS: 0.1, MEAN_SPECTRA: 1.0}
"""The inverse strength C of each baseline's regularisation, by the baseline's name."""

N_BANDS = 32
"""Number of bands of the statistics, each the mean of 8 mel bands."""


def band_statistics(spectrum: Tensor) -> Tensor:
    """Return three statistics of each of 32 bands of a decibel mel-spectrogram.

    Parameters
    ----------
    spectrum : Tensor [shape=(256, frames)], dB, at least 2 frames

    Returns
    -------
    Tensor [shape=(96,)], float64, dB
        The bands' means over time, then their standard deviations over time (dividing by the
        number of frames), then their mean absolute changes from frame to frame.
    """
    bands = spectrum.double().reshape(N_BANDS, N_MELS // N_BANDS, -1).mean(dim=1)
    changes = bands.diff(dim=1).abs()
    return torch.cat([bands.mean(dim=1), bands.std(dim=1, correction=0), changes.mean(dim=1)])


class SpectrogramFeatures:
    """The features of tracks for all baselines, from one spectrogram of each track."""

    def __init__(self) -> None:
        self._front_end = LogMel()
        self._known: dict[tuple[str, str], dict[str, NDArray[np.float32]]] = {}

    def __call__(
        self, catalogue: Catalogue, track_ids: Sequence[str]
    ) -> dict[str, NDArray[np.float32]]:
        """Return features, dB, by the baseline's name.

        Returns
        -------
        dict of ndarray, float32: band statistics [shape=(tracks, 96)], mean spectra
        [shape=(tracks, 256)]
        """
        missing = [t for t in track_ids if (catalogue.name, t) not in self._known]
        if missing:
            with progress.bar(len(missing), unit="track", about="baseline") as bar:
                for track_id in missing:
                    self._known[catalogue.name, track_id] = self._of(catalogue.audio(track_id))
                    bar.update()
        known = [self._known[catalogue.name, track_id] for track_id in track_ids]
        return {name: np.stack([features[name] for features in known]) for name in BASELINES}

    @torch.inference_mode()
    def _of(self, audio: NDArray[np.int16]) -> dict[str, NDArray[np.float32]]:
        waveform = torch.from_numpy(to_float32(repeat_to(audio, MIN_SAMPLES)))  # as the network
        spectrum: Tensor = self._front_end(waveform[None])[0]
        return {
            STATISTICS: band_statistics(spectrum).float().numpy(),
            MEAN_SPECTRA: spectrum.mean(dim=1).numpy(),
        }


def baseline_scores(
    name: str,
    train: NDArray[np.float32],
    labels: NDArray[np.int64],
    others: NDArray[np.float32],
) -> NDArray[np.float64]:
    """Fit a baseline on training tracks and return the relevance of others, in [0, 1].

    Parameters
    ----------
    name : str of `BASELINES`
    train, others : ndarray [shape=(tracks, features)]
        Features for this baseline.
    labels : ndarray [shape=(tracks,)] of `train`, 0 or 1
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=BASELINES[name], max_iter=2_000))
    model.fit(train.astype(np.float64), labels)
    scores: NDArray[np.float64] = model.predict_proba(others.astype(np.float64))[:, 1]
    return scores
