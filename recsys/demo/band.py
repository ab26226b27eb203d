"""Rendering of a song: `render(song)` returns five stems that sum to the mix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lemons_utils import ParameterError
from recsys.demo import effects, parts
from recsys.demo.chance import dice
from recsys.demo.instruments import (
    BASS_DRIVE,
    OTHER_STYLES,
    PATCHES,
    PIANO_STYLES,
    Figure,
)
from recsys.demo.kit import KITS, beat
from recsys.demo.lyrics import lyric
from recsys.demo.patterns import BASS_STYLES, DRUM_GROOVES, LINES
from recsys.demo.score import Bar, Clock, timeline
from recsys.demo.song import SAMPLES, SOLO_SEGMENTS, STEMS, Song
from recsys.demo.theory import MODES
from recsys.demo.tones import Note, Wave, play
from recsys.demo.voice import SINGERS, sing

PEAK = 0.95
"""The largest sample of a mix, relative to full scale."""

_ROOM_SENDS = {0: 0.9, 1: 0.8, 2: 0.35, 4: 0.8}
"""The reverb send of each stem; the bass has none."""
_SOLO_DB = 4.0
_CREST = 3.5


def render(song: Song) -> NDArray[np.int16]:
    """Render a song as five stems.

    The same song gives the same samples every time, on every machine.

    Parameters
    ----------
    song : Song

    Returns
    -------
    ndarray [shape=(5, 480000)], int16, 16 kHz
        Vocals, piano, drums, bass, other. Their sum is the mix, which fits into 16 bits.

    Raises
    ------
    ParameterError
        If the song has an unknown style, sound or groove.
    """
    check(song)
    bars = timeline(song)
    waves = np.stack([_vocals(song, bars), _piano(song, bars), _drums(song, bars),
                      _bass(song, bars), _other(song, bars)])  # fmt: skip
    waves *= 10 ** (np.array(song.levels_db)[:, None] / 20)
    repeated = [STEMS.index("vocals"), STEMS.index("other")]
    repeats = effects.echo(song.echo * waves[repeated], 3 * song.step_s, 0.45)
    waves[repeated] += 0.6 * repeats
    sent = list(_ROOM_SENDS)
    sends = np.array(list(_ROOM_SENDS.values()))[:, None] * song.reverb
    waves[sent] += effects.room(sends * waves[sent], 0.6 + 2.2 * song.reverb)
    waves = effects.tone_control(waves, song.brightness_db)
    # the level is computed from all stems, so that a silent stem makes the others no louder
    nominal_db = 10 * np.log10(sum(10 ** (level / 10) for level in song.levels_db))
    waves *= 10 ** ((song.loudness_db - nominal_db) / 20)
    waves[STEMS.index("other")] += _hiss(song)
    effects.fade(waves, 0.04, 1.5)
    loudest = float(np.abs(waves.sum(axis=0)).max())
    if loudest > PEAK:
        waves *= PEAK / loudest
    # rounding five stems changes their sum by at most 2.5 steps, far less than PEAK leaves
    rounded: NDArray[np.int16] = np.rint(waves * 32768).astype(np.int16)
    return rounded


def mix(stems: NDArray[np.int16]) -> NDArray[np.int16]:
    """Sum stems to the mix, sample for sample.

    Parameters
    ----------
    stems : ndarray [shape=(stems, samples)], int16

    Returns
    -------
    ndarray [shape=(samples,)], int16
    """
    total: NDArray[np.int16] = stems.sum(axis=0, dtype=np.int16)
    return total


def check(song: Song) -> None:
    """Raise if a song has an unknown style, sound or groove.

    Raises
    ------
    ParameterError
        With the field, its allowed values and its value.
    """
    for field, known in (
        *(("mode", MODES), ("drum_groove", DRUM_GROOVES), ("drum_kit", KITS)),
        *(("bass_style", BASS_STYLES), ("bass_sound", PATCHES), ("singer", SINGERS)),
        *(("piano_style", PIANO_STYLES), ("verse_line", LINES), ("chorus_line", LINES)),
    ):
        if (value := getattr(song, field)) not in known:
            raise ParameterError(f"{field} must be one of {', '.join(known)}, got {value!r}")
    if unknown := set(song.others) - set(OTHER_STYLES):
        raise ParameterError(f"others must be from {', '.join(OTHER_STYLES)}, got {unknown}")
    if not set(song.piano_solo) <= set(range(SOLO_SEGMENTS)):
        raise ParameterError(f"piano_solo must hold numbers from 0 to 4, got {song.piano_solo}")


def _vocals(song: Song, bars: list[Bar]) -> Wave:
    return _at_level(sing(lyric(song, bars), song.singer, SAMPLES, seed=song.seed))


def _drums(song: Song, bars: list[Bar]) -> Wave:
    return _at_level(beat(parts.drums(song, bars), song.drum_kit, SAMPLES))


def _bass(song: Song, bars: list[Bar]) -> Wave:
    wave = play(parts.bass(song, bars), PATCHES[song.bass_sound], SAMPLES)
    drive, level = BASS_DRIVE.get(song.bass_sound, 0.0), effects.active_level(wave)
    return _at_level(np.tanh(wave * (drive / level)) if drive and level else wave)


def _piano(song: Song, bars: list[Bar]) -> Wave:
    shape = PIANO_STYLES[song.piano_style]
    wave = _figure(song, parts.figure(song, bars, "piano", song.piano_style, shape), shape)
    solo = parts.piano_solo(song, bars)
    if solo:
        patch = "grand" if shape.patch == "felt" else shape.patch
        wave = wave + 10 ** (_SOLO_DB / 20) * _at_level(play(solo, PATCHES[patch], SAMPLES))
    return wave


def _other(song: Song, bars: list[Bar]) -> Wave:
    wave = np.zeros(SAMPLES)
    for name in song.others:
        shape = OTHER_STYLES[name]
        wave += _figure(song, parts.figure(song, bars, "other", name, shape), shape)
    return wave


def _figure(song: Song, notes: list[Note], shape: Figure) -> Wave:
    """Render a figure; short notes of an amplified one are played on a damped string."""
    if shape.kind == "power":
        damped = 0.85 * song.step_s
        wave = play([n for n in notes if n.duration_s > damped], PATCHES[shape.patch], SAMPLES)
        wave += play([n for n in notes if n.duration_s <= damped], PATCHES["muted string"], SAMPLES)
    else:
        wave = play(notes, PATCHES[shape.patch], SAMPLES)
    if shape.amplifier:
        wave = effects.amplify(wave, shape.amplifier)
    if shape.pump:
        start_s = Clock(song, "pump").grid(0, 0)
        wave = effects.pump(wave, shape.pump, 4 * song.step_s, start_s)
    return _at_level(wave) * 10 ** (shape.level_db / 20)


def _hiss(song: Song) -> Wave:
    """Return tape noise."""
    noise: Wave = dice(song.seed, "tape").standard_normal(SAMPLES)
    return noise * 10 ** (song.hiss_db / 20)


def _at_level(wave: Wave) -> Wave:
    """Scale a part to unit level, measured where it sounds, and soften its highest peaks."""
    level = effects.active_level(wave)
    if not level:
        return wave
    rounded: Wave = np.tanh(wave * (1 / _CREST / level)) * _CREST
    return rounded
