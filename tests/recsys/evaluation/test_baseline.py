"""The baselines' features by formulas in plain NumPy, and what the baselines learn."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from lemons_audio import to_int16
from recsys.catalogue import Catalogue
from recsys.evaluation.baseline import (
    BASELINES,
    MEAN_SPECTRA,
    STATISTICS,
    SpectrogramFeatures,
    band_statistics,
    baseline_scores,
)


def plain_statistics(spectrum):
    bands = np.array([spectrum[8 * band : 8 * band + 8].mean(axis=0) for band in range(32)])
    deviations = np.sqrt(((bands - bands.mean(axis=1, keepdims=True)) ** 2).mean(axis=1))
    changes = np.abs(bands[:, 1:] - bands[:, :-1]).mean(axis=1)
    return np.concatenate([bands.mean(axis=1), deviations, changes])


@pytest.fixture
def catalogue_of():
    """Make a stand-in for a catalogue out of waveforms."""

    class Waveforms:
        name = "waveforms"

        def __init__(self, *waveforms):
            self.waveforms = [to_int16(waveform) for waveform in waveforms]

        def audio(self, track_id):
            return self.waveforms[int(track_id)]

    return Waveforms


# Without noise most bands hold what leaks into them, which float32 knows to a few hundredths.
@pytest.mark.parametrize(("noise", "atol", "mean_atol"), [(0.0, 0.05, 0.3), (1e-2, 1e-3, 5e-3)])
def test_the_features_of_a_constant_tone_are_those_of_the_formulas(
    catalogue_of, plain_log_mel, noise, atol, mean_atol
):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    tone += noise * np.random.default_rng(3).standard_normal(16_000)
    catalogue = catalogue_of(tone)
    features = SpectrogramFeatures()(catalogue, ["0"])
    spectrum = plain_log_mel(catalogue.waveforms[0] / 32768)
    assert spectrum.shape == (256, 63)
    assert features[STATISTICS].shape == (1, 96) and features[MEAN_SPECTRA].shape == (1, 256)
    np.testing.assert_allclose(features[STATISTICS][0], plain_statistics(spectrum), atol=atol)
    np.testing.assert_allclose(features[MEAN_SPECTRA][0], spectrum.mean(axis=1), atol=mean_atol)


def test_statistics_tell_level_spread_and_speed_apart():
    slow, fast = np.repeat([0.0, 6.0], 8), np.tile([0.0, 6.0], 8)
    spectrum = np.zeros((256, 16), np.float32)
    spectrum[:8], spectrum[8:16], spectrum[16:24] = slow, fast, 3
    statistics = band_statistics(torch.from_numpy(spectrum)).numpy().reshape(3, 32)
    np.testing.assert_allclose(statistics[:, :4].T, [[3, 3, 0.4], [3, 3, 6], [3, 0, 0], [0, 0, 0]])


def test_a_track_too_short_for_the_network_is_repeated_as_for_the_network(catalogue_of, rng):
    short = 0.1 * rng.standard_normal(200)
    features = SpectrogramFeatures()(catalogue_of(short, np.resize(short, 7_936)), ["0", "1"])
    for name in BASELINES:
        np.testing.assert_array_equal(*features[name])


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_learns_which_frequencies_are_liked(name, tiny_catalogue):
    tracks = tiny_catalogue.tracks
    labels = (tracks["genre"] == "high").to_numpy().astype(int)
    features = SpectrogramFeatures()(tiny_catalogue, tracks["track_id"].tolist())[name]
    for liked, expected in ((labels, True), (1 - labels, False)):
        scores = baseline_scores(name, features[:16], liked[:16], features[16:])
        assert (roc_auc_score(labels[16:], scores) > 0.8) == expected


@pytest.mark.parametrize(("name", "strength"), [(STATISTICS, 0.1), (MEAN_SPECTRA, 1)])
def test_a_baseline_is_regularised_logistic_regression_on_scaled_features(name, strength, rng):
    train, others = rng.normal(size=(30, 8)), rng.normal(size=(9, 8))
    labels = np.arange(30) % 2
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    model = LogisticRegression(C=strength).fit((train - mean) / deviation, labels)
    expected = model.predict_proba((others - mean) / deviation)[:, 1]
    np.testing.assert_allclose(baseline_scores(name, train, labels, others), expected, atol=1e-6)


def test_statistics_hear_a_pulse_that_the_mean_does_not(catalogue_of):
    # Noise whose level alternates slowly or fast between the same two has the same mean spectrum.
    rng, waveforms = np.random.default_rng(5), []
    labels = np.arange(40) % 2
    for label in labels:
        period = 4_096 if label else 16_384
        level = np.where(np.arange(32_768) % period < period // 2, 0.02, 0.2)
        waveforms.append(level * rng.standard_normal(32_768) * rng.uniform(0.5, 1))
    track_ids = [str(number) for number in range(40)]
    features = SpectrogramFeatures()(catalogue_of(*waveforms), track_ids)
    auc = {}
    for name in BASELINES:
        scores = baseline_scores(name, features[name][:20], labels[:20], features[name][20:])
        auc[name] = roc_auc_score(labels[20:], scores)
    assert auc[STATISTICS] > 0.95
    assert auc[MEAN_SPECTRA] < 0.85


def test_a_track_is_heard_once_for_all_baselines(tiny_catalogue, monkeypatch):
    heard = []
    audio = Catalogue.audio

    def watch(catalogue, track_id):
        heard.append(track_id)
        return audio(catalogue, track_id)

    monkeypatch.setattr(Catalogue, "audio", watch)
    features = SpectrogramFeatures()
    some = tiny_catalogue.track_ids[:4]
    first = features(tiny_catalogue, some[:3])
    again = features(tiny_catalogue, some)
    assert heard == some
    for name in BASELINES:
        np.testing.assert_array_equal(first[name], again[name][:3])
