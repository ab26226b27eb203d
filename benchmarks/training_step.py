"""What a training step is made of: `python benchmarks/training_step.py [--precision bfloat16]`.

Prints, for every block of the published network and a batch of 20 crops of a second, how long its
operations take and at what rate its convolution and the two gradients of it work, beside the rate
of a plain matrix product; then whole steps (forward, backward) by other ways of computing the same,
in turns: the first block's layers one by one, the normalisation after the pooling, the gradients of
the weights as matrix products, and, with `--compile`, PyTorch's compiler, which needs one of C++.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import itertools
import statistics
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from unittest import mock

import torch
from _shared import print_head, print_row, timed
from torch import Tensor, nn

from lemons_processes import freed_memory_kept
from lemons_utils import SAMPLE_RATE
from recsys import model
from recsys.model import CHANNELS, FCN, Block
from recsys.training import fresh_network
from recsys.training.joined import training_logits
from recsys.training_options import PRECISIONS

BATCH_SIZE = 20
MAPS = (256, 63)
"""Height and width of the first block's maps, for a crop of a second."""

CHUNK = 4096
"""Places at a time of a product that gives a gradient of weights: what fits the cache."""

aten = torch.ops.aten

Patch = contextlib.AbstractContextManager[object]


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true", help="also PyTorch's compiler (a minute)")
    options = parser.parse_args()
    print(f"{torch.get_num_threads()} threads, {options.precision}")
    with freed_memory_kept():
        print_parts(getattr(torch, options.precision), options.rounds)
        print_ways(options.precision, options.rounds, with_compiler=options.compile)


# -- the parts -----------------------------------------------------------------------------------
def print_parts(dtype: torch.dtype, rounds: int) -> None:
    """Print the seconds of every block's operations, and what the processor could do."""
    square = torch.randn(2048, 2048).to(dtype)
    product = median(rounds, lambda: square @ square)
    print(f"a product of two matrices of 2048 x 2048: {2 * 2048**3 / product / 1e9:.0f} GFLOP/s\n")
    titles = ("convolution", "gradient of its input", "of its weights")
    print_head("block", "GFLOP", *(f"{title}, ms (GFLOP/s)" for title in titles),
               "normalisation, ms", "pooling, ms")  # fmt: skip
    height, width = MAPS
    for number, (before, after) in enumerate(itertools.pairwise((2, *CHANNELS[1:])), start=1):
        parts = parts_of(before, after, height, width, dtype)
        gflop = 2 * BATCH_SIZE * before * after * 9 * height * width / 1e9
        seconds = {name: median(rounds, part) for name, part in parts.items()}
        rates = [f"{1e3 * seconds[name]:.0f} ({gflop / seconds[name]:.0f})" for name in titles]
        others = [f"{1e3 * seconds[name]:.0f}" for name in ("normalisation", "pooling")]
        if number == 1:
            rates[1] = "-"  # nothing before it learns
            others[0] = f"({others[0]})"  # which is in the convolution's weights
        print_row(number, f"{gflop:.1f}", *rates, *others)
        height, width = height // 2, width // 2


def parts_of(
    before: int, after: int, height: int, width: int, dtype: torch.dtype
) -> dict[str, Callable[[], object]]:
    """Return the operations of a block, forwards and backwards, on maps of noise."""
    x, y, slope = (
        torch.randn(BATCH_SIZE, channels, height, width)
        .to(dtype)
        .contiguous(memory_format=torch.channels_last)
        for channels in (before, after, after)
    )
    block = Block(before, after)
    weight = block.conv.weight.detach().to(dtype).contiguous(memory_format=torch.channels_last)

    def gradients(*wanted: bool) -> object:
        ones, zeros = [1, 1], [0, 0]
        return aten.convolution_backward(
            slope, x, weight, [after], ones, ones, ones, False, zeros, 1, list(wanted)
        )

    return {
        "convolution": lambda: torch.conv2d(x, weight, padding=1),
        "gradient of its input": lambda: gradients(True, False, False),
        "of its weights": lambda: gradients(False, True, True),
        "normalisation": lambda: through(block.bn, y),
        "pooling": lambda: through(block.pool, y),
    }


