"""Score whole tracks of any length in bounded memory.

A feature map of ten minutes takes 2.4 GB. The network is local up to its head, and the head is
a sum and a maximum; so a track is processed in strips, each with the 31 frames of context on
either side that its columns see, and only the order of a sum changes. Strips that fit the
processor's cache are also faster than whole tracks, and so are convolutions that carry the
normalisation after them in their weights.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

from lemons_audio import sigmoid
from lemons_processes import full_precision
from lemons_utils import OnProgress, ParameterError
from recsys.dataset import Tracks, track_loader
from recsys.melspectrogram import HOP_LENGTH, N_FFT, check_waveforms
from recsys.model import FCN, FRAMES_PER_COLUMN, MIN_SAMPLES, LocalStatistics, Network
from recsys.training_options import PRECISIONS, pick_device

STRIP_COLUMNS = {"cpu": 12, "cuda": 256}
"""Output columns of a strip in float32, by device. The first feature map of 12 takes 29 MB: just
below the 32 MB beyond which every allocation is a system call. A GPU wants few, large operations;
that of 256, two minutes of audio, takes 0.5 GB."""


@torch.inference_mode()
def track_logits(
    network: Network,
    waveforms: Tensor,
    *,
    strip_columns: int | None = None,
    precision: str = "float32",
) -> Tensor:
    """Score whole tracks of one length: `network(waveforms)` in strips along time.

    Parameters
    ----------
    network : Network in evaluation mode
    waveforms : Tensor [shape=(batch, samples)], float32, at least 7,936 samples
    strip_columns : int > 0, optional
        Output columns of 32 frames (0.5 s) at a time; by default what suits the device.
    precision : "float32" or "bfloat16"
        Of the convolutions; the head and the spectrogram are always in float32. In bfloat16,
        logits of whole tracks change by some thousandths (`benchmarks/scoring.py`), and
        processors that multiply in it take half the time. `LocalStatistics` has float32 alone.

    Returns
    -------
    Tensor [shape=(batch,)], logits, in float32 equal to the plain forward pass up to rounding

    Raises
    ------
    ParameterError
        If the network is in training mode, whose normalisation would see strips instead of
        tracks, or the waveforms or the precision are not what the network takes.
    """
    if network.training:
        raise ParameterError("expected a network in evaluation mode: call network.eval() first")
    check_waveforms(waveforms, min_samples=MIN_SAMPLES)
    return _in_strips(_folded(network, precision), waveforms, strip_columns)


def _in_strips(folded: Network, waveforms: Tensor, strip_columns: int | None = None) -> Tensor:
    """Do what `track_logits` does, by the network that `_folded` returns."""
    if isinstance(folded, LocalStatistics):  # which goes through a track in strips by itself
        logits: Tensor = folded(waveforms)[:, 0]
        return logits
    if strip_columns is None:
        usual = STRIP_COLUMNS.get(waveforms.device.type, STRIP_COLUMNS["cpu"])
        strip_columns = usual * 4 // folded.layer1.conv.weight.element_size()
    frames = waveforms.shape[1] // HOP_LENGTH + 1
    together = max(1, strip_columns * FRAMES_PER_COLUMN // frames)  # short tracks share a strip
    return torch.cat(
        [_logits(folded, some, strip_columns) for some in torch.split(waveforms, together)]
    )


def _folded(network: Network, precision: str) -> Network:
    """Return a copy without the blocks' normalisation, a fifth of the time, for evaluation.

    What has no blocks is returned as it is.
    """
    if precision not in PRECISIONS:
        raise ParameterError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    if isinstance(network, LocalStatistics):
        return network
    folded = copy.deepcopy(network)
    for block in folded.stages:
        block.conv = fuse_conv_bn_eval(block.conv, block.bn).to(PRECISIONS[precision])
        block.register_module("bn", nn.Identity())
    return folded


def _logits(network: FCN, waveforms: Tensor, strip_columns: int) -> Tensor:
    frames = waveforms.shape[1] // HOP_LENGTH + 1
    columns = frames // FRAMES_PER_COLUMN
    padded = network.spec.mel.spectrogram.reflect_ends(waveforms)
    sums, maxima, count = [], [], 0
    for begin in range(0, columns, strip_columns):
        end = min(begin + strip_columns, columns)
        # One column more on either side holds the context; at the track's ends there is none,
        # and the padding does what it does in the plain pass.
        extra = min(begin, 1)
        first = FRAMES_PER_COLUMN * (begin - extra)
        last = frames if end == columns else FRAMES_PER_COLUMN * (end + 1)
        strip = padded[:, HOP_LENGTH * first : HOP_LENGTH * (last - 1) + N_FFT]
        maps = network.features(network.spec.of_padded(strip))[..., extra : extra + end - begin]
        sums.append(maps.sum(dim=(2, 3), dtype=torch.float64))
        maxima.append(maps.amax(dim=(2, 3)).to(network.fc.weight.dtype))
        count += maps.shape[2] * maps.shape[3]
    maximum = torch.stack(maxima).amax(dim=0)
    mean = (torch.stack(sums).sum(dim=0) / count).to(maximum.dtype)
    return network.head(mean, maximum)[:, 0]


def score_tracks(
    network: Network,
    tracks: Tracks,
    *,
    batch_size: int = 20,
    num_workers: int = 0,
    device: torch.device | str = "cpu",
    precision: str = "float32",
    on_progress: OnProgress | None = None,
) -> NDArray[np.float64]:
    """Score every track, whole, by the network in evaluation mode.

    Parameters
    ----------
    network : Network
        Moved to `device`; its mode is kept.
    tracks : Tracks
    batch_size : int > 0
        Tracks of one length loaded together; changes nothing in the result.
    num_workers : int >= 0
        Processes that load; 0 loads in this one.
    device : torch.device or str
        "auto" is cuda where there is one.
    precision : "float32" or "bfloat16"
        As of `track_logits`.
    on_progress : callable, optional
        Called after every batch with "score" and the share of tracks that is scored.

    Returns
    -------
    ndarray [shape=(tracks,)], logits in the order of `tracks.track_ids`

    Raises
    ------
    ParameterError
        If a logit is not finite (the weights are broken), or the device is missing.
    """
    device = pick_device(str(device))
    logits = np.empty(len(tracks))
    was_training = network.training
    network.to(device).eval()
    try:
        loader = track_loader(tracks, batch_size=batch_size, num_workers=num_workers)
        order, scored = list[int](), list[Tensor]()
        with torch.inference_mode(), full_precision():
            folded = _folded(network, precision)
            for places, waveforms in loader:
                scored.append(_in_strips(folded, waveforms.to(device)))
                order += places.tolist()
                if on_progress is not None:
                    on_progress("score", len(order) / len(tracks))
        # In one go, so that a GPU is waited for once.
        logits[order] = torch.cat(scored).double().cpu().numpy()
    finally:
        network.train(was_training)
    if not np.isfinite(logits).all():
        track_id = tracks.track_ids[int(np.flatnonzero(~np.isfinite(logits))[0])]
        raise ParameterError(
            f"the network returns {logits[~np.isfinite(logits)][0]} for track {track_id}: its "
            "weights are broken, train again with a smaller learning rate"
        )
    return logits


def relevance(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map logits to relevance in [0, 1]."""
    return sigmoid(logits)
