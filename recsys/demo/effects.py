"""Audio effects: amplifier, reverb, echo, tone control, fades. All but the amplifier are linear.

A linear effect can be applied to each stem alone, and the stems still sum to the mix.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lemons_utils import SAMPLE_RATE
from recsys.demo.filters import bandpass, recursive
from recsys.demo.instruments import AMPLIFIERS
from recsys.demo.tones import Wave

_EARLY = ((47, 0.6), (107, -0.55), (167, 0.5), (229, 0.45), (293, -0.4), (359, 0.35))
_COMBS = ((319, 1.0), (367, -0.9), (413, 0.95), (473, -0.85))


def active_level(wave: Wave) -> float:
    """Return the RMS level over the blocks that are not silent; 0 for silence."""
    power = np.square(wave[: len(wave) // 800 * 800].reshape(-1, 800)).mean(axis=1)
    loudest = float(power.max(initial=0.0))
    return float(np.sqrt(power[power > 1e-3 * loudest].mean())) if loudest > 0 else 0.0


def amplify(wave: Wave, amplifier: str) -> Wave:
    """Simulate a guitar amplifier: soft clipping, then a loudspeaker."""
    drive, low_hz, high_hz = AMPLIFIERS[amplifier]
    level = active_level(wave)
    if not level:
        return wave
    clipped = np.tanh(wave * (drive / level / 2))
    speaker = bandpass(clipped, 1, low_hz, high_hz)
    # a one-pole low-pass removes the harsh treble of the clipping
    pole = float(np.exp(-2 * np.pi * high_hz / SAMPLE_RATE))
    return recursive([1 - pole], [1, -pole], speaker)


def pump(wave: Wave, depth: float, beat_s: float, start_s: float) -> Wave:
    """Lower a part on every beat, like a compressor controlled by the kick drum."""
    phase = ((np.arange(len(wave)) / SAMPLE_RATE - start_s) / beat_s) % 1.0
    gain = np.interp(phase, (0.0, 0.12, 0.7, 0.95, 1.0), (1 - depth, 1 - depth, 1, 1, 1 - depth))
    return wave * gain


def echo(waves: NDArray[np.float64], delay_s: float, feedback: float) -> NDArray[np.float64]:
    """Return decaying repeats of a sound, without the sound itself.

    Parameters
    ----------
    waves : ndarray [shape=(stems, samples)]
    delay_s : float > 0 [s]
    feedback : float in [0, 1)
    """
    delay = max(1, round(delay_s * SAMPLE_RATE))
    repeats = np.zeros_like(waves)
    repeats[:, delay:] = waves[:, :-delay]
    return _comb(repeats, delay, feedback)


def room(waves: NDArray[np.float64], decay_s: float) -> NDArray[np.float64]:
    """Return the reverberation of a sound, early reflections and four comb filters, without it.

    After M. R. Schroeder, Natural sounding artificial reverberation, 1962.

    Parameters
    ----------
    waves : ndarray [shape=(stems, samples)]
        An even number of samples.
    decay_s : float > 0 [s]
        The time in which the reverberation falls by 60 dB.
    """
    # at half the sample rate, since walls absorb the treble
    half = waves[:, 0::2] + waves[:, 1::2]
    early = np.zeros_like(half)
    for delay, gain in _EARLY:
        early[:, delay:] += gain * half[:, :-delay]
    late = np.zeros_like(half)
    for delay, gain in _COMBS:
        feedback = 10 ** (-3 * 2 * delay / SAMPLE_RATE / decay_s)
        late += gain * _comb(early, delay, feedback)
    wet = np.empty_like(waves)
    wet[:, 1::2] = late * 0.2
    wet[:, 2::2] = (late[:, :-1] + late[:, 1:]) * 0.1
    wet[:, 0] = 0.0
    return wet


def _comb(waves: NDArray[np.float64], delay: int, feedback: float) -> NDArray[np.float64]:
    """Compute y[n] = x[n] + feedback * y[n - delay], `delay` samples at a time."""
    out = waves.copy()
    samples = waves.shape[1]
    for start in range(delay, samples, delay):
        stop = min(start + delay, samples)
        out[:, start:stop] += feedback * out[:, start - delay : stop - delay]
    return out


def tone_control(waves: NDArray[np.float64], treble_db: float) -> NDArray[np.float64]:
    """Apply a treble shelf above 2.5 kHz and a high-pass at 25 Hz.

    Parameters
    ----------
    waves : ndarray [shape=(stems, samples)]
    treble_db : float [dB]
    """
    gain = 10 ** (treble_db / 20)
    pole = np.exp(-2 * np.pi * 2500 / SAMPLE_RATE)
    # gain * x + (1 - gain) * lowpass(x): one at 0 Hz, `gain` far above the corner
    shelf = np.array([gain + (1 - gain) * (1 - pole), -gain * pole])
    blocker = float(np.exp(-2 * np.pi * 25 / SAMPLE_RATE))
    numerator = np.convolve(shelf, (1.0, -1.0))
    denominator = np.convolve((1.0, -pole), (1.0, -blocker))
    return recursive(numerator, denominator, waves)


def fade(waves: NDArray[np.float64], in_s: float, out_s: float) -> NDArray[np.float64]:
    """Fade in and out, in place."""
    rise, fall = round(in_s * SAMPLE_RATE), round(out_s * SAMPLE_RATE)
    ramp = np.sin(np.linspace(0, np.pi / 2, rise)) ** 2
    waves[:, :rise] *= ramp
    waves[:, -fall:] *= np.cos(np.linspace(0, np.pi / 2, fall)) ** 2
    return waves
