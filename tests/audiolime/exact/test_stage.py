"""A stage of its own against the modules it stands for."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from audiolime.exact.depthwise import DepthwiseConvolution
from audiolime.exact.stage import LocalStage
from audiolime.exact.winograd import BandConvolution
from recsys.model import LocalStatistics


@settings(max_examples=40, deadline=None)
@given(
    states=st.integers(1, 3),
    columns=st.integers(1, 9),
    tiles=st.integers(1, 5),
    channels=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    padding=st.integers(0, 2),
    bias=st.booleans(),
)
def test_convolution_by_tiles_is_a_convolution(states, columns, tiles, channels, padding, bias):
    if columns + 2 * padding < 3:
        return
    before, after = channels
    with torch.random.fork_rng():
        torch.manual_seed(0)
        x = torch.randn(states, columns, 4 * tiles, before, dtype=torch.float64)
        weight = torch.randn(after, before, 3, 3, dtype=torch.float64)
        offset = torch.randn(after, dtype=torch.float64)
    direct = F.conv2d(
        x.permute(0, 3, 1, 2), weight, offset if bias else None, padding=(padding, 1)
    ).permute(0, 2, 3, 1)
    found = BandConvolution(weight, offset)(x, padding, bias)
    assert found.shape == direct.shape
    assert (found - direct).abs().max() < 1e-12


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 3), st.integers(1, 4)),
    kernel=st.integers(1, 6),
    per_channel=st.integers(1, 4),
    dilation=st.integers(1, 2),
    padding=st.integers(0, 6),
    bias=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_convolution_by_taps_is_a_convolution(
    sizes, kernel, per_channel, dilation, padding, bias, seed
):
    columns, channels = sizes[1], sizes[3]
    if columns + 2 * padding <= (kernel - 1) * dilation:
        return
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        x = torch.randn(sizes, dtype=torch.float64)
        weight = torch.randn(channels * per_channel, 1, kernel, 1, dtype=torch.float64)
        weight *= torch.rand_like(weight) < 0.3  # most taps are zero
        offset = torch.randn(channels * per_channel, dtype=torch.float64)
    direct = F.conv2d(
        x.permute(0, 3, 1, 2),
        weight,
        offset if bias else None,
        padding=(padding, 0),
        dilation=(dilation, 1),
        groups=channels,
    ).permute(0, 2, 3, 1)
    found = DepthwiseConvolution(weight, offset, channels, dilation)(x, padding, bias)
    assert found.shape == direct.shape
    assert (found - direct).abs().max() < 1e-12


def test_the_statistics_are_convolved_by_taps():
    stage = LocalStage(LocalStatistics().stages[0], 1, dtype=torch.float32)
    assert isinstance(stage._fast, DepthwiseConvolution)


@pytest.mark.parametrize(("channels", "bands"), [(64, 32), (64, 128), (8, 32), (64, 33)])
@pytest.mark.parametrize("columns", [4, 7])
def test_a_stage_is_its_modules(channels, bands, columns, small_network):
    network = small_network(channels=(channels, 6), n_fft=2 * bands)
    stage = network.stages[1]
    with torch.random.fork_rng():
        torch.manual_seed(1)
        x = torch.rand(3, channels, bands, columns)
    with torch.inference_mode():
        expected = stage.pool(torch.relu(stage.bn(stage.conv(x))))
        local = LocalStage(stage, bands, dtype=torch.float32)
        y = local.convolve(x.permute(0, 3, 2, 1).contiguous(), 1, 1, bias=True)
        out = torch.empty(3, local.width(columns), local.bands, 6)
        local.finish(y, 0, 0, out)
    assert (out.permute(0, 3, 2, 1) - expected).abs().max() < 1e-5
