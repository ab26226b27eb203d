"""Superpixels of a spectrogram: patches of similar level, whatever their shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiolime.components.factorization import Factorization
from lemons_utils import ParameterError

BASELINES = ("zero", "min")
ROUNDS = 10


class ImageLikeFactorization(Factorization):
    """Switch superpixels of a spectrogram off: S1, S2, ...

    Parameters
    ----------
    input : str, Path, ndarray [shape=(samples,)] or object with `get_mix`
    target_sr : int > 0 [Hz]
    torchaudio_spec : ndarray or torch tensor [shape=(bins, frames)]
    image_segmentation_algorithm : 'slic'
    image_segmentation_params : dict, optional
        `n_segments`, about how many superpixels there are (100), and `compactness`, how much
        their shape counts beside their level (0.1).
    baseline : 'zero' or 'min'
        What stands in for superpixels that are off.
    temporal_segmentation_params : None
        Superpixels have no segments.
    """

    has_sound = False

    def __init__(
        self,
        input: Any,
        target_sr: int,
        torchaudio_spec: Any,
        image_segmentation_algorithm: str = "slic",
        image_segmentation_params: Mapping[str, Any] | None = None,
        baseline: str = "zero",
        temporal_segmentation_params: None = None,
    ) -> None:
        if temporal_segmentation_params is not None:
            raise ParameterError("superpixels have no temporal_segmentation_params: leave them out")
        if image_segmentation_algorithm != "slic":
            raise ParameterError(
                f"image_segmentation_algorithm must be slic, got {image_segmentation_algorithm!r}"
            )
        if baseline not in BASELINES:
            raise ParameterError(f"baseline must be one of {BASELINES}, got {baseline!r}")
        if hasattr(torchaudio_spec, "detach"):
            torchaudio_spec = torchaudio_spec.detach().cpu().numpy()
        self.spectrogram = np.asarray(torchaudio_spec)
        if self.spectrogram.ndim != 2 or not np.isfinite(self.spectrogram).all():
            raise ParameterError(
                "torchaudio_spec must be a spectrogram [bins, frames] of finite numbers"
            )
        self.baseline = baseline
        self.original_components = superpixels(
            self.spectrogram, **dict(image_segmentation_params or {})
        )
        super().__init__(input, target_sr, 1)

    def _set_up(self) -> None:
        count = int(self.original_components.max()) + 1
        self._components_names = [f"S{number}" for number in range(1, count + 1)]

    def prepare_components(self, start_sample: int, y_length: int) -> None:
        """Raise a ParameterError: a spectrogram has no samples to cut."""
        raise ParameterError("a spectrogram has no analysis window: cut it before, by frames")

    def retrieve_components(self, selection_order: Iterable[int] | None = None) -> NDArray[Any]:
        """Give the spectrogram with only the chosen superpixels on [shape=(bins, frames)]."""
        on = np.isin(self.original_components, self._chosen(selection_order))
        off = self.spectrogram.min() if self.baseline == "min" else 0
        return np.where(on, self.spectrogram, off).astype(self.spectrogram.dtype)

    def compose_model_input(self, components: Iterable[int] | None = None) -> NDArray[Any]:
        """Give the spectrogram that the model is given when `components` are on."""
        return self.retrieve_components(components)


def superpixels(
    image: NDArray[Any], *, n_segments: int = 100, compactness: float = 0.1
) -> NDArray[np.int64]:
    """Part an image into patches of similar level: local k-means of level and place.

    Parameters
    ----------
    image : ndarray [shape=(rows, columns)]
    n_segments : int >= 1
        About how many patches there are.
    compactness : float > 0
        A distance of one patch counts as much as this share of the image's range of levels.

    Returns
    -------
    ndarray [shape=(rows, columns)], int: the patches' numbers from 0 on, each of which occurs

    References
    ----------
    R. Achanta et al., "SLIC superpixels compared to state-of-the-art superpixel methods", IEEE
    PAMI 34, 2012.
    """
    if n_segments < 1 or not compactness > 0:
        raise ParameterError(
            f"n_segments and compactness must be above 0, got {n_segments} and {compactness}"
        )
    level = np.asarray(image, np.float64)
    rows, columns = level.shape
    level = (level - level.min()) / (np.ptp(level) or 1.0)
    step = max(np.sqrt(rows * columns / n_segments), 1.0)
    places = [np.arange(step / 2, size + step / 4, step).clip(0, size - 1) for size in level.shape]
    centres = np.array([
        (row, column, level[int(row), int(column)]) for row in places[0] for column in places[1]
    ])  # fmt: skip
    grid = np.stack([*np.indices(level.shape).astype(np.float64), level], axis=-1)
    scale = np.array([compactness / step, compactness / step, 1.0])
    label = np.zeros(level.shape, np.int64)
    for _ in range(ROUNDS):
        nearest = np.full(level.shape, np.inf)
        for number, centre in enumerate(centres):
            low = np.maximum(centre[:2] - 2 * step, 0).astype(int)
            high = (centre[:2] + 2 * step).astype(int) + 1
            near = np.s_[low[0] : high[0], low[1] : high[1]]
            distance = np.square((grid[near] - centre) * scale).sum(axis=-1)
            closer = distance < nearest[near]
            nearest[near][closer], label[near][closer] = distance[closer], number
        sizes = np.bincount(label.ravel(), minlength=len(centres))
        sums = np.stack([
            np.bincount(label.ravel(), part.ravel(), len(centres))
            for part in np.moveaxis(grid, -1, 0)
        ], axis=1)  # fmt: skip
        kept = sizes > 0
        centres[kept] = sums[kept] / sizes[kept, None]
    return np.asarray(np.unique(label, return_inverse=True)[1]).reshape(level.shape)
