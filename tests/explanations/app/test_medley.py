"""Which track of the medley comes next."""

import pytest

from explanations.app.medley import moved


@pytest.mark.parametrize(
    ("track_id", "step", "expected"),
    [
        ("b", 1, (2, 1)),
        ("b", -1, (0, -1)),
        ("c", 1, (3, 1)),  # the end
        ("a", -1, (1, 1)),  # a track that is skipped on the way back: forward again
        ("", 1, (1, 1)),  # the first, which no address names
        ("unknown", 1, (1, 1)),
    ],
)
def test_the_medley_moves_along_the_list(track_id, step, expected):
    assert moved(["a", "b", "c"], track_id, step) == expected
    assert moved(["a"], "a", -1) == (1, 1)
