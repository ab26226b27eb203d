"""Songs with a planted property: independent of everything, in one stem, equally loud."""

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from lemons_utils import ParameterError
from recsys.demo import band, parts, planted
from recsys.demo.instruments import OTHER_STYLES
from recsys.demo.patterns import DRUM_GROOVES
from recsys.demo.planted import (
    BLOCK,
    FIRST_FRESH,
    FIRST_SEED,
    PLANTED,
    likes,
    planted_song,
    record_planted,
    without,
)
from recsys.demo.recording import FIRST_FRESH_SEED, LABELS
from recsys.demo.score import Clock, timeline
from recsys.demo.song import DURATION_S, STEMS
from recsys.demo.tones import hertz
from recsys.listening import read_split, split_path, users

SEEDS = range(FIRST_SEED, FIRST_SEED + 2 * BLOCK)


def has(user_name, song):
    return {
        "four-to-the-floor": song.drum_groove == "four to the floor",
        "walking-bass": song.bass_style == "walking",
        "voice": song.voice,
        "piano-solo": bool(song.piano_solo),
    }[user_name]


@pytest.fixture(scope="module")
def songs():
    return {seed: planted_song(seed) for seed in SEEDS}


def test_the_four_coins_are_independent():
    coins = np.array([[likes(name, seed) for name in PLANTED] for seed in SEEDS])
    for block in coins.reshape(-1, BLOCK, len(PLANTED)):
        assert len({tuple(outcome) for outcome in block}) == BLOCK
    orders = {tuple(map(tuple, block)) for block in coins.reshape(-1, BLOCK, len(PLANTED))}
    assert len(orders) == 2, "the order must be another one in every block"


def test_no_coin_depends_on_anything_else_about_a_song():
    seeds = range(FIRST_SEED, FIRST_SEED + 384)
    plain = [planted._plain(seed) for seed in seeds]
    words = [
        pd.get_dummies([getattr(song, name) for song in plain]).to_numpy(float)
        for name in ("genre", "drum_kit", "singer", "mode", "verse_line")
    ]
    numbers = [[s.tempo, s.loudness_db, s.brightness_db, s.popularity] for s in plain]
    about = np.column_stack([*words, numbers])
    for name in PLANTED:
        coin = np.array([likes(name, seed) for seed in seeds], float)
        assert coin.mean() == 0.5
        found = [abs(np.corrcoef(coin, column)[0, 1]) for column in about.T]
        assert max(found) < 0.17, (name, found)  # 384 tracks: 0.05 is one standard deviation


def test_a_song_has_what_its_coins_say(songs):
    for seed, song in songs.items():
        for name in PLANTED:
            assert has(name, song) == likes(name, seed)
            assert not has(name, without(name, seed))
            others = set(PLANTED) - {name}
            assert all(has(other, without(name, seed)) == likes(other, seed) for other in others)


@pytest.mark.parametrize("name", PLANTED)
def test_without_changes_one_decision_and_its_loudness(songs, name):
    decision = {
        "four-to-the-floor": "drum_groove",
        "walking-bass": "bass_style",
        "voice": "voice",
        "piano-solo": "piano_solo",
    }[name]
    for seed, song in songs.items():
        other = without(name, seed)
        changed = {f.name for f in fields(song) if getattr(song, f.name) != getattr(other, f.name)}
        if likes(name, seed):
            assert decision in changed and changed <= {decision, "levels_db", "loudness_db"}
        else:
            assert not changed


def test_who_is_asked_for_plays_all_along_for_thirty_seconds(songs):
    for song in songs.values():
        bars = timeline(song)
        assert all({"vocals", "drums", "bass"} <= set(bar.plays) for bar in bars)
        assert Clock(song, "test").grid(len(bars), 0) >= DURATION_S
        assert Clock(song, "test").grid(len(bars) - 2, 0) < DURATION_S


