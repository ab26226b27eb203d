"""All decisions about a track as one frozen record: `compose(seed) -> Song`.

Each decision is drawn from the seed and its own name, so that decisions do not depend on each
other: `dataclasses.replace(song, drum_groove="four to the floor")` changes the drums only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lemons_utils import SAMPLE_RATE, ParameterError
from recsys.demo import names
from recsys.demo.chance import decide, dice
from recsys.demo.genres import GENRES, ROTATION, Genre
from recsys.demo.tables import read
from recsys.demo.theory import fits

STEMS = ("vocals", "piano", "drums", "bass", "other")
"""The five stems in the order of all arrays of stems."""

DURATION_S = 30
SAMPLES = DURATION_S * SAMPLE_RATE
SOLO_SEGMENTS = 5
"""The number of places for a piano solo, each 6 s of the track."""

_SECTIONS: dict[str, dict[str, Any]] = read("melodies.toml")["sections"]


@dataclass(frozen=True)
class Section:
    """A section of the form.

    Parameters
    ----------
    name : str
        intro, verse, chorus, break, build, drop or solo.
    bars : int
    energy : float
        The intensity of playing, 0 to 1.
    plays : tuple of str
        The stems that play.
    """

    name: str
    bars: int
    energy: float
    plays: tuple[str, ...]


@dataclass(frozen=True)
class Song:
    """All decisions about a track.

    Parameters
    ----------
    seed : int >= 0
    genre : str
        A name from `genres.GENRES`.
    title, artist, album : str
    year : int
    tempo : float [beats per minute]
    tonic : int
        Pitch class of the key, C = 0.
    mode : str
        A name from `theory.MODES`.
    steps : int
        Sixteenths per bar: 16 is 4/4, 12 is 3/4, 14 is 7/8.
    swing, swing_unit, late_ms : float, int, float
        See `genres.toml`.
    verse, chorus : str
        Chord progressions.
    form : tuple of Section
    drum_groove, drum_kit : str
        Names from `patterns.DRUM_GROOVES` and `kit.KITS`.
    bass_style, bass_sound : str
        Names from `patterns.BASS_STYLES` and `instruments.PATCHES`.
    voice : bool
        Whether the track has vocals.
    singer : str
        A name from `voice.SINGERS`.
    voice_pitch : float [MIDI pitch]
        The centre of the voice.
    verse_line, chorus_line : str
        Names from `patterns.LINES`.
    piano_style : str
        A name from `instruments.PIANO_STYLES`: the accompaniment.
    piano_solo : tuple of int
        Fifths of the track (0 to 4) in which the piano plays a solo.
    others : tuple of str
        Names from `instruments.OTHER_STYLES`.
    levels_db : tuple of five float [dB]
        The levels of the stems relative to each other.
    brightness_db : float [dB]
        The treble of the whole mix.
    reverb, echo : float
        Send levels, 0 to 1.
    hiss_db : float [dB]
        The noise floor relative to full scale; it is part of "other".
    loudness_db : float [dB]
        The level of the mix relative to full scale when all stems play.
    popularity : float
        From 0 (unknown) to 1 (known to everybody).
    """

    seed: int
    genre: str
    title: str
    artist: str
    album: str
    year: int
    tempo: float
    tonic: int
    mode: str
    steps: int
    swing: float
    swing_unit: int
    late_ms: float
    verse: str
    chorus: str
    form: tuple[Section, ...]
    drum_groove: str
    drum_kit: str
    bass_style: str
    bass_sound: str
    voice: bool
    singer: str
    voice_pitch: float
    verse_line: str
    chorus_line: str
    piano_style: str
    piano_solo: tuple[int, ...]
    others: tuple[str, ...]
    levels_db: tuple[float, float, float, float, float]
    brightness_db: float
    reverb: float
    echo: float
    hiss_db: float
    loudness_db: float
    popularity: float

    @cached_property
    def step_s(self) -> float:
        """Return the length of a sixteenth [s]."""
        return 15.0 / self.tempo


def compose(seed: int, genre: str | None = None) -> Song:
    """Make all decisions about a track.

    Parameters
    ----------
    seed : int >= 0
        Seeds of the same thousand share their artists.
    genre : str, optional
        A name from `genres.GENRES`; by default the seed decides.

    Raises
    ------
    ParameterError
        If the seed is negative or the genre unknown.
    """
    if seed < 0:
        raise ParameterError(f"seed must be 0 or more, got {seed}")
    name = ROTATION[seed % len(ROTATION)] if genre is None else genre
    if name not in GENRES:
        raise ParameterError(f"genre must be one of {', '.join(GENRES)}, got {name!r}")
    style = GENRES[name]
    credit = names.credit(seed, name)
    popularity = _popularity(seed, style)
    mode = decide(seed, "mode", style.modes)
    tempo = round(_between(seed, "tempo", style.tempo), 1)
    steps = decide(seed, "steps", style.steps)
    singer = decide(seed, "singer", style.singers)
    return Song(
        seed=seed,
        genre=name,
        title=credit.title,
        artist=credit.artist,
        album=credit.album,
        year=credit.year,
        tempo=tempo,
        tonic=int(dice(seed, "tonic").integers(12)),
        mode=mode,
        steps=steps,
        swing=_between(seed, "swing", style.swing),
        swing_unit=style.swing_unit,
        late_ms=style.late_ms,
        verse=_progression(seed, "verse", style.verses, mode),
        chorus=_progression(seed, "chorus", style.choruses, mode),
        form=_form(seed, style, steps, tempo),
        drum_groove=decide(seed, "groove", style.grooves),
        drum_kit=decide(seed, "kit", style.kits),
        bass_style=decide(seed, "bass style", style.bass_styles),
        bass_sound=decide(seed, "bass sound", style.bass_sounds),
        voice=bool(dice(seed, "voice").random() < style.sung),
        singer=singer,
        voice_pitch=style.register + 2 * credit.voice,
        verse_line=style.lines[0],
        chorus_line=style.lines[1],
        piano_style=decide(seed, "piano", style.pianos),
        piano_solo=_solo(seed),
        others=_others(seed, style, popularity),
        levels_db=_levels(seed, style, popularity),
        brightness_db=_between(seed, "brightness", style.brightness) + 16 * (popularity - 0.55),
        reverb=_between(seed, "reverb", style.reverb),
        echo=_between(seed, "echo", style.echo),
        hiss_db=-72 + 24 * max(0.0, 0.5 - popularity) / 0.5 + _between(seed, "hiss", (-3, 3)),
        loudness_db=_between(seed, "loudness", style.loudness_db),
        popularity=popularity,
    )


def _between(seed: int, name: str, bounds: tuple[float, float]) -> float:
    return float(dice(seed, name).uniform(*bounds))


def _popularity(seed: int, style: Genre) -> float:
    spread = 4.0
    draw = dice(seed, "popularity").beta(spread * style.popularity, spread * (1 - style.popularity))
    return round(float(draw), 3)


def _progression(seed: int, name: str, choices: tuple[str, ...], mode: str) -> str:
    fitting = [choice for choice in choices if fits(choice, mode)]
    return decide(seed, name, fitting or choices)


def _others(seed: int, style: Genre, popularity: float) -> tuple[str, ...]:
    """Choose the instruments of the genre; popular tracks may have a bell ("sparkle") as well."""
    others = decide(seed, "others", style.others)
    sparkles = dice(seed, "sparkle").random() < 2.5 * (popularity - 0.45)
    return (*others, "sparkle") if sparkles else others


def _levels(seed: int, style: Genre, popularity: float) -> tuple[float, float, float, float, float]:
    """Draw the levels of the stems; popular tracks have louder vocals."""
    vocals, piano, drums, bass, other = (
        level + shift
        for level, shift in zip(style.levels, dice(seed, "levels").normal(0, 0.9, 5), strict=True)
    )
    vocals += 6 * (popularity - 0.5)
    return (vocals, piano + float(dice(seed, "piano level").uniform(-4, 4)), drums, bass, other)


def _solo(seed: int) -> tuple[int, ...]:
    """Place a piano solo of one or two fifths in every seventh track on average."""
    draw = dice(seed, "piano solo")
    if draw.random() > 1 / 7:
        return ()
    first = int(draw.integers(1, SOLO_SEGMENTS))
    return tuple(range(first, min(first + int(draw.integers(1, 3)), SOLO_SEGMENTS)))


def _form(seed: int, style: Genre, steps: int, tempo: float) -> tuple[Section, ...]:
    """Fit one of the genre's forms to the track."""
    template = []
    for word in decide(seed, "form", style.forms).split():
        name = word.rstrip("0123456789")
        template.append((name, int(word[len(name) :])))
    lengths = bars_of([share for _, share in template], steps, tempo)
    sections = []
    for number, ((name, _), length) in enumerate(zip(template, lengths, strict=True)):
        if length:
            plays = decide(seed, f"{name} plays", _SECTIONS[name]["plays"])
            energy = _SECTIONS[name]["energy"] + 0.05 * min(number, 2)
            sections.append(Section(name, length, min(1.0, energy), plays))
    return tuple(sections)


def bars_of(shares: Sequence[int], steps: int, tempo: float) -> list[int]:
    """Return the bars of sections with these shares of the track, which fill it together."""
    bars = round(DURATION_S / (steps * 15 / tempo) + 0.5)
    ends = np.rint(np.cumsum(shares) * bars / sum(shares)).astype(int)
    return [int(length) for length in np.diff(ends, prepend=0)]
