"""Small networks that the exact engine must understand, and the plain way to ask them."""

import contextlib
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

POOLS = {
    "max 2": lambda: nn.MaxPool2d(2),
    "mean 2": lambda: nn.AvgPool2d(2),
    "max 3, overlapping": lambda: nn.MaxPool2d(3, stride=2, padding=1),
    "mean 3, overlapping": lambda: nn.AvgPool2d(3, stride=2, padding=1),
    "none": lambda: None,
}


class Stage(nn.Module):
    def __init__(self, conv, bn, pool):
        super().__init__()
        self.conv, self.bn, self.pool = conv, bn, pool


class SmallNetwork(nn.Module):
    """Any depth, kernel, stride, padding, dilation, groups, pooling and head; random weights.

    Convolutions have the groups asked for where these divide their channels.
    """

    def __init__(
        self,
        *,
        n_fft=64,
        hop_length=32,
        channels=(3, 4),
        kernel=3,
        stride=1,
        padding=1,
        dilation=1,
        groups=1,
        pool="max 2",
        normalised=True,
        head_statistics=("mean", "max"),
        seed=0,
    ):
        super().__init__()
        self.n_fft, self.hop_length = n_fft, hop_length
        self.head_statistics = head_statistics
        self.register_buffer("window", torch.hann_window(n_fft))
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.register_buffer("filters", torch.rand(n_fft // 2 + 1, n_fft // 2 + 1) / 10)
            self.stages = nn.ModuleList()
            for before, after in zip((1, *channels[:-1]), channels, strict=True):
                parts = groups if before % groups == after % groups == 0 else 1
                conv = nn.Conv2d(before, after, kernel, stride, padding, dilation, parts)
                nn.init.normal_(conv.weight, std=(2 / conv.weight[0].numel()) ** 0.5)
                bn = nn.BatchNorm2d(after) if normalised else None
                if bn is not None:
                    bn.running_mean.normal_(0, 0.3)
                    bn.running_var.uniform_(0.5, 1.5)
                    nn.init.uniform_(bn.weight, 0.5, 1.5)
                    nn.init.normal_(bn.bias, 0, 0.3)
                self.stages.append(Stage(conv, bn, POOLS[pool]()))
            self.fc = nn.Linear(len(head_statistics) * channels[-1], 1)
            nn.init.normal_(self.fc.weight)
        self.eval()
        self.keep_logits_small()

    @torch.no_grad()
    def keep_logits_small(self):
        """Scale the head by what it sees of silence, its largest input: logits to 10 or so.

        Float32 knows a logit of 90 to 3e-5 at best, and the claim is 1e-5.
        """
        silence = torch.full((1, 1, self.n_fft // 2 + 1, 400), -2.0)
        with contextlib.suppress(RuntimeError, IndexError):  # nothing is left after the stages
            terms = self.statistics(silence) * self.fc.weight
            self.fc.weight *= (5 / terms.abs().sum()).clamp(max=1)

    def from_spectrum(self, spectra):
        power = spectra.real.square() + spectra.imag.square()
        bands = (power.transpose(1, 2) @ self.filters).transpose(1, 2)
        return (10 * torch.log10(bands.clamp_min(1e-10))[:, None] + 40) / 30

    def forward(self, waveforms):
        spectra = torch.stft(
            waveforms, self.n_fft, self.hop_length, window=self.window, return_complex=True
        )
        return self.fc(self.statistics(self.from_spectrum(spectra)))

    def statistics(self, x):
        for stage in self.stages:
            for module in (stage.conv, stage.bn, torch.relu, stage.pool):
                x = x if module is None else module(x)
        statistics = {"mean": x.mean((2, 3)), "max": x.amax((2, 3))}
        return torch.cat([statistics[name] for name in self.head_statistics], dim=1)


@pytest.fixture(scope="session")
def small_network():
    return SmallNetwork


@pytest.fixture(scope="session")
def random_stems():
    """Stems of white noise that swell and fade, [stems, samples] float32."""

    def make(n_stems, samples, seed=0):
        rng = np.random.default_rng(seed)
        swell = np.abs(np.sin(np.linspace(0, 20, samples) * rng.uniform(0.5, 2, (n_stems, 1))))
        return (rng.normal(0, 0.1, (n_stems, samples)) * swell).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def plain_logits():
    """Compose every masked waveform and run the network on it, one by one."""

    def run(network, stems, segments, masks):
        logits = []
        for mask in np.asarray(masks).reshape(len(masks), len(segments), len(stems)):
            waveform = np.zeros(stems.shape[1], np.float32)
            for (start, end), on in zip(segments, mask, strict=True):
                waveform[start:end] = stems[on == 1, start:end].sum(axis=0)
            with torch.inference_mode():
                logits.append(float(network(torch.from_numpy(waveform)[None])[0, 0]))
        return np.array(logits)

    return run


@pytest.fixture(scope="session")
def segments_at():
    """Segments that start at the given samples (and at 0)."""

    def make(samples, boundaries):
        edges = [0, *boundaries, samples]
        return list(pairwise(edges))

    return make


@pytest.fixture(scope="session")
def golden_network(golden_folder):
    from safetensors.torch import load_file

    from recsys.model import FCN

    network = FCN()
    network.load_state_dict(load_file(golden_folder / "fcn_state_dict.safetensors"))
    return network.eval()
