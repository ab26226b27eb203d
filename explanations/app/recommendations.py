"""The tracks of a catalogue that a listener's model recommends."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from explanations.listeners import ListenerModel
from lemons_utils import OnProgress
from recsys.catalogue import Catalogue
from recsys.predict import predict, relevance_table

TOP = 10


def stored_relevance(listener: ListenerModel, catalogue: Catalogue) -> pd.DataFrame | None:
    """Read the relevance of every track, if this model has scored all of the catalogue.

    Returns
    -------
    DataFrame with columns track_id, relevance; or None
    """
    table = relevance_table(catalogue, listener.user_name, listener.checksum)
    scores = table.read("track_id", "relevance")
    if scores is None or not set(catalogue.track_ids) <= set(scores["track_id"]):
        return None
    return scores


def score(listener: ListenerModel, catalogue: Catalogue, on_progress: OnProgress) -> pd.DataFrame:
    """Score every track of a catalogue, and store that where the command `predict` does.

    Parameters
    ----------
    on_progress : callable
        Called with "score" and the share that is done; what it raises ends the work, and what
        is scored by then is kept.

    Returns
    -------
    DataFrame with columns track_id, relevance, title, artist
    """
    table = relevance_table(catalogue, listener.user_name, listener.checksum)
    return predict(listener.network, table, on_trunk=listener.on_trunk, on_progress=on_progress)


def ranked(catalogue: Catalogue, scores: pd.DataFrame, heard: Collection[str]) -> pd.DataFrame:
    """Rank the tracks of a catalogue by relevance.

    Parameters
    ----------
    scores : DataFrame with columns track_id, relevance
    heard : collection of str
        Ids of the tracks that the listener has listened to.

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


def first_choice(table: pd.DataFrame) -> str:
    """Return the id of the best track that the listener has not heard, or else of the best one.

    `table` is from `ranked`, and not empty.
    """
    unheard = table.loc[~table["heard"], "track_id"]
    return str((unheard if len(unheard) else table["track_id"]).iloc[0])


def shortlist(table: pd.DataFrame, chosen_id: str = "") -> pd.DataFrame:
    """Return the best tracks that are new to the listener, after the chosen one if it is no such.

    `table` is from `ranked`.
    """
    best = choose(table, unheard=True).head(TOP)
    if chosen_id in set(best["track_id"]):
        return best
    return pd.concat([table[table["track_id"] == chosen_id], best]).head(TOP)


def choose(
    table: pd.DataFrame, *, words: str = "", genres: Collection[str] = (), unheard: bool = False
) -> pd.DataFrame:
    """Keep the rows that match a search.

    Parameters
    ----------
    table : DataFrame
        From `ranked`.
    words : str
        Words that must all occur in title, artist or genre, in upper or lower case.
    genres : collection of str
        Genres to keep; empty for all.
    unheard : bool
        Whether to keep only tracks that the listener has not listened to.
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
