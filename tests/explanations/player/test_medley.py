"""Play what matters: a bar starts it, mixers play their best parts, the page brings the next."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from explanations.player import AheadData, MedleyData, encode_mask
from lemons_utils import ParameterError

pytestmark = pytest.mark.browser

Opener = Callable[..., Page]

MOUNT = """async ({ name, data }) => {
    const root = document.createElement("div");
    document.body.prepend(root);
    const { mount } = await import("/player/component.js");
    globalThis.asked ??= [];
    globalThis.places ??= [];
    globalThis[name] = mount(root, data, {
      onAction: (id, place) => { asked.push(id); places.push(place); },
    });
}"""


def add(page: Page, name: str, data: Any) -> None:
    page.evaluate(MOUNT, {"name": name, "data": data.to_json()})


def best(band: Any) -> np.ndarray:
    """The mask of the three components that speak most for the track."""
    mask = np.zeros(25, dtype=int)
    mask[np.argsort(-np.array(band.data.weights))[:3]] = 1
    return mask


@pytest.fixture
def page(open_player: Opener, band: Any) -> Page:
    page = open_player(replace(band.data, lead=("8000000", "Play just that")).to_json())
    add(page, "bar", MedleyData(False, 1, 3, "First & <b>best</b>"))
    return page


def other(band: Any, **changes: Any) -> Any:
    return replace(band.data, **{"lead": ("8000000", "Play just that"), **changes})


def test_each_mixer_plays_its_best_parts_and_the_end_asks_for_the_next(
    page: Page, band: Any
) -> None:
    start = page.get_by_role("button", name="Play what matters")
    start.click()
    page.wait_for_function("loudness() > 0.01")
    assert page.evaluate("asked") == ["start"]
    assert page.evaluate("player.mask()") == encode_mask(best(band))
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    expect(page.locator(".medley .said")).to_have_text("1 of 3: “First & <b>best</b>”")
    page.evaluate("player.deck.seek(player.state.stretches().at(-1)[1] / 16000 - 0.3)")
    page.wait_for_function("asked.at(-1) === 'next'")
    assert not page.evaluate("player.deck.wanted")

    add(page, "second", other(band))
    page.wait_for_function("second.deck.player.playing && second.deck.position() > 0")
    assert page.evaluate("second.mask()") == encode_mask(best(band))
    page.evaluate("second.deck.pause()")
    add(page, "third", other(band))
    page.evaluate("third.ready")
    assert not page.evaluate("third.deck.wanted"), "who pauses does not want to hear the next"
    page.get_by_role("button", name="Next track").click()
    add(page, "fourth", other(band))
    page.wait_for_function("fourth.deck.wanted")
    add(page, "fifth", other(band, lead=None))
    page.wait_for_function("asked.at(-1) === 'skip'")
    assert page.evaluate("asked") == ["start", "next", "next", "skip"]
    add(page, "sixth", other(band))
    page.wait_for_function("sixth.deck.wanted")
    page.get_by_role("button", name="Stop").click()
    assert page.evaluate("asked").pop() == "stop" and not page.evaluate("sixth.deck.wanted")
    expect(start).to_be_focused()
    add(page, "seventh", other(band))
    page.evaluate("seventh.ready")
    assert not page.evaluate("seventh.deck.wanted")


def test_the_bar_says_what_the_page_says(page: Page) -> None:
    page.get_by_role("button", name="Play what matters").click()
    told = MedleyData(True, 2, 3, "Second", "Skipped “First”.")
    page.evaluate("(data) => bar.take(data)", told.to_json())
    said = page.locator(".medley .said")
    expect(said).to_have_text("Skipped “First”. 2 of 3: “Second”")
    expect(said).to_have_attribute("role", "status")
    expect(page.get_by_role("button", name="Previous track")).to_be_enabled()
    told = MedleyData(False, 3, 3, "Third", "That was the last of 3 tracks.")
    assert page.evaluate("player.deck.wanted")
    page.evaluate("(data) => bar.take(data)", told.to_json())
    assert not page.evaluate("player.deck.wanted")
    expect(said).to_have_text("That was the last of 3 tracks.")
    expect(page.get_by_role("button", name="Play what matters")).to_be_visible()
    with pytest.raises(ParameterError, match="track 4 of 3"):
        MedleyData(False, 4, 3, "Fourth")


def test_quick_moves_add_up(page: Page) -> None:
    page.get_by_role("button", name="Play what matters").click()
    forward = page.get_by_role("button", name="Next track")
    for _ in range(3):
        forward.click()
    page.evaluate("(data) => bar.take(data)", MedleyData(True, 2, 3, "Second").to_json())
    page.get_by_role("button", name="Previous track").click()
    assert page.evaluate("places") == ["1", "1", "2", "3", "2"]


def test_what_is_loaded_ahead_is_not_asked_for_again(page: Page, band: Any) -> None:
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url.rpartition("/")[2]))
    add(page, "ahead", AheadData(band.data))
    page.wait_for_load_state("networkidle")
    expected = [f"{name}.flac" for name in band.data.stem_names] + ["tables.npz"]
    assert sorted(asked) == sorted(expected)
    asked.clear()
    add(page, "second", other(band))
    page.evaluate("second.ready")
    assert not asked and page.evaluate("second.deck.loaded && second.tables !== undefined")
    add(page, "third", other(band))
    page.evaluate("third.ready")
    assert sorted(asked) == sorted(expected), "it is kept once"


def test_what_cannot_be_loaded_ahead_is_loaded_by_the_mixer(
    page: Page, band: Any, problems: list[str]
) -> None:
    page.route("**/drums.flac", lambda route: route.abort())
    add(page, "ahead", AheadData(band.data))
    page.wait_for_timeout(300)
    page.unroute("**/drums.flac")
    add(page, "second", other(band))
    page.evaluate("second.ready")
    assert page.evaluate("second.deck.player.buffers.every((each) => each.length > 1)")
    problems.clear()


def test_gaps_are_skipped_where_nothing_is_drawn(page: Page) -> None:
    page.evaluate("""() => {
        Object.defineProperty(document, "hidden", { value: true });
        globalThis.requestAnimationFrame = () => 0;
    }""")
    page.get_by_role("button", name="Play what matters").click()
    page.wait_for_function("player.deck.player.playing", polling=50)
    page.evaluate("player.deck.seek(player.state.stretches().at(-1)[1] / 16000 - 0.3)")
    page.wait_for_function("asked.at(-1) === 'next'", polling=50)
