"""A link reproduces what was chosen, whatever that is."""

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiolime.components import KINDS
from explanations.app.own_files import NAME as OWN_FILES
from explanations.app.page_address import Choice, link, read_address, write_address

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=200)
CHOICES = st.builds(
    Choice, listener=TEXT, catalogue=TEXT, track=TEXT, type=st.sampled_from(KINDS), mask=TEXT
)
CHOICE = Choice("marko", "mine", "0123", "source", "f8")


@given(CHOICES)
def test_a_choice_comes_back_from_its_parameters(choice: Choice) -> None:
    assert read_address(write_address(choice)) == choice


@given(CHOICES, st.sampled_from(["http://127.0.0.1:8501", "https://a.example/lemons/"]))
def test_a_choice_comes_back_from_its_link(choice: Choice, page: str) -> None:
    address = link(page, choice)
    assert address.startswith(f"{page.rstrip('/')}/?")
    assert read_address(dict(parse_qsl(urlsplit(address).query))) == choice
    assert link(address, choice) == address  # from a page that was opened by a link


def test_a_link_says_what_is_chosen_in_a_fixed_order() -> None:
    assert link("http://a/", CHOICE) == (
        "http://a/?listener=marko&catalogue=mine&track=0123&type=source&mask=f8"
    )
    assert write_address(Choice(track="0123")) == {"track": "0123", "type": "time_source"}


def test_wrong_parameters_are_the_default() -> None:
    assert read_address({}) == Choice()
    assert read_address({"type": "nonsense", "listener": "paige", "page": "3"}) == Choice("paige")
    assert read_address({"track": "x" * 1000}).track == "x" * 200


@given(CHOICES)
def test_choosing_the_same_again_changes_nothing(choice: Choice) -> None:
    assert choice.changed(**write_address(choice)) == choice
    assert choice.changed() == choice


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"listener": "paige"}, Choice("paige", "", "", "source", "")),
        ({"catalogue": "demo"}, Choice("marko", "demo", "", "source", "")),
        (
            {"listener": "paige", "catalogue": "mine", "track": "0123", "mask": "08"},
            Choice("paige", "mine", "0123", "source", "08"),
        ),
        ({"track": "4567"}, replace(CHOICE, track="4567", mask="")),
        ({"type": "time"}, replace(CHOICE, type="time", mask="")),
        ({"mask": "08"}, replace(CHOICE, mask="08")),
        ({"listener": "paige", "catalogue": "demo"}, Choice("paige", "demo", "", "source", "")),
        ({"catalogue": "demo", "track": "4567"}, Choice("marko", "demo", "4567", "source", "")),
        ({"type": "time", "mask": "08"}, replace(CHOICE, type="time", mask="08")),
    ],
)
def test_what_depends_on_a_change_is_reset(changes: dict[str, str], expected: Choice) -> None:
    assert CHOICE.changed(**changes) == expected


def test_another_listener_keeps_the_own_file() -> None:
    own = replace(CHOICE, catalogue=OWN_FILES)
    assert own.changed(listener="paige") == replace(own, listener="paige", mask="")
