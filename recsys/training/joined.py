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
from recsys.normalisation import batch_normalised, first_maps


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
    first, *later = zip(*(network.stages for network in networks), strict=True)
    convs, norms = [block.conv for block in first], [block.bn for block in first]
    x = first_maps([network.spec_bn for network in networks], convs, norms, log_mel)
    x = torch.relu(first[0].pool(x))
    for blocks in later:
        weight, bias = (
            torch.cat([getattr(block.conv, name) for block in blocks]) for name in _AFFINE
        )
        x = nn.functional.conv2d(x, weight, bias, padding=1, groups=count)
        norms = [block.bn for block in blocks]
        affine = {name: torch.cat([getattr(norm, name) for norm in norms]) for name in _AFFINE}
        x = torch.relu(blocks[0].pool(batch_normalised(norms, x, **affine)))
    maps = x.reshape(batch, count, -1, *x.shape[2:])
    means, maxima = maps.mean(dim=(3, 4)), maps.amax(dim=(3, 4))  # [batch, networks, 64]
    logits = []
    for place, (network, numbers) in enumerate(zip(networks, random_numbers, strict=True)):
        with numbers:
            logits.append(network.head(means[:, place], maxima[:, place])[:, 0])
    return torch.stack(logits)


_AFFINE = ("weight", "bias")
