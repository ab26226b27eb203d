"""Tiles of time and frequency, of waveforms and of spectrograms."""

import numpy as np
import pytest
import torch

from audiolime import TimeFrequencyFactorization, TimeFrequencyTorchFactorization
from audiolime.components.tiles import frequency_edges
from lemons_utils import ParameterError

RATE = 16_000


def tone(frequency, seconds=1.0):
    return (0.3 * np.sin(np.arange(int(seconds * RATE)) * 2 * np.pi * frequency / RATE)).astype(
        np.float32
    )


@pytest.mark.parametrize("n_samples", [8_000, 16_384, 160_001])
def test_tiles_sum_to_the_input_sample_for_sample(rng, n_samples):
    waveform = (0.2 * rng.standard_normal(n_samples)).astype(np.float32)
    factorization = TimeFrequencyFactorization(waveform, RATE)
    assert np.array_equal(factorization.mix, waveform)
    assert np.array_equal(sum(factorization.retrieve_components()), waveform)
    assert not factorization.compose(np.zeros((1, 20))).any()


def test_a_tone_is_in_the_tiles_of_its_band():
    waveform = np.concatenate([tone(1000), tone(5000)])
    factorization = TimeFrequencyFactorization(waveform, RATE, 4, 2)
    energies = [float(np.square(tile).sum()) for tile in factorization.retrieve_components()]
    total = sum(energies)
    by_name = dict(zip(factorization.get_ordered_component_names(), energies, strict=True))
    assert by_name["T1F1"] > 0.48 * total
    assert by_name["T2F3"] > 0.48 * total
    assert sum(by_name.values()) - by_name["T1F1"] - by_name["T2F3"] < 0.02 * total


def test_bands_by_number_by_mel_and_by_hand():
    assert frequency_edges(4, RATE, "linear").tolist() == [0, 2000, 4000, 6000, 8000]
    mel = frequency_edges(4, RATE, "mel")
    assert mel[0] == 0
    assert mel[-1] == pytest.approx(8000)
    assert np.all(np.diff(mel, 2) > 0)
    assert frequency_edges([100, 500, 7000], RATE, "linear").tolist() == [0, 500, 8000]
    waveform = tone(440)
    by_hand = TimeFrequencyFactorization(waveform, RATE, [0, 300, 1000, 8000], 3)
    assert by_hand.get_number_components() == 9
    heard = [float(np.square(tile).sum()) for tile in by_hand.retrieve_components()]
    assert [int(np.argmax(heard[start : start + 3])) for start in (0, 3, 6)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"frequency_segments": 0}, "bands must be 1 or more"),
        ({"frequency_segments": [0, 5000, 4000]}, "ascending"),
        ({"frequency_segments": [0, 9000]}, "0 to 8000 Hz"),
        ({"frequency_segments": 2000}, "no bin"),
        ({"frequency_scale": "bark"}, "'linear' or 'mel'"),
        ({"n_fft": 1023}, "multiple of 4"),
        ({"n_fft": 8}, "at least 16"),
        ({"temporal_segmentation_params": 100}, "512 samples or more"),
    ],
)
def test_wrong_tiles_are_refused(arguments, says):
    with pytest.raises(ParameterError, match=says):
        TimeFrequencyFactorization(tone(440), RATE, **arguments)


@pytest.mark.parametrize("make", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])
def test_tiles_of_a_spectrogram(rng, make):
    values = rng.random((10, 13)).astype(np.float32) + 1
    factorization = TimeFrequencyTorchFactorization(make(values), RATE, 3, 4)
    assert factorization.get_number_components() == 12
    assert np.array_equal(np.asarray(factorization.compose_model_input()), values)
    assert not np.asarray(factorization.compose_model_input([])).any()
    one = np.asarray(factorization.compose_model_input([11]))  # last segment, highest band
    assert np.array_equal(one[6:, 9:], values[6:, 9:])
    assert np.count_nonzero(one) == 4 * 4
    total = sum(np.asarray(factorization.compose_model_input([index])) for index in range(12))
    assert np.array_equal(total, values)
    assert type(factorization.compose_model_input([1])) is type(make(values))


def test_segments_of_a_spectrogram_may_be_given_in_samples():
    values = np.ones((4, 10), np.float32)
    params = {"type": "manual", "manual_segments": [(0, 3 * 256), (3 * 256, 10 * 256)]}
    factorization = TimeFrequencyTorchFactorization(values, RATE, 1, params)
    assert np.array_equal(np.flatnonzero(factorization.retrieve_components([0])[0]), [0, 1, 2])
    counted = {"type": "fixed_length", "n_temporal_segments": 5}
    assert TimeFrequencyTorchFactorization(values, RATE, 2, counted).get_number_components() == 10


@pytest.mark.parametrize(
    ("baseline", "expected"),
    [("min", lambda x: x.min()), ("max", lambda x: x.max()), ("mean", lambda x: x.mean())],
)
@pytest.mark.parametrize("make", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])
def test_a_baseline_stands_in_for_what_is_off(rng, baseline, expected, make):
    values = rng.random((8, 12)).astype(np.float32)
    factorization = TimeFrequencyTorchFactorization(make(values), RATE, baseline=baseline)
    assert np.allclose(np.asarray(factorization.compose_model_input([])), expected(values))


@pytest.mark.parametrize("make", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])
def test_noise_stands_in_for_what_is_off(rng, make):
    values = rng.random((8, 12)).astype(np.float32)
    shuffled = TimeFrequencyTorchFactorization(make(values), RATE, baseline="shuffle")
    noise = np.asarray(shuffled.compose_model_input([]))
    assert np.allclose(np.sort(noise.ravel()), np.sort(values.ravel()))
    assert not np.array_equal(noise, values)
    uniform = TimeFrequencyTorchFactorization(make(values), RATE, baseline="unif")
    off = np.asarray(uniform.compose_model_input([]))
    assert np.array_equal(off, np.asarray(uniform.compose_model_input([])))
    assert off.min() >= 0
    assert off.max() <= values.max()


def test_a_spectrogram_is_no_waveform():
    with pytest.raises(ParameterError, match=r"\[bins, frames\]"):
        TimeFrequencyTorchFactorization(np.ones(100, np.float32), RATE)
    with pytest.raises(ParameterError, match="baseline"):
        TimeFrequencyTorchFactorization(np.ones((8, 12), np.float32), RATE, baseline="noise")
    with pytest.raises(ParameterError, match="no waveform"):
        TimeFrequencyTorchFactorization(np.ones((8, 12), np.float32), RATE).compose([[1] * 24])
