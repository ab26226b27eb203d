"""The page's first sentence, and the mix that its button plays."""

import itertools

import numpy as np
import pytest

from audiolime.components import Components
from audiolime.exact import TrunkTables
from explanations.app.reasons import BestMix, answer, best_mix, phrase
from explanations.player import decode_mask
from explanations.store import Explanation, Request

SECOND = 16_000
STEMS = ("vocals", "drums", "other")
SEGMENTS = ((0, 6 * SECOND), (6 * SECOND, 12 * SECOND), (12 * SECOND, 18 * SECOND))


def explanation(kind: str, weights: dict[int, float], relevance: float = 0.9) -> Explanation:
    components = Components(kind, SEGMENTS, STEMS)
    request = Request(kind, SEGMENTS, "exact", 1, 0, "truth", "1", "", "")
    values = tuple(weights.get(index, 0.0) for index in range(components.count))
    return Explanation(request, STEMS, components.names, values, 0.0, 1.0, relevance, None, "1")


@pytest.mark.parametrize(
    ("kind", "components", "words"),
    [
        ("time_source", [1], "the drums from 0 to 6 s"),
        ("time_source", [4, 1], "the drums from 0 to 12 s"),
        ("time_source", [7, 1], "the drums from 0 to 6 s and from 12 to 18 s"),
        ("time_source", [7, 4, 1], "the drums"),
        ("time_source", [3, 4], "the vocals from 6 to 12 s and the drums from 6 to 12 s"),
        ("source", [1, 0], "the drums and the vocals"),
        ("source", [2], "the other instruments (not vocals or drums)"),
        ("time", [2], "what is heard from 12 to 18 s"),
    ],
)
def test_components_are_named_as_a_person_does(kind, components, words) -> None:
    assert phrase(explanation(kind, {}), components) == words


def test_a_recommendation_is_answered_by_what_carries_it() -> None:
    weights = {1: 0.2, 4: 0.15, 3: 0.09, 0: -0.3}
    found = answer(explanation("time_source", weights), "Ana", "Song", nothing=0.5)
    assert found.sentence == "Ana gets “Song” because of the drums from 0 to 12 s."
    assert np.flatnonzero(decode_mask(found.mask, 9)).tolist() == [1, 4]


@pytest.mark.parametrize("nothing", [0.86, 0.95])
def test_no_part_is_the_reason_where_silence_does_as_well(nothing: float) -> None:
    found = answer(explanation("source", {0: 0.2}), "Ana", "Song", nothing=nothing)
    assert found.mask == "" and "vocals" not in found.sentence
    assert f"of silence the model says {nothing:.2f}" in found.sentence


def test_no_part_is_the_reason_where_none_counts() -> None:
    found = answer(explanation("source", {0: 0.004}), "Ana", "Song", nothing=0.2)
    assert found.mask == "" and "no part of it is the reason" in found.sentence


def test_a_track_that_is_not_recommended_leads_with_what_speaks_against_it() -> None:
    low = explanation("source", {0: -0.2, 1: 0.1}, relevance=0.2)
    found = answer(low, "Ana", "Song", nothing=0.5)
    assert found.sentence == "Ana does not get “Song” because of the vocals."
    assert decode_mask(found.mask, 3).tolist() == [1, 0, 0]
    best = BestMix((0, 1, 1), 0.6)
    found = answer(low, "Ana", "Song", nothing=0.5, best=best)
    assert found.sentence.endswith("because of the vocals. Its best mix would reach 0.60.")
    assert decode_mask(found.mask, 3).tolist() == [0, 1, 1]


@pytest.mark.parametrize("kind", ["time", "source", "time_source"])
def test_the_best_mix_is_the_best_of_all(kind: str, rng: np.random.Generator) -> None:
    trunk = TrunkTables.empty(4, 3, 2, 0)
    trunk.segment_sum[:] = rng.normal(size=trunk.segment_sum.shape)
    trunk.boundary_sum[:] = rng.normal(size=trunk.boundary_sum.shape)
    tables = trunk.of_head([1.0, -0.5], [], 0.1)
    count = tables.components(kind).count
    masks = np.array(list(itertools.product((0, 1), repeat=count)))
    relevance = tables.relevance(masks, kind=kind)
    best = best_mix(tables, kind)
    assert best is not None
    assert best.relevance == pytest.approx(relevance.max(), abs=1e-12)
    assert list(best.mask) == masks[relevance.argmax()].tolist()
