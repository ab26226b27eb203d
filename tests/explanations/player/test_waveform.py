"""The waveform player in a real Chromium, with audio that the web server streams."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page

from explanations.player import Lane, Resource, Span, WaveformData, peaks

pytestmark = pytest.mark.browser

Opener = Callable[..., Page]


@pytest.fixture
def track(band: Any) -> WaveformData:
    audio = Resource(url="/audio/marble%20rain/mix.flac")
    return WaveformData(title="Marble Rain", audio=audio, duration_s=10.0)


def now(page: Page) -> float:
    return float(page.evaluate("player.audio.currentTime"))


def ink(page: Page, canvas: int = 0) -> int:
    """How many pixels of a canvas are painted."""
    return int(
        page.evaluate(
            """(i) => {
                const c = document.querySelectorAll("canvas")[i];
                const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
                let count = 0;
                for (let p = 3; p < data.length; p += 4) if (data[p] > 0) count += 1;
                return count;
            }""",
            canvas,
        )
    )


def test_it_plays_and_seeks_by_click_and_key(open_player: Opener, track: WaveformData) -> None:
    page = open_player(track.to_json())
    assert ink(page) > 5_000
    slider = page.get_by_role("slider")
    box = slider.bounding_box()
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("player.audio.currentTime > 0.2")
    # The server answers Range: the whole track can be reached at once.
    assert page.evaluate("player.audio.seekable.end(0)") == pytest.approx(10, abs=0.01)
    slider.click(position={"x": box["width"] * 0.7, "y": 20})
    page.wait_for_function("player.audio.currentTime > 7.1 && player.audio.currentTime < 9")
    page.get_by_role("button", name="Pause").click()
    before = now(page)
    page.keyboard.press("ArrowLeft")  # the focus is on the button
    assert now(page) == pytest.approx(before - 1, abs=0.01)
    slider.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert now(page) == pytest.approx(1)
    page.keyboard.press("Shift+ArrowRight")
    assert now(page) == pytest.approx(6)
    page.keyboard.press("Space")
    page.wait_for_function("player.audio.currentTime > 6.1 && !player.audio.paused")
    page.keyboard.press("Space")
    assert page.evaluate("player.audio.paused")
    assert slider.get_attribute("aria-valuetext") == "0:06 of 0:10"


def test_given_peaks_need_no_second_download(
    open_player: Opener, track: WaveformData, band: Any
) -> None:
    lanes = (Lane(peaks=peaks(band.stems.sum(0))),)
    asked: list[str] = []
    page = open_player(replace(track, lanes=lanes).to_json())
    page.on("request", lambda sent: asked.append(sent.resource_type))
    page.reload()
    page.wait_for_function("globalThis.player")
    page.evaluate("player.ready")
    assert ink(page) > 5_000
    assert "fetch" not in asked


def test_marked_spans_are_seen_and_heard_alone(open_player: Opener, track: WaveformData) -> None:
    def lane(name: str, *spans: Span) -> Lane:
        return Lane(name, audio=Resource(url=f"/audio/marble%20rain/{name}.flac"), spans=spans)

    lanes = (
        lane("vocals", Span(2.0, 2.6, "Top highlight")),
        lane("drums", Span(4.0, 5.0, "2nd"), Span(8.0, 9.0, "", "against")),
    )
    data = replace(track, title="Top 3 components", lanes=lanes)
    page = open_player(data.to_json())
    assert page.locator("canvas").count() == 2
    names = page.locator(".spans button").all_inner_texts()
    expected = ["Top highlight: vocals, 2–2.6 s", "2nd: drums, 4–5 s", "drums, 8–9 s"]
    assert names == expected
    page.get_by_role("button", name=names[0]).click()
    page.wait_for_function("player.audio.currentTime > 2.05 && !player.audio.paused")
    page.wait_for_function("player.audio.paused")
    assert now(page) == pytest.approx(2.6, abs=0.25)
    # Where the lane is marked, the ground is coloured too.
    line = page.evaluate("""() => {
        const canvas = document.querySelector("canvas");
        const { data } = canvas.getContext("2d").getImageData(0, 2, canvas.width, 1);
        return Array.from(data).filter((_, i) => i % 4 === 3);
    }""")
    painted = [i / len(line) for i, alpha in enumerate(line) if alpha]
    assert painted[0] == pytest.approx(0.2, abs=0.002)
    assert painted[-1] == pytest.approx(0.26, abs=0.002)


def test_a_trimmed_recording_keeps_its_place(open_player: Opener, track: WaveformData) -> None:
    data = replace(track, offset_s=4.0, duration_s=14.0, lanes=(Lane(peaks=(0.1, 0.5, 0.2)),))
    page = open_player(data.to_json())
    slider = page.get_by_role("slider")
    slider.click(position={"x": slider.bounding_box()["width"] * 0.5, "y": 20})
    assert now(page) == pytest.approx(3, abs=0.05)
    assert page.locator(".now").inner_text() in ("0:06", "0:07")


def test_a_track_that_is_missing_is_said(
    open_player: Opener, track: WaveformData, problems: list[str]
) -> None:
    data = replace(track, audio=Resource(url="/audio/nowhere.flac"))
    page = open_player(data.to_json())
    said = page.get_by_role("alert")
    said.wait_for()
    assert "“Marble Rain” cannot be played: the file is missing" in said.inner_text()
    problems.clear()


def test_no_audio_is_asked_for_and_dropped(open_player: Opener, track: WaveformData) -> None:
    page = open_player(track.to_json())
    dropped: list[str] = []
    page.on("requestfailed", lambda request: dropped.append(request.url))
    page.reload(wait_until="networkidle")
    page.goto("about:blank")  # a browser reports what it has dropped when it leaves
    assert dropped == []


def test_two_players_do_not_sound_together(open_player: Opener, track: WaveformData) -> None:
    page = open_player(track.to_json())
    page.evaluate("""async () => {
        const root = document.createElement("div");
        document.body.prepend(root);
        const { mount } = await import("/player/component.js");
        globalThis.other = mount(root, player.data);
    }""")
    page.locator("button.play").nth(0).click()
    page.wait_for_function("!other.audio.paused")
    page.locator("button.play").nth(1).click()
    page.wait_for_function("!player.audio.paused && other.audio.paused")
    assert page.evaluate("other.audio.currentTime") < 8  # stopped, not merely over
