"""The published network and training loop in plain PyTorch, to measure ours beside them.

The arithmetic, the order of layers, the way of loading and when a number is read back are those of
the published system; the code is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from recsys.model import FCN
from recsys.training_options import Options


class PublishedFCN(FCN):
    """The network layer by layer, in the layout that PyTorch gives it by default."""

    def __init__(self) -> None:
        super().__init__()
        nn.utils.convert_conv2d_weight_memory_format(self, torch.contiguous_format)

    def features(self, log_mel: Tensor) -> Tensor:
        """Map decibels to feature maps: convolution, normalisation, ReLU, pooling."""
        x: Tensor = self.spec_bn(log_mel[:, None])
        for block in self.stages:
            x = block.pool(torch.relu(block.bn(block.conv(x))))
        return x


class ArrayFiles(Dataset[tuple[Tensor, Tensor]]):
    """Arrays of a folder: a random crop of each, mapped from disk, or each as a whole."""

    def __init__(self, paths: list[Path], crop: int | None) -> None:
        self.paths, self.crop = paths, crop

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return a waveform and a label."""
        if self.crop is None:
            audio = np.load(self.paths[index])
        else:
            mapped = np.load(self.paths[index], mmap_mode="r")
            start = int(np.random.random() * (len(mapped) - self.crop))  # noqa: NPY002
            audio = np.array(mapped[start : start + self.crop])
        waveform = (audio / 32767).astype(np.float32)
        return torch.from_numpy(waveform), torch.tensor(float(index % 2))


def published_steps(paths: list[Path], options: Options, crop: int) -> Iterator[float]:
    """Train for as long as it is asked; yield the loss of every step."""
    network = PublishedFCN().train()
    optimizer = torch.optim.Adam(network.parameters(), options.lr, weight_decay=options.wd)
    crops = DataLoader(ArrayFiles(paths, crop), batch_size=options.batch_size, shuffle=True)
    loss_of = nn.BCEWithLogitsLoss()
    while True:
        for waveforms, labels in crops:
            loss = loss_of(network(waveforms)[:, 0], labels)
            loss.backward()
            optimizer.step()
            yield loss.item()
            optimizer.zero_grad()


@torch.no_grad()
def published_validation(network: PublishedFCN, paths: list[Path]) -> list[float]:
    """Return the logits of whole tracks, one after the other."""
    network.eval()
    return [network(waveform).item() for waveform, _ in DataLoader(ArrayFiles(paths, None))]
