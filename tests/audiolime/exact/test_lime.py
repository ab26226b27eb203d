"""LIME on exact answers against the plain explainer, and against its limit."""

import json

import numpy as np
import pytest
import torch

from audiolime import LimeAudioExplainer, TimeSourceFactorization
from audiolime.exact import LocalStateEngine
from audiolime.exact.all_masks import Levels
from audiolime.exact.lime import fit_exhaustive, fit_sampled
from audiolime.neighbourhood import exhaustive_masks
from lemons_utils import ParameterError


@pytest.fixture(scope="module")
def track(random_stems, segments_at):
    return random_stems(3, 9000), segments_at(9000, [3000, 6100])


@pytest.fixture(scope="module")
def engine(small_network, track):
    return LocalStateEngine(small_network(), *track)


@pytest.mark.parametrize("num_samples", [64, "exhaustive"])
def test_weights_are_the_plain_explainer_s(num_samples, engine, small_network, track):
    stems, segments = track
    network = small_network()
    factorization = TimeSourceFactorization(
        dict(zip("abc", stems, strict=True)), temporal_segmentation_params=segments
    )

    def predict(waveforms):
        with torch.inference_mode():
            return torch.sigmoid(network(torch.from_numpy(waveforms))).numpy()

    plain = LimeAudioExplainer(random_state=5).explain_instance(
        factorization, predict, labels=[0], num_samples=num_samples
    )
    exact = engine.lime(num_samples, random_state=5)
    assert np.abs(exact.weights - plain.weights(0)).max() <= 1e-5
    assert exact.intercept == pytest.approx(plain.intercept[0], abs=1e-5)
    assert exact.score == pytest.approx(plain.score[0], abs=1e-4)
    assert exact.local_prediction == pytest.approx(plain.local_pred[0][0], abs=1e-5)
    assert exact.original == pytest.approx(plain.neighborhood_labels[0, 0], abs=1e-6)


def test_golden_weights(golden_folder, golden_network):
    """What audioLIME v0.0.3 itself said of the published network, for Time, exhaustively."""
    case = json.loads((golden_folder / "end_to_end.json").read_text())["time"]
    with np.load(golden_folder / "track_10s_stems.npz", allow_pickle=False) as file:
        mix = file["stems"].astype(np.float32).sum(axis=0, keepdims=True) / 32767
    segments = [(32_000 * t, 32_000 * (t + 1)) for t in range(5)]
    found = LocalStateEngine(golden_network, mix, segments).lime("exhaustive", kind="time")
    expected = dict(case["local_exp"])
    assert np.abs(found.weights - [expected[i] for i in range(5)]).max() <= 1e-5
    assert found.intercept == pytest.approx(case["intercept"], abs=1e-5)
    assert found.score == pytest.approx(case["score"], abs=1e-4)


@pytest.mark.slow
def test_golden_weights_of_time_and_source(golden_folder, golden_network):
    case = json.loads((golden_folder / "end_to_end.json").read_text())["time_source"]
    with np.load(golden_folder / "track_10s_stems.npz", allow_pickle=False) as file:
        stems = file["stems"].astype(np.float32) / 32767
    segments = [(32_000 * t, 32_000 * (t + 1)) for t in range(5)]
    engine = LocalStateEngine(golden_network, stems, segments)
    logits = engine.evaluate(case["neighbourhood"])
    # The rounding of float32 within the network differs between processors; with AMX by 1.2e-6.
    assert np.abs(1 / (1 + np.exp(-logits)) - case["p"]).max() <= 2e-6
    expected = dict(case["local_exp"])
    masks = np.array(case["neighbourhood"])
    found = fit_sampled(masks, 1 / (1 + np.exp(-logits)), kernel_width=0.25, alpha=1.0)
    assert np.abs(found.weights - [expected[i] for i in range(25)]).max() <= 1e-5


def test_exhaustive_is_the_limit_of_sampling(engine):
    limit = engine.lime("exhaustive", alpha=0.0).weights
    distance = []
    for num_samples in (100, 3_000, 100_000):
        repeats = [engine.lime(num_samples, alpha=0.0, random_state=s).weights for s in range(2)]
        distance.append(np.abs(np.array(repeats) - limit).max())
    assert distance[0] > 3 * distance[1] > 9 * distance[2]
    assert distance[2] < 3e-2 * np.abs(limit).max()


@pytest.mark.parametrize("output", ["relevance", "logit"])
@pytest.mark.parametrize("kind", ["time", "source", "time_source"])
def test_every_kind_equals_its_list_of_masks(kind, output, engine):
    components = engine.components(kind)
    masks = exhaustive_masks(components.count)
    values = engine.evaluate(masks @ components.cells)
    if output == "relevance":
        values = 1 / (1 + np.exp(-values))
    expected = fit_sampled(masks, values, kernel_width=0.25, alpha=1.0)
    found = engine.lime(kind=kind, output=output)
    assert np.abs(found.weights - expected.weights).max() <= 1e-6
    assert found.score == pytest.approx(expected.score, abs=1e-5)
    assert found.num_samples == len(masks)


def test_source_is_time_and_source_with_one_segment(engine, small_network, track):
    stems, _ = track
    alone = LocalStateEngine(small_network(), stems, [(0, stems.shape[1])]).lime()
    assert np.abs(engine.lime(kind="source").weights - alone.weights).max() <= 1e-6


def test_an_additive_function_gets_its_weights_back():
    masks = exhaustive_masks(6)
    slopes = np.array([0.5, -1.0, 0.0, 2.0, 0.25, -0.125])
    found = fit_exhaustive(Levels.of(masks, masks @ slopes + 3), kernel_width=0.25, alpha=0.0)
    assert np.abs(found.weights - slopes).max() < 1e-10
    assert found.intercept == pytest.approx(3)
    assert found.score == pytest.approx(1)


def test_the_same_seed_gives_the_same_weights(engine):
    first, second, other = (engine.lime(50, random_state=s).weights for s in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_short_segments_are_sampled_or_listed(small_network, random_stems, segments_at):
    engine = LocalStateEngine(
        small_network(), random_stems(2, 4000), segments_at(4000, [1000, 1010])
    )
    assert not engine.closed
    masks = exhaustive_masks(6)
    values = 1 / (1 + np.exp(-engine.evaluate(masks)))
    expected = fit_sampled(masks, values, kernel_width=0.25, alpha=1.0)
    assert np.abs(engine.lime().weights - expected.weights).max() <= 1e-6
    many = LocalStateEngine(
        small_network(), random_stems(2, 4000), segments_at(4000, list(range(1000, 1090, 10)))
    )
    with pytest.raises(ParameterError, match="too many"):
        many.lime("exhaustive")
    assert many.lime(20, random_state=0).weights.shape == (20,)


def test_mistakes_are_told(engine):
    with pytest.raises(ParameterError, match="'exhaustive'"):
        engine.lime("all")
    with pytest.raises(ParameterError, match="kind must be one of"):
        engine.lime(10, kind="frequency")
    with pytest.raises(ParameterError, match="'relevance' or 'logit'"):
        engine.lime(10, output="probability")
