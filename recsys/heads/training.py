"""Train a listener's head on the local statistics of a split's tracks: seconds, not minutes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from lemons_audio import sigmoid
from lemons_utils import ParameterError
from recsys.catalogue import Catalogue
from recsys.heads.calibration import calibrate
from recsys.heads.fitting import (
    REMOVED_WEIGHT,
    STRENGTH,
    Head,
    fit_to_removals,
    shared_by_neighbours,
)
from recsys.heads.pooled import PooledTrack, pooled_tracks
from recsys.metrics import Evaluation, judge
from recsys.model import BANDS, PER_BAND, LocalStatistics

SCALE_TRACKS = 512
"""Most tracks of a catalogue whose statistics say how much each varies."""


@dataclass(frozen=True)
class HeadTraining:
    """A trained network, its numbers on validation tracks, and what its card says of it."""

    network: LocalStatistics
    valid: Evaluation
    about: dict[str, Any]

    @property
    def stems(self) -> str:
        """The sources of the stems that were removed, and of how many tracks."""
        removed: dict[str, int] = self.about["removal"]["stems"]
        return ", ".join(f"{source} ({count})" for source, count in removed.items())


def check_split(split: pd.DataFrame) -> None:
    """Raise `ParameterError` if training or validation tracks all have one label, or are none."""
    for part in ("train", "valid"):
        if set(split.loc[split["split"] == part, "label"]) != {0, 1}:
            raise ParameterError(
                f"the {part} tracks need listened and unheard ones, got one kind alone: make the "
                "split from more tracks"
            )


def train_head(
    catalogue: Catalogue, split: pd.DataFrame, *, strength: float = STRENGTH
) -> HeadTraining:
    """Fit a head to a split's training tracks and what removal leaves of them, and calibrate it.

    Parameters
    ----------
    catalogue : Catalogue
    split : DataFrame with columns track_id, split, label
        Both its training and its validation tracks have both labels.
    strength : float > 0
        See `fit_head`.

    Raises
    ------
    ParameterError
        See `check_split`.
    """
    check_split(split)
    train, valid = (split[split["split"] == part] for part in ("train", "valid"))
    scale = deviations(catalogue)
    learnt = pooled_tracks(catalogue, train["track_id"].tolist())
    head = head_of(learnt, train["label"].to_numpy(), scale=scale, strength=strength)
    valid_ids, valid_labels = valid["track_id"].tolist(), valid["label"].to_numpy()
    heard = np.stack([track.whole for track in pooled_tracks(catalogue, valid_ids)])
    head, calibration = calibrate(head, heard, valid_labels)
    sources = dict(Counter(track.stems for track in learnt))
    about = {
        "model": "statistics",
        "calibration": calibration,
        "base_rate": float(sigmoid(np.array(head.bias))),
        "removal": {"stems": sources, "weight": REMOVED_WEIGHT},
        "strength": strength,
    }
    evaluation = judge(valid_ids, valid_labels.tolist(), head.logits(heard))
    return HeadTraining(network_of(head), evaluation, about)


def head_of(
    tracks: list[PooledTrack],
    labels: NDArray[np.integer],
    *,
    scale: NDArray[np.float64],
    strength: float = STRENGTH,
    removed_weight: float = REMOVED_WEIGHT,
) -> Head:
    """Fit a head to tracks and to what removal leaves of them, the labels kept.

    Parameters
    ----------
    tracks : list of PooledTrack
    labels : ndarray [shape=(tracks,)], 0 or 1
    scale, strength
        See `fit_head`.
    removed_weight : float >= 0
        Weight of all that is left of a track, beside 1 for the whole track.
    """
    return fit_to_removals(
        np.stack([track.whole for track in tracks]),
        np.stack([track.removed for track in tracks]) if removed_weight > 0 else None,
        labels,
        removed_weight=removed_weight,
        scale=scale,
        shared=shared_by_neighbours(BANDS, PER_BAND),
        strength=strength,
    )


def deviations(catalogue: Catalogue) -> NDArray[np.float64]:
    """Return the deviation of each statistic over at most 512 tracks of a catalogue, [960].

    Labels play no part: how much music varies is the same for all its listeners.
    """
    track_ids = sorted(catalogue.track_ids)
    chosen = track_ids[:: -(-len(track_ids) // SCALE_TRACKS)]
    pooled = np.stack([track.whole for track in pooled_tracks(catalogue, chosen)])
    return np.asarray(pooled.astype(np.float64).std(axis=0))


def network_of(head: Head) -> LocalStatistics:
    """Return the network with a head, in evaluation mode."""
    network = LocalStatistics()
    with torch.no_grad():
        network.fc.weight.copy_(torch.from_numpy(head.weight)[None])
        network.fc.bias.fill_(head.bias)
    return network.eval()
