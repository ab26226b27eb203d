"""Songs for listeners with a planted taste: each likes one property of one stem.

For every song four independent coins are tossed, one for each listener of `PLANTED`: drums four
to the floor, a walking bass, a singer, a piano solo. The coins are also independent of all other
decisions about the song: sixteen consecutive seeds hold each of the sixteen outcomes once, in
random order. The songs that a listener likes therefore differ from the others in that one stem
only, and `without` composes the same song with that one coin turned over.

Models hear a second of a track, or less, at a time. To make the property audible in that, all
planted songs, whatever their coins, are in 4/4 at 112 to 148 beats per minute; drums, bass and
singer play throughout; the bass has overtones that a mel spectrogram resolves; a solo takes two
fifths of the track; these stems are louder than the others; and the alternatives to a planted
groove or bass line are clearly different from it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

import lemons_jobs
from lemons_utils import ParameterError, write_csv
from recsys.catalogue import Catalogue
from recsys.demo.band import _bass, _drums
from recsys.demo.chance import decide, dice
from recsys.demo.instruments import OTHER_STYLES
from recsys.demo.patterns import DRUM_GROOVES
from recsys.demo.recording import LABELS, record, split_plays
from recsys.demo.score import timeline
from recsys.demo.song import SOLO_SEGMENTS, Section, Song, bars_of, compose


class Planted(NamedTuple):
    """The taste of a listener who likes one property, in words, and the stem of `STEMS` with it."""

    taste: str
    stem: str


PLANTED = {
    "four-to-the-floor": Planted("drums four to the floor", "drums"),
    "walking-bass": Planted("a walking bass", "bass"),
    "voice": Planted("somebody sings", "vocals"),
    "piano-solo": Planted("a piano solo, somewhere in the track", "piano"),
}
"""The four listeners by user name, in the order of their coins."""

BLOCK = 2 ** len(PLANTED)
"""Consecutive seeds that hold every outcome of the coins once."""

FIRST_SEED = 2_000_000
"""The first seed of planted songs to train on; those of fresh tracks start at `FIRST_FRESH`."""
FIRST_FRESH = 3_000_000

_TEMPO = (112.0, 148.0)
_STEPS = 16
_ALWAYS = ("vocals", "drums", "bass")
_GENRES = ("reggae", "blues", "pop", "hip-hop", "folk")
"""Genres without guitars that mask the other stems."""
_KITS = ("studio", "rock", "pop", "dry")
_SINGERS = ("sung", "bright", "soul", "laid back")
_BASS_SOUND = "high bass"
"""The overtones of other basses are closer together than the spectrogram resolves, so that their
lines could hardly be told apart."""
_TUNES = ("melody", "twin")
"""Kinds of figures that are left out: only the singer and the solo play melodies."""
_SOLO_FIFTHS = 2
_OTHER_BASSES = ("roots", "long", "eighths", "octaves", "offbeat", "sub", "gallop", "pedal", "chug")
"""Bass styles that stay on the root, or its octave, for a beat or longer."""


def likes(user_name: str, seed: int) -> bool:
    """Whether a listener likes the song of a seed, which is the outcome of the listener's coin.

    Raises
    ------
    ParameterError
        If there is no such listener, or the seed is negative.
    """
    if user_name not in PLANTED:
        raise ParameterError(f"user_name must be one of {', '.join(PLANTED)}, got {user_name!r}")
    return _coins(seed)[user_name]


def planted_song(seed: int) -> Song:
    """Compose the song of a seed as its four coins decide.

    The drums and the bass are as loud as they would be in the song without the coins.
    """
    return _plant(_plain(seed), _coins(seed))


def without(user_name: str, seed: int) -> Song:
    """Compose the song of a seed without the property that a listener likes.

    Raises
    ------
    ParameterError
        If there is no such listener.
    """
    likes(user_name, seed)
    return _plant(_plain(seed), {**_coins(seed), user_name: False})


def record_planted(folder: Path, tracks: int, *, fresh: bool = False, jobs: int = -1) -> Catalogue:
    """Build a catalogue of planted songs with a split per listener, or labels of fresh tracks.

    Tracks that are stored already are not played again.

    Parameters
    ----------
    folder, jobs : Path, int
        As for `record`.
    tracks : int, a multiple of 16
    fresh : bool
        Compose other songs than those to train on, and write `LABELS` instead of splits.

    Raises
    ------
    ParameterError
        If the number of tracks is no multiple of 16, which would correlate the coins.
    """
    if tracks < BLOCK or tracks % BLOCK:
        raise ParameterError(f"planted tracks come in multiples of {BLOCK}, got {tracks}")
    first = FIRST_FRESH if fresh else FIRST_SEED
    seeds = range(first, first + tracks)
    outcomes = lemons_jobs.run(planted_song, seeds, lemons_jobs.Workers(jobs))
    songs = [outcome.get() for outcome in sorted(outcomes, key=lambda outcome: outcome.index)]
    catalogue = record(songs, folder, jobs=jobs)
    labels = pd.DataFrame(
        [
            (user_name, track_id, int(likes(user_name, seed)))
            for user_name in PLANTED
            for track_id, seed in zip(catalogue.track_ids, seeds, strict=True)
        ],
        columns=["user_name", "track_id", "label"],
    )
    if fresh:
        write_csv(folder / LABELS, labels)
    else:
        split_plays(catalogue, labels[labels["label"] == 1].rename(columns={"label": "playcount"}))
    return catalogue


def _coins(seed: int) -> dict[str, bool]:
    block, place = divmod(seed, BLOCK)
    outcome = int(dice(block, "coins").permutation(BLOCK)[place])
    return {user_name: bool(outcome >> bit & 1) for bit, user_name in enumerate(PLANTED)}


def _plain(seed: int) -> Song:
    """Compose a song in which one second shows what each stem plays."""
    song = compose(seed, decide(seed, "planted genre", _GENRES))
    slowest, fastest = _TEMPO
    tempo = round(slowest + (fastest - slowest) * (song.tempo - 60) / 130, 1)
    vocals, piano, drums, bass, other = (level / 2 for level in song.levels_db)
    return replace(
        song,
        tempo=min(max(tempo, slowest), fastest),
        steps=_STEPS,
        swing=0.0,
        form=_all_along(song.form, tempo),
        drum_kit=decide(seed, "planted kit", _KITS),
        bass_sound=_BASS_SOUND,
        singer=decide(seed, "planted singer", _SINGERS),
        piano_style="none",
        others=tuple(name for name in song.others if OTHER_STYLES[name].kind not in _TUNES),
        levels_db=(vocals + 4, piano + 5, drums + 3, bass + 6, other - 5),
    )


def _all_along(form: tuple[Section, ...], tempo: float) -> tuple[Section, ...]:
    """Fit a form to another tempo, with singer, drums and bass in every section."""
    lengths = bars_of([section.bars for section in form], _STEPS, tempo)
    return tuple(
        replace(section, bars=length, plays=tuple(dict.fromkeys((*section.plays, *_ALWAYS))))
        for section, length in zip(form, lengths, strict=True)
        if length
    )


def _plant(song: Song, coins: dict[str, bool]) -> Song:
    groove = decide(song.seed, "planted groove", _other_grooves())
    bass = decide(song.seed, "planted bass line", _OTHER_BASSES)
    draw = dice(song.seed, "planted solo")
    first = int(draw.integers(SOLO_SEGMENTS - _SOLO_FIFTHS + 1))
    solo = tuple(range(first, first + _SOLO_FIFTHS))
    planted = replace(
        song,
        drum_groove="four to the floor" if coins["four-to-the-floor"] else groove,
        bass_style="walking" if coins["walking-bass"] else bass,
        voice=coins["voice"],
        piano_solo=solo if coins["piano-solo"] else (),
    )
    return _as_loud_as(song, planted)


def _as_loud_as(song: Song, other: Song) -> Song:
    """Scale drums and bass of another version of a song to their loudness in the song."""
    vocals, piano, drums, bass, rest = song.levels_db
    drums += _loudness_db(song, "drums") - _loudness_db(other, "drums")
    bass += _loudness_db(song, "bass") - _loudness_db(other, "bass")
    levels = (vocals, piano, drums, bass, rest)
    # `render` sets the level of the mix from the levels of its stems: keep that of the song
    loudness_db = song.loudness_db + _sum_db(levels) - _sum_db(song.levels_db)
    return replace(other, levels_db=levels, loudness_db=loudness_db)


def _loudness_db(song: Song, stem: str) -> float:
    """Return the RMS level of a stem over the whole track, before mixing [dB]."""
    wave = (_drums if stem == "drums" else _bass)(song, timeline(song))
    return 10 * float(np.log10(np.mean(np.square(wave, dtype=np.float64))))


def _sum_db(levels_db: tuple[float, ...]) -> float:
    return 10 * float(np.log10(sum(10 ** (level / 10) for level in levels_db)))


def _other_grooves() -> tuple[str, ...]:
    """Return the grooves without a kick drum on every quarter, a clap or an open hi-hat."""
    return tuple(
        name
        for name, pieces in DRUM_GROOVES.items()
        if "." in pieces.get("kick", "").partition("|")[0][::4]
        and not {"clap", "open"} & set(pieces)
        and name != "orchestral"
    )
