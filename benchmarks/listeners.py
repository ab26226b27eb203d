"""What a further listener of a trunk costs: `python benchmarks/listeners.py`.

Simulates listeners of the demo catalogue, who like what lies far along a direction of their own in
the trunk's coordinates, and measures the fit of their heads, the relevance of every track for all
of them, explanations of a track from the tables that all share, in processor time, and what they
take on disk. `make demo` comes first.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _shared import print_head, print_row

from audiolime.components import KINDS
from audiolime.exact import LocalStateEngine, TrunkTables
from audiolime.separation.cache import cached_stems
from explanations.explain.track import default_segments
from explanations.stems import separator_for
from lemons_utils import command, configuration
from recsys import heads
from recsys.catalogue import Catalogue, open_catalogue
from recsys.checkpoint import make_card, save_model
from recsys.heads import Head, Trunk
from recsys.heads.choosing import choose_loudness, choose_strength
from recsys.heads.fitting import REMOVED_WEIGHT
from recsys.heads.loudness import fit_with_loudness
from recsys.inference import relevance
from recsys.metrics import ranking_metrics
from recsys.predict import relevance_table

TRACKS, NOISE = 100, 0.1
"""Labelled tracks of a listener, half of them liked; the share of labels that are wrong."""

EXPLAINED = 20
"""Listeners to whom one track is explained, of each kind."""

MANY = 65_536
"""Tracks that are scored at a time in a catalogue of a million."""


def simulate(trunk: Trunk, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the places of a listener's training tracks, their labels, and all true labels."""
    coordinates = trunk.sample[:, 0].astype(np.float64)
    spread = coordinates[:, :16] - coordinates[:, :16].mean(axis=0)
    taste = (spread / spread.std(axis=0)) @ rng.normal(size=16)
    truth = (taste > np.median(taste)).astype(np.int64)
    chosen = rng.choice(len(truth), TRACKS, replace=False)
    wrong = rng.random(TRACKS) < NOISE
    return chosen, np.where(wrong, 1 - truth[chosen], truth[chosen]), truth


def fit(trunk: Trunk, count: int) -> tuple[list[Head], float, float]:
    """Fit heads of so many listeners; return them, the seconds of each, and their mean AUC."""
    rng, found, seconds, aucs = np.random.default_rng(0), [], 0.0, []
    sample = trunk.sample.astype(np.float64)
    for _ in range(count):
        chosen, labels, truth = simulate(trunk, rng)
        started = time.process_time()
        whole, removed = sample[chosen, 0], sample[chosen, 1:]
        scale = choose_loudness(whole, removed, labels, REMOVED_WEIGHT)
        strength = choose_strength(whole, removed, labels, REMOVED_WEIGHT, scale)
        head = fit_with_loudness(whole, removed, labels, scale, REMOVED_WEIGHT, strength=strength)
        seconds += time.process_time() - started
        rest = np.setdiff1d(np.arange(len(truth)), chosen)
        aucs.append(ranking_metrics(truth[rest], head.logits(sample[rest, 0]))["auc"])
        found.append(head.softened())
    return found, seconds / count, float(np.mean(aucs))


def score(trunk: Trunk, found: list[Head], catalogue: Catalogue, folder: Path) -> float:
    """Write every listener's table of relevance; return the seconds of all."""
    started = time.process_time()
    tables = (
        relevance_table(catalogue, "", str(number), folder / f"{number}.parquet")
        for number in range(len(found))
    )
    heads.score_heads(trunk, dict(zip(tables, found, strict=True)), catalogue)
    return time.process_time() - started


def multiply(found: list[Head]) -> float:
    """Return the seconds of the relevance of a million tracks for all, without reading them."""
    weights = np.stack([head.weight for head in found], axis=1)
    tracks = np.random.default_rng(0).normal(size=(MANY, len(weights)))
    started = time.process_time()
    relevance(tracks @ weights)
    return (time.process_time() - started) * 1e6 / MANY


def explain(trunk: Trunk, found: list[Head], catalogue: Catalogue, folder: Path) -> float:
    """Explain the first track by each kind to each listener; return the seconds of all."""
    stems = cached_stems(
        catalogue.audio(min(catalogue.track_ids)),
        separator_for(catalogue, min(catalogue.track_ids)),
        folder=folder / "stems",
        limit_gb=1,
    ).waveforms
    segments = default_segments(stems.shape[1])
    engine = LocalStateEngine(trunk.model(found[0]), stems, segments)
    path = folder / "tables.npz"
    engine.trunk_tables(torch.from_numpy(trunk.directions)).write(path)
    started = time.process_time()
    for head in found:
        tables = TrunkTables.read(path).of_head(head.weight, [], head.bias)
        for kind in KINDS:
            tables.lime(kind=kind)
    return time.process_time() - started


def disk(trunk: Trunk, head: Head, folder: Path) -> int:
    """Return the bytes of a listener's model and its card."""
    path = folder / "best_model.safetensors"
    card = make_card(config={}, metrics={}, trunk=trunk.entry(head))
    save_model(path, trunk.model(head), card)
    return path.stat().st_size + path.with_suffix(".json").stat().st_size


@command
def main() -> None:
    """Print a table: what each step costs for all listeners, and for one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listeners", type=int, default=1000)
    count, config = parser.parse_args().listeners, configuration()
    catalogue = open_catalogue("demo", data_folder=config.data_folder)
    trunk = heads.open_trunk(config.experiments, catalogue)
    heads.complete_features(trunk, catalogue)
    folder = Path(tempfile.mkdtemp(prefix="listeners-"))
    try:
        found, seconds, auc = fit(trunk, count)
        scored, size = score(trunk, found, catalogue, folder), disk(trunk, found[0], folder)
        explained = explain(trunk, found[:EXPLAINED], catalogue, folder)
        tables = [path.stat().st_size for path in folder.glob("*.parquet")]
    finally:
        shutil.rmtree(folder)
    product = multiply(found)
    features = pd.read_parquet(heads.features_path(catalogue, trunk)).shape[0]
    print(f"{count} listeners of {TRACKS} labelled tracks; AUC on the others {auc:.3f}\n")
    print_head("step", f"{count:,} listeners", "one")
    print_row("fit heads", f"{seconds * count:.1f} s", f"{seconds * 1000:.1f} ms")
    each = f"{scored / count * 1000:.1f} ms"
    print_row(f"relevance of {features} tracks, tables written", f"{scored:.1f} s", each)
    each = f"{product / count * 1000:.1f} ms"
    print_row("relevance of a million tracks, the product alone", f"{product:.0f} s", each)
    one = explained / len(found[:EXPLAINED])
    step = "a track explained by time, source and both, all masks, from kept tables"
    print_row(step, f"{one * count:.0f} s", f"{one * 1000:.0f} ms")
    print_row("models on disk", f"{size * count / 1e6:.1f} MB", f"{size / 1e3:.1f} kB")
    print_row("tables on disk", f"{sum(tables) / 1e6:.1f} MB", f"{np.mean(tables) / 1e3:.1f} kB")


if __name__ == "__main__":
    main()
