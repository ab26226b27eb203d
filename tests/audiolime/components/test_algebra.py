"""Components name, count and switch the same things, whatever the kind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiolime.components import KINDS, Components
from lemons_utils import ParameterError

SEGMENTS = ((0, 10), (10, 25), (25, 40))
STEMS = ("vocals", "drums")


def test_names_and_counts():
    def names(kind):
        return Components(kind, SEGMENTS[:2], ("a", "b")).names

    assert names("time_source") == ("a 1", "b 1", "a 2", "b 2")
    assert names("time") == ("segment 1", "segment 2")
    assert names("source") == ("a", "b")
    assert [Components(kind, SEGMENTS, STEMS).count for kind in KINDS] == [3, 2, 6]
    with pytest.raises(ParameterError, match="kind must be one of time, source, time_source"):
        Components("stem", SEGMENTS, STEMS)


def test_cells_of_components():
    time, source, both = (Components(kind, SEGMENTS, STEMS) for kind in KINDS)
    assert time.cells_of(1) == [(1, 0), (1, 1)]
    assert source.cells_of(1) == [(0, 1), (1, 1), (2, 1)]
    assert both.cells_of(3) == [(1, 1)]
    assert time.span_of(2) == both.span_of(4) == (25, 40) and source.span_of(1) == (0, 40)
    assert time.cells.tolist() == [[1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1]]
    assert source.cells.tolist() == [[1, 0, 1, 0, 1, 0], [0, 1, 0, 1, 0, 1]]
    assert both.cells.tolist() == np.eye(6).tolist()
    assert source.grid([2.0, -1.0]).tolist() == [[2, -1]] * 3


@given(
    kind=st.sampled_from(KINDS),
    n_segments=st.integers(1, 6),
    n_stems=st.integers(1, 5),
    seed=st.integers(0, 2**31),
)
def test_table_groups_and_masks_agree(kind, n_segments, n_stems, seed):
    components = Components.numbered(kind, n_segments, n_stems)
    table = components.cells
    assert table.shape == (components.count, n_segments * n_stems)
    assert table.sum(axis=0).tolist() == [1] * (n_segments * n_stems)  # each cell has one
    assert len(components.names) == len(set(components.names)) == components.count
    for component, row in enumerate(table):
        cells = [segment * n_stems + stem for segment, stem in components.cells_of(component)]
        assert np.flatnonzero(row).tolist() == cells
    masks = np.random.default_rng(seed).integers(0, 2, (4, components.count))
    np.testing.assert_array_equal(components.gather(components.spread(masks)), masks)


def test_masks_of_another_width_are_refused():
    with pytest.raises(ParameterError, match=r"masks must have shape \[n, 3\] for time"):
        Components("time", SEGMENTS, STEMS).spread(np.ones((2, 6)))


def test_merged_stems_are_what_a_stem_group_sounds_like():
    stems = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert Components("time", SEGMENTS, STEMS).merge_stems(stems).tolist() == [[3, 5, 7]]
    assert np.array_equal(Components("source", SEGMENTS, STEMS).merge_stems(stems), stems)
