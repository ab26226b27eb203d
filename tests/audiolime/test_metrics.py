"""Metrics on explanations whose quality is known."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.metrics import r2_score

from audiolime import AudioExplanation
from audiolime.metrics import (
    complexity,
    compute_complexity,
    deletion_curve,
    fidelity,
    insertion_curve,
    stability,
    top_k,
)
from audiolime.neighbourhood import exhaustive_masks
from lemons_utils import ParameterError

WEIGHTS = np.array([0.1, -0.3, 0.4, 0.0])
MASKS = exhaustive_masks(4)
RELEVANCE = 0.5 + MASKS @ WEIGHTS


def test_fidelity_is_one_for_the_model_itself():
    proximities = np.linspace(0.1, 1, 16)
    assert fidelity(MASKS, RELEVANCE, WEIGHTS, intercept=0.5, proximities=proximities) == 1.0
    assert fidelity(MASKS, RELEVANCE, np.zeros(4), intercept=RELEVANCE.mean()) == pytest.approx(0)
    assert fidelity(MASKS, RELEVANCE, -WEIGHTS, intercept=0.5) < 0


def test_fidelity_is_the_weighted_r2(rng):
    relevance, proximities = rng.random(16), rng.random(16)
    ours = fidelity(MASKS, relevance, WEIGHTS, intercept=0.2, proximities=proximities)
    theirs = r2_score(relevance, 0.2 + MASKS @ WEIGHTS, sample_weight=proximities)
    assert ours == pytest.approx(theirs, abs=1e-12)


def test_fidelity_to_a_constant_model():
    assert fidelity(MASKS, np.full(16, 0.3), np.zeros(4), intercept=0.3) == 1.0
    assert fidelity(MASKS, np.full(16, 0.3), WEIGHTS, intercept=0.3) == 0.0


def test_top_k_takes_the_largest_signed_weights():
    assert top_k(WEIGHTS).tolist() == [2, 0, 3]
    assert top_k([1.0, 1.0, 1.0], 2).tolist() == [0, 1]
    assert top_k(WEIGHTS, 100).tolist() == [2, 0, 3, 1]


def test_stability_counts_different_components():
    assert stability([WEIGHTS] * 5) == 3
    assert stability([[3, 2, 1, 0, 0], [0, 0, 3, 2, 1]]) == 5
    assert stability([[3, 2, 1, 0], [3, 2, 0, 1]], k=2) == 2
    assert stability([[3, 2, 1, 0], [3, 2, 0, 1]], k=3) == 4


def test_deletion_and_insertion_of_an_additive_model():
    def evaluate(masks):
        return 0.5 + masks @ WEIGHTS

    deletion, insertion = deletion_curve(evaluate, WEIGHTS), insertion_curve(evaluate, WEIGHTS)
    assert deletion.order.tolist() == [2, 0, 3, 1]
    assert np.allclose(deletion.relevance, [0.7, 0.3, 0.2, 0.2, 0.5])
    assert np.allclose(insertion.relevance, [0.5, 0.9, 1.0, 1.0, 0.7])
    assert deletion.fraction.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert deletion.area == pytest.approx((0.35 + 0.3 + 0.2 + 0.2 + 0.25) / 4)
    assert insertion.area == pytest.approx((0.25 + 0.9 + 1.0 + 1.0 + 0.35) / 4)


@given(st.permutations(range(4)))
def test_no_order_beats_the_true_one(order):
    def evaluate(masks):
        return (masks @ WEIGHTS)[:, None]

    guess = np.empty(4)
    guess[list(order)] = [4, 3, 2, 1]
    truth = deletion_curve(evaluate, WEIGHTS).area
    assert deletion_curve(evaluate, guess).area >= truth - 1e-12
    best = insertion_curve(evaluate, WEIGHTS).area
    assert insertion_curve(evaluate, guess).area <= best + 1e-12


def test_complexity_is_between_one_voice_and_all():
    assert complexity([0, 5, 0, 0]) == 0.0
    assert complexity([1, -1, 1, -1]) == pytest.approx(1.0)
    assert complexity([1, 1, 0, 0]) == pytest.approx(0.5)
    assert complexity([0, 0, 0]) == 0.0
    assert complexity([3]) == 0.0


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=30))
@example([2.0**51, 2.0**51, np.finfo(float).tiny])  # whose share is too small for a number
def test_complexity_stays_in_bounds(weights):
    assert 0.0 <= complexity(weights) <= 1.0


def test_complexity_of_an_explanation_under_its_older_name():
    explanation = AudioExplanation(None, MASKS, RELEVANCE[:, None])
    explanation.local_exp = {1: [(4, 0.5), (2, -0.5), (0, 0.0)]}
    assert compute_complexity(explanation, 1) == pytest.approx(np.log(2) / np.log(3))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: fidelity(MASKS, RELEVANCE, WEIGHTS[:3]), "4 components"),
        (lambda: fidelity(MASKS, RELEVANCE[:3], WEIGHTS), "expected masks"),
        (lambda: top_k(WEIGHTS, 0), "k must be"),
        (lambda: top_k([np.nan]), "finite weights"),
        (lambda: stability(WEIGHTS), "repeated explanations"),
        (lambda: deletion_curve(lambda masks: masks, WEIGHTS), "one relevance for each of 5"),
        (lambda: complexity([]), "finite weights"),
    ],
)
def test_wrong_arguments_are_refused(call, says):
    with pytest.raises(ParameterError, match=says):
        call()
