"""What users of audioLIME v0.0.2 and v0.0.3 import and call is found under the same names."""

import importlib

import numpy as np
import pytest

from audiolime import LimeAudioExplainer, TimeSourceFactorization
from audiolime.data_provider import DataProvider, RawAudioProvider
from lemons_audio import write_audio
from lemons_utils import ParameterError

RATE = 16_000
NAMES = {
    "audio_utils": ["load_audio"],
    "data_provider": ["DataProvider", "RawAudioProvider"],
    "evaluation": ["compute_complexity"],
    "factorization": ["SpleeterFactorization"],
    "factorization_base": [
        "Factorization",
        "SourceSeparationBasedFactorization",
        "TimeOnlyFactorization",
        "compute_segments",
    ],
    "factorization_image": ["ImageLikeFactorization"],
    "factorization_slime": ["TimeFrequencyTorchFactorization"],
    "factorization_spleeter": ["SpleeterFactorization", "SpleeterPrecomputedFactorization"],
    "lime_audio": ["AudioExplanation", "LimeAudioExplainer"],
    "lime_base": ["LimeBase"],
}


@pytest.mark.parametrize("module", sorted(NAMES))
def test_names_of_the_published_package(module):
    found = importlib.import_module(f"audiolime.{module}")
    assert all(callable(getattr(found, name)) for name in NAMES[module])


class Silence(DataProvider):
    def initialize_mix(self):
        return np.arange(8.0)


def test_a_data_provider_of_one_s_own():
    provider = Silence("a/path.wav")
    assert provider.get_audio_path() == "a/path.wav"
    provider.set_analysis_window(2, 3)
    assert provider.get_mix().tolist() == [2, 3, 4]
    with pytest.raises(NotImplementedError, match="DataProvider must override initialize_mix"):
        DataProvider("a/path.wav")


@pytest.fixture
def factorization(random_stems):
    return TimeSourceFactorization(dict(zip("ab", random_stems(2, 1000), strict=True)), RATE, 4)


def test_an_analysis_window_has_segments_of_its_own(factorization):
    stems = list(factorization.original_components)
    factorization.set_analysis_window(300, 400)
    assert factorization.temporal_segments == [(0, 100), (100, 200), (200, 300), (300, 400)]
    assert factorization.get_number_components() == 8
    assert np.array_equal(factorization.retrieve_components([3])[0][100:200], stems[1][400:500])
    assert np.array_equal(factorization.mix, stems[0][300:700] + stems[1][300:700])
    factorization.prepare_components(0, 1000)  # of the whole track, not of the last window
    assert np.array_equal(factorization.original_components, stems)
    with pytest.raises(ParameterError, match="the window must lie inside the 1,000 samples"):
        factorization.set_analysis_window(1000, 10)


def test_the_provider_looks_at_the_same_window(tmp_path):
    from audiolime import TimeOnlyFactorization

    waveform = np.random.default_rng(0).uniform(-0.5, 0.5, 2000)
    write_audio(tmp_path / "track.wav", waveform, sample_rate=RATE)
    provider = RawAudioProvider(tmp_path / "track.wav")
    factorization = TimeOnlyFactorization(provider, RATE, 2)
    factorization.set_analysis_window(500, 600)
    assert np.array_equal(factorization.compose_model_input(), provider.get_mix())
    assert len(provider.get_mix()) == 600


def test_the_parts_of_an_explanation_can_be_called_one_by_one(factorization):
    def loudness(waveforms):
        return np.abs(waveforms).mean(axis=1)

    with pytest.raises(ParameterError, match=r"assign explainer\.factorization"):
        LimeAudioExplainer().data_labels(loudness, 5)
    explainer = LimeAudioExplainer(random_state=3)
    whole = explainer.explain_instance(factorization, loudness, num_reg_targets=1, num_samples=40)
    again = LimeAudioExplainer(random_state=3)
    again.factorization = factorization
    again.random_state.randint(0, 1000)
    masks, answers = again.data_labels(loudness, 40, batch_size=7)
    assert np.array_equal(masks, whole.neighborhood_data)
    assert np.array_equal(answers, whole.neighborhood_labels)
    assert np.array_equal(whole.distance[0], whole.distances)
    intercept, weights, score, predicted = again.base.explain_instance_with_data(
        masks, answers, whole.distances, 0, 100
    )
    assert (intercept, score) == (whole.intercept[0], whole.score[0])
    assert weights == whole.local_exp[0] and predicted == whole.local_pred[0]
