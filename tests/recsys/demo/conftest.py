"""One song of every genre, composed and played once for all tests."""

import pytest

from recsys.demo.band import render
from recsys.demo.genres import GENRES
from recsys.demo.song import compose

SEED = 500


@pytest.fixture(scope="session")
def songs():
    return {genre: compose(SEED, genre) for genre in GENRES}


@pytest.fixture(scope="session")
def played(songs):
    return {genre: render(song) for genre, song in songs.items()}
