"""The quality of a separated stem: the scale-invariant signal-to-distortion ratio."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lemons_utils import ParameterError


def si_sdr(reference: NDArray[np.floating], estimate: NDArray[np.floating]) -> float:
    """Compute the scale-invariant signal-to-distortion ratio of an estimated stem.

    10 log10(|a s|^2 / |a s - e|^2) with a = <e, s> / |s|^2, the scale at which the true stem s
    explains most of the estimate e. All channels count as one long signal.

    Parameters
    ----------
    reference : ndarray [shape=(..., samples)]
        The true stem.
    estimate : ndarray, same shape

    Returns
    -------
    float [dB]
        Infinite for a scaled copy of the reference; minus infinity for an estimate that is
        orthogonal to it, such as silence.

    Raises
    ------
    ParameterError
        If the shapes differ, a value is not finite or the reference is silent.

    Notes
    -----
    Le Roux, Wisdom, Erdogan, Hershey: "SDR - half-baked or well done?", ICASSP 2019.
    """
    true, given = _checked(reference, estimate)
    target = (given @ true) / (true @ true) * true
    explained = float(target @ target)
    distortion = float((target - given) @ (target - given))
    if explained == 0.0:
        return -np.inf
    # Below double precision the distortion is rounding: the estimate is a scaled copy.
    if distortion <= explained * np.finfo(np.float64).eps ** 2 * true.size:
        return np.inf
    return float(10 * np.log10(explained / distortion))


def si_sdr_improvement(
    reference: NDArray[np.floating],
    estimate: NDArray[np.floating],
    mix: NDArray[np.floating],
) -> float:
    """Compute by how much the ratio of the estimate exceeds that of the mix [dB]."""
    return si_sdr(reference, estimate) - si_sdr(reference, mix)


def _checked(
    reference: NDArray[np.floating], estimate: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if np.shape(reference) != np.shape(estimate):
        raise ParameterError(
            f"reference and estimate must have the same shape, got {np.shape(reference)} and "
            f"{np.shape(estimate)}"
        )
    true = np.asarray(reference, dtype=np.float64).ravel()
    given = np.asarray(estimate, dtype=np.float64).ravel()
    if not (np.isfinite(true).all() and np.isfinite(given).all()):
        raise ParameterError("reference and estimate must be finite, got NaN or infinity")
    if not true.any():
        raise ParameterError("the reference is silent: the ratio is not defined, leave it out")
    return true, given
