"""What is decided before anybody plays: genres, forms, harmony, names."""

from collections import Counter
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lemons_utils import ParameterError
from recsys.demo.genres import GENRES, ROTATION
from recsys.demo.score import Clock, timeline
from recsys.demo.song import DURATION_S, STEMS, compose
from recsys.demo.takes import from_json, to_json
from recsys.demo.theory import MODES, chord, fits, nearest, voicing


@pytest.fixture(scope="module")
def many():
    return [compose(seed) for seed in range(320)]


def test_every_genre_comes_in_its_share(many):
    assert len(GENRES) >= 12
    counted = Counter(song.genre for song in many)
    assert counted == {name: 10 * genre.share for name, genre in GENRES.items()}
    assert len(ROTATION) == sum(genre.share for genre in GENRES.values()) == 32


def test_genres_differ_in_tempo_and_means(many):
    tempo = {
        genre: np.mean([song.tempo for song in many if song.genre == genre]) for genre in GENRES
    }
    assert tempo["post-hardcore"] > tempo["trance"] > tempo["pop"] > tempo["hip-hop"]
    assert tempo["hip-hop"] > tempo["reggae"]
    for genre in GENRES:
        own = [song for song in many if song.genre == genre]
        assert len({song.verse for song in own}) > 1
        assert len({song.form for song in own}) > 3
        assert len({song.tonic for song in own}) > 3


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**40), st.sampled_from([None, *GENRES]))
def test_any_seed_makes_a_song(seed, genre):
    song = compose(seed, genre)
    assert song == compose(seed, genre)
    assert hash(song) == hash(compose(seed, genre))
    bars = timeline(song)
    clock = Clock(song, "test")
    assert clock.grid(len(bars), 0) >= DURATION_S
    assert clock.grid(len(bars) - 2, 0) < DURATION_S
    assert all(set(bar.plays) <= set(STEMS) and bar.plays for bar in bars)
    assert len({bar.plays for bar in bars}) > 1, "instruments must enter and leave"
    steps = [clock.grid(0, step / 2) for step in range(2 * song.steps)]
    assert steps == sorted(steps)
    assert 0 <= song.popularity <= 1
    assert from_json(to_json(song)) == song


def test_a_song_is_frozen_and_one_change_is_one_change(many):
    song = many[3]
    with pytest.raises(FrozenInstanceError):
        song.voice = False
    other = replace(song, bass_style="walking")
    differs = [f.name for f in fields(song) if getattr(song, f.name) != getattr(other, f.name)]
    assert differs == ["bass_style"]


def test_decisions_do_not_hang_together(many):
    # planted tastes must not be another taste in disguise
    voice = np.array([song.voice for song in many], float)
    solo = np.array([bool(song.piano_solo) for song in many], float)
    assert abs(np.corrcoef(voice, solo)[0, 1]) < 0.15
    assert {fifth for song in many for fifth in song.piano_solo} == {1, 2, 3, 4}


def test_refuses_unknown_genres_and_negative_seeds():
    with pytest.raises(ParameterError, match="genre must be one of"):
        compose(1, "polka")
    with pytest.raises(ParameterError, match="seed must be 0 or more"):
        compose(-1)


def test_names_read_like_music(many):
    assert len({song.title for song in many}) > 0.8 * len(many)
    artists = Counter(song.artist for song in many)
    assert 30 <= len(artists) <= 60 and max(artists.values()) <= 25
    for artist in artists:
        assert len({song.genre for song in many if song.artist == artist}) == 1
    albums = {(song.artist, song.album): set() for song in many}
    for song in many:
        albums[song.artist, song.album].add(song.year)
        assert 1968 <= song.year <= 2030
        for name in (song.title, song.artist, song.album):
            assert name == name.strip() and "{" not in name and name[0] == name[0].upper()
    assert all(len(years) == 1 for years in albums.values())
    voices = {song.artist: set() for song in many}
    for song in many:
        voices[song.artist].add(song.voice_pitch)
    assert all(len(pitches) == 1 for pitches in voices.values()), "a singer keeps her voice"


def test_popularity_is_heard(many):
    popular = np.array([song.popularity for song in many])
    for heard in (
        [song.brightness_db for song in many],
        [song.levels_db[0] - song.levels_db[2] for song in many],
        [-song.hiss_db for song in many],
        ["sparkle" in song.others for song in many],
    ):
        assert np.corrcoef(popular, heard)[0, 1] > 0.3


@pytest.mark.parametrize(
    ("name", "mode", "root", "intervals"),
    [
        ("I", "major", 0, (0, 4, 7)),
        ("vi", "major", 9, (0, 3, 7)),
        ("VI", "minor", 8, (0, 4, 7)),
        ("bVII", "mixolydian", 10, (0, 4, 7)),
        ("IV7", "blues", 5, (0, 4, 7, 10)),
        ("IVmaj7", "lydian", 6, (0, 4, 7, 11)),
        ("VII", "harmonic minor", 10, (0, 4, 7)),
    ],
)
def test_reads_chords(name, mode, root, intervals):
    assert chord(name, mode) == (root, intervals)


def test_refuses_what_is_no_chord():
    with pytest.raises(ParameterError, match="roman numeral"):
        chord("H7", "major")


def test_every_progression_can_be_read_and_fits_some_mode():
    for name, genre in GENRES.items():
        for progressions in (genre.verses, genre.choruses):
            for mode in genre.modes:
                assert any(fits(progression, mode) for progression in progressions), (name, mode)
            for progression in progressions:
                for numeral in progression.replace("/", " ").split():
                    assert 0 <= chord(numeral, genre.modes[0]).root < 12


@given(
    st.lists(st.integers(0, 11), min_size=1, max_size=4, unique=True),
    st.floats(48, 80),
    st.sampled_from(list(MODES)),
)
def test_voices_stay_together(classes, centre, mode):
    first = voicing(tuple(classes), centre, None)
    assert {pitch % 12 for pitch in first} == set(classes)
    assert abs(np.mean(first) - centre) <= 12
    second = voicing(tuple(MODES[mode][:3]), centre, first)
    assert abs(np.mean(second) - np.mean(first)) <= 12
    assert nearest(centre, tuple(classes)) % 12 in classes
