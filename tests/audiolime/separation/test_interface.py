import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from audiolime.separation.interface import (
    FULL_SCALE,
    as_channels,
    drop_silent,
    estimate_in_stereo,
    fit_length,
    resample,
    stems_that_sum,
)
from lemons_audio import to_float32
from lemons_utils import DataError, ParameterError

_LOUD = st.floats(-4, 4, width=32)


def _int16_mixes():
    edges = st.sampled_from([-32768, -32767, -1, 0, 1, 32766, 32767])
    return arrays(np.int16, (2, 9), elements=edges | st.integers(-32768, 32767))


def _fits_24_bits(stems: np.ndarray) -> bool:
    whole = stems.astype(np.float64) * FULL_SCALE
    return bool(
        (whole == np.rint(whole)).all() and whole.min() >= -FULL_SCALE and whole.max() < FULL_SCALE
    )


@given(_int16_mixes(), arrays(np.float32, (4, 2, 9), elements=_LOUD))
@settings(max_examples=300, deadline=None)
def test_stems_sum_to_a_full_scale_mix_and_fit_24_bits(mix, estimates):
    mix = to_float32(mix)
    stems = stems_that_sum(mix, estimates)
    assert stems.dtype == np.float32
    np.testing.assert_array_equal(stems.sum(axis=0), mix)
    assert _fits_24_bits(stems)


@given(
    arrays(np.int32, (1, 7), elements=st.integers(-FULL_SCALE, FULL_SCALE - 1)),
    arrays(np.float32, (3, 1, 7), elements=_LOUD),
    st.permutations(range(4)),
    st.integers(1, 4),
)
@settings(max_examples=300, deadline=None)
def test_any_stems_add_up_in_any_order_without_rounding(mix, estimates, order, count):
    stems = stems_that_sum((mix / FULL_SCALE).astype(np.float32), estimates)
    chosen = stems[list(order[:count])]
    total = np.zeros_like(chosen[0])
    for stem in chosen:
        total = total + stem
    np.testing.assert_array_equal(total, chosen.astype(np.float64).sum(axis=0))


@given(
    arrays(np.float32, (1, 8), elements=st.floats(-50, 50, width=32)),
    arrays(np.float32, (2, 1, 8), elements=st.floats(-100, 100, width=32)),
)
@settings(deadline=None)
def test_a_mix_off_the_grid_or_beyond_full_scale_is_met_to_half_a_step(mix, estimates):
    stems = stems_that_sum(mix, estimates)
    # The grid has 2^23 steps up to the power of two that holds the peak, and 24 bits at least.
    peak = max(float(np.abs(mix).max()), 0.5)
    step = 2.0 ** (np.floor(np.log2(peak)) + 1) / FULL_SCALE
    error = np.abs(stems.astype(np.float64).sum(axis=0) - mix)
    assert error.max() <= step / 2


def test_estimates_that_fit_are_only_rounded(rng):
    mix = rng.uniform(-0.9, 0.9, (1, 1000)).astype(np.float32)
    estimates = np.stack([mix * 0.5, mix * 0.3])
    stems = stems_that_sum(mix, estimates)
    assert np.abs(stems[:2] - estimates).max() <= 0.5 / FULL_SCALE


def test_only_samples_without_room_are_shrunk():
    mix = np.array([[0.5, -0.9, 0.9]], dtype=np.float32)
    estimates = np.array([[[0.25, 0.9, -0.9]]], dtype=np.float32)
    stems = stems_that_sum(mix, estimates)
    assert stems[0, 0, 0] == 0.25
    # The residual reaches full scale, and not beyond it.
    assert stems[0, 0, 1:] == pytest.approx([0.1, -0.1], abs=1e-5)
    assert stems[1, 0, 1:] == pytest.approx([-1, 1], abs=1e-5)


def test_stems_that_cancel_are_shrunk_to_twice_full_scale():
    mix = np.zeros((1, 2), dtype=np.float32)
    estimates = np.array([0.9, 0.9, -0.5, -0.5], dtype=np.float32)[:, None, None]
    stems = stems_that_sum(mix, np.concatenate([estimates, -estimates], axis=2))
    assert np.abs(stems).sum(axis=0) == pytest.approx(2, abs=1e-5)
    assert stems[0, 0] == pytest.approx([0.5, -0.5], abs=1e-5)


