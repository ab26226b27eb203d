"""Scales, chords and voice leading."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from lemons_utils import ParameterError

MODES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "blues": (0, 3, 5, 6, 7, 9, 10),
}
"""The seven steps of each scale in semitones above the tonic."""

_NUMERALS = ("I", "II", "III", "IV", "V", "VI", "VII")
_HARMONY = {"harmonic minor": "minor", "blues": "mixolydian"}
_QUALITIES = {
    "": (),
    "5": (0, 7),
    "7": (10,),
    "maj7": (11,),
    "add9": (14,),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "dim": (0, 3, 6),
}
_CHORD = re.compile(r"([b#]?)([IV]+|[iv]+)(maj7|add9|sus2|sus4|dim|7|5|)")


class Chord(NamedTuple):
    """A chord as semitones: its root above the tonic, its tones above the root."""

    root: int
    intervals: tuple[int, ...]

    @property
    def pitch_classes(self) -> tuple[int, ...]:
        """Return the chord's tones above the tonic, within one octave."""
        return tuple((self.root + interval) % 12 for interval in self.intervals)


@cache
def chord(name: str, mode: str) -> Chord:
    """Parse a chord from its roman numeral, e.g. `vi`, `bVII`, `V7`, `IVmaj7`, `I5`.

    A plain numeral is a step of the mode (`VI` in minor is the flat sixth); one with an
    accidental is counted from the major scale.

    Raises
    ------
    ParameterError
        If the numeral or its quality is not known.
    """
    match = _CHORD.fullmatch(name)
    if match is None or match[2].upper() not in _NUMERALS:
        raise ParameterError(f"expected a roman numeral such as vi, bVII or V7, got {name!r}")
    accidental, numeral, quality = match.groups()
    step = _NUMERALS.index(numeral.upper())
    if accidental:
        root = (MODES["major"][step] + {"b": -1, "#": 1}[accidental]) % 12
    else:
        root = MODES[_HARMONY.get(mode, mode)][step]
    tones = _QUALITIES[quality]
    if not tones or tones[0] != 0:
        tones = ((0, 4, 7) if numeral.isupper() else (0, 3, 7)) + tones
    return Chord(root, tones)


def fits(progression: str, mode: str) -> bool:
    """Whether a progression and a mode are both major or both minor."""
    minor_chords = any(
        _CHORD.fullmatch(name) and re.match(r"(i|iv|v)(?![iv])", name)
        for name in progression.replace("/", " ").split()
    )
    return minor_chords == (MODES[mode][2] == 3)


def scale_pitch(mode: str, step: int) -> int:
    """Return a scale step in semitones above the tonic; step 7 is the octave."""
    octave, degree = divmod(step, 7)
    return 12 * octave + MODES[mode][degree]


def nearest(pitch: float, pitch_classes: tuple[int, ...]) -> int:
    """Return the pitch closest to `pitch` that has one of the pitch classes."""
    around = range(round(pitch) - 6, round(pitch) + 7)
    return min((p for p in around if p % 12 in pitch_classes), key=lambda p: abs(p - pitch))


def voicing(
    pitch_classes: tuple[int, ...], centre: float, previous: tuple[int, ...] | None
) -> tuple[int, ...]:
    """Arrange a chord around `centre` so that its voices move little from the previous chord.

    Parameters
    ----------
    pitch_classes : tuple of int, at least one
    centre : float [MIDI pitch]
    previous : tuple of int [MIDI pitch], or None for the first chord

    Returns
    -------
    tuple of int [MIDI pitch], rising
    """
    target = sum(previous) / len(previous) * 0.8 + centre * 0.2 if previous else centre
    candidates = []
    for turn in range(len(pitch_classes)):
        tones = pitch_classes[turn:] + pitch_classes[:turn]
        close = [tones[0]]
        for tone in tones[1:]:
            close.append(close[-1] + (tone - close[-1]) % 12)
        shift = 12 * round((target - sum(close) / len(close)) / 12)
        candidates.append(tuple(tone + shift for tone in close))
    return min(candidates, key=lambda tones: abs(sum(tones) / len(tones) - target))
