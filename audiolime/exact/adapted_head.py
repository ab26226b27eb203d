"""The head of a traced network: which statistics it takes of the last columns, and what follows."""

from __future__ import annotations

import copy
import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from lemons_utils import ParameterError

BOTH, LAST = {2, 3}, {2}
"""Dimensions of [n, channels, bands, columns]; where bands are gone, columns are the last one."""

_REDUCTIONS: dict[object, str] = {
    torch.mean: "mean", torch.amax: "max", torch.max: "max", "mean": "mean", "amax": "max",
    "max": "max",
}  # fmt: skip
_POOLS: dict[object, tuple[str, int]] = {
    nn.AdaptiveAvgPool2d: ("mean", 2), nn.AdaptiveMaxPool2d: ("max", 2),
    nn.AdaptiveAvgPool1d: ("mean", 1), nn.AdaptiveMaxPool1d: ("max", 1),
    F.adaptive_avg_pool2d: ("mean", 2), F.adaptive_max_pool2d: ("max", 2),
    F.adaptive_avg_pool1d: ("mean", 1), F.adaptive_max_pool1d: ("max", 1),
}  # fmt: skip
_WHAT = "the head must take means or maxima over all bands and columns, or means of all bands first"


def find_head(traced: fx.GraphModule, last: fx.Node) -> tuple[list[str], bool, fx.GraphModule]:
    """Find the statistics that are taken of the last columns, and the head over them.

    Returns
    -------
    statistics : list of 'mean' and 'max', each at most once
    bands_first : bool
        Whether bands are averaged before statistics are taken over columns.
    head : GraphModule
        Maps statistics [n, k * channels] to outputs.
    """
    source, over, bands_first = last, BOTH, False
    users = list(last.users)
    if len(users) == 1 and _is_mean_of_bands(traced, users[0]):
        source, over, bands_first = users[0], LAST, True
    found: dict[str, list[tuple[fx.Node, int]]] = {}
    for node in source.users:
        reduced = _reduction(traced, node, 3 if bands_first else 4)
        if reduced is None or reduced[1] != over:
            raise ParameterError(f"{_WHAT}, got {node.name}")
        name, _, kept = reduced
        for value in _values(node):
            found.setdefault(name, []).append((value, kept))
    graph = fx.Graph()
    rows = graph.placeholder("statistics")
    known: dict[fx.Node, fx.Node] = {}
    for place, nodes in enumerate(found.values()):
        # `chunk` asks for no number of channels, so it need not be known here
        parts = graph.call_method("chunk", (rows, len(found)), {"dim": 1})
        part = graph.call_function(operator.getitem, (parts, place))
        for node, kept in nodes:
            known[node] = part
            for _ in range(kept):
                known[node] = graph.call_method("unsqueeze", (known[node], -1))

    def copied(node: fx.Node) -> fx.Node:
        if node not in known:
            if node.op == "placeholder" or node is last:
                raise ParameterError(f"{_WHAT}, and nothing else of the network")
            for used in node.all_input_nodes:
                copied(used)
            known[node] = graph.node_copy(node, known.__getitem__)
        return known[node]

    (output,) = (node for node in traced.graph.nodes if node.op == "output")
    if not isinstance(output.args[0], fx.Node):
        raise ParameterError("the network must return one tensor [batch, outputs]")
    graph.output(copied(output.args[0]))
    return list(found), bands_first, fx.GraphModule(traced, graph)


def linear_if_it_is(head: nn.Module, width: int) -> nn.Module:
    """Return a head as a linear layer if it is one, whose tables a file can hold; as it is if not.

    Parameters
    ----------
    head : Module
        Maps [n, width] to [n, outputs].
    width : int
    """
    exact = copy.deepcopy(head).double()
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(8, width, generator=generator, dtype=torch.float64)
    like = next(exact.parameters(), rows)
    rows = rows.to(like.device)
    bias = exact(torch.zeros_like(rows[:1]))[0]
    weight = (exact(torch.eye(width, dtype=torch.float64, device=rows.device)) - bias).T
    found = exact(rows)
    if not torch.allclose(found, rows @ weight.T + bias, rtol=1e-9, atol=1e-9):
        return head
    linear = nn.Linear(width, len(bias)).to(rows.device)
    linear.weight.copy_(weight)
    linear.bias.copy_(bias)
    return linear.eval()


def _is_mean_of_bands(traced: fx.GraphModule, node: fx.Node) -> bool:
    """Whether a node averages bands; to drop the only one there is comes to the same."""
    squeezed = node.target in (torch.squeeze, "squeeze") and len(node.args) > 1
    if squeezed:
        return node.args[1] in (2, -2)
    return _reduction(traced, node, 4) == ("mean", LAST, 0)


def _reduction(
    traced: fx.GraphModule, node: fx.Node, n_dims: int
) -> tuple[str, set[int], int] | None:
    """Understand a node as a statistic: its name, the dimensions, how many of size 1 stay."""
    layer: Any = node.target
    if node.op == "call_module":
        module = traced.get_submodule(str(node.target))
        layer, size = type(module), getattr(module, "output_size", None)
    else:
        size = node.args[1] if len(node.args) > 1 else node.kwargs.get("output_size")
    if layer in _POOLS:
        name, kept = _POOLS[layer]
        fits = size in (1, (1,) * kept) and kept == n_dims - 2
        return (name, set(range(2, n_dims)), kept) if fits else None
    if layer not in _REDUCTIONS or node.op not in ("call_function", "call_method"):
        return None
    dims: Any = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    keep = node.args[2] if len(node.args) > 2 else node.kwargs.get("keepdim", False)
    dims = (dims,) if isinstance(dims, int) else dims
    if not isinstance(dims, (tuple, list)):
        return None
    over = {int(dim) % n_dims for dim in dims}
    return _REDUCTIONS[layer], over, len(over) if keep else 0


def _values(node: fx.Node) -> list[fx.Node]:
    """List the nodes that hold a statistic: `torch.max` over a dimension returns indices, too."""
    if node.target not in (torch.max, "max"):
        return [node]
    picked = [
        user
        for user in node.users
        if (user.target, *user.args[1:]) in ((operator.getitem, 0), (getattr, "values"))
    ]
    if any(user.users for user in node.users if user not in picked):
        raise ParameterError(f"{_WHAT}, got the places of maxima at {node.name}")
    return picked
