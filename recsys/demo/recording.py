"""Record songs into a catalogue, with the listening histories of the seven listeners."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import scipy

import lemons_jobs
from lemons_journal import Journal
from lemons_limits import convert_json
from lemons_utils import DataError, ParameterError, write_beside, write_csv
from recsys import progress
from recsys.arrays import is_stored
from recsys.catalogue import UNFINISHED, Catalogue, check_name, write_tracks
from recsys.demo.listeners import LISTENERS, fresh_songs, listen
from recsys.demo.song import SAMPLES, Song, compose
from recsys.demo.takes import take, to_json
from recsys.listening import PUBLISHED_SEED, make_split, split_path, write_split

TRACKS = 320
"""The number of tracks of the demo catalogue."""

FIRST_FRESH_SEED = 1_000_000
"""The first seed of fresh songs; all seeds of catalogue `demo` are below it."""

LABELS = "labels.csv"
"""A file of a fresh catalogue: user_name, track_id, label (1 liked, 0 not)."""

_SILENT = ("__init__.py", "__main__.py", "build.py", "listeners.py", "listeners.toml", "planted.py",
           "recording.py", "takes.py")  # fmt: skip
"""Files that do not change how a song sounds."""

TASTES = "listeners.json"
"""A file beside plays.csv: the taste of each listener in words."""

_DECISIONS = ("seed", "tempo", "mode", "drum_groove", "bass_style", "voice", "popularity",
              "loudness_db", "brightness_db")  # fmt: skip


def record_demo(
    folder: Path, *, tracks: int = TRACKS, seed: int = PUBLISHED_SEED, jobs: int = -1
) -> Catalogue:
    """Build the demo catalogue: tracks, plays.csv, listeners.json, a split for each listener.

    Tracks that are stored already are not played again.

    Parameters
    ----------
    folder, jobs : Path, int
        As for `record`.
    tracks : int >= 32
        The number of songs, composed from the seeds 0, 1, 2 ...
    seed : int
        The seed of the splits.

    Raises
    ------
    ParameterError
        If there are too few tracks to include every genre.
    """
    if not 32 <= tracks < FIRST_FRESH_SEED:
        raise ParameterError(f"a demo catalogue needs 32 tracks or more, got {tracks}")
    songs = [compose(number) for number in range(tracks)]
    catalogue = record(songs, folder, jobs=jobs)
    plays = listen(songs, catalogue.track_ids)
    write_csv(folder / "plays.csv", plays)
    with write_beside(folder / TASTES) as temporary:
        tastes = {user_name: listener.taste for user_name, listener in LISTENERS.items()}
        temporary.write_text(json.dumps(tastes, indent=1) + "\n", encoding="utf-8")
    split_plays(catalogue, plays, seed=seed)
    return catalogue


def split_plays(catalogue: Catalogue, plays: pd.DataFrame, *, seed: int = PUBLISHED_SEED) -> None:
    """Write the split of every listener in a table of plays (user_name, track_id, playcount)."""
    for user_name, rows in plays.groupby("user_name"):
        split = make_split(rows, catalogue.track_ids, user_name=str(user_name), seed=seed)
        write_split(split_path(catalogue, str(user_name), seed), split)


def record_fresh(
    folder: Path, labelled: int, *, first_seed: int = FIRST_FRESH_SEED, jobs: int = -1
) -> Catalogue:
    """Build a catalogue of songs that no other catalogue holds, labelled by the true tastes.

    Parameters
    ----------
    folder, jobs : Path, int
        As for `record`.
    labelled : int, even and > 0
        Labelled tracks per listener, half of them liked. Listeners share tracks, so there are
        about twice as many tracks in all. The labels are in `LABELS`.
    first_seed : int >= 1000000

    Raises
    ------
    ParameterError
        If `labelled` is odd, or the seeds could meet those of the demo catalogue.
    """
    if first_seed < FIRST_FRESH_SEED:
        raise ParameterError(f"fresh seeds start at {FIRST_FRESH_SEED}, got {first_seed}")
    songs, labels = fresh_songs(labelled, first_seed)
    catalogue = record(songs, folder, jobs=jobs)
    track_of = dict(zip((song.seed for song in songs), catalogue.track_ids, strict=True))
    labels["track_id"] = labels["seed"].map(track_of)
    labels = labels.sort_values(["user_name", "seed"])
    write_csv(folder / LABELS, labels[["user_name", "track_id", "label"]])
    return catalogue


def record(songs: Sequence[Song], folder: Path, *, jobs: int = -1) -> Catalogue:
    """Play songs and store the mixes as a catalogue; the stems are played again on request.

    Songs that the folder holds already are not played again. Tracks of other songs that an
    earlier run recorded there are removed.

    Parameters
    ----------
    songs : sequence of Song
        The catalogue's rows, in this order. Column `song` holds all decisions of each.
    folder : Path
        The catalogue's folder; its name is the catalogue's name.
    jobs : int
        Processes; -1 for one per core.

    Raises
    ------
    ParameterError
        If the folder holds a catalogue that was not recorded by the demo band.
    """
    catalogue = Catalogue(check_name(folder.name, "catalogue"), folder)
    listed = _listed(catalogue)
    journal = Journal(folder / UNFINISHED)
    recorded = dict(_named_tracks(journal))
    known = {
        name: track_id
        for name, track_id in recorded.items()
        if is_stored(catalogue.audio_path(track_id), SAMPLES)
    }
    names = [_fingerprint(song) for song in songs]
    missing = [(song, name) for song, name in zip(songs, names, strict=True) if name not in known]
    if missing:
        journal.rewrite(recorded.items())
        work = functools.partial(_take, folder=folder)
        takes = lemons_jobs.run(work, missing, lemons_jobs.Workers(jobs))
        known_already, about = len(songs) - len(missing), f"recording {folder.name}"
        with progress.bar(len(songs), unit="track", initial=known_already, about=about) as bar:
            for outcome in takes:
                name, track_id = outcome.get()
                known[name] = track_id
                journal.append([name, track_id])
                bar.update()
    track_ids = [known[name] for name in names]
    if missing or listed != track_ids:
        write_tracks(folder, _table(songs, track_ids))
    for track_id in set(recorded.values()) - set(track_ids):
        catalogue.audio_path(track_id).unlink(missing_ok=True)
    journal.rewrite(dict(zip(names, track_ids, strict=True)).items())
    return Catalogue(catalogue.name, folder)


def _take(song_and_name: tuple[Song, str], folder: Path) -> tuple[str, str]:
    return take(*song_and_name, folder)


def _table(songs: Sequence[Song], track_ids: Sequence[str]) -> pd.DataFrame:
    rows = [
        {
            "track_id": track_id,
            **{name: getattr(song, name) for name in ("title", "artist", "album", "genre", "year")},
            "samples": SAMPLES,
            **{name: getattr(song, name) for name in _DECISIONS},
            "song": to_json(song),
        }
        for song, track_id in zip(songs, track_ids, strict=True)
    ]
    return pd.DataFrame(rows)


def _fingerprint(song: Song) -> str:
    return hashlib.sha256(f"{_band()}{to_json(song)}".encode()).hexdigest()[:20]


@functools.cache
def _band() -> str:
    """Return a checksum of what determines the sound of a song: code, tables, NumPy and SciPy."""
    digest = hashlib.sha256(f"numpy {np.__version__} scipy {scipy.__version__}".encode())
    for path in sorted(Path(__file__).parent.iterdir()):
        if path.suffix in (".py", ".toml") and path.name not in _SILENT:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _listed(catalogue: Catalogue) -> list[str]:
    """Return the ids in `tracks.parquet`; none if it is missing or damaged."""
    if not (catalogue.folder / "tracks.parquet").is_file():
        return []
    try:
        tracks = catalogue.tracks
    except DataError:
        return []
    if "song" not in tracks:
        raise ParameterError(
            f"{catalogue.folder} holds a catalogue that the band did not record: "
            "choose another name"
        )
    return list(tracks["track_id"])


def _named_tracks(journal: Journal) -> Iterator[tuple[str, str]]:
    """Yield the fingerprint and the track id of every recorded song."""
    for record in journal.records():
        with contextlib.suppress(DataError):
            yield convert_json(record, tuple[str, str], str(journal.path))
