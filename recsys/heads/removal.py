"""What an explanation does to components that are off, done to training tracks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SEGMENTS = 5
"""Equal segments that a track is cut into, as explanations cut it."""


def draw_removals(stems: int, count: int, rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    """Draw which stems are on in which segment, as explanations of each kind switch them.

    Parameters
    ----------
    stems : int > 0
    count : int >= 0
    rng : numpy.random.Generator

    Returns
    -------
    list of `count` masks [shape=(5, stems)]: of Time, Source and Time + Source in turn, or of
    Time alone where there is one stem; each component is on with a probability drawn from
    [0.1, 0.9]
    """
    masks = []
    for number in range(count):
        shape = ((SEGMENTS, 1), (1, stems), (SEGMENTS, stems))[number % 3 if stems > 1 else 0]
        chosen = rng.random(shape) < rng.uniform(0.1, 0.9)
        masks.append(np.broadcast_to(chosen, (SEGMENTS, stems)))
    return masks


def remove(stems: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Mix what a mask leaves on.

    Parameters
    ----------
    stems : ndarray [shape=(stems, samples)]
    mask : ndarray [shape=(segments, stems)]

    Returns
    -------
    ndarray [shape=(samples,)]; what is off is digital silence
    """
    samples = stems.shape[1]
    mix = np.zeros(samples, dtype=np.float32)
    edges = np.arange(len(mask) + 1) * samples // len(mask)
    for start, end, on in zip(edges, edges[1:], mask, strict=False):
        mix[start:end] = stems[on, start:end].sum(axis=0)
    return mix
