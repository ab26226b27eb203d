"""Time and memory from a thousand tracks to a million: `python benchmarks/scale.py`.

Writes files in the format of the Million Song Dataset, with as many listeners as tracks and 47 rows
per listener, runs the importer's commands on them, and opens, lists, draws from and scores the
catalogue. Every figure is measured in a process of its own; memory is the peak of the resident
set. At the data set's size, `--tracks 1000000`, `--folder` takes 3 GB of text, kept for reuse.

    python benchmarks/scale.py --listeners 300000

Instead, splits so many listeners of one CSV, who have played six tracks each of a catalogue of 320.
"""

# ruff: noqa: S608 (the queries are made of numbers)

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from _shared import Finished, run_python

from lemons_utils import configuration
from recsys import predict
from recsys.catalogue import Catalogue, open_catalogue, write_tracks
from recsys.importers import taste_profile
from recsys.importers.msd import PUBLISHED, read_unique_tracks
from recsys.listening.draws import Pool
from recsys.model import FCN
from recsys.track_table import RELEVANCE, TrackTable

NAME = "msd"
TABLE = "relevance/benchmark.parquet"
SONGS = 0.384546  # songs of the Taste Profile per track of the Million Song Dataset
LISTENERS = 1.019318
TO_SCORE = 16  # tracks that a model has not scored yet
SAMPLES = 8_000  # of sound, each

_SONG = "'SO' || upper(substr(md5('song' || {0}), 1, 16))"
_TRACK = "'TR' || upper(substr(md5('track' || {0}), 1, 16))"


