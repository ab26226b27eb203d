"""Record songs into a catalogue, and what the seven listened to beside them."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
from tqdm import tqdm

import lemons_jobs
from lemons_utils import DataError, ParameterError, write_beside
from recsys.arrays import is_stored
from recsys.catalogue import UNFINISHED, Catalogue, check_name, write_tracks
from recsys.demo.listeners import LISTENERS, fresh_songs, listen
from recsys.demo.song import SAMPLES, Song, compose
from recsys.demo.takes import take, to_json
from recsys.listening import PUBLISHED_SEED, make_split, split_path, write_split

TRACKS = 320
"""Tracks of the demo catalogue."""

FIRST_FRESH_SEED = 1_000_000
"""Fresh songs have seeds from here on; those of catalogue `demo` end far below."""

LABELS = "labels.csv"
"""Beside a fresh catalogue's tracks: user_name, track_id, label (1 liked, 0 not)."""

_SILENT = ("__init__.py", "__main__.py", "build.py", "listeners.py", "planted.py", "recording.py",
           "takes.py")  # fmt: skip
TASTES = "listeners.json"
"""Beside plays.csv: what each listener likes, as one would say it."""

_DECISIONS = ("seed", "tempo", "mode", "drum_groove", "bass_style", "voice", "popularity",
              "loudness_db", "brightness_db")  # fmt: skip


def record_demo(
    folder: Path, *, tracks: int = TRACKS, seed: int = PUBLISHED_SEED, jobs: int = -1
) -> Catalogue:
    """Build the demo catalogue: tracks, plays.csv, listeners.json, a split for each listener.

    What is there already is not made again.

    Parameters
    ----------
    folder : Path
        Of the catalogue; its name becomes the catalogue's.
    tracks : int >= 32
        How many songs, composed from the seeds 0, 1, 2 ...
    seed : int
        Of the splits.
    jobs : int
        Processes; -1 for one on each core.

    Raises
    ------
    ParameterError
        If there are too few tracks for every genre to occur.
    """
    if not 32 <= tracks < FIRST_FRESH_SEED:
        raise ParameterError(f"a demo catalogue needs 32 tracks or more, got {tracks}")
    songs = [compose(number) for number in range(tracks)]
    catalogue = record(songs, folder, jobs=jobs)
    plays = listen(songs, catalogue.track_ids)
    _write_csv(folder / "plays.csv", plays)
    with write_beside(folder / TASTES) as temporary:
        tastes = {user_name: listener.taste for user_name, listener in LISTENERS.items()}
        temporary.write_text(json.dumps(tastes, indent=1) + "\n", encoding="utf-8")
    for user_name in LISTENERS:
        own = plays[plays["user_name"] == user_name]
        split = make_split(own, catalogue.track_ids, user_name=user_name, seed=seed)
        write_split(split_path(catalogue, user_name, seed), split)
    return catalogue


def record_fresh(
    folder: Path, labelled: int, *, first_seed: int = FIRST_FRESH_SEED, jobs: int = -1
) -> Catalogue:
    """Build a catalogue of songs that no other holds, with the listeners' true taste.

    Parameters
    ----------
    folder : Path
        Of the catalogue; its name becomes the catalogue's.
    labelled : int, even and > 0
        Labelled tracks a listener, half of them liked. Listeners share tracks: there are about
        twice as many tracks as that. The labels are in `LABELS`.
    first_seed : int >= 1000000
    jobs : int
        Processes; -1 for one on each core.

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
    _write_csv(folder / LABELS, labels[["user_name", "track_id", "label"]])
    return catalogue


def record(songs: Sequence[Song], folder: Path, *, jobs: int = -1) -> Catalogue:
    """Play songs and keep the mixes as a catalogue; stems are played again when wanted.

    Songs that the folder holds already are not played again; tracks of other songs that an
    earlier run recorded there are removed.

    Parameters
    ----------
    songs : sequence of Song
        The catalogue's rows, in this order. Column `song` keeps all decisions of each.
    folder : Path
        Of the catalogue; its name becomes the catalogue's.
    jobs : int
        Processes; -1 for one on each core.

    Raises
    ------
    ParameterError
        If the folder holds a catalogue that the band did not record.
    """
    catalogue = Catalogue(check_name(folder.name, "catalogue"), folder)
    listed = _listed(catalogue)
    journal = folder / UNFINISHED
    recorded = _read_journal(journal)
    known = {
        name: track_id
        for name, track_id in recorded.items()
        if is_stored(catalogue.audio_path(track_id), SAMPLES)
    }
    names = [_fingerprint(song) for song in songs]
    missing = [(song, name) for song, name in zip(songs, names, strict=True) if name not in known]
    if missing:
        _write_journal(journal, recorded)
        work = functools.partial(_take, folder=folder)
        takes = lemons_jobs.run(work, missing, lemons_jobs.Workers(jobs))
        bar = tqdm(takes, f"recording {folder.name}", len(songs), initial=len(songs) - len(missing))
        with journal.open("a", encoding="utf-8") as lines:
            for outcome in bar:
                name, track_id = outcome.get()
                known[name] = track_id
                lines.write(json.dumps([name, track_id]) + "\n")
                lines.flush()
    track_ids = [known[name] for name in names]
    if missing or listed != track_ids:
        write_tracks(folder, _table(songs, track_ids))
    for track_id in set(recorded.values()) - set(track_ids):
        catalogue.audio_path(track_id).unlink(missing_ok=True)
    _write_journal(journal, dict(zip(names, track_ids, strict=True)))
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
    """Name what decides how a song sounds: the band's code and the libraries under it."""
    digest = hashlib.sha256(f"numpy {np.__version__} scipy {scipy.__version__}".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.name not in _SILENT:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _listed(catalogue: Catalogue) -> list[str]:
    """List what an earlier run put into `tracks.parquet`; nothing where that is damaged."""
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


def _read_journal(path: Path) -> dict[str, str]:
    """Read which songs are recorded; a line that was cut off is as good as none."""
    recorded = {}
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError, TypeError):
                name, track_id = json.loads(line)
                recorded[str(name)] = str(track_id)
    return recorded


def _write_journal(path: Path, entries: dict[str, str]) -> None:
    with write_beside(path) as temporary:
        lines = (json.dumps([name, track_id]) + "\n" for name, track_id in entries.items())
        temporary.write_text("".join(lines), encoding="utf-8")


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    with write_beside(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
