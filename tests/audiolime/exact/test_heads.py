"""Networks whose head is more than a linear layer with one output, against the plain pass."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from audiolime.exact import LocalStateEngine
from audiolime.exact.all_masks import Levels
from audiolime.exact.lime import fit_sampled
from audiolime.neighbourhood import exhaustive_masks
from lemons_audio import sigmoid
from lemons_utils import ParameterError


class AddedUp(nn.Module):
    """Mean and maximum of every channel added up, as networks for audio tagging do."""

    def forward(self, statistics):
        mean, largest = statistics.chunk(2, dim=1)
        return mean + largest


def hidden_layer(inputs, outputs, *, normalised=False):
    layers = [nn.Linear(inputs, 6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, outputs)]
    nn.init.normal_(layers[-1].weight)
    if normalised:
        norm = nn.BatchNorm1d(6)
        norm.running_mean.normal_(0, 0.2)
        norm.running_var.uniform_(0.5, 1.5)
        layers.insert(1, norm)
    return layers


def two_convolutions_a_block(small_network, seed):
    """Blocks of two convolutions and mean pooling; bands averaged; mean plus maximum over time."""
    network = small_network(channels=(3, 3, 4, 4), pool="none", seed=seed)
    network.stages[1].pool = nn.AvgPool2d(2)
    network.stages[3].pool = nn.AvgPool2d((16, 1))  # the 16 bands that are left
    network.fc = nn.Sequential(AddedUp(), *hidden_layer(4, 3))
    return network.eval()


def short_chunks(small_network, seed):
    """Maximum over time, a hidden layer with normalisation."""
    network = small_network(channels=(3, 4), head_statistics=("max",), seed=seed)
    network.fc = nn.Sequential(*hidden_layer(4, 3, normalised=True))
    return network.eval()


def only_means(small_network, seed):
    network = small_network(channels=(3, 4), head_statistics=("mean",), seed=seed)
    network.fc = nn.Sequential(*hidden_layer(4, 3), nn.Sigmoid())
    return network.eval()


SHAPES = {shape.__name__: shape for shape in (two_convolutions_a_block, short_chunks, only_means)}


@pytest.fixture(scope="module")
def make(small_network):
    def network(shape, seed=0):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return SHAPES[shape](small_network, seed)

    return network


def output_of(network, output):
    return lambda waveforms: network(waveforms)[:, output : output + 1]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(sorted(SHAPES)), st.integers(0, 99), st.integers(0, 2), st.integers(1, 3),
    st.lists(st.integers(200, 2800), min_size=0, max_size=3, unique=True),
)  # fmt: skip
def test_every_mask_is_what_the_plain_pass_says(
    make, random_stems, segments_at, plain_logits, shape, seed, output, n_stems, bounds
):
    network = make(shape, seed)
    stems, segments = random_stems(n_stems, 3000, seed), segments_at(3000, sorted(bounds))
    engine = LocalStateEngine(network, stems, segments, output=output)
    masks = np.random.default_rng(seed).integers(0, 2, (6, engine.n_components))
    masks[0], masks[1] = 1, 0
    expected = plain_logits(output_of(network, output), stems, segments, masks)
    assert np.abs(engine.evaluate(masks) - expected).max() <= 1e-5


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_all_masks(shape, make, random_stems, segments_at):
    """12 components: more than are listed one by one, so sums come from the tables."""
    network = make(shape)
    engine = LocalStateEngine(
        network, random_stems(4, 7200), segments_at(7200, [2400, 4800]), output=1
    )
    masks = exhaustive_masks(12)
    few = engine.evaluate(masks[:50])  # from distinct states
    values = sigmoid(engine.evaluate(masks))
    assert np.abs(values[:50] - sigmoid(few)).max() <= 1e-6
    assert np.ptp(values) > 1e-3
    expected, found = Levels.of(masks, values), engine.levels()
    assert np.allclose(found.with_pair, expected.with_pair, atol=1e-5)
    fitted = fit_sampled(masks, values, kernel_width=0.25, alpha=1.0)
    assert np.allclose(engine.lime().weights, fitted.weights, atol=1e-6)
    with pytest.raises(ParameterError, match="tables hold linear heads only"):
        engine.tables()


def test_one_of_several_outputs_of_a_linear_head_has_tables(
    small_network, random_stems, segments_at, plain_logits
):
    network = small_network()
    network.fc = nn.Linear(8, 3).eval()
    track = random_stems(2, 5000), segments_at(5000, [2500])
    masks = exhaustive_masks(4)
    for output in range(3):
        tables = LocalStateEngine(network, *track, output=output).tables()
        expected = plain_logits(output_of(network, output), *track, masks)
        assert np.abs(tables.evaluate(masks) - expected).max() <= 1e-5


def test_mistakes_are_told(make, small_network, random_stems, segments_at):
    track = random_stems(1, 3000), segments_at(3000, [])
    network = make("short_chunks")
    with pytest.raises(ParameterError, match="the network has 3 outputs: say which"):
        LocalStateEngine(network, *track)
    with pytest.raises(ParameterError, match="outputs are numbered 0 to 2, got 3"):
        LocalStateEngine(network, *track, output=3)
    other = small_network()
    other.fc = nn.Linear(5, 1)
    with pytest.raises(ParameterError, match="the head must take 8 statistics of the channels"):
        LocalStateEngine(other, *track)
    other.fc = nn.Flatten(0)
    with pytest.raises(ParameterError, match=r"must map statistics \[n, k\] to \[n, outputs\]"):
        LocalStateEngine(other, *track)