def through(layer: nn.Module, x: Tensor) -> None:
    """Pass maps through a layer, and a gradient back."""
    result = layer(x.detach().requires_grad_())
    torch.autograd.backward(result, torch.ones_like(result))


def median(rounds: int, run: Callable[[], object]) -> float:
    """Return the median duration [s], after a first run."""
    run()
    return statistics.median(timed(run) for _ in range(rounds))


# -- other ways ----------------------------------------------------------------------------------
def print_ways(precision: str, rounds: int, *, with_compiler: bool) -> None:
    """Print the seconds of a step each way, in turns."""
    network = fresh_network(0).train()
    ways: dict[str, Callable[[], object]] = {
        "as it is": lambda: step(network, precision),
        "the first block's layers one by one": in_another_way(
            network, precision, plain_first_block()
        ),
        "normalisation after pooling": in_another_way(
            network, precision, blocks(nn.Module.__call__, normalised_after_pooling)
        ),
        "gradients of weights as products": in_another_way(
            network, precision, blocks(with_products, plain_after)
        ),
        "both": in_another_way(network, precision, blocks(with_products, normalised_after_pooling)),
    }
    if with_compiler:
        ways["compiled"] = lambda: step(network, precision, compiled=True)
    seconds = defaultdict[str, list[float]](list)
    for way in ways.values():
        way()
    for _ in range(rounds):
        for name, way in ways.items():
            seconds[name].append(timed(way))
    print()
    print_head("a step", "s", "times as fast as it is")
    for name, found in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(seconds["as it is"], found, strict=True))
        print_row(name, f"{statistics.median(found):.3f}", f"{ratio:.2f}")


def step(network: FCN, precision: str = "float32", *, compiled: bool = False) -> None:
    """Compute the loss of a batch and its gradients."""
    torch.manual_seed(0)  # dropout, too
    waveforms = (0.1 * torch.randn(BATCH_SIZE, SAMPLE_RATE)).to(network.fc.weight.dtype)
    labels = (torch.arange(BATCH_SIZE) % 2).float()
    network.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        numbers = [contextlib.nullcontext()]
        logits = (
            training_logits([network], waveforms[None], numbers, compiled=True)[0]
            if compiled
            else network(waveforms)[:, 0]
        )
    loss = nn.functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
    torch.autograd.backward(loss)


def in_another_way(network: FCN, precision: str, patch: Patch) -> Callable[[], object]:
    """Return what takes a step with other code in place, whose gradients are the same."""

    def run() -> None:
        with patch:
            step(network, precision)

    exact = copy.deepcopy(network).double()
    step(exact)
    expected = gradients_of(exact)
    with patch:
        step(exact)
    difference = (gradients_of(exact) - expected).norm() / expected.norm()
    assert difference < 1e-9, difference
    return run


def gradients_of(network: FCN) -> Tensor:
    """Return a copy of all gradients, one after another."""
    gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
    return torch.cat([gradient.flatten() for gradient in gradients])


def plain_first_block() -> Patch:
    """Normalise the maps of the first convolution, whose input's gradient is needed then."""
    return mock.patch.object(
        model, "first_maps", lambda before, convs, after, x: after[0](convs[0](before[0](x)))
    )


def blocks(
    convolve: Callable[[nn.Conv2d, Tensor], Tensor], after: Callable[[Block, Tensor], Tensor]
) -> Patch:
    """Replace what the blocks after the first compute."""
    return mock.patch.object(
        Block, "forward", lambda block, x: after(block, convolve(block.conv, x))
    )


def plain_after(block: Block, x: Tensor) -> Tensor:
    """Apply the layers after a convolution."""
    return torch.relu(block.pool(block.bn(x)))


