"""Sounds that the tests of trainings share."""

import numpy as np

from recsys.model import MIN_SAMPLES


def audio(track_id: str) -> np.ndarray:
    """Odd tracks are tones, even ones noise; each has its own length, pitch and noise."""
    number = int(track_id)
    rng = np.random.default_rng(number)
    samples = MIN_SAMPLES + 256 * (number % 3)
    if number % 2:
        sound = 8_000 * np.sin(2 * np.pi * (300 + 50 * number) * np.arange(samples) / 16_000)
    else:
        sound = 2_000 * rng.standard_normal(samples)
    return sound.astype(np.int16)
