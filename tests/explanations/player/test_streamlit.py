"""The component in a running Streamlit app: what runs the script again, and what does not."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from explanations.player import encode_mask

pytestmark = pytest.mark.browser

Opener = Callable[..., Page]

PAGE = """
import json
from pathlib import Path
import streamlit as st
from explanations.player import MixerData, Resource, WaveformData, mixer, player

told = json.loads(Path({told!r}).read_text())
st.session_state.runs = st.session_state.get("runs", 0) + 1
audio = Resource(url=told["stems"][0]["url"])
player(WaveformData("Marble Rain", audio, 10.0), key="track")
data = MixerData(
    kind="time_source",
    segments=tuple(tuple(s) for s in told["segments"]),
    stem_names=tuple(s["name"] for s in told["stems"]),
    stems=tuple(Resource(url=s["url"]) for s in told["stems"]),
    weights=tuple(told["weights"]),
    relevance=told["relevance"],
    tables=Resource(url=told["tables"]["url"]),
    mask=st.query_params.get("mask", ""),
    actions=(("share", "Share this mix"),),
)
result = mixer(data, key="mixer", follow="follow" in st.query_params)
if result.action == "share":
    st.query_params["mask"] = result.mask
st.write(f"runs {{st.session_state.runs}} mask {{result.mask}} action {{result.action}}.")
st.button("Run again")
"""
APP = """
from pathlib import Path
import streamlit as st
from explanations.webserver import mount

app = st.App({page!r}, routes=[mount(Path({web!r}))])
"""


OPTIONS = (
    "--server.port=0",
    "--server.address=127.0.0.1",
    "--server.headless=true",
    "--server.fileWatcherType=none",
    "--browser.gatherUsageStats=false",
)


@pytest.fixture(scope="module")
def app(band: Any, tmp_path_factory: pytest.TempPathFactory, wait_until: Any) -> Iterator[str]:
    """Run an app of its own, which serves the audio on its own port."""
    folder = tmp_path_factory.mktemp("app")
    told, page, log = folder / "told.json", folder / "page.py", folder / "log"
    told.write_text(json.dumps(band.data.to_json()))
    page.write_text(PAGE.format(told=str(told)))
    (folder / "main.py").write_text(APP.format(page=str(page), web=str(band.folder.parent)))
    root = Path(__file__).parents[3]
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(folder / "main.py"), *OPTIONS],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(root), "HOME": str(folder)},
        )
        try:
            found = wait_until(
                lambda: re.search(r"http://127\.0\.0\.1:\d+", log.read_text()),
                seconds=60, process=process, about=log.read_text,
            )  # fmt: skip
            yield found[0]
        finally:
            process.terminate()
            process.wait(10)


def said(page: Page) -> Any:
    return expect(page.get_by_text(re.compile(r"^runs \d+ mask")))


@pytest.fixture
def demo(new_page: Opener, app: str) -> Page:
    page = new_page(app, viewport={"width": 1280, "height": 1100})
    page.locator(".mixer .gauge").wait_for(timeout=30_000)
    said(page).to_have_text("runs 1 mask action .", timeout=30_000)
    return page


def test_playing_and_switching_do_not_run_the_script(demo: Page, band: Any) -> None:
    cells = demo.locator(".mixer .cell button")
    play = demo.locator(".mixer .play")
    play.click()
    demo.wait_for_function("loudness() > 0.01")
    mask = np.ones((5, 5), dtype=int)  # segments, stems
    for stem, segment in ((0, 0), (1, 1), (2, 4)):
        cells.nth(stem * 5 + segment).click()
        mask[segment, stem] = 0
    relevance = float(demo.locator(".mixer .gauge").get_attribute("data-relevance"))
    assert relevance == pytest.approx(band.relevance(mask), abs=1e-6)
    demo.wait_for_timeout(1200)
    said(demo).to_have_text("runs 1 mask action .")
    assert play.get_attribute("aria-label") == "Pause the mix"

    # Another run of the script, which is told of the address, leaves alone what is heard.
    text = encode_mask(mask.ravel())
    assert demo.url.endswith(f"?mask={text}"), "a reload keeps the mix"
    demo.get_by_role("button", name="Run again").click()
    said(demo).to_have_text(f"runs 2 mask {text} action .")
    demo.wait_for_timeout(300)
    assert play.get_attribute("aria-label") == "Pause the mix"
    assert demo.evaluate("loudness()") > 0.01
    assert float(demo.locator(".mixer .gauge").get_attribute("data-relevance")) == relevance

    # The button brings the mask to Python once, and what plays goes on.
    demo.get_by_role("button", name="Share this mix").click()
    said(demo).to_contain_text(f"mask {text} action share")
    assert f"mask={text}" in demo.url
    demo.get_by_role("button", name="Run again").click()
    said(demo).to_contain_text(f"mask {text} action .")
    demo.wait_for_timeout(300)
    assert play.get_attribute("aria-label") == "Pause the mix"
    assert demo.evaluate("loudness()") > 0.01


def test_a_shared_link_reproduces_the_mix(new_page: Opener, app: str, band: Any) -> None:
    mask = np.random.default_rng(2).integers(0, 2, 25)
    page = new_page(f"{app}/?mask={encode_mask(mask)}")
    gauge = page.locator(".mixer .gauge")
    gauge.wait_for(timeout=30_000)
    expected = f"{band.relevance(mask):.2f}"
    expect(gauge.locator(".value")).to_have_text(expected, timeout=30_000)


def test_following_reports_the_mask_by_itself(new_page: Opener, app: str) -> None:
    page = new_page(f"{app}/?follow=1")
    page.locator(".mixer .cell button").nth(24).wait_for(timeout=30_000)
    page.locator(".mixer .cell button").nth(24).click()
    said(page).to_have_text("runs 2 mask ffffff0 action .")


def test_it_takes_the_theme_of_the_app(new_page: Opener, app: str) -> None:
    page = new_page(app, color_scheme="dark")
    page.locator(".mixer[data-theme=dark]").wait_for(timeout=30_000)
    page.locator(".waveform[data-theme=dark] canvas").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
