"""Reliability curves: known bins, published intervals, and no more than the tracks tell."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lemons_utils import ParameterError
from recsys.evaluation import plots, reports
from recsys.evaluation.reliability import reliability, wilson_interval


def test_two_bins_by_hand():
    relevance = np.array([0.9, 0.1, 0.2, 0.8, 0.3, 0.7, 0.4, 0.6, 0.5, 1.0, 0.95])
    labels = np.array([1, 0, 0, 1, 1, 1, 0, 0, 0, 1, 0])
    curve = reliability(labels, relevance)
    np.testing.assert_allclose(curve.relevance, [0.3, 0.825])  # of 0.1 to 0.5, and 0.6 to 1
    np.testing.assert_allclose(curve.share, [0.2, 2 / 3])
    assert curve.tracks.tolist() == [5, 6]
    assert curve.ece == pytest.approx((5 * 0.1 + 6 * (0.825 - 2 / 3)) / 11)
    squares = [0.01, 0.01, 0.04, 0.04, 0.49, 0.09, 0.16, 0.36, 0.25, 0, 0.9025]
    assert curve.brier == pytest.approx(sum(squares) / 11)


@pytest.mark.parametrize(
    ("tracks", "expected"),
    [(1, [1]), (9, [9]), (12, [6, 6]), (16, [5, 5, 6]), (49, [5] * 5 + [6] * 4), (200, [20] * 10)],
)
def test_bins_are_of_equal_count_at_most_ten_and_not_small(tracks, expected, rng):
    curve = reliability(np.arange(tracks) % 2, rng.permutation(tracks) / tracks)
    assert sorted(curve.tracks) == expected


def test_a_well_calibrated_model_has_no_error_and_an_overconfident_one_has(rng):
    relevance = rng.uniform(size=20_000)
    labels = (rng.uniform(size=20_000) < relevance).astype(int)
    good = reliability(labels, relevance)
    assert good.ece < 0.02
    assert ((good.low < good.relevance) & (good.relevance < good.high)).sum() >= 8
    bad = reliability(labels, (relevance > 0.5) * 0.98 + 0.01)
    assert bad.ece == pytest.approx(0.24, abs=0.02)
    assert bad.brier > good.brier == pytest.approx(1 / 6, abs=0.01)


def test_equal_relevance_is_one_bin_whatever_the_order():
    labels = np.array([1] * 10 + [0] * 30)
    curve = reliability(labels, np.full(40, 0.25))
    assert curve.tracks.tolist() == [40]
    assert curve.ece == 0


@given(
    st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0, 0.1, 0.5, 0.7, 1])), min_size=1),
    st.randoms(use_true_random=False),
)
def test_a_curve_depends_on_no_order_and_stays_within_its_interval(pairs, random):
    def curve_of(pairs):
        labels, relevance = np.array(pairs).T
        return reliability(labels.astype(int), relevance)

    curve, other = curve_of(pairs), curve_of(random.sample(pairs, len(pairs)))
    for name in ("relevance", "share", "low", "high", "tracks", "ece", "brier"):
        np.testing.assert_allclose(getattr(curve, name), getattr(other, name), atol=1e-12)
    assert curve.tracks.sum() == len(pairs)
    assert (np.diff(curve.relevance) > 0).all()
    assert (curve.low <= curve.share + 1e-12).all() and (curve.share <= curve.high + 1e-12).all()
    assert curve.low.min() >= 0 and curve.high.max() <= 1


def test_intervals_are_the_published_ones():
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3
    successes, trials = np.array([81, 15, 0, 1]), np.array([263, 148, 20, 29])
    low, high = wilson_interval(successes, trials)
    np.testing.assert_allclose(low, [0.2553, 0.0624, 0, 0.0061], atol=5e-5)
    np.testing.assert_allclose(high, [0.3662, 0.1605, 0.1611, 0.1718], atol=5e-5)


@pytest.mark.parametrize(
    ("labels", "relevance", "said"),
    [
        ([0, 1], [0.5], "same shape"),
        ([], [], "at least one track"),
        ([0, 1], [0.5, 1.5], r"in \[0, 1\]"),
        ([0, 1], [0.5, np.nan], r"in \[0, 1\]"),
    ],
)
def test_what_has_no_curve_is_refused(labels, relevance, said):
    with pytest.raises(ParameterError, match=said):
        reliability(np.array(labels, dtype=int), np.array(relevance))


@pytest.mark.parametrize(("tracks", "little"), [(19, True), (20, False)])
def test_the_picture_has_the_numbers_and_says_when_it_says_little(
    tracks, little, tmp_path, rng, monkeypatch
):
    figures, save = [], plots.save_figure

    def keep(figure, path, **options):
        figures.append(figure)
        save(figure, path, **options)

    monkeypatch.setattr(plots, "save_figure", keep)
    curve = reliability(np.arange(tracks) % 2, rng.uniform(size=tracks))
    reports.draw_reliability(tmp_path / "curve.png", curve, title="marko")
    width, height = struct.unpack(">II", (tmp_path / "curve.png").read_bytes()[16:24])
    assert height > width > 600
    (axes,) = figures[0].axes
    assert f"error {curve.ece:.3f}, Brier score {curve.brier:.3f}" in axes.get_title()
    assert ("says little" in axes.get_title()) == little
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), curve.share)
