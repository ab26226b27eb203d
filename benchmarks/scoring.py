"""Cost of scoring by the published network: `python benchmarks/scoring.py [--model PATH]`.

Prints the seconds of a track of 30 s: as published (one piece, layer by layer), in strips in
float32 and in bfloat16, on one thread and on all, and by two processes of one thread each; then how
far bfloat16 moves the relevance of tracks of the demo by `--model`, weights or an experiment.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from _published import PublishedFCN
from _shared import print_head, print_row, timed
from scipy.stats import spearmanr

from lemons_utils import SAMPLE_RATE, command, configuration
from recsys.catalogue import open_catalogue
from recsys.checkpoint import load_model
from recsys.dataset import Tracks
from recsys.inference import relevance, score_tracks, track_logits
from recsys.training import fresh_network
from recsys.training_options import PRECISIONS

TRACK_S = 30
GFLOP = 29.6
"""Multiplications and additions of the convolutions for such a track."""

SCORED = 8


@command
def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, help="of the published recipe, on the demo")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print_speed(options.rounds)
    if options.model:
        print_change(options.model)


def print_speed(rounds: int) -> None:
    """Print what a track takes each way, in turns."""
    seconds = defaultdict[str, list[float]](list)
    every = torch.get_num_threads()
    for _ in range(rounds):
        for threads in dict.fromkeys((1, every)):
            for label, score in ways().items():
                seconds[f"{label}, threads: {threads}"].append(on(threads, score))
        for precision in PRECISIONS:
            with multiprocessing.get_context("spawn").Pool(every) as pool:
                rates = pool.starmap(rate, [(precision, SCORED)] * every, chunksize=1)
            seconds[f"strips, {precision}, {every} processes"].append(1 / sum(rates))
    first = seconds[f"published, one piece, threads: {every}"]
    print_head("way", "s", "GFLOP/s", f"times as fast as published on {every}")
    for label, found in seconds.items():
        middle = statistics.median(found)
        ratio = statistics.median(a / b for a, b in zip(first, found, strict=True))
        print_row(label, f"{middle:.3f}", f"{GFLOP / middle:.0f}", f"{ratio:.2f}")


def ways() -> dict[str, Callable[[], object]]:
    """Return the ways of scoring a track of noise, by name."""
    network, published = fresh_network(0).eval(), PublishedFCN().eval()
    waveform = 0.1 * torch.randn(1, TRACK_S * SAMPLE_RATE)

    def strips(precision: str) -> Callable[[], object]:
        return lambda: track_logits(network, waveform, precision=precision)

    return {
        "published, one piece": lambda: published(waveform),
        **{f"strips, {precision}": strips(precision) for precision in PRECISIONS},
        "of it the spectrogram": lambda: network.spec(waveform),
    }


@torch.inference_mode()
def on(threads: int, score: Callable[[], object]) -> float:
    """Return the seconds of the second of two runs on so many threads."""
    torch.set_num_threads(threads)
    score()
    return timed(score)


def rate(precision: str, count: int) -> float:
    """Return tracks per second of one thread of this process."""
    torch.set_num_threads(1)
    score = ways()[f"strips, {precision}"]
    score()
    return count / timed(lambda: [score() for _ in range(count)])


def print_change(model: Path) -> None:
    """Print how far bfloat16 moves the relevance of the demo's tracks."""
    network, _ = load_model(model)
    catalogue = open_catalogue("demo", data_folder=configuration().data_folder)
    tracks = Tracks(catalogue.audio, sorted(catalogue.track_ids))
    plain, half = (score_tracks(network, tracks, precision=each) for each in PRECISIONS)
    change = np.abs(relevance(half) - relevance(plain))
    print(
        f"\nbfloat16 on {len(tracks)} tracks: relevance changes by {change.mean():.4f} on average, "
        f"by {change.max():.4f} at most; logits by {np.abs(half - plain).max():.4f} at most; rank "
        f"correlation {spearmanr(plain, half).statistic:.5f}"
    )


if __name__ == "__main__":
    main()
