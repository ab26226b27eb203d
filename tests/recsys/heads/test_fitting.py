"""Fitted heads against scikit-learn, and what silence is told."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from lemons_utils import ParameterError
from recsys.heads.fitting import fit_logistic


@pytest.fixture
def tracks(rng):
    """Features, labels that follow from them but for chance, weights."""
    features = rng.normal(size=(80, 6))
    liked = features @ [1, 1, -0.6, 0, 0.6, 0] + rng.normal(0, 0.5, 80) > 0
    return features, liked.astype(np.int64), rng.uniform(0.2, 2, 80)


def fit(tracks, **options):
    features, labels, weights = tracks
    return fit_logistic(features, labels, weights, **{"base_rate": 0.5, **options})


@pytest.mark.parametrize("strength", [0.001, 0.1, 10.0])
def test_a_head_is_logistic_regression(strength, tracks):
    features, labels, weights = tracks
    theirs = LogisticRegression(C=strength, fit_intercept=False, tol=1e-10, max_iter=10_000)
    theirs.fit(features, labels, sample_weight=weights)
    head = fit(tracks, strength=strength)
    np.testing.assert_allclose(head.weight, theirs.coef_[0], rtol=1e-3, atol=1e-3)
    expected = theirs.decision_function(features)
    np.testing.assert_allclose(head.logits(features), expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("base_rate", [0.1, 0.5, 0.8])
def test_nothing_has_the_base_rate(base_rate, tracks):
    head = fit(tracks, base_rate=base_rate)
    assert expit(head.logits(np.zeros((1, 6)))[0]) == pytest.approx(base_rate, abs=1e-15)


@pytest.mark.parametrize("base_rate", [0.1, 0.7])
def test_the_base_rate_takes_part_in_the_fit(base_rate, tracks):
    """Where each weight is times 1 / C what the tracks still pull at it, nothing moves it."""
    features, labels, weights = tracks
    head = fit(tracks, base_rate=base_rate, strength=0.1)
    missing = labels - expit(features @ head.weight + np.log(base_rate / (1 - base_rate)))
    pull = features.T @ (weights * missing)
    np.testing.assert_allclose(head.weight / 0.1, pull, rtol=1e-3, atol=2e-3)


def test_a_weight_is_a_number_of_tracks(tracks):
    features, labels, _ = tracks
    options = {"base_rate": 0.3, "strength": 0.1}
    once = fit_logistic(features, labels, np.where(labels, 3.0, 1.0), **options)
    times = np.where(labels, 3, 1)
    repeated = np.repeat(features, times, axis=0), np.repeat(labels, times)
    thrice = fit_logistic(*repeated, np.ones(times.sum()), **options)
    np.testing.assert_allclose(once.weight, thrice.weight, rtol=1e-3, atol=1e-4)


def test_the_gradient_is_that_of_the_loss(tracks, check_gradient):
    check_gradient(lambda: fit(tracks, base_rate=0.3, strength=0.5))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"base_rate": 0.0}, r"base_rate must lie in \(0, 1\)"),
        ({"base_rate": 1.0}, r"base_rate must lie in \(0, 1\)"),
        ({"strength": 0.0}, "strength above 0"),
        ({"strength": float("nan")}, "strength above 0"),
    ],
)
def test_what_cannot_be_fitted_is_told(options, said, tracks):
    with pytest.raises(ParameterError, match=said):
        fit(tracks, **options)


@pytest.mark.parametrize("label", [0, 1])
def test_one_kind_of_track_is_told(label, tracks):
    features, _, weights = tracks
    with pytest.raises(ParameterError, match="listened and unheard tracks, got one kind alone"):
        fit((features, np.full(80, label), weights))