def test_a_solo_is_all_that_the_piano_plays_and_takes_two_fifths(songs):
    for song in songs.values():
        assert len(song.piano_solo) == (2 if song.piano_solo else 0)
    song = next(song for song in songs.values() if song.piano_solo)
    piano = band.render(song)[STEMS.index("piano")].astype(float).reshape(5, -1)
    loudness = np.square(piano).mean(axis=1)
    first, last = song.piano_solo
    assert last == first + 1
    quiet = [part for part in range(5) if part not in (first, last, last + 1)]  # but for its echo
    assert loudness[[first, last]].min() > 1000 * loudness[quiet].max()


def test_nobody_but_the_singer_and_the_soloist_plays_a_tune(songs):
    for song in songs.values():
        assert {OTHER_STYLES[name].kind for name in song.others} <= {"chords", "arpeggio", "power"}


def test_the_bass_is_high_enough_for_its_overtones_to_be_told_apart(songs):
    for song in songs.values():
        lowest = min(note.pitch for note in parts.bass(song, timeline(song)))
        assert hertz(lowest) > 2 * 16_000 / 512  # two bins of the spectrogram


def test_no_kick_drum_on_every_quarter_but_in_the_planted_groove(songs):
    for song in songs.values():
        if song.drum_groove != "four to the floor":
            bars = DRUM_GROOVES[song.drum_groove]["kick"].split("|")
            assert any(bar[beat] == "." for bar in bars for beat in (0, 4, 8, 12))


def rms_db(wave):
    return 10 * np.log10(np.square(wave.astype(float)).mean())


@pytest.mark.parametrize("name", PLANTED)
def test_the_planted_stem_alone_differs_and_is_as_loud(name):
    place = STEMS.index(PLANTED[name].stem)
    seed = next(seed for seed in SEEDS if likes(name, seed))
    liked, other = band.render(planted_song(seed)), band.render(without(name, seed))
    assert not np.array_equal(liked[place], other[place])
    rest = [index for index in range(len(STEMS)) if index != place]
    # but for the limiter, which turns the whole mix down, and rounding
    scale = np.vdot(liked[rest], other[rest].astype(float)) / np.vdot(
        liked[rest], liked[rest].astype(float)
    )
    assert abs(20 * np.log10(scale)) < 1.0
    assert np.abs(other[rest] - scale * liked[rest]).max() < 3
    if name in ("four-to-the-floor", "walking-bass"):
        # room and tone control come after the levels
        assert rms_db(liked[place]) - rms_db(other[place]) == pytest.approx(0, abs=1.5)


def test_a_recorded_catalogue_has_splits_and_a_fresh_one_labels(tmp_path):
    catalogue = record_planted(tmp_path / "planted", BLOCK, jobs=1)
    assert users(catalogue) == sorted(PLANTED)
    for name in PLANTED:
        split = read_split(split_path(catalogue, name)).set_index("track_id")
        seeds = catalogue.tracks.set_index("track_id")["seed"]
        assert len(split) == BLOCK
        assert all(
            bool(row.label) == likes(name, int(seeds[row.Index])) for row in split.itertuples()
        )
    fresh = record_planted(tmp_path / "fresh", BLOCK, fresh=True, jobs=1)
    assert not set(fresh.track_ids) & set(catalogue.track_ids)
    assert set(fresh.tracks["seed"]) == set(range(FIRST_FRESH, FIRST_FRESH + BLOCK))
    labels = pd.read_csv(fresh.folder / LABELS)
    assert (labels.groupby("user_name")["label"].sum() == BLOCK // 2).all()


def test_refuses_what_makes_no_sense(tmp_path):
    assert FIRST_SEED > FIRST_FRESH_SEED
    with pytest.raises(ParameterError, match="multiples of 16"):
        record_planted(tmp_path / "planted", 20)
    with pytest.raises(ParameterError, match="user_name must be one of"):
        likes("bob", 3)
    with pytest.raises(ParameterError, match="user_name must be one of"):
        without("bob", 3)
