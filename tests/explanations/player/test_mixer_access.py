"""The mixer without a mouse and without a picture."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page

from explanations.player import decode_mask

pytestmark = pytest.mark.browser

Opener = Callable[..., Page]
N_STEMS = 5


def cell(page: Page, stem: int, segment: int) -> Locator:
    return page.locator(".line").nth(2 + stem).locator(".cell button").nth(segment)


def shown(page: Page) -> float:
    return float(page.locator(".gauge").get_attribute("data-relevance"))


def heard(page: Page) -> list[int]:
    """Per component, as a link would say it."""
    count = page.evaluate("player.data.weights.length")
    return decode_mask(page.evaluate("player.mask()"), count).tolist()


def position(page: Page) -> float:
    return float(page.evaluate("player.deck.position()"))


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.getAttribute('aria-label')"))


@pytest.fixture
def mixer(open_player: Opener, band: Any) -> Page:
    return open_player(band.data.to_json())


def test_everything_by_keyboard(mixer: Page) -> None:
    keys = mixer.keyboard
    cell(mixer, 0, 0).focus()
    keys.press("ArrowRight")
    keys.press("ArrowDown")
    assert focused(mixer).startswith("piano, 2–3.9 s: weight")
    keys.press("Enter")
    assert np.flatnonzero(np.array(heard(mixer)) == 0).tolist() == [6]
    keys.press("Space")  # plays, and does not switch
    mixer.wait_for_function("player.deck.position() > 0.1")
    keys.press("Space")
    assert not mixer.evaluate("player.deck.wanted")
    assert np.flatnonzero(np.array(heard(mixer)) == 0).tolist() == [6]
    keys.press("Home")
    assert focused(mixer) == "Solo piano"
    keys.press("Space")  # on a switch, Space is the switch's
    assert np.array(heard(mixer)).reshape(5, N_STEMS).sum(0).tolist() == [0, 4, 0, 0, 0]
    keys.press("Enter")
    keys.press("End")
    keys.press("m")
    assert np.array(heard(mixer)).reshape(5, N_STEMS)[:, 1].sum() == 0
    keys.press("m")
    keys.press("l")
    assert mixer.locator(".loop-all").inner_text() == "8.1–10 s"
    keys.press("l")
    for _ in range(9):
        keys.press("ArrowUp")
    assert focused(mixer).endswith("8.1–10 s")  # the heading's switches, above the column
    ruler = mixer.get_by_role("slider")
    ruler.focus()
    keys.press("Home")
    for key, expected in (("ArrowRight", 1), ("Shift+ArrowRight", 6), ("ArrowLeft", 5)):
        keys.press(key)
        assert position(mixer) == pytest.approx(expected)
    assert ruler.get_attribute("aria-valuetext") == "0:05 of 0:10"
    mixer.locator("button.play").focus()  # where the focus is after a click on it
    keys.press("ArrowLeft")
    assert position(mixer) == pytest.approx(4)


def test_the_tab_key_stops_once_in_the_grid(mixer: Page) -> None:
    assert mixer.locator(".grid button[tabindex='0']").count() == 1
    cell(mixer, 2, 2).focus()
    assert mixer.locator(".grid button[tabindex='0']").count() == 1
    mixer.keyboard.press("Tab")
    assert not mixer.evaluate("document.activeElement.closest('.grid') !== null")
    mixer.keyboard.press("Shift+Tab")
    assert focused(mixer).startswith("drums, 3.9–6 s")


def test_screen_readers_get_a_grid_with_names_and_states(mixer: Page, band: Any) -> None:
    grid = mixer.get_by_role("grid")
    assert grid.get_by_role("row").count() == 6
    assert grid.get_by_role("gridcell").count() == 25
    assert grid.get_by_role("rowheader").count() == 5
    assert grid.get_by_role("columnheader").count() == 6
    nameless = mixer.evaluate("""() => [...document.querySelectorAll("button")]
        .filter((b) => !(b.getAttribute("aria-label") || b.textContent.trim())).length""")
    assert nameless == 0
    for index, weight in enumerate(band.data.weights):
        segment, stem = divmod(index, N_STEMS)
        label = cell(mixer, stem, segment).get_attribute("aria-label")
        assert f"speaks {'for' if weight > 0 else 'against'} the track" in label
    mixer.get_by_role("button", name="Mute bass").click()
    assert cell(mixer, 3, 0).get_attribute("aria-description") == "off (solo or mute)"
    status = mixer.get_by_role("status")
    mixer.wait_for_function("document.querySelector('[role=status]').textContent")
    assert status.text_content() == f"mute bass on. Relevance {shown(mixer):.2f}."
    meter = mixer.get_by_role("meter", name="Relevance of what you hear")
    assert float(meter.get_attribute("aria-valuenow")) == pytest.approx(shown(mixer), abs=1e-4)


def test_the_map_has_an_alternative_in_words(mixer: Page, band: Any) -> None:
    mixer.get_by_text("The map as a table").click()
    mixer.get_by_role("table").wait_for()
    rows = mixer.locator("table tbody tr")
    assert rows.count() == 5
    cell(mixer, 0, 0).click()
    texts = rows.nth(0).locator("td").all_inner_texts()
    assert texts[0].endswith(", off")
    assert texts[1].endswith(", on")
    best = int(np.argmax(band.data.weights))
    segment, stem = divmod(best, N_STEMS)
    name = band.data.stem_names[stem]
    assert f"Speaks most for the track: {name}, " in mixer.locator("details p").inner_text()
    assert (
        mixer.locator("th[scope=col]").nth(segment).inner_text()
        in mixer.locator("details p").inner_text()
    )
