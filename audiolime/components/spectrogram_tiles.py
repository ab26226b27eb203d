"""Tiles of a spectrogram, for models that are given spectrograms rather than waveforms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiolime.components.factorization import CompositionFn, Factorization
from audiolime.components.segmentation import SegmentationParams, equal_segments
from lemons_utils import ParameterError

BASELINES = ("zero", "min", "mean", "max", "unif", "shuffle")


class TimeFrequencyTorchFactorization(Factorization):
    """Switch tiles of a spectrogram off by a baseline, without going back to sound.

    Component index = segment * number of bands + band. Whatever cannot be divided evenly
    goes to the last segment and the highest band. To listen to tiles, and for components that
    add up to the track, take `audiolime.components.tiles.TimeFrequencyFactorization`.

    Parameters
    ----------
    input : ndarray or torch tensor [shape=(bins, frames)]
    target_sr : int > 0 [Hz]
    frequency_segments : int >= 1
    temporal_segmentation_params : int, or dict as in `audiolime.compute_segments`
        An int counts equal segments; segments by hand are in samples.
    hop_length : int > 0 [samples]
        Distance of the frames: where segments given in samples begin.
    baseline : 'zero', 'min', 'mean', 'max', 'unif' or 'shuffle'
        What stands in for a tile that is off: a constant, or noise drawn once from numpy's
        global random state.
    composition_fn : callable, optional
        Turns the spectrogram into what the model takes.
    """

    has_sound = False

    def __init__(
        self,
        input: Any,
        target_sr: int,
        frequency_segments: int = 4,
        temporal_segmentation_params: SegmentationParams = 6,
        hop_length: int = 256,
        baseline: str = "zero",
        composition_fn: CompositionFn | None = None,
    ) -> None:
        if getattr(input, "ndim", 0) != 2:
            raise ParameterError("input must be a spectrogram [bins, frames]")
        n_bins, n_frames = (int(size) for size in input.shape)
        placeholder = np.zeros(n_frames * hop_length, np.float32)  # segments are cut in samples
        params = temporal_segmentation_params
        if isinstance(params, Mapping) and params.get("type") == "fixed_length":
            params = params["n_temporal_segments"]
        if isinstance(params, int):
            frames = equal_segments(n_frames, params)
            params = [(begin * hop_length, end * hop_length) for begin, end in frames]
        super().__init__(placeholder, target_sr, params, composition_fn)
        self.hop_length = hop_length
        self.spectrogram = input
        self.n_frequency_segments = frequency_segments
        self.baseline_type = baseline
        self.baseline = _baseline(baseline, input)
        self._frames = [
            (begin // hop_length, end // hop_length) for begin, end in self.temporal_segments
        ]
        self._bins = equal_segments(n_bins, frequency_segments)
        self._components_names = [
            f"T{segment}F{band}"
            for segment in range(1, len(self._frames) + 1)
            for band in range(1, frequency_segments + 1)
        ]

    def prepare_components(self, start_sample: int, y_length: int) -> None:
        """Raise a ParameterError: a spectrogram has no samples to cut."""
        raise ParameterError("a spectrogram has no analysis window: cut it before, by frames")

    def retrieve_components(self, selection_order: Iterable[int] | None = None) -> Any:
        """Give the spectrogram with only the chosen tiles on [shape=(bins, frames)]."""
        if selection_order is None:
            return self.spectrogram
        on = np.zeros(tuple(self.spectrogram.shape), np.float32)
        for index in self._chosen(selection_order):
            segment, band = divmod(index, self.n_frequency_segments)
            on[slice(*self._bins[band]), slice(*self._frames[segment])] = 1.0
        mask = self.spectrogram.new_tensor(on) if hasattr(self.spectrogram, "new_tensor") else on
        return self.spectrogram * mask + self.baseline * (1.0 - mask)

    def compose_model_input(self, components: Iterable[int] | None = None) -> Any:
        """Compose what the model is given when `components` are on (all of them if None)."""
        return self._composition_fn(self.retrieve_components(components))

    def compose(self, masks: ArrayLike) -> NDArray[np.float32]:
        """Say that there is no waveform to compose."""
        raise ParameterError(
            "tiles of a spectrogram have no waveform: use TimeFrequencyFactorization to hear them"
        )


def _baseline(kind: str, spectrogram: Any) -> Any:
    if kind not in BASELINES:
        raise ParameterError(f"baseline must be one of {', '.join(BASELINES)}, got {kind!r}")
    blank = spectrogram * 0
    if kind == "zero":
        return blank
    if kind in ("min", "mean", "max"):
        return blank + getattr(spectrogram, kind)()
    values = np.asarray(spectrogram, np.float32)
    if kind == "unif":
        noise = np.random.uniform(0.0, values.max(), values.shape)  # noqa: NPY002
    else:
        noise = np.random.permutation(values.ravel()).reshape(values.shape)  # noqa: NPY002
    noise = noise.astype(np.float32)
    return blank + (spectrogram.new_tensor(noise) if hasattr(blank, "new_tensor") else noise)