def test_rounding_beside_full_scale_does_not_overstep(rng):
    """Large estimates that cancel to a few steps, under a mix at either end of the range."""
    mix = np.where(rng.random((1, 20_000)) < 0.5, -1.0, 1 - 2**-23).astype(np.float32)
    estimates = rng.uniform(-3, 3, (4, 1, 20_000)).astype(np.float32)
    steps = rng.integers(-8, 9, (1, 20_000)) / FULL_SCALE
    estimates[3] = steps - estimates[:3].sum(axis=0, dtype=np.float64)
    stems = stems_that_sum(mix, estimates)
    np.testing.assert_array_equal(stems.sum(axis=0), mix)
    assert _fits_24_bits(stems)


def test_long_recordings_go_block_by_block(rng, monkeypatch):
    mix = rng.uniform(-1, 1, (2, 1000)).astype(np.float32)
    estimates = rng.uniform(-2, 2, (2, 2, 1000)).astype(np.float32)
    whole = stems_that_sum(mix, estimates)
    monkeypatch.setattr("audiolime.separation.interface._BLOCK", 64)
    np.testing.assert_array_equal(stems_that_sum(mix, estimates), whole)


def test_an_estimate_with_nan_is_an_error():
    with pytest.raises(DataError, match="NaN"):
        stems_that_sum(np.zeros((1, 4), np.float32), np.full((1, 1, 4), np.nan, np.float32))


@pytest.mark.parametrize(
    ("waveform", "sample_rate", "said"),
    [
        (np.zeros(7_999, np.float32), 8_000, "at least 1 s"),
        (np.zeros((16_000, 2), np.float32), 16_000, "channels, samples"),
        (np.zeros((1, 2, 16_000), np.float32), 16_000, r"got \(1, 2, 16000\)"),
        (np.zeros((0, 16_000), np.float32), 16_000, "shape"),
        (np.zeros(16_000, np.int16), 16_000, "to_float32"),
        (np.full(16_000, np.nan, np.float32), 16_000, "NaN"),
        (np.full(16_000, np.inf, np.float32), 16_000, "infinity"),
        (np.zeros(16_000, np.float32), 0, "sample_rate"),
    ],
)
def test_wrong_waveforms_are_named(waveform, sample_rate, said):
    with pytest.raises(ParameterError, match=said):
        as_channels(waveform, sample_rate)


def test_float64_is_welcome():
    assert as_channels(np.zeros(16_000), 16_000).dtype == np.float32


def test_resampling_there_and_back_keeps_place_and_length():
    time = np.arange(32_000) / 16_000
    tone = (np.sin(2 * np.pi * 440 * time) * np.hanning(32_000)).astype(np.float32)[None]
    back = fit_length(resample(resample(tone, 16_000, 44_100), 44_100, 16_000), 32_000)
    assert back.shape == tone.shape
    assert np.abs(back - tone).max() < 1e-3


def test_fit_length_cuts_and_pads():
    stem = np.ones((2, 5), np.float32)
    assert fit_length(stem, 3).shape == (2, 3)
    np.testing.assert_array_equal(fit_length(stem, 7)[:, 5:], 0)


def test_silent_stems_are_dropped_but_for_one():
    stems = np.zeros((3, 4), np.float32)
    assert drop_silent(("a", "b", "c"), stems)[0] == ("a",)
    stems[1] = 1
    names, kept = drop_silent(("a", "b", "c"), stems)
    assert names == ("b",)
    np.testing.assert_array_equal(kept, stems[1:2])


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_network_in_stereo_serves_any_number_of_channels(rng, channels):
    mix = rng.normal(0, 0.1, (channels, 16_000)).astype(np.float32)
    passed = []

    def halve(stereo):
        passed.append(stereo)
        return np.stack([stereo / 2, np.zeros_like(stereo)])

    stems = estimate_in_stereo(halve, mix, 16_000, network_rate=16_000)
    assert passed[0].shape == (2, 16_000) and stems.shape == (2, channels, 16_000)
    expected = mix if channels == 2 else np.repeat(mix.mean(axis=0, keepdims=True), channels, 0)
    np.testing.assert_allclose(stems[0], expected / 2, atol=1e-7)
    assert not stems[1].any()
    wide = estimate_in_stereo(halve, mix, 16_000, network_rate=44_100)
    assert passed[1].shape == (2, 44_100) and wide.shape == stems.shape
