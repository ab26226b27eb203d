import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from lemons_utils import ParameterError
from recsys.inference import relevance, track_logits
from recsys.model import FCN, MIN_SAMPLES
from recsys.training import fresh_network


@pytest.fixture(scope="module")
def published(golden_folder):
    network = FCN()
    network.load_state_dict(load_file(golden_folder / "fcn_state_dict.safetensors"), strict=True)
    return network.eval()


@pytest.fixture(scope="module")
def golden(golden_folder):
    with np.load(golden_folder / "fcn.npz", allow_pickle=False) as arrays:
        golden = dict(arrays)
    for name in ("w7", "w30"):
        golden[name] = golden[name].astype(np.float32) / np.float32(32767)
    return golden


CASES = [("w1", "logit_1s"), ("w7", "logit_7s"), ("w30", "logit_30s")]


@pytest.mark.parametrize(("waveform", "logit"), CASES)
def test_logits_are_the_published_ones(published, golden, waveform, logit):
    with torch.inference_mode():
        ours = published(torch.from_numpy(golden[waveform])[None])
    assert ours.shape == (1, 1)
    assert ours.item() == pytest.approx(float(golden[logit]), abs=1e-5)


@pytest.mark.parametrize(("waveform", "logit"), CASES)
def test_strips_give_the_published_logits(published, golden, waveform, logit):
    ours = track_logits(published, torch.from_numpy(golden[waveform])[None])
    assert ours.item() == pytest.approx(float(golden[logit]), abs=1e-5)


def test_second_of_sound_is_256_by_63(published):
    assert published.spec(torch.zeros(3, 16_000)).shape == (3, 256, 63)


def test_fresh_weights_are_xavier_uniform_with_gain_sqrt_2():
    network = fresh_network(1)
    weight = network.layer3.conv.weight
    bound = math.sqrt(2) * math.sqrt(6 / (128 * 9 + 128 * 9))
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.01)
    for name, parameter in network.named_parameters():
        if name.endswith(("conv.bias", "fc.bias")):
            assert (parameter == 0).all(), name
    assert all(map(torch.equal, fresh_network(1).parameters(), network.parameters()))
    assert not torch.equal(fresh_network(2).fc.weight, network.fc.weight)


def test_half_a_second_is_enough_and_less_is_not(published):
    assert MIN_SAMPLES == 7_936
    assert published(0.1 * torch.ones(1, 7_936)).isfinite().all()
    with pytest.raises(ParameterError, match=r"at least 7,936 samples \(32 frames\), got 7,935"):
        published(torch.zeros(1, 7_935))
    with pytest.raises(ParameterError, match="at least 7,936"):
        track_logits(published, torch.zeros(1, 7_935))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_sound_is_refused(published, value):
    waveforms = torch.zeros(2, 8_000)
    waveforms[1, 17] = value
    with pytest.raises(ParameterError, match="finite"):
        published(waveforms)


def test_empty_input_is_refused(published):
    with pytest.raises(ParameterError, match="at least one track"):
        published(torch.zeros(0, 16_000))
    with pytest.raises(ParameterError, match="got 0"):
        published(torch.zeros(1, 0))


def plainly(network: FCN, waveforms: torch.Tensor) -> torch.Tensor:
    """The published network's forward pass, step by step, no short cuts."""
    x = network.spec_bn(network.spec(waveforms)[:, None])
    for block in (network.layer1, network.layer2, network.layer3, network.layer4, network.layer5):
        x = torch.max_pool2d(torch.relu(block.bn(block.conv(x))), 2)
    mean, maximum = x.flatten(2).mean(dim=2), x.flatten(2).amax(dim=2)
    return network.fc(network.dropout(torch.cat([mean, maximum], dim=1)))


def test_training_step_is_the_plain_one(rng):
    fast = fresh_network(0).train()
    with torch.no_grad():
        fast.spec_bn.weight.fill_(0.7)
        fast.spec_bn.bias.fill_(-0.3)
    plain = copy.deepcopy(fast)
    waveforms = torch.from_numpy(rng.uniform(-0.3, 0.3, (3, 8_000)).astype(np.float32))
    outputs = []
    for forward in (fast, lambda x: plainly(plain, x)):
        torch.manual_seed(0)  # of dropout
        logits = forward(waveforms)
        logits.square().sum().backward()
        outputs.append(logits)
    torch.testing.assert_close(*outputs, rtol=1e-4, atol=1e-4)
    for (name, ours), theirs in zip(fast.named_parameters(), plain.parameters(), strict=True):
        if not name.endswith("conv.bias"):  # before a normalisation their gradient is zero
            scale = theirs.grad.abs().max()
            torch.testing.assert_close(
                ours.grad / scale, theirs.grad / scale, rtol=0, atol=2e-3, msg=name
            )
    for ours, theirs in zip(fast.buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_batch_size_changes_nothing(published, rng):
    waveforms = torch.from_numpy(rng.uniform(-0.3, 0.3, (4, 9_000)).astype(np.float32))
    with torch.inference_mode():
        together = published(waveforms)[:, 0]
        alone = torch.cat([published(one[None]) for one in waveforms])[:, 0]
    torch.testing.assert_close(together, alone, rtol=0, atol=2e-6)
    torch.testing.assert_close(track_logits(published, waveforms), alone, rtol=0, atol=2e-6)


@settings(max_examples=15, deadline=None)
@given(
    samples=st.integers(MIN_SAMPLES, 40_000),
    strip_columns=st.integers(1, 7),
    seed=st.integers(0, 2**16),
)
def test_strips_are_the_whole(published, samples, strip_columns, seed):
    generator = torch.Generator().manual_seed(seed)
    waveforms = 0.2 * torch.randn(1, samples, generator=generator)
    with torch.inference_mode():
        whole = published(waveforms)[:, 0]
    strips = track_logits(published, waveforms, strip_columns=strip_columns)
    torch.testing.assert_close(strips, whole, rtol=0, atol=5e-6)


def test_strips_refuse_training_mode(published):
    with pytest.raises(ParameterError, match=r"network\.eval"):
        track_logits(copy.deepcopy(published).train(), torch.zeros(1, 16_000))


def test_relevance_is_the_sigmoid_and_never_overflows():
    np.testing.assert_allclose(
        relevance(np.array([-800.0, 0.0, 2.0, 800.0])), [0, 0.5, 1 / (1 + math.exp(-2)), 1]
    )
