"""Components of time, source, and time + source."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from audiolime import (
    Factorization,
    SourceFactorization,
    SourceSeparationBasedFactorization,
    TimeFrequencyFactorization,
    TimeOnlyFactorization,
    TimeSourceFactorization,
)
from lemons_audio import write_audio
from lemons_utils import ParameterError

NAMES = ("vocals", "piano", "drums")
KINDS = {
    "time": lambda stems: TimeOnlyFactorization(sum(stems), 16_000),
    "source": lambda stems: SourceFactorization(dict(zip(NAMES, stems, strict=True))),
    "time_source": lambda stems: TimeSourceFactorization(dict(zip(NAMES, stems, strict=True))),
    "tiles": lambda stems: TimeFrequencyFactorization(sum(stems), 16_000, n_fft=64),
}
COUNTS = {"time": 5, "source": 3, "time_source": 15, "tiles": 20}

samples = st.integers(200, 700)
pcm = samples.flatmap(lambda n: hnp.arrays(np.int16, (3, n))).map(
    lambda x: x.astype(np.float32) / np.float32(4 * 32768)
)
floats = samples.flatmap(
    lambda n: hnp.arrays(np.float32, (3, n), elements=st.floats(-1, 1, width=32))
)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def stems(rng):
    return (0.1 * rng.standard_normal((3, 1003))).astype(np.float32)


@settings(deadline=None)
@given(stems=st.one_of(pcm, floats), data=st.data())
@pytest.mark.parametrize("kind", KINDS)
def test_components_sum_to_the_mix_and_nothing_is_silence(kind, stems, data):
    factorization = KINDS[kind](stems)
    mix = stems[0] + stems[1] + stems[2]
    n = factorization.get_number_components()
    assert n == COUNTS[kind]
    row = data.draw(hnp.arrays(np.uint8, n, elements=st.integers(0, 1)))
    every, none, some, others = factorization.compose([[1] * n, [0] * n, row, 1 - row])
    assert not none.any()
    if kind == "tiles":
        # float64 has no room for 1e-38 beside 1
        assert np.abs(every - mix).max() <= 2e-16
        assert np.array_equal(every, mix) or np.abs(mix[every != mix]).max() < 2**-28
    else:
        assert np.array_equal(every, mix)
    assert np.allclose(some + others, mix, atol=1e-6)


def test_components_add_up_one_by_one(kind, stems):
    factorization = KINDS[kind](stems)
    n = factorization.get_number_components()
    single = factorization.compose(np.eye(n))
    assert np.allclose(single.sum(axis=0, dtype=np.float64), factorization.mix, atol=1e-6)
    if kind != "time":
        assert np.array_equal(sum(factorization.retrieve_components()), factorization.mix)
        for waveform, component in zip(single, factorization.retrieve_components(), strict=True):
            assert np.array_equal(waveform, component.astype(np.float32))


def test_bounds_say_where_a_component_sounds(kind, stems):
    factorization = KINDS[kind](stems)
    bounds = factorization.component_bounds
    assert len(bounds) == factorization.get_number_components()
    assert min(start for start, _ in bounds) == 0
    assert max(end for _, end in bounds) == stems.shape[1]
    fades = 64 if kind == "tiles" else 0
    for (start, end), waveform in zip(
        bounds, factorization.compose(np.eye(len(bounds))), strict=True
    ):
        heard = np.flatnonzero(waveform)
        assert heard.min() >= start - fades
        assert heard.max() < end + fades


def test_names_follow_the_order_of_components(stems):
    named = dict(zip(NAMES, stems, strict=True))
    assert KINDS["time"](stems).get_ordered_component_names() == ["T1", "T2", "T3", "T4", "T5"]
    assert SourceFactorization(named).get_ordered_component_names() == list(NAMES)
    both = TimeSourceFactorization(named, temporal_segmentation_params=2)
    assert both.get_ordered_component_names() == [
        *("vocals0", "piano0", "drums0", "vocals1", "piano1", "drums1")
    ]
    # index = segment * number of stems + stem
    piano_later = both.compose([[0, 0, 0, 0, 1, 0]])[0]
    assert not piano_later[:501].any()
    assert np.array_equal(piano_later[501:], stems[1, 501:])
    assert KINDS["tiles"](stems).get_ordered_component_names()[:5] == [
        *("T1F1", "T1F2", "T1F3", "T1F4", "T2F1")
    ]


def test_a_row_is_composed_alike_in_any_batch(kind, stems, rng):
    factorization = KINDS[kind](stems)
    masks = rng.integers(0, 2, (12, factorization.get_number_components()))
    together = factorization.compose(masks)
    apart = [factorization.compose(mask[None])[0] for mask in masks]
    by_index = [factorization.compose_model_input(np.flatnonzero(mask)) for mask in masks]
    assert np.array_equal(together, apart)
    assert np.array_equal(together, by_index)


def test_the_composition_function_makes_the_model_input(stems):
    named = dict(zip(NAMES, stems, strict=True))
    factorization = TimeSourceFactorization(named, 16_000, 2, lambda x: np.abs(np.fft.rfft(x)))
    assert np.array_equal(
        factorization.compose_model_input([1]),
        np.abs(np.fft.rfft(factorization.compose([[0, 1, 0, 0, 0, 0]])[0])),
    )
    assert np.array_equal(
        factorization.compose_model_input(), np.abs(np.fft.rfft(factorization.mix))
    )


def test_time_retrieves_one_waveform_and_sources_a_list(stems):
    time = KINDS["time"](stems)
    assert np.array_equal(time.retrieve_components([0, 4]), time.compose([[1, 0, 0, 0, 1]])[0])
    assert np.array_equal(time.retrieve_components(), time.mix)
    source = KINDS["source"](stems)
    assert [len(found) for found in source.retrieve_components([2, 0])] == [1003, 1003]
    assert np.array_equal(source.retrieve_components([2])[0], stems[2])
    nothing = source.retrieve_components([])
    assert len(nothing) == 1
    assert not nothing[0].any()


class Doubled(SourceSeparationBasedFactorization):
    """As a script written for audioLIME derives one."""

    def initialize_components(self):
        half = 0.5 * self._original_mix
        return [half, np.append(half, 1.0)], ["left", "right"]  # longer is cut


def test_a_subclass_separates_the_input(tmp_path, stems):
    factorization = Doubled(stems[0], 16_000, 3)
    assert factorization.get_number_components() == 6
    assert np.array_equal(factorization.mix, stems[0])
    assert len(factorization.components) == 6
    assert factorization.temporal_segments == [(0, 334), (334, 668), (668, 1003)]
    assert factorization.explained_length == 1003
    path = tmp_path / "track.flac"
    write_audio(path, np.round(stems[0], 4), sample_rate=16_000)
    assert np.allclose(Doubled(str(path), target_sr=16_000).mix, stems[0], atol=1e-3)


class Echo(Factorization):
    """As small as a factorization can be."""

    def __init__(self, waveform):
        super().__init__(waveform, 16_000, 1)
        self._components_names = ["dry", "wet"]

    def retrieve_components(self, selection_order=None):
        parts = [self._original_mix, np.roll(self._original_mix, 10)]
        return parts if selection_order is None else [parts[i] for i in selection_order]


def test_a_subclass_may_bring_components_of_its_own(stems):
    factorization = Echo(stems[0])
    both, dry, none = factorization.compose([[1, 1], [1, 0], [0, 0]])
    assert np.array_equal(both, stems[0] + np.roll(stems[0], 10))
    assert np.array_equal(dry, stems[0])
    assert not none.any()
    with pytest.raises(NotImplementedError, match="retrieve_components"):
        Factorization(stems[0], 16_000).retrieve_components()
    with pytest.raises(NotImplementedError, match="initialize_components"):
        SourceSeparationBasedFactorization(stems[0])


@pytest.mark.parametrize(
    ("masks", "says"),
    [
        (np.ones((2, 4)), r"shape \(masks, 5\)"),
        (np.ones(5), r"shape \(masks, 5\)"),
        (np.full((1, 5), 0.5), "0 and 1 only"),
        (np.full((1, 5), 2), "0 and 1 only"),
        (np.full((1, 5), np.nan), "0 and 1 only"),
    ],
)
def test_wrong_masks_are_refused(stems, masks, says):
    with pytest.raises(ParameterError, match=says):
        KINDS["time"](stems).compose(masks)


def test_components_that_do_not_exist_are_refused(kind, stems):
    factorization = KINDS[kind](stems)
    n = factorization.get_number_components()
    for wrong in ([n], [-1], [0, n + 3]):
        with pytest.raises(ParameterError, match=f"0 to {n - 1}"):
            factorization.compose_model_input(wrong)
        with pytest.raises(ParameterError, match=f"0 to {n - 1}"):
            factorization.retrieve_components(wrong)


def test_wrong_stems_are_refused(stems):
    with pytest.raises(ParameterError, match="same length"):
        SourceFactorization({"a": stems[0], "b": stems[1, :-1]})
    with pytest.raises(ParameterError, match="stem 'b' must hold finite"):
        SourceFactorization({"a": stems[0], "b": np.full(1003, np.nan)})
    for nothing in ({}, stems):
        with pytest.raises(ParameterError, match="map names"):
            SourceFactorization(nothing)
    with pytest.raises(ParameterError, match="target_sr"):
        TimeOnlyFactorization(stems[0], 0)

    class Short(Doubled):
        def initialize_components(self):
            return [self._original_mix[:-1]], ["a"]

    class Unnamed(Doubled):
        def initialize_components(self):
            return [self._original_mix], []

    with pytest.raises(ParameterError, match="as long as the input"):
        Short(stems[0])
    with pytest.raises(ParameterError, match="a name for every stem"):
        Unnamed(stems[0])


def test_stems_that_miss_something_earn_a_warning(stems):
    class Quieter(Doubled):
        def initialize_components(self):
            return [0.5 * self._original_mix], ["half"]

    with pytest.warns(UserWarning, match=r"25.0% of the input's energy"):
        Quieter(stems[0])


def test_a_source_keeps_its_memory(stems):
    """Ten minutes of five stems are not copied once for every segment."""
    factorization = TimeSourceFactorization({"a": stems[0], "b": stems[1]})
    assert all(np.shares_memory(kept, stems) for kept in factorization.original_components)
