"""The engine on a head on local statistics: grouped convolution, a mean, no maxima."""

import numpy as np
import pytest
import torch

from audiolime.exact import LocalStateEngine
from audiolime.exact.tables import Tables
from audiolime.neighbourhood import exhaustive_masks
from recsys.model import MIN_SAMPLES, LocalStatistics

TOLERANCE = 2e-5
"""A mean of 1235 statistics of up to 50 dB, each known to 1e-6 or so in float32."""


@pytest.fixture(scope="module", params=["fixed", "fine-tuned"])
def network(request):
    network = LocalStatistics(tuned=request.param == "fine-tuned")
    rng = np.random.default_rng(7)
    with torch.no_grad():
        if request.param == "fine-tuned":
            network.kernel += torch.from_numpy(rng.normal(0, 0.02, network.kernel.shape))
            network.threshold += torch.from_numpy(rng.normal(0, 2.0, network.threshold.shape))
        network.fc.weight.copy_(torch.from_numpy(rng.normal(0, 0.01, (1, 1235))))
        network.fc.bias.fill_(-0.4)
    return network.eval()


def masks_of(n_components, count=8):
    masks = np.random.default_rng(n_components).integers(0, 2, (count, n_components))
    masks[0], masks[1] = 1, 0
    return masks


@pytest.fixture
def check(network, plain_logits):
    def run(stems, segments, masks):
        engine = LocalStateEngine(network, stems, segments)
        expected = plain_logits(network, stems, segments, masks)
        assert np.ptp(expected) > 0.1
        assert np.abs(engine.evaluate(masks) - expected).max() <= TOLERANCE
        if engine.closed:
            assert np.abs(engine.tables().evaluate(masks) - expected).max() <= TOLERANCE
        return engine

    return run


def test_five_stems_in_five_segments(check, random_stems, segments_at):
    samples = 100_123
    stems = random_stems(5, samples)
    segments = segments_at(samples, [20_000, 40_001, 60_000, 80_077])
    engine = check(stems, segments, masks_of(25))
    assert engine.closed
    assert engine.tables().max_weight.size == 0


def test_a_single_stem(check, random_stems, segments_at):
    engine = check(
        random_stems(1, 40_000), segments_at(40_000, [10_000, 25_000]), exhaustive_masks(3)
    )
    assert engine.closed


def test_a_single_stem_in_a_single_segment(check, random_stems, segments_at):
    check(random_stems(1, MIN_SAMPLES), segments_at(MIN_SAMPLES, []), np.array([[1], [0]]))


def test_segments_much_shorter_than_what_a_column_sees(check, random_stems, segments_at):
    """50 of 800 samples, where a column sees 8,448: there are no tables, every mask is computed."""
    edges = [800 * number for number in range(1, 50)]
    engine = check(random_stems(2, 40_000), segments_at(40_000, edges), masks_of(100))
    assert not engine.closed


def test_silent_stretches_say_nothing(network, random_stems, segments_at):
    """Nothing at all has the bias, and a mask of silent cells changes nothing."""
    stems = random_stems(2, 60_000)
    stems[1, 30_000:] = 0
    engine = LocalStateEngine(network, stems, segments_at(60_000, [30_000]))
    nothing, everything, without_silence = engine.evaluate([[0] * 4, [1] * 4, [1, 1, 1, 0]])
    assert nothing == pytest.approx(-0.4, abs=1e-6)
    assert everything == without_silence


@pytest.mark.parametrize("kind", ["time", "source", "time_source"])
def test_tables_without_maxima_go_to_a_file_and_answer_every_kind(
    kind, network, random_stems, segments_at, tmp_path
):
    engine = LocalStateEngine(
        network, random_stems(2, 75_000), segments_at(75_000, [25_000, 50_000])
    )
    engine.tables().write(tmp_path / "tables.npz")
    tables = Tables.read(tmp_path / "tables.npz")
    assert tables.segment_max.shape == (3, 4, 0)
    assert tables.boundary_max.shape == (2, 4, 4, 0)
    masks = exhaustive_masks(6)
    assert np.abs(tables.evaluate(masks) - engine.evaluate(masks)).max() <= 1e-5
    plain, read = engine.lime(kind=kind), tables.lime(kind=kind)
    assert read.exhaustive
    np.testing.assert_allclose(read.weights, plain.weights, rtol=0, atol=1e-5)
    assert read.score == pytest.approx(plain.score, abs=1e-4)
    np.testing.assert_allclose(tables.shapley(kind), engine.shapley(kind), rtol=0, atol=1e-5)
    # What all components add up to is the relevance above that of nothing.
    ends = tables.relevance([[0] * 6, [1] * 6])
    assert tables.shapley(kind).sum() == pytest.approx(ends[1] - ends[0], abs=1e-9)
