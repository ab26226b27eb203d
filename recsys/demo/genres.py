"""The genres of the demo catalogue: the choices of each, and its share of the tracks."""

from __future__ import annotations

from dataclasses import dataclass

from recsys.demo.tables import records


@dataclass(frozen=True)
class Genre:
    """The choices of a genre; `genres.toml` explains the keys and their units."""

    share: int
    tempo: tuple[float, float]
    modes: tuple[str, ...]
    verses: tuple[str, ...]
    choruses: tuple[str, ...]
    grooves: tuple[str, ...]
    kits: tuple[str, ...]
    bass_styles: tuple[str, ...]
    bass_sounds: tuple[str, ...]
    others: tuple[tuple[str, ...], ...]
    pianos: tuple[str, ...]
    singers: tuple[str, ...]
    lines: tuple[str, str]
    register: float
    forms: tuple[str, ...]
    levels: tuple[float, float, float, float, float]
    loudness_db: tuple[float, float]
    popularity: float
    steps: tuple[int, ...] = (16,)
    swing: tuple[float, float] = (0.0, 0.04)
    swing_unit: int = 1
    late_ms: float = 0.0
    brightness: tuple[float, float] = (-2.0, 2.0)
    reverb: tuple[float, float] = (0.1, 0.25)
    echo: tuple[float, float] = (0.0, 0.1)
    sung: float = 0.92


GENRES = records(Genre, "genres.toml")
"""All genres by name."""

ROTATION: tuple[str, ...] = tuple(
    name for turn in range(3) for name, genre in GENRES.items() if genre.share > turn
)
"""Thirty-two seeds in a row hold every genre in its share."""
