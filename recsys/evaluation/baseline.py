"""What a model must beat: logistic regression on a track's mean spectrum.

It knows which frequencies a listener's music has and nothing of how they move in time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from lemons_audio import to_float32
from recsys.catalogue import Catalogue
from recsys.melspectrogram import LogMel

NAME = "mean spectra"
"""What tables and pictures call it."""


class MeanSpectra:
    """Mean decibel spectra of tracks, each computed once.

    Parameters
    ----------
    progress : function from an iterable to an iterable, optional
        Wraps the tracks to compute: a progress bar.
    """

    def __init__(self, progress: Callable[[Iterable[str]], Iterable[str]] = iter) -> None:
        self._front_end = LogMel()
        self._progress = progress
        self._known: dict[tuple[str, str], NDArray[np.float32]] = {}

    def __call__(self, catalogue: Catalogue, track_ids: Sequence[str]) -> NDArray[np.float32]:
        """Return features [shape=(tracks, 256)], dB."""
        missing = [t for t in track_ids if (catalogue.name, t) not in self._known]
        for track_id in self._progress(missing) if missing else ():
            waveform = torch.from_numpy(to_float32(catalogue.audio(track_id)))
            with torch.inference_mode():
                spectrum = self._front_end(waveform[None])[0].mean(dim=1)
            self._known[catalogue.name, track_id] = spectrum.numpy()
        return np.stack([self._known[catalogue.name, track_id] for track_id in track_ids])


def baseline_scores(
    train: NDArray[np.float32], labels: NDArray[np.int64], test: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Fit on the training tracks, score the others.

    Parameters
    ----------
    train : ndarray [shape=(tracks, features)]
    labels : ndarray [shape=(tracks,)], 0 or 1
    test : ndarray [shape=(other tracks, features)]

    Returns
    -------
    ndarray [shape=(other tracks,)], relevance in [0, 1]
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2_000))
    model.fit(train.astype(np.float64), labels)
    scores: NDArray[np.float64] = model.predict_proba(test.astype(np.float64))[:, 1]
    return scores
