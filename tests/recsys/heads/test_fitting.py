"""Fitted heads against scikit-learn, and what silence is told."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from lemons_utils import ParameterError
from recsys.heads.fitting import SHARED, fit_head, shared_by_neighbours


@pytest.fixture
def tracks(rng):
    """Features of unlike deviations, labels that follow from them but for chance, weights."""
    features = rng.normal(size=(80, 6)) * [1, 5, 0.2, 1, 30, 1]
    liked = features @ [1, 0.2, -3, 0, 0.02, 0] + rng.normal(0, 0.5, 80) > 0
    return features, liked.astype(np.int64), rng.uniform(0.2, 2, 80)


def fit(tracks, **options):
    features, labels, weights = tracks
    options = {"base_rate": 0.5, "scale": features.std(axis=0), **options}
    return fit_head(features, labels, weights, **options)


@pytest.mark.parametrize("strength", [0.001, 0.1, 10.0])
def test_a_head_is_logistic_regression(strength, tracks):
    features, labels, weights = tracks
    scale = features.std(axis=0)
    theirs = LogisticRegression(C=strength, fit_intercept=False, tol=1e-10, max_iter=10_000)
    theirs.fit(features / scale, labels, sample_weight=weights)
    head = fit(tracks, strength=strength)
    np.testing.assert_allclose(head.weight * scale, theirs.coef_[0], rtol=1e-3, atol=1e-3)
    expected = theirs.decision_function(features / scale)
    np.testing.assert_allclose(head.logits(features), expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("base_rate", [0.1, 0.5, 0.8])
def test_nothing_has_the_base_rate(base_rate, tracks):
    head = fit(tracks, base_rate=base_rate)
    assert expit(head.logits(np.zeros((1, 6)))[0]) == pytest.approx(base_rate, abs=1e-15)


@pytest.mark.parametrize("base_rate", [0.1, 0.7])
def test_the_base_rate_takes_part_in_the_fit(base_rate, tracks):
    """Where each weight is times 1 / C what the tracks still pull at it, nothing moves it."""
    features, labels, weights = tracks
    scale = features.std(axis=0)
    head = fit(tracks, base_rate=base_rate, strength=0.1)
    missing = labels - expit(features @ head.weight + np.log(base_rate / (1 - base_rate)))
    pull = (features / scale).T @ (weights * missing)
    np.testing.assert_allclose(head.weight * scale / 0.1, pull, rtol=1e-3, atol=2e-3)


def test_a_weight_is_a_number_of_tracks(tracks):
    features, labels, _ = tracks
    options = {"scale": np.ones(6), "base_rate": 0.3, "strength": 0.1}
    once = fit_head(features, labels, np.where(labels, 3.0, 1.0), **options)
    times = np.where(labels, 3, 1)
    repeated = np.repeat(features, times, axis=0), np.repeat(labels, times)
    thrice = fit_head(*repeated, np.ones(times.sum()), **options)
    np.testing.assert_allclose(once.weight, thrice.weight, rtol=1e-3, atol=1e-4)


def test_what_groups_share_is_a_feature_more(tracks):
    features, labels, weights = tracks
    scale = features.std(axis=0)
    shared = np.kron(np.eye(3), [[2.0], [0.5]])
    units = features / scale
    plain = fit_head(
        np.hstack([units, units @ shared]),
        labels,
        weights,
        scale=np.ones(9),
        base_rate=0.4,
        strength=0.1,
    )
    head = fit(tracks, shared=shared, base_rate=0.4, strength=0.1)
    own, common = plain.weight[:6], plain.weight[6:]
    np.testing.assert_allclose(head.weight * scale, own + shared @ common, rtol=1e-3, atol=1e-4)
    alone = fit(tracks, base_rate=0.4, strength=0.1)
    assert np.abs(head.weight - alone.weight).max() > 0.01


def test_the_gradient_is_that_of_the_loss(tracks, check_gradient):
    shared = np.kron(np.eye(3), [[1.0], [1.0]])
    check_gradient(
        "recsys.heads.fitting", lambda: fit(tracks, shared=shared, base_rate=0.3, strength=0.5)
    )


def test_a_feature_that_never_varies_takes_no_part(tracks):
    features, labels, weights = tracks
    features[:, 3] = 7.0
    head = fit((features, labels, weights))
    assert head.weight[3] == 0
    assert np.isfinite(head.weight).all()


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


def test_neighbours_share_the_same_statistic():
    shared = shared_by_neighbours(16, 3, width=8)
    assert shared.shape == (48, 6)
    for band in range(16):
        for statistic in range(3):
            row = np.zeros(6)
            row[band // 8 * 3 + statistic] = SHARED / np.sqrt(8)
            np.testing.assert_allclose(shared[band * 3 + statistic], row)
