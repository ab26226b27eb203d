"""The notes of the drums, the bass, the piano and the other instruments."""

from __future__ import annotations

import numpy as np

from recsys.demo.chance import dice, pick
from recsys.demo.instruments import BASS_OCTAVES, Figure
from recsys.demo.kit import PIECES
from recsys.demo.patterns import BASS_STYLES, DRUM_GROOVES, LINES
from recsys.demo.score import Bar, Clock, hits, melody, solo_windows
from recsys.demo.song import Song
from recsys.demo.tables import read
from recsys.demo.theory import MODES, voicing
from recsys.demo.tones import Note

_STROKES = {"o": 1.0, "x": 0.75, "-": 0.35, "r": 0.6, "t": 0.6}
_FILLS = read("drums.toml")["fills"]
_MACHINES = ("808", "club", "pop")
_BASS_LOW = 28


def drums(song: Song, bars: list[Bar]) -> list[Note]:
    """Return the drum notes: the groove, fills at the ends of sections, cymbals at their starts."""
    clock = Clock(song, "drums", spread_ms=1.0 if song.drum_kit in _MACHINES else 4.0)
    groove = DRUM_GROOVES[song.drum_groove]
    if not groove:
        return []
    draw = dice(song.seed, "fills")
    playing = [bar for bar in bars if "drums" in bar.plays]
    fills = {
        bar.number: pick(draw, _FILLS["hands"])
        for bar in playing
        if bar.last and bar.section != "intro" and song.drum_kit != "orchestra"
    }
    half = song.steps - 8
    notes = []
    for piece, pattern in groove.items():
        for hit in hits(pattern, playing, song.steps):
            if hit.bar.number in fills and hit.step >= half and piece != "kick":
                continue
            loud = _STROKES[hit.mark] * (0.7 + 0.3 * hit.bar.energy)
            strokes = {"r": 2, "t": 3}.get(hit.mark, 1)
            for stroke in range(strokes):
                step = hit.step + stroke / strokes
                notes.append(clock.note(hit.bar, step, 1, PIECES.index(piece), loud))
    for bar in playing:
        if bar.number in fills:
            text = _FILLS["machine"] if song.drum_kit in _MACHINES else fills[bar.number]
            for index, piece in enumerate(text.split()):
                if piece != ".":
                    loud = 0.55 + 0.05 * index
                    notes.append(clock.note(bar, half + index, 1, PIECES.index(piece), loud))
        if bar.place == 0 and bar.energy > 0.6 and song.drum_kit != "orchestra":
            notes.append(clock.note(bar, 0, 1, PIECES.index("crash"), 0.9 * bar.energy))
    return notes


def bass(song: Song, bars: list[Bar]) -> list[Note]:
    """Return the bass notes: the bass style on the roots of the chords."""
    clock = Clock(song, "bass", spread_ms=3.0)
    up = 12 * BASS_OCTAVES.get(song.bass_sound, 0)
    playing = [bar for bar in bars if "bass" in bar.plays]
    notes = []
    for hit in hits(BASS_STYLES[song.bass_style], playing, song.steps):
        chord = hit.bar.chord_at(hit.step, song.steps)
        root = _low(song.tonic + chord.root)
        third = chord.intervals[1] if chord.intervals[1] in (3, 4) else 7
        # a step below the next root where possible, otherwise above
        goal = _low(song.tonic + hit.bar.next_chord.root)
        steps = {"r": 0, "t": third, "f": 7, "x": 9, "s": 10, "o": 12}
        if hit.mark == "a":
            pitch = goal - 1 if goal > _BASS_LOW + 1 else goal + 1
        elif hit.mark == "p":
            pitch = _low(song.tonic)
        else:
            pitch = root + steps[hit.mark]
        velocity = (0.9 if hit.step % 4 == 0 else 0.75) * (0.75 + 0.25 * hit.bar.energy)
        notes.append(clock.note(hit.bar, hit.step, min(hit.length, 16) * 0.9, pitch + up, velocity))
    return notes


def figure(song: Song, bars: list[Bar], stem: str, name: str, shape: Figure) -> list[Note]:
    """Return the notes of a figure of `instruments`."""
    clock = Clock(song, name)
    playing = [
        bar
        for bar in bars
        if stem in bar.plays and (not shape.sections or bar.section in shape.sections)
    ]
    match shape.kind:
        case "melody":
            return melody(song, playing, LINES[shape.pattern], shape.centre, clock, name)
        case "twin":
            line = melody(song, playing, LINES[shape.pattern], shape.centre, clock, name)
            return line + [note._replace(pitch=_third_above(song, note.pitch)) for note in line]
        case "power":
            return _power(song, playing, name, shape, clock)
        case "arpeggio":
            return _arpeggio(song, playing, shape, clock)
        case _:
            return _chords(song, playing, shape, clock)


