"""What listeners and tracks cost on one trunk: `python benchmarks/growth.py`, after `make demo`.

Measures what a track, a listener and a pair of both cost at each step, on one thread; then the pass
over the sound, which tracks cost and listeners do not, here, on two processes, and on a Dask
cluster of two workers, and how many empty items a second its scheduler hands out. From these
figures it lays out what up to a million listeners of up to a million tracks take, and where one
machine ends.
"""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from _shared import print_head, print_row, timed
from listeners import EXPLAINED, TRACKS, disk, explain, fit

from audiolime.exact import LocalStateEngine
from explanations.explain.track import default_segments
from explanations.stems import separator_for, stems_of
from lemons_audio import to_float32
from lemons_jobs import HERE, Workers, run
from lemons_utils import SAMPLE_RATE, command, configuration
from recsys import heads
from recsys.catalogue import Catalogue, open_catalogue, write_tracks
from recsys.heads import Head, Trunk
from recsys.heads.features import coordinates_of
from recsys.heads.pooled import pool
from recsys.heads.scoring import relevance_tables
from recsys.model import LocalStatistics
from recsys.predict import relevance_table
from recsys.track_table import CHUNK_TRACKS

CORES, MACHINE_HOUR, TERABYTE_MONTH = 16, 0.70, 80.0
"""A machine, and what it and a terabyte of disk cost, in dollars."""

MODELLED_WORKERS = (2, 10, 100, 1000)

DAY_S = 24 * 3600.0
TOP = 10
"""Tracks that are explained to each listener."""

HEARD, SCORED_FOR, EMPTY = 16, 3, 2000
"""Tracks that are heard once; listeners whom a large catalogue is scored for; empty items."""

SOUND_BYTES, FEATURES_BYTES, ROW_BYTES = 2 * 30 * SAMPLE_RATE, 500, 38
"""Of a track: 30 s of sound, its coordinates; its row in a listener's table of relevance."""


@dataclass(frozen=True)
class Unit:
    """What one costs, in seconds of one thread and in bytes."""

    heard: float  # a track, for everybody
    removed: float  # a training track, with what six removals leave of it
    fitted: float  # a listener
    scored: float  # a track for a listener, table included
    tabled: float  # the tables of an explained track, for everybody
    explained: float  # a track to a listener
    head_bytes: int
    tables_bytes: int

    def core_s(self, listeners: int, tracks: int) -> dict[str, float]:
        """Return the seconds of one core for each step."""
        shown = min(tracks, TOP * listeners)
        return {
            "sound": tracks * self.heard,
            "heads": min(tracks, TRACKS * listeners) * self.removed + listeners * self.fitted,
            "relevance": listeners * tracks * self.scored,
            "explaining": shown * self.tabled + TOP * listeners * self.explained,
        }

    def bytes(self, listeners: int, tracks: int) -> dict[str, float]:
        """Return the bytes on disk: what tracks take, what listeners do, and tables of both."""
        shown = min(tracks, TOP * listeners)
        return {
            "tracks": tracks * (SOUND_BYTES + FEATURES_BYTES) + shown * self.tables_bytes,
            "listeners": float(listeners * self.head_bytes),
            "relevance": float(listeners * tracks * ROW_BYTES),
        }


@command
def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--tracks", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000],
        help="sizes of catalogues that are scored",
    )  # fmt: skip
    sizes = parser.parse_args().tracks
    torch.set_num_threads(1)
    config = configuration()
    catalogue = open_catalogue("demo", data_folder=config.data_folder)
    trunk = heads.open_trunk(config.experiments, catalogue)
    folder = Path(tempfile.mkdtemp(prefix="growth-"))
    try:
        found, fitted, _ = fit(trunk, EXPLAINED)
        scored = {size: score(folder, found[0], size) for size in sizes}
        unit = units(trunk, catalogue, found, fitted, scored[max(sizes)], folder)
        print_units(unit, scored)
        print_workers(trunk, catalogue, folder)
    finally:
        shutil.rmtree(folder)
    print_grid(unit)


def units(
    trunk: Trunk,
    catalogue: Catalogue,
    found: list[Head],
    fitted: float,
    scored: float,
    folder: Path,
) -> Unit:
    """Measure what one of each costs."""
    track_ids = sorted(catalogue.track_ids)[:HEARD]
    network, config = LocalStatistics(), configuration()
    waveforms = [torch.from_numpy(to_float32(catalogue.audio(each)))[None] for each in track_ids]
    stems = [
        stems_of(
            catalogue.audio(each),
            separator_for(catalogue, each),
            stems_folder=config.stems,
            limit_gb=config.stems_cache_gb,
        ).waveforms
        for each in track_ids[:4]
    ]
    with torch.inference_mode():
        network.pooled(waveforms[0])
        heard = timed(lambda: [network.pooled(each) for each in waveforms]) / HEARD
    removed = timed(lambda: [pool("", each, "") for each in stems]) / len(stems)
    directions = torch.from_numpy(trunk.directions)
    path, tables = folder / "tables.npz", 0.0
    for each in stems:
        engine = LocalStateEngine(trunk.model(found[0]), each, default_segments(each.shape[1]))
        started = time.perf_counter()
        engine.trunk_tables(directions).write(path)
        tables += time.perf_counter() - started
    explained = explain(trunk, found, catalogue, folder) / len(found)
    return Unit(
        heard, removed, fitted, scored, tables / len(stems), explained,
        disk(trunk, found[0], folder), path.stat().st_size,
    )  # fmt: skip


