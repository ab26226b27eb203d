"""The published network explained end to end, against audioLIME v0.0.3."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from audiolime import (
    LimeAudioExplainer,
    SourceSeparationBasedFactorization,
    TimeOnlyFactorization,
    TimeSourceFactorization,
)
from recsys.model import FCN

STEMS = ("vocals", "piano", "drums", "bass", "other")


@pytest.fixture(scope="module")
def golden(golden_folder):
    return json.loads((golden_folder / "end_to_end.json").read_text())


@pytest.fixture(scope="module")
def stems(golden_folder):
    with np.load(golden_folder / "track_10s_stems.npz", allow_pickle=False) as file:
        return file["stems"].astype(np.float32) / 32767


@pytest.fixture(scope="module")
def predict_fn(golden_folder):
    network = FCN()
    network.load_state_dict(load_file(golden_folder / "fcn_state_dict.safetensors"))
    network.eval()

    def predict(waveforms):
        with torch.no_grad():
            p = torch.sigmoid(network(torch.from_numpy(waveforms)))
        return torch.cat([1 - p, p], dim=1).numpy()

    return predict


def check(explanation, expected):
    assert np.array_equal(explanation.neighborhood_data, expected["neighbourhood"])
    relevance = explanation.neighborhood_labels[:, 1]
    # The rounding of float32 within the network differs between processors; with AMX by 1.2e-6.
    assert np.abs(relevance - expected["p"]).max() <= 2e-6
    found = dict(explanation.local_exp[1])
    wanted = dict(expected["local_exp"])
    assert found.keys() == wanted.keys()
    assert max(abs(found[index] - wanted[index]) for index in wanted) <= 1e-5
    assert explanation.intercept[1] == pytest.approx(expected["intercept"], abs=1e-5)
    assert explanation.score[1] == pytest.approx(expected["score"], abs=1e-4)


@pytest.mark.slow
def test_time_and_source(golden, stems, predict_fn):
    factorization = TimeSourceFactorization(dict(zip(STEMS, stems, strict=True)))
    assert factorization.get_ordered_component_names() == golden["names"]
    case = golden["time_source"]
    explanation = LimeAudioExplainer(absolute_feature_sort=True, random_state=7).explain_instance(
        factorization, predict_fn, labels=[1], num_samples=case["num_samples"]
    )
    check(explanation, case)


def test_the_first_masks_of_time_and_source(golden, stems, predict_fn):
    factorization = TimeSourceFactorization(dict(zip(STEMS, stems, strict=True)))
    waveforms = factorization.compose(golden["time_source"]["neighbourhood"][:8])
    relevance = predict_fn(waveforms)[:, 1]
    assert np.abs(relevance - golden["time_source"]["p"][:8]).max() <= 1e-6


def test_time(golden, stems, predict_fn):
    factorization = TimeOnlyFactorization(stems.sum(axis=0), 16_000, 5)
    case = golden["time"]
    explanation = LimeAudioExplainer(absolute_feature_sort=True, random_state=7).explain_instance(
        factorization, predict_fn, labels=[1], num_samples=case["num_samples"]
    )
    check(explanation, case)


def test_stems_are_composed_as_audiolime_adds_them(stems):
    """Bit by bit: the sum, in float32, of full-length components in their order."""

    class Given(SourceSeparationBasedFactorization):
        def initialize_components(self):
            return stems, STEMS

    factorization = Given(stems.sum(axis=0), temporal_segmentation_params=5)
    mask = np.random.RandomState(0).randint(0, 2, 25)
    added = sum(factorization.retrieve_components(np.flatnonzero(mask)))
    assert np.array_equal(factorization.compose(mask[None])[0], added)
