"""The pitched instruments: wavetable synthesis with tables that change during a note.

A patch defines the level and the decay of each harmonic. A tone is read from a few single-cycle
tables, cross-faded in time, so that a note costs table look-ups instead of one sine per harmonic.
Strings, keys, winds and synthesizers share this code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lemons_utils import SAMPLE_RATE

Wave = NDArray[np.float64]
"""A waveform [shape=(samples,)]; in double precision every processor plays the same 16 bits."""

Phase = NDArray[np.uint32]

_TABLE = 4096
_FRAMES = 12
_LENGTHS_S = (0.3, 0.5, 0.8, 1.2, 1.8, 2.6, 4.0)
_DRAWBARS = {1: 0.8, 2: 1.0, 3: 0.75, 4: 0.5, 6: 0.3, 8: 0.35}


class Note(NamedTuple):
    """One note: start, duration, MIDI pitch, velocity."""

    start_s: float
    duration_s: float
    pitch: float
    velocity: float


@dataclass(frozen=True)
class Patch:
    """The sound of an instrument; `instruments.toml` explains the keys and their units."""

    spectrum: str
    cutoff_hz: float = 4000.0
    decay_s: float = 0.0
    damping: float = 0.1
    attack_s: float = 0.004
    release_s: float = 0.05
    voices: int = 1
    detune_cents: float = 8.0
    vibrato_cents: float = 0.0
    scoop_cents: float = 0.0
    noise: float = 0.0
    seconds: float = 2.5


def hertz(pitch: float) -> float:
    """Return the frequency of a MIDI pitch [Hz]."""
    return float(440.0 * 2.0 ** ((pitch - 69.0) / 12.0))


def cycle_tables(weights: NDArray[np.float64], *, seed: int) -> Wave:
    """Compute single cycles with the given harmonics, at random phases for a low crest.

    Parameters
    ----------
    weights : ndarray [shape=(frames, harmonics)]
        Amplitudes, the fundamental first.
    seed : int
        The seed of the phases.

    Returns
    -------
    ndarray [shape=(frames, 4096)]
    """
    from scipy.fft import irfft  # not at the start: see filters.py

    harmonics = weights.shape[1]
    phases = np.random.default_rng(seed).uniform(0.0, 2 * np.pi, harmonics)
    spectrum = np.zeros((weights.shape[0], _TABLE // 2 + 1), complex)
    spectrum[:, 1 : harmonics + 1] = weights * np.exp(1j * phases) * (_TABLE / 2)
    tables: Wave = irfft(spectrum, _TABLE, axis=1)
    return tables


def steady(frequency: float, samples: int) -> Phase:
    """Return the phase of a constant pitch, in 2^-32 cycles; phases wrap around."""
    step = np.uint32(round(frequency / SAMPLE_RATE * 2**32))
    return np.arange(samples, dtype=np.uint32) * step


def gliding(frequency: float, cents: NDArray[np.floating]) -> Phase:
    """Run the phase of a pitch that is so many cents off at every sample."""
    steps = np.exp2(cents * (1 / 1200)) * (frequency / SAMPLE_RATE * 2**32)
    return np.cumsum(steps.astype(np.uint32), dtype=np.uint32)


def read_tables(tables: Wave, times_s: NDArray[np.float64], phase: Phase) -> Wave:
    """Play tables, cross-fading from each to the next.

    Parameters
    ----------
    tables : ndarray [shape=(frames, 4096)]
    times_s : ndarray [shape=(frames,)], rising from 0 [s]
        When each table sounds alone.
    phase : ndarray [shape=(samples,)], uint32
        In 2^-32 cycles.
    """
    where = (phase >> np.uint32(32 - _TABLE.bit_length() + 1)).astype(np.intp)
    sound = np.empty(len(phase))
    edges = [min(round(time_s * SAMPLE_RATE), len(phase)) for time_s in times_s]
    for frame in range(len(tables) - 1):
        start, stop = edges[frame], edges[frame + 1]
        if stop <= start:
            continue
        fade = np.arange(stop - start) / (times_s[frame + 1] - times_s[frame]) / SAMPLE_RATE
        here = where[start:stop]
        before = tables[frame][here]
        fade *= tables[frame + 1][here] - before
        np.add(before, fade, out=sound[start:stop])
    sound[edges[-1] :] = tables[-1][where[edges[-1] :]]
    return sound


@lru_cache(maxsize=480)
def tone(patch: Patch, pitch: float, soft: bool, seconds: float) -> Wave:
    """Render one note of a patch, at unit level and read-only.

    Soft notes have less treble. A short tone is the beginning of a long one.
    """
    frequency = hertz(pitch)
    samples = round(seconds * SAMPLE_RATE)
    times_s = patch.seconds * (np.arange(_FRAMES) / (_FRAMES - 1)) ** 2
    times_s = times_s[: int(np.searchsorted(times_s, seconds)) + 1]
    tables = cycle_tables(_weights(patch, frequency, times_s, soft), seed=round(pitch))
    sound = np.zeros(samples)
    for voice in range(patch.voices):
        # slight detuning, as of a real instrument
        cents = (voice - (patch.voices - 1) / 2) * patch.detune_cents
        cents += 0.75 * ((round(pitch) * 7 + voice * 5) % 5 - 2)
        if patch.vibrato_cents or patch.scoop_cents:
            phase = gliding(frequency, cents + _bend(patch, samples))
        else:
            phase = steady(frequency * 2 ** (cents / 1200), samples)
        sound += read_tables(tables, times_s, phase + np.uint32(voice * 0.37 * 2**32 % 2**32))
    sound /= np.sqrt(np.mean(np.square(sound[: SAMPLE_RATE // 4])))
    if patch.noise:
        puff = np.random.default_rng(round(pitch) + 1000).standard_normal(samples)
        hold = 0.0 if patch.decay_s else 0.09
        fading = np.exp(np.arange(samples) * (-50 / SAMPLE_RATE))
        puff *= patch.noise * (fading * (1 - hold) + hold)
        sound += puff
    attack = round(patch.attack_s * SAMPLE_RATE)
    sound[:attack] *= _ramp(attack)
    sound.flags.writeable = False
    return sound


def play(notes: Iterable[Note], patch: Patch, samples: int) -> Wave:
    """Render all notes of a part.

    Parameters
    ----------
    notes : iterable of Note
    patch : Patch
    samples : int > 0
        The length of the result; longer notes are cut.

    Returns
    -------
    ndarray [shape=(samples,)]
    """
    part = np.zeros(samples)
    release = round(patch.release_s * SAMPLE_RATE)
    fall = _ramp(release)[::-1]
    for note in notes:
        start = round(note.start_s * SAMPLE_RATE)
        wanted_s = note.duration_s + patch.release_s
        seconds = min(next((s for s in _LENGTHS_S if s >= wanted_s), wanted_s), patch.seconds)
        longest = round(seconds * SAMPLE_RATE)
        length = min(round(note.duration_s * SAMPLE_RATE) + release, longest, samples - start)
        if start < 0 or length <= release:
            continue
        sound = note.velocity * tone(patch, note.pitch, note.velocity < 0.5, seconds)[:length]
        sound[-release:] *= fall
        part[start : start + length] += sound
    return part


def _bend(patch: Patch, samples: int) -> Wave:
    """Return the deviation from the pitch: delayed vibrato, and scoop at the start [cents]."""
    time_s = np.arange(samples) / SAMPLE_RATE
    onset = np.clip((time_s - 0.25) / 0.3, 0.0, 1.0)
    bend: Wave = patch.vibrato_cents * onset * np.sin(2 * np.pi * 5.4 * time_s)
    bend += patch.scoop_cents * np.exp(time_s * (-1 / 0.035))
    return bend


@lru_cache(maxsize=64)
def _ramp(samples: int) -> Wave:
    """Return half a cosine from 0 to 1."""
    ramp: Wave = 0.5 - 0.5 * np.cos(np.pi * (np.arange(samples) + 0.5) / samples)
    return ramp


def _weights(
    patch: Patch, frequency: float, times_s: NDArray[np.float64], soft: bool
) -> NDArray[np.float64]:
    """Return the amplitudes of all harmonics below 7.6 kHz [shape=(frames, harmonics)]."""
    number = np.arange(1, max(2, int(7600 / frequency)))
    cutoff = patch.cutoff_hz * (0.55 if soft else 1.0)
    weight = _series(patch.spectrum, number, frequency) / (1 + (number * frequency / cutoff) ** 2)
    if not patch.decay_s:
        return np.tile(weight, (len(times_s), 1))
    rate = (1 + patch.damping * (number - 1)) / (patch.decay_s * (220 / frequency) ** 0.4)
    decayed: NDArray[np.float64] = weight * np.exp(-np.outer(times_s, rate))
    return decayed


def _series(name: str, number: NDArray[np.int64], frequency: float) -> NDArray[np.float64]:
    """Return the harmonic series of an instrument family before any filter."""
    hz = number * frequency
    weight: NDArray[np.float64] = 1.0 / number
    match name:
        case "sine":
            weight = np.where(number == 1, 1.0, 0.04 / number)
        case "square":
            weight = np.where(number % 2 == 1, 1.0, 0.03) / number
        case "flute":
            weight = 1.0 / number**2.2 + 0.02 * (number < 6)
        case "organ":
            weight = np.array([_DRAWBARS.get(int(n), 0.01 / n) for n in number])
        case "bell":
            weight = np.where(np.isin(number, (1, 4, 7, 11)), 1.0 / np.sqrt(number), 0.01 / number)
        case "keys":
            weight = np.where(np.isin(number, (1, 2, 5, 8)), 1.0 / number, 0.05 / number)
        case "string":
            body = 1.5 * np.exp(-(((hz - 500) / 200) ** 2)) + np.exp(-(((hz - 2600) / 800) ** 2))
            weight = (1 + body) / number
        case "brass":
            weight = (1 + 2 * np.exp(-(((hz - 1100) / 500) ** 2))) / number**0.9
        case "reed":
            weight = np.where(number % 2 == 1, 1.0, 0.6) / number**0.6
        case "pluck":
            weight = np.abs(np.sin(np.pi * number * 0.19)) / number + 0.02 / number
        case "piano":
            weight = (np.abs(np.sin(np.pi * number / 7.3)) + 0.1) / number**0.85
    return weight
