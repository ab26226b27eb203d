"""What benchmarks/recipe.py compares: features of tracks, and heads that are fitted to them."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _features import (
    Features,
    Float32,
    Measure,
    columns_of,
    local_tracks,
    local_waveform,
    measure,
    measure_trunk,
    pooled_columns,
    pooling_seconds,
    trunk_of,
    trunk_of_tracks,
)
from _networks import Networks, Training
from _tastes import Fold
from numpy.typing import NDArray
from scipy.special import logit

from lemons_audio import to_float32
from recsys.catalogue import Catalogue
from recsys.dataset import Crops, Tracks, repeat_to
from recsys.evaluation.baseline import MEAN_SPECTRA, STATISTICS, baseline_scores
from recsys.experiments.recipes import TUNING
from recsys.heads import Head, Trunk, calibrate, pooled_tracks
from recsys.heads.directions import OF_BANDS
from recsys.heads.fitting import REMOVED_WEIGHT, fit_to_removals, strength_for
from recsys.heads.pooled import REMOVALS
from recsys.heads.removal import SEGMENTS, draw_removals
from recsys.heads.training import head_of, tunable
from recsys.model import FCN, MIN_SAMPLES, LocalStatistics, Network
from recsys.training import fit
from recsys.training_options import Options

CHANCE, PUBLISHED, LEMONS = "chance", "published", "lemons"
TRUNK_STRENGTH = 0.03
"""Inverse strength of heads on the 128 features of a published network: best in exploration."""


SIZES = (32, 64, 128, OF_BANDS)
"""Directions of trunks of training tracks."""


def of_tracks(directions: int) -> str:
    """Return the name of the row of a trunk that is made of the training tracks alone."""
    return f"{LEMONS}, {directions} directions of training tracks"


@dataclass(frozen=True)
class Model:
    """A fitted row.

    Attributes
    ----------
    tracks : callable
        Maps a catalogue and track ids to features [tracks, features].
    waveform : callable
        Maps a waveform [samples] to features [features].
    logits : callable
        Maps features [n, features] to logits [n].
    seconds : float
        Processor time of its fit, with the measuring of its training tracks.
    network : Network, optional
        The same as one network that an engine can explain.
    """

    tracks: Callable[[Catalogue, Sequence[str]], Features]
    waveform: Callable[[Float32], Features]
    logits: Callable[[Features], NDArray[np.float64]]
    seconds: float
    network: Network | None = None


@dataclass(frozen=True)
class Row:
    """A way of training; `network` says which trained network it begins with, if any."""

    name: str
    fit: Callable[[Fold, FCN | None], Model]
    network: Training | None = None


def rows_of(epochs: Sequence[int], names: Sequence[str]) -> list[Row]:
    """List the rows of the table.

    Parameters
    ----------
    epochs : sequence of int
        Of the published training; each number is a row.
    names : sequence of str
        Of the rows, or their beginnings; all where there are none.
    """
    trained = [Training(count) for count in epochs]
    first, removed = trained[0], Training(epochs[0], removal=True)
    everybody = Training(epochs[0], everybody=True)
    rows = [
        Row(CHANCE, fit_chance),
        Row(MEAN_SPECTRA, functools.partial(fit_baseline, MEAN_SPECTRA)),
        Row(STATISTICS, functools.partial(fit_baseline, STATISTICS)),
        Row("local statistics", functools.partial(fit_local, removal=False)),
        Row("+ removals", fit_local),
        Row("+ shared by neighbours", functools.partial(fit_local, shared=True)),
        Row("+ loudness", functools.partial(fit_local, shared=True, loudness=None)),
        Row("+ strength", functools.partial(fit_local, shared=True, loudness=None, chosen=True)),
        Row(LEMONS, fit_lemons),
        *(Row(f"fine-tuned, {n} epochs", functools.partial(fit_tuned, epochs=n)) for n in epochs),
        *(Row(of_tracks(each), functools.partial(fit_lemons, directions=each)) for each in SIZES),
        *(Row(each.name, fit_published, each) for each in [*trained, removed, everybody]),
        *(Row(f"{each.name}, head anew", fit_trunk, each) for each in (first, everybody)),
        Row(f"{first.name}, and {LEMONS}", fit_both, first),
    ]
    return [row for row in rows if not names or any(row.name.startswith(name) for name in names)]


def _labels(part: Any) -> NDArray[np.int64]:
    labels: NDArray[np.int64] = part["label"].to_numpy().astype(np.int64)
    return labels


def fit_chance(fold: Fold, network: FCN | None) -> Model:
    """Say something random of every track, the same at every call."""
    rng = np.random.default_rng(int(fold.checksum, 16))

    def tracks(catalogue: Catalogue, track_ids: Sequence[str]) -> Features:
        return rng.normal(size=(len(track_ids), 1))

    return Model(tracks, lambda waveform: np.zeros(1), Head(np.ones(1), 0.0).logits, 0.0)


def fit_baseline(name: str, fold: Fold, network: FCN | None) -> Model:
    """Fit a baseline of evaluations."""
    measured, labels = measure(name), _labels(fold.train)
    train = measured.tracks(fold.catalogue, fold.train["track_id"].tolist())

    def logits(features: Features) -> NDArray[np.float64]:
        scores = baseline_scores(name, train, labels, features.astype(np.float32))
        return np.asarray(logit(scores.clip(1e-9, 1 - 1e-9)))

    started = time.process_time()
    logits(train)
    seconds = time.process_time() - started + len(train) * measured.seconds_a_track
    return Model(measured.tracks, measured.of_waveform, logits, seconds)


def fit_local(
    fold: Fold,
    network: FCN | None,
    *,
    removal: bool = True,
    shared: bool = False,
    loudness: float | None = 0.0,
    chosen: bool = False,
) -> Model:
    """Fit a head on all local statistics, not calibrated; with or without what makes `lemons`."""
    name, folder = fold.catalogue.name, fold.catalogue.folder
    if shared:
        trunk = _everything(name, folder)
    else:
        catalogue = fold.catalogue
        unit = _unit(local_tracks(catalogue, catalogue.track_ids))
        trunk = Trunk("", name, np.diag(unit).astype(np.float32), "")
    learnt = pooled_tracks(fold.catalogue, fold.train["track_id"].tolist())
    started = time.process_time()
    weight = REMOVED_WEIGHT if removal else 0
    head, _ = head_of(
        trunk, learnt, _labels(fold.train), removed_weight=weight, loudness=loudness,
        strength=None if chosen else strength_for(len(learnt)),
    )  # fmt: skip
    return _local_model(fold, trunk, head, started, removal=removal)


@functools.cache
def _everything(name: str, folder: Path) -> Trunk:
    catalogue = Catalogue(name, folder)
    return trunk_of_tracks(catalogue, catalogue.track_ids, OF_BANDS)


def fit_lemons(fold: Fold, network: FCN | None, *, directions: int = 0) -> Model:
    """Fit a head as `recipe=lemons` does; or with a trunk of the training tracks alone."""
    train = fold.train["track_id"].tolist()
    if directions:
        trunk = trunk_of_tracks(fold.catalogue, train, directions)
    else:
        trunk = trunk_of(fold.catalogue.name, fold.catalogue.folder)
    learnt = pooled_tracks(fold.catalogue, train)
    heard = trunk.coordinates(local_tracks(fold.catalogue, fold.valid["track_id"].tolist()))
    started = time.process_time()
    head, _ = head_of(trunk, learnt, _labels(fold.train))
    head, _ = calibrate(head, heard, _labels(fold.valid))
    return _local_model(fold, trunk, head, started, removal=True)


def fit_tuned(fold: Fold, network: FCN | None, *, epochs: int) -> Model:
    """Fit a head as `recipe=lemons` does, and fine-tune it as `finetune_epochs` does."""
    start = fit_lemons(fold, None)
    assert isinstance(start.network, LocalStatistics)
    tuned, audio = tunable(start.network), fold.catalogue.audio
    train_ids, valid_ids = (part["track_id"].tolist() for part in (fold.train, fold.valid))
    length = int(TUNING["input_length"])
    crops = Crops(audio, train_ids, _labels(fold.train).tolist(), input_length=length)
    valid = Tracks(audio, valid_ids, _labels(fold.valid).tolist())
    began = time.process_time()
    fit(tuned, crops, valid, Options(epochs, lr=TUNING["lr"]), start=LEMONS)
    seconds = start.seconds + time.process_time() - began
    measured = Measure(functools.partial(local_waveform, network=tuned))
    weight, bias = tuned.fc.weight[0].detach().double().numpy(), float(tuned.fc.bias)
    return Model(measured.tracks, measured.of_waveform, Head(weight, bias).logits, seconds, tuned)


def _local_model(fold: Fold, trunk: Trunk, head: Head, started: float, *, removal: bool) -> Model:
    seconds = time.process_time() - started
    measuring = pooling_seconds(fold.catalogue.name, fold.catalogue.folder)
    count = len(fold.train) if removal else len(fold.train) / (1 + REMOVALS)
    logits = Head(trunk.weight(head), head.bias).logits
    seconds += measuring * count
    return Model(local_tracks, local_waveform, logits, seconds, trunk.model(head))


def fit_published(fold: Fold, network: FCN | None) -> Model:
    """Take a trained network as it is."""
    assert network is not None
    trunk = measure_trunk(network)
    weight, bias = (
        network.fc.weight[0].detach().double().numpy(),
        float(network.fc.bias[0].detach()),
    )
    return Model(trunk.tracks, trunk.of_waveform, Head(weight, bias).logits, 0.0, network)


def fit_trunk(fold: Fold, network: FCN | None) -> Model:
    """Fit the head of a trained network anew: with removals, and the base rate of silence."""
    assert network is not None
    started = time.process_time()
    whole, removed, silence, trunk = _trunk(fold, network)
    unit = _unit(whole)
    head = fit_to_removals(
        (whole - silence) * unit,
        (removed - silence) * unit,
        _labels(fold.train),
        strength=TRUNK_STRENGTH,
    )
    head = Head(head.weight * unit, head.bias)
    valid = trunk.tracks(fold.catalogue, fold.valid["track_id"].tolist())
    head, _ = calibrate(head, valid - silence, _labels(fold.valid))
    bias = head.bias - float(head.weight @ silence)
    rebuilt = FCN()
    rebuilt.load_state_dict(network.state_dict())
    with torch.no_grad():
        rebuilt.fc.weight.copy_(torch.from_numpy(head.weight)[None])
        rebuilt.fc.bias.fill_(bias)
    seconds = time.process_time() - started
    logits = Head(head.weight, bias).logits
    return Model(trunk.tracks, trunk.of_waveform, logits, seconds, rebuilt.eval())


def fit_both(fold: Fold, network: FCN | None) -> Model:
    """Fit a head on local statistics and a trained network's features together."""
    assert network is not None
    started = time.process_time()
    whole, removed, silence, trunk = _trunk(fold, network)
    learnt = pooled_tracks(fold.catalogue, fold.train["track_id"].tolist())
    local = np.stack([track.whole for track in learnt])
    local_removed = np.stack([track.removed for track in learnt])[:, :1]
    own, unit = trunk_of(fold.catalogue.name, fold.catalogue.folder), _unit(whole)

    def tracks(catalogue: Catalogue, track_ids: Sequence[str]) -> Features:
        known = own.coordinates(local_tracks(catalogue, track_ids))
        return np.hstack([known, (trunk.tracks(catalogue, track_ids) - silence) * unit])

    parts = own.coordinates(local_removed), (removed - silence) * unit
    head = fit_to_removals(
        np.hstack([own.coordinates(local), (whole - silence) * unit]),
        np.concatenate(parts, axis=2),
        _labels(fold.train),
    )
    valid = tracks(fold.catalogue, fold.valid["track_id"].tolist())
    head, _ = calibrate(head, valid, _labels(fold.valid))
    seconds = time.process_time() - started
    seconds += len(learnt) * pooling_seconds(fold.catalogue.name, fold.catalogue.folder)

    def waveform(heard: Float32) -> Features:
        known = own.coordinates(local_waveform(heard))
        return np.concatenate([known, (trunk.of_waveform(heard) - silence) * unit])

    return Model(tracks, waveform, head.logits, seconds)


