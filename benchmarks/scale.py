"""Time and memory from a thousand tracks to a million: `python benchmarks/scale.py`.

Writes files of the Million Song Dataset's form, with as many listeners as tracks and 47 rows a
listener, runs the importer's commands on them, and opens, lists, draws from and scores the
catalogue. Every figure is of a process of its own, its peak memory is the resident set's.
`--tracks 1000000` alone is the real size: 3 GB of text in `--folder`, which is kept and used again.
"""

# ruff: noqa: S608 (what the queries are made of are numbers)

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import psutil

from lemons_utils import configuration
from recsys import predict
from recsys.catalogue import Catalogue, open_catalogue, write_tracks
from recsys.importers import taste_profile
from recsys.importers.msd import PUBLISHED, read_unique_tracks
from recsys.listening.draws import Pool

NAME = "msd"
RELEVANCE = "relevance/benchmark.parquet"
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
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps(STEPS[options.step]()))
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
    """Take every step at one size; return its seconds and peak memory as text."""
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
    found = {}
    for about, command in commands.items():
        _, seconds, peak = _run(command)
        found[about] = _text(seconds, peak)
    for step in STEPS:
        said, _, peak = _run([__file__, "--step", step])
        found[step] = _text(float(json.loads(said)), peak)
    size = (catalogue.folder / "plays.parquet").stat().st_size
    found["plays.parquet"] = f"{size / 1e6:,.0f} MB"
    print(f"{tracks:,} tracks:", json.dumps(found, indent=2), flush=True)
    return found


def _text(seconds: float, peak: int) -> str:
    return f"{seconds:.2f} s, {peak / 1e6:,.0f} MB"


def _run(arguments: list[str]) -> tuple[str, float, int]:
    """Run Python; return what it printed, its seconds, and its peak memory [bytes]."""
    peak, started = 0, time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        with subprocess.Popen([sys.executable, *arguments], stdout=out) as process:
            while process.poll() is None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    peak = max(peak, psutil.Process(process.pid).memory_info().rss)
                time.sleep(0.01)
        seconds = time.perf_counter() - started
        if process.returncode:
            raise RuntimeError(f"{' '.join(arguments)} exited with {process.returncode}")
        out.seek(0)
        return out.read(), seconds, peak


# -- files of the real form --------------------------------------------------------------------
def write_raw(folder: Path, tracks: int) -> None:
    """Write the four text files, once; half of all songs share a twentieth of the plays."""
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
    """Rows of listeners in no order, each with 10 songs and an exponential number more."""
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
    """Write the one text column of a query, line by line."""
    with duckdb.connect(config={"preserve_insertion_order": False}) as duck:
        lines = duck.sql(query)
        lines.write_csv(str(path), sep="\x01", quotechar="", escapechar="", header=False)


def _listener(number: int) -> str:
    return hashlib.sha1(f"u{number}".encode(), usedforsecurity=False).hexdigest()


def write_catalogue(raw: Path) -> Catalogue:
    """List all tracks as if all had sound; those to be scored have."""
    folder = configuration().catalogues / NAME
    catalogue = Catalogue(NAME, folder)
    if catalogue.table is None:
        tracks = read_unique_tracks(raw / "unique_tracks.txt")
        write_tracks(folder, tracks.assign(samples=SAMPLES))
        rng = np.random.default_rng(0)
        (folder / "audio").mkdir(exist_ok=True)
        for track_id in tracks["track_id"][-TO_SCORE:]:
            noise = rng.integers(-3000, 3000, SAMPLES).astype(np.int16)
            np.save(folder / "audio" / f"{track_id}.npy", noise)
    known = catalogue.columns("track_id", "title", "artist").iloc[:-TO_SCORE]
    known.insert(1, "relevance", np.random.default_rng(0).random(len(known)))
    (folder / "relevance").mkdir(exist_ok=True)
    known.to_parquet(folder / RELEVANCE, index=False)
    return catalogue


# -- steps, each in a process of its own; they return seconds ----------------------------------
def _opened() -> Catalogue:
    return open_catalogue(NAME, data_folder=configuration().data_folder)


def _open() -> float:
    started = time.perf_counter()
    if not _opened().count:
        raise RuntimeError("no tracks")
    return time.perf_counter() - started


def _list() -> float:
    started = time.perf_counter()
    rows = sum(len(batch) for batch in _opened().batches("track_id", "title", "artist"))
    if rows != _opened().count:
        raise RuntimeError(f"{rows} rows listed")
    return time.perf_counter() - started


def _table() -> float:
    started = time.perf_counter()
    if not len(_opened().tracks):
        raise RuntimeError("no tracks")
    return time.perf_counter() - started


def _draw() -> float:
    catalogue = _opened()
    started = time.perf_counter()
    drawn = Pool(catalogue.table or []).draw(500, salt="a listener")
    if len(drawn) != min(500, catalogue.count):
        raise RuntimeError(f"{len(drawn)} drawn")
    return time.perf_counter() - started


def _score() -> float:
    """Score what is new in a catalogue whose other tracks a model has scored already."""
    from recsys.model import FCN

    catalogue = _opened()
    started = time.perf_counter()
    predict.score_catalogue(FCN(), catalogue, catalogue.folder / RELEVANCE)
    return time.perf_counter() - started


STEPS: dict[str, Callable[[], float]] = {
    "open": _open,
    "list, in batches": _list,
    "load the whole table": _table,
    "draw 500 unheard": _draw,
    f"score {TO_SCORE} new tracks": _score,
}


if __name__ == "__main__":
    main()
