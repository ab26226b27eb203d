import importlib
from contextlib import suppress

import numpy as np
import pytest
import torch

from lemons_utils import SAMPLE_RATE, ParameterError
from recsys.melspectrogram import LogMel, mel_filter_bank

torchaudio = None
with suppress(ImportError, OSError):  # where torch is a CPU build, its extension does not load
    torchaudio = importlib.import_module("torchaudio")


@pytest.fixture(scope="module")
def log_mel():
    return LogMel()


@pytest.fixture(scope="module")
def golden(golden_folder):
    with np.load(golden_folder / "frontend.npz", allow_pickle=False) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}


def test_filter_bank_is_the_published_one(golden):
    torch.testing.assert_close(mel_filter_bank(), golden["fb"], rtol=0, atol=1e-6)


def test_log_mel_is_the_published_one(log_mel, golden):
    ours = log_mel(golden["waveform"][None])[0]
    torch.testing.assert_close(ours, golden["log_mel"], rtol=0, atol=5e-4)


def test_buffers_have_their_published_names(log_mel):
    shapes = {name: tuple(tensor.shape) for name, tensor in log_mel.state_dict().items()}
    assert shapes == {"0.spectrogram.window": (512,), "0.mel_scale.fb": (257, 256)}


def test_float64_agrees_with_a_plain_implementation(log_mel, rng):
    waveform = rng.uniform(-0.5, 0.5, 4_000)
    padded = np.pad(waveform, 256, mode="reflect")
    window = log_mel.mel.spectrogram.window.double().numpy()  # as float32 rounds it
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    np.testing.assert_allclose(window, hann, atol=1e-6)
    frames = np.stack([padded[j : j + 512] * window for j in range(0, len(padded) - 511, 256)])
    power = np.abs(np.fft.rfft(frames)) ** 2
    expected = 10 * np.log10(np.maximum(power @ mel_filter_bank().double().numpy(), 1e-10)).T
    ours = LogMel().double()(torch.from_numpy(waveform)[None])[0].numpy()
    np.testing.assert_allclose(ours, expected, atol=1e-9)


@pytest.mark.parametrize("samples", [257, 7_936, 16_000, 16_383, 16_384])
def test_one_frame_per_hop(log_mel, samples):
    assert log_mel(torch.zeros(2, samples)).shape == (2, 256, samples // 256 + 1)


def test_silence_is_the_floor(log_mel):
    assert (log_mel(torch.zeros(1, 1_000)) == -100.0).all()


def test_a_tone_is_loudest_in_its_band(log_mel):
    tone = 0.5 * torch.sin(2 * torch.pi * 1_000 * torch.arange(SAMPLE_RATE) / SAMPLE_RATE)
    loudest = log_mel(tone[None])[0].mean(dim=1).argmax().item()
    mel = 2595 * np.log10(1 + 1_000 / 700) / (2595 * np.log10(1 + 8_000 / 700)) * 257 - 1
    assert abs(loudest - mel) <= 1


def test_spectra_of_components_add_up(log_mel, rng):
    parts = torch.from_numpy(rng.uniform(-0.2, 0.2, (3, 5_000)).astype(np.float32))
    spectra = log_mel.mel.spectrogram(parts)
    together = log_mel.mel.spectrogram(parts.sum(dim=0, keepdim=True))
    torch.testing.assert_close(spectra.sum(dim=0, keepdim=True), together, rtol=0, atol=1e-4)


def test_autocast_leaves_decibels_alone(log_mel, rng):
    waveform = torch.from_numpy(rng.uniform(-0.5, 0.5, (1, 2_000)).astype(np.float32))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = log_mel(waveform)
    assert torch.equal(half, log_mel(waveform))


@pytest.mark.parametrize(
    ("waveforms", "says"),
    [
        (torch.zeros(1_000), r"\[batch, samples\]"),
        (torch.zeros(1, 1_000, dtype=torch.int16), "int16"),
        (torch.zeros(1, 256), "at least 257 samples .* got 256"),
        (torch.zeros(0, 1_000), "at least one track"),
        (torch.full((1, 1_000), torch.nan), "finite"),
        (torch.full((1, 1_000), torch.inf), "finite"),
    ],
)
def test_bad_waveforms_are_refused(log_mel, waveforms, says):
    with pytest.raises(ParameterError, match=says):
        log_mel(waveforms)


if torchaudio is not None:

    def test_torchaudio_agrees(log_mel, rng):
        theirs = torch.nn.Sequential(
            torchaudio.transforms.MelSpectrogram(
                SAMPLE_RATE, n_fft=512, f_min=0.0, f_max=8000.0, n_mels=256
            ),
            torchaudio.transforms.AmplitudeToDB(),
        )
        waveform = torch.from_numpy(rng.uniform(-0.5, 0.5, (2, 20_000)).astype(np.float32))
        torch.testing.assert_close(log_mel(waveform), theirs(waveform), rtol=0, atol=5e-4)
        assert theirs.state_dict().keys() == log_mel.state_dict().keys()