def _unit(features: Float32) -> NDArray[np.float64]:
    scale = features.astype(np.float64).std(axis=0)
    return np.asarray(np.divide(1.0, scale, out=np.zeros(len(scale)), where=scale > 1e-6))


@functools.lru_cache(maxsize=1)
def _trunk(fold: Fold, network: FCN) -> tuple[Float32, Float32, Float32, Measure]:
    """Return features of the training tracks, of one time mask of each, of silence, of others."""
    trunk = measure_trunk(network)
    whole, removed = [], []
    rng = np.random.default_rng(int(fold.checksum, 16))
    quiet = columns_of(network, np.zeros(10 * MIN_SAMPLES, np.float32))[..., 5:6]
    for track_id in fold.train["track_id"]:
        audio = repeat_to(fold.catalogue.audio(track_id), MIN_SAMPLES)
        columns = columns_of(network, to_float32(audio))
        (mask,) = draw_removals(1, 1, rng)
        segment = np.arange(columns.shape[2]) * SEGMENTS // columns.shape[2]
        whole.append(pooled_columns(columns))
        removed.append(pooled_columns(np.where(mask[segment, 0], columns, quiet))[None])
    silence = trunk.of_waveform(np.zeros(30 * 16_000, np.float32))
    return np.stack(whole), np.stack(removed), silence, trunk


def fit_row(row: Row, fold: Fold, networks: Networks) -> Model:
    """Fit a row on a fold, with the network that it begins with."""
    if row.network is None:
        return row.fit(fold, None)
    network, seconds = networks.trained(row.network, fold)
    model = row.fit(fold, network)
    return replace(model, seconds=model.seconds + seconds)
