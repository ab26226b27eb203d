"""Sentences about pairs, for every way in which one component changes the effect of another."""

from dataclasses import replace

import pytest

from explanations.store import Pair


@pytest.fixture
def say(explanation, of_type):
    """Phrase a pair of one kind whose first component counts more by itself."""

    def phrase(before, after, *, stems=("drums", "bass"), kind="source", other=0.0):
        found = explanation if kind == "time_source" else of_type(kind, (0.0,) * 3)
        found = replace(found, stem_names=stems)
        pair = Pair(0, 1, after - before, (before, other))
        return found.pair_phrase(pair, found.components.names.__getitem__)

    return phrase


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (0.1, 0.2, "drums count twice as much while bass plays"),
        (0.1, 0.14, "drums count 1.4 times as much while bass plays"),
        (0.1, 0.31, "drums count three times as much while bass plays"),
        (0.1, 0.05, "drums count half as much while bass plays"),
        (0.1, 0.03, "drums count 70 % less while bass plays"),
        (0.1, 0.105, "drums count much the same while bass plays"),
        (0.1, 0.005, "drums hardly count while bass plays"),
        (0.001, 0.2, "drums hardly count but while bass plays"),
        (0.0, 0.0, "drums count much the same while bass plays"),
        (-0.1, -0.2, "drums count against the recommendation twice as much while bass plays"),
        (-0.1, 0.2, "drums speak for the recommendation while bass plays, "
         "and against it otherwise"),
        (0.1, -0.2, "drums speak against the recommendation while bass plays, "
         "and for it otherwise"),
    ],
)  # fmt: skip
def test_effects(say, before, after, expected):
    assert say(before, after) == expected


def test_number_of_the_verb(say):
    assert say(0.1, 0.2, stems=("bass", "vocals")) == "bass counts twice as much while vocals play"
    expected = "drums 1 count twice as much while bass 1 plays"
    assert say(0.1, 0.2, kind="time_source") == expected
    expected = "segment 1 counts twice as much while segment 2 plays"
    assert say(0.1, 0.2, kind="time") == expected


def test_the_sentence_is_about_the_component_that_counts_more_by_itself(say):
    assert say(0.1, 0.4, other=0.3) == "bass counts twice as much while drums play"
