"""Shapley values against their definition, and against games whose values are known."""

import itertools
import math

import numpy as np
import pytest

from audiolime.exact import LocalStateEngine
from audiolime.exact.all_masks import Levels
from audiolime.exact.interactions import shapley_values
from audiolime.neighbourhood import exhaustive_masks


def by_subsets(n, value):
    """Sum the definition subset by subset; value maps a tuple of 0 and 1 to a number."""
    phi = np.zeros(n)
    for i in range(n):
        for mask in itertools.product([0, 1], repeat=n):
            if not mask[i]:
                factor = math.factorial(sum(mask)) * math.factorial(n - 1 - sum(mask))
                with_i = (*mask[:i], 1, *mask[i + 1 :])
                phi[i] += factor / math.factorial(n) * (value[with_i] - value[mask])
    return phi


def test_ten_components_by_brute_force(plain_logits, small_network, random_stems, segments_at):
    """The plain network on all 1,024 waveforms, and the definition."""
    stems, segments = random_stems(2, 3000), segments_at(3000, [800, 1000, 1600, 2200])
    network = small_network()
    masks = exhaustive_masks(10)
    relevance = 1 / (1 + np.exp(-plain_logits(network, stems, segments, masks)))
    expected = by_subsets(10, dict(zip(map(tuple, masks.tolist()), relevance, strict=True)))
    engine = LocalStateEngine(network, stems, segments)
    found = engine.shapley()
    assert np.abs(found - expected).max() <= 1e-5
    assert found.sum() == pytest.approx(relevance[0] - relevance[-1], abs=1e-5)


@pytest.mark.parametrize("output", ["relevance", "logit"])
@pytest.mark.parametrize("kind", ["time", "source", "time_source"])
def test_they_add_up(kind, output, small_network, random_stems, segments_at):
    engine = LocalStateEngine(
        small_network(seed=3), random_stems(4, 8000), segments_at(8000, [2100, 4000, 6000])
    )
    everything, nothing = engine.evaluate([[1] * 16, [0] * 16])
    if output == "relevance":
        everything, nothing = 1 / (1 + np.exp(-np.array([everything, nothing])))
    found = engine.shapley(kind, output=output)
    assert found.sum() == pytest.approx(everything - nothing, abs=1e-5)


def values_of(n, function):
    masks = exhaustive_masks(n)
    return shapley_values(Levels.of(masks, [function(mask) for mask in masks]))


def test_an_additive_game_pays_everyone_their_own():
    slopes = np.array([1.0, -2.0, 0.5, 0.0])
    assert np.allclose(values_of(4, lambda mask: mask @ slopes + 7), slopes)


def test_partners_share_and_bystanders_get_nothing():
    """Two that only count together; two of whom either is enough; one that never counts."""
    found = values_of(5, lambda mask: mask[0] * mask[1] + 3 * max(mask[2], mask[3]))
    assert np.allclose(found, [0.5, 0.5, 1.5, 1.5, 0.0])


def test_a_single_component():
    assert values_of(1, lambda mask: 2.0 + 3.0 * mask[0]).tolist() == [3.0]
