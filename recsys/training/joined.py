"""Several networks as one: their channels side by side, in groups that do not see each other.

A group of channels goes through the weights of one network, and batch normalisation takes each
channel by itself, so that every network computes what it would compute alone, up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from recsys.model import FCN


def training_logits(
    networks: Sequence[FCN],
    waveforms: Tensor,
    random_numbers: Sequence[AbstractContextManager[None]],
) -> Tensor:
    """Return the logits of several networks in training mode, each of waveforms of its own.

    Parameters
    ----------
    networks : sequence of FCN
        In training mode, with the same filters of the spectrogram; their running statistics move.
    waveforms : Tensor [shape=(networks, batch, samples)], float32, finite
    random_numbers : sequence of contexts
        In which the dropout of each network is drawn.

    Returns
    -------
    Tensor [shape=(networks, batch)]
    """
    count, batch, samples = waveforms.shape
    spec = networks[0].spec
    padded = spec.mel.spectrogram.reflect_ends(waveforms.reshape(-1, samples))
    log_mel = spec.of_padded(padded)
    log_mel = log_mel.reshape(count, batch, *log_mel.shape[1:]).transpose(0, 1)
    x = _first_convolution(networks, log_mel)
    for number, blocks in enumerate(zip(*(network.stages for network in networks), strict=True)):
        convs = [block.conv for block in blocks]
        if number:
            weight = torch.cat([conv.weight for conv in convs])
            x = nn.functional.conv2d(x, weight, _biases(convs), padding=1, groups=count)
        norms = [block.bn for block in blocks]
        affine = {name: torch.cat([getattr(norm, name) for norm in norms]) for name in _AFFINE}
        x = torch.relu(blocks[0].pool(_normalised(norms, x, **affine)))
    maps = x.reshape(batch, count, -1, *x.shape[2:])
    means, maxima = maps.mean(dim=(3, 4)), maps.amax(dim=(3, 4))  # [batch, networks, 64]
    logits = []
    for place, (network, numbers) in enumerate(zip(networks, random_numbers, strict=True)):
        with numbers:
            logits.append(network.head(means[:, place], maxima[:, place])[:, 0])
    return torch.stack(logits)


_AFFINE = ("weight", "bias")


def _first_convolution(networks: Sequence[FCN], log_mel: Tensor) -> Tensor:
    """Do what `FCN` does first in training mode, on [batch, networks, 256, frames] dB."""
    normalised = _normalised([network.spec_bn for network in networks], log_mel)
    inputs = torch.stack([normalised, torch.ones_like(normalised)], dim=2).flatten(1, 2)
    weight = torch.cat([network.first_weight() for network in networks])
    return nn.functional.conv2d(
        inputs.contiguous(memory_format=torch.channels_last),
        weight.contiguous(memory_format=torch.channels_last),
        _biases([network.layer1.conv for network in networks]),
        padding=1,
        groups=len(networks),
    )


def _biases(convolutions: Sequence[nn.Conv2d]) -> Tensor:
    return torch.cat([conv.bias for conv in convolutions if conv.bias is not None])


def _normalised(norms: Sequence[nn.BatchNorm2d], x: Tensor, **affine: Tensor) -> Tensor:
    """Normalise by the batch's statistics, and move the running ones of every network."""
    means, variances, counts = (
        [buffer for norm in norms if (buffer := getattr(norm, name)) is not None]
        for name in ("running_mean", "running_var", "num_batches_tracked")
    )
    mean, variance = torch.cat(means), torch.cat(variances)
    momentum, eps = norms[0].momentum or 0.0, norms[0].eps
    x = nn.functional.batch_norm(
        x, mean, variance, training=True, momentum=momentum, eps=eps, **affine
    )
    # Lists of tensors, as optimisers handle them: one operation of a GPU for all networks.
    moved = [*mean.chunk(len(norms)), *variance.chunk(len(norms))]
    torch._foreach_copy_([*means, *variances], moved)
    torch._foreach_add_(counts, 1)
    return x
