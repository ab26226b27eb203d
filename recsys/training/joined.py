"""Several networks as one: their channels side by side, in groups that do not see each other.

A group of channels goes through the weights of one network, and batch normalisation takes each
channel by itself, so that every network computes what it would compute alone, up to rounding.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from lemons_utils import ParameterError, first_line
from recsys.model import FCN
from recsys.normalisation import batch_normalised, first_maps


def training_logits(
    networks: Sequence[FCN],
    waveforms: Tensor,
    random_numbers: Sequence[AbstractContextManager[None]],
    *,
    compiled: bool = False,
) -> Tensor:
    """Return the logits of several networks in training mode, each of waveforms of its own.

    Parameters
    ----------
    networks : sequence of FCN
        In training mode, with the same filters of the spectrogram; their running statistics move.
    waveforms : Tensor [shape=(networks, batch, samples)], float32, finite
    random_numbers : sequence of contexts
        In which the dropout of each network is drawn.
    compiled : bool
        Whether PyTorch's compiler makes the operations of all blocks into few.

    Returns
    -------
    Tensor [shape=(networks, batch)]

    Raises
    ------
    ParameterError
        If the compiler fails, as where there is none of C++.
    """
    count, batch, samples = waveforms.shape
    spec = networks[0].spec
    padded = spec.mel.spectrogram.reflect_ends(waveforms.reshape(-1, samples))
    log_mel = spec.of_padded(padded)
    log_mel = log_mel.reshape(count, batch, *log_mel.shape[1:]).transpose(0, 1)
    maps = (_compiled_maps if compiled else _maps)(networks, log_mel)
    maps = maps.reshape(batch, count, -1, *maps.shape[2:])
    means, maxima = maps.mean(dim=(3, 4)), maps.amax(dim=(3, 4))  # [batch, networks, 64]
    logits = []
    for place, (network, numbers) in enumerate(zip(networks, random_numbers, strict=True)):
        with numbers:
            logits.append(network.head(means[:, place], maxima[:, place])[:, 0])
    return torch.stack(logits)


def _maps(networks: Sequence[FCN], log_mel: Tensor) -> Tensor:
    """Map decibels [batch, networks, 256, frames] to maps [batch, networks * 64, 8, columns]."""
    first, *later = zip(*(network.stages for network in networks), strict=True)
    convs, norms = [block.conv for block in first], [block.bn for block in first]
    x = first_maps([network.spec_bn for network in networks], convs, norms, log_mel)
    x = torch.relu(first[0].pool(x))
    for blocks in later:
        convs, norms = [block.conv for block in blocks], [block.bn for block in blocks]
        x = nn.functional.conv2d(x, *_parameters(convs), padding=1, groups=len(networks))
        x = torch.relu(blocks[0].pool(batch_normalised(norms, x, *_parameters(norms))))
    return x


def _parameters(layers: Sequence[nn.Module]) -> tuple[Tensor, Tensor]:
    """Return the weights and the biases of layers, side by side."""
    weight, bias = (
        torch.cat([getattr(layer, name) for layer in layers]) for name in ("weight", "bias")
    )
    return weight, bias


COMPILER: dict[str, Any] = {"mode": "reduce-overhead", "dynamic": False}
"""How PyTorch's compiler is called: on a GPU its graphs are replayed as CUDA graphs."""

SIZES = 256
"""How many numbers of networks and of crops are compiled; those beyond would not be."""


@functools.cache
def _compiled() -> Callable[[Sequence[FCN], Tensor], Tensor]:
    compiled: Callable[[Sequence[FCN], Tensor], Tensor] = torch.compile(_maps, **COMPILER)
    return compiled


def _compiled_maps(networks: Sequence[FCN], log_mel: Tensor) -> Tensor:
    """Do what `_maps` does; the first call for a number of networks and crops takes a minute."""
    from torch import _dynamo  # half a second that others do not need

    if log_mel.is_cuda:
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
    try:
        with _dynamo.config.patch(recompile_limit=SIZES):
            return _compiled()(networks, log_mel)
    except _dynamo.exc.TorchDynamoException as error:
        why = first_line(getattr(error, "inner_exception", error))
        raise ParameterError(
            f"PyTorch's compiler failed ({why}): it needs one of C++, and for a GPU Triton; or "
            "leave compiled out"
        ) from error
