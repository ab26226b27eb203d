"""Temporal segments: equal, by hand, musical."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiolime.components.musical_segmentation import best_boundaries, checkerboard_novelty
from audiolime.components.segmentation import compute_segments, equal_segments
from lemons_utils import ParameterError

RATE = 16_000


def covers(segments, n_samples):
    edges = [0, *(end for _, end in segments)]
    return edges[-1] == n_samples and all(
        segment == (start, end) and start < end
        for segment, start, end in zip(segments, edges, edges[1:], strict=False)
    )


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(0, 5_000))
def test_equal_segments_lose_no_sample(n_segments, extra):
    n_samples = n_segments + extra
    segments = equal_segments(n_samples, n_segments)
    assert len(segments) == n_segments
    assert covers(segments, n_samples)
    lengths = [end - start for start, end in segments]
    assert set(lengths[:-1]) <= {n_samples // n_segments}
    assert lengths[-1] == lengths[0] + n_samples % n_segments or n_segments == 1


def test_the_default_is_five_equal_segments():
    segments, length = compute_segments(np.zeros(52, np.float32), RATE)
    assert segments == [(0, 10), (10, 20), (20, 30), (30, 40), (40, 52)]
    assert length == 52


@pytest.mark.parametrize(
    "params",
    [
        [(0, 10), (10, 30)],
        ((0, 10), (10, 30)),
        np.array([[0, 10], [10, 30]]),
        {"type": "manual", "manual_segments": [(0, 10), (10, 30)]},
        {"type": "manual", "manual_segments": [(0, 10), (10, 28)]},  # the last one is stretched
    ],
)
def test_segments_by_hand(params):
    segments, length = compute_segments(np.zeros(30, np.float32), RATE, params)
    assert segments == [(0, 10), (10, 30)]
    assert length == 30


@pytest.mark.parametrize(
    ("params", "says"),
    [
        (0, "1 or more"),
        (-3, "1 or more"),
        (31, "at least 31 samples"),
        (True, "pairs"),
        ("five", "pairs"),
        (2.5, "pairs"),
        ([], "none"),
        ([(0, 10), (12, 30)], "begin at 10"),
        ([(0, 10), (9, 30)], "begin at 10"),
        ([(5, 30)], "begin at 0"),
        ([(0, 31)], "at most 30"),
        ([(0, 0)], "end after it"),
        ([(0, 10, 20)], "pairs"),
        ({"type": "manual"}, "pairs"),
        ({"type": "random"}, "fixed_length, manual or musical"),
        ({"type": "fixed_length", "n_temporal_segments": 1.5}, "1 or more"),
        ({"type": "musical", "unit": "verse"}, "'bar' or 'beat'"),
    ],
)
def test_wrong_segments_are_refused_in_one_line(params, says):
    with pytest.raises(ParameterError, match=says) as error:
        compute_segments(np.zeros(30, np.float32), RATE, params)
    assert "\n" not in str(error.value)


def test_novelty_peaks_where_the_music_changes(rng):
    first, second = rng.standard_normal((2, 1, 8))
    features = np.concatenate([first.repeat(12, 0), second.repeat(20, 0)])
    features += 0.1 * rng.standard_normal(features.shape)
    assert checkerboard_novelty(features, 8).argmax() == 12


def test_boundaries_have_the_greatest_sum_of_novelty(rng):
    positions = np.sort(rng.choice(np.arange(1, 99), 12, replace=False))
    novelty = rng.random(12)
    found = best_boundaries(positions, novelty, 3, 10.0, 100)

    def fits(chosen):
        return np.all(np.diff([0, *positions[list(chosen)], 100]) >= 10)

    every = [
        (a, b, c) for a in range(12) for b in range(a) for c in range(b) if fits(sorted((a, b, c)))
    ]
    best = max(every, key=lambda chosen: novelty[list(chosen)].sum())
    assert found == sorted(positions[list(best)].tolist())


def test_boundaries_that_do_not_fit_are_not_made_up():
    assert best_boundaries(np.array([10, 20]), np.ones(2), 3, 5.0, 100) is None
    assert best_boundaries(np.array([10, 20]), np.ones(2), 2, 15.0, 100) is None


def song_in_two_parts():
    """120 beats a minute, a kick on every fourth beat; after 8 s another chord and timbre."""
    time = np.arange(16 * RATE) / RATE
    in_beat = time % 0.5
    beat = (time // 0.5).astype(int)
    click = np.sin(2 * np.pi * 90 * in_beat) * np.exp(-in_beat * 30) * np.where(beat % 4, 0.3, 1.0)
    low = sum(np.sin(2 * np.pi * f * time) for f in (220.0, 277.2, 329.6))
    high = sum(np.sign(np.sin(2 * np.pi * f * time)) for f in (349.2, 440.0, 523.3))
    return (0.5 * click + 0.05 * np.where(time < 8, low, high)).astype(np.float32)


@pytest.mark.parametrize("unit", ["bar", "beat"])
def test_musical_segments_begin_where_the_music_changes(unit):
    waveform = song_in_two_parts()
    params = {"type": "musical", "n_temporal_segments": 2, "unit": unit}
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        segments, length = compute_segments(waveform, RATE, params)
    assert covers(segments, len(waveform))
    assert length == len(waveform)
    assert segments[0][1] / RATE == pytest.approx(8.0, abs=0.3)


def test_musical_segments_of_music_without_beats_are_equal():
    with pytest.warns(UserWarning, match="too few bars"):
        segments, _ = compute_segments(np.zeros(RATE, np.float32), RATE, {"type": "musical"})
    assert segments == equal_segments(RATE, 5)
