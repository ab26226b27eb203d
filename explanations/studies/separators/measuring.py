"""What the separators study measures: a track explained with the stems of each separator."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from audiolime.components import Components
from audiolime.metrics import top_k
from audiolime.separation.interface import drop_silent
from audiolime.separation.quality import si_sdr
from explanations.explain.answers import answer, default_num_samples
from explanations.explain.track import default_segments
from explanations.stems import separator_for
from explanations.studies.measures import rank_correlation
from explanations.studies.study import Item, Row
from explanations.studies.subjects import StudyContext
from lemons_audio import to_float32
from lemons_utils import SAMPLE_RATE
from recsys.inference import relevance, track_logits
from recsys.model import Network

Vector = NDArray[np.float64]

SEPARATORS = ("hybrid", "spleeter:2stems", "dsp")
"""Those whose stems are compared with the true ones."""

INSTRUMENTS = ("vocals", "piano", "guitar", "drums", "bass")
"""Stems that mean the same wherever they come from; other stems hold what the rest leave."""

REST = "the rest"


@dataclass(frozen=True)
class Explained:
    """A track explained with the stems of one separator.

    Parameters
    ----------
    separator : str
    promised : tuple of str
        Stems of the separator, silent or not.
    names : tuple of str
        Those that sound in this track.
    waveforms : ndarray [shape=(stems, samples)], float32
    weights : ndarray [shape=(segments, stems)]
        One segment, the whole track, for Source.
    fidelity, relevance : float
    separation_s, explanation_s : float [s]
        Of a processor, which does not depend on what else the machine does.
    network : Network
    """

    separator: str
    promised: tuple[str, ...]
    names: tuple[str, ...]
    waveforms: NDArray[np.float32]
    weights: Vector
    fidelity: float
    relevance: float
    separation_s: float
    explanation_s: float
    network: Network

    @property
    def numbers(self) -> Row:
        """The columns that do not depend on a comparison."""
        names = ("fidelity", "relevance", "separation_s", "explanation_s")
        return {name: getattr(self, name) for name in names}


def measure(item: Item, *, context: StudyContext) -> list[Row]:
    """Explain one track with all stems, and compare each explanation with the first."""
    explanations = explain_with_each(item, item["type"], context)
    identity = {name: item[name] for name in ("user_name", "track_id", "type")}
    return [identity | compare(explanations[0], explained) for explained in explanations]


def explain_with_each(item: Item, kind: str, context: StudyContext) -> list[Explained]:
    """Explain a track with the stems of each separator that the item names."""
    return [
        explain_with(replace(context, separator=name), item["user_name"], item["track_id"], kind)
        for name in item["separators"]
    ]


def explain_with(context: StudyContext, user_name: str, track_id: str, kind: str) -> Explained:
    """Separate and explain a track, and time both; nothing comes from a cache.

    Parameters
    ----------
    context : StudyContext
        Names the separator.
    user_name, track_id : str
    kind : 'source' or 'time_source'
    """
    network, audio = context.listener(user_name).network, context.catalogue.audio(track_id)
    separator = separator_for(context.catalogue, track_id, context.separator)
    started = time.process_time()
    separated = separator.separate(to_float32(audio), SAMPLE_RATE)
    names, waveforms = drop_silent(separator.stem_names, separated)
    between = time.process_time()
    segments = default_segments(len(audio), context.n_segments)
    components = Components(kind, segments, names)
    lime = answer(
        network, waveforms, components, engine="exact", random_state=0,
        num_samples=default_num_samples(components.count, "exact"),
    ).lime  # fmt: skip
    ended = time.process_time()
    return Explained(
        separator=separator.name,
        promised=separator.stem_names,
        names=names,
        waveforms=waveforms,
        weights=np.reshape(lime.weights, (-1, len(names))),
        fidelity=float(lime.score),
        relevance=float(lime.original),
        separation_s=between - started,
        explanation_s=ended - between,
        network=network,
    )


def common_stems(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
    """List the instruments that both separators promise, and `REST`."""
    return (*(name for name in INSTRUMENTS if name in a and name in b), REST)


def summed(explained: Explained, common: tuple[str, ...]) -> tuple[Vector, NDArray[np.float32]]:
    """Sum weights and stems to common ones; a stem that is silent has none.

    Returns
    -------
    weights : ndarray [shape=(segments, common)]
    waveforms : ndarray [shape=(common, samples)]
    """
    weights = np.zeros((len(explained.weights), len(common)))
    waveforms = np.zeros((len(common), explained.waveforms.shape[1]), np.float32)
    for place, name in enumerate(explained.names):
        goal = common.index(name) if name in common else common.index(REST)
        weights[:, goal] += explained.weights[:, place]
        waveforms[goal] += explained.waveforms[place]
    return weights, waveforms


def compare(reference: Explained, explained: Explained) -> Row:
    """Compare an explanation with that of the reference stems.

    Returns
    -------
    dict: agreement in the weights of common stems (`same_first`, by chance `chance_first`,
    `rank_correlation`, `difference`: the mean absolute one, `size`: mean absolute weight of the
    reference), `drop` (what relevance loses without the reference's stem that this explanation
    puts first) and `reference_drop` (without the common one that the reference puts first),
    `si_sdr` (mean over common stems, dB), fidelity and processor seconds
    """
    common = common_stems(reference.promised, explained.promised)
    true, true_stems = summed(reference, common)
    given, given_stems = summed(explained, common)
    first, true_first = (int(top_k(weights.ravel(), 1)[0]) for weights in (given, true))
    drop = _drop(reference, true_stems[first % len(common)])
    best = drop
    if first % len(common) != true_first % len(common):
        best = _drop(reference, true_stems[true_first % len(common)])
    return {
        "separator": explained.separator,
        "stems": len(explained.names),
        "common": ", ".join(common),
        "same_first": float(first == true_first),
        "chance_first": 1 / true.size,
        "rank_correlation": rank_correlation(true.ravel(), given.ravel()),
        "difference": float(np.abs(true - given).mean()),
        "size": float(np.abs(true).mean()),
        "drop": drop,
        "reference_drop": best,
        "si_sdr": _quality(true_stems, given_stems),
        **explained.numbers,
    }


def _drop(reference: Explained, stem: NDArray[np.float32]) -> float:
    """Compute how much relevance falls without a stem."""
    mix = reference.waveforms.sum(axis=0)
    logits = track_logits(reference.network, torch.from_numpy((mix - stem)[None]))
    return reference.relevance - float(relevance(logits.double().numpy())[0])


def _quality(true: NDArray[np.float32], given: NDArray[np.float32]) -> float | None:
    """Average the SI-SDR of the common stems that sound on both sides."""
    scores = [si_sdr(a, b) for a, b in zip(true, given, strict=True) if a.any() and b.any()]
    finite = [score for score in scores if math.isfinite(score)]
    return float(np.mean(finite)) if finite else None
