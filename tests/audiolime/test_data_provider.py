"""What may be explained: files, arrays, providers; and what may not."""

import numpy as np
import pytest
import soundfile
import torch

from audiolime.data_provider import RawAudioProvider, as_waveform, audio_of, load_audio
from lemons_audio import write_audio
from lemons_utils import DataError, ParameterError

RATE = 16_000


@pytest.fixture
def sine():
    return (0.5 * np.sin(np.arange(RATE) * 2 * np.pi * 440 / RATE)).astype(np.float32)


def test_a_file_is_mixed_down_and_resampled(tmp_path, sine):
    path = tmp_path / "stereo.wav"
    write_audio(path, np.stack([sine, -0.5 * sine]), sample_rate=RATE)
    assert np.allclose(load_audio(path, RATE), 0.25 * sine, atol=1e-6)
    halved = load_audio(str(path), RATE // 2)
    assert halved.dtype == np.float32
    assert np.allclose(halved[500:-500], 0.25 * sine[::2][500:-500], atol=1e-3)


@pytest.mark.parametrize(
    "given",
    [
        lambda x: x,
        lambda x: x.astype(np.float64),
        lambda x: x[None],
        lambda x: x.tolist(),
        torch.from_numpy,
        lambda x: np.rint(x * 32768).astype(np.int16),
    ],
    ids=["float32", "float64", "one channel", "list", "tensor", "int16"],
)
def test_arrays_become_float32(sine, given):
    sine = np.rint(sine * 32768).astype(np.float32) / 32768
    waveform = as_waveform(given(sine))
    assert waveform.dtype == np.float32
    assert np.array_equal(waveform, sine)


def test_float32_is_not_copied(sine):
    assert np.shares_memory(as_waveform(sine), sine)


@pytest.mark.parametrize(
    ("audio", "says"),
    [
        (np.array([0.1, np.nan, np.inf]), "2 of 3 samples NaN"),
        (np.zeros((2, 100)), "mix it down"),
        (np.zeros(0), "at least one sample"),
        (np.zeros(10, np.int32), "int16, got int32"),
        (np.zeros(10, bool), "int16, got bool"),
        (np.float32(0.5), "one channel"),
    ],
)
def test_what_is_no_waveform_is_refused_in_one_line(audio, says):
    with pytest.raises(ParameterError, match=says) as error:
        as_waveform(audio)
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_audio_is_refused_in_one_line(tmp_path):
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"this is not music" * 100)
    empty = tmp_path / "empty.wav"
    soundfile.write(empty, np.zeros(0), RATE)
    for path in (broken, empty, tmp_path / "missing.wav"):
        with pytest.raises(DataError, match=path.name) as error:
            audio_of(str(path), RATE)
        assert "\n" not in str(error.value)
    with pytest.raises(ParameterError, match="target_sr"):
        load_audio(empty, 0)


def test_a_provider_has_a_window(tmp_path, sine):
    path = tmp_path / "track.wav"
    write_audio(path, sine, sample_rate=RATE)
    provider = RawAudioProvider(path)
    assert provider.get_audio_path() == str(path)
    assert np.allclose(provider.get_mix(), sine, atol=1e-6)
    provider.set_analysis_window(1000, 500)
    assert np.array_equal(provider.get_mix(), RawAudioProvider(path).get_mix()[1000:1500])
    waveform, found = audio_of(provider, RATE)
    assert len(waveform) == 500
    assert found == str(path)
    for start, length in ((-1, 10), (RATE, 10), (0, 0)):
        with pytest.raises(ParameterError, match="inside"):
            provider.set_analysis_window(start, length)
