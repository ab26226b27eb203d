"""The weighted linear model and its feature selection, against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge, lars_path

from audiolime import surrogate
from audiolime.feature_selection import select_features
from audiolime.neighbourhood import cosine_distances, exponential_kernel
from audiolime.surrogate import LinearFit, Moments, fit_from_moments
from lemons_utils import ParameterError


def neighbourhood(seed, n_masks=400, n_components=8):
    rng = np.random.default_rng(seed)
    masks = rng.integers(0, 2, (n_masks, n_components))
    masks[0] = 1
    logits = masks @ rng.normal(0, 1, n_components) + 0.3 * masks[:, 0] * masks[:, 1]
    targets = 1 / (1 + np.exp(-logits))
    return masks, targets, exponential_kernel(cosine_distances(masks))


@settings(deadline=None, max_examples=50)
@given(
    st.integers(0, 10_000),
    st.sampled_from([0.5, 1.0, 20.0]),
    st.booleans(),
    st.integers(2, 12),
    st.sampled_from([0.0, 1e-3, 1000.0]),
)
def test_ridge_is_that_of_scikit_learn(seed, alpha, fit_intercept, n_components, offset):
    masks, targets, weights = neighbourhood(seed, 200, n_components)
    targets = targets + offset
    fit = fit_from_moments(
        Moments.of(masks, targets, weights), alpha=alpha, fit_intercept=fit_intercept
    )
    theirs = Ridge(alpha=alpha, fit_intercept=fit_intercept).fit(masks, targets, weights)
    scale = max(1.0, offset)
    assert np.allclose(fit.coefficients, theirs.coef_, atol=1e-11 * scale)
    assert fit.intercept == pytest.approx(theirs.intercept_, abs=1e-10 * scale)
    assert np.allclose(fit.predict(masks), theirs.predict(masks), atol=1e-10 * scale)
    score = theirs.score(masks, targets, weights)
    assert fit.score == pytest.approx(score, rel=1e-9, abs=1e-9)


def test_least_squares_is_that_of_scikit_learn():
    masks, targets, weights = neighbourhood(1)
    fit = fit_from_moments(Moments.of(masks, targets, weights), alpha=0.0)
    theirs = Ridge(alpha=0).fit(masks, targets, weights)
    assert np.allclose(fit.coefficients, theirs.coef_, atol=1e-10)


def test_least_squares_of_equal_components_shares_the_weight():
    masks = np.repeat(np.arange(2)[:, None], 2, axis=1)
    fit = fit_from_moments(Moments.of(masks, [0.0, 1.0]), alpha=0.0)
    assert np.allclose(fit.coefficients, 0.5)
    assert fit.score == pytest.approx(1.0)


@pytest.mark.parametrize("block_rows", [1, 7, 400, 10_000])
def test_blocks_do_not_change_the_sums(monkeypatch, block_rows):
    masks, targets, weights = neighbourhood(2)
    whole = Moments.of(masks, targets, weights)
    monkeypatch.setattr(surrogate, "BLOCK_ROWS", block_rows)
    blocked = Moments.of(masks.astype(np.uint8), targets, weights)
    assert np.allclose(whole.products, blocked.products, rtol=1e-12)
    parts = [
        Moments.of(masks[s], targets[s], weights[s], shift=whole.shift)
        for s in (slice(0, 150), slice(150, 151), slice(151, None))
    ]
    added = parts[0] + parts[1] + parts[2]
    assert added.count == 400
    for name in ("coefficients", "intercept", "score"):
        expected = getattr(fit_from_moments(whole), name)
        assert np.allclose(getattr(fit_from_moments(added), name), expected, atol=1e-12)


def test_moments_of_other_shifts_are_not_added_up():
    masks, targets, weights = neighbourhood(2)
    with pytest.raises(ParameterError, match="shift"):
        Moments.of(masks, targets, weights, shift=0.0) + Moments.of(masks, targets, shift=1.0)


@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, 1e9])
def test_a_constant_model_has_no_weights_at_all(value):
    masks, _, weights = neighbourhood(3)
    moments = Moments.of(masks, np.full(400, value), weights)
    for method in ("none", "highest_weights", "forward_selection", "lasso_path"):
        used = select_features(moments, 4, method)
        fit = fit_from_moments(moments, features=used)
        assert not fit.coefficients.any()
        assert fit.intercept == value
        assert fit.score == 1.0
    unmet = LinearFit(0.5, np.zeros(8), np.arange(8), 0.0)
    assert surrogate._score(moments, unmet.coefficients, value + 1.0) == 0.0


def test_float32_targets_are_summed_in_float64():
    masks, targets, weights = neighbourhood(4, n_masks=100_000)
    targets = targets.astype(np.float32)
    fit = fit_from_moments(Moments.of(masks, targets, weights.astype(np.float32)))
    theirs = Ridge().fit(masks, targets.astype(float), weights.astype(np.float32).astype(float))
    assert np.allclose(fit.coefficients, theirs.coef_, atol=1e-12)


@pytest.mark.parametrize(
    ("masks", "targets", "weights", "says"),
    [
        (np.ones((3, 2)), np.ones(4), None, r"\(3, 2\), \(4,\)"),
        (np.ones(3), np.ones(3), None, "expected masks"),
        (np.ones((0, 2)), np.ones(0), None, "expected masks"),
        (np.ones((3, 2)), np.ones(3), np.ones(2), "one weight each"),
        (np.ones((3, 2)), np.ones(3), np.zeros(3), "all zero"),
        (np.ones((3, 2)), np.ones(3), np.array([1, 1, -1]), "negative"),
        (np.ones((3, 2)), np.array([0, 1, np.nan]), None, "NaN"),
        (np.ones((3, 2)), np.ones(3), np.array([1, 1, np.inf]), "NaN"),
    ],
)
def test_what_does_not_belong_together_is_refused(masks, targets, weights, says):
    with pytest.raises(ParameterError, match=says):
        Moments.of(masks, targets, weights)


# -- selection ---------------------------------------------------------------------------------
def selected_forward(masks, targets, weights, count):
    """One component after the other, by scikit-learn's score."""
    chosen = []
    while len(chosen) < count:
        left = [f for f in range(masks.shape[1]) if f not in chosen]

        def score(feature):
            columns = masks[:, [*chosen, feature]]
            return Ridge(alpha=0).fit(columns, targets, weights).score(columns, targets, weights)

        chosen.append(max(left, key=score))
    return chosen


