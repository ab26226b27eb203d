"""Calibration: what many tracks show is found, what few suggest is held back."""

import numpy as np
import pytest
from scipy.special import expit

from recsys.heads import Head, calibrate

HEAD = Head(np.array([2.0, -1.0]), 0.25)


def tracks(rng, count, *, temperature, offset):
    """Features, and labels drawn with the logits of the head over a temperature."""
    features = rng.normal(size=(count, 2)) * 2
    chance = expit(HEAD.logits(features) / temperature + offset)
    return features, (rng.random(count) < chance).astype(np.int64)


def test_no_tracks_change_nothing():
    head, found = calibrate(HEAD, np.zeros((0, 2)), np.zeros(0, np.int64))
    assert found == pytest.approx({"temperature": 1.0, "offset": 0.0}, abs=1e-6)
    np.testing.assert_allclose([*head.weight, head.bias], [*HEAD.weight, HEAD.bias], rtol=1e-6)


@pytest.mark.parametrize(("temperature", "offset"), [(2.0, 0.2), (0.6, -0.2), (1.0, 0.0)])
def test_many_tracks_show_the_temperature(temperature, offset, rng):
    features, labels = tracks(rng, 20_000, temperature=temperature, offset=offset)
    _, found = calibrate(HEAD, features, labels)
    assert found["temperature"] == pytest.approx(temperature, rel=0.08)
    assert found["offset"] == pytest.approx(offset, abs=0.06)


@pytest.mark.parametrize(("agree", "low", "high"), [(False, 1.05, 1.3), (True, 0.9, 0.99)])
def test_few_tracks_are_held_back(agree, low, high, rng):
    """Alone, ten labels that all agree or disagree with the head would know no bounds."""
    features = rng.normal(size=(10, 2))
    labels = ((HEAD.logits(features) > 0) == agree).astype(np.int64)
    assert low < calibrate(HEAD, features, labels)[1]["temperature"] < high


@pytest.mark.parametrize("label", [0, 1])
def test_one_kind_of_track_moves_it_no_further_than_the_priors_let_it(label, rng):
    head, found = calibrate(HEAD, rng.normal(size=(12, 2)), np.full(12, label))
    assert abs(found["offset"]) < 0.6 and 0.3 < found["temperature"] < 3
    assert np.isfinite(head.weight).all()


def test_what_is_found_is_folded_into_the_head(rng):
    features, labels = tracks(rng, 500, temperature=2.0, offset=0.3)
    head, found = calibrate(HEAD, features, labels)
    expected = HEAD.logits(features) / found["temperature"] + found["offset"]
    np.testing.assert_allclose(head.logits(features), expected, rtol=1e-9, atol=1e-9)


def test_the_gradient_is_that_of_the_loss(rng, check_gradient):
    features, labels = tracks(rng, 50, temperature=2.0, offset=0.3)
    check_gradient(lambda: calibrate(HEAD, features, labels))
