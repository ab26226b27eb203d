"""A listener who is made of likes: fitted at once, on no disk until the viewer keeps the model."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.torch import save

from explanations.app.people import Person
from explanations.app.phrases import VIEWER
from explanations.listeners import ListenerModel
from recsys.catalogue import Catalogue
from recsys.heads import LEAST_LIKED, complete_features, fit_head, open_trunk, relevance_tables

YOU = "~you"
"""`Person.key` of the viewer, which no listener of a catalogue can have."""

SAMPLED = 12
"""Tracks that are offered at a time."""

Feelings = Mapping[str, bool]
"""By `track_id`, whether a track is liked."""


@dataclass(frozen=True)
class Viewer(Person):
    """The viewer as a listener.

    Parameters
    ----------
    fitted : ListenerModel
    home : Path
        Where explanations are kept.
    """

    fitted: ListenerModel | None = None
    home: Path | None = None

    @property
    def kept_in(self) -> Path | None:
        """Return where explanations are kept."""
        return self.home

    @property
    def key(self) -> str:
        """Return the name in links of the viewer's own session."""
        return YOU

    @property
    def name(self) -> str:
        """Return what the page calls the viewer."""
        return VIEWER

    def model(self, experiments: Path) -> ListenerModel:
        """Return the fitted model."""
        if self.fitted is None:
            raise ValueError("the viewer has no model yet")
        return self.fitted


def sides(feelings: Feelings) -> tuple[list[str], list[str]]:
    """Return the ids of the tracks that are liked, and of those that are disliked."""
    liked = [track_id for track_id, is_liked in feelings.items() if is_liked]
    disliked = [track_id for track_id, is_liked in feelings.items() if not is_liked]
    return liked, disliked


def fit_viewer(
    feelings: Feelings,
    catalogue: Catalogue,
    *,
    experiments: Path,
    home: Path,
    beside: Path | None = None,
) -> Viewer | None:
    """Fit a head to likes and dislikes; None where there are fewer than three likes.

    Parameters
    ----------
    feelings : mapping from track_id to bool
    catalogue : Catalogue
        Whose trunk the head is on.
    experiments : Path
        Parent of the experiments' folders.
    home : Path
        Where the viewer's explanations are kept.
    beside : Path, optional
        Weights of a listener whose fellow the viewer is.
    """
    liked, disliked = sides(feelings)
    if len(liked) < LEAST_LIKED:
        return None
    trunk = open_trunk(experiments, catalogue)
    head = fit_head(trunk, catalogue, liked=liked, disliked=disliked)
    digest = hashlib.sha256(head.weight.tobytes() + np.float64(head.bias).tobytes()).hexdigest()
    model = ListenerModel(
        YOU, trunk.model(head), digest, Path("likes"), "not kept yet", trunk, head, beside=beside
    )
    count = f"{len(liked)} liked and {len(disliked)} disliked tracks"
    return Viewer(YOU, catalogue.name, count, fitted=model, home=home)


def relevance_of_all(model: ListenerModel, catalogue: Catalogue) -> pd.DataFrame:
    """Score every track of a catalogue by a head that is on no disk.

    Returns
    -------
    DataFrame with columns track_id, relevance
    """
    if model.on_trunk is None:
        raise ValueError("the model is on no trunk")
    trunk, head = model.on_trunk
    (found,) = relevance_tables(complete_features(trunk, catalogue), [head])
    scores: pd.DataFrame = found.to_pandas()
    return scores


def offered(catalogue: Catalogue, feelings: Feelings, page: int = 0) -> pd.DataFrame:
    """Choose tracks to like or dislike: of all genres in turn, none that is decided on already.

    Returns
    -------
    DataFrame, up to twelve rows of `catalogue.tracks`
    """
    tracks = catalogue.tracks[~catalogue.tracks["track_id"].isin(set(feelings))]
    shuffled = tracks.sample(frac=1.0, random_state=1)
    turn = shuffled.groupby("genre", sort=False).cumcount()
    in_turns = shuffled.iloc[np.argsort(turn.to_numpy(), kind="stable")]
    start = page * SAMPLED % max(len(in_turns), 1)
    return in_turns.iloc[start : start + SAMPLED]


def likes_csv(feelings: Feelings, catalogue: Catalogue) -> str:
    """Write likes and dislikes as CSV: track_id, title, artist, liked."""
    about = catalogue.tracks.set_index("track_id")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["track_id", "title", "artist", "liked"])
    for track_id, liked in feelings.items():
        writer.writerow([track_id, *about.loc[track_id, ["title", "artist"]], int(liked)])
    return text.getvalue()


def weights_file(model: ListenerModel) -> bytes:
    """Return the weights of a model as safetensors."""
    return save({name: value.contiguous() for name, value in model.network.state_dict().items()})
