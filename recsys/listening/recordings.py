"""Find the recordings of one song in a catalogue of up to millions of tracks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator

from recsys.catalogue import Catalogue
from recsys.listening.matching import loose_key


def same_songs(catalogue: Catalogue, track_ids: Iterable[str]) -> dict[str, list[str]]:
    """Find all recordings of the songs of some tracks: of their title and artist, in any version.

    Memory is taken by what is returned alone. Tracks without a title or an artist have no others.

    Returns
    -------
    dict from track_id to the ids of all recordings of the song, that track included
    """
    wanted, songs = set(track_ids), {}
    for track_id, title, artist in _rows(catalogue, "track_id", wanted.__contains__):
        songs[track_id] = _key(artist), _key(title)
    artists = {artist for artist, _ in songs.values()}
    recordings: dict[tuple[str, str], list[str]] = {song: [] for song in songs.values()}
    for track_id, title, artist in _rows(catalogue, "artist", lambda name: _key(name) in artists):
        if (song := (_key(artist), _key(title))) in recordings:
            recordings[song].append(track_id)
    return {track_id: recordings[song] for track_id, song in songs.items()}


_key = functools.lru_cache(maxsize=1 << 16)(loose_key)


def _rows(
    catalogue: Catalogue, column: str, is_wanted: Callable[[str], bool]
) -> Iterator[tuple[str, str, str]]:
    """Yield id, title and artist of the tracks that have both and a wanted value in a column."""
    for batch in catalogue.batches("track_id", "title", "artist"):
        wanted = batch[[is_wanted(value) for value in batch[column].astype(object)]]
        named = wanted[(wanted["title"] != "") & (wanted["artist"] != "")]
        yield from zip(named["track_id"], named["title"], named["artist"], strict=True)
