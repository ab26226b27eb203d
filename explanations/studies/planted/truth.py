"""The components of a planted property, their ranks in an explanation, and tests by ablation."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from audiolime.metrics import top_k
from explanations.explain import Subject
from explanations.studies.study import Row
from recsys.inference import relevance, track_logits
from recsys.model import Network

Vector = NDArray[np.float64]

SOUNDS_FROM = 0.01
"""A stem sounds in a segment with at least this part of the energy of its loudest one."""

TOP = 3


def planted_components(
    subject: Subject, stem: str, solo: tuple[int, ...] | None = None
) -> dict[str, set[int]]:
    """List the components that hold what is planted, for each kind of explanation.

    Parameters
    ----------
    subject : Subject
    stem : str
        The stem of the planted property.
    solo : tuple of int, optional
        The fifths of the track in which the property is heard. Without it, it is heard wherever
        the stem sounds, and no segment stands out: Time is left out.

    Returns
    -------
    dict from 'source', 'time' (with `solo`) and 'time_source' to component indices
    """
    place, stems = subject.stems.names.index(stem), len(subject.stems.names)
    if solo is None:
        wave = subject.stems.waveforms[place]
        energy = [float(np.square(wave[a:b], dtype=np.float64).sum()) for a, b in subject.segments]
        loud = {i for i, value in enumerate(energy) if value >= SOUNDS_FROM * max(energy)}
        return {"source": {place}, "time_source": {segment * stems + place for segment in loud}}
    heard = _overlapping(subject.segments, solo)
    cells = {segment * stems + place for segment in heard}
    return {"source": {place}, "time": heard, "time_source": cells}


def _overlapping(segments: tuple[tuple[int, int], ...], solo: tuple[int, ...]) -> set[int]:
    """List the segments of which the solo takes more than a quarter, or else the most."""
    fifth = segments[-1][1] / 5
    shares = [
        sum(max(0.0, min(end, (part + 1) * fifth) - max(start, part * fifth)) for part in solo)
        / (end - start)
        for start, end in segments
    ]
    return {i for i, share in enumerate(shares) if share > 0.25} or {int(np.argmax(shares))}


def ranked(weights: Vector, shapley: Vector, planted: set[int]) -> Row:
    """Rank what is planted by an explanation, beside chance.

    Parameters
    ----------
    weights, shapley : ndarray [shape=(components,)]
    planted : set of int, not empty
        Components.

    Returns
    -------
    dict: `first` (component), `rank` of the best planted component from 1 on, whether one is
    `first_planted` and `in_top_3`, the part of the top 3 that is planted, the chances of all
    these for a random order, and the first by Shapley values
    """
    n, p = len(weights), len(planted)
    order = [int(component) for component in top_k(weights, n)]
    top = min(TOP, n)
    missed = math.comb(n - p, top) / math.comb(n, top)
    return {
        "components": n,
        "planted": p,
        "first": order[0],
        "rank": 1 + min(order.index(component) for component in planted),
        "first_planted": float(order[0] in planted),
        "in_top_3": float(bool({*order[:top]} & planted)),
        "part_of_top_3": len({*order[:top]} & planted) / top,
        "chance_first": p / n,
        "chance_top_3": 1 - missed,
        "shapley_first_planted": float(int(top_k(shapley, 1)[0]) in planted),
    }


def ablated(
    network: Network, subject: Subject, planted: int, first: int, other_mix: NDArray[np.float32]
) -> Row:
    """Compute relevance without a stem, and without the planted property.

    Parameters
    ----------
    network : Network, in evaluation mode
    subject : Subject
    planted, first : int
        The planted stem, and the one that the explanation puts first.
    other_mix : ndarray [shape=(samples,)], float32
        The same track, played without the property.
    """
    stems = subject.stems.waveforms
    mix = stems.sum(axis=0)
    sounds = np.stack([mix, mix - stems[planted], stems[planted], mix - stems[first], other_mix])
    logits = track_logits(network, torch.from_numpy(sounds)).double().numpy()
    names = ("relevance", "without_stem", "stem_alone", "without_first", "without_property")
    return {name: float(value) for name, value in zip(names, relevance(logits), strict=True)}


def verdict(row: Mapping[Hashable, Any]) -> str:
    """Decide whether the model or the explanation is wrong where the planted stem is not first.

    If taking the first stem out lowers relevance at least as much as taking the planted one out,
    the explanation is true to the model, and the model does not rely on the planted stem.

    Returns
    -------
    '' where the planted stem is first, otherwise 'model' or 'explanation'
    """
    if row["first_planted"]:
        return ""
    return "model" if row["without_first"] <= row["without_stem"] else "explanation"