def score(folder: Path, head: Head, size: int) -> float:
    """Return the seconds of a track for a listener in a catalogue of a size, tables written."""
    home = folder / str(size)
    track_ids = [f"T{number:07d}" for number in range(size)]
    titles = [f"Title {number}" for number in range(size)]
    columns = {"track_id": track_ids, "title": titles, "artist": "Somebody", "samples": 480_000}
    write_tracks(home, pd.DataFrame(columns))
    catalogue, path = Catalogue(str(size), home), home / "features.parquet"
    coordinates = np.random.default_rng(0).normal(size=(size, len(head.weight)))
    values = pa.array(list(coordinates.astype(np.float32)), pa.list_(pa.float32()))
    pq.write_table(pa.table({"track_id": track_ids, "coordinates": values}), path)
    started = time.process_time()
    for number, found in enumerate(relevance_tables(path, [head] * SCORED_FOR)):
        relevance_table(catalogue, "", str(number), home / f"{number}.parquet").finish(found)
    seconds = time.process_time() - started
    shutil.rmtree(home)
    return seconds / SCORED_FOR / size


def print_units(unit: Unit, scored: dict[int, float]) -> None:
    """Print what one of each costs."""
    print_head("of one", "seconds of one thread")
    print_row("track heard, for everybody", f"{unit.heard:.3f}")
    print_row("training track, with six removals of stems", f"{unit.removed:.3f}")
    print_row("head of 100 tracks", f"{unit.fitted:.3f}")
    for size, seconds in scored.items():
        print_row(f"listener's relevance of {size:,} tracks, written", f"{seconds * size:.2f}")
    print_row("track's tables, for everybody", f"{unit.tabled:.2f}")
    print_row("explanation of each kind from them, all masks", f"{unit.explained:.2f}")
    print(f"\nhead on disk {unit.head_bytes:,} bytes, tables {unit.tables_bytes:,}\n")


def print_workers(trunk: Trunk, catalogue: Catalogue, folder: Path) -> None:
    """Print how fast tracks are heard by one process, by two, and by two workers of a cluster."""
    from distributed import LocalCluster

    unheard = Catalogue("unheard", folder / "unheard")
    unheard.folder.mkdir()
    (unheard.folder / "audio").symlink_to(catalogue.folder / "audio")
    track_ids = sorted(catalogue.track_ids) * 2
    starts = range(0, len(track_ids), CHUNK_TRACKS)
    chunks = [track_ids[start : start + CHUNK_TRACKS] for start in starts]
    work = functools.partial(coordinates_of, trunk, unheard)

    def rate(workers: Workers) -> float:
        [*run(work, chunks[:4], workers)]  # which starts and warms them
        return len(track_ids) / timed(lambda: [*run(work, chunks, workers)])

    print_head("tracks heard by", "tracks/s", "of the first, each")
    first = rate(HERE)
    print_row("this process, one thread", f"{first:.1f}", "1")
    two = rate(Workers(2))
    print_row("two processes", f"{two:.1f}", f"{two / first / 2:.2f}")
    with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        workers = Workers(cluster=cluster.scheduler_address)
        cluster_rate = rate(workers)
        empty = EMPTY / timed(lambda: [*run(abs, range(EMPTY), workers)])
    print_row(
        "a Dask cluster, two workers", f"{cluster_rate:.1f}", f"{cluster_rate / first / 2:.2f}"
    )
    busy, share = empty * CHUNK_TRACKS / first, cluster_rate / first / 2
    print(
        f"\nempty items through the cluster: {empty:.0f} a second ({os.cpu_count()} cores); items "
        f"of {CHUNK_TRACKS} tracks keep {busy:.0f} workers busy\n"
    )
    print_head("workers, modelled", "hours for the sound of a million tracks")
    for count in MODELLED_WORKERS:
        hours_taken = 1e6 / (first * share * min(count, busy)) / 3600
        print_row(f"{count:,}", f"{hours_taken:.2g}")
    print()


def print_grid(unit: Unit) -> None:
    """Print what catalogues and listeners of several sizes take, and where a machine's day ends."""
    machine = CORES * DAY_S
    print_head(
        "listeners", "tracks", "sound", "heads", "relevance", "explaining",
        "one machine", "$", "sound and tables", "relevance of all", "machines for a day",
    )  # fmt: skip
    for tracks in (1_000, 100_000, 1_000_000):
        for listeners in (10, 1_000, 100_000, 1_000_000):
            steps, stored = unit.core_s(listeners, tracks), unit.bytes(listeners, tracks)
            total = sum(steps.values())
            print_row(
                f"{listeners:,}", f"{tracks:,}", *(hours(each) for each in steps.values()),
                f"{total / CORES / 3600:.3g} h", f"{total / CORES / 3600 * MACHINE_HOUR:.3g}",
                f"{(stored['tracks'] + stored['listeners']) / 1e9:.3g} GB",
                f"{stored['relevance'] / 1e9:.3g} GB", f"{total / machine:.2g}",
            )  # fmt: skip
    print()
    for tracks in (1_000, 100_000, 1_000_000):
        print(
            f"one machine of {CORES} cores serves {most_listeners(unit, tracks):,} listeners of "
            f"{tracks:,} tracks a day"
        )


def hours(seconds: float) -> str:
    """Write hours of a core."""
    return f"{seconds / 3600:.3g}"


def most_listeners(unit: Unit, tracks: int) -> int:
    """Return for how many listeners a machine does everything in a day."""
    low, high = 0, 10**9
    while high - low > 1:
        middle = (low + high) // 2
        fits = sum(unit.core_s(middle, tracks).values()) <= CORES * DAY_S
        low, high = (middle, high) if fits else (low, middle)
    return low


if __name__ == "__main__":
    main()
