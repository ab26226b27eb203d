"""Interactions of pairs against their definitions, against shapiq, and against known games."""

import itertools
import math
import sys

import numpy as np
import pytest

from audiolime.exact import LocalStateEngine
from audiolime.exact.all_masks import Levels
from audiolime.exact.interactions import interactions_of
from audiolime.exact.lime import fit_exhaustive, fit_sampled
from audiolime.neighbourhood import exhaustive_masks
from lemons_utils import ParameterError

INDICES = ("SII", "STII", "FSII")


def subsets(n):
    return [frozenset(np.flatnonzero(mask).tolist()) for mask in exhaustive_masks(n)]


def pairs_by_definition(n, value, factor):
    """Sum the second differences subset by subset; value maps a set to a number."""
    pairs = np.zeros((n, n))
    for i, j in itertools.combinations(range(n), 2):
        for s in subsets(n):
            if not s & {i, j}:
                difference = value[s | {i, j}] - value[s | {i}] - value[s | {j}] + value[s]
                pairs[i, j] += factor(len(s)) * difference
    return pairs + pairs.T


def shapley_interaction(n, value):
    def factor(size):
        return math.factorial(size) * math.factorial(n - size - 2) / math.factorial(n - 1)

    phi = np.zeros(n)
    for i in range(n):
        for s in subsets(n):
            if i not in s:
                weight = math.factorial(len(s)) * math.factorial(n - 1 - len(s))
                phi[i] += weight / math.factorial(n) * (value[s | {i}] - value[s])
    return phi, pairs_by_definition(n, value, factor)


def shapley_taylor(n, value):
    alone = np.array([value[frozenset({i})] - value[frozenset()] for i in range(n)])
    return alone, pairs_by_definition(n, value, lambda size: 2 / n / math.comb(n - 1, size))


def faithful_shapley(n, value):
    """Least squares under the Shapley kernel, held to f(none) and f(all) by multipliers."""
    members = [{i} for i in range(n)] + [set(pair) for pair in itertools.combinations(range(n), 2)]
    inner = [s for s in subsets(n) if 0 < len(s) < n]
    design = np.array([[float(m <= s) for m in members] for s in inner])
    kernel = np.array([1 / math.comb(n, len(s)) / len(s) / (n - len(s)) for s in inner])
    target = np.array([value[s] - value[frozenset()] for s in inner])
    ones = np.ones(len(members))
    system = np.block([[design.T * kernel @ design, ones[:, None]], [ones, np.zeros(1)]])
    whole = value[frozenset(range(n))] - value[frozenset()]
    solved = np.linalg.solve(system, [*(design.T * kernel @ target), whole])
    pairs = np.zeros((n, n))
    pairs[np.triu_indices(n, 1)] = solved[n:-1]
    return solved[:n], pairs + pairs.T


DEFINITIONS = {
    "SII": shapley_interaction,
    "STII": shapley_taylor,
    "FSII": faithful_shapley,
}


def random_game(n, seed=0):
    masks = exhaustive_masks(n)
    return masks, np.random.default_rng(seed).normal(size=len(masks))


@pytest.mark.parametrize("n", [3, 4, 7])
@pytest.mark.parametrize("index", INDICES)
def test_random_games_by_definition(index, n):
    masks, values = random_game(n)
    expected = DEFINITIONS[index](n, dict(zip(subsets(n), values, strict=True)))
    found = interactions_of(Levels.of(masks, values), index)
    assert np.abs(found.values - expected[0]).max() < 1e-10
    assert np.abs(found.pairs - expected[1]).max() < 1e-10
    assert np.array_equal(found.pairs, found.pairs.T)
    assert not found.pairs.diagonal().any()


@pytest.mark.parametrize(("n_stems", "bounds"), [(3, [800, 2000]), (2, [500, 1000, 1600, 2200])])
def test_a_network_by_brute_force(n_stems, bounds, plain_logits, small_network, random_stems,
                                  segments_at):  # fmt: skip
    """The plain network on all waveforms, and the definitions: 3 x 3 and 2 x 5 components."""
    stems, segments = random_stems(n_stems, 3000), segments_at(3000, bounds)
    network, n = small_network(), n_stems * len(segments)
    engine = LocalStateEngine(network, stems, segments)
    logits = plain_logits(network, stems, segments, exhaustive_masks(n))
    relevance = 1 / (1 + np.exp(-logits))
    value = dict(zip(subsets(n), relevance, strict=True))
    for index in INDICES:
        expected = DEFINITIONS[index](n, value)
        found = engine.interactions(index=index)
        assert np.abs(found.values - expected[0]).max() <= 1e-5
        assert np.abs(found.pairs - expected[1]).max() <= 1e-5
    plain = fit_sampled(exhaustive_masks(n), relevance, kernel_width=0.25, alpha=1.0, order=2)
    fitted = engine.lime(order=2)
    assert np.abs(fitted.pairs - plain.pairs).max() <= 1e-4
    assert fitted.score == pytest.approx(plain.score, abs=1e-5)


