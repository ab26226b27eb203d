"""What every separator that computes its stems must do."""

import numpy as np
import pytest

from audiolime.separation import SEPARATORS, get_separator
from audiolime.separation.interface import FULL_SCALE
from lemons_utils import ParameterError

COMPUTING = ("dsp", "hybrid", "spleeter:2stems")


@pytest.fixture(params=COMPUTING)
def separator(request):
    return get_separator(request.param)


def _on_grid(waveform: np.ndarray) -> np.ndarray:
    return (np.rint(waveform.astype(np.float64) * FULL_SCALE) / FULL_SCALE).astype(np.float32)


@pytest.mark.parametrize(
    ("sample_rate", "channels", "samples"),
    [
        (16_000, None, 16_000),
        (16_000, 1, 20_011),
        (44_100, 2, 50_001),
        (48_000, 3, 48_000),
        (8_000, 2, 8_123),
    ],
)
def test_stems_sum_to_the_input_at_any_rate_and_length(
    separator, rng, sample_rate, channels, samples
):
    shape = (samples,) if channels is None else (channels, samples)
    waveform = _on_grid(np.clip(rng.normal(0, 0.3, shape), -1, 1 - 2**-23))
    stems = separator.separate(waveform, sample_rate)
    assert stems.shape == (len(separator.stem_names), *shape)
    assert stems.dtype == np.float32
    np.testing.assert_array_equal(stems.sum(axis=0), waveform)


def test_silence_gives_silence(separator):
    stems = separator.separate(np.zeros((2, 30_000), np.float32), 22_050)
    assert not stems.any()


def test_full_scale_noise_does_not_clip(separator, rng):
    waveform = np.where(rng.random(24_000) < 0.5, -1.0, 1 - 2**-15).astype(np.float32)
    stems = separator.separate(waveform, 16_000)
    np.testing.assert_array_equal(stems.sum(axis=0), waveform)
    assert stems.min() >= -1
    assert stems.max() < 1


def test_same_audio_same_stems(separator, mix):
    np.testing.assert_array_equal(
        separator.separate(mix, 16_000), separator.separate(mix.copy(), 16_000)
    )


def test_the_input_is_left_as_it_was(separator, mix):
    before = mix.copy()
    separator.separate(mix, 16_000)
    np.testing.assert_array_equal(mix, before)


@pytest.mark.parametrize("bad", [np.zeros(15_999, np.float32), np.full(16_000, np.nan, np.float32)])
def test_too_short_and_nan_are_refused(separator, bad):
    with pytest.raises(ParameterError):
        separator.separate(bad, 16_000)


def test_names_and_versions_say_something(separator):
    assert separator.name in SEPARATORS
    assert separator.version
    assert len(set(separator.stem_names)) == len(separator.stem_names)


def test_an_unknown_separator_is_named():
    with pytest.raises(ParameterError, match="hybrid, dsp"):
        get_separator("magic")


def test_a_folder_goes_with_the_folder_separator_alone(tmp_path):
    with pytest.raises(ParameterError, match="leave out"):
        get_separator("dsp", folder=tmp_path)
    with pytest.raises(ParameterError, match="needs the folder"):
        get_separator("folder")
