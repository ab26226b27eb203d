"""Find the parts of a plain torch network that the exact engine must know, by tracing it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from audiolime.exact.adapted_head import find_head, linear_if_it_is
from audiolime.exact.adapted_stages import FoundStage, find_stages
from lemons_processes import full_precision
from lemons_utils import ParameterError, first_line

SAMPLES = 65_536
FRAMES = 24
"""Frames of the test whether the front end treats every frame by itself."""

CLOSE = 1e-4
"""Largest difference, of the largest output, between the network and its parts put together."""


class AdaptedNetwork(nn.Module):
    """A network whose parts were found; see `audiolime.exact.network.Network`."""

    def __init__(self, module: nn.Module, stft: dict[str, Any], front: fx.GraphModule,
                 stages: Sequence[FoundStage], statistics: Sequence[str],
                 head: nn.Module) -> None:  # fmt: skip
        super().__init__()
        self.module, self.front, self.fc = module, front, head
        self.n_fft, self.hop_length = int(stft["n_fft"]), int(stft["hop_length"])
        self.register_buffer("window", stft["window"])
        self.head_statistics = tuple(statistics)
        self.stages: list[FoundStage] = []
        self.layers = nn.ModuleList()  # of the stages, which may not be the module's
        for stage in stages:
            self.add(stage)

    def add(self, stage: FoundStage) -> None:
        """Add a last stage."""
        self.stages.append(stage)
        self.layers.extend(layer for layer in (stage.conv, stage.bn) if layer is not None)

    def from_spectrum(self, spectra: Tensor) -> Tensor:
        """Complex [batch, n_fft // 2 + 1, frames] -> real [batch, channels, bands, frames]."""
        found: Tensor = self.front(spectra)
        return found

    def forward(self, waveforms: Tensor) -> Tensor:
        """Map waveforms [batch, samples] to outputs [batch, outputs], as the network itself."""
        outputs: Tensor = self.module(waveforms)
        return outputs

    def by_parts(self, waveforms: Tensor) -> Tensor:
        """Do the same by the parts, as the exact engine understands them."""
        window = self.get_buffer("window")
        spectra = torch.stft(
            waveforms, self.n_fft, self.hop_length, window=window, return_complex=True
        )
        x = self.from_spectrum(spectra)
        for stage in self.stages:
            x = stage.conv(x) if stage.bn is None else stage.bn(stage.conv(x))
            x = torch.relu(x) if stage.pool is None else stage.pool(torch.relu(x))
        values = {"mean": x.mean((2, 3)), "max": x.amax((2, 3))}
        outputs: Tensor = self.fc(torch.cat([values[name] for name in self.head_statistics], dim=1))
        return outputs


@full_precision()
@torch.no_grad()
def adapt(module: nn.Module, *, samples: int = SAMPLES) -> AdaptedNetwork:
    """Make a torch network one that `LocalStateEngine` takes, by finding its parts.

    They are, in this order: one `torch.stft` of the waveforms, centred with reflected ends; what
    treats every frame by itself, up to features [batch, channels, bands, frames]; convolutions,
    each with normalisation if any, ReLU, and pooling if any, or residual blocks of two of them;
    channel means and maxima; and any head over these.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode. Maps waveforms [batch, samples] to outputs [batch, outputs].
    samples : int > 0
        Length of the noise on which the parts are compared with the whole.

    Raises
    ------
    ParameterError
        If a part is something else, or the parts put together say something else: one line.
    """
    if module.training:
        raise ParameterError("the network must be in evaluation mode: call network.eval()")
    try:
        traced = fx.symbolic_trace(module)
    except Exception as error:  # whatever a forward method raises on a proxy
        raise ParameterError(
            f"the network cannot be traced, its forward decides by values: {first_line(error)}"
        ) from error
    stft = _find_stft(traced)
    features, stages, last = find_stages(traced)
    front = _between(traced, stft, features)
    options = _stft_options(traced, stft)
    generator = torch.Generator().manual_seed(0)
    noise = 0.1 * torch.randn(1, samples, generator=generator)
    noise = noise.to(options["window"].device)
    statistics, bands_first, found_head = find_head(traced, last)
    head = linear_if_it_is(found_head, len(statistics) * stages[-1].conv.out_channels)
    found = AdaptedNetwork(module, options, front, stages, statistics, head).eval()
    if bands_first:
        found.add(_averaging_bands(found, noise))
    _check(found, noise)
    return found


def _find_stft(traced: fx.GraphModule) -> fx.Node:
    found: list[fx.Node] = [
        node
        for node in traced.graph.nodes
        if node.target is torch.stft or (node.op, node.target) == ("call_method", "stft")
    ]
    if len(found) != 1:
        raise ParameterError(
            f"the network must have one torch.stft in its forward, got {len(found)}: other front "
            "ends need a class that satisfies audiolime.exact.Network"
        )
    (waveforms,) = (node for node in traced.graph.nodes if node.op == "placeholder")
    if found[0].args[0] is not waveforms:
        raise ParameterError(
            "torch.stft must take the waveforms as they are, without a step before"
        )
    return found[0]


_STFT = ("input", "n_fft", "hop_length", "win_length", "window", "center", "pad_mode",
         "normalized", "onesided", "return_complex")  # fmt: skip


def _stft_options(traced: fx.GraphModule, node: fx.Node) -> dict[str, Any]:
    options: dict[str, Any] = {
        "center": True, "pad_mode": "reflect", "normalized": False, "onesided": True,
        "return_complex": False, "hop_length": None, "win_length": None, "window": None,
    }  # fmt: skip
    options |= dict(zip(_STFT, node.args, strict=False)) | node.kwargs
    for name, value in options.items():
        if isinstance(value, fx.Node) and name != "input":
            options[name] = _constant(traced, value)
    n_fft = options["n_fft"]
    wanted = {"center": True, "pad_mode": "reflect", "normalized": False, "return_complex": True}
    for name, value in wanted.items():
        if options[name] != value:
            raise ParameterError(f"torch.stft must have {name}={value}, got {options[name]!r}")
    options["hop_length"] = options["hop_length"] or n_fft // 4
    length = options["win_length"] or n_fft
    window = options["window"]
    if window is None:
        window = torch.ones(length, device=next(traced.parameters()).device)
    left = (n_fft - length) // 2
    options["window"] = F.pad(window.detach(), (left, n_fft - length - left))
    return options


def _constant(traced: fx.GraphModule, node: fx.Node) -> Any:
    """Compute a node that does not depend on the input."""
    if node.op == "get_attr":
        value: Any = traced
        for part in str(node.target).split("."):
            value = getattr(value, part)
        return value
    if node.op == "placeholder":
        raise ParameterError("torch.stft must have the same window and hop for every input")
    inputs = {used: _constant(traced, used) for used in node.all_input_nodes}
    args = fx.node.map_arg(node.args, inputs.__getitem__)
    kwargs = fx.node.map_arg(node.kwargs, inputs.__getitem__)
    if node.op == "call_function":
        return node.target(*args, **kwargs)  # type: ignore[operator]
    if node.op == "call_method":
        return getattr(args[0], str(node.target))(*args[1:], **kwargs)
    return traced.get_submodule(str(node.target))(*args, **kwargs)


def _between(traced: fx.GraphModule, start: fx.Node, end: Any) -> fx.GraphModule:
    """Cut the part of a graph that leads from one node's value to another's."""
    graph = fx.Graph()
    known: dict[fx.Node, fx.Node] = {start: graph.placeholder("value")}

    def copy(node: fx.Node) -> fx.Node:
        if node not in known:
            if node.op == "placeholder":
                raise ParameterError(
                    "the features of a frame must follow from its spectrum alone, not from the "
                    "waveforms, too"
                )
            for used in node.all_input_nodes:
                copy(used)
            known[node] = graph.node_copy(node, known.__getitem__)
        return known[node]

    graph.output(copy(end))
    return fx.GraphModule(traced, graph)


def _averaging_bands(network: AdaptedNetwork, noise: Tensor) -> FoundStage:
    """Make a stage that averages the bands of every column, and changes nothing else."""
    spectra = torch.stft(noise, network.n_fft, network.hop_length,
                         window=network.get_buffer("window"), return_complex=True)  # fmt: skip
    x = network.from_spectrum(spectra)
    for stage in network.stages:
        x = stage.conv(x)
        x = x if stage.pool is None else stage.pool(x)
    channels, bands = x.shape[1:3]
    same = nn.Conv2d(channels, channels, 1, groups=channels, bias=False).to(x.device)
    nn.init.ones_(same.weight)
    return FoundStage(same, pool=nn.AvgPool2d((bands, 1)), has_relu=True)


def _check(network: AdaptedNetwork, noise: Tensor) -> None:
    """Compare the parts with the whole, and look whether frames are treated by themselves."""
    window = network.get_buffer("window")
    spectra = torch.randn(1, network.n_fft // 2 + 1, FRAMES, dtype=torch.complex64)
    spectra = spectra.to(window.device)
    features = network.from_spectrum(spectra)
    if features.ndim != 4 or features.shape[-1] != FRAMES:
        raise ParameterError(
            f"the first convolution must be given [batch, channels, bands, frames], got "
            f"{list(features.shape)} for {FRAMES} frames"
        )
    changed = spectra.clone()
    changed[:, :, FRAMES // 2 :] *= 3
    before = (network.from_spectrum(changed) - features)[..., : FRAMES // 2]
    if before.abs().max() > 0:
        raise ParameterError(
            "what comes before the first convolution must treat every frame by itself: a "
            "normalisation over time, for instance, does not"
        )
    whole, parts = network(noise), network.by_parts(noise)
    difference = float((whole - parts).abs().max()) if whole.shape == parts.shape else torch.inf
    if not difference <= CLOSE * max(1.0, float(whole.abs().max())):
        raise ParameterError(
            f"the parts that were found do not say what the network says ({difference:.1e} apart): "
            "write a class that satisfies audiolime.exact.Network"
        )
