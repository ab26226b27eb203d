"""What benchmarks/recipe.py measures of a fitted row: ranking, nothing at all, explanations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from _rows import Model
from _tastes import Fold
from numpy.typing import NDArray

from audiolime.components import KINDS
from audiolime.exact import LocalStateEngine
from explanations.explain.track import default_segments
from explanations.stems import separator_for, stems_of
from lemons_audio import sigmoid, to_float32
from lemons_utils import SAMPLE_RATE, Configuration
from recsys.evaluation.reliability import reliability
from recsys.metrics import ranking_metrics

NOTHING = ("silence", "noise", "mean spectrum")
"""What may stand for a removed part: digital silence; white noise as loud as the training tracks;
noise with their mean spectrum."""

_NOTHING_S = 10
_SPECTRUM_TRACKS = 20


def ranking(fold: Fold, model: Model) -> dict[str, float]:
    """Return AUC and MAP against both kinds of labels, and the expected calibration error."""
    logits = model.logits(model.tracks(fold.tested_on, fold.test["track_id"].tolist()))
    numbers = {"ece": reliability(_clean(fold), sigmoid(logits)).ece}
    numbers |= {
        f"{name}_clean": value for name, value in ranking_metrics(_clean(fold), logits).items()
    }
    noisy = fold.test["label"]
    if noisy.notna().all():
        found = ranking_metrics(noisy.to_numpy().astype(np.int64), logits)
        numbers |= {f"{name}_noisy": value for name, value in found.items()}
    return numbers


def ceiling(fold: Fold) -> dict[str, float]:
    """Return AUC and MAP of the clean labels against the noisy ones: nothing can do better."""
    if fold.test["label"].isna().any():
        return {}
    noisy = fold.test["label"].to_numpy().astype(np.int64)
    found = ranking_metrics(noisy, _clean(fold).astype(np.float64))
    return {f"{name}_noisy": value for name, value in found.items()}


def _clean(fold: Fold) -> NDArray[np.int64]:
    clean: NDArray[np.int64] = fold.test["clean"].to_numpy().astype(np.int64)
    return clean


def of_nothing(fold: Fold, model: Model) -> dict[str, float]:
    """Return the relevance of each of `NOTHING`."""
    waveforms = dict(zip(NOTHING, nothing(fold), strict=True))
    return {
        name: float(sigmoid(model.logits(model.waveform(waveform)[None]))[0])
        for name, waveform in waveforms.items()
    }


def nothing(fold: Fold) -> NDArray[np.float32]:
    """Return the waveforms of `NOTHING`, [3, samples], as loud as the training tracks."""
    samples = _NOTHING_S * SAMPLE_RATE
    chosen = fold.train["track_id"].tolist()[:_SPECTRUM_TRACKS]
    tracks = [to_float32(fold.catalogue.audio(each)[:samples]) for each in chosen]
    power = np.mean([np.square(np.abs(np.fft.rfft(each, samples))) for each in tracks], axis=0)
    loudness = np.sqrt(np.mean([np.square(each).mean() for each in tracks]))
    noise = np.random.default_rng(0).normal(size=samples)
    shaped = np.fft.irfft(np.fft.rfft(noise) * np.sqrt(power), samples)
    both = [each * loudness / np.sqrt(np.square(each).mean()) for each in (noise, shaped)]
    return np.stack([np.zeros(samples), *both]).astype(np.float32)


def explained(
    fold: Fold, model: Model, count: int, config: Configuration
) -> dict[str, list[float]]:
    """Explain the most relevant test tracks.

    Returns
    -------
    dict of lists, an item for each track: `below_silence` is 1 where the whole track's relevance
    is below that of silence; for each kind, `fidelity_<kind>`, and `empty_<kind>` is 1 where no
    component has a positive weight.
    """
    measured: dict[str, list[float]] = {"below_silence": []}
    for kind in KINDS:
        measured |= {f"fidelity_{kind}": [], f"empty_{kind}": []}
    if model.network is None:
        return {}
    for track_id in _most_relevant(fold, model, count):
        audio = fold.tested_on.audio(track_id)
        stems = stems_of(
            audio,
            separator_for(fold.tested_on, track_id),
            stems_folder=config.stems,
            limit_gb=config.stems_cache_gb,
        )
        segments = default_segments(len(audio))
        engine = LocalStateEngine(model.network, stems.waveforms, segments)
        if not engine.closed:
            continue
        tables = engine.tables()
        cells = tables.n_components
        whole, silence = tables.relevance(np.array([np.ones(cells), np.zeros(cells)]))
        measured["below_silence"].append(float(whole < silence))
        for kind in KINDS:
            found = tables.lime("exhaustive", kind=kind)
            measured[f"fidelity_{kind}"].append(found.score)
            measured[f"empty_{kind}"].append(float(not (found.weights > 0).any()))
    return measured


def _most_relevant(fold: Fold, model: Model, count: int) -> Sequence[str]:
    track_ids = fold.test["track_id"].tolist()
    logits = model.logits(model.tracks(fold.tested_on, track_ids))
    return [track_ids[place] for place in np.argsort(-logits, kind="stable")[:count]]
