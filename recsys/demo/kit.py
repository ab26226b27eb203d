"""The drum kits: hits of a few sines and filtered noise, cached for reuse."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lemons_utils import SAMPLE_RATE
from recsys.demo.filters import bandpass
from recsys.demo.tables import read, records
from recsys.demo.tones import Note, Wave

_BALANCE: dict[str, float] = read("drums.toml")["balance"]

PIECES = tuple(_BALANCE)
"""The pieces of a kit; the pitch of a drum note is the index of its piece."""


@dataclass(frozen=True)
class Kit:
    """The sound of a drum kit; `drums.toml` explains the keys and their units."""

    kick_hz: float = 55.0
    kick_sweep: float = 3.0
    kick_s: float = 0.12
    click: float = 0.3
    snare_hz: float = 190.0
    snare_s: float = 0.11
    wires: float = 0.7
    hat_hz: float = 6000.0
    hat_s: float = 0.03
    tom_hz: float = 110.0
    drive: float = 0.0
    level: float = 1.0


KITS = records(Kit, "drums.toml", "kits")


def beat(notes: list[Note], kit: str, samples: int) -> Wave:
    """Render a drum part.

    Parameters
    ----------
    notes : list of Note
        Their pitch is an index into `PIECES`.
    kit : str
        A name from `KITS`.
    samples : int > 0

    Returns
    -------
    ndarray [shape=(samples,)]
    """
    part = np.zeros(samples)
    for number, note in enumerate(notes):
        start = round(note.start_s * SAMPLE_RATE)
        sound = hit(kit, PIECES[int(note.pitch)], number % 3)
        length = min(len(sound), samples - start)
        if start >= 0 and length > 0:
            part[start : start + length] += sound[:length] * note.velocity
    drive = KITS[kit].drive
    if drive:
        part = np.tanh(part * drive) / np.tanh(drive)
    return part


@lru_cache(maxsize=512)
def hit(kit: str, piece: str, variant: int) -> Wave:
    """Return one stroke, read-only; variants differ slightly, like strokes of one player."""
    rng = np.random.default_rng([sum(map(ord, kit + piece)), variant])
    sound = _stroke(KITS[kit], piece, rng)
    sound *= _BALANCE[piece] / np.max(np.abs(sound))
    if piece not in ("kick", "snare", "clap", "high_tom", "mid_tom", "low_tom"):
        sound *= KITS[kit].level
    fade = round(0.006 * SAMPLE_RATE)
    sound[-fade:] *= np.linspace(1, 0, fade)
    sound[:24] *= np.linspace(0, 1, 24) ** 2
    sound.flags.writeable = False
    return sound


def _stroke(kit: Kit, piece: str, rng: np.random.Generator) -> NDArray[np.float64]:
    tune = 1 + 0.01 * rng.standard_normal()
    match piece:
        case "kick":
            return _drum(kit.kick_hz * tune, kit.kick_sweep, kit.kick_s) + kit.click * _noise(
                rng, 0.012, 1200, 6500, kit.kick_s * 6
            )
        case "snare":
            body = _drum(kit.snare_hz * tune, 1.4, kit.snare_s * 0.6, kit.snare_s * 6)
            wires = _noise(rng, kit.snare_s, 900, 7600, kit.snare_s * 6)
            return (1 - kit.wires) * body + kit.wires * 1.3 * wires
        case "rim":
            return _drum(1700 * tune, 1.0, 0.012, 0.1) + 0.4 * _noise(rng, 0.01, 500, 4000, 0.1)
        case "clap":
            sound = _noise(rng, 0.08, 800, 4500, 0.4)
            for late in (0.011, 0.023):
                shift = round(late * SAMPLE_RATE)
                sound[shift:] += 0.8 * _noise(rng, 0.01, 800, 4500, 0.4)[: len(sound) - shift]
            return sound
        case "hat":
            return _metal(rng, kit.hat_s, kit.hat_hz, 6 * kit.hat_s + 0.02)
        case "open":
            return _metal(rng, 0.16, kit.hat_hz * 0.9, 0.5)
        case "ride":
            return _metal(rng, 0.3, kit.hat_hz * 0.7, 1.0) + _metal(rng, 0.02, 2500, 1.0)
        case "crash":
            return _metal(rng, 0.55, kit.hat_hz * 0.45, 1.8)
        case "high_tom" | "mid_tom" | "low_tom":
            ratio = {"high_tom": 1.7, "mid_tom": 1.3, "low_tom": 1.0}[piece]
            return _drum(kit.tom_hz * ratio * tune, 1.5, 0.17) + 0.15 * _noise(
                rng, 0.02, 600, 4000, 0.17 * 6
            )
        case "tambourine":
            return _metal(rng, 0.07, 5200, 0.3)
        case _:
            sound = _noise(rng, 0.05, 4500, 7600, 0.16)
            sound[:640] *= np.linspace(0, 1, 640)
            return sound


def _drum(
    frequency: float, sweep: float, decay_s: float, length_s: float | None = None
) -> NDArray[np.float64]:
    """Return the sound of a drum head: a sine that falls to its pitch."""
    time_s = np.arange(round((length_s or decay_s * 6) * SAMPLE_RATE)) / SAMPLE_RATE
    glide = frequency * (1 + (sweep - 1) * np.exp(-time_s / 0.022))
    skin: NDArray[np.float64] = np.sin(2 * np.pi * np.cumsum(glide) / SAMPLE_RATE)
    return skin * np.exp(-time_s / decay_s)


def _noise(
    rng: np.random.Generator, decay_s: float, low_hz: float, high_hz: float, length_s: float
) -> NDArray[np.float64]:
    """Return a decaying burst of noise between two frequencies."""
    samples = round(length_s * SAMPLE_RATE)
    sound = bandpass(rng.standard_normal(samples), 2, low_hz, high_hz)
    burst: NDArray[np.float64] = sound * np.exp(-np.arange(samples) / SAMPLE_RATE / decay_s)
    return burst


def _metal(
    rng: np.random.Generator, decay_s: float, low_hz: float, length_s: float
) -> NDArray[np.float64]:
    """Return the sound of a cymbal: noise and inharmonic partials."""
    time_s = np.arange(round(length_s * SAMPLE_RATE)) / SAMPLE_RATE
    partials = low_hz * (1 + rng.uniform(0, 0.8, 7))
    partials = partials[partials < 7900]
    ring = np.sin(2 * np.pi * np.outer(partials, time_s) + rng.uniform(0, 6, (len(partials), 1)))
    sound = _noise(rng, decay_s, min(low_hz, 7000), 7900, length_s)
    metal: NDArray[np.float64] = sound + 0.06 * ring.sum(axis=0) * np.exp(-time_s / decay_s)
    return metal
