"""Superpixels of a spectrogram: patches of similar level, whatever their shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiolime.components.factorization import Factorization
from lemons_utils import ParameterError

BASELINES = ("zero", "min")
ROUNDS = 10
_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))


class ImageLikeFactorization(Factorization):
    """Switch superpixels of a spectrogram off: S1, S2, ...

    Parameters
    ----------
    input : str, Path, ndarray [shape=(samples,)] or object with `get_mix`
    target_sr : int > 0 [Hz]
    torchaudio_spec : ndarray or torch tensor [shape=(bins, frames)]
    image_segmentation_algorithm : 'slic' or 'felzenszwalb'
    image_segmentation_params : dict, optional
        What `superpixels` or `felzenszwalb` takes beside the image.
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
        if image_segmentation_algorithm not in ALGORITHMS:
            names = " or ".join(ALGORITHMS)
            raise ParameterError(
                f"image_segmentation_algorithm must be {names}, got "
                f"{image_segmentation_algorithm!r}"
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
        part = ALGORITHMS[image_segmentation_algorithm]
        self.original_components = part(self.spectrogram, **dict(image_segmentation_params or {}))
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


def felzenszwalb(
    image: NDArray[Any], *, scale: float = 1.0, sigma: float = 0.8, min_size: int = 20
) -> NDArray[np.int64]:
    """Part an image where levels differ more across a boundary than within: by a spanning tree.

    Parameters
    ----------
    image : ndarray [shape=(rows, columns)]
    scale : float > 0
        The larger, the larger are the patches: the tolerance of a patch is `scale / 255`, in units
        of the image, over its number of pixels.
    sigma : float >= 0 [pixels]
        Of the Gaussian that smooths the image before.
    min_size : int >= 1 [pixels]
        Smaller patches are joined to a neighbour, the likest one first.

    Returns
    -------
    ndarray [shape=(rows, columns)], int: the patches' numbers from 0 on, each of which occurs

    References
    ----------
    P. Felzenszwalb and D. Huttenlocher, "Efficient graph-based image segmentation", International
    Journal of Computer Vision 59, 2004.
    """
    from scipy.ndimage import gaussian_filter

    if not (scale > 0 and sigma >= 0 and min_size >= 1):
        raise ParameterError(
            "scale must be above 0, sigma 0 or more and min_size at least 1, got "
            f"{scale}, {sigma} and {min_size}"
        )
    level = gaussian_filter(np.asarray(image, np.float64), sigma)
    pixels = np.arange(level.size).reshape(level.shape)
    parts = [_edges(level, pixels, *offset) for offset in _NEIGHBOURS]
    ends, weights = (np.concatenate(each) for each in zip(*parts, strict=True))
    order = np.argsort(weights, kind="stable")
    edges: list[tuple[int, int]] = ends[order].tolist()
    parent, size = list(range(level.size)), [1] * level.size
    tolerance = [scale / 255] * level.size  # the largest difference within, and what size adds

    def root(pixel: int) -> int:
        while parent[pixel] != pixel:
            parent[pixel] = pixel = parent[parent[pixel]]
        return pixel

    def join(one: int, other: int) -> int:
        if size[one] < size[other]:
            one, other = other, one
        parent[other] = one
        size[one] += size[other]
        return one

    for (first, second), weight in zip(edges, weights[order].tolist(), strict=True):
        one, other = root(first), root(second)
        if one != other and weight <= min(tolerance[one], tolerance[other]):
            joined = join(one, other)
            tolerance[joined] = weight + scale / 255 / size[joined]
    for first, second in edges:
        one, other = root(first), root(second)
        if one != other and min(size[one], size[other]) < min_size:
            join(one, other)
    roots = [root(pixel) for pixel in range(level.size)]
    return np.asarray(np.unique(roots, return_inverse=True)[1]).reshape(level.shape)


def _edges(
    level: NDArray[np.float64], pixels: NDArray[np.int64], down: int, right: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return all pairs of pixels [pairs, 2] at an offset, and how much their levels differ."""
    rows, columns = level.shape
    here = np.s_[: rows - down, max(-right, 0) : columns - max(right, 0)]
    there = np.s_[down:, max(right, 0) : columns - max(-right, 0)]
    ends = np.stack([pixels[here].ravel(), pixels[there].ravel()], axis=1)
    return ends, np.abs(level[here] - level[there]).ravel()


ALGORITHMS: dict[str, Callable[..., NDArray[np.int64]]] = {
    "slic": superpixels,
    "felzenszwalb": felzenszwalb,
}
"""What parts a spectrogram into superpixels, by the name that audioLIME has for it."""
