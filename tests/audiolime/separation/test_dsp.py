import numpy as np

from audiolime.separation import get_separator
from audiolime.separation.quality import si_sdr, si_sdr_improvement

RATE = 16_000


def _loop(seconds: int, rng: np.random.Generator) -> np.ndarray:
    """One second of chord and clicks, over and over."""
    time = np.arange(RATE) / RATE
    chord = sum(0.1 * np.sin(2 * np.pi * f * time) for f in (220, 330, 440, 660, 880))
    click = np.zeros(RATE)
    click[::4000] = 0.5
    bar = (chord * np.exp(-time) + np.convolve(click, rng.normal(size=200) / 8)[:RATE]) * 0.7
    return np.tile(bar, seconds)


def _melody(seconds: int) -> np.ndarray:
    """A gliding voice with vibrato that never does the same twice."""
    time = np.arange(seconds * RATE) / RATE
    pitch = 300 + 25 * time + 12 * np.sin(2 * np.pi * 5.5 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    sound = sum(np.sin(k * phase) / k for k in range(1, 8)) * 0.15
    return sound * (np.sin(2 * np.pi * 0.4 * time) > -0.3)


def test_what_does_not_repeat_is_the_voice(rng):
    music, voice = _loop(12, rng), _melody(12)
    stems = get_separator("dsp").separate((music + voice).astype(np.float32), RATE)
    assert si_sdr_improvement(voice, stems[0], music + voice) > 6
    assert si_sdr(music, stems[1:].sum(axis=0)) > si_sdr(music, music + voice) + 6


def test_a_loop_alone_has_next_to_no_voice(rng):
    music = _loop(12, rng).astype(np.float32)
    voice = get_separator("dsp").separate(music, RATE)[0]
    assert np.square(voice).sum() < 0.01 * np.square(music).sum()
