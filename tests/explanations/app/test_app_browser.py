"""The page as a listener meets it: every step clicked in a real Chromium.

The data are small and made here; LEMONS_TEST_DATA_FOLDER names a data folder to use instead,
e.g. one that `make demo` has filled.
"""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from audiolime.exact import LocalStateEngine
from audiolime.separation.cache import cached_stems
from explanations.explain.playback import mix
from explanations.listeners import load_listener
from explanations.player import decode_mask, encode_mask
from explanations.player.palette import PALETTE
from explanations.stems import separator_for
from explanations.store import Explanation, from_json
from recsys.catalogue import open_catalogue

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[3]
LONG = 400_000
ACCESS = Path(__file__).with_name("access.js").read_text()
NARROW = "() => document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth"
NAME = "Marko"
expect.set_options(timeout=60_000)


@dataclass(frozen=True)
class Served:
    """The app and the folder that it works on."""

    address: str
    folder: Path
    log: Path


@pytest.fixture(scope="module")
def served(
    house: Path, tmp_path_factory: pytest.TempPathFactory, wait_until: Any
) -> Iterator[Served]:
    folder = Path(os.environ.get("LEMONS_TEST_DATA_FOLDER", house))
    log = tmp_path_factory.mktemp("app") / "log"
    command = [sys.executable, "-m", "streamlit", "run", "explanations/lemons.py"]
    environment = {**os.environ, "LEMONS_DATA_FOLDER": str(folder), "HOME": str(log.parent)}
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--server.port=0"],
            stdout=output, stderr=subprocess.STDOUT, cwd=ROOT, env=environment,
        )  # fmt: skip
        try:
            found = wait_until(
                lambda: re.search(r"http://127\.0\.0\.1:\d+", log.read_text()),
                seconds=120, process=process, about=log.read_text,
            )  # fmt: skip
            yield Served(found[0], folder, log)
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(60_000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if is_forbidden(said.text) else None)
    yield page
    context.close()
    assert not errors
    assert all(re.match(r"(https?://127\.0\.0\.1[:/]|data:|blob:)", url) for url in asked)


def is_forbidden(said: str) -> bool:
    """Whether the browser reports something that the page wants and its policy does not allow."""
    return "Content Security Policy" in said


def main(page: Page):
    return page.get_by_test_id("stMain")


def explained(page: Page, served: Served) -> Explanation:
    """Read what is stored of the explanation that the page shows."""
    expect(page).to_have_url(re.compile("[?&]track="), timeout=LONG)  # told after all is drawn
    told = dict(part.split("=") for part in page.url.split("?")[1].split("&"))
    folder = served.folder / "stored_explanations" / "demo" / told["listener"] / told["track"]
    return from_json(json.loads((folder / f"{told['type']}.json").read_text()))


def stems_of(explanation: Explanation, served: Served):
    catalogue = open_catalogue("demo", data_folder=served.folder)
    track_id = explanation.request.audio_checksum
    return cached_stems(
        catalogue.audio(track_id),
        separator_for(catalogue, track_id),
        folder=served.folder / "stems",
        limit_gb=20,
    )


def answer(page: Page):
    return page.locator("h2.lm-answer")


def mixer_of(page: Page):
    return page.locator(".mixer .gauge")


def choose_track(page: Page, served: Served, number: int = 0) -> None:
    page.goto(f"{served.address}/?listener=marko")
    rows = page.locator('[class*="st-key-row-"] button')
    rows.first.wait_for(timeout=LONG)
    expect(rows).to_have_count(10)
    title = re.search(r"\d+\. (.+)$", rows.nth(number).inner_text())[1]
    rows.nth(number).click()
    expect(answer(page)).to_contain_text(f"“{title}”")
    settle(page)


def settle(page: Page) -> None:
    """Wait until nothing is left of what the page showed before."""
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-script-state", "notRunning")


def explain(page: Page, served: Served) -> None:
    choose_track(page, served)
    start = page.get_by_role("button", name="Explain this track")
    expect(mixer_of(page).or_(start)).to_be_visible()
    if start.is_visible():
        start.click()
    mixer_of(page).wait_for(timeout=LONG)


