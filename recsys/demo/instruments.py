"""The instruments and amplifiers of the band, and the accompaniment figures by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from recsys.demo.tables import read, records
from recsys.demo.tones import Patch


class Amplifier(NamedTuple):
    """Drive, and the pass band of the loudspeaker."""

    drive: float
    low_hz: float
    high_hz: float


@dataclass(frozen=True)
class Figure:
    """What a stem plays; `piano.toml` and `others.toml` explain the keys and their units."""

    kind: str
    patch: str
    pattern: str
    centre: float = 60.0
    gate: float = 0.0
    size: int = 3
    amplifier: str = ""
    level_db: float = 0.0
    sections: tuple[str, ...] = ()
    pump: float = 0.0
    strum_s: float = 0.0


PATCHES = {
    **records(Patch, "instruments.toml", "patches"),
    **records(Patch, "basses.toml", "patches"),
}
"""Instruments by name."""

BASS_DRIVE: dict[str, float] = read("basses.toml")["drive"]
"""Soft clipping of the amplified basses."""

BASS_OCTAVES: dict[str, int] = read("basses.toml")["octaves"]
"""How far up the neck a bass is played, where that is not at its low end."""

AMPLIFIERS = records(Amplifier, "others.toml", "amplifiers")
"""Guitar amplifiers by name."""

PIANO_STYLES = records(Figure, "piano.toml", "styles")
"""Piano styles by name."""

OTHER_STYLES = records(Figure, "others.toml", "figures")
"""Figures of guitars, synthesizers, strings, organs and horns by name."""
