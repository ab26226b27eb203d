"""The vocal part: a melody with nonsense words, which return with the chorus."""

from __future__ import annotations

from itertools import groupby

from recsys.demo.chance import dice, pick
from recsys.demo.patterns import LINES
from recsys.demo.score import Bar, Clock, melody
from recsys.demo.song import Song
from recsys.demo.tables import read
from recsys.demo.voice import Syllable

_Sound = tuple[str, tuple[str, str]]
_WORDS: tuple[tuple[_Sound, ...], ...] = read("voices.toml")["words"]["sung"]
_OPEN: tuple[_Sound, ...] = read("voices.toml")["words"]["open"]


def lyric(song: Song, bars: list[Bar]) -> list[Syllable]:
    """Compose the syllables of the vocal part; the chorus has the same words each time.

    Returns
    -------
    list of Syllable
        In order of time; empty if the song has no voice.
    """
    if not song.voice:
        return []
    clock = Clock(song, "voice", spread_ms=7.0)
    singing = [bar for bar in bars if "vocals" in bar.plays]
    floating = song.verse_line in ("float", "chop")
    syllables: list[Syllable] = []
    for section, group in groupby(singing, key=lambda bar: bar.section):
        chorus = section in ("chorus", "drop")
        line = LINES[song.chorus_line if chorus else song.verse_line]
        centre = song.voice_pitch + (3 if chorus else 0)
        notes = melody(song, list(group), line, centre, clock, "voice")
        draw = dice(song.seed, f"words {'chorus' if chorus else section}")
        sounds: list[_Sound] = []
        while len(sounds) < len(notes):
            if floating:
                sounds.append(pick(draw, _OPEN))
            else:
                sounds.extend(pick(draw, _WORDS))
        syllables += [Syllable(note, *sound) for note, sound in zip(notes, sounds, strict=False)]
    return syllables
