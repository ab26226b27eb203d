"""Loudness, and another strength, count where they tell what listeners like, and there alone."""

import numpy as np
import pytest

from recsys.heads.choosing import FACTORS, choose_loudness, choose_strength
from recsys.heads.fitting import strength_for
from recsys.heads.loudness import SCALES, fit_with_loudness
from recsys.metrics import ranking_metrics
from recsys.model import PER_BAND

BANDS = 8


def coordinates(rng, labels, of_bands, of_loudness):
    """Coordinates of tracks; how far each kind tells the labels apart, in deviations."""
    x = rng.normal(size=(len(labels), BANDS + PER_BAND))
    x[:, 0] += of_bands * labels
    x[:, BANDS + 2] += of_loudness * labels
    return x


@pytest.fixture
def labels(rng):
    return rng.permutation(np.repeat([0, 1], 60))


def test_it_is_taken_by_whom_it_tells_more_and_ranks_other_tracks_better(labels, rng):
    x = coordinates(rng, labels, 0.2, 1.5)
    scale = choose_loudness(x, x[:, None] / 2, labels, 1.0)
    assert scale in SCALES
    other = coordinates(rng, labels, 0.2, 1.5)
    auc = [
        ranking_metrics(labels, fit_with_loudness(x, None, labels, each, 1.0).logits(other))["auc"]
        for each in (0.0, scale)
    ]
    assert auc[1] > auc[0] + 0.1


@pytest.mark.parametrize("seed", range(4))
def test_nobody_takes_it_whom_it_tells_nothing(labels, seed):
    x = coordinates(np.random.default_rng(seed), labels, 1.5, 0.0)
    assert choose_loudness(x, None, labels, 0.0) == 0


def test_a_handful_of_tracks_decides_nothing(rng):
    labels = np.array([0, 1] * 4)
    assert choose_loudness(coordinates(rng, labels, 0, 9.0), None, labels, 0.0) == 0


def test_without_it_a_head_has_no_weights_of_it(labels, rng):
    head = fit_with_loudness(coordinates(rng, labels, 1, 1), None, labels, 0.0, 1.0)
    assert head.weight[:BANDS].all() and not head.weight[-PER_BAND:].any()


def test_the_scale_is_that_of_the_prior(labels, rng):
    """Weights that may go ten times as far are those of coordinates in units ten times as small."""
    x = coordinates(rng, labels, 1, 1)
    scaled = np.hstack([x[:, :BANDS], 10 * x[:, BANDS:]])
    head, other = (fit_with_loudness(x, None, labels, 10.0, 0.0),
                   fit_with_loudness(scaled, None, labels, 1.0, 0.0))  # fmt: skip
    np.testing.assert_allclose(head.logits(x), other.logits(scaled), rtol=1e-6)


@pytest.mark.parametrize(("noise", "weaker"), [(10.0, True), (0.0, False)])
def test_a_weaker_ridge_is_taken_where_it_frees_a_head_from_loud_noise(noise, weaker, labels, rng):
    x = np.zeros((len(labels), BANDS + PER_BAND))
    x[:, 0] = rng.normal(size=len(labels)) + 4 * labels
    x[:, 1:5] = noise * rng.normal(size=(len(labels), 4))
    chosen = choose_strength(x, None, labels, 0.0, 0.0) / strength_for(len(labels))
    assert chosen == pytest.approx(max(FACTORS) if weaker else 1.0)
