"""Cost of exact answers for models that hear windows: `python benchmarks/any_model.py`.

A 30 s track of five stems in five segments, and two models with random weights of the sizes that
music taggers have: a CNN on log-mel windows of 3 s, and a transformer on patches of the same. 2048
masks by `WindowedEngine`, against composing each mask and scoring all of its windows, whose time is
extrapolated from a few masks. Three placements of windows: side by side, half overlapping, so that
some see two segments, and half overlapping within segments.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from _shared import print_head, print_row, timed
from numpy.typing import NDArray
from torch import Tensor, nn

from audiolime.components.segmentation import equal_segments
from audiolime.components.stem_factorization import TimeSourceFactorization
from audiolime.exact import LinearHead, WindowedEngine
from lemons_audio import to_float32
from lemons_utils import SAMPLE_RATE, command
from recsys.demo.takes import stems as true_stems
from recsys.melspectrogram import mel_filter_bank

ALL_SOUND = 4
"""Seed of a demo track whose stems all sound in each of five segments."""
MASKS, OUTPUTS = 2048, 50
WINDOW = 3 * SAMPLE_RATE
PLACEMENTS: dict[str, dict[str, Any]] = {
    "side by side": {"hop": WINDOW},
    "half overlapping": {"hop": WINDOW // 2},
    "half overlapping, aligned": {"hop": WINDOW // 2, "align": True},
}

Masks = NDArray[np.int64]


class MelBands(nn.Module):
    """Waveforms [batch, samples] -> log-mel spectrograms [batch, 1, 128, frames]."""

    def __init__(self) -> None:
        super().__init__()
        self.window = torch.hann_window(512)
        self.filters = mel_filter_bank().view(-1, 128, 2).mean(dim=2).T

    def forward(self, waveforms: Tensor) -> Tensor:
        """Compute the spectrograms."""
        spectra = torch.stft(waveforms, 512, 256, window=self.window, return_complex=True)
        mel = self.filters @ spectra.abs().square()
        return torch.log10(1 + 10_000 * mel)[:, None]


class Convolutional(nn.Module):
    """Five blocks of a convolution of 128 channels, a maximum over all, a hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        channels = [1, *[128] * 5]
        self.blocks = nn.Sequential(MelBands(), *[
            nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(),
                          nn.MaxPool2d(2))
            for i, o in pairwise(channels)
        ])  # fmt: skip
        self.head = nn.Sequential(nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, OUTPUTS))

    def forward(self, waveforms: Tensor) -> Tensor:
        """Map waveforms [batch, samples] to outputs [batch, OUTPUTS]."""
        scores: Tensor = self.head(self.blocks(waveforms).amax((2, 3)))
        return scores


class Attentive(nn.Module):
    """Twelve layers of attention, 192 wide, over patches of 16 bands and 16 frames."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Sequential(MelBands(), nn.Conv2d(1, 192, 16, stride=16))
        self.places = nn.Parameter(torch.randn(1, 1024, 192) / 50)
        layer = nn.TransformerEncoderLayer(192, 3, 768, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)
        self.head = nn.Linear(192, OUTPUTS)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Map waveforms [batch, samples] to outputs [batch, OUTPUTS]."""
        tokens = self.patches(waveforms).flatten(2).transpose(1, 2)
        heard = self.layers(tokens + self.places[:, : tokens.shape[1]])
        scores: Tensor = self.head(heard.mean(dim=1))
        return scores


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, prog="benchmarks/any_model.py")
    parser.add_argument("--masks", type=int, default=MASKS, help="how many are answered")
    parser.add_argument("--plain-masks", type=int, default=6, help="masks of the plain way, timed")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--cpu-time", action="store_true", help="seconds of processor time, not the clock's"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    clock = time.process_time if options.cpu_time else time.perf_counter
    stems = to_float32(true_stems(ALL_SOUND))
    segments = equal_segments(stems.shape[1], 5)
    masks = np.random.default_rng(0).integers(0, 2, (options.masks, len(stems) * len(segments)))
    masks[0] = 1
    print(
        f"{options.threads} threads, {options.masks} masks, {options.plain_masks} of them plain\n"
    )
    print_head("model", "windows of 3 s", "calls", "plain calls", "fewer", "s", "plain s", "faster",
               "largest difference")  # fmt: skip
    for model in (Convolutional, Attentive):
        torch.manual_seed(0)
        score = scorer(model())
        for name, placement in PLACEMENTS.items():
            head = LinearHead.of_output(0, OUTPUTS)
            engine = WindowedEngine(score, stems, segments, window=WINDOW, head=head, **placement)
            cost = engine.cost(masks)
            seconds = timed(partial(engine.evaluate, masks), clock)
            some, found = masks[: options.plain_masks], list[NDArray[np.float64]]()
            plain = partial(plainly, score, stems, engine, some, found)
            plain_s = timed(plain, clock) / len(some) * len(masks)
            error = np.abs(found[0] - engine.evaluate(some)).max()
            print_row(
                model.__name__, name, f"{cost.calls:,}", f"{cost.plain_calls:,}",
                f"{cost.plain_calls / cost.calls:.1f}x", f"{seconds:.1f}", f"{plain_s:.0f}",
                f"{plain_s / seconds:.1f}x", f"{error:.0e}",
            )  # fmt: skip
    return 0


def scorer(model: nn.Module) -> Callable[[NDArray[np.float32]], Tensor]:
    """Make a function of waveforms, as arrays, that runs the model in evaluation mode."""
    model.eval()

    @torch.inference_mode()
    def score(waveforms: NDArray[np.float32]) -> Tensor:
        outputs: Tensor = model(torch.from_numpy(waveforms))
        return outputs

    return score


def plainly(
    score: Callable[[NDArray[np.float32]], Tensor],
    stems: NDArray[np.float32],
    engine: WindowedEngine,
    masks: Masks,
    found: list[NDArray[np.float64]],
) -> None:
    """Compose every mask, score all of its windows, and add the means of the first output."""
    named = {str(number): stem for number, stem in enumerate(stems)}
    factorization = TimeSourceFactorization(named, SAMPLE_RATE, engine.segments)
    answers = []
    for waveform in factorization.compose(masks):
        heard = np.stack([waveform[window.start : window.end] for window in engine.windows])
        answers.append(score(heard)[:, 0].double().mean().item())
    found.append(np.array(answers))


if __name__ == "__main__":
    sys.exit(main())
