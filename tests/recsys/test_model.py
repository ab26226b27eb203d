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
from recsys.model import (
    BANDS,
    CONTEXT,
    FCN,
    JUMPS_DB,
    LAGS,
    LEVELS_DB,
    MIN_SAMPLES,
    PER_BAND,
    STATISTICS,
    LocalStatistics,
)
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


@pytest.mark.parametrize(("waveform", "logit"), CASES)
def test_strips_in_bfloat16_stay_near(published, golden, waveform, logit):
    ours = track_logits(published, torch.from_numpy(golden[waveform])[None], precision="bfloat16")
    assert ours.dtype == torch.float32
    near = torch.sigmoid(torch.tensor(float(golden[logit]))).item()
    assert torch.sigmoid(ours).item() == pytest.approx(near, abs=5e-3)
    assert ours.item() != pytest.approx(float(golden[logit]), abs=1e-6)  # another precision indeed
    assert all(each.dtype == torch.float32 for each in published.parameters())


def test_other_precisions_are_refused(published):
    with pytest.raises(ParameterError, match="one of float32, bfloat16, got 'float16'"):
        track_logits(published, torch.zeros(1, 8_000), precision="float16")


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


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
def test_training_step_is_the_plain_one(rng, dtype, bound):
    fast = fresh_network(0).train().to(dtype)
    with torch.no_grad():
        fast.spec_bn.weight.fill_(0.7)
        fast.spec_bn.bias.fill_(-0.3)
        if dtype == torch.float64:  # whose roundings do not make a maximum of another place
            fast.layer1.conv.bias.uniform_(-1, 1)
            fast.layer1.bn.weight.uniform_(-1, 1)
            fast.layer1.bn.bias.uniform_(-1, 1)
    plain = copy.deepcopy(fast)
    waveforms = torch.from_numpy(rng.uniform(-0.3, 0.3, (3, 8_000))).to(dtype)
    outputs = []
    for forward in (fast, lambda x: plainly(plain, x)):
        torch.manual_seed(0)  # of dropout
        logits = forward(waveforms)
        logits.square().sum().backward()
        outputs.append(logits)
    torch.testing.assert_close(*outputs, rtol=bound, atol=bound)
    for (name, ours), theirs in zip(fast.named_parameters(), plain.parameters(), strict=True):
        if not name.endswith("conv.bias"):  # before a normalisation their gradient is zero
            scale = theirs.grad.abs().max()
            torch.testing.assert_close(
                ours.grad / scale, theirs.grad / scale, rtol=0, atol=20 * bound, msg=name
            )
    for ours, theirs in zip(fast.buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=bound / 10, atol=bound / 10)


