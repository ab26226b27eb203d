"""Quality and speed of the separators on recordings whose true stems are known.

    python benchmarks/separation.py --songs DIR

DIR holds songs with a separate guitar, one folder each with `song.ogg` (everything else) and
`guitar.ogg`: Debian's package fretsonfire-songs-sectoid, unpacked, has four. Without --songs only
the demo catalogue is measured. Prints the tables of docs/separation.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from _shared import print_head, print_row, timed
from numpy.typing import NDArray

from audiolime.separation import get_separator
from audiolime.separation.interface import Separator
from audiolime.separation.quality import si_sdr, si_sdr_improvement
from lemons_audio import read_audio, to_catalogue_audio, to_float32
from lemons_utils import SAMPLE_RATE, DataError, command
from recsys.demo.song import STEMS
from recsys.demo.takes import stems as true_stems

SEPARATORS = ("hybrid", "dsp", "spleeter:2stems")
FIRST_SEED = 1000  # the separators' settings were chosen on the demo's first tracks
EXCERPT_S = (60.0, 30.0)

Waveform = NDArray[np.float32]


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, prog="benchmarks/separation.py")
    parser.add_argument("--songs", type=Path, help="folder of */song.ogg and */guitar.ogg")
    parser.add_argument("--tracks", type=int, default=12, help="demo tracks (%(default)s)")
    options = parser.parse_args(arguments)
    print_speed()
    print_demo(options.tracks)
    if options.songs:
        print_songs(options.songs)
    else:
        print("\nReal recordings are left out: name their folder with --songs.")
    return 0


def print_speed() -> None:
    """Print the time per second of audio on one thread, and on all: the best of five runs."""
    threads = torch.get_num_threads()
    print(f"Speed on 30 s of noise, {os.cpu_count()} cores\n")
    print_head(
        "separator", "input", "processor seconds on one thread, per second",
        "faster than real time", f"wall seconds on {threads} threads, per second",
    )  # fmt: skip
    rng = np.random.default_rng(0)
    inputs = {
        "16 kHz mono": (rng.normal(0, 0.1, 30 * SAMPLE_RATE).astype(np.float32), SAMPLE_RATE),
        "44.1 kHz stereo": (rng.normal(0, 0.1, (2, 30 * 44_100)).astype(np.float32), 44_100),
    }
    for name in SEPARATORS:
        separator = get_separator(name)
        for label, (waveform, sample_rate) in inputs.items():
            torch.set_num_threads(1)
            alone = _seconds_per_second(separator, waveform, sample_rate, time.process_time)
            torch.set_num_threads(threads)
            wall = _seconds_per_second(separator, waveform, sample_rate, time.perf_counter)
            print_row(name, label, f"{alone:.3f}", f"{1 / alone:.0f} times", f"{wall:.3f}")


def _seconds_per_second(
    separator: Separator, waveform: Waveform, sample_rate: int, clock: Callable[[], float]
) -> float:
    """Return the least of five runs, since other work on the machine can only add to it."""
    least = min(timed(lambda: separator.separate(waveform, sample_rate), clock) for _ in range(5))
    return least * sample_rate / float(waveform.shape[-1])


def print_demo(tracks: int) -> None:
    """Print the median SI-SDR of each stem over the demo tracks on which it plays."""
    bands = [to_float32(true_stems(FIRST_SEED + number)) for number in range(tracks)]
    print(f"\nDemo catalogue, {tracks} tracks of 30 s, 16 kHz mono, median over tracks\n")
    print_head("separator", "stem", "tracks", "mix, dB", "stem, dB", "improvement, dB")
    for name in SEPARATORS:
        separator = get_separator(name)
        scores: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
        for band in bands:
            mix = band.sum(axis=0)
            truth = _truth(band, separator.stem_names)
            estimates = separator.separate(mix, SAMPLE_RATE)
            for stem, estimate in zip(separator.stem_names, estimates, strict=True):
                if (true := truth[stem]).any():
                    gain = si_sdr_improvement(true, estimate, mix)
                    scores[stem].append((si_sdr(true, mix), si_sdr(true, estimate), gain))
        for stem, rows in scores.items():
            before, after, gain = map(statistics.median, zip(*rows, strict=True))
            print_row(name, stem, len(rows), f"{before:.1f}", f"{after:.1f}", f"{gain:+.1f}")


def _truth(band: Waveform, stem_names: tuple[str, ...]) -> dict[str, Waveform]:
    """Return the true stems under a separator's names; the last one is everything else."""
    truth = {stem: band[STEMS.index(stem)] for stem in stem_names[:-1]}
    truth[stem_names[-1]] = band.sum(axis=0) - np.sum(list(truth.values()), axis=0)
    return truth


def print_songs(folder: Path) -> None:
    """Print the SI-SDR of the true guitar in each stem, on half a minute of each song."""
    songs = sorted(path.parent for path in folder.rglob("guitar.ogg"))
    if not songs:
        raise DataError(f"{folder} holds no guitar.ogg: unpack fretsonfire-songs-sectoid there")
    start_s, duration_s = EXCERPT_S
    print(f"\nTrue guitar of real songs, {duration_s:.0f} s from {start_s:.0f} s, dB;", end="")
    print(" in brackets the share of the mix's energy\n")
    print_head("song", "separator", "mix", "stems", "improvement of the best")
    for song in songs:
        parts = []
        for file in ("song.ogg", "guitar.ogg"):
            part, rate = read_audio(song / file, start_s=start_s, duration_s=duration_s)
            parts.append(to_catalogue_audio(part, rate))
        samples = min(len(part) for part in parts)
        guitar = parts[1][:samples]
        mix = parts[0][:samples] + guitar
        for name in SEPARATORS:
            separator = get_separator(name)
            stems = separator.separate(mix, SAMPLE_RATE)
            scores = [si_sdr(guitar, stem) for stem in stems]
            shares = [float(np.square(stem).sum() / np.square(mix).sum()) for stem in stems]
            cells = ", ".join(
                f"{stem} {score:.1f} ({share:.1%})"
                for stem, score, share in zip(separator.stem_names, scores, shares, strict=True)
            )
            before = si_sdr(guitar, mix)
            print_row(song.name, name, f"{before:.1f}", cells, f"{max(scores) - before:+.1f}")


if __name__ == "__main__":
    sys.exit(main())