@pytest.mark.slow  # the import alone takes seconds
@pytest.mark.parametrize("index", INDICES)
def test_shapiq_computes_the_same(index):
    import shapiq

    n = 6
    masks, values = random_game(n, seed=1)
    game = dict(zip(map(tuple, masks.tolist()), values.tolist(), strict=True))
    computer = shapiq.ExactComputer(
        n_players=n, game=lambda rows: np.array([game[tuple(map(int, row))] for row in rows])
    )
    exact = computer(index=index, order=2)
    found = interactions_of(Levels.of(masks, values), index).to_shapiq()
    assert (found.index, found.n_players, found.max_order) == (index, n, 2)
    assert found.baseline_value == pytest.approx(exact.baseline_value)
    for size in (1, 2):
        for players in itertools.combinations(range(n), size):
            # shapiq fits FSII with weights of 1e7 in place of the two constraints
            assert found[players] == pytest.approx(exact[players], abs=1e-6)


def test_without_shapiq_the_line_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "shapiq", None)
    with pytest.raises(ParameterError, match=r"pip install .lemons\[shapiq"):
        interactions_of(Levels.of(*random_game(2))).to_shapiq()


def test_effects_alone_and_together_are_means_over_the_others():
    n, (masks, values) = 5, random_game(5, seed=2)
    value = dict(zip(subsets(n), values, strict=True))
    found = interactions_of(Levels.of(masks, values))
    for i, j in itertools.permutations(range(n), 2):
        for with_j in (frozenset(), frozenset({j})):
            expected = sum(
                (value[s | with_j | {i}] - value[s | with_j]) / ((n - 1) * math.comb(n - 2, len(s)))
                for s in subsets(n)
                if not s & {i, j}
            )
            effect = found.alone[i, j] + (found.pairs[i, j] if with_j else 0.0)
            assert effect == pytest.approx(expected, abs=1e-12)


def game_of(n, function):
    masks = exhaustive_masks(n)
    return Levels.of(masks, [function(mask) for mask in masks])


@pytest.mark.parametrize("index", INDICES)
def test_partners_rivals_and_bystanders(index):
    """Two that only count together, two of whom either is enough, one that never counts."""
    levels = game_of(5, lambda mask: 7 + mask[0] * mask[1] + 3 * max(mask[2], mask[3]))
    found = interactions_of(levels, index)
    expected = np.zeros((5, 5))
    expected[0, 1] = expected[1, 0] = 1
    expected[2, 3] = expected[3, 2] = -3
    assert np.allclose(found.pairs, expected)
    assert found.strongest(2) == [(2, 3), (0, 1)]
    assert found.alone[0, 1] == pytest.approx(0)
    assert found.alone[2, 3] == pytest.approx(3)
    if index != "SII":
        assert np.allclose(found.values, [0, 0, 3, 3, 0])
        total = found.values.sum() + found.pairs.sum() / 2
        assert total == pytest.approx(levels.everything - levels.nothing)


def test_a_model_with_pairs_gets_its_weights_back():
    rng = np.random.default_rng(3)
    slopes, pairs = rng.normal(size=6), np.triu(rng.normal(size=(6, 6)), 1)
    levels = game_of(6, lambda mask: 0.5 + mask @ slopes + mask @ pairs @ mask)
    found = fit_exhaustive(levels, kernel_width=0.25, alpha=0.0, order=2)
    assert np.abs(found.weights - slopes).max() < 1e-9
    assert np.abs(found.pairs - pairs - pairs.T).max() < 1e-9
    assert found.intercept == pytest.approx(0.5)
    assert found.score == pytest.approx(1)
    linear = fit_exhaustive(levels, kernel_width=0.25, alpha=0.0)
    assert found.linear_score == linear.score == linear.linear_score < 0.9
    assert linear.pairs is None
    assert found.local_prediction == pytest.approx(levels.everything)


@pytest.mark.parametrize("n", [1, 2])
def test_one_and_two_components(n):
    levels = game_of(n, lambda mask: 2 + 3 * mask[0] + 5 * mask.prod())
    for index in INDICES:
        found = interactions_of(levels, index)
        assert found.values.sum() + (index != "SII") * found.pairs.sum() / 2 == pytest.approx(8)
        assert found.pairs.shape == (n, n)
    assert fit_exhaustive(levels, kernel_width=0.25, alpha=0.0, order=2).score == pytest.approx(1)


def test_mistakes_are_told(small_network, random_stems, segments_at):
    engine = LocalStateEngine(small_network(), random_stems(2, 2000), segments_at(2000, [1000]))
    with pytest.raises(ParameterError, match="index must be one of SII, STII, FSII, got 'BII'"):
        engine.interactions(index="BII")
    with pytest.raises(ParameterError, match="order must be 2"):
        engine.interactions(order=3)
    with pytest.raises(ParameterError, match="order must be 1 or 2, got 3"):
        engine.lime(order=3)
    sampled = engine.lime(200, order=2, random_state=0)
    assert sampled.pairs.shape == (4, 4)
    assert sampled.score > sampled.linear_score
