"""The page that plays an explanation without a server, opened from a file."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from explanations.player import Lane, MixerData, PairData, Resource, Span, WaveformData, share_page
from lemons_utils import DataError, ParameterError

Opener = Callable[..., Page]
NASTY = "</script><script>document.title = 'taken'</script> & <b>"


def embedded(band: Any) -> MixerData:
    return replace(
        band.data,
        stems=tuple(Resource.embed(band.folder / f"{n}.flac") for n in band.data.stem_names),
        tables=Resource.embed(band.folder / "tables.npz"),
    )


def until(page: Page, expression: str) -> None:
    """Wait for something; the page's policy forbids Playwright's own way, which is eval."""
    deadline = time.monotonic() + 10
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(20)


@pytest.mark.browser
def test_it_plays_and_answers_without_a_server(new_page: Opener, band: Any, tmp_path: Path) -> None:
    highlight = WaveformData(
        title="Top highlight",
        audio=Resource.embed(band.folder / "vocals.flac"),
        duration_s=10.0,
        lanes=(Lane("vocals", spans=(Span(0, 2),)),),
    )
    page_file = tmp_path / "share.html"
    pair = PairData(0, 5, 0.2, f"The vocals count twice as much. {NASTY}")
    text = share_page(
        replace(embedded(band), pairs=(pair,)),
        title=f"Why marko hears this {NASTY}",
        about=[f"A paragraph. {NASTY}"],
        highlights=[highlight],
        explanation={"weights": [1.5], "note": NASTY},
    )
    page_file.write_text(text, encoding="utf-8")
    page = new_page(page_file.as_uri())
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url))
    until(page, "globalThis.players?.length === 2")
    page.evaluate("Promise.all(players.map((player) => player.ready))")
    assert page.title() == f"Why marko hears this {NASTY}"
    assert page.get_by_role("heading", level=1).inner_text().endswith(NASTY)

    mixer = page.locator(".mixer")
    assert mixer.locator(".pair .words").inner_text() == pair.words
    assert mixer.locator(".arc").count() == 1
    mixer.get_by_role("button", name="Show me, in half a minute").click()
    assert mixer.locator(".tour p").inner_text().startswith("This is the whole track.")
    mixer.get_by_role("button", name="Stop").click()
    mask = np.ones(25, dtype=int)
    for segment, stem in ((0, 0), (3, 2), (4, 4)):
        line = mixer.locator(".line").nth(2 + stem)
        line.locator(".cell button").nth(segment).click()
        mask[segment * 5 + stem] = 0
    relevance = float(mixer.locator(".gauge").get_attribute("data-relevance"))
    assert relevance == pytest.approx(band.relevance(mask), abs=1e-6)
    mixer.get_by_role("button", name="Play").click()
    until(page, "players[1].deck.position() > 0.2 && loudness() > 0.01")
    page.locator(".waveform .play").click()
    until(page, "players[0].audio.currentTime > 0.2")
    with page.expect_download() as download:
        page.get_by_role("link", name="The explanation as JSON").click()
    content = json.loads(Path(download.value.path()).read_text())
    assert content == {"weights": [1.5], "note": NASTY}
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == []


@pytest.mark.browser
def test_its_policy_forbids_every_request(
    new_page: Opener, band: Any, tmp_path: Path, problems: list[str]
) -> None:
    (tmp_path / "share.html").write_text(share_page(embedded(band), title="x"), encoding="utf-8")
    page = new_page((tmp_path / "share.html").as_uri())
    refused = page.evaluate("""() => new Promise((resolve) => {
        document.addEventListener("securitypolicyviolation", (e) => resolve(e.violatedDirective));
        fetch("http://127.0.0.1:9/").catch(() => setTimeout(() => resolve("sent"), 500));
    })""")
    assert refused == "connect-src"
    assert any("Content Security Policy" in problem for problem in problems)
    problems.clear()


def test_what_is_linked_cannot_go_into_it(band: Any) -> None:
    with pytest.raises(ParameterError, match=r"cannot fetch /audio/.*: embed it"):
        share_page(band.data, title="x")


def test_linked_heads_cannot_go_into_it(band: Any) -> None:
    heads = Resource(url="/audio/heads.json")
    with pytest.raises(ParameterError, match=r"cannot fetch /audio/heads\.json: embed it"):
        share_page(replace(embedded(band), heads=heads, listener="anna"), title="x")


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing or empty"):
        Resource.embed(tmp_path / "nothing.flac")