def _chords(song: Song, bars: list[Bar], shape: Figure, clock: Clock) -> list[Note]:
    notes = []
    tones: tuple[int, ...] | None = None
    for hit in hits(shape.pattern, bars, song.steps):
        tones = _voices(song, hit.bar, hit.step, shape, tones)
        length = hit.length if not shape.gate or hit.mark == "o" else min(hit.length, shape.gate)
        velocity = (0.8 if hit.mark == "o" else 0.65) * (0.7 + 0.3 * hit.bar.energy)
        strum = tones if hit.step % 4 == 0 else tones[::-1]
        for index, pitch in enumerate(strum):
            note = clock.note(hit.bar, hit.step, length * 0.96, pitch, velocity)
            notes.append(note._replace(start_s=note.start_s + index * shape.strum_s))
    return notes


def _arpeggio(song: Song, bars: list[Bar], shape: Figure, clock: Clock) -> list[Note]:
    notes = []
    tones: tuple[int, ...] | None = None
    order = dice(song.seed, f"order {shape.pattern}").permutation(shape.size)
    if shape.size == 3:
        order = np.array([0, 2, 1, 2])  # an Alberti bass
    index = 0
    for hit in hits(shape.pattern, bars, song.steps):
        tones = _voices(song, hit.bar, hit.step, shape, tones)
        index = 0 if hit.step == 0 else index + 1
        pitch = tones[int(order[index % len(order)]) % len(tones)]
        length = shape.gate or 8
        velocity = (0.8 if hit.step % 4 == 0 else 0.62) * (0.7 + 0.3 * hit.bar.energy)
        notes.append(clock.note(hit.bar, hit.step, length, pitch, velocity))
    return notes


def _power(song: Song, bars: list[Bar], name: str, shape: Figure, clock: Clock) -> list[Note]:
    """Return roots and fifths; short strokes stay on the root, open ones follow a riff."""
    draw = dice(song.seed, f"riff {name}")
    riff = draw.choice([0, 0, 0, 1, 3, 5, -2], 6)
    notes = []
    for hit in hits(shape.pattern, bars, song.steps):
        chord = hit.bar.chord_at(hit.step, song.steps)
        root = shape.centre + (song.tonic + chord.root - shape.centre) % 12
        if root > shape.centre + 8:
            root -= 12
        opened = hit.mark == "o"
        if opened and hit.step and hit.length >= 2:
            root += int(riff[hit.step % len(riff)])
        fifths = (0, 7, 12)[: shape.size] if opened else (0, 7)
        length = hit.length if opened else min(hit.length, 0.8)
        velocity = (0.85 if hit.step % 4 == 0 else 0.7) * (0.8 + 0.2 * hit.bar.energy)
        for interval in fifths:
            notes.append(clock.note(hit.bar, hit.step, length, root + interval, velocity))
    return notes


def piano_solo(song: Song, bars: list[Bar]) -> list[Note]:
    """Return the notes of the piano solo, in the chosen fifths of the track only."""
    clock = Clock(song, "piano solo", spread_ms=6.0)
    windows = solo_windows(song)
    if not windows:
        return []
    loud = [bar._replace(energy=1.0, section="solo") for bar in bars]
    runs = melody(song, loud, LINES["runs"], 79, clock, "piano solo")
    runs += [note._replace(pitch=note.pitch - 12, velocity=0.8 * note.velocity) for note in runs]
    comp = Figure("chords", "grand", "o.....x...x.....", 56, 3)
    runs += _chords(song, loud, comp, clock)
    notes = []
    for start_s, stop_s in windows:
        for note in runs:
            room = stop_s - note.start_s - 0.1
            if note.start_s >= start_s + 0.02 and room > 0.05:
                notes.append(note._replace(duration_s=min(note.duration_s, room)))
    return notes


def _voices(
    song: Song, bar: Bar, step: int, shape: Figure, previous: tuple[int, ...] | None
) -> tuple[int, ...]:
    classes = bar.chord_at(step, song.steps).pitch_classes
    tonic = tuple((song.tonic + tone) % 12 for tone in classes)
    tones = voicing(tonic, shape.centre, previous)[: shape.size]
    if len(tones) < shape.size:
        tones += tuple(tone + 12 for tone in tones[: shape.size - len(tones)])
    return tones


def _third_above(song: Song, pitch: float) -> float:
    scale = {(song.tonic + step) % 12 for step in MODES[song.mode]}
    return pitch + 3 if (pitch + 3) % 12 in scale else pitch + 4


def _low(pitch_class: int) -> int:
    """Return the pitch of a pitch class in the range of the bass, E1 to E-flat 2."""
    return _BASS_LOW + (pitch_class - _BASS_LOW) % 12
