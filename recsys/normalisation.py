"""Batch normalisation in training, of one network or of several side by side.

The maps of a network's first convolution are its largest, and a normalisation reads and writes them
five times in a step. Here they are written once. What the convolution reads has no weights before
it but the scale and the shift of another normalisation; so the mean and the variance of what it
writes follow from the means and the covariance of its 3x3 patches, eighteen numbers each, and the
normalisation goes into its weights beforehand. Gradients are those of the plain layers; in bfloat16
the weights are rounded after that, which leaves a channel's mean some thousandths of its standard
deviation from where it belongs.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def first_maps(
    before: Sequence[nn.BatchNorm2d],
    convs: Sequence[nn.Conv2d],
    after: Sequence[nn.BatchNorm2d],
    log_mel: Tensor,
) -> Tensor:
    """Normalise by the batch's statistics, convolve, and normalise again.

    Parameters
    ----------
    before, convs, after : sequences of layers
        Of every network; the layers' running statistics are kept.
    log_mel : Tensor [shape=(batch, networks, 256, frames)], decibels

    Returns
    -------
    Tensor [shape=(batch, networks * 64, 256, frames)]
    """
    normalised = batch_normalised(before, log_mel)
    # The shift of `before` becomes a channel of ones, which is zero where the padding is.
    inputs = torch.stack([normalised, torch.ones_like(normalised)], dim=2).flatten(1, 2)
    own = _stacked(convs, "weight")  # [networks, 64, 1, 3, 3]
    scale, shift = (_stacked(before, name)[..., None, None, None] for name in ("weight", "bias"))
    kernels = torch.cat([scale * own, shift * own], dim=2)
    with torch.autocast(inputs.device.type, enabled=False):
        kernels, bias = _normalised(kernels, _stacked(convs, "bias"), after, inputs)
    return nn.functional.conv2d(
        inputs.contiguous(memory_format=torch.channels_last),
        kernels.flatten(0, 1).contiguous(memory_format=torch.channels_last),
        bias.flatten(),
        padding=1,
        groups=len(convs),
    )


def _normalised(
    kernels: Tensor, bias: Tensor, norms: Sequence[nn.BatchNorm2d], inputs: Tensor
) -> tuple[Tensor, Tensor]:
    """Return kernels and biases whose output is normalised already.

    They are [networks, 64, 2, 3, 3] and [networks, 64]; inputs [batch, networks * 2, 256, frames].
    """
    patches = nn.functional.unfold(inputs, 3, padding=1)
    patches = patches.view(len(inputs), len(norms), -1, patches.shape[2])
    count = len(patches) * patches.shape[3]
    mean = patches.mean(dim=(0, 3))  # [networks, 18]
    patches -= mean[..., None]
    covariance = (patches @ patches.mT).sum(dim=0) / count
    flat = kernels.flatten(2)
    mean = (flat @ mean[..., None])[..., 0] + bias
    variance = (flat @ covariance * flat).sum(dim=2)
    _move_statistics(norms, mean.detach(), variance.detach() * (count / (count - 1)))
    rate = _stacked(norms, "weight") * torch.rsqrt(variance + norms[0].eps)
    return kernels * rate[..., None, None, None], _stacked(norms, "bias") + (bias - mean) * rate


def batch_normalised(
    norms: Sequence[nn.BatchNorm2d],
    x: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """Normalise the channels of several networks, side by side, by the batch's statistics.

    Parameters
    ----------
    norms : sequence of BatchNorm2d
        Layers of the networks, whose running statistics are kept.
    x : Tensor [shape=(batch, networks * channels, height, width)]
    weight, bias : Tensor [shape=(networks * channels,)], optional

    Returns
    -------
    Tensor of the shape of `x`
    """
    mean, variance = norms[0].weight.new_zeros(2, x.shape[1])
    x = nn.functional.batch_norm(
        x, mean, variance, weight, bias, training=True, momentum=1.0, eps=norms[0].eps
    )
    _move_statistics(norms, mean.view(len(norms), -1), variance.view(len(norms), -1))
    return x


def _move_statistics(norms: Sequence[nn.BatchNorm2d], mean: Tensor, variance: Tensor) -> None:
    """Move the running statistics of layers towards those of a batch, [networks, channels]."""
    # Lists of tensors, as optimisers handle them: one operation of a GPU for all networks.
    means, variances, counts = (
        [getattr(norm, name) for norm in norms]
        for name in ("running_mean", "running_var", "num_batches_tracked")
    )
    torch._foreach_add_(counts, 1)
    momentum = norms[0].momentum
    share = 1 / float(counts[0]) if momentum is None else momentum  # None: the mean of all batches
    torch._foreach_lerp_([*means, *variances], [*mean, *variance], share)


def _stacked(layers: Sequence[nn.Module], name: str) -> Tensor:
    return torch.stack([getattr(layer, name) for layer in layers])