def normalised_after_pooling(block: Block, x: Tensor) -> Tensor:
    """Normalise what is left after the pooling: a maximum and a rising line commute."""
    bn = block.bn
    apply: Callable[..., Tensor] = NormalisedAfterPooling.apply
    return apply(x, bn.weight, bn.bias, bn)


class NormalisedAfterPooling(torch.autograd.Function):
    """Pooling, batch normalisation and ReLU of a block, for scales that are positive."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, bn: nn.BatchNorm2d) -> Tensor:
        """Map [batch, channels, height, width] to half the height and width."""
        mean, variance = torch.batch_norm_update_stats(
            x, bn.running_mean, bn.running_var, bn.momentum or 0.0
        )
        rate = torch.rsqrt(variance + bn.eps)
        pooled, places = aten.max_pool2d_with_indices(x, [2, 2])
        normalised = (pooled - mean[:, None, None]) * rate[:, None, None]
        result = torch.relu_(torch.addcmul(bias[:, None, None], normalised, weight[:, None, None]))
        ctx.save_for_backward(x, normalised, places, result, mean, weight * rate, rate)
        return result.to(x.dtype)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the maps, the scale and the shift."""
        x, normalised, places, result, mean, scale, rate = ctx.saved_tensors
        slope = slope.to(result.dtype) * (result > 0)
        of_bias, of_weight = slope.sum((0, 2, 3)), (slope * normalised).sum((0, 2, 3))
        count = x.numel() / x.shape[1]
        by_x = -scale * rate * of_weight / count
        constant = -scale * of_bias / count - by_x * mean
        spread = (slope * scale[:, None, None]).to(x.dtype)
        of_x = aten.max_pool2d_with_indices_backward(
            spread, x, [2, 2], [2, 2], [0, 0], [1, 1], False, places
        )
        of_x.addcmul_(x, by_x[:, None, None].to(x.dtype))
        return of_x.add_(constant[:, None, None].to(x.dtype)), of_weight, of_bias, None


def with_products(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Convolve; the gradient of the weights is computed as products of matrices."""
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
    apply: Callable[..., Tensor] = WithProducts.apply
    return apply(x.to(dtype), conv.weight.to(dtype), conv.bias)


class WithProducts(torch.autograd.Function):
    """A convolution of 3 x 3 whose weights' gradients are nine products of matrices."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Map [batch, before, height, width] to [batch, after, height, width]."""
        ctx.save_for_backward(x, weight)
        return torch.conv2d(x, weight, bias.to(x.dtype), padding=1)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the maps, the weights and the bias."""
        x, weight = ctx.saved_tensors
        ones, zeros = [1, 1], [0, 0]
        of_x, _, _ = aten.convolution_backward(
            slope, x, weight, [len(weight)], ones, ones, ones, False, zeros, 1, [True, False, False]
        )
        return of_x, _of_weights(x, slope), slope.sum((0, 2, 3))


def _of_weights(x: Tensor, slope: Tensor) -> Tensor:
    """Return the gradients of weights [after, before, 3, 3]: products of places and neighbours."""
    # A column and a row of zeros between maps: neighbours are a fixed number of places away.
    flat = [
        nn.functional.pad(maps.permute(0, 2, 3, 1), (0, 0, 0, 1, 0, 1)).flatten(0, 2)
        for maps in (x, slope)
    ]
    places, width = len(flat[0]), x.shape[3] + 1
    result = x.new_zeros(3, 3, slope.shape[1], x.shape[1])
    for start in range(0, places, CHUNK):
        for row, column in itertools.product(range(3), repeat=2):
            offset = (row - 1) * width + column - 1
            begin, end = max(start, -offset), min(start + CHUNK, places, places - offset)
            neighbours, slopes = flat[0][begin + offset : end + offset], flat[1][begin:end]
            result[row, column].addmm_(slopes.T, neighbours)
    return result.permute(2, 3, 0, 1)


if __name__ == "__main__":
    main()
