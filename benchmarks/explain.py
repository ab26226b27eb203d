"""Cost of an exact explanation: `python benchmarks/explain.py [--model PATH]`.

A 30 s track of five stems in five segments, all of which sound in every segment, explained by
the local-state engine and by passes of the plain network: matrix products, plain passes and engine
take turns, and the table gives the median round. 2048 plain passes are extrapolated from 64. A
second table shows how the engine's cost grows with stems, segments and duration.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from _shared import print_head, print_row
from _shared import timed as timed_by
from numpy.typing import NDArray

from audiolime.components.segmentation import equal_segments
from audiolime.exact import LocalStateEngine, TrunkTables
from lemons_audio import to_float32
from lemons_processes import full_precision
from lemons_utils import SAMPLE_RATE, command
from recsys.checkpoint import load_model
from recsys.demo.takes import stems as true_stems
from recsys.inference import track_logits
from recsys.model import FCN, Network
from recsys.training_options import pick_device

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "fcn_state_dict.safetensors"
ALL_SOUND = 4
"""Seed of a demo track whose stems all sound in each of five segments."""
FLOOR_FLOP = 2.05e12
"""Operations of pure passes and of all pairs at four boundaries, without splitting them."""
MASKS, PLAIN_PASSES = 2048, 64
DIRECTIONS = 128
"""Of a trunk; random ones cost the same."""

Stems = NDArray[np.float32]
clock = time.perf_counter


@command
@full_precision()
def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, prog="benchmarks/explain.py")
    parser.add_argument("--model", type=Path, default=GOLDEN, help="weights, or an experiment")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="seconds of processor time instead of the clock's: on a machine that others use, "
        "with --threads 1, the ratios stay right",
    )
    tables = parser.add_mutually_exclusive_group()
    tables.add_argument("--no-growth", action="store_true", help="leave the second table out")
    tables.add_argument("--growth-only", action="store_true", help="leave the first table out")
    options = parser.parse_args(arguments)
    global clock
    clock = time.process_time if options.cpu_time else time.perf_counter
    torch.set_num_threads(options.threads)
    network = load_model(options.model)[0].to(pick_device(options.device))
    stems = to_float32(true_stems(ALL_SOUND))
    segments = equal_segments(stems.shape[1], 5)
    silent = [not stems[:, start:end].any(axis=1).all() for start, end in segments]
    print(
        f"model {options.model.name}, {options.device}, {options.dtype}, "
        f"{torch.get_num_threads()} threads, {'CPU' if options.cpu_time else 'wall clock'} time, "
        f"{stems.shape[1] / SAMPLE_RATE:g} s, {len(stems)} stems x {len(segments)} segments, "
        f"segments with a silent stem: {sum(silent)}"
    )
    dtype = getattr(torch, options.dtype)
    if not options.growth_only:
        print_table(network, stems, segments, dtype, options.rounds)
    if not options.no_growth:
        print_growth(network, stems, dtype)
    return 0


def print_table(
    network: Network, stems: Stems, segments: list[tuple[int, int]], dtype: torch.dtype, rounds: int
) -> None:
    """Print cost and error beside the plain network's cost and the machine's."""

    def engine() -> LocalStateEngine:
        return LocalStateEngine(network, stems, segments, dtype=dtype)

    masks = np.random.default_rng(1057386).integers(0, 2, (MASKS, len(stems) * len(segments)))
    masks[0], masks[1] = 1, 0
    first = engine()
    logits = first.evaluate(masks)
    all_masks(first)
    peak = peak_gb()
    plain = fastest_plain(network, stems)

    directions = torch.randn(DIRECTIONS, network.stages[-1].conv.out_channels)
    weights, max_weight = np.ones(DIRECTIONS), first.tables().max_weight
    trunk: list[TrunkTables] = []
    seconds = defaultdict[str, list[float]](list)
    for _ in range(rounds):
        seconds["rate"].append(matrix_rate(network.window.device))
        seconds["plain"].append(plain.seconds(stems, PLAIN_PASSES // rounds))
        seconds["sampled"].append(timed(lambda: engine().evaluate(masks)))
        seconds["time"].append(timed(lambda: engine().lime(kind="time")))
        ready = engine()
        seconds["tables"].append(timed(ready.tables))
        seconds["all"].append(timed(partial(all_masks, ready)))
        seconds["trunk"].append(timed(lambda: trunk.append(engine().trunk_tables(directions))))
        seconds["head"].append(timed(lambda: trunk.pop().of_head(weights, max_weight, 0.0)))
        seconds["rate"].append(matrix_rate(network.window.device))
    middle = {name: statistics.median(values) for name, values in seconds.items()}

    whole, floor = MASKS * middle["plain"], FLOOR_FLOP / (middle["rate"] * 1e9)
    print(f"matrix product 2048 x 2048, float32: {middle['rate']:.0f} GFLOP/s")
    print(
        f"plain pass, {plain.name}: {middle['plain']:.3f} s; {MASKS} of them, extrapolated from "
        f"{PLAIN_PASSES // rounds * rounds}: {whole:.0f} s"
    )
    error = largest_error(network, stems, segments, masks[:8], logits[:8])
    print(f"largest difference to the plain logit on 8 masks: {error:.1e}\n")
    sampled = middle["sampled"]
    rows = [
        (f"{MASKS} masks, Time + Source, against plain", ">= 35x", f"{whole / sampled:.1f}x"),
        ("the same, absolute", "<= 18 s", f"{sampled:.1f} s"),
        (f"the same over its floor of {floor:.1f} s", "<= 1.2", f"{sampled / floor:.2f}"),
        ("Time alone", "<= 1.5 s", f"{middle['time']:.2f} s"),
        ("tables of all pairs", "", f"{middle['tables']:.1f} s"),
        ("all 2^25, weights, Shapley values, pairs, on top", "<= 6 s", f"{middle['all']:.1f} s"),
        (f"tables for heads along {DIRECTIONS} directions", "", f"{middle['trunk']:.1f} s"),
        ("one head's tables from those", "", f"{middle['head']:.3f} s"),
        ("peak memory of the process", "<= 2 GB", f"{peak:.2f} GB"),
    ]
    if not isinstance(network, FCN):  # whose the floor and the targets are
        rows = [(what, "", measured) for what, _, measured in rows if "floor" not in what]
    print_head("what", "target", "measured")
    for row in rows:
        print_row(*row)


def all_masks(engine: LocalStateEngine) -> None:
    """Compute weights, Shapley values and interactions of all masks."""
    engine.lime(order=2)
    engine.shapley()
    engine.interactions()


def print_growth(network: Network, stems: Stems, dtype: torch.dtype) -> None:
    """Print the seconds for 2048 masks as one size grows at a time; measured once each."""
    six = np.concatenate([stems, stems[:1, ::-1]])
    cases = [(f"{n} stems", np.ascontiguousarray(six[:n]), 5) for n in range(1, 7)]
    cases += [(f"{n} segments", stems, n) for n in (1, 2, 5, 10, 15, 20, 40)]
    cases += [
        (f"{seconds} s", lengthened(stems, seconds * SAMPLE_RATE), 5)
        for seconds in (10, 30, 60, 120, 600)
    ]
    print()
    print_head("5 stems, 5 segments, 30 s, but", f"s for {MASKS} masks", "closed tables",
               "peak memory so far [GB]")  # fmt: skip
    for name, some, n_segments in cases:
        segments = equal_segments(some.shape[1], n_segments)
        engine = LocalStateEngine(network, some, segments, dtype=dtype)
        masks = np.random.default_rng(0).integers(0, 2, (MASKS, engine.n_components))
        seconds = timed(partial(engine.evaluate, masks))
        print_row(name, f"{seconds:.1f}", "yes" if engine.closed else "no", f"{peak_gb():.2f}")


def peak_gb() -> float:
    """Return the peak memory of this process [GiB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def lengthened(stems: Stems, samples: int) -> Stems:
    """Repeat or cut a track."""
    return np.tile(stems, -(-samples // stems.shape[1]))[:, :samples].copy()


@dataclass(frozen=True)
class Plain:
    """A way to pass a track through the plain network."""

    network: Network
    strips: bool
    batch: int

    @property
    def name(self) -> str:
        """Return a description for the output."""
        return f"{'in strips' if self.strips else 'whole'}, batch {self.batch}"

    @torch.inference_mode()
    def seconds(self, stems: Stems, passes: int) -> float:
        """Time at least this many passes; return the seconds per pass."""
        device = self.network.window.device
        tracks = torch.from_numpy(stems.sum(axis=0)).to(device).repeat(self.batch, 1)
        batches = -(-passes // self.batch)
        run = (lambda x: track_logits(self.network, x)) if self.strips else self.network
        return timed(lambda: [run(tracks).cpu() for _ in range(batches)]) / batches / self.batch


def fastest_plain(network: Network, stems: Stems) -> Plain:
    """Return the fastest way, after trying each twice."""
    ways = [Plain(network, strips, batch) for strips in (False, True) for batch in (1, 2, 4)]
    return min(ways, key=lambda way: min(way.seconds(stems, 4) for _ in range(2)))


def largest_error(
    network: Network,
    stems: Stems,
    segments: list[tuple[int, int]],
    masks: NDArray[np.int64],
    logits: NDArray[np.float64],
) -> float:
    """Return the largest difference of logits to plain passes of the composed waveforms."""
    differences = []
    for mask, logit in zip(masks.reshape(len(masks), len(segments), -1), logits, strict=True):
        waveform = np.zeros(stems.shape[1], np.float32)
        for (start, end), on in zip(segments, mask, strict=True):
            waveform[start:end] = stems[on == 1, start:end].sum(axis=0)
        with torch.inference_mode():
            plain = network(torch.from_numpy(waveform)[None].to(network.window.device))
        differences.append(abs(float(plain[0, 0]) - float(logit)))
    return max(differences)


def matrix_rate(device: torch.device) -> float:
    """Measure a float32 matrix product of 2048 x 2048 [GFLOP/s]."""
    a = torch.rand(2048, 2048, device=device)

    def multiply() -> float:
        for _ in range(4):
            b = a @ a
        return float(b[0, 0])

    multiply()
    return 4 * 2 * 2048**3 / timed(multiply) / 1e9


def timed(run: Callable[[], object]) -> float:
    """Run once; return the duration by the chosen clock [s]."""
    return timed_by(run, clock)


if __name__ == "__main__":
    raise SystemExit(main())
