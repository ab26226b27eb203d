"""Pairs in the mixer: arcs, sentences, and the two by themselves."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from explanations.player import PairData, decode_mask
from lemons_utils import ParameterError

pytestmark = pytest.mark.browser

Opener = Callable[..., Page]
PAIRS = (
    PairData(12, 13, 0.2, "From 3.9 to 6 s the drums count twice as much while the bass plays."),
    PairData(2, 20, -0.1, "The drums count 40 % less while the vocals play."),
    PairData(0, 24, 0.05, "A third."),
)


@pytest.fixture
def data(band: Any) -> Any:
    return replace(band.data, pairs=PAIRS)


def middles(page: Page) -> list[list[list[float]]]:
    """Where the ends of every arc are, of 1 in both directions of the map."""
    ends: list[list[list[float]]] = page.evaluate(
        """() => [...document.querySelectorAll(".arc")].map((arc) => {
          const { width, height } = document.querySelector(".arcs").getBoundingClientRect();
          return [...arc.querySelectorAll("circle:not(.badge)")].map((dot) =>
            [dot.cx.baseVal.value / width, dot.cy.baseVal.value / height]);
        })"""
    )
    return ends


@pytest.mark.parametrize("width", [1280, 390])
def test_arcs_join_the_middles_of_cells(open_player: Opener, data: Any, width: int) -> None:
    page = open_player(data.to_json(), viewport={"width": width, "height": 900})
    ends = middles(page)
    segments = np.array(data.segments) / data.segments[-1][1]
    for pair, found in zip(PAIRS, ends, strict=True):
        expected = [
            (segments[one // 5].mean(), (one % 5 + 0.5) / 5) for one in (pair.first, pair.second)
        ]
        np.testing.assert_allclose(found, expected, atol=1e-3)
    map_box = page.locator(".sheet canvas").bounding_box()
    assert map_box is not None
    assert page.locator(".arcs").bounding_box() == pytest.approx(map_box, abs=1)
    for badge in page.locator(".arc .badge").all():  # every number is on the map
        box = badge.bounding_box()
        assert box is not None
        assert map_box["x"] <= box["x"] and map_box["y"] <= box["y"]
        assert box["x"] + box["width"] <= map_box["x"] + map_box["width"]
        assert box["y"] + box["height"] <= map_box["y"] + map_box["height"]


def test_a_pair_says_its_sentence_and_plays_alone(open_player: Opener, data: Any) -> None:
    page = open_player(data.to_json())
    together = page.get_by_role("group", name="Parts that change each other's effect")
    lines = together.get_by_role("button")
    assert [line.locator(".words").inner_text() for line in lines.all()] == [
        pair.words for pair in PAIRS
    ]
    lines.nth(1).hover()
    assert page.locator(".arc.lit text").all_text_contents() == ["2"]
    lines.nth(0).click()
    heard = decode_mask(page.evaluate("player.mask()"), 25)
    assert np.flatnonzero(heard).tolist() == [12, 13]
    page.wait_for_function("player.deck.position() > 3.9 && loudness() > 0.01")
    page.locator(".cell button").nth(12).click(position={"x": 4, "y": 4})  # below the arcs
    assert decode_mask(page.evaluate("player.mask()"), 25).tolist() != heard.tolist()


def test_no_arcs_without_pairs_and_those_of_the_listener(open_player: Opener, data: Any) -> None:
    page = open_player(replace(data, pairs=()).to_json())
    assert page.locator(".arc").count() == 0
    assert not page.locator(".together").is_visible()
    page.evaluate("(data) => player.take(data)", replace(data, pairs=PAIRS[1:2]).to_json())
    assert page.locator(".arc").count() == 1
    assert page.locator(".together .words").all_inner_texts() == [PAIRS[1].words]


def test_another_listeners_pairs_are_taken_while_it_plays(open_player: Opener, shared: Any) -> None:
    one = replace(shared[0], pairs=PAIRS[:1]).to_json()
    other = replace(shared[0], pairs=PAIRS[1:], listener="anna").to_json()
    page = open_player(one)
    kept = page.evaluate(
        """async ([one, other]) => {
          const { default: show } = await import("/player/component.js");
          const parentElement = document.body.appendChild(document.createElement("div"));
          const run = (data) => show({ data, parentElement, setTriggerValue() {} });
          run(one);
          const map = parentElement.querySelector("canvas");
          run(other);
          return map === parentElement.querySelector("canvas");
        }""",
        [one, other],
    )
    assert kept
    assert page.locator(".together").last.locator(".words").all_inner_texts() == [
        pair.words for pair in PAIRS[1:]
    ]


def test_arcs_of_one_row_and_of_one_column_stay_on_the_map(open_player: Opener, band: Any) -> None:
    for kind in ("time", "source"):
        data = replace(band.of_type(kind), pairs=(PairData(0, 1, 0.1, "One."),))
        page = open_player(data.to_json())
        path = page.locator(".arc path").last.bounding_box()
        frame = page.locator(".arcs").bounding_box()
        assert path is not None and frame is not None
        assert min(path["width"], path["height"]) > 10  # not a line along the row or the column
        assert path["x"] >= frame["x"] and path["y"] >= frame["y"]


def test_pairs_are_of_the_components(band: Any) -> None:
    with pytest.raises(ParameterError, match="a pair of the 25 components"):
        replace(band.data, pairs=(PairData(1, 25, 0.1, ""),))