def test_choosing_a_track_plays_it_and_one_can_seek(page: Page, served: Served):
    answers = []
    page.on("response", lambda r: answers.append((r.status, r.url)) if "/audio/" in r.url else None)
    choose_track(page, served, number=7)  # which no other test explains
    player = page.locator(".waveform").first
    now = player.locator(".time .now")
    expect(player.locator(".play")).to_have_attribute("aria-label", re.compile("Pause"))
    expect(now).not_to_have_text("0:00", timeout=20_000)
    slider = player.get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    player.locator(".play").click()
    slider.focus()
    before = float(slider.get_attribute("aria-valuenow"))
    page.keyboard.press("ArrowRight")
    expect(slider).not_to_have_attribute("aria-valuenow", str(before))
    assert 206 in {status for status, url in answers if url.endswith(".mp3")}


def test_a_row_of_the_profile_plays(page: Page, served: Served):
    page.goto(f"{served.address}/?listener=marko")
    main(page).get_by_role("heading", name=f"What {NAME} listens to").wait_for()
    page.get_by_text("List all tracks, to play them").click()
    table = page.get_by_test_id("stDataFrame").first
    canvas = table.locator("canvas").first
    canvas.wait_for()
    page.wait_for_timeout(500)
    canvas.click(position={"x": 18, "y": 52}, force=True)
    expect(page.locator(".waveform .play").last).to_have_attribute(
        "aria-label", re.compile("Pause")
    )


def test_long_work_names_its_steps_and_can_be_cancelled(page: Page, served: Served):
    start = page.get_by_role("button", name="Explain this track")
    steps = page.get_by_text(re.compile(r"Step \d of 3: (separate|tables|weights)"))
    done = mixer_of(page)

    def cancelled(number: int) -> bool:
        choose_track(page, served, number=number)
        start.click()
        try:
            page.get_by_role("button", name="Cancel").click(timeout=5_000)
        except PlaywrightTimeout:  # so short a track may be explained before the click
            return False
        expect(start.or_(done).first).to_be_visible()
        settle(page)
        return start.is_visible()

    assert any(cancelled(number) for number in range(1, 6))
    expect(steps).to_have_count(0)
    start.click()
    expect(steps.or_(done)).to_be_visible()
    search = main(page).get_by_placeholder("title, artist or genre")
    search.fill("nothing is called this")  # the page stays usable meanwhile
    search.press("Enter")
    expect(page.get_by_text("No track matches")).to_be_visible()


