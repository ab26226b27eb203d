"""Filters of the band's sounds; scipy.signal, which takes half a second, is loaded on first use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lemons_utils import SAMPLE_RATE
from recsys.demo.tones import Wave

Coefficients = Sequence[float] | NDArray[np.float64]


def bandpass(wave: Wave, order: int, low_hz: float, high_hz: float) -> Wave:
    """Apply a Butterworth band-pass between two frequencies [Hz]."""
    from scipy.signal import butter, sosfilt  # not at the start: most commands play nothing

    sections = butter(order, (low_hz, high_hz), "bandpass", fs=SAMPLE_RATE, output="sos")
    filtered: Wave = sosfilt(sections, wave)
    return filtered


def recursive(
    numerator: Coefficients, denominator: Coefficients, waves: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Apply a recursive filter, given by its coefficients, along the last axis."""
    from scipy.signal import lfilter  # not at the start, as above

    filtered: NDArray[np.float64] = lfilter(numerator, denominator, waves)
    return filtered
