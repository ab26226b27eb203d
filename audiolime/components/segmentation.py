"""Temporal segments: equal, given by hand, or at musical boundaries.

Segments are half-open sample ranges that cover the track without gaps, so that what is
switched off segment by segment adds up to the track again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiolime.components.equal_segmentation import Segment, equal_segments
from audiolime.components.musical_segmentation import musical_segments
from lemons_utils import ParameterError

__all__ = ["Segment", "SegmentationParams", "compute_segments", "equal_segments", "manual_segments"]

SegmentationParams = int | Mapping[str, Any] | Sequence[Sequence[int]] | None

DEFAULT_SEGMENTS = 5


def compute_segments(
    signal: NDArray[np.float32],
    sr: int,
    temporal_segmentation_params: SegmentationParams = None,
) -> tuple[list[Segment], int]:
    """Cut a track into segments.

    Parameters
    ----------
    signal : ndarray [shape=(samples,)]
    sr : int > 0 [Hz]
    temporal_segmentation_params : int, dict, sequence of (start, end), or None
        - an int n, or `{'type': 'fixed_length', 'n_temporal_segments': n}`: n equal segments;
        - (start, end) pairs in samples, or `{'type': 'manual', 'manual_segments': pairs}`;
        - `{'type': 'musical', 'n_temporal_segments': n, 'unit': 'bar' or 'beat'}`: see
          `musical_segments`;
        - None: five equal segments.

    Returns
    -------
    segments : list of (start, end) [samples]
    explained_length : int [samples]
        The whole length: the last segment takes what is left over.

    Raises
    ------
    ParameterError
        If there are more segments than samples, or segments by hand leave gaps or overlap.
    """
    n_samples = len(signal)
    params = temporal_segmentation_params
    if params is None:
        params = DEFAULT_SEGMENTS
    if isinstance(params, (int, np.integer)) and not isinstance(params, bool):
        params = {"type": "fixed_length", "n_temporal_segments": int(params)}
    elif not isinstance(params, Mapping):
        params = {"type": "manual", "manual_segments": params}

    kind = params.get("type")
    count = params.get("n_temporal_segments", DEFAULT_SEGMENTS)
    if kind == "fixed_length":
        segments = equal_segments(n_samples, count)
    elif kind == "manual":
        segments = manual_segments(n_samples, params.get("manual_segments"))
    elif kind == "musical":
        segments = musical_segments(signal, sr, n_segments=count, unit=params.get("unit", "bar"))
    else:
        raise ParameterError(
            f"the type of segments must be fixed_length, manual or musical, got {kind!r}"
        )
    return segments, n_samples


def manual_segments(n_samples: int, pairs: Any) -> list[Segment]:
    """Check segments given by hand; the last one is stretched to the end of the track.

    Parameters
    ----------
    n_samples : int
    pairs : sequence of (start, end) [samples]

    Returns
    -------
    list of (start, end) [samples]

    Raises
    ------
    ParameterError
        If the first does not begin at 0, or one does not begin where the one before it ends:
        what lies between segments would belong to no component.
    """
    try:
        segments = [(int(start), int(end)) for start, end in pairs]
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"segments by hand must be (start, end) pairs in samples, got {pairs!r}"
        ) from error
    if not segments:
        raise ParameterError("segments by hand must be one pair at least, got none")
    expected = 0
    for start, end in segments:
        if start != expected or not start < end <= n_samples:
            raise ParameterError(
                f"segments must follow each other without gap from 0 to at most {n_samples:,}: "
                f"({start:,}, {end:,}) should begin at {expected:,} and end after it"
            )
        expected = end
    return [*segments[:-1], (segments[-1][0], n_samples)]
