"""What the bar of the medley asks for changes what is chosen."""

import pytest
from streamlit.testing.v1 import AppTest

from explanations.app.medley import moved

ORDER = {"a": "First", "b": "Second", "c": "Third"}
PAGE = """
import streamlit as st
from explanations.app import medley
from explanations.app.people import Person
from recsys.catalogue import Catalogue

person, catalogue = Person("marko", "own"), Catalogue("own", None)
for action, at in {moves!r}:
    medley._act(action, at, person, catalogue, {order!r})
st.text(st.query_params.get("track", ""))
st.text(str(medley.is_on()))
st.text(st.session_state.medley_words)
"""


@pytest.mark.parametrize(
    ("at", "step", "expected"), [(1, 1, (2, 1)), (1, -1, (0, -1)), (0, -1, (1, 1))]
)
def test_the_medley_turns_at_the_start(at, step, expected):
    assert moved(at, step) == expected


@pytest.mark.parametrize(
    ("moves", "track", "is_on", "words"),
    [
        ([("start", 0)], "", True, ""),
        ([("start", 0), ("next", 0)], "b", True, ""),
        ([("next", 0), ("next", 1)], "c", True, ""),
        ([("next", 2)], "", False, "That was the last of 3 tracks."),
        ([("previous", 2)], "b", True, ""),
        ([("skip", 0)], "b", True, "Skipped “First”: no part of it is the reason."),
        (
            [("previous", 2), ("skip", 1)],
            "a",
            True,
            "Skipped “Second”: no part of it is the reason.",
        ),
        (
            [("previous", 1), ("skip", 0)],
            "b",
            True,
            "Skipped “First”: no part of it is the reason.",
        ),
        ([("next", 0), ("stop", 1)], "b", False, ""),
    ],
)
def test_the_bar_moves_along_the_list(moves, track, is_on, words):
    app = AppTest.from_string(PAGE.format(moves=moves, order=ORDER), default_timeout=60).run()
    assert not app.exception
    assert [text.value for text in app.text] == [track, str(is_on), words]


def test_the_end_says_what_was_skipped_before_it():
    moves = [("skip", 2)]
    app = AppTest.from_string(PAGE.format(moves=moves, order=ORDER), default_timeout=60).run()
    words = "Skipped “Third”: no part of it is the reason. That was the last of 3 tracks."
    assert app.text[2].value == words
