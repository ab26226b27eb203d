"""The mixer plays: in step with its switches, and in words where something is missing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page

from explanations.player import decode_mask, encode_mask

pytestmark = pytest.mark.browser

Opener = Callable[..., Page]


def cell(page: Page, stem: int, segment: int) -> Locator:
    return page.locator(".line").nth(2 + stem).locator(".cell button").nth(segment)


def heard(page: Page) -> list[int]:
    """Per component, as a link would say it."""
    count = page.evaluate("player.data.weights.length")
    return decode_mask(page.evaluate("player.mask()"), count).tolist()


def position(page: Page) -> float:
    return float(page.evaluate("player.deck.position()"))


@pytest.fixture
def mixer(open_player: Opener, band: Any) -> Page:
    return open_player(band.data.to_json())


def test_it_plays_follows_the_switches_seeks_and_stops(mixer: Page) -> None:
    mixer.get_by_role("button", name="Play").click()
    mixer.wait_for_function("player.deck.position() > 0.3 && loudness() > 0.01")
    mixer.evaluate(
        "globalThis.cursor = () => new DOMMatrix("
        "getComputedStyle(document.querySelector('.cursor')).transform).e"
    )
    first = mixer.evaluate("cursor()")
    mixer.wait_for_function("(first) => cursor() > first + 5", arg=first)

    mixer.get_by_role("button", name="All", exact=True).click()
    for name in ("vocals", "piano", "drums", "bass", "other"):
        mixer.get_by_role("button", name=f"Mute {name}", exact=True).click()
    mixer.wait_for_function("loudness() < 1e-6")
    assert mixer.evaluate("player.deck.player.playing")  # silent, but it goes on
    mixer.get_by_role("button", name="All", exact=True).click()
    mixer.wait_for_function("loudness() > 0.01")

    ruler = mixer.get_by_role("slider")
    box = ruler.bounding_box()
    ruler.click(position={"x": box["width"] * 0.8, "y": 9})
    assert position(mixer) == pytest.approx(8, abs=0.5)
    assert heard(mixer) == [1] * 25  # the ruler seeks and switches nothing
    mixer.get_by_role("button", name="Pause").click()
    at = position(mixer)
    assert 7.9 < at < 10
    mixer.wait_for_function("loudness() < 1e-6")
    mixer.wait_for_timeout(200)
    assert position(mixer) == at

    ruler.click(position={"x": box["width"] * 0.97, "y": 9})
    mixer.get_by_role("button", name="Play").click()
    mixer.wait_for_function("!player.deck.wanted")  # the end
    assert position(mixer) == 0
    assert mixer.get_by_role("button", name="Play").is_visible()


def test_a_segment_repeats_until_the_loop_is_left(mixer: Page) -> None:
    mixer.get_by_role("button", name="Loop 3.9–6 s", exact=True).click()
    assert position(mixer) == pytest.approx(62_111 / 16_000)
    assert mixer.get_by_role("button", name="Loop 3.9–6 s").count() == 2  # there and above
    mixer.evaluate("player.deck.seek(5.6)")
    mixer.get_by_role("button", name="Play").click()
    mixer.wait_for_function("player.deck.position() > 5.7")
    mixer.wait_for_function("player.deck.position() < 4.5")  # round it went
    mixer.locator(".loop-all").click()
    mixer.evaluate("player.deck.seek(5.8)")
    mixer.wait_for_function("player.deck.position() > 6.1")


def test_the_lead_plays_just_what_is_named_and_skips_the_gaps(
    open_player: Opener, band: Any
) -> None:
    mask = np.zeros((5, 5), dtype=int)  # segments, stems
    mask[1, 2] = mask[3, 2] = 1
    lead = (encode_mask(mask.ravel()), "Play just that")
    page = open_player(replace(band.data, lead=lead).to_json())
    button = page.locator(".lead")
    button.click()
    page.wait_for_function("player.deck.position() > 2.2")
    assert button.inner_text() == "Pause" and heard(page) == mask.ravel().tolist()
    assert position(page) < 3.8, "it began where the first part does"
    page.evaluate("player.deck.seek(3.7)")
    page.wait_for_function("player.deck.position() > 6.1")  # from 3.9 to 6 s nothing is on
    page.evaluate("player.deck.seek(8)")
    page.wait_for_function("!player.deck.wanted")
    assert position(page) == 2, "the end of the last part is the end"
    assert button.inner_text() == "Play just that"
    page.get_by_role("button", name="All", exact=True).click()
    assert position(page) == 2, "a mix that sounds there leaves the playhead"


def test_another_listener_takes_over_while_it_plays(open_player: Opener, shared: Any) -> None:
    data, trunk, heads = shared
    page = open_player(data.to_json())
    page.locator("button.play").click()
    page.wait_for_function("player.deck.position() > 0.2")
    cell(page, 0, 0).click()
    page.locator(".fellow", has_text="anna").click()
    cells = np.ones((1, 25), dtype=int)
    cells[0, 0] = 0
    anna = trunk.of_head(heads[0].weights, [], heads[0].bias)
    shown = float(page.locator(".gauge").get_attribute("data-relevance"))
    assert shown == pytest.approx(anna.relevance(cells)[0], abs=1e-6)
    assert page.evaluate("reports") == [["listener:anna", encode_mask(cells[0])]]
    whole = float(anna.relevance(np.ones((1, 25)))[0])
    weights = tuple(-weight for weight in data.weights)
    told = replace(data, weights=weights, relevance=whole, listener="anna").to_json()
    page.evaluate("(data) => player.take(data)", told)
    assert page.evaluate("player.deck.wanted") and heard(page) == cells[0].tolist()
    assert page.locator(".gauge .title").inner_text() == "Relevance to anna of what you hear"
    label = cell(page, 0, 0).get_attribute("aria-label")
    assert f"speaks {'for' if weights[0] > 0 else 'against'} the track" in label
    at = position(page)
    page.wait_for_function("(at) => player.deck.position() > at + 0.1", arg=at)


def test_switching_while_the_stems_load_is_kept(new_page: Opener, site: Any, band: Any) -> None:
    held = []
    page = new_page(f"{site.address}/page/blank")
    page.route("**/*.flac", lambda route: held.append(route))
    page.goto(site.add(band.data.to_json()))
    page.wait_for_function("globalThis.player")
    page.get_by_role("button", name="Play").click()
    cell(page, 0, 0).click()
    page.evaluate("player.deck.seek(3)")
    page.wait_for_timeout(100)
    assert page.get_by_role("button", name="Pause").get_attribute("aria-busy") == "true"
    for route in held:
        route.continue_()
    page.wait_for_function("player.deck.position() > 3.1")
    assert heard(page)[0] == 0
    assert page.evaluate("player.deck.player.curves[0][0][1]") == 0
    assert page.get_by_role("button", name="Pause").get_attribute("aria-busy") == "false"


def test_only_one_player_sounds_at_a_time(mixer: Page) -> None:
    mixer.evaluate("""async () => {
        const root = document.createElement("div");
        document.body.prepend(root);
        const { mount } = await import("/player/component.js");
        globalThis.other = mount(root, player.data);
        await other.ready;
    }""")
    plays = mixer.locator("button.play")
    plays.nth(0).click()
    mixer.wait_for_function("other.deck.position() > 0.1")
    plays.nth(1).click()
    mixer.wait_for_function("player.deck.position() > 0.1")
    assert not mixer.evaluate("other.deck.wanted")


def test_a_missing_stem_is_said_and_the_others_play(
    open_player: Opener, band: Any, problems: list[str]
) -> None:
    data = band.data.to_json()
    data["stems"][2] = {"name": "drums", "url": "/audio/nowhere.flac"}
    data["stems"][3] = {"name": "bass", "url": "/audio/marble%20rain/tables.npz"}
    page = open_player(data)
    said = page.get_by_role("alert").inner_text()
    assert "The stem “drums” cannot be loaded: the file is missing" in said
    assert "The stem “bass” cannot be played" in said
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("loudness() > 0.01")
    assert all("404" in problem for problem in problems)
    problems.clear()


def test_a_server_that_is_gone_is_said(open_player: Opener, band: Any, problems: list[str]) -> None:
    data = band.data.to_json()
    data["stems"][0] = {"name": "vocals", "url": "http://127.0.0.1:9/vocals.flac"}
    data["tables"] = {"url": "http://127.0.0.1:9/tables.npz"}
    said = open_player(data).get_by_role("alert").inner_text()
    assert "The stem “vocals” cannot be loaded: no answer from 127.0.0.1:9" in said
    assert "The what-if tables cannot be loaded: no answer" in said
    problems.clear()


def test_stems_of_another_track_are_noticed(open_player: Opener, band: Any) -> None:
    data = band.data.to_json()
    data["segments"][-1][1] += 16_000
    data["tables"] = None
    said = open_player(data).get_by_role("alert").inner_text()
    assert "is of another track: it lasts 10.0 s instead of 11.0 s" in said


def test_leaving_ends_the_sound(mixer: Page) -> None:
    mixer.get_by_role("button", name="Play").click()
    mixer.wait_for_function("loudness() > 0.01")
    mixer.evaluate("player.destroy()")
    mixer.wait_for_function("loudness() < 1e-6")
    assert mixer.locator("#root > *").count() == 0