def test_the_gauge_says_what_the_engine_says(page: Page, served: Served):
    explain(page, served)
    explanation = explained(page, served)
    n_segments, n_stems = len(explanation.segments), len(explanation.stem_names)
    masks = np.random.default_rng(5).integers(0, 2, (20, n_segments * n_stems))
    catalogue_model = load_listener(
        "marko", catalogue="demo", experiments=served.folder / "experiments"
    )
    stems = stems_of(explanation, served).waveforms
    engine = LocalStateEngine(catalogue_model.network, stems, explanation.segments)
    expected = 1 / (1 + np.exp(-engine.evaluate(masks)))
    cells = page.locator(".mixer .cell button")
    expect(cells).to_have_count(n_segments * n_stems)
    on = np.ones(n_segments * n_stems, dtype=int)
    for mask, relevance in zip(masks, expected, strict=True):
        turned = [
            int(index % n_stems * n_segments + index // n_stems)
            for index in np.flatnonzero(mask != on)
        ]
        cells.evaluate_all("(cells, turned) => turned.forEach(at => cells[at].click())", turned)
        on = mask
        shown = float(shown_relevance(page))
        assert shown == pytest.approx(relevance, abs=1e-4)


def test_every_type_is_at_hand_and_against_is_shown(page: Page, served: Served):
    explain(page, served)
    for label, type in (("Time", "time"), ("Source", "source")):
        page.get_by_test_id("stButtonGroup").get_by_text(label, exact=True).click()
        page.wait_for_url(re.compile(f"type={type}(&|$)"))
        expect(mixer_of(page)).to_have_count(1)  # that of the other kind is gone
        found = explained(page, served)
        table = page.locator(".lm-map")
        expect(table.locator("td.lm-for, td.lm-against")).to_have_count(len(found.weights))
        against = page.locator(".waveform", has_text="Against")
        expect(against).to_have_count(1 if found.against(3) else 0)
    cell = page.locator(".lm-map tbody td:not(.lm-against)").first
    color = "element => getComputedStyle(element).getPropertyValue('--from')"
    assert cell.evaluate(color) == PALETTE["light"]["positive"]


def test_a_link_reproduces_the_mix_and_it_can_be_saved(page: Page, served: Served, browser):
    explain(page, served)
    explanation = explained(page, served)
    page.get_by_role("button", name="Without top 3").click()
    shown = shown_relevance(page)
    page.get_by_role("button", name="Share or save this mix").click()
    link = page.get_by_role("dialog").locator("code").inner_text().replace("\n", "")
    left_on = np.ones(len(explanation.weights), dtype=int)
    left_on[explanation.top(3)] = 0
    assert link.endswith(f"mask={encode_mask(left_on)}")
    assert decode_mask(link.rpartition("=")[2], len(left_on)).tolist() == left_on.tolist()

    with page.expect_download() as download:
        page.get_by_role("button", name="This mix as FLAC").click()
    heard, rate = soundfile.read(io.BytesIO(Path(download.value.path()).read_bytes()))
    marked = explanation.grid(np.flatnonzero(left_on).tolist())
    expected = mix(stems_of(explanation, served).waveforms, explanation.segments, marked)
    assert rate == 16_000
    np.testing.assert_allclose(heard, expected, atol=1e-3)
    with page.expect_download() as download:
        page.get_by_role("button", name="The explanation as JSON").click()
    assert from_json(json.loads(Path(download.value.path()).read_text())) == explanation

    other = browser.new_context().new_page()
    other.goto(link)
    expect(mixer_of(other)).to_have_attribute("data-relevance", shown)
    expect(other.locator(".mixer .lead")).to_have_text("Play this mix")
    assert other.locator(".mixer .cell").last.bounding_box()["y"] < 720, "without scrolling"
    other.context.close()


def test_an_own_file_is_scored_by_everybody(page: Page, served: Served, tmp_path: Path):
    time_s = np.arange(3 * 22_050) / 22_050
    tone = 0.3 * np.sin(2 * np.pi * 220 * time_s)
    soundfile.write(tmp_path / "my tune.wav", np.stack([tone, tone], axis=1), 22_050)
    (tmp_path / "broken.wav").write_bytes(b"this is no audio")
    page.goto(served.address)
    page.get_by_role("button", name="Your own file").click()
    page.locator("input[type=file]").set_input_files(tmp_path / "broken.wav")
    expect(page.get_by_text("broken.wav cannot be decoded")).to_be_visible()
    page.locator("input[type=file]").set_input_files(tmp_path / "my tune.wav")
    page.get_by_text("Relevance to every listener").wait_for(timeout=LONG)
    expect(page.locator(".waveform .title")).to_have_text("my tune")
    main(page).get_by_role("button", name=NAME, exact=True).click()
    page.get_by_role("button", name="Explain this track").click()
    page.locator(".mixer .gauge").wait_for(timeout=LONG)


def test_odd_links_get_a_plain_line(page: Page, served: Served):
    explain(page, served)
    track = re.search("track=([0-9a-f]+)", page.url)[1]
    odd = {
        f"listener=marko&track={track}&mask=zz": "The mix “zz” in the link is none of this",
        "listener=marko&track=..%2F..%2Fpasswd": "has no track “../../passwd”",
        "listener=marko&catalogue=%5Bhere%5D(http:%2F%2Fx)": "no catalogue “[here](http://x)”",
        "listener=%3Cscript%3E": "no listener “<script>”",
        "catalogue=own_files&track=..%2F..%2Fpasswd": "This file is not kept any more",
    }
    for parameters, words in odd.items():
        page.goto(f"{served.address}/?{parameters}")
        said = page.locator(".lm-alert", has_text=words)
        expect(said).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)
        expect(said.locator("a")).to_have_count(0)


