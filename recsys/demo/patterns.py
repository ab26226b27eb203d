"""Drum grooves, bass styles and melodies; the files that hold them explain their notation."""

from __future__ import annotations

from dataclasses import dataclass

from recsys.demo.tables import read, records


@dataclass(frozen=True)
class Line:
    """How a melody moves; `melodies.toml` explains the keys."""

    rhythms: tuple[str, ...]
    leap: float = 1.5
    span: int = 6
    longest: int = 6
    gate: float = 0.92
    rest: float = 0.12


DRUM_GROOVES: dict[str, dict[str, str]] = read("drums.toml")["grooves"]
"""Drum grooves by name: a pattern for every piece that plays."""

BASS_STYLES: dict[str, str] = read("basses.toml")["styles"]
"""Bass styles by name."""

LINES = records(Line, "melodies.toml", "lines")
"""Melodies by name."""
