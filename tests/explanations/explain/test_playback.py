import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from explanations.explain import playback
from lemons_utils import ParameterError

FADE = 160


@pytest.fixture
def stems(rng):
    return rng.uniform(-0.4, 0.4, (2, 3100)).astype(np.float32)


def test_everything_on_is_the_mix_and_off_is_silence(explanation, stems):
    on = np.ones((3, 2), dtype=bool)
    assert np.array_equal(playback.mix(stems, explanation.segments, on), stems.sum(axis=0))
    assert not playback.mix(stems, explanation.segments, ~on).any()


def test_a_cell_sounds_only_where_it_is(explanation, stems):
    heard = playback.mix(stems, explanation.segments, explanation.grid([2]))
    assert not heard[:1000].any() and not heard[2000:].any()
    inner = slice(1000 + FADE, 2000 - FADE)
    assert np.array_equal(heard[inner], stems[0, inner])


def test_neighbouring_segments_join_without_a_fade(explanation, stems):
    heard = playback.mix(stems, explanation.segments, explanation.grid([0, 2, 4]))
    assert np.array_equal(heard, stems[0])


def test_edges_are_faded(explanation):
    stems = np.ones((2, 3100), dtype=np.float32)
    heard = playback.mix(stems, explanation.segments, explanation.grid([2]))
    assert np.abs(np.diff(heard)).max() <= 1.01 / FADE


@given(st.lists(st.booleans(), min_size=6, max_size=6))
def test_a_mix_and_what_it_leaves_out_are_the_whole_away_from_fades(marks):
    rng = np.random.default_rng(3)
    stems = rng.uniform(-0.4, 0.4, (2, 3100)).astype(np.float32)
    segments = ((0, 1000), (1000, 2000), (2000, 3100))
    marked = np.array(marks).reshape(3, 2)
    both = playback.mix(stems, segments, marked) + playback.mix(stems, segments, ~marked)
    whole = stems.sum(axis=0)
    for start, end in segments:
        inner = slice(start + FADE, end - FADE)
        assert np.allclose(both[inner], whole[inner], atol=1e-6)


def test_top_is_trimmed_to_where_it_sounds(explanation, stems):
    stems[0, 1000:1400] = 0
    heard = playback.top(explanation, stems, 1)
    assert abs(len(heard) - (600 + 2 * FADE)) <= 2
    assert heard[0] == 0 or abs(heard[0]) < 0.01


def test_nothing_speaks_for_it(of_type, stems):
    heard = playback.top(of_type("time", (-1.0, -2.0, 0.0)), stems, 3)
    assert len(heard) == 3100 and not heard.any()


def test_without_top_leaves_the_rest(explanation, stems):
    heard = playback.without_top(explanation, stems, 1)
    assert np.array_equal(heard[1000 + FADE : 2000 - FADE], stems[1, 1000 + FADE : 2000 - FADE])
    assert np.array_equal(heard[: 1000 - FADE], stems.sum(axis=0)[: 1000 - FADE])


def test_files(tmp_path, explanation, stems):
    loud = stems * 4
    paths = playback.write_playback(explanation, loud, tmp_path)
    assert [path.name for path in paths] == ["top1.flac", "top3.flac", "without_top3.flac"]
    for path in paths:
        audio, sample_rate = soundfile.read(path)
        assert sample_rate == 16_000
        assert 0.1 < np.abs(audio).max() <= 1
    # scaled as a whole, not clipped: the shape is that of the mix
    mix = playback.without_top(explanation, loud, 3)
    assert np.allclose(audio, mix / max(np.abs(mix).max(), 1), atol=1e-6)


def test_bad_arguments(explanation, stems):
    with pytest.raises(ParameterError, match="k must be"):
        playback.top(explanation, stems, 0)
    with pytest.raises(ParameterError, match="marked must have shape"):
        playback.mix(stems, explanation.segments, np.ones((2, 3), dtype=bool))


def test_the_top_of_one_instrument_alone(explanation, of_type, stems, tmp_path):
    for stem, name in enumerate(explanation.stem_names):
        ranked = explanation.top(6, query_instrument=name)
        own = [i for i in range(6) if i % 2 == stem and explanation.weights[i] >= explanation.least]
        assert ranked == sorted(own, key=lambda i: -explanation.weights[i])
        heard = playback.top(explanation, stems, 1, query_instrument=name)
        assert np.array_equal(
            heard,
            playback.trim(playback.mix(stems, explanation.segments, explanation.grid(ranked[:1]))),
        )
    paths = playback.write_playback(explanation, stems, tmp_path, query_instrument=name)
    assert paths[-1].name == f"top3_{name}.flac" and paths[-1].is_file()
    with pytest.raises(ParameterError, match="query_instrument must be one of"):
        explanation.top(3, query_instrument="harp")
    with pytest.raises(ParameterError, match="by source"):
        of_type("source", (0.5, 0.1)).top(3, query_instrument=name)
