"""Memory and speed of ingest: `python benchmarks/ingest.py [--tracks 10000] [--jobs 2]`.

Writes many short files, ingests them twice, and prints the files per second and the peak memory of
all processes together (resident, so pages that processes share count several times).
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
from _shared import run_python

from lemons_audio import write_audio


def main() -> None:
    """Print one line for the first run and one for a second run without new files."""
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
    command = ["-m", "recsys.ingest", str(music), "--catalogue", "benchmark", "--jobs", str(jobs)]
    environment = {**os.environ, "LEMONS_DATA_FOLDER": str(data)}
    finished = run_python(command, environment=environment, errors=False)
    return finished.seconds, finished.peak_bytes


if __name__ == "__main__":
    main()
