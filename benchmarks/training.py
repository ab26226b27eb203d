"""Cost of training: `python benchmarks/training.py [--steps 12] [--rounds 3]`.

Prints the steps/s of the whole training loop (crops from disk, loss, Adam, a copy of the state
after every epoch), in float32 and in bfloat16, beside those of the published loop and of the bare
forward and backward pass on ready tensors, and of two listeners side by side with half of the
threads each; then the seconds of validating a whole track of 30 s. Everything is measured in
turns, so that other work affects all figures alike.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from _published import PublishedFCN, published_steps, published_validation
from _shared import print_head, print_row, timed

from lemons_processes import freed_memory_kept
from lemons_utils import SAMPLE_RATE
from recsys.catalogue import Catalogue, save_audio
from recsys.dataset import Crops, Tracks
from recsys.inference import score_tracks
from recsys.training import fit, fresh_network
from recsys.training_options import PRECISIONS, Options

BATCH_SIZE = 20
TRACKS = 80
TRACK_S = 30
VALIDATED = 4


class Enough(Exception):
    """Raised to end a training when enough steps are timed."""


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=12, help="steps per measurement")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{torch.get_num_threads()} threads, batches of {BATCH_SIZE} crops of 1 s")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_catalogue(folder)
        rates, seconds = measured(folder, options.steps, options.rounds)
    print_table("training", "steps/s", rates, faster=lambda rate, published: rate / published)
    print_table("validating 30 s", "s", seconds, faster=lambda each, published: published / each)


def write_catalogue(folder: Path) -> None:
    """Store tracks of noise."""
    rng = np.random.default_rng(0)
    for _ in range(TRACKS):
        save_audio(folder, rng.integers(-3000, 3000, TRACK_S * SAMPLE_RATE, dtype=np.int16))


def measured(
    folder: Path, steps: int, rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return the steps/s of each loop, and the seconds of each validation, one for each round."""
    rates, seconds = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    threads = torch.get_num_threads()
    for _ in range(rounds):
        rates["published loop"].append(alone(published_rate, folder, steps))
        rates["forward and backward alone, float32"].append(alone(bare_rate, steps))
        for precision in PRECISIONS:
            found = alone(loop_rate, folder, steps, threads, precision)
            rates[f"the loop, {precision}"].append(found)
        rates["two listeners side by side, float32"].append(side_by_side(folder, steps))
        seconds["published"].append(alone(validation_seconds, folder, ""))
        for precision in PRECISIONS:
            seconds[f"ours, {precision}"].append(alone(validation_seconds, folder, precision))
    return rates, seconds


def alone(measure: Callable[..., float], *arguments: object) -> float:
    """Measure in a process of its own: how one loop leaves memory changes the speed of the next."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, arguments)


def published_rate(folder: Path, steps: int) -> float:
    """Return steps per second of the published loop."""
    options = Options(batch_size=BATCH_SIZE)
    return rate(published_steps(sorted(folder.rglob("*.npy")), options, SAMPLE_RATE), steps)


def bare_rate(steps: int) -> float:
    """Return passes per second on ready tensors, with memory kept as within the loop."""
    with freed_memory_kept():
        return rate(bare_steps(), steps)


def validation_seconds(folder: Path, precision: str) -> float:
    """Return the seconds of validating a whole track; as published where no precision is given."""
    catalogue, paths = Catalogue("benchmark", folder), sorted(folder.rglob("*.npy"))[:VALIDATED]
    tracks = Tracks(catalogue.audio, catalogue.track_ids[:VALIDATED])
    published, network = PublishedFCN(), fresh_network(0)

    def validate() -> None:
        if precision:
            score_tracks(network, tracks, precision=precision)
        else:
            published_validation(published, paths)

    validate()
    return timed(validate) / VALIDATED


def rate(losses: Iterator[float], steps: int) -> float:
    """Return steps per second, after the first step."""
    next(losses)
    return steps / timed(lambda: list(islice(losses, steps)))


def bare_steps() -> Iterator[float]:
    """Compute the loss and its gradients of the same batch, for as long as it is asked."""
    network = fresh_network(0).train()
    waveforms, labels = 0.1 * torch.randn(BATCH_SIZE, SAMPLE_RATE), torch.arange(BATCH_SIZE) % 2
    while True:
        network.zero_grad()
        logits = network(waveforms)[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels.float())
        torch.autograd.backward(loss)
        yield float(loss.detach())


def loop_rate(folder: Path, steps: int, threads: int, precision: str) -> float:
    """Return steps per second of the loop, after its first step."""
    torch.set_num_threads(threads)
    catalogue = Catalogue("benchmark", folder)
    labels = [number % 2 for number in range(TRACKS)]
    moments: list[float] = []

    def on_step(step: int, loss: float) -> None:
        moments.append(time.perf_counter())
        if step > steps:
            raise Enough

    with contextlib.suppress(Enough):
        fit(
            fresh_network(0),
            Crops(catalogue.audio, catalogue.track_ids, labels),
            Tracks(catalogue.audio, catalogue.track_ids, labels),
            Options(batch_size=BATCH_SIZE, log_step=1, valid_every=1000, precision=precision),
            on_step=on_step,
        )
    return steps / (moments[-1] - moments[0])


def side_by_side(folder: Path, steps: int) -> float:
    """Return steps per second of two processes together, each with half the threads."""
    job = (folder, steps, max(1, torch.get_num_threads() // 2), "float32")
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        return sum(pool.starmap(loop_rate, [job, job], chunksize=1))


def print_table(
    what: str,
    unit: str,
    found: dict[str, list[float]],
    *,
    faster: Callable[[float, float], float],
) -> None:
    """Print medians, and how many times faster than the first row each is, by round."""
    first = next(iter(found.values()))
    print_head(what, unit, "times as fast as published")
    for label, values in found.items():
        ratio = statistics.median(map(faster, values, first))
        print_row(label, f"{statistics.median(values):.3g}", f"{ratio:.2f}")


if __name__ == "__main__":
    main()