@pytest.mark.parametrize("change", [
    lambda network: network.layer1.eval(),
    lambda network: network.apply(lambda each: setattr(each, "momentum", None)),
], ids=["a layer that keeps its statistics", "the mean of all batches"])  # fmt: skip
def test_other_running_statistics_are_the_plain_ones(rng, change):
    fast = fresh_network(0).train().double()
    change(fast)
    plain = copy.deepcopy(fast)
    for _ in range(3):
        waveforms = torch.from_numpy(rng.uniform(-0.3, 0.3, (3, 8_000)))
        torch.manual_seed(0)  # of dropout
        ours = fast(waveforms)
        torch.manual_seed(0)
        torch.testing.assert_close(ours, plainly(plain, waveforms))
    for ours, theirs in zip(fast.buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_batch_size_changes_nothing(published, rng):
    waveforms = torch.from_numpy(rng.uniform(-0.3, 0.3, (4, 9_000)).astype(np.float32))
    with torch.inference_mode():
        together = published(waveforms)[:, 0]
        alone = torch.cat([published(one[None]) for one in waveforms])[:, 0]
    torch.testing.assert_close(together, alone, rtol=0, atol=5e-6)
    strips = track_logits(published, waveforms)
    one_by_one = torch.cat([track_logits(published, one[None]) for one in waveforms])
    # processors differ in how they add up: 2.1e-6 on one with AVX-512
    torch.testing.assert_close(strips, one_by_one, rtol=0, atol=5e-6)
    torch.testing.assert_close(strips, alone, rtol=0, atol=5e-6)


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


# -- local statistics --------------------------------------------------------------------------
def plain_statistics(log_mel):
    """The statistics of a track by their definition, one by one, [1235]."""
    bands = [log_mel[4 * band : 4 * band + 4].mean(axis=0) for band in range(BANDS)]
    loudness = 10 * np.log10(np.mean(10 ** (log_mel / 10), axis=0)) - 30.0
    found = []
    for band in np.maximum([*bands, loudness], -50.0):
        now = band[CONTEXT:]
        before = {lag: band[CONTEXT - lag : len(band) - lag] for lag in LAGS}
        found += [np.maximum(now - level, 0).mean() for level in LEVELS_DB]
        found += [np.maximum(now - before[lag], 0).mean() for lag in LAGS]
        found += [np.maximum(now - before[1] - jump, 0).mean() for jump in JUMPS_DB]
    return np.array(found)


def swelling_noise(rng, samples, rate=8):
    swell = np.abs(np.sin(np.linspace(0, rate, samples)))
    return (0.2 * rng.standard_normal(samples) * swell).astype(np.float32)


@pytest.fixture
def statistics_network(rng):
    network = LocalStatistics()
    with torch.no_grad():
        network.fc.weight.copy_(torch.from_numpy(rng.normal(size=(1, STATISTICS))))
        network.fc.bias.fill_(0.3)
    return network.eval()


@pytest.mark.parametrize("samples", [MIN_SAMPLES, 40_000, 51_111])
def test_statistics_are_those_of_the_definition(
    samples, statistics_network, plain_log_mel, rng, monkeypatch
):
    monkeypatch.setattr("recsys.model.CHUNK_FRAMES", 50)
    waveform = swelling_noise(rng, samples)
    expected = plain_statistics(plain_log_mel(waveform.astype(np.float64)))
    assert (len(expected), PER_BAND) == (1235, 19)
    waveforms = torch.from_numpy(np.stack([waveform, waveform[::-1]]))
    with torch.inference_mode():
        pooled, logits = statistics_network.pooled(waveforms), statistics_network(waveforms)
    np.testing.assert_allclose(pooled[0], expected, rtol=0, atol=2e-3)
    weight = statistics_network.fc.weight.detach().numpy()[0]
    np.testing.assert_allclose(logits[0], expected @ weight + 0.3, rtol=0, atol=0.01)
    assert logits.shape == (2, 1)
    torch.testing.assert_close(statistics_network.pooled(waveforms[:1])[0], pooled[0])
    torch.testing.assert_close(track_logits(statistics_network, waveforms), logits[:, 0])


def test_statistics_of_five_minutes_are_one_mean(rng, monkeypatch):
    network = LocalStatistics()
    waveforms = torch.from_numpy(swelling_noise(rng, 300 * 16_000, rate=300))[None]
    in_chunks = network.pooled(waveforms)
    monkeypatch.setattr("recsys.model.CHUNK_FRAMES", 1 << 30)
    torch.testing.assert_close(in_chunks, network.pooled(waveforms), rtol=0, atol=1e-4)


def test_all_statistics_of_silence_are_zero(statistics_network, rng):
    """Also of what is below -50 dB throughout."""
    quiet = 1e-6 * rng.standard_normal(20_000).astype(np.float32)
    waveforms = torch.from_numpy(np.stack([np.zeros(20_000, np.float32), quiet]))
    assert (statistics_network.pooled(waveforms) == 0).all()
    assert (statistics_network(waveforms) == statistics_network.fc.bias).all()


def test_a_fine_tuned_head_begins_as_the_fixed_one(statistics_network, rng):
    tuned = LocalStatistics(tuned=True).eval()
    tuned.fc.load_state_dict(statistics_network.fc.state_dict())
    waveforms = torch.from_numpy(swelling_noise(rng, 30_000))[None]
    assert torch.equal(tuned(waveforms), statistics_network(waveforms))
    learning = {name for name, each in tuned.named_parameters() if each.requires_grad}
    assert learning == {"kernel", "threshold", "fc.weight"}
    tuned(waveforms).sum().backward()
    assert (tuned.kernel.grad != 0).any() and (tuned.threshold.grad != 0).any()
    assert not {"kernel", "threshold"} & statistics_network.state_dict().keys()


def test_whatever_kernels_and_thresholds_become_silence_has_the_base_rate(rng):
    network = LocalStatistics(tuned=True).eval()
    with torch.no_grad():
        network.fc.weight.copy_(torch.from_numpy(rng.normal(size=(1, STATISTICS))))
        network.fc.bias.fill_(0.3)
        network.kernel += torch.from_numpy(rng.normal(0, 0.5, network.kernel.shape))
        network.threshold += torch.from_numpy(rng.normal(0, 5.0, network.threshold.shape))
        assert (network.threshold > 0).any()
        logits = network(torch.zeros(1, 20_000))
    torch.testing.assert_close(logits, network.fc.bias[None], rtol=0, atol=0.02)


def test_a_fresh_head_says_nothing(rng):
    waveforms = torch.from_numpy(swelling_noise(rng, 20_000))[None]
    assert (LocalStatistics()(waveforms) == 0).all()


def test_statistics_need_half_a_second_of_sound(statistics_network):
    with pytest.raises(ParameterError, match=r"at least 7,936 samples \(32 frames\), got 7,935"):
        statistics_network(torch.zeros(1, MIN_SAMPLES - 1))
    with pytest.raises(ParameterError, match="at least one track"):
        statistics_network(torch.zeros(0, 16_000))
    with pytest.raises(ParameterError, match="finite"):
        statistics_network(torch.full((1, 8_000), math.nan))
