import numpy as np
import pytest

from audiolime.separation.quality import si_sdr
from audiolime.separation.spectral import drums_and_bass, in_pieces, window_samples


def test_pieces_fade_into_the_whole(rng):
    waveform = rng.normal(size=(2, 10_007)).astype(np.float32)
    seen = []

    def estimate(piece):
        seen.append(piece.shape[1])
        return np.stack([piece, 2 * piece])

    whole = in_pieces(estimate, waveform, piece=3_000, overlap=500)
    np.testing.assert_allclose(whole, np.stack([waveform, 2 * waveform]), atol=1e-6)
    assert len(seen) == 4
    assert max(seen) <= 3_000
    assert max(seen) - min(seen) <= 1


def test_short_recordings_are_one_piece():
    waveform = np.ones((1, 100), np.float32)
    np.testing.assert_array_equal(in_pieces(lambda x: x, waveform, piece=100, overlap=10), waveform)


@pytest.mark.parametrize(
    ("sample_rate", "samples"), [(8_000, 1024), (16_000, 2048), (44_100, 4096), (48_000, 4096)]
)
def test_windows_last_about_a_tenth_of_a_second(sample_rate, samples):
    assert window_samples(sample_rate) == samples


def test_drums_and_bass_find_their_parts(band, mix):
    drums, bass = drums_and_bass(mix[None], 16_000)[:, 0]
    assert si_sdr(band["drums"], drums) > si_sdr(band["drums"], mix) + 10
    assert si_sdr(band["bass"], bass) > 20


def test_bass_is_not_shifted_in_time(band, mix):
    bass = drums_and_bass(mix[None], 16_000)[1, 0]
    inside = slice(8_000, -8_000)
    shifts = range(-8, 9)
    match = [np.dot(np.roll(bass, s)[inside], band["bass"][inside]) for s in shifts]
    assert shifts[int(np.argmax(match))] == 0


def test_stereo_keeps_its_image(mix):
    left_louder = np.stack([mix, 0.5 * mix])
    stems = drums_and_bass(left_louder, 16_000)
    np.testing.assert_allclose(stems[:, 1], 0.5 * stems[:, 0], atol=1e-6)


def test_long_recordings_come_out_as_short_ones(monkeypatch, mix):
    long = np.tile(mix, 6)[None]
    whole = drums_and_bass(long, 16_000)
    original = in_pieces
    monkeypatch.setattr(
        "audiolime.separation.spectral.in_pieces",
        lambda estimate, waveform, **_: original(estimate, waveform, piece=160_000, overlap=32_000),
    )
    pieces = drums_and_bass(long, 16_000)
    for part, same in zip(whole, pieces, strict=True):
        assert si_sdr(part, same) > 30
