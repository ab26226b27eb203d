"""Factorizations that separate the track themselves, with real separators."""

import numpy as np
import pytest

from audiolime import (
    LimeAudioExplainer,
    RawAudioProvider,
    SeparatedFactorization,
    SpleeterFactorization,
    SpleeterPrecomputedFactorization,
)
from lemons_audio import write_audio
from lemons_utils import DataError, ParameterError

RATE = 16_000


@pytest.fixture(scope="module")
def waveform():
    rng = np.random.default_rng(0)
    time = np.arange(2 * RATE) / RATE
    drums = rng.standard_normal(len(time)) * np.exp(-20 * (time % 0.25))
    bass = np.sin(2 * np.pi * 80 * time)
    mix = 0.2 * drums + 0.2 * bass + 0.1 * np.sin(2 * np.pi * 660 * time)
    return (np.rint(np.clip(mix, -1, 1) * 32767) / 32768).astype(np.float32)


def test_stems_of_a_separator_sum_to_the_input(waveform):
    factorization = SeparatedFactorization(waveform, RATE, 2, separator="dsp")
    names = factorization.get_ordered_component_names()
    assert {name[:-1] for name in names} <= {"vocals", "drums", "bass", "other"}
    assert len(names) == 2 * len(factorization.original_components)
    assert np.array_equal(factorization.mix, waveform)
    assert np.array_equal(sum(factorization.components), waveform)


class OddAndEven:
    """A separator of somebody else's."""

    stem_names = ("odd", "nothing", "even")

    def separate(self, waveform, sample_rate):
        odd = waveform * (np.arange(len(waveform)) % 2)
        return np.stack([odd, np.zeros_like(odd), waveform - odd])


def test_any_separator_will_do_and_silent_stems_are_left_out(waveform):
    factorization = SeparatedFactorization(waveform, RATE, 1, separator=OddAndEven())
    assert factorization.get_ordered_component_names() == ["odd0", "even0"]
    assert np.array_equal(factorization.mix, waveform)
    with pytest.raises(ParameterError, match="separator must be one of"):
        SeparatedFactorization(waveform, separator="magic")


def test_spleeter_takes_its_arguments_in_audiolimes_order(tmp_path, waveform):
    path = tmp_path / "track.wav"
    write_audio(path, waveform, sample_rate=RATE)
    factorization = SpleeterFactorization(
        str(path),
        temporal_segmentation_params=3,
        composition_fn=None,
        target_sr=RATE,
        model_name="spleeter:2stems",
    )
    assert factorization.get_ordered_component_names() == [
        f"{stem}{segment}" for segment in range(3) for stem in ("vocals", "accompaniment")
    ]
    assert np.array_equal(factorization.mix, waveform)
    older = SpleeterFactorization(
        RawAudioProvider(path),
        n_temporal_segments=3,
        composition_fn=None,
        model_name="spleeter:2stems",
    )
    assert np.array_equal(older.components, factorization.components)


def test_precomputed_stems_are_audio_files(tmp_path, waveform):
    path, sources = tmp_path / "track.flac", tmp_path / "sources"
    write_audio(path, waveform, sample_rate=RATE)
    arguments = (str(path), 2, None, RATE, "spleeter:2stems", str(sources))
    with pytest.raises(DataError, match="put stems there"):
        SpleeterPrecomputedFactorization(*arguments)
    first = SpleeterPrecomputedFactorization(*arguments, recompute=True)
    written = sorted(file.name for file in (sources / "spleeter:2stems" / "track").iterdir())
    assert written == ["accompaniment.flac", "vocals.flac"]
    second = SpleeterPrecomputedFactorization(*arguments)
    assert np.array_equal(first.components, second.components)
    assert np.array_equal(second.mix, waveform)
    for incomplete in ((waveform, *arguments[1:]), (*arguments[:5], None)):
        with pytest.raises(ParameterError, match="file name"):
            SpleeterPrecomputedFactorization(*incomplete)


def test_kept_stems_are_read_and_pickles_refused(tmp_path, waveform):
    path, sources = tmp_path / "track.wav", tmp_path / "sources"
    write_audio(path, waveform, sample_rate=RATE)
    options = {"model_name": "spleeter:2stems", "spleeter_sources_path": sources}
    pickles = [
        sources / "2stems" / "track" / "prediction.pt",
        sources / "spleeter:2stems" / "track.wav.pt",
    ]
    for pickled in pickles:
        pickled.parent.mkdir(parents=True)
        pickled.write_bytes(b"anything")
        with pytest.raises(DataError, match=r"is a pickle, .* recompute=True"):
            SpleeterFactorization(RawAudioProvider(path), 2, None, **options)
        pickled.unlink()
    with pytest.raises(ParameterError, match="kept stems are found by the track's file name"):
        SpleeterFactorization(waveform, 2, None, **options)
    folder = sources / "2stems" / "track"
    for name, stem in {"vocals": 0.25 * waveform, "accompaniment": 0.75 * waveform}.items():
        write_audio(folder / f"{name}.flac", stem, sample_rate=RATE)
    kept = SpleeterFactorization(RawAudioProvider(path), 2, None, **options)
    assert kept.get_ordered_component_names()[:2] == ["vocals0", "accompaniment0"]
    assert np.abs(kept.original_components[0] - 0.25 * waveform).max() < 1e-4
    assert np.array_equal(kept.mix, waveform)


def test_separated_stems_are_explained(waveform):
    factorization = SeparatedFactorization(waveform, RATE, 1, separator=OddAndEven())

    def even_energy(waveforms):
        return np.square(waveforms[:, ::2]).mean(axis=1)

    explanation = LimeAudioExplainer().explain_instance(
        factorization, even_energy, num_reg_targets=1, num_samples="exhaustive"
    )
    assert [c for c, _ in explanation.local_exp[0]] == [1, 0]
