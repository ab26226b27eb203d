"""Music for the separators: each part of a small band by itself."""

import numpy as np
import pytest

RATE = 16_000


@pytest.fixture(scope="session")
def band() -> dict[str, np.ndarray]:
    """Four seconds at 16 kHz: a bass note, chords, clicks. Parts [samples] float32."""
    rng = np.random.default_rng(3)
    time = np.arange(4 * RATE) / RATE
    bass = 0.3 * np.sin(2 * np.pi * 82.4 * time)
    chord = sum(0.08 * np.sin(2 * np.pi * f * time) for f in (523.3, 659.3, 784.0, 1318.5))
    drums = np.zeros_like(time)
    stroke = rng.normal(size=800) * np.exp(-np.arange(800) / 120)
    for at in range(2_000, len(time) - 800, 8_000):
        drums[at : at + 800] += 0.4 * stroke
    parts = {"bass": bass, "chord": np.asarray(chord), "drums": drums}
    return {name: part.astype(np.float32) for name, part in parts.items()}


@pytest.fixture(scope="session")
def mix(band) -> np.ndarray:
    return np.sum(list(band.values()), axis=0, dtype=np.float32)
