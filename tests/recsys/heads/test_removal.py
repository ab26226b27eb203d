"""Removals of training tracks: kinds of masks, and the mixes that they leave."""

import numpy as np
import pytest

from recsys.heads.removal import SEGMENTS, draw_removals, remove


def test_masks_are_of_each_kind_in_turn(rng):
    masks = draw_removals(4, 600, rng)
    assert {mask.shape for mask in masks} == {(SEGMENTS, 4)}
    time, source, both = (np.array(masks[kind::3]) for kind in range(3))
    assert (time == time[:, :, :1]).all() and (time != time[:, :1]).any()
    assert (source == source[:, :1]).all() and (source != source[:, :, :1]).any()
    assert (both != both[:, :, :1]).any() and (both != both[:, :1]).any()
    for kind in (time, source, both):
        assert kind.mean() == pytest.approx(0.5, abs=0.05)
    shares = both.reshape(200, -1).mean(axis=1)
    assert shares.min() < 0.2 and shares.max() > 0.8


def test_a_track_without_stems_loses_stretches_of_time(rng):
    masks = np.array(draw_removals(1, 30, rng))
    assert masks.shape == (30, SEGMENTS, 1)
    for turn in range(3):
        assert (masks[turn::3] != masks[turn::3, :1]).any()


def test_the_same_seed_draws_the_same_masks():
    drawn = [np.array(draw_removals(3, 6, np.random.default_rng(seed))) for seed in (1, 1, 2)]
    assert (drawn[0] == drawn[1]).all() and (drawn[0] != drawn[2]).any()


@pytest.mark.parametrize("samples", [5, 1000, 1003])
def test_a_mix_has_what_is_on_and_silence_elsewhere(samples, rng):
    stems = rng.normal(size=(3, samples)).astype(np.float32)
    assert (remove(stems, np.ones((SEGMENTS, 3), bool)) == stems.sum(axis=0)).all()
    assert (remove(stems, np.zeros((SEGMENTS, 3), bool)) == 0).all()
    mask = np.zeros((SEGMENTS, 3), bool)
    mask[1, [0, 2]] = True
    mask[4, 1] = True
    expected = np.zeros(samples, np.float32)
    start, end = samples // 5, 2 * samples // 5
    expected[start:end] = stems[[0, 2], start:end].sum(axis=0)
    expected[4 * samples // 5 :] = stems[1, 4 * samples // 5 :]
    assert (remove(stems, mask) == expected).all()
