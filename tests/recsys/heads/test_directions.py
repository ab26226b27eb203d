"""Directions of statistics: the ridge on their coordinates is the ridge with the full prior."""

import numpy as np
import pytest
from scipy.optimize import minimize

from recsys.heads.directions import NEIGHBOURS, OF_BANDS, SHARED, leading_directions, prior_root
from recsys.heads.fitting import fit_logistic
from recsys.model import BANDS, PER_BAND, STATISTICS


@pytest.fixture
def tracks(rng):
    """Statistics of 30 tracks, positive and of unlike deviations, and of what is left of them."""
    levels = rng.uniform(0.5, 20, STATISTICS)
    whole = levels * rng.gamma(4.0, size=(30, STATISTICS))
    removed = whole[:, None] * rng.uniform(0, 1, size=(30, 6, 1))
    return whole.astype(np.float32), removed.astype(np.float32)


def test_the_prior_is_of_own_and_shared_parts():
    root = prior_root()
    for band, other in ((0, 0), (0, 1), (0, NEIGHBOURS - 1), (0, NEIGHBOURS), (9, 15)):
        shared = SHARED**2 / NEIGHBOURS if band // NEIGHBOURS == other // NEIGHBOURS else 0
        for statistic in (0, PER_BAND - 1):
            at, to = band * PER_BAND + statistic, other * PER_BAND + statistic
            assert (root @ root)[at, to] == pytest.approx(shared + (at == to), abs=1e-12)
    assert (root @ root)[0, 1] == pytest.approx(0, abs=1e-12)  # another statistic
    assert root.shape == (BANDS * PER_BAND,) * 2


def test_all_directions_give_the_fit_with_the_full_prior(tracks, rng):
    """Own weights in units of deviations, and a further feature for each group of neighbours."""
    whole, removed = tracks[0][:12], tracks[1][:12]
    labels = rng.integers(0, 2, len(whole))
    x = (whole.astype(np.float64) / whole.astype(np.float64).std(axis=0))[:, :OF_BANDS]
    groups = np.repeat(np.eye(BANDS // NEIGHBOURS), NEIGHBOURS, axis=0)
    shared = np.kron(groups, np.eye(PER_BAND)) * SHARED / np.sqrt(NEIGHBOURS)
    features, sign = np.hstack([x, x @ shared]), 2 * labels - 1

    def loss(w):
        margin = sign * (features @ w)
        slope = -sign / (1 + np.exp(margin))
        return np.logaddexp(0, -margin).sum() + w @ w / 2e-3, features.T @ slope + w / 1e-3

    expected = features @ minimize(loss, np.zeros(features.shape[1]), jac=True, tol=1e-9).x
    directions = leading_directions(whole, removed, OF_BANDS).astype(np.float64)
    coordinates = whole @ directions[:OF_BANDS].T
    head = fit_logistic(coordinates, labels, np.ones(12), base_rate=0.5, strength=1e-3)
    np.testing.assert_allclose(head.logits(coordinates), expected, rtol=0, atol=2e-3)


def test_the_leading_ones_hold_the_most(tracks):
    whole, removed = tracks
    energies = (whole @ leading_directions(whole, removed, 40)[:40].T) ** 2
    everything = (whole @ leading_directions(whole, removed, OF_BANDS)[:OF_BANDS].T) ** 2
    np.testing.assert_allclose(energies, everything[:, :40], rtol=1e-3, atol=1e-2)
    shares = everything.sum(axis=0) / everything.sum()
    assert shares[0] > 0.5 and shares[:40].sum() > 0.99


def test_directions_are_the_same_again_and_have_a_sign(tracks):
    first, again = (leading_directions(*tracks) for _ in range(2))
    assert first.shape == (128 + PER_BAND, STATISTICS) and first.dtype == np.float32
    np.testing.assert_array_equal(first, again)
    largest = np.abs(first).argmax(axis=1)
    assert (first[np.arange(len(first)), largest] > 0).all()


def test_loudness_stays_apart_in_units_of_its_deviation(tracks):
    directions = leading_directions(*tracks)
    assert (
        not directions[:-PER_BAND, OF_BANDS:].any() and not directions[-PER_BAND:, :OF_BANDS].any()
    )
    apart = tracks[0] @ directions[-PER_BAND:].T
    np.testing.assert_allclose(apart.std(axis=0), 1, rtol=1e-5)


def test_a_statistic_that_never_varies_takes_no_part(tracks):
    whole, removed = tracks
    whole[:, 3] = 7.0
    directions = leading_directions(whole, removed)
    assert (directions[:, 3] == 0).all() and np.isfinite(directions).all()
