"""The baseline of an evaluation: logistic regression on a track's mean spectrum.

It depends on the frequencies in a track and not on their course in time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from lemons_audio import to_float32
from recsys import progress
from recsys.catalogue import Catalogue
from recsys.melspectrogram import LogMel

NAME = "mean spectra"
"""The baseline's name in tables and pictures."""


class MeanSpectra:
    """Mean decibel spectra of tracks, each computed once."""

    def __init__(self) -> None:
        self._front_end = LogMel()
        self._known: dict[tuple[str, str], NDArray[np.float32]] = {}

    def __call__(self, catalogue: Catalogue, track_ids: Sequence[str]) -> NDArray[np.float32]:
        """Return features [shape=(tracks, 256)], dB."""
        missing = [t for t in track_ids if (catalogue.name, t) not in self._known]
        if missing:
            with progress.bar(len(missing), unit="track", about=NAME) as bar:
                for track_id in missing:
                    self._known[catalogue.name, track_id] = self._mean(catalogue.audio(track_id))
                    bar.update()
        return np.stack([self._known[catalogue.name, track_id] for track_id in track_ids])

    @torch.inference_mode()
    def _mean(self, audio: NDArray[np.int16]) -> NDArray[np.float32]:
        spectrum: torch.Tensor = self._front_end(torch.from_numpy(to_float32(audio))[None])[0]
        return spectrum.mean(dim=1).numpy()


def baseline_scores(
    train: NDArray[np.float32], labels: NDArray[np.int64], test: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Fit the baseline on training tracks and return the relevance of others, in [0, 1].

    Parameters
    ----------
    train, test : ndarray [shape=(tracks, features)]
    labels : ndarray [shape=(tracks,)] of `train`, 0 or 1
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2_000))
    model.fit(train.astype(np.float64), labels)
    scores: NDArray[np.float64] = model.predict_proba(test.astype(np.float64))[:, 1]
    return scores
