"""Segments of the same length."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from lemons_utils import ParameterError

Segment = tuple[int, int]


def equal_segments(n_samples: int, n_segments: int) -> list[Segment]:
    """Cut into segments of the same length; the last one takes the remainder.

    Parameters
    ----------
    n_samples : int >= n_segments
    n_segments : int >= 1

    Returns
    -------
    list of (start, end) [samples]
    """
    if not isinstance(n_segments, (int, np.integer)) or n_segments < 1:
        raise ParameterError(f"the number of segments must be 1 or more, got {n_segments!r}")
    if n_samples < n_segments:
        raise ParameterError(
            f"{n_segments} segments need at least {n_segments} samples, got {n_samples:,}: "
            "ask for fewer segments or take a longer excerpt"
        )
    length = n_samples // int(n_segments)
    starts = [length * index for index in range(int(n_segments))]
    return list(pairwise([*starts, n_samples]))