@pytest.mark.parametrize("seed", range(5))
def test_selection_is_that_of_the_definitions(seed):
    masks, targets, weights = neighbourhood(seed)
    moments = Moments.of(masks, targets, weights)
    forward = select_features(moments, 4, "forward_selection").tolist()
    assert forward == selected_forward(masks, targets, weights, 4)
    assert select_features(moments, 4, "auto").tolist() == forward

    least_squares = Ridge(alpha=0).fit(masks, targets, weights).coef_
    highest = select_features(moments, 7, "highest_weights").tolist()
    assert highest == np.argsort(-np.abs(least_squares), kind="stable")[:7].tolist()
    assert select_features(moments, 7, "auto").tolist() == highest

    root = np.sqrt(weights)
    rows = (masks - np.average(masks, axis=0, weights=weights)) * root[:, None]
    _, _, path = lars_path(rows, (targets - np.average(targets, weights=weights)) * root)
    supports = [set(np.flatnonzero(step)) for step in path.T[1:]]
    lasso = set(select_features(moments, 4, "lasso_path").tolist())
    assert lasso == [support for support in supports if len(support) <= 4][-1]

    assert select_features(moments, 2, "none").tolist() == list(range(8))


def test_more_features_than_there_are_means_all():
    moments = Moments.of(*neighbourhood(1))
    for method in ("auto", "highest_weights", "forward_selection", "lasso_path"):
        assert sorted(select_features(moments, 100, method)) == list(range(8))


def test_selections_that_make_no_sense_are_refused():
    moments = Moments.of(*neighbourhood(1))
    with pytest.raises(ParameterError, match="auto, none, forward_selection"):
        select_features(moments, 4, "best")
    for wrong in (0, -1, 2.5):
        with pytest.raises(ParameterError, match="num_features"):
            select_features(moments, wrong)
    with pytest.raises(ParameterError, match="alpha"):
        fit_from_moments(moments, alpha=-1.0)
