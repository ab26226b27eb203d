"""Cost of a training step: `python benchmarks/training.py [--steps 12] [--rounds 3]`.

Prints the steps/s of the whole training loop (crops from disk, loss, Adam, a copy of the state
after every epoch) and of the bare forward and backward pass on ready tensors, in turns; the steps/s
of two listeners trained one after the other with all threads, or side by side with half of them
each; and the seconds for a whole track of 30 s.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from _shared import timed

from lemons_utils import SAMPLE_RATE
from recsys.catalogue import Catalogue, save_audio
from recsys.dataset import Crops, Tracks
from recsys.inference import track_logits
from recsys.training import fit, fresh_network
from recsys.training_options import Options

BATCH_SIZE = 20
TRACKS = 80


class Enough(Exception):
    """Raised to end a training when enough steps are timed."""


def main() -> None:
    """Measure in turns, so that other work on the machine affects all figures alike."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=12, help="steps per measurement")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{torch.get_num_threads()} threads, batches of {BATCH_SIZE} crops of 1 s")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_catalogue(folder)
        for num_workers, precision in ((0, "float32"), (2, "float32"), (0, "bfloat16")):
            loop, bare = beside_bare(folder, options.steps, num_workers, precision)
            print(
                f"num_workers={num_workers}, {precision}: loop {loop:.2f} steps/s, bare forward + "
                f"backward in float32 {bare:.2f} steps/s, ratio {loop / bare:.2f}"
            )
        both, alone = [], []
        for _ in range(options.rounds):
            both.append(side_by_side(folder, options.steps))
            alone.append(loop_rate(folder, options.steps, torch.get_num_threads()))
        print(
            f"two listeners: {statistics.median(both):.2f} steps/s side by side with half the "
            f"threads each, {statistics.median(alone):.2f} one after the other"
        )
    for label, seconds in whole_track(options.rounds).items():
        print(f"whole track of 30 s, {label}: {seconds:.2f} s")


def write_catalogue(folder: Path) -> None:
    """Store tracks of noise, 10 s each."""
    rng = np.random.default_rng(0)
    for _ in range(TRACKS):
        save_audio(folder, rng.integers(-3000, 3000, 10 * SAMPLE_RATE, dtype=np.int16))


def train(
    folder: Path, on_step: Callable[[int, float], None], *, num_workers: int, precision: str
) -> None:
    """Train until `on_step` raises `Enough`."""
    catalogue = Catalogue("benchmark", folder)
    labels = [number % 2 for number in range(TRACKS)]
    options = Options(
        batch_size=BATCH_SIZE,
        log_step=1,
        valid_every=1000,
        num_workers=num_workers,
        precision=precision,
    )
    with contextlib.suppress(Enough):
        fit(
            fresh_network(0),
            Crops(catalogue.audio, catalogue.track_ids, labels),
            Tracks(catalogue.audio, catalogue.track_ids, labels),
            options,
            on_step=on_step,
        )


def beside_bare(folder: Path, steps: int, num_workers: int, precision: str) -> tuple[float, float]:
    """Return steps per second of the loop, and of bare steps taken in between."""
    network = fresh_network(0).train()
    waveforms = 0.1 * torch.randn(BATCH_SIZE, SAMPLE_RATE)
    labels = (torch.arange(BATCH_SIZE) % 2).float()
    loop_s, bare_s = [], []
    moment = 0.0

    def on_step(step: int, loss: float) -> None:
        nonlocal moment
        started = time.perf_counter()
        network.zero_grad()
        loss_here = torch.nn.functional.binary_cross_entropy_with_logits(
            network(waveforms)[:, 0], labels
        )
        torch.autograd.backward(loss_here)
        ended = time.perf_counter()
        if step > 1:  # the first one warms up
            loop_s.append(started - moment)
            bare_s.append(ended - started)
        if step > steps:
            raise Enough
        moment = ended

    train(folder, on_step, num_workers=num_workers, precision=precision)
    return steps / sum(loop_s), steps / sum(bare_s)


def loop_rate(folder: Path, steps: int, threads: int) -> float:
    """Return steps per second of the loop alone, after its first step."""
    torch.set_num_threads(threads)
    moments: list[float] = []

    def on_step(step: int, loss: float) -> None:
        moments.append(time.perf_counter())
        if step > steps:
            raise Enough

    train(folder, on_step, num_workers=0, precision="float32")
    return steps / (moments[-1] - moments[0])


def side_by_side(folder: Path, steps: int) -> float:
    """Return steps per second of two processes together, each with half the threads."""
    job = (folder, steps, max(1, torch.get_num_threads() // 2))
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        return sum(pool.starmap(loop_rate, [job, job], chunksize=1))


def whole_track(rounds: int) -> dict[str, float]:
    """Return seconds for 30 s of audio, in one piece and in strips."""
    network = fresh_network(0).eval()
    waveform = 0.1 * torch.randn(1, 30 * SAMPLE_RATE)
    seconds: dict[str, list[float]] = {"in one piece": [], "in strips": []}
    with torch.inference_mode():
        for _ in range(1 + 2 * rounds):
            seconds["in one piece"].append(timed(lambda: network(waveform)))
            seconds["in strips"].append(timed(lambda: track_logits(network, waveform)))
    return {label: statistics.median(values[1:]) for label, values in seconds.items()}


if __name__ == "__main__":
    main()
