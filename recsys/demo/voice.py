"""The singer: a glottal wavetable shaped by formants, one syllable at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lemons_utils import SAMPLE_RATE
from recsys.demo.filters import bandpass
from recsys.demo.tables import read, records
from recsys.demo.tones import Note, Wave, cycle_tables, gliding, hertz, read_tables

VOWELS: dict[str, tuple[float, float, float, float]] = read("voices.toml")["vowels"]
"""The first four formants of an adult male voice [Hz]."""


class _Consonant(NamedTuple):
    """A burst of noise; voiced consonants have none."""

    low_hz: float = 0.0
    high_hz: float = 0.0
    length_s: float = 0.0
    level: float = 0.0


_CONSONANTS = records(_Consonant, "voices.toml", "consonants")


class Syllable(NamedTuple):
    """A sung note with a consonant and the two vowels that it moves between."""

    note: Note
    consonant: str
    vowels: tuple[str, str]


@dataclass(frozen=True)
class Singer:
    """The sound of a voice; `voices.toml` explains the keys and their units."""

    throat: float = 1.0
    tilt: float = 1.1
    breath: float = 0.03
    rough: float = 0.0
    vibrato_cents: float = 25.0
    scoop_cents: float = -70.0
    fall_cents: float = 0.0
    voices: int = 1
    crisp: float = 0.8
    attack_s: float = 0.03
    drive: float = 0.0


SINGERS = records(Singer, "voices.toml", "singers")


def sing(syllables: list[Syllable], style: str, samples: int, *, seed: int) -> Wave:
    """Render a vocal part.

    Parameters
    ----------
    syllables : list of Syllable
    style : str
        A name from `SINGERS`.
    samples : int > 0
    seed : int
        The seed of breath and roughness.

    Returns
    -------
    ndarray [shape=(samples,)]
    """
    singer = SINGERS[style]
    rng = np.random.default_rng([seed, 77])
    part = np.zeros(samples)
    air = _air()
    for number, syllable in enumerate(syllables):
        start = round(syllable.note.start_s * SAMPLE_RATE)
        voiced = round((syllable.note.duration_s + 0.05) * SAMPLE_RATE)
        voiced = min(voiced, samples - start)
        if start < 0 or voiced < 800:
            continue
        sound = _vowel(singer, syllable, voiced, rng)
        if singer.breath:
            offset = int(rng.integers(0, len(air) - voiced))
            sound += singer.breath * air[offset : offset + voiced]
        if singer.drive:
            sound = np.tanh((1 + singer.drive) * sound)
        sound *= _shape(voiced, round(singer.attack_s * SAMPLE_RATE))
        part[start : start + voiced] += sound * syllable.note.velocity
        burst = _burst(syllable.consonant, number % 3)
        ahead = max(0, start - len(burst) // 2)
        burst = burst[: samples - ahead]
        gain = singer.crisp * syllable.note.velocity
        part[ahead : ahead + len(burst)] += gain * burst
    return part


def _vowel(singer: Singer, syllable: Syllable, samples: int, rng: np.random.Generator) -> Wave:
    frequency = hertz(syllable.note.pitch)
    duration_s = samples / SAMPLE_RATE
    number = np.arange(1, max(3, int(7400 / frequency)))
    weights = np.stack([_formants(singer, vowel, number * frequency) for vowel in syllable.vowels])
    weights = np.stack([weights[0] * 0.8, weights[0], weights[1]]) / number**singer.tilt
    tables = cycle_tables(weights, seed=5)
    times_s = np.array([0.0, 0.35, 0.9]) * duration_s
    time_s = np.arange(samples) / SAMPLE_RATE
    bend = singer.scoop_cents * np.exp(time_s * (-1 / 0.045))
    bend += singer.fall_cents * np.square(time_s / duration_s)
    vibrato = singer.vibrato_cents * np.clip((time_s - 0.2) / 0.25, 0.0, 1.0)
    sound = np.zeros(samples)
    for voice in range(singer.voices):
        cents = bend + (voice - singer.voices // 2) * 11
        if singer.vibrato_cents:
            cents += vibrato * np.sin(2 * np.pi * (5.2 + 0.4 * voice) * time_s)
        if singer.rough:
            knots = rng.standard_normal(int(duration_s * 90) + 3)
            cents += 1200 * singer.rough * np.interp(time_s * 90, np.arange(len(knots)), knots)
        phase = gliding(frequency, cents) + np.uint32(voice << 30)
        sound += read_tables(tables, times_s, phase)
    sound *= 0.35 / np.sqrt(np.mean(np.square(sound)))
    return sound


def _formants(singer: Singer, vowel: str, hz: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the gain of the vocal tract at the given frequencies."""
    gain = np.full(len(hz), 0.02)
    for formant, width, level in zip(
        VOWELS[vowel], (90, 110, 150, 220), (1.0, 0.7, 0.45, 0.3), strict=True
    ):
        centre = formant * singer.throat
        gain += level / (1 + ((hz - centre) / width) ** 2)
    return gain * np.sqrt(hz / 300)


@lru_cache(maxsize=8)
def _shape(samples: int, attack: int) -> Wave:
    shape = np.ones(samples)
    attack = min(attack, samples // 3)
    release = min(round(0.06 * SAMPLE_RATE), samples // 2)
    shape[:attack] = np.sin(np.linspace(0, np.pi / 2, attack)) ** 2
    shape[-release:] *= np.cos(np.linspace(0, np.pi / 2, release)) ** 2
    return shape


@lru_cache(maxsize=1)
def _air() -> Wave:
    """Return ten seconds of breath noise."""
    noise = np.random.default_rng(9).standard_normal(10 * SAMPLE_RATE)
    return bandpass(noise, 1, 500, 5000)


@lru_cache(maxsize=64)
def _burst(consonant: str, variant: int) -> Wave:
    low_hz, high_hz, length_s, level = _CONSONANTS[consonant]
    if not level:
        return np.zeros(0)
    samples = round(length_s * SAMPLE_RATE)
    noise = np.random.default_rng([variant, samples]).standard_normal(samples + 400)
    sound = bandpass(noise, 2, low_hz, high_hz)[400:] * np.hanning(samples)
    burst: Wave = 0.35 * level * sound / np.max(np.abs(sound))
    return burst
