"""Memory and speed of ingest: `python benchmarks/ingest.py [--tracks 10000] [--jobs 2]`.

Writes that many short files, takes them in twice, and prints the peak memory of all processes
together (resident, so pages that processes share count several times) and files per second.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from lemons_audio import write_audio


def main() -> None:
    """Print one line for the first run and one for a run in which nothing has changed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tracks", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=1.5, help="length of each file")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        music, data = Path(folder) / "music", Path(folder) / "data"
        write_music(music, options.tracks, options.seconds)
        for run in ("first run", "nothing new"):
            seconds, peak = measure(music, data, options.jobs)
            print(
                f"{run}: {options.tracks:,} files of {options.seconds:g} s in {seconds:.1f} s "
                f"({options.tracks / seconds:,.0f} files/s), {options.jobs} jobs, "
                f"peak memory {peak / 2**20:,.0f} MB in all"
            )


def write_music(folder: Path, tracks: int, seconds: float) -> None:
    """Write files of noise, stereo at 22.05 kHz, no two the same."""
    rng = np.random.default_rng(0)
    for number in range(tracks):
        noise = rng.uniform(-0.1, 0.1, (2, round(seconds * 22_050))).astype(np.float32)
        path = folder / f"Artist {number % 97}" / f"{number:06}.wav"
        write_audio(path, noise, sample_rate=22_050)


def measure(music: Path, data: Path, jobs: int) -> tuple[float, int]:
    """Run ingest; return its duration [s] and the peak memory of its process tree [bytes]."""
    command = [sys.executable, "-m", "recsys.ingest", str(music), "--catalogue", "benchmark"]
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--jobs", str(jobs)],
        env={**os.environ, "LEMONS_DATA_FOLDER": str(data)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, tree_memory(psutil.Process(process.pid)))
        time.sleep(0.05)
    if process.returncode:
        raise RuntimeError(f"ingest exited with {process.returncode}")
    return time.perf_counter() - started, peak


def tree_memory(process: psutil.Process) -> int:
    """Resident memory of a process and all its children [bytes]."""
    total = 0
    try:
        for member in [process, *process.children(recursive=True)]:
            total += member.memory_info().rss
    except psutil.NoSuchProcess:
        pass  # ended between listing and looking
    return total


if __name__ == "__main__":
    main()
