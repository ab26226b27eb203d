"""What the band plays: true stems, exact sums, no clicks, every decision audible and alone."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy._core import _multiarray_umath as umath

from lemons_utils import ParameterError
from recsys.demo import effects
from recsys.demo.band import PEAK, mix, render
from recsys.demo.genres import GENRES
from recsys.demo.instruments import PATCHES
from recsys.demo.kit import KITS, PIECES, hit
from recsys.demo.parts import bass, drums
from recsys.demo.patterns import BASS_STYLES, DRUM_GROOVES
from recsys.demo.score import timeline
from recsys.demo.song import SAMPLES, STEMS, compose
from recsys.demo.tones import Note, play
from recsys.demo.voice import SINGERS, Syllable, sing

genres = pytest.mark.parametrize("genre", GENRES)


def power_db(wave):
    return 10 * np.log10(np.mean(np.square(wave.astype(float) / 32768)) + 1e-15)


@genres
def test_stems_sum_to_the_mix_without_clipping(played, genre):
    stems = played[genre]
    assert stems.shape == (5, SAMPLES) and stems.dtype == np.int16
    exact = stems.astype(np.int64).sum(axis=0)
    assert np.array_equal(exact, mix(stems))
    assert np.abs(exact).max() <= PEAK * 32768 + 3


@pytest.mark.parametrize("genre", ["reggae", "post-hardcore", "classical"])
@pytest.mark.parametrize("without", ["", " ".join(umath.__cpu_dispatch__)], ids=["same", "older"])
def test_plays_the_same_again_in_another_process_and_on_an_older_processor(
    played, songs, genre, without
):
    script = (
        "import hashlib, sys\n"
        "from recsys.demo import compose, render\n"
        f"print(hashlib.sha256(render(compose({songs[genre].seed}, {genre!r}))).hexdigest())"
    )
    settings = {**os.environ, "NPY_DISABLE_CPU_FEATURES": without}
    done = subprocess.run(
        [sys.executable, "-c", script], env=settings, capture_output=True, text=True
    )
    assert done.stdout.strip() == hashlib.sha256(played[genre]).hexdigest(), done.stderr
    assert np.array_equal(played[genre], render(songs[genre]))


@genres
def test_begins_and_ends_softly_without_direct_current(played, genre):
    stems = played[genre].astype(float)
    assert np.abs(stems[:, :8]).max() <= 8
    assert np.abs(stems[:, -8:]).max() <= 8
    assert np.abs(stems.mean(axis=1)).max() < 1.0
    assert power_db(played[genre].sum(axis=0)[-1600:]) < -45


def edges(wave):
    """Largest sample at the ends of what sounds, against the largest of all."""
    sounding = np.flatnonzero(wave)
    cut = np.abs(wave[sounding[0] : sounding[-1] + 1].astype(float))
    return max(cut[:4].max(), cut[-4:].max()) / cut.max()


@pytest.mark.parametrize("patch", PATCHES)
@pytest.mark.parametrize("duration_s", [0.06, 0.5, 10.0])
def test_notes_do_not_click(patch, duration_s):
    wave = play([Note(0.1, duration_s, 57, 0.8)], PATCHES[patch], 80_000)
    assert np.isfinite(wave).all()
    assert edges(wave) < 0.03


@pytest.mark.parametrize("style", SINGERS)
def test_syllables_do_not_click(style):
    words = [Syllable(Note(0.2, 0.15, 55, 0.8), "", ("a", "i")),
             Syllable(Note(0.8, 1.0, 60, 0.8), "s", ("o", "u"))]  # fmt: skip
    wave = sing(words, style, 40_000, seed=1)
    assert edges(wave) < 0.03
    assert edges(wave[:10_000]) < 0.03


@pytest.mark.parametrize("kit", KITS)
def test_strokes_do_not_click(kit):
    for piece in PIECES:
        stroke = hit(kit, piece, 0)
        assert np.isfinite(stroke).all()
        assert edges(stroke) < 0.05


def test_every_stem_sounds_in_most_tracks_and_none_all_the_time(played):
    audible = np.array([[power_db(stem) > -60 for stem in stems] for stems in played.values()])
    assert (audible.mean(axis=0) > 0.6).all()
    fifths = np.array(
        [[[power_db(part) for part in np.split(stem, 5)] for stem in s] for s in played.values()]
    )
    spread = fifths.max(axis=2) - fifths.min(axis=2)
    assert (np.median(spread, axis=0) > 2).all(), "time must matter"


def test_loudness_is_what_was_decided(played, songs):
    # sections in which somebody is silent are softer, so the mean lies a little below
    for genre, song in songs.items():
        if song.voice:
            assert -5.5 < power_db(mix(played[genre])) - song.loudness_db < 2, genre
    quiet, loud = power_db(mix(played["classical"])), power_db(mix(played["heavy metal"]))
    assert loud > quiet + 5


def test_genres_differ_in_spectrum(played):
    spectra = []
    for stems in played.values():
        power = np.abs(np.fft.rfft(mix(stems).astype(float)[: 29 * 16000].reshape(-1, 800))) ** 2
        bands = np.log10(power.mean(axis=0)[1:385].reshape(24, 16).mean(axis=1))
        spectra.append(bands - bands.mean())
    spectra = np.array(spectra)
    apart = np.sqrt(np.square(spectra[:, None] - spectra[None]).mean(axis=2))
    assert apart[np.triu_indices(len(spectra), 1)].min() > 0.08


@pytest.mark.parametrize("genre", ["trance", "folk", "hip-hop", "classical"])
def test_one_decision_changes_one_stem(songs, played, genre):
    song = replace(songs[genre], loudness_db=-24.0)  # far from the ceiling
    before = render(song)
    for changed, stem in (
        (replace(song, drum_groove="four to the floor", drum_kit="rock"), "drums"),
        (replace(song, bass_style="walking", bass_sound="finger bass"), "bass"),
        (replace(song, voice=not song.voice), "vocals"),
        (replace(song, piano_solo=(2,)), "piano"),
        (replace(song, others=("strum",)), "other"),
    ):
        after = render(changed)
        differs = [name for name, a, b in zip(STEMS, before, after, strict=True) if (a != b).any()]
        assert differs == [stem]


@pytest.mark.parametrize("genre", ["reggae", "blues", "post-hardcore", "classical"])
def test_planted_decisions_are_heard_in_every_genre(songs, genre):
    song = replace(songs[genre], piano_style="none", voice=False, piano_solo=(1, 3))
    stems = render(song)
    assert not stems[STEMS.index("vocals")].any()
    piano = [power_db(part) for part in np.split(stems[STEMS.index("piano")], 5)]
    assert min(piano[1], piano[3]) > -42
    # what is left elsewhere is the room's answer
    assert max(piano[0], piano[2], piano[4]) < min(piano[1], piano[3]) - 15
    sung = render(replace(song, voice=True))[STEMS.index("vocals")]
    assert power_db(sung) > -50
    floor = render(replace(song, drum_groove="four to the floor"))[STEMS.index("drums")]
    assert power_db(floor) > -55


def test_four_to_the_floor_beats_on_every_beat(songs):
    song = replace(songs["trance"], drum_groove="four to the floor", reverb=0.0)
    drums = render(song)[STEMS.index("drums")].astype(float)
    envelope = np.abs(drums).reshape(-1, 160).max(axis=1)
    beat = round(4 * song.step_s * 100)
    strong = np.array([envelope[i : i + beat].max() for i in range(0, 2900, beat)])
    assert (strong > 0.2 * strong.max()).mean() > 0.6


@pytest.mark.parametrize("groove", DRUM_GROOVES)
@pytest.mark.parametrize("steps", [12, 14, 16])
def test_every_groove_can_be_played_in_every_metre(songs, groove, steps):
    song = replace(songs["rock"], drum_groove=groove, steps=steps)
    notes = drums(song, timeline(song))
    assert bool(notes) == (groove != "none")
    assert all(0 <= note.pitch < len(PIECES) for note in notes)


@pytest.mark.parametrize("style", BASS_STYLES)
def test_every_bass_style_is_played_low(songs, style):
    song = replace(songs["blues"], bass_style=style)
    notes = bass(song, timeline(song))
    assert bool(notes) == (style != "none")
    assert all(26 <= note.pitch <= 56 for note in notes)


def test_a_high_bass_plays_the_same_an_octave_up(songs):
    low, high = (
        bass(song, timeline(song))
        for song in (songs["blues"], replace(songs["blues"], bass_sound="high bass"))
    )
    assert [note.pitch + 12 for note in low] == [note.pitch for note in high]


def test_a_walking_bass_walks(songs):
    for song in songs.values():
        walking = replace(song, bass_style="walking")
        notes = bass(walking, timeline(walking))
        gaps = np.diff(sorted(note.start_s for note in notes)) / song.step_s
        assert np.median(gaps) == pytest.approx(4, abs=0.5)
        assert len({note.pitch for note in notes}) >= 4


@pytest.mark.parametrize(
    ("field", "value"),
    [("drum_groove", "polka"), ("bass_style", ""), ("others", ("kazoo",)), ("piano_solo", (5,))],
)
def test_refuses_what_the_band_does_not_have(songs, field, value):
    with pytest.raises(ParameterError, match=field):
        render(replace(songs["pop"], **{field: value}))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.05, 0.5), st.floats(-12, 12))
def test_what_happens_to_stems_is_linear(seed, delay_s, treble_db):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, 2, 8000)).astype(np.float32)
    for effect in (
        lambda x: effects.echo(x, delay_s, 0.4),
        lambda x: effects.room(x, 1.0),
        lambda x: effects.tone_control(x, treble_db),
        lambda x: effects.fade(x.copy(), 0.02, 0.1),
    ):
        together, apart = effect(a + b), effect(a) + effect(b)
        assert np.allclose(together, apart, atol=2e-4 * np.abs(apart).max())


def test_a_seed_is_a_track():
    assert compose(77) == compose(77)
    assert not np.array_equal(render(compose(0)), render(compose(32)))
