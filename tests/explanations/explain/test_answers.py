"""The exact engine behind `answer` against the plain one, on the golden network."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from audiolime.components import Components
from audiolime.exact import LocalStateEngine, Tables
from explanations.explain.answers import answer, default_num_samples
from explanations.explain.track import default_segments
from lemons_utils import ParameterError
from recsys.model import FCN

SECONDS = 5
SEGMENTS = ((0, 25_000), (25_000, 52_000), (52_000, SECONDS * 16_000))


def components_of(kind: str) -> Components:
    return Components(kind, SEGMENTS, ("a", "b", "c"))


@pytest.fixture(scope="module")
def network(golden_folder):
    network = FCN()
    network.load_state_dict(load_file(golden_folder / "fcn_state_dict.safetensors"))
    return network.eval()


@pytest.fixture(scope="module")
def stems(golden_folder):
    with np.load(golden_folder / "track_10s_stems.npz") as file:
        return file["stems"][:3, : SECONDS * 16_000].astype(np.float32) / 32768


@pytest.fixture(scope="module")
def tables(network, stems) -> Tables:
    return LocalStateEngine(network, stems, SEGMENTS).tables()


@pytest.mark.parametrize("kind", ["time", "source", "time_source"])
@pytest.mark.parametrize("from_tables", [False, True])
def test_exact_equals_plain(network, stems, tables, kind, from_tables):
    options = {"num_samples": 24, "random_state": 7}
    components = components_of(kind)
    found = answer(network, stems, components, engine="plain", **options)
    assert found.shapley is found.interactions is found.fidelity_with_pairs is None
    plain = found.lime
    exact = answer(
        network,
        stems,
        components,
        engine="exact",
        tables=tables if from_tables else None,
        **options,
    ).lime
    np.testing.assert_allclose(exact.weights, plain.weights, atol=1e-5)
    assert exact.original == pytest.approx(plain.original, abs=1e-6)
    assert exact.score == pytest.approx(plain.score, abs=1e-4)


def test_every_mask_of_a_type_gives_shapley_values_and_pairs(network, stems, tables):
    options = {"num_samples": "exhaustive", "random_state": 0, "engine": "exact"}
    for kind in ("time", "source", "time_source"):
        components = components_of(kind)
        found = answer(network, stems, components, tables=tables, **options)
        lime, pairs = found.lime, found.interactions.pairs
        ends = np.array([[1] * 9, [0] * 9])
        on, off = 1 / (1 + np.exp(-tables.evaluate(ends)))
        assert found.shapley.sum() == pytest.approx(on - off, abs=1e-6)
        assert np.array_equal(found.interactions.values, found.shapley)
        assert pairs.shape == (components.count, components.count) and pairs.any()
        assert lime.original == pytest.approx(on, abs=1e-6)
        assert lime.linear_score == lime.score < found.fidelity_with_pairs <= 1


def test_positive_weights_speak_for_relevance_even_where_it_is_low(network, stems):
    """The published system explains "not relevant" where p < 0.5; here signs never flip."""
    flipped = FCN()
    flipped.load_state_dict(network.state_dict())
    flipped.eval()
    with torch.no_grad():
        flipped.fc.bias -= 3.0  # the same taste, less of it: every relevance falls below 0.5
    options = {"num_samples": "exhaustive", "random_state": 0, "engine": "exact"}
    high = answer(network, stems, components_of("time"), **options).lime
    low = answer(flipped, stems, components_of("time"), **options).lime
    assert low.original < 0.5
    mask = np.ones((1, 3), dtype=np.int64)
    strongest = int(np.argmax(np.abs(low.weights)))
    mask[0, strongest] = 0
    without = stems.sum(axis=0).copy()
    start, end = SEGMENTS[strongest]
    without[start:end] = 0
    with torch.inference_mode():
        falls = low.original - torch.sigmoid(flipped(torch.from_numpy(without)[None])).item()
    assert np.sign(low.weights[strongest]) == np.sign(falls)
    assert (np.sign(high.weights) == np.sign(low.weights)).all()


def test_segments():
    assert default_segments(480_000) == tuple((i * 96_000, (i + 1) * 96_000) for i in range(5))
    assert default_segments(480_003)[-1] == (384_000, 480_003)
    assert default_segments(60_000) == ((0, 30_000), (30_000, 60_000))
    assert default_segments(16_000) == ((0, 16_000),)
    with pytest.raises(ParameterError, match="n_segments"):
        default_segments(16_000, 0)


def test_default_segments_always_have_tables(network):
    """The mixer needs tables, so whatever the length, no column may see three segments."""
    rng = np.random.default_rng(0)
    for samples in (16_000, 40_001, 73_000, 123_456, 160_000):
        stems = rng.uniform(-0.1, 0.1, (1, samples)).astype(np.float32)
        assert LocalStateEngine(network, stems, default_segments(samples)).closed


def test_how_many_masks_by_default():
    assert default_num_samples(25, "exact") == "exhaustive"
    assert default_num_samples(25, "plain") == 2048
    assert default_num_samples(30, "exact") == 2048
    assert default_num_samples(5, "plain") == "exhaustive"


def test_bad_arguments(network, stems):
    options = {"random_state": 0}
    with pytest.raises(ParameterError, match="engine must be"):
        answer(network, stems, components_of("time"), engine="guess", num_samples=5, **options)
    with pytest.raises(ParameterError, match="num_samples"):
        answer(network, stems, components_of("time"), engine="plain", num_samples="all", **options)
