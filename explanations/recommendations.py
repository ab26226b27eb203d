"""What a listener's model would recommend of a catalogue."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import pandas as pd

from explanations.listeners import ListenerModel
from lemons_utils import write_beside
from recsys.catalogue import Catalogue
from recsys.dataset import Tracks
from recsys.inference import relevance, score_tracks

TOP = 10


def stored_relevance(
    listener: ListenerModel, catalogue: Catalogue, folder: Path
) -> pd.DataFrame | None:
    """Read the relevance of every track if this very model has scored this very catalogue."""
    path = _path(listener, catalogue, folder)
    return pd.read_parquet(path) if path.is_file() else None


def score(
    listener: ListenerModel,
    catalogue: Catalogue,
    folder: Path,
    progress: Callable[[float], None] | None = None,
) -> pd.DataFrame:
    """Score every track of a catalogue and store that.

    Parameters
    ----------
    listener : ListenerModel
    catalogue : Catalogue
    folder : Path
    progress : callable, optional
        Called with the share that is done; what it raises ends the work.
    """
    track_ids = catalogue.track_ids
    done = 0

    def on_batch(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(done / len(track_ids))

    tracks = Tracks(catalogue.audio, track_ids, [0] * len(track_ids))
    logits = score_tracks(listener.network, tracks, batch_size=4, on_batch=on_batch)
    table = pd.DataFrame({"track_id": track_ids, "relevance": relevance(logits)})
    with write_beside(_path(listener, catalogue, folder)) as temporary:
        table.to_parquet(temporary, index=False)
    return table


def _path(listener: ListenerModel, catalogue: Catalogue, folder: Path) -> Path:
    return folder / catalogue.name / f"{listener.user_name}-{listener.checksum[:16]}.parquet"


def ranked(catalogue: Catalogue, scores: pd.DataFrame, heard: Collection[str]) -> pd.DataFrame:
    """Put the tracks of a catalogue in the order in which they would be recommended.

    Parameters
    ----------
    catalogue : Catalogue
    scores : DataFrame with columns track_id, relevance
    heard : collection of str
        Ids of what the listener has listened to.

    Returns
    -------
    DataFrame, one row a track: rank (from 1), track_id, title, artist, genre, duration_s,
    relevance, heard
    """
    about = catalogue.tracks[["track_id", "title", "artist", "genre", "duration_s"]]
    table = about.merge(scores[["track_id", "relevance"]], on="track_id", how="inner")
    table = table.sort_values(["relevance", "track_id"], ascending=[False, True])
    table["heard"] = table["track_id"].isin(set(heard))
    table.insert(0, "rank", range(1, len(table) + 1))
    return table.reset_index(drop=True)


def choose(
    table: pd.DataFrame, *, words: str = "", genres: Collection[str] = (), unheard: bool = False
) -> pd.DataFrame:
    """Keep the rows that match a search.

    Parameters
    ----------
    table : DataFrame
        From `ranked`.
    words : str
        Each must occur in title, artist or genre, whatever its case.
    genres : collection of str
        Any of these; empty for all.
    unheard : bool
        Only what the listener has not listened to.
    """
    text = (table["title"] + " " + table["artist"] + " " + table["genre"]).str.casefold()
    keep = pd.Series(True, index=table.index)
    for word in words.casefold().split():
        keep &= text.str.contains(word, regex=False)
    if genres:
        keep &= table["genre"].isin(list(genres))
    if unheard:
        keep &= ~table["heard"]
    return table[keep]