def main() -> None:
    """Print one table: a row for each step, a column for each number of tracks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--tracks", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000]
    )
    parser.add_argument("--folder", type=Path, help="for the files (default: one that is removed)")
    parser.add_argument("--listeners", type=int, metavar="N", help="split N of a CSV, instead")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps(time_step(options.step)))
        return
    if options.listeners:
        print(split_csv(options.listeners))
        return
    home = options.folder or Path(tempfile.mkdtemp(prefix="scale-"))
    try:
        results = {tracks: measure(home / str(tracks), tracks) for tracks in options.tracks}
    finally:
        if not options.folder:
            shutil.rmtree(home)
    table = pd.DataFrame(results)
    table.columns = [f"{tracks:,} tracks" for tracks in options.tracks]
    print(table.to_string())


def measure(folder: Path, tracks: int) -> dict[str, str]:
    """Measure every step at one size; return seconds and peak memory as text."""
    os.environ["LEMONS_DATA_FOLDER"] = str(folder / "data")
    write_raw(folder / "raw", tracks)
    catalogue = write_catalogue(folder / "raw")
    importer = ["-m", "recsys.importers.msd"]
    further = _listener(tracks // 2)
    commands = {
        "raw files -> plays.parquet": [*importer, "plays", str(folder / "raw")],
        "splits of the seven": [*importer, "splits"],
        "split of a further listener": [*importer, "splits", "--user_name", further],
    }
    figures = {}
    for about, command in commands.items():
        finished = run_python(command)
        figures[about] = _text(finished.seconds, finished)
    for step in STEPS:
        finished = run_python([__file__, "--step", step])
        figures[step] = _text(float(json.loads(finished.output)), finished)
    size = (catalogue.folder / "plays.parquet").stat().st_size
    figures["plays.parquet"] = f"{size / 1e6:,.0f} MB"
    print(f"{tracks:,} tracks:", json.dumps(figures, indent=2), flush=True)
    return figures


def split_csv(listeners: int) -> str:
    """Split the listeners of a CSV; return what it took as text."""
    rng, ids = np.random.default_rng(0), np.array([f"track{number:03}" for number in range(320)])
    with tempfile.TemporaryDirectory(prefix="scale-") as home:
        os.environ["LEMONS_DATA_FOLDER"] = home
        write_tracks(
            Path(home) / "catalogues" / NAME, pd.DataFrame({"track_id": ids, "samples": 1})
        )
        heard = np.concatenate([rng.choice(ids, 6, replace=False) for _ in range(listeners)])
        names = np.repeat([f"listener {number}" for number in range(listeners)], 6)
        plays = {"user_name": names, "track_id": heard, "playcount": 1}
        pd.DataFrame(plays).to_csv(table := Path(home) / "plays.csv", index=False)
        finished = run_python(["-m", "recsys.listening", str(table), "--catalogue", NAME])
    return f"{listeners:,} listeners split: {_text(finished.seconds, finished)}"


def _text(seconds: float, finished: Finished) -> str:
    return f"{seconds:.2f} s, {finished.peak_bytes / 1e6:,.0f} MB"


# -- files in the data set's format ------------------------------------------------------------
def write_raw(folder: Path, tracks: int) -> None:
    """Write the four text files unless they are there; plays are concentrated on few songs."""
    done = folder / "done"
    if done.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    songs, started = max(400, round(tracks * SONGS)), time.perf_counter()
    song, track = _SONG.format("i"), _TRACK.format("i")
    _write(
        folder / "unique_tracks.txt",
        f"SELECT {track} || '<SEP>' || {song} || '<SEP>Artist ' || (i % ceil({tracks} / 22)) "
        f"|| '<SEP>Title ' || i FROM range({tracks}) numbers(i)",
    )
    _write(
        folder / taste_profile.SONG_TO_TRACKS,
        f"SELECT {song} || chr(9) || {track} FROM range({songs}) numbers(i)",
    )
    _write(
        folder / taste_profile.MISMATCHES,
        f"SELECT 'ERROR: <' || {song} || ' ' || {track} || '> A  -  B  !=  C  -  D' "
        f"FROM range(0, {songs}, 20) numbers(i)",
    )
    _write(folder / taste_profile.TRIPLETS, _triplets(round(tracks * LISTENERS), songs))
    done.touch()
    print(f"{tracks:,} tracks: files written in {time.perf_counter() - started:.0f} s", flush=True)


def _triplets(listeners: int, songs: int) -> str:
    """Return a query for unordered rows of listeners, each with 10 songs or more."""
    published = ", ".join(f"({place}, '{name}')" for place, name in enumerate(PUBLISHED.values()))
    return f"""
        SELECT coalesce(published.name, sha1('u' || u)) || chr(9) || {_SONG.format("s")} || chr(9)
               || (1 + (hash(u, s) % 10 = 0)::INT * (hash(s, u) % 20)::INT)
        FROM (
            SELECT u, unnest(list_distinct(list_transform(range(n), lambda k:
                floor({songs} * pow((k + (hash(u, k) % 997) / 997.0) / n, 2))::INT))) AS s
            FROM (SELECT u, (10 + floor(-37.46 * ln((hash(u) % 99991 + 1) / 99992.0)))::INT AS n
                  FROM range({listeners}) numbers(u))
        ) LEFT JOIN (VALUES {published}) published(place, name) ON u = place
    """


def _write(path: Path, query: str) -> None:
    """Write the text column of a query, one row per line."""
    with duckdb.connect(config={"preserve_insertion_order": False}) as duck:
        lines = duck.sql(query)
        lines.write_csv(str(path), sep="\x01", quotechar="", escapechar="", header=False)


def _listener(number: int) -> str:
    return hashlib.sha1(f"u{number}".encode(), usedforsecurity=False).hexdigest()


def write_catalogue(raw: Path) -> Catalogue:
    """Write a catalogue of all tracks; only those to be scored have audio."""
    folder = configuration().catalogues / NAME
    catalogue = Catalogue(NAME, folder)
    tracks = read_unique_tracks(raw / "unique_tracks.txt").assign(samples=SAMPLES)
    if catalogue.table is None:
        rng = np.random.default_rng(0)
        (folder / "audio").mkdir(parents=True, exist_ok=True)
        for track_id in tracks["track_id"][-TO_SCORE:]:
            noise = rng.integers(-3000, 3000, SAMPLES).astype(np.int16)
            np.save(folder / "audio" / f"{track_id}.npy", noise)
    write_tracks(folder, known := tracks.iloc[:-TO_SCORE])
    random = np.random.default_rng(0).random(len(known))
    found = pa.table([known["track_id"].tolist(), random], schema=RELEVANCE.noted)
    _relevance(catalogue).finish(found)
    write_tracks(folder, tracks)
    return catalogue


def _relevance(catalogue: Catalogue) -> TrackTable:
    return predict.relevance_table(catalogue, "", "", catalogue.folder / TABLE)


# -- steps, each in a process of its own -------------------------------------------------------
def _opened() -> Catalogue:
    return open_catalogue(NAME, data_folder=configuration().data_folder)


def _list(catalogue: Catalogue) -> int:
    return sum(len(batch) for batch in catalogue.batches("track_id", "title", "artist"))


def _draw(catalogue: Catalogue) -> int:
    return len(Pool(catalogue.table or []).draw(500, salt="a listener"))


def _score(catalogue: Catalogue) -> int:
    """Score the new tracks of a catalogue whose other tracks have a relevance already."""
    predict.score_catalogue(FCN(), _relevance(catalogue))
    return TO_SCORE


STEPS: dict[str, Callable[[Catalogue], int]] = {
    "open": lambda _: _opened().count,
    "list, in batches": _list,
    "load the whole table": lambda catalogue: len(catalogue.tracks),
    "draw 500 unheard": _draw,
    f"score {TO_SCORE} new tracks": _score,
}
"""Steps to measure: functions of an open catalogue that return their number of tracks."""


def time_step(name: str) -> float:
    """Take a step in this process; return its duration [s]."""
    catalogue = _opened()
    started = time.perf_counter()
    if not STEPS[name](catalogue):
        raise RuntimeError(f"{name}: no tracks")
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
