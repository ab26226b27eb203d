"""The page's answer: a sentence on why a listener gets a track, and the mix it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audiolime.exact import Tables
from explanations.app.phrases import gets, listed
from explanations.player import encode_mask
from explanations.store import Explanation
from lemons_audio import sigmoid
from lemons_utils import SAMPLE_RATE

LIKED = 0.5
"""Relevance from which on a listener is said to get a track."""

NEAR = 0.05
"""Relevance that a track must add to that of silence before a part of it is named as the reason."""

NAMED = 2
"""Most stems, or stretches of time, in the sentence."""


@dataclass(frozen=True)
class FirstSentence:
    """What the page says first of an explanation.

    Parameters
    ----------
    sentence : str
        Without markup.
    mask : str
        The mix that the sentence is about, as `encode_mask` writes it; empty where there is none.
    label : str
        Words for the button that plays the mix.
    """

    sentence: str
    mask: str = ""
    label: str = ""


@dataclass(frozen=True)
class BestMix:
    """The components that a listener's model likes best together, and its relevance of them."""

    mask: tuple[int, ...]
    relevance: float


def answer(
    explanation: Explanation, name: str, title: str, *, nothing: float, best: BestMix | None = None
) -> FirstSentence:
    """Say why a listener gets a track, or why not.

    Parameters
    ----------
    explanation : Explanation
    name : str
        The listener's, or `phrases.VIEWER`.
    title : str
        The track's.
    nothing : float in [0, 1]
        The model's relevance of silence.
    best : BestMix, optional
        What to play of a track that the listener does not get.
    """
    whole = explanation.relevance
    if whole < LIKED:
        return _why_not(explanation, name, title, best)
    if nothing > whole - NEAR:
        return FirstSentence(
            f"{gets(name)} “{title}”, but not for anything in it: of silence the model says "
            f"{nothing:.2f}, of this track {whole:.2f}."
        )
    reasons = leading(explanation, explanation.top(len(explanation.weights)))
    if not reasons:
        return FirstSentence(
            f"{gets(name)} “{title}”, but no part of it is the reason: without any one of them "
            "the model says much the same."
        )
    return FirstSentence(
        f"{gets(name)} “{title}” because of {phrase(explanation, reasons)}.",
        _mask(explanation, reasons),
        "Play just that",
    )


def _why_not(
    explanation: Explanation, name: str, title: str, best: BestMix | None
) -> FirstSentence:
    reasons = leading(explanation, explanation.against(len(explanation.weights)))
    words = f"{gets(name, negated=True)} “{title}”"
    words += f" because of {phrase(explanation, reasons)}" if reasons else ", whatever is left out"
    if best is not None and best.relevance - explanation.relevance >= NEAR:
        return FirstSentence(
            f"{words}. Its best mix would reach {best.relevance:.2f}.",
            encode_mask(best.mask),
            "Play the best mix",
        )
    if reasons:
        return FirstSentence(f"{words}.", _mask(explanation, reasons), "Play just that")
    return FirstSentence(f"{words}.")


def leading(explanation: Explanation, ranked: Sequence[int]) -> list[int]:
    """Keep what is named: components at least half as strong as the first, of the first stems."""
    strong = [
        index
        for index in ranked
        if abs(explanation.weights[index]) >= abs(explanation.weights[ranked[0]]) / 2
    ]
    if explanation.kind == "time":
        return strong[:NAMED]
    named = list(dict.fromkeys(explanation.cells(index)[0][1] for index in strong))[:NAMED]
    return [index for index in strong if explanation.cells(index)[0][1] in named]


def phrase(explanation: Explanation, components: Sequence[int]) -> str:
    """Name components: `the drums from 6 to 18 s and the bass`.

    Neighbours of one stem are named together, and what lasts from start to end without a time.
    """
    whole = [(0.0, explanation.segments[-1][1] / SAMPLE_RATE)]
    names: list[str] = []
    for stems, spans in _by_stems(explanation, components).items():
        name = stem_phrase(stems[0], explanation.stem_names)
        if explanation.kind == "time":
            name = "what is heard"
        if spans != whole:
            ends = [f"from {_seconds(start)} to {_seconds(end)} s" for start, end in spans]
            name = f"{name} {listed(ends)}"
        names.append(name)
    return listed(names)


def stem_phrase(stem: int, stem_names: Sequence[str]) -> str:
    """Name a stem as a person does; what is left of a band is named by what it is not."""
    if stem_names[stem] == "other":
        *rest, last = [name for name in stem_names if name != "other"]
        return f"the other instruments (not {', '.join(rest)} or {last})"
    return f"the {stem_names[stem]}"


def best_mix(tables: Tables, kind: str) -> BestMix | None:
    """Find the components that a model likes best together, of all there are.

    A head without maxima is a sum over segments and boundaries, so that the best subset of each
    segment follows from the best of those before it. Whole stems and segments are few enough to
    try all. With maxima, cells have no such order: then there is none.
    """
    components = tables.components(kind)
    if components.count <= 10:
        count = components.count
        masks = np.arange(1, 2**count)[:, None] >> np.arange(count) & 1
        relevances = tables.relevance(masks, kind=kind)
        best = int(relevances.argmax())
        return BestMix(tuple(masks[best].tolist()), float(relevances[best]))
    if not components.are_cells or len(tables.max_weight):
        return None
    reached = tables.segment_sum[0]
    came_from = []
    for segment in range(1, tables.n_segments):
        both = reached[:, None] + tables.boundary_sum[segment - 1]
        came_from.append(both.argmax(axis=0))
        reached = both.max(axis=0) + tables.segment_sum[segment]
    subsets = [int(reached.argmax())]
    for before in reversed(came_from):
        subsets.append(int(before[subsets[-1]]))
    bits = np.array(subsets[::-1])[:, None] >> np.arange(tables.n_stems) & 1
    relevance = float(sigmoid(np.array(reached.max() + tables.bias)))
    return BestMix(tuple(bits.reshape(-1).tolist()), relevance)


def _mask(explanation: Explanation, components: Sequence[int]) -> str:
    return encode_mask(np.isin(np.arange(len(explanation.weights)), components))


def _by_stems(
    explanation: Explanation, components: Sequence[int]
) -> dict[tuple[int, ...], list[tuple[float, float]]]:
    """Return the stretches [s] of each group of stems, joined where they meet."""
    stretches: dict[tuple[int, ...], list[tuple[float, float]]] = {}
    for component in components:
        start, end = explanation.components.span_of(component)
        stems = tuple(dict.fromkeys(stem for _, stem in explanation.cells(component)))
        stretches.setdefault(stems, []).append((start / SAMPLE_RATE, end / SAMPLE_RATE))
    return {stems: _joined(spans) for stems, spans in stretches.items()}


def _joined(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if joined and joined[-1][1] == start:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined


def _seconds(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
