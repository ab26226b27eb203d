"""Seven listeners side by side or one after the other: `python benchmarks/side_by_side.py`.

Prints the time of a training step of all listeners, of a validation and of writing a state, on the
device at hand, and what a training of the published size takes by these: 1,000 epochs of 1,650
training tracks and 206 validation tracks of 30 to 60 s. Audio is noise, resident on the device.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from _shared import print_head, print_row, timed

from lemons_utils import SAMPLE_RATE
from recsys.checkpoint import save_state
from recsys.dataset import Crops, ResidentAudio, Tracks
from recsys.metrics import evaluate
from recsys.training import Course, Step, course, fresh_network
from recsys.training.trainer import take
from recsys.training_options import Options, pick_device

EPOCHS, TRAIN, VALID = 1000, 1650, 206
TRACKS = 16
"""Number of different tracks, of which the listeners' lists are made."""

Clock = Callable[[], float]
Take = Callable[[Sequence[Step]], list[float]]


def main() -> None:
    """Measure both ways in turns, so that other work on the machine affects them alike."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="float32", help="of training steps")
    parser.add_argument("--compiled", action="store_true", help="by PyTorch's compiler")
    parser.add_argument("--listeners", type=int, default=7)
    parser.add_argument("--steps", type=int, default=4, help="steps per measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cpu-time", action="store_true", help="measure the processor's time")
    options = parser.parse_args()
    clock = time.process_time if options.cpu_time else time.perf_counter
    device = pick_device(options.device)
    training = Options(device=str(device), precision=options.precision, compiled=options.compiled)
    audio = noise(device)
    ways: dict[str, Take] = {"one after the other": one_by_one, "side by side": take}
    step_s: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            courses = [begin(audio, training, number) for number in range(options.listeners)]
            step_s[name].append(seconds_per_step(courses, way, options.steps, clock))
    valid_s = VALID * seconds_per_valid_track(audio, device, options.rounds, clock)
    state_s = seconds_per_state(begin(audio, training, 0), options.rounds, clock)

    is_cpu, threads = device.type == "cpu", torch.get_num_threads()
    where = f"CPU, threads: {threads}" if is_cpu else torch.cuda.get_device_name(device)
    how = ", compiled" if options.compiled else ""
    print(f"{options.listeners} listeners, steps in {options.precision}{how}, {where}\n")
    print_head("", *ways)
    median = {name: statistics.median(each) for name, each in step_s.items()}
    print_row("a step of all [ms]", *(f"{1e3 * each:,.1f}" for each in median.values()))
    once = options.listeners * (valid_s + state_s)
    steps = -(-TRAIN // training.batch_size)
    for name, seconds in (("validation of all [s]", valid_s), ("states of all [s]", state_s)):
        print_row(name, *[f"{options.listeners * seconds:,.2f}"] * len(ways))
    hours = [EPOCHS * (steps * each + once) / 3600 for each in median.values()]
    print_row(f"{EPOCHS:,} epochs of published size [h]", *(f"{each:,.2f}" for each in hours))


def noise(device: torch.device) -> ResidentAudio:
    """Return tracks of noise, each of its own length from 30 to 60 s."""

    def audio(track_id: str) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
        rng = np.random.default_rng(int(track_id))
        samples = SAMPLE_RATE * (30 + 30 * int(track_id) // TRACKS) + int(track_id)
        return rng.integers(-3000, 3000, samples, dtype=np.int16)

    return ResidentAudio(audio, map(str, range(TRACKS)), device)


def begin(audio: ResidentAudio, options: Options, number: int) -> Course:
    """Begin the training of a listener of the published size."""
    track_ids = [str(track % TRACKS) for track in range(TRAIN)]
    labels = [track % 2 for track in range(TRAIN)]
    return course(
        fresh_network(number),
        Crops(audio, track_ids, labels, seed=number),
        Tracks(audio, track_ids[:VALID], labels[:VALID]),
        options,
    )


def one_by_one(steps: Sequence[Step]) -> list[float]:
    """Take the steps one after the other."""
    return [step.trainer.train_step(step) for step in steps]


def seconds_per_step(courses: Sequence[Course], way: Take, steps: int, clock: Clock) -> float:
    """Return the time of a step of all listeners with the cutting of crops, after the first."""
    waiting = [next(each) for each in courses]
    for number in range(steps + 1):
        if number == 1:  # the first one warms up
            started = clock()
        losses = way(waiting)
        waiting = [each.send(loss) for each, loss in zip(courses, losses, strict=True)]
    return (clock() - started) / steps


def seconds_per_valid_track(
    audio: ResidentAudio, device: torch.device, rounds: int, clock: Clock
) -> float:
    """Return the time that a track takes in a validation."""
    network = fresh_network(0)
    tracks = Tracks(audio, [*map(str, range(TRACKS))], [track % 2 for track in range(TRACKS)])
    seconds = [
        timed(lambda: evaluate(network, tracks, device=device), clock) for _ in range(1 + rounds)
    ]  # the first one warms up
    return statistics.median(seconds[1:]) / TRACKS


def seconds_per_state(begun: Course, rounds: int, clock: Clock) -> float:
    """Return the time of copying a state from the device and writing it."""
    step = next(begun)
    step.trainer.train_step(step)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.safetensors"
        seconds = [
            timed(lambda: save_state(path, step.trainer.state()), clock) for _ in range(rounds)
        ]
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
