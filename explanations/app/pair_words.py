"""Pairs of components on the page: which are drawn, and what is said of them."""

from __future__ import annotations

from explanations.app.phrases import seconds
from explanations.pairs import Pair, pair_phrase
from explanations.player import PairData
from explanations.store import Explanation
from lemons_utils import SAMPLE_RATE

DRAWN = 3
"""Most pairs that are drawn: arcs beyond hide more than they show."""

OTHERS = "the other instruments"


def pair_marks(explanation: Explanation) -> tuple[PairData, ...]:
    """Describe the pairs that are among what decides about a track, for the mixer."""
    return tuple(
        PairData(pair.first, pair.second, pair.interaction, pair_sentence(explanation, pair))
        for pair in explanation.strong_pairs(DRAWN)
    )


def pair_sentence(explanation: Explanation, pair: Pair) -> str:
    """Say what a pair does together: `From 6 to 12 s the drums count twice as much while ...`."""
    spans = [_span(explanation, one) for one in (pair.first, pair.second)]
    together = explanation.kind == "time_source" and spans[0] == spans[1]

    def name(component: int) -> str:
        if explanation.kind == "time":
            return f"what is heard {_span(explanation, component)}"
        stem = explanation.stem_names[explanation.cells(component)[0][1]]
        words = OTHERS if stem == "other" else f"the {stem}"
        is_timed = explanation.kind == "time_source" and not together
        return f"{words} {_span(explanation, component)}" if is_timed else words

    def is_plural(component: int) -> bool:
        return explanation.is_plural(component) or name(component).startswith(OTHERS)

    words = pair_phrase(pair, name, is_plural)
    words = f"{spans[0]} {words}" if together else words
    return f"{words[0].upper()}{words[1:]}."


def _span(explanation: Explanation, component: int) -> str:
    start, end = (edge / SAMPLE_RATE for edge in explanation.components.span_of(component))
    return f"from {seconds(start)} to {seconds(end)} s"
