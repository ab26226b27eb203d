"""The guided half minute: real controls, true numbers, and everything as it was afterwards."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from explanations.player import PairData, decode_mask

pytestmark = pytest.mark.browser

Opener = Callable[..., Page]
STEMS = 5
PAIR = PairData(12, 13, 0.2, "The drums count twice as much while the bass plays.")


@pytest.fixture
def data(band: Any) -> Any:
    return replace(band.data, pairs=(PAIR,))


def begin(page: Page) -> Any:
    page.get_by_role("button", name="Show me, in half a minute").click()
    panel = page.get_by_role("group", name="Guided half minute")
    expect(panel.get_by_role("status")).not_to_be_empty()
    return panel


def heard(page: Page) -> list[int]:
    count = page.evaluate("player.data.weights.length")
    return decode_mask(page.evaluate("player.mask()"), count).tolist()


def whole_row(stem: int, *, on: bool) -> list[int]:
    return (np.tile(np.arange(STEMS) == stem, 5) == on).astype(int).tolist()


def test_each_step_does_what_it_says(open_player: Opener, band: Any, data: Any) -> None:
    page = open_player(data.to_json())
    panel = begin(page)
    words, following = panel.get_by_role("status"), panel.get_by_role("button").first
    best, worst = int(np.argmax(data.weights)), int(np.argmin(data.weights))
    all_on = np.ones(25, dtype=int)
    without = [np.where(np.arange(25) == one, 0, all_on).tolist() for one in (best, worst)]
    pair = np.isin(np.arange(25), (PAIR.first, PAIR.second)).astype(int).tolist()
    everything = band.relevance(all_on)
    expected = [
        (all_on.tolist(), "This is the whole track"),
        (without[0], "Now without"),
        (whole_row(best % STEMS, on=True), "S is for solo. Only"),
        (whole_row(best % STEMS, on=False), "M is for mute. Everything but"),
        (pair, PAIR.words),
        (without[1], "this part speaks against it"),
        (all_on.tolist(), "The dashed mark"),
    ]
    expect(panel).to_contain_text(f"1 of {len(expected)}")
    for mask, sentence in expected:
        expect(words).to_contain_text(sentence)
        assert heard(page) == mask
        relevance = band.relevance(np.array(mask))
        text = words.inner_text()
        if "dashed" in sentence:
            assert f"silence, {band.relevance(np.zeros(25)):.2f};" in text
        else:
            assert text.endswith(f"{relevance:.2f}.")
        if " from " in text:
            assert f"from {everything:.2f} to" in text
            assert ("falls" if relevance < everything else "rises") in text
        assert page.locator(".toured").count() == 1
        assert page.evaluate("player.deck.wanted")
        following.click()
    expect(panel).to_be_hidden()
    assert heard(page) == all_on.tolist()
    expect(page.get_by_role("status")).to_have_text(re.compile("^The mix is as it was before"))


def test_it_goes_on_by_itself_for_half_a_minute(open_player: Opener, data: Any) -> None:
    page = open_player(data.to_json())
    page.evaluate(
        """() => { const later = setTimeout; globalThis.waits = [];
        globalThis.setTimeout = (does, ms, ...rest) => {
          if (ms > 3000 && !(ms === 5000)) { waits.push(ms); ms = 30; }
          return later(does, ms, ...rest);
        }; }"""
    )
    begin(page)
    expect(page.locator(".tour")).to_be_hidden()
    waits = page.evaluate("waits")
    assert len(waits) == 7 and sum(waits) == pytest.approx(30_000)
    assert page.locator(".toured").count() == 0
    assert not page.evaluate("player.deck.wanted")


def test_whoever_asks_for_less_motion_goes_on_by_hand(open_player: Opener, data: Any) -> None:
    page = open_player(data.to_json(), reduced_motion="reduce")
    page.clock.install()
    begin(page)
    page.clock.run_for(60_000)
    expect(page.locator(".tour .count")).to_have_text("1 of 7")


@pytest.mark.parametrize("way", ["button", "Escape", "control", "key"])
def test_it_stops_at_any_time_with_the_mix_as_it_was(
    open_player: Opener, data: Any, way: str
) -> None:
    page = open_player(data.to_json())
    page.get_by_role("button", name="Mute bass").click()
    page.get_by_role("button", name="Loop 2–3.9 s").click()
    page.locator(".cell button").first.click()
    before = heard(page)
    page.evaluate("player.deck.seek(2.5)")
    panel = begin(page)
    panel.get_by_role("button", name="Next").click()
    panel.get_by_role("button", name="Next").click()
    assert heard(page) != before
    if way == "button":
        panel.get_by_role("button", name="Stop").click()
    elif way == "Escape":
        page.keyboard.press("Escape")
    elif way == "control":
        page.get_by_role("button", name="Mute drums").click()
        before = (np.array(before) * whole_row(2, on=False)).tolist()
    else:
        page.locator(".cell button").nth(1).focus()
        page.keyboard.press("m")  # mutes the vocals
        before = (np.array(before) * whole_row(0, on=False)).tolist()
    expect(panel).to_be_hidden()
    assert heard(page) == before
    assert page.locator(".toured").count() == 0
    assert page.locator(".loop-all").inner_text() == "2–3.9 s"
    by_control = way in ("control", "key")
    assert page.evaluate("player.deck.wanted") == by_control
    if not by_control:
        assert page.evaluate("player.deck.position()") == pytest.approx(2.5, abs=0.02)
        start = page.get_by_role("button", name="Show me, in half a minute")
        expect(start).to_be_focused()


def test_the_page_hears_nothing_of_it(open_player: Opener, data: Any) -> None:
    page = open_player({**data.to_json(), "follow": True})
    page.get_by_role("button", name="Mute bass").click()
    panel = begin(page)
    assert page.evaluate("reports.length") == 1  # the viewer's own mix, before the tour
    panel.get_by_role("button", name="Next").click()
    page.wait_for_timeout(1000)
    page.keyboard.press("Escape")
    page.wait_for_timeout(1000)
    assert page.evaluate("reports.length") == 1


def test_one_row_and_one_column_have_a_tour_too(open_player: Opener, band: Any) -> None:
    for kind in ("time", "source"):
        page = open_player(band.of_type(kind).to_json(), viewport={"width": 390, "height": 800})
        panel = begin(page)
        mixes = []
        while panel.is_visible():
            mixes.append(tuple(heard(page)))
            if "solo" in panel.locator("p").inner_text():
                expect(page.locator(".toured")).to_be_visible()
                assert sum(mixes[-1]) == 1
            panel.get_by_role("button").first.click()
        assert len(set(mixes)) >= 4  # the whole track, one by itself, all but that, the top 3


def test_no_tour_without_numbers(open_player: Opener, band: Any) -> None:
    page = open_player({**band.data.to_json(), "tables": None})
    assert not page.locator(".tour-start").is_visible()
