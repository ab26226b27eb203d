"""Plain torch networks, written as people write them, whose parts are found by tracing."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from audiolime.exact import LocalStateEngine, adapt
from lemons_utils import ParameterError


class FrontEnd(nn.Module):
    def __init__(self, over_time=False):
        super().__init__()
        self.over_time = over_time
        self.register_buffer("window", torch.hann_window(48))
        self.register_buffer("filters", torch.rand(20, 33))
        self.bn = nn.BatchNorm2d(1)

    def forward(self, waveforms):
        spectra = torch.stft(waveforms, n_fft=64, hop_length=32, win_length=48, window=self.window,
                             return_complex=True)  # fmt: skip
        bands = torch.matmul(self.filters, spectra.abs() ** 2)
        x = torch.log1p(100 * bands).unsqueeze(1)
        if self.over_time:
            x = x - x.mean(dim=3, keepdim=True)
        return self.bn(x)


class Block(nn.Module):
    def __init__(self, before, after, pool=F.avg_pool2d):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.pool = pool

    def forward(self, x):
        x = F.relu_(self.bn1(self.conv1(x)))
        x = self.conv2(x).relu()
        return F.dropout(self.pool(x, kernel_size=2), 0.2, self.training)


class Tagger(nn.Module):
    """Blocks of two convolutions; bands averaged; mean and maximum over time added up."""

    def __init__(self):
        super().__init__()
        self.front, self.blocks = FrontEnd(), nn.Sequential(Block(1, 3), Block(3, 4))
        self.fc1, self.fc2 = nn.Linear(4, 5), nn.Linear(5, 2)

    def forward(self, waveforms):
        x = torch.mean(self.blocks(self.front(waveforms)), dim=2)
        largest, _ = torch.max(x, dim=2)
        x = F.relu(self.fc1(largest + torch.mean(x, dim=2)))
        return self.fc2(F.dropout(x, training=self.training))


class Pooled(nn.Module):
    """Adaptive pooling to one value, flattened; a sigmoid at the end."""

    def __init__(self):
        super().__init__()
        self.front = FrontEnd()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 5, padding=2), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, waveforms):
        return self.layers(self.front(waveforms))


class ShortChunks(nn.Module):
    """Bands pooled away, maximum over time, a hidden layer with normalisation."""

    def __init__(self):
        super().__init__()
        self.front = FrontEnd()
        self.conv1, self.conv2 = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 4, 3, padding=1)
        self.pool1, self.pool2 = nn.MaxPool2d(2), nn.MaxPool2d((10, 2))
        self.dense, self.bn, self.out = nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3)

    def forward(self, waveforms):
        x = self.pool1(torch.relu(self.conv1(self.front(waveforms))))
        x = self.pool2(torch.relu(self.conv2(x))).squeeze(2)
        x = F.adaptive_max_pool1d(x, 1).squeeze(2)
        return self.out(torch.relu(self.bn(self.dense(x))))


class Both(nn.Module):
    """Mean and maximum side by side, as in the published network."""

    def __init__(self):
        super().__init__()
        self.front, self.conv, self.fc = FrontEnd(), nn.Conv2d(1, 4, 3, padding=1), nn.Linear(8, 1)

    def forward(self, waveforms):
        x = F.max_pool2d(F.relu(self.conv(self.front(waveforms))), 2)
        return self.fc(torch.cat([torch.amax(x, (2, 3)), x.mean((-2, -1))], dim=1))


class Residual(nn.Module):
    """Convolutions with a way round: a convolution of its own, or the input itself."""

    def __init__(self, before, after, stride, kernel=3):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1)
        self.bn1, self.bn2, self.bn3 = (nn.BatchNorm2d(after) for _ in range(3))
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.other = None
        if stride != 1 or before != after:
            self.other = nn.Conv2d(before, after, kernel, stride=stride, padding=kernel // 2)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.other is not None:
            x = self.bn3(self.other(x))
        return F.relu(x + y)


class ResidualTagger(nn.Module):
    """Residual blocks, the first of which is given features of either sign."""

    def __init__(self):
        super().__init__()
        self.front = FrontEnd()
        self.blocks = nn.Sequential(
            Residual(1, 3, 2), Residual(3, 3, 1), nn.MaxPool2d(2), Residual(3, 4, 1, kernel=1)
        )
        self.fc = nn.Sequential(nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 2))

    def forward(self, waveforms):
        x = self.blocks(self.front(waveforms))
        return self.fc(torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1))


NETWORKS = (Tagger, Pooled, ShortChunks, Both, ResidualTagger)


@pytest.fixture(scope="module")
def make():
    def network(kind):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            made = kind()
            for layer in made.modules():
                if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
                    layer.running_mean.normal_(0, 0.3)
                    layer.running_var.uniform_(0.5, 1.5)
        return made.eval()

    return network


@pytest.mark.parametrize("kind", NETWORKS)
def test_adapted_networks_are_answered_exactly(kind, make, random_stems, segments_at, plain_logits):
    network = make(kind)
    stems, segments = random_stems(2, 6000), segments_at(6000, [2100, 4000])
    adapted = adapt(network)
    outputs = network(torch.from_numpy(stems)).shape[1]
    engine = LocalStateEngine(adapted, stems, segments, output=outputs - 1)
    assert engine.closed
    masks = np.random.default_rng(0).integers(0, 2, (12, 6))
    masks[0], masks[1] = 1, 0
    expected = plain_logits(lambda x: network(x)[:, outputs - 1 :], stems, segments, masks)
    assert np.ptp(expected) > 1e-3
    assert np.abs(engine.evaluate(masks) - expected).max() <= 1e-5
    assert np.isfinite(engine.shapley(output="logit")).all()


@pytest.mark.filterwarnings("ignore:A window was not provided")
@pytest.mark.parametrize("moved_first", [True, False])
@pytest.mark.parametrize("window", [True, False])
@pytest.mark.parametrize("kind", NETWORKS)
def test_adapted_networks_answer_on_a_gpu(
    gpu, kind, window, moved_first, make, random_stems, segments_at
):
    network = make(kind)
    if not window:
        network.front.window = None
    track = random_stems(2, 6000), segments_at(6000, [2100, 4000])
    masks = np.random.default_rng(0).integers(0, 2, (12, 6))
    expected = LocalStateEngine(adapt(network), *track, output=0).evaluate(masks)
    there = adapt(network.to(gpu)) if moved_first else adapt(network).to(gpu)
    found = LocalStateEngine(there, *track, output=0).evaluate(masks)
    assert np.abs(found - expected).max() <= 1e-5


def test_a_linear_head_stays_one_with_tables(make, random_stems, segments_at, plain_logits):
    stems, segments = random_stems(2, 5000), segments_at(5000, [2500])
    network = make(Both)
    masks = np.random.default_rng(0).integers(0, 2, (8, 4))
    found = LocalStateEngine(adapt(network), stems, segments).tables().evaluate(masks)
    assert np.abs(found - plain_logits(network, stems, segments, masks)).max() <= 1e-5


def changed(forward, **layers):
    """Make a network with a front end, some layers, and a forward of its own."""

    class Changed(nn.Module):
        def __init__(self):
            super().__init__()
            self.narrow = nn.Conv2d(1, 1, 1)
            self.front, self.conv = FrontEnd(), nn.Conv2d(1, 1, 3, padding=1)
            self.more, self.fc = nn.Conv2d(1, 1, 3, padding=1), nn.Linear(1, 1)
            for name, layer in layers.items():
                setattr(self, name, layer)

    Changed.forward = forward
    return Changed().eval()


def head(self, x):
    return self.fc(x.mean((2, 3)))


CASES = {
    "one convolution beside itself": (
        lambda self, w: head(self, F.relu((x := F.relu(self.conv(self.front(w)))) + self.more(x))),
        "the head must take means or maxima",
    ),
    "a way round that is something else": (
        lambda self, w: head(
            self,
            F.relu((x := self.front(w)) + self.narrow(F.relu(self.conv(x))) * 1),
        ),
        "must go into a convolution alone, or into a residual block",
    ),
    "attention": (
        lambda self, w: head(self, torch.softmax(F.relu(self.conv(self.front(w))), -1)),
        "the head must take means or maxima .*, got softmax",
    ),
    "deviation": (
        lambda self, w: self.fc(F.relu(self.conv(self.front(w))).std((2, 3))),
        "the head must take means or maxima .*, got std",
    ),
    "no ReLU": (
        lambda self, w: head(self, F.relu(self.more(self.conv(self.front(w))))),
        "there is no ReLU between the convolution before more",
    ),
    "no ReLU at the end": (
        lambda self, w: head(self, self.conv(self.front(w))),
        "there is no ReLU after the convolution",
    ),
    "a gain before": (
        lambda self, w: head(self, F.relu(self.conv(self.front(0.5 * w)))),
        "must take the waveforms as they are",
    ),
    "two front ends": (
        lambda self, w: head(self, F.relu(self.conv(self.front(w) + self.front(w)))),
        "one torch.stft in its forward, got 2",
    ),
    "decides": (
        lambda self, w: head(self, F.relu(self.conv(self.front(w if w.sum() > 0 else -w)))),
        "the network cannot be traced",
    ),
    "no convolution": (
        lambda self, w: self.fc(self.front(w).mean((2, 3))),
        "the network has no Conv2d",
    ),
    "no front end": (
        lambda self, w: head(self, F.relu(self.conv(w[:, None, None]))),
        "one torch.stft in its forward, got 0",
    ),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_what_is_not_local_is_told_in_a_line(case):
    forward, message = CASES[case]
    with pytest.raises(ParameterError, match=message) as raised:
        adapt(changed(forward))
    assert "\n" not in str(raised.value)


def test_normalisation_over_time_is_found_by_trying():
    network = changed(
        lambda self, w: head(self, F.relu(self.conv(self.front(w)))),
        front=FrontEnd(over_time=True),
    )
    with pytest.raises(ParameterError, match="must treat every frame by itself"):
        adapt(network)


def test_networks_that_train_and_other_stfts_are_refused(make):
    with pytest.raises(ParameterError, match="must be in evaluation mode"):
        adapt(make(Both).train())

    class Uncentred(FrontEnd):
        def forward(self, waveforms):
            spectra = torch.stft(waveforms, 64, 32, window=torch.ones(64), center=False,
                                 return_complex=True)  # fmt: skip
            return spectra.abs()[:, None]

    network = changed(
        lambda self, w: head(self, F.relu(self.conv(self.front(w)))), front=Uncentred()
    )
    with pytest.raises(ParameterError, match=r"torch\.stft must have center=True, got False"):
        adapt(network)
