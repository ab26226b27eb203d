import numpy as np
import pytest

from audiolime.separation.quality import si_sdr, si_sdr_improvement
from lemons_utils import ParameterError


def test_orthogonal_noise_at_a_tenth_of_the_level_is_20_db():
    time = np.arange(16_000) / 16_000
    tone, noise = np.sin(2 * np.pi * 100 * time), np.sin(2 * np.pi * 200 * time)
    assert si_sdr(tone, tone + 0.1 * noise) == pytest.approx(20.0)
    assert si_sdr(tone, 7 * (tone + 0.1 * noise)) == pytest.approx(20.0)


def test_it_is_the_cosine_in_decibels(rng):
    true, estimate = rng.normal(size=(2, 1000))
    cosine = true @ estimate / np.linalg.norm(true) / np.linalg.norm(estimate)
    expected = 10 * np.log10(cosine**2 / (1 - cosine**2))
    assert si_sdr(true, estimate) == pytest.approx(expected)


def test_a_scaled_copy_is_perfect_and_silence_hopeless(rng):
    true = rng.normal(size=(2, 500)).astype(np.float32)
    assert si_sdr(true, true) == np.inf
    assert si_sdr(true, -0.3 * true.astype(np.float64)) == np.inf
    assert si_sdr(true, np.zeros_like(true)) == -np.inf


def test_the_mix_itself_improves_nothing(rng):
    true, rest = rng.normal(size=(2, 500))
    assert si_sdr_improvement(true, true + rest, true + rest) == 0
    assert si_sdr_improvement(true, true + 0.1 * rest, true + rest) == pytest.approx(20, abs=1)


@pytest.mark.parametrize(
    ("true", "estimate", "said"),
    [
        (np.ones(3), np.ones(4), "same shape"),
        (np.zeros(3), np.ones(3), "silent"),
        (np.ones(3), np.array([1, np.nan, 1]), "finite"),
    ],
)
def test_what_has_no_ratio_is_refused(true, estimate, said):
    with pytest.raises(ParameterError, match=said):
        si_sdr(true, estimate)