def test_the_page_can_be_saved_and_plays_without_a_server(
    page: Page, served: Served, browser: Browser, tmp_path: Path
):
    explain(page, served)
    page.get_by_role("button", name="Top 1", exact=True).click()
    shown = shown_relevance(page)
    page.get_by_role("button", name="Share or save this mix").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="A page that plays it without a server").click()
    download.value.save_as(tmp_path / "page.html")
    with page.expect_download() as download:
        page.get_by_role("button", name="This mix as MP3").click()
    assert soundfile.info(io.BytesIO(Path(download.value.path()).read_bytes())).format == "MP3"
    alone = browser.new_context(offline=True).new_page()
    alone.goto((tmp_path / "page.html").as_uri())
    expect(alone.locator(".mixer .gauge")).to_have_attribute("data-relevance", shown)
    expect(alone.get_by_text("Model: 2026-01-02_03-04-05-demo-")).to_be_visible()
    play = alone.locator(".mixer .play")
    play.click()
    expect(play).to_have_attribute("aria-label", re.compile("Pause"))
    alone.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_screen_answers_and_nobody_stumbles(browser: Browser, served: Served, scheme):
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(60_000)
    explain(page, served)
    page.reload()  # what the list has chosen is out of sight above it
    settle(page)
    for width, height in ((1400, 900), (1024, 768), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(300)
        with contextlib.suppress(PlaywrightTimeout):  # a table takes a moment to become narrower
            page.wait_for_function(NARROW, timeout=5_000)
        assert not [*page.evaluate(ACCESS), *barriers(page)], width
        for part in (".lm-answer", ".mixer .lead", ".mixer .gauge", ".mixer .cell >> nth=-1"):
            box = page.locator(part).bounding_box()
            assert box["y"] >= 0 and box["y"] + box["height"] <= height, (part, width)
    page.locator(".lm-skip").focus()
    page.keyboard.press("Enter")
    expect(answer(page)).to_be_focused()
    page.locator(".mixer .tour-start").click()
    assert not barriers(page), "guided tour"
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Share or save this mix").click()
    page.get_by_role("dialog").locator("code").wait_for()
    page.wait_for_timeout(500)  # it fades in
    assert not barriers(page), "dialog"
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Your taste").click()
    page.get_by_role("button", name="Like", exact=True).first.wait_for()
    settle(page)
    assert not barriers(page), "taste"
    context.close()


def barriers(page: Page) -> list[str]:
    """List what axe-core finds of any impact, also in shadow roots."""
    return [
        f"{rule['impact']} {rule['id']}: {node['html'][:200]} {node.get('failureSummary', '')}"
        for rule in Axe().run(page).response["violations"]
        for node in rule["nodes"]
    ]


def test_back_and_forward_move_through_choices_and_reload_keeps_the_mix(page: Page, served: Served):
    explain(page, served)
    settle(page)
    before = page.evaluate("history.length")
    first = answer(page).inner_text()
    page.get_by_role("button", name="Top 1", exact=True).click()
    page.wait_for_url(re.compile("mask="))
    mix = shown_relevance(page)
    page.reload()
    expect(mixer_of(page)).to_have_attribute("data-relevance", mix)
    page.get_by_role("button", name="Paige", exact=True).click()
    expect(answer(page)).to_contain_text("Paige")
    settle(page)
    assert page.evaluate("history.length") == before + 1
    page.go_back()
    expect(answer(page)).to_have_text(first)
    expect(mixer_of(page)).to_have_attribute("data-relevance", mix)
    page.go_forward()
    expect(answer(page)).to_contain_text("Paige")


def test_ten_things_by_keyboard_alone(page: Page, served: Served):
    keys = page.keyboard

    def go_to(target: Locator, most: int = 200) -> None:
        for _ in range(most):
            keys.press("Tab")
            if target.evaluate("(e) => e.getRootNode().activeElement === e"):
                return
        raise AssertionError(f"{most} times Tab, and not at {target}")

    def press(target: Locator, key: str = "Enter") -> None:
        go_to(target)
        keys.press(key)

    page.goto(served.address)
    page.locator(".lm-answer").wait_for(timeout=LONG)
    settle(page)
    press(page.get_by_role("button", name="Paige", exact=True))  # 1: a listener
    expect(answer(page)).to_contain_text("Paige")
    settle(page)
    track = page.locator('[class*="st-key-top-"] button').nth(1)
    title = track.inner_text()
    press(track)  # 2: a track
    expect(answer(page)).to_contain_text(f"“{title}”")
    settle(page)
    start = page.get_by_role("button", name="Explain this track")
    expect(start.or_(mixer_of(page))).to_be_visible()
    if start.is_visible():
        press(start)  # 3: its explanation
    shown_relevance(page)
    settle(page)
    meter = page.locator(".mixer .gauge .bar")
    whole = meter.get_attribute("aria-valuenow") or ""
    play = page.locator(".mixer button.play")
    press(play)  # 4: play
    expect(play).to_have_attribute("aria-label", "Pause the mix")
    keys.press("Space")
    expect(play).to_have_attribute("aria-label", "Play the mix")
    go_to(page.locator(".mixer .grid button[tabindex='0']"))
    mute = page.locator(".mixer .row-head .mute").first
    keys.press("m")  # 5: mute a stem
    expect(mute).to_have_attribute("aria-pressed", "true")
    keys.press("m")
    expect(meter).to_have_attribute("aria-valuenow", whole)
    keys.press("ArrowDown")
    keys.press("s")  # 6: solo one
    solo = page.locator(".mixer .row-head .solo").nth(1)
    expect(solo).to_have_attribute("aria-pressed", "true")
    press(page.locator(".mixer").get_by_role("button", name="All", exact=True))  # 7: clear
    expect(solo).to_have_attribute("aria-pressed", "false")
    expect(meter).to_have_attribute("aria-valuenow", whole)
    press(page.locator(".mixer .tour-start"))  # 8: the guided half minute
    expect(page.locator(".mixer .tour p")).to_contain_text("This is the whole track")
    keys.press("Enter")  # on "Stop", where the focus is
    expect(page.locator(".mixer .tour")).to_be_hidden()
    expect(page.locator(".mixer .tour-start")).to_be_focused()
    press(page.get_by_role("button", name="Share or save this mix"))  # 9: a link
    expect(page.get_by_role("dialog").locator("code")).to_contain_text("listener=paige")
    keys.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    kinds = page.get_by_test_id("stButtonGroup").locator("button")
    go_to(kinds.first)
    keys.press("ArrowRight")
    keys.press("Enter")  # 10: another kind
    page.wait_for_url(re.compile("type=source"))
    expect(mixer_of(page)).to_have_count(1)
    settle(page)
    page.reload()
    settle(page)
    press(page.get_by_role("button", name="Your taste"))
    likes = page.get_by_role("button", name="Like", exact=True)
    for left in ("like 3 more", "like 2 more", "like 1 more"):  # 11: a taste of one's own
        expect(page.get_by_text(left)).to_be_visible()
        press(likes.first)
    expect(answer(page)).to_be_visible(timeout=LONG)


def test_what_matters_plays_from_track_to_track(page: Page, served: Served):
    page.goto(f"{served.address}/?listener=paige")
    start = page.get_by_role("button", name="Play what matters")
    start.click()
    said = page.locator(".medley .said")
    play = page.locator(".mixer .play").last  # for a moment the track before has its mixer too
    expect(said).to_contain_text("1 of 10: “")
    expect(said).to_contain_text(re.compile("[2-9] of 10: “"), timeout=LONG)  # by itself
    page.get_by_role("button", name="Next track").click()
    expect(said).to_contain_text(re.compile("[3-9] of 10: “"), timeout=LONG)
    expect(play).to_have_attribute("aria-label", "Pause the mix", timeout=LONG)
    settle(page)
    title = re.search("“(.*)”$", said.inner_text())[1]
    expect(answer(page)).to_contain_text(f"“{title}”")
    assert explained(page, served).request.audio_checksum in page.url
    page.get_by_role("button", name="Stop").click()
    expect(start).to_be_visible()
    expect(play).to_have_attribute("aria-label", "Play the mix")


def test_a_click_on_the_chosen_track_goes_up_to_it(page: Page, served: Served):
    explain(page, served)
    settle(page)
    chosen = page.locator('[class*="st-key-row-"] button').first
    chosen.scroll_into_view_if_needed()
    page.mouse.wheel(0, 600)
    expect(answer(page)).not_to_be_in_viewport()
    chosen.click()
    expect(answer(page)).to_be_in_viewport()


def shown_relevance(page: Page) -> str:
    """Read the gauge as soon as the tables are there."""
    gauge = page.locator(".mixer .gauge")
    expect(gauge).to_have_attribute("data-relevance", re.compile(r"\d"), timeout=LONG)
    return gauge.get_attribute("data-relevance") or ""
