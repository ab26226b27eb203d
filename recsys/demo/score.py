"""The score of a song: bars with their chords, the timing of notes, melodies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from recsys.demo.chance import dice, pick
from recsys.demo.patterns import Line
from recsys.demo.song import DURATION_S, SOLO_SEGMENTS, Section, Song
from recsys.demo.theory import Chord, chord, nearest, scale_pitch
from recsys.demo.tones import Note

_START_S = 0.03


class Bar(NamedTuple):
    """One bar: its place in the song, its chords, and the stems that play in it."""

    number: int
    section: str
    place: int
    last: bool
    energy: float
    plays: tuple[str, ...]
    chords: tuple[Chord, ...]
    next_chord: Chord

    def chord_at(self, step: float, steps: int) -> Chord:
        """Return the chord at a sixteenth of this bar."""
        return self.chords[min(int(step * len(self.chords) / steps), len(self.chords) - 1)]


class Hit(NamedTuple):
    """A character of a pattern: its bar, its sixteenth, and the distance to the next one."""

    bar: Bar
    step: int
    mark: str
    length: int


class Clock:
    """The timing of a part: the grid of sixteenths, and random deviations from it.

    Parameters
    ----------
    song : Song
    part : str
        The name of the part, which seeds its deviations.
    spread_ms : float [ms]
        The standard deviation of its timing.
    """

    def __init__(self, song: Song, part: str, *, spread_ms: float = 4.0) -> None:
        self._song = song
        self._dice = dice(song.seed, f"hands {part}")
        self._late_s = song.late_ms / 1000 * (0.3 if part == "drums" else 1.0)
        self._spread_s = spread_ms / 1000

    def grid(self, bar: int, step: float) -> float:
        """Return the time of a sixteenth, including swing [s]."""
        unit, swing = self._song.swing_unit, self._song.swing
        cell, inside = divmod(step, 2 * unit)
        if inside < unit:
            inside *= 1 + swing
        else:
            inside = unit * (1 + swing) + (inside - unit) * (1 - swing)
        return _START_S + (bar * self._song.steps + cell * 2 * unit + inside) * self._song.step_s

    def note(self, bar: Bar, step: float, length: float, pitch: float, velocity: float) -> Note:
        """Return a note of a length in sixteenths, with random deviations."""
        start_s = self.grid(bar.number, step)
        stop_s = self.grid(bar.number, step + length)
        shift = self._late_s + self._spread_s * float(np.clip(self._dice.standard_normal(), -2, 2))
        touch = velocity * float(np.exp(0.09 * self._dice.standard_normal()))
        return Note(max(start_s + shift, 0.0), stop_s - start_s, pitch, min(touch, 1.2))


def timeline(song: Song) -> list[Bar]:
    """Return all bars of a song."""
    drafts: list[tuple[Section, int, tuple[Chord, ...]]] = []
    for section in song.form:
        text = song.chorus if section.name in ("chorus", "drop", "build") else song.verse
        names = text.split()
        for place in range(section.bars):
            # a twelve-bar blues is longer than a section: it continues through the song
            turn = len(drafts) if len(names) > 8 else place
            name = names[turn % len(names)]
            drafts.append((section, place, tuple(chord(c, song.mode) for c in name.split("/"))))
    following = [chords[0] for _, _, chords in (*drafts[1:], drafts[-1])]
    return [
        Bar(
            *(number, section.name, place, place == section.bars - 1),
            *(section.energy, section.plays, chords, following[number]),
        )
        for number, (section, place, chords) in enumerate(drafts)
    ]


def hits(pattern: str, bars: list[Bar], steps: int) -> Iterator[Hit]:
    """Yield the hits of a pattern, whose bars alternate."""
    turns = [(turn * steps)[:steps] for turn in pattern.split("|")]
    for bar in bars:
        turn = turns[bar.place % len(turns)]
        marks = [step for step in range(steps) if turn[step] != "."]
        for step, following in zip(marks, [*marks[1:], steps], strict=False):
            yield Hit(bar, step, turn[step], following - step)


def solo_windows(song: Song) -> list[tuple[float, float]]:
    """Return start and end of every fifth with a piano solo [s, s]."""
    fifth = DURATION_S / SOLO_SEGMENTS
    return [(segment * fifth, (segment + 1) * fifth) for segment in sorted(set(song.piano_solo))]


def melody(
    song: Song, bars: list[Bar], line: Line, centre: float, clock: Clock, part: str
) -> list[Note]:
    """Compose a melody from two recurring motifs, A A B A, over the chords.

    Parameters
    ----------
    song : Song
    bars : list of Bar
        The bars in which it plays.
    line : Line
        The rhythm and motion of the melody.
    centre : float [MIDI pitch]
    clock : Clock
    part : str
        The name of the part, which seeds its motifs.
    """
    notes: list[Note] = []
    motifs: dict[tuple[str, str], tuple[str, list[int]]] = {}
    place = dice(song.seed, f"{part} rests")
    step_of = {"verse": 0, "chorus": 2, "drop": 2, "solo": 1}
    for bar in bars:
        label = "b" if bar.place % 4 == 2 else "a"
        kind = "hook" if bar.section in ("chorus", "drop") else "tale"
        if (kind, label) not in motifs:
            motifs[kind, label] = _motif(song, line, f"{part} {kind} {label}")
        if place.random() < line.rest and not bar.last:
            continue
        rhythm, moves = motifs[kind, label]
        marks = [step for step, mark in enumerate(rhythm[: song.steps]) if mark != "."]
        # the last bar of a phrase ends lower than the others
        degree = step_of.get(bar.section, 0) - (1 if bar.place % 4 == 3 else 0)
        for index, step in enumerate(marks):
            degree = int(np.clip(degree + moves[index % len(moves)], -line.span, line.span))
            following = marks[index + 1] if index + 1 < len(marks) else song.steps
            length = min(following - step, line.longest) * line.gate
            pitch = _pitch(song, bar, step, degree, centre)
            accent = 1.0 if step % 4 == 0 else 0.85
            velocity = accent * (0.65 + 0.35 * bar.energy)
            notes.append(clock.note(bar, step, length, pitch, velocity))
    return notes


def _motif(song: Song, line: Line, name: str) -> tuple[str, list[int]]:
    draw = dice(song.seed, f"motif {name}")
    rhythm = pick(draw, line.rhythms)
    moves = np.rint(draw.normal(0, line.leap, 8)).astype(int)
    # the moves sum to zero, so that a motif returns to its first note
    moves[-1] -= int(np.sum(moves))
    return rhythm, [int(np.clip(move, -4, 4)) for move in moves]


def _pitch(song: Song, bar: Bar, step: int, degree: int, centre: float) -> int:
    """Return the pitch of a scale degree near the centre; a chord tone on strong beats."""
    tonic = 12 * round((centre - song.tonic) / 12) + song.tonic
    pitch = tonic + scale_pitch(song.mode, degree)
    if step % 8 == 0:
        classes = bar.chord_at(step, song.steps).pitch_classes
        pitch = nearest(pitch, tuple((song.tonic + tone) % 12 for tone in classes))
    while pitch > centre + 10:
        pitch -= 12
    while pitch < centre - 10:
        pitch += 12
    return pitch
