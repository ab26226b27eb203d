"""The stages of a traced network: convolutions with what follows them, and residual blocks."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from audiolime.exact.stage import fold
from lemons_utils import ParameterError

_RELU: tuple[object, ...] = (F.relu, torch.relu, torch.relu_, F.relu_)
_DROPOUT = (nn.Dropout, nn.Dropout2d, nn.Dropout1d, nn.Identity)


@dataclass
class FoundStage:
    """A convolution with what follows it, as `audiolime.exact.network.Stage` has it."""

    conv: nn.Conv2d
    bn: nn.BatchNorm2d | None = None
    pool: nn.Module | None = None
    has_relu: bool = False


def _is(node: fx.Node, modules: dict[str, nn.Module], *kinds: type[nn.Module]) -> bool:
    return node.op == "call_module" and isinstance(modules[str(node.target)], kinds)


def find_stages(traced: fx.GraphModule) -> tuple[fx.Node, list[FoundStage], fx.Node]:
    """Follow a graph from its first convolution until something else comes.

    Returns
    -------
    features : Node
        What the first convolution is given.
    stages : list of FoundStage
    last : Node
        What the stages give.

    Raises
    ------
    ParameterError
        If a convolution has no ReLU, or there is none.
    """
    modules = dict(traced.named_modules())
    first = next((node for node in traced.graph.nodes if _is(node, modules, nn.Conv2d)), None)
    if first is None or not isinstance(first.args[0], fx.Node):
        raise ParameterError("the network has no Conv2d, so nothing of it is local")
    features = last = first.args[0]
    stages: list[FoundStage] = []
    while True:
        if len(last.users) > 1:
            block = _residual_block(last, modules, nonnegative=bool(stages))
            if block is None:
                break
            stages += block[0]
            last = block[1]
            continue
        (node,) = last.users
        step = _step(node, modules)
        if step is None:
            break
        _take(step, stages, node)
        last = node
    if not stages:
        raise ParameterError(
            f"{features.name} must go into a convolution alone, or into a residual block"
        )
    if not stages[-1].has_relu:
        raise ParameterError(f"there is no ReLU after the convolution before {last.next.name}")
    return features, stages, last


def _residual_block(
    start: fx.Node, modules: dict[str, nn.Module], *, nonnegative: bool
) -> tuple[list[FoundStage], fx.Node] | None:
    """Understand what follows a node as a residual block: its two stages, and its last node.

    relu(second(relu(first(x))) + shortcut(x)) is two stages of more channels: the first one also
    computes the shortcut, in two copies of opposite sign that survive the ReLU (one, where it is
    x itself and x is not negative), and the second one adds it up.
    """
    chains = [found for user in start.users if (found := _chain(user, modules)) is not None]
    if len(chains) != 2 or len(start.users) != 2:
        return None
    (shortcut, end), (main, other) = sorted(chains, key=lambda one: len(one[0]))
    convolutions = [layer for layer in main if isinstance(layer, nn.Conv2d)]
    kinds = [type(layer) for layer in main if not isinstance(layer, nn.BatchNorm2d)]
    if end is not other or kinds != [nn.Conv2d, nn.ReLU, nn.Conv2d] or len(end.users) != 1:
        return None
    (relu,) = end.users
    if not isinstance(_step(relu, modules), nn.ReLU):
        return None
    normalisations = [
        layer if isinstance(layer, nn.BatchNorm2d) else None
        for layer in (main[1], main[-1], shortcut[1] if len(shortcut) > 1 else None)
    ]
    first, second = convolutions
    stride = first.stride
    if shortcut:
        if not isinstance(shortcut[0], nn.Conv2d) or shortcut[0].stride != stride:
            return None
        carried, shift = _same_size(shortcut[0], normalisations[2], end)
    else:
        channels = first.in_channels
        carried = torch.eye(channels, dtype=torch.float64, device=first.weight.device)
        carried, shift = carried[:, :, None, None], carried.new_zeros(channels)
    signs = [1.0] if nonnegative and not shortcut else [1.0, -1.0]
    w1, b1 = _same_size(first, normalisations[0], end)
    w2, b2 = _same_size(second, normalisations[1], end)
    same = torch.eye(len(w2), dtype=torch.float64, device=w2.device)[:, :, None, None]
    before = _convolution(
        torch.cat(_alike([w1, *(sign * carried for sign in signs)])),
        torch.cat([b1, *(sign * shift for sign in signs)]),
        stride,
    )
    after = _convolution(torch.cat(_alike([w2, *(sign * same for sign in signs)]), dim=1), b2, 1)
    return [FoundStage(before, has_relu=True), FoundStage(after, has_relu=True)], relu


def _chain(node: fx.Node, modules: dict[str, nn.Module]) -> tuple[list[nn.Module], fx.Node] | None:
    """Follow layers until two branches are added up: the layers, and the addition."""
    layers: list[nn.Module] = []
    while node.target not in (operator.add, operator.iadd, torch.add, "add", "add_"):
        layer = _step(node, modules)
        if layer is None or len(node.users) != 1:
            return None
        if not isinstance(layer, _DROPOUT):
            layers.append(layer)
        (node,) = node.users
    return layers, node


def _same_size(conv: nn.Conv2d, bn: nn.BatchNorm2d | None, end: fx.Node) -> tuple[Tensor, Tensor]:
    """Fold a convolution of a residual block, which must keep its input centred."""
    centred = conv.padding == tuple((size - 1) / 2 for size in conv.kernel_size)
    if not centred or conv.groups != 1 or conv.dilation != (1, 1):
        raise ParameterError(
            f"convolutions before {end.name} must have odd kernels, half as much padding, no "
            f"groups and no dilation, got {conv}"
        )
    return fold(conv, bn)


def _alike(kernels: list[Tensor]) -> list[Tensor]:
    """Fill kernels up with zeros around them, to the size of the largest."""
    rows, columns = (max(kernel.shape[dim] for kernel in kernels) for dim in (2, 3))
    return [
        F.pad(kernel, [(columns - kernel.shape[3]) // 2] * 2 + [(rows - kernel.shape[2]) // 2] * 2)
        for kernel in kernels
    ]


def _convolution(weight: Tensor, bias: Tensor, stride: Any) -> nn.Conv2d:
    sizes = tuple(weight.shape[2:])
    conv = nn.Conv2d(
        weight.shape[1],
        weight.shape[0],
        (sizes[0], sizes[1]),
        stride=stride,
        padding=(sizes[0] // 2, sizes[1] // 2),
    )
    conv.weight, conv.bias = nn.Parameter(weight.float()), nn.Parameter(bias.float())
    return conv.requires_grad_(False)


def _step(node: fx.Node, modules: dict[str, nn.Module]) -> nn.Module | None:
    """Understand a node as a layer of a stage; None if it is something else."""
    if node.op == "call_module":
        layer = modules[str(node.target)]
        known = (nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, *_DROPOUT)
        return layer if isinstance(layer, known) else None
    if node.target in _RELU or (node.op, node.target) == ("call_method", "relu"):
        return nn.ReLU()
    if node.target is F.dropout or node.target is F.dropout2d:
        return nn.Identity()
    pools: dict[Any, Callable[..., nn.Module]] = {
        F.max_pool2d: nn.MaxPool2d, F.avg_pool2d: nn.AvgPool2d,
        torch.max_pool2d: nn.MaxPool2d,
    }  # fmt: skip
    if node.target in pools:
        kwargs = {name: value for name, value in node.kwargs.items() if name != "return_indices"}
        return pools[node.target](*node.args[1:], **kwargs)
    return None


def _take(layer: nn.Module, stages: list[FoundStage], node: fx.Node) -> None:
    """Add a layer to the stages, or say in one line why it has no place there."""
    if isinstance(layer, _DROPOUT):
        return
    if isinstance(layer, nn.Conv2d):
        if stages and not stages[-1].has_relu:
            raise ParameterError(f"there is no ReLU between the convolution before {node.name} "
                                 "and that one")  # fmt: skip
        stages.append(FoundStage(layer))
        return
    stage = stages[-1]
    if isinstance(layer, nn.BatchNorm2d):
        if stage.bn is not None or stage.has_relu:
            raise ParameterError(f"{node.name} must come between a convolution and its ReLU")
        stage.bn = layer
    elif isinstance(layer, nn.ReLU):
        stage.has_relu = True
    elif not stage.has_relu or stage.pool is not None:
        raise ParameterError(f"{node.name} must come once, after a ReLU")
    else:
        stage.pool = layer
