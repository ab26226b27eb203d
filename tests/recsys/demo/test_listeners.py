"""Seven tastes, what they lead to, and fresh songs to test them on."""

import numpy as np
import pytest

from lemons_utils import ParameterError
from recsys.demo.listeners import LISTENERS, OFF_TASTE, fresh_songs, liking, listen, true_taste
from recsys.demo.recording import FIRST_FRESH_SEED
from recsys.demo.song import compose


@pytest.fixture(scope="module")
def songs():
    return [compose(seed) for seed in range(320)]


@pytest.fixture(scope="module")
def plays(songs):
    return listen(songs, [str(song.seed) for song in songs])


def liked(user_name, songs):
    return [song for song in songs if true_taste(user_name, song)]


def test_there_are_seven():
    names = ["marko", "matteo", "johnny", "elizabeth", "nina", "paige", "sandra"]
    assert list(LISTENERS) == names


@pytest.mark.parametrize(
    ("user_name", "genres"),
    [
        ("matteo", {"trance", "blues", "progressive"}),
        ("elizabeth", {"rock", "alternative metal", "heavy metal"}),
        ("nina", {"rock", "emo", "post-hardcore"}),
        ("sandra", {"hip-hop", "dirty south rap"}),
    ],
)
def test_genres_are_what_these_four_go_by(songs, user_name, genres):
    assert {song.genre for song in liked(user_name, songs)} == genres
    assert all(true_taste(user_name, song) for song in songs if song.genre in genres)
    assert all(genre in LISTENERS[user_name].taste for genre in genres)


def test_marko_likes_reggae_and_what_is_niche_and_loud(songs):
    his = liked("marko", songs)
    reggae = [song for song in songs if song.genre == "reggae"]
    assert sum(song in his for song in reggae) >= 0.9 * len(reggae)
    strangers = [song for song in his if song.genre != "reggae"]
    others = [song for song in songs if song.genre != "reggae" and song not in strangers]
    assert len(strangers) > 20
    assert max(song.popularity for song in strangers) < 0.45
    assert np.mean([s.loudness_db for s in strangers]) > np.mean([s.loudness_db for s in others])


def test_paige_likes_what_is_popular(songs):
    hers = liked("paige", songs)
    assert min(song.popularity for song in hers) > max(
        song.popularity for song in songs if song not in hers
    )


def test_johnny_likes_a_bit_of_everything(songs):
    his = liked("johnny", songs)
    assert len({song.genre for song in his}) >= 10
    assert max(sum(s.genre == g for s in his) for g in {s.genre for s in his}) < 0.3 * len(his)


@pytest.mark.parametrize("user_name", LISTENERS)
def test_listening_is_log_normal_and_a_tenth_off_taste(songs, plays, user_name):
    own = plays[plays["user_name"] == user_name]
    assert 60 <= len(own) <= 90
    assert len(songs) - len(own) > 2 * len(own)
    assert own["track_id"].is_unique and (own["playcount"] >= 1).all()
    on_taste = own["track_id"].map(lambda seed: true_taste(user_name, songs[int(seed)]))
    assert (~on_taste).mean() == pytest.approx(OFF_TASTE, abs=0.02)
    counts = np.log(own["playcount"][on_taste])
    assert counts.mean() == pytest.approx(2.3, abs=0.5)
    assert counts.std() == pytest.approx(1.0, abs=0.35)
    assert own["playcount"][~on_taste].mean() < own["playcount"][on_taste].mean()


def test_fresh_songs_are_balanced_and_nobody_has_heard_them(songs):
    fresh, labels = fresh_songs(40, FIRST_FRESH_SEED)
    assert (labels.groupby(["user_name", "label"]).size() == 20).all()
    assert set(labels["user_name"]) == set(LISTENERS)
    assert not {song.seed for song in fresh} & {song.seed for song in songs}
    assert not {song.artist for song in fresh} >= {song.artist for song in songs}
    assert len(fresh) < 7 * 40 / 2
    for row in labels.itertuples():
        assert bool(row.label) == true_taste(row.user_name, compose(row.seed))


def test_a_larger_set_begins_with_the_smaller_one():
    small, _ = fresh_songs(10, FIRST_FRESH_SEED)
    large, _ = fresh_songs(20, FIRST_FRESH_SEED)
    assert {song.seed for song in small} <= {song.seed for song in large}


def test_refuses_unknown_listeners_and_odd_numbers():
    with pytest.raises(ParameterError, match="user_name must be one of"):
        liking("bob", compose(0))
    with pytest.raises(ParameterError, match="even number"):
        fresh_songs(7, FIRST_FRESH_SEED)
