"""Seven listeners with the published tastes, and their listening histories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import pandas as pd

from lemons_utils import ParameterError
from recsys.demo.chance import dice
from recsys.demo.song import Song, compose
from recsys.demo.tables import records

_QUIETEST_DB, _LOUDEST_DB = -29.0, -13.5
_DULLEST_DB, _BRIGHTEST_DB = -12.0, 9.0


@dataclass(frozen=True)
class Listener:
    """What decides which tracks a listener likes; `listeners.toml` explains the keys."""

    taste: str
    genres: Mapping[str, float] = field(default_factory=dict)
    popular: float = 0.0
    loud: float = 0.0
    crisp: float = 0.0
    whim: float = 0.0
    demand: float = 0.5


LISTENERS = records(Listener, "listeners.toml")
"""The seven listeners by user name."""

OFF_TASTE = 0.1
"""Share of the listened tracks that the listener does not like."""

_HEARD = 0.93


def liking(user_name: str, song: Song) -> float:
    """Compute how much a listener likes a track: it is liked from `demand` on.

    Raises
    ------
    ParameterError
        If there is no such listener.
    """
    if user_name not in LISTENERS:
        raise ParameterError(f"user_name must be one of {', '.join(LISTENERS)}, got {user_name!r}")
    listener = LISTENERS[user_name]
    loud = (song.loudness_db - _QUIETEST_DB) / (_LOUDEST_DB - _QUIETEST_DB)
    crisp = (song.brightness_db - _DULLEST_DB) / (_BRIGHTEST_DB - _DULLEST_DB)
    whim = dice(song.seed, f"whim of {user_name}").random() if listener.whim else 0.0
    return (
        listener.genres.get(song.genre, 0.0)
        + listener.popular * song.popularity
        + listener.loud * min(max(loud, 0.0), 1.0)
        + listener.crisp * min(max(crisp, 0.0), 1.0)
        + listener.whim * float(whim)
    )


def true_taste(user_name: str, song: Song) -> bool:
    """Whether a listener likes a track, without the noise of the listening history.

    Raises
    ------
    ParameterError
        If there is no such listener.
    """
    return liking(user_name, song) >= LISTENERS[user_name].demand


def listen(songs: Sequence[Song], track_ids: Sequence[str]) -> pd.DataFrame:
    """Draw the listening histories of all listeners on a catalogue.

    Listeners play most of the tracks that they like, and a tenth of the tracks that they play is
    not to their taste. Play counts are log-normal, and higher for liked tracks.

    Parameters
    ----------
    songs : sequence of Song
    track_ids : sequence of str
        The songs' ids in the same order.

    Returns
    -------
    DataFrame with columns user_name, track_id, playcount
    """
    tables = []
    for user_name in LISTENERS:
        draw = dice(len(songs), f"ears of {user_name}")
        liked = np.array([true_taste(user_name, song) for song in songs])
        heard = np.flatnonzero(liked & (draw.random(len(songs)) < _HEARD))
        disliked = np.flatnonzero(~liked)
        n_off_taste = min(round(len(heard) * OFF_TASTE / (1 - OFF_TASTE)), len(disliked))
        off_taste = np.sort(draw.choice(disliked, n_off_taste, replace=False))
        often = np.exp(draw.normal(2.3, 1.0, len(heard)))
        seldom = np.exp(draw.normal(0.7, 0.8, len(off_taste)))
        tables.append(
            pd.DataFrame(
                {
                    "user_name": user_name,
                    "track_id": [track_ids[i] for i in (*heard, *off_taste)],
                    "playcount": np.ceil(np.concatenate([often, seldom])).astype("int64"),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def fresh_songs(labelled: int, first_seed: int) -> tuple[list[Song], pd.DataFrame]:
    """Compose songs until every listener has enough labelled ones, half of them liked.

    Listeners share songs where possible; a song that no listener needs is skipped.

    Parameters
    ----------
    labelled : int, even and > 0
        Labelled songs per listener.
    first_seed : int
        The seed of the first song.

    Returns
    -------
    songs : list of Song
    labels : DataFrame with columns user_name, seed, label
        `label` is 1 for a liked song, 0 otherwise.

    Raises
    ------
    ParameterError
        If `labelled` is odd or less than 2.
    """
    if labelled < 2 or labelled % 2:
        raise ParameterError(f"labelled tracks must be an even number from 2 on, got {labelled}")
    missing = {(user, label): labelled // 2 for user in LISTENERS for label in (0, 1)}
    songs, rows = [], []
    for song in map(compose, count(first_seed)):
        verdicts = [(user_name, int(true_taste(user_name, song))) for user_name in LISTENERS]
        if not any(missing[verdict] for verdict in verdicts):
            continue
        songs.append(song)
        for verdict in verdicts:
            if missing[verdict]:
                missing[verdict] -= 1
                rows.append((verdict[0], song.seed, verdict[1]))
        if not any(missing.values()):
            break
    return songs, pd.DataFrame(rows, columns=["user_name", "seed", "label"])
