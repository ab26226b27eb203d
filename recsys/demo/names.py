"""Names of artists, albums and titles, made from word lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np

from recsys.demo.chance import pick
from recsys.demo.tables import read

ARTISTS_PER_GENRE = 3
ALBUMS_PER_ARTIST = 3
_SCENE = 1000

_LISTS = read("names.toml")


@dataclass(frozen=True)
class Credit:
    """Title, artist, album and year of a track, and the pitch of the artist's voice, -2 to 2."""

    title: str
    artist: str
    album: str
    year: int
    voice: float


def credit(seed: int, genre: str) -> Credit:
    """Return artist, album, title and year of a track.

    Parameters
    ----------
    seed : int >= 0
        Seeds of the same thousand share their artists: three of each genre, three albums each.
    genre : str
    """
    rng = np.random.default_rng([seed, 4])
    number = int(rng.integers(ARTISTS_PER_GENRE))
    artist, voice, albums = _artist(seed // _SCENE, genre, number)
    album, year = pick(rng, albums)
    titles = _LISTS["classical_titles" if genre == "classical" else "titles"]
    return Credit(_fill(titles, genre, rng), artist, album, year, voice)


@lru_cache(maxsize=1024)
def _artist(scene: int, genre: str, number: int) -> tuple[str, float, tuple[tuple[str, int], ...]]:
    """Return name, voice and albums of an artist."""
    rng = np.random.default_rng([scene, crc32(genre.encode()), number, 8])
    # every artist of a genre has another template, so that no two share a name
    templates = _LISTS["genres"][genre]["artists"]
    name = _fill((templates[number % len(templates)],), genre, rng)
    voice = round(float(rng.uniform(-2, 2)), 2)
    year = int(rng.integers(1968, 2019))
    albums = []
    for title in rng.permutation(len(_LISTS["albums"]))[:ALBUMS_PER_ARTIST]:
        albums.append((_fill((_LISTS["albums"][title],), genre, rng), year))
        year = min(year + int(rng.integers(1, 5)), 2024)
    return name, voice, tuple(albums)


def _fill(templates: tuple[str, ...], genre: str, rng: np.random.Generator) -> str:
    """Choose a template and fill in words."""
    words = _LISTS["genres"][genre]
    noun, noun2 = _two(words["nouns"], rng)
    adj, adj2 = _two(words["adjectives"], rng)
    last, last2 = _two(_LISTS["last"], rng)
    text = pick(rng, templates).format(
        **{"noun": noun, "noun2": noun2, "adj": adj, "adj2": adj2, "last": last, "last2": last2},
        first=pick(rng, _LISTS["first"]),
        key=pick(rng, _LISTS["keys"]),
        number=int(rng.integers(1, 30)),
    )
    return text[0].upper() + text[1:]


def _two(words: Sequence[str], rng: np.random.Generator) -> list[str]:
    return [words[i] for i in rng.permutation(len(words))[:2]]
