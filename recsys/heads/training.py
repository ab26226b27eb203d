"""Train a listener's head on a trunk and a split's tracks: a moment, not minutes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lemons_audio import sigmoid
from lemons_utils import ParameterError
from recsys.catalogue import Catalogue
from recsys.heads.calibration import calibrate
from recsys.heads.choosing import choose_loudness, choose_strength
from recsys.heads.fitting import REMOVED_WEIGHT, SOFTENING, Head, strength_for
from recsys.heads.loudness import fit_with_loudness
from recsys.heads.pooled import PooledTrack, pooled_tracks
from recsys.heads.trunk import Trunk
from recsys.metrics import Evaluation, judge
from recsys.model import FORMAT, LocalStatistics


@dataclass(frozen=True)
class HeadTraining:
    """A trained head, its network, numbers on validation tracks, and what its card says of it."""

    head: Head
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
    trunk: Trunk,
    catalogue: Catalogue,
    split: pd.DataFrame,
    *,
    is_strength_chosen: bool = True,
) -> HeadTraining:
    """Fit a head to a split's training tracks and what removal leaves of them, and calibrate it.

    Parameters
    ----------
    trunk : Trunk
        Of this catalogue or of another one.
    catalogue : Catalogue
        That of the split's tracks.
    split : DataFrame with columns track_id, split, label
        Both its training and its validation tracks have both labels.
    is_strength_chosen : bool
        Whether the strength of the regularisation is chosen for the listener; otherwise it is the
        usual one.

    Raises
    ------
    ParameterError
        See `check_split`.
    """
    check_split(split)
    train, valid = (split[split["split"] == part] for part in ("train", "valid"))
    learnt = pooled_tracks(catalogue, train["track_id"].tolist())
    usual = None if is_strength_chosen else strength_for(len(learnt))
    head, chosen = head_of(trunk, learnt, train["label"].to_numpy(), strength=usual)
    valid_ids, valid_labels = valid["track_id"].tolist(), valid["label"].to_numpy()
    pooled = np.stack([track.whole for track in pooled_tracks(catalogue, valid_ids)])
    heard = trunk.coordinates(pooled)
    head, calibration = calibrate(head, heard, valid_labels)
    sources = dict(Counter(track.stems for track in learnt))
    about = {
        "model": "statistics",
        "format": FORMAT,
        "calibration": calibration,
        "base_rate": float(sigmoid(np.array(head.bias))),
        "removal": {"stems": sources, "weight": REMOVED_WEIGHT},
        **chosen,
        "trunk": trunk.entry(head),
    }
    evaluation = judge(valid_ids, valid_labels.tolist(), head.logits(heard))
    return HeadTraining(head, trunk.model(head), evaluation, about)


def tunable(network: LocalStatistics) -> LocalStatistics:
    """Return a copy of a head's network with a convolution that learns, too."""
    copy = LocalStatistics(tuned=True)
    copy.fc.load_state_dict(network.fc.state_dict())
    return copy.eval()


def head_of(
    trunk: Trunk,
    tracks: list[PooledTrack],
    labels: NDArray[np.integer],
    *,
    removed_weight: float = REMOVED_WEIGHT,
    loudness: float | None = None,
    strength: float | None = None,
) -> tuple[Head, dict[str, float]]:
    """Fit a head to tracks and to what removals leave of them, the labels kept.

    Parameters
    ----------
    trunk : Trunk
    tracks : list of PooledTrack
    labels : ndarray [shape=(tracks,)], 0 or 1
    removed_weight : float >= 0
        Weight of all that is left of a track, beside 1 for the whole track.
    loudness : float >= 0, optional
        How far weights of loudness may go; chosen by cross-validation if it is not given.
    strength : float > 0, optional
        Inverse strength C of the regularisation; chosen likewise if it is not given.

    Returns
    -------
    Head, softened, and by which `strength`, `softening` and `loudness` it was fitted
    """
    whole = trunk.coordinates(np.stack([track.whole for track in tracks]))
    removed = None
    if removed_weight > 0:
        removed = trunk.coordinates(np.stack([track.removed for track in tracks]))
    if loudness is None:
        loudness = choose_loudness(whole, removed, labels, removed_weight)
    if strength is None:
        strength = choose_strength(whole, removed, labels, removed_weight, loudness)
    head = fit_with_loudness(whole, removed, labels, loudness, removed_weight, strength=strength)
    return head.softened(), {
        "strength": strength, "softening": SOFTENING, "loudness": loudness
    }  # fmt: skip
