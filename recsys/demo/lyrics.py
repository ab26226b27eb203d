"""The vocal part: a melody with nonsense words, which return with the chorus."""

from __future__ import annotations

from itertools import groupby

from recsys.demo.patterns import LINES
from recsys.demo.score import Bar, Clock, melody
from recsys.demo.song import Song, dice
from recsys.demo.voice import Syllable

_WORDS: tuple[tuple[tuple[str, tuple[str, str]], ...], ...] = (
    (("l", ("uh", "uh")), ("", ("a", "i"))),
    (("s", ("o", "u")),),
    (("t", ("e", "i")), ("k", ("a", "a"))),
    (("m", ("a", "i")),),
    (("", ("o", "o")), ("", ("a", "a"))),
    (("sh", ("ae", "ae")), ("l", ("i", "i"))),
    (("h", ("a", "u")),),
    (("k", ("uh", "uh")), ("m", ("i", "i"))),
    (("p", ("e", "e")), ("t", ("uh", "uh"))),
    (("", ("u", "u")),),
    (("t", ("o", "u")), ("m", ("o", "o"))),
    (("s", ("i", "i")),),
)
_OPEN: tuple[tuple[str, tuple[str, str]], ...] = (
    *(("", ("a", "a")), ("", ("o", "o")), ("", ("a", "o")), ("l", ("u", "u"))),
)


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
        sounds: list[tuple[str, tuple[str, str]]] = []
        while len(sounds) < len(notes):
            if floating:
                sounds.append(_OPEN[int(draw.integers(len(_OPEN)))])
            else:
                sounds.extend(_WORDS[int(draw.integers(len(_WORDS)))])
        syllables += [Syllable(note, *sound) for note, sound in zip(notes, sounds, strict=False)]
    return syllables
