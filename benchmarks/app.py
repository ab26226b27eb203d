"""Speed of the page: first paint, switching the kind of explanation, many viewers at once.

    python benchmarks/app.py --viewers 20
    python benchmarks/app.py --viewers 50 --minutes 10    # instead: a crowd that stays
    python benchmarks/app.py --pictures docs/pictures     # instead: pictures and a recording

Starts the app as `python -m explanations.launch` does, on the data of `config.py`, which `make
demo` fills, and opens real browser pages. Each viewer opens another listener, track or kind. App
and browsers share the processor.

In a crowd a viewer is a session without a browser, which fifty of would not fit beside the app: it
speaks the page's protocol over a WebSocket, asks for another listener, track or kind every 5 to 15
s, waits until the page is complete, and loads the audio and the tables that the mixer loads. What
is drawn, and played, is not part of it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from _chromium import FLAGS
from _recording import record
from _viewers import crowd
from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from explanations.store import TITLES
from lemons_utils import DataError, command, configuration, write_beside

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_MS = 300_000
LAUNCH = """
from dataclasses import replace
from explanations.launch import launch
from lemons_utils import configuration
launch(replace(configuration(), app_port=0), browser=False)
"""
"""What `python -m explanations.launch --no_browser` does, on any free port."""
MAX_BYTES, COLORS = 300_000, 256
"""A larger picture is written with this number of colours."""


@command
def main() -> int:
    """Measure and print the figures; errors of a crowd or in the log end it with 1."""
    failed = False
    parser = argparse.ArgumentParser(description="Time the page, alone and with many viewers.")
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--minutes", type=float, help="how long a crowd of viewers stays")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--pictures", type=Path, help="folder to put pictures into, untimed")
    options = parser.parse_args()
    stored = links()
    with running_app() as (address, pid, log):
        if options.minutes:
            visits = asyncio.run(crowd(address, pid, stored, options.viewers, options.minutes))
            failed = bool(visits.errors)
        elif options.pictures:
            asyncio.run(take_pictures(address, options.chromium, options.pictures))
            return 0
        else:
            asyncio.run(measure(address, stored, options.viewers, options.chromium))
        errors = len(re.findall(r"Uncaught app execution", log.read_text(encoding="utf-8")))
    print(f"errors in the app's log: {errors}")
    return int(failed or errors > 0)


def links() -> list[dict[str, str]]:
    """Return one link per stored explanation of the demo, listeners taking turns."""
    home = configuration().stored_explanations / "demo"
    # Tracks of a taste profile alone have a Source explanation, but nothing for the mixer.
    whole = [path.parent for path in home.glob("*/*/time_source.json")]
    stored = [path.with_suffix("").parts[-3:] for folder in whole for path in folder.glob("*.json")]
    if not stored:
        raise DataError(f"{home} holds no explanations: run `make demo` first")
    by_track = sorted((track, user, kind) for user, track, kind in stored)
    return [{"listener": user, "track": track, "type": kind} for track, user, kind in by_track]


@contextlib.contextmanager
def running_app() -> Iterator[tuple[str, int, Path]]:
    """Run the app on a free port; yield its address, the id of its process and its log."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", LAUNCH],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, "HOME": folder},
            )
        try:
            yield _address(process, log), process.pid, log
        finally:
            process.terminate()
            process.wait(30)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    while process.poll() is None:
        if found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text(encoding="utf-8")):
            return found[0]
        time.sleep(0.1)
    raise DataError(f"the app did not start: {log.read_text(encoding='utf-8')}")


async def measure(address: str, stored: list[dict[str, str]], viewers: int, chromium: str) -> None:
    """Open pages, alone and together, and print how long they take."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        await first_paint(browser, address)  # warms the models
        paints, whole = zip(*[await first_paint(browser, address) for _ in range(5)], strict=True)
        print(
            f"first paint: {median(paints):.2f} s, whole page {median(whole):.2f} s (medians of 5)"
        )
        switches = await switching(browser, address, stored)
        print(f"switching type: {median(switches):.2f} s (median of {len(switches)})")
        rate, gauges = await frames(browser, address)
        print(
            f"playing, a component switched 10 times a second: {rate:.0f} frames a second, ", end=""
        )
        print(f"{gauges} gauges")
        started = time.perf_counter()
        results = await asyncio.gather(
            *(view(browser, address, stored[i % len(stored)]) for i in range(viewers))
        )
        took = time.perf_counter() - started
        slowest, failed = max(seconds for seconds, _ in results), sum(bad for _, bad in results)
        print(f"{viewers} viewers at once: all served after {took:.1f} s, ", end="")
        print(f"slowest {slowest:.1f} s, failed {failed}")
        await browser.close()


async def first_paint(browser: Browser, address: str) -> tuple[float, float]:
    """Return the time until the gallery, and until a mixer with stems and tables, is shown [s]."""
    page = await browser.new_page()
    started = time.perf_counter()
    await page.goto(address)
    await page.locator('[class*="st-key-choose-"] button').first.wait_for(timeout=PATIENCE_MS)
    painted = time.perf_counter() - started
    await page.locator(".mixer .gauge").wait_for(timeout=PATIENCE_MS)
    await page.wait_for_load_state("networkidle")
    whole = time.perf_counter() - started
    await page.close()
    return painted, whole


async def switching(browser: Browser, address: str, stored: list[dict[str, str]]) -> list[float]:
    """Return the times from a click on a kind to its map of weights, all being stored [s]."""
    whole = [link for link in stored if link["type"] == "time_source"][:1] or stored[:1]
    page = await open_link(browser, address, whole[0])
    seconds: list[float] = []
    cells = page.locator(".lm-map td.lm-for, .lm-map td.lm-against")
    for _ in range(4):
        for kind, title in TITLES.items():
            before = await cells.all_inner_texts()
            if whole[0]["type"] == kind and not seconds:
                continue  # it is shown already
            started = time.perf_counter()
            await page.get_by_test_id("stButtonGroup").get_by_text(title, exact=True).click()
            while await cells.all_inner_texts() == before:
                await asyncio.sleep(0.01)
            seconds.append(time.perf_counter() - started)
            # The mixer before may still be there, for a moment beside the new one.
            await page.locator(".mixer .gauge").last.wait_for(timeout=PATIENCE_MS)
            while await page.locator(".mixer .gauge").count() != 1:
                await asyncio.sleep(0.01)
    await page.close()
    return seconds


FRAMES = """async (cells, milliseconds) => {
  let frames = 0, changes = 0;
  const begin = performance.now();
  for (let now = begin; now - begin < milliseconds; frames += 1) {
    if (now - begin > 100 * changes) cells[changes++ % cells.length].click();
    now = await new Promise(requestAnimationFrame);
  }
  return frames / (performance.now() - begin) * 1000;
}"""
"""Switches a component of the mixer every 100 ms and counts the frames that are drawn."""


async def frames(browser: Browser, address: str) -> tuple[float, int]:
    """Return the frames a second while a mix plays and changes, and how many gauges follow it."""
    page = await browser.new_page()
    await page.goto(address)
    mixer = page.locator(".mixer")
    await mixer.locator(".gauge").wait_for(timeout=PATIENCE_MS)
    await page.wait_for_load_state("networkidle")
    await page.get_by_role("button", name="Play just that").click()
    await page.wait_for_timeout(1000)
    rate = float(await mixer.locator(".cell button").evaluate_all(FRAMES, 5000))
    gauges = await mixer.locator(".everybody .fellow").count()
    await page.close()
    return rate, gauges


async def view(browser: Browser, address: str, link: dict[str, str]) -> tuple[float, bool]:
    """Open a link in a context of its own; return the time it took and whether it failed."""
    started = time.perf_counter()
    try:
        page = await open_link(browser, address, link)
    except Exception as error:
        print(f"{link}: {error}", file=sys.stderr)
        return time.perf_counter() - started, True
    seconds = time.perf_counter() - started
    wrong = await page.get_by_test_id("stException").count() > 0
    right = await page.locator("h2.lm-answer").count() == 1
    await page.context.close()
    return seconds, wrong or not right


async def take_pictures(address: str, chromium: str, folder: Path) -> None:
    """Save pictures of the page on opening it, and of the mixer; and record the guided tour."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = await first_page(browser, address, height=900)
        await save(page, folder / "page.png")
        await record(page, folder / "tour.gif")
        await page.close()
        page = await first_page(browser, address, height=900)
        mixer = page.locator(".mixer")
        await mixer.get_by_role("button", name="Without top 3").click()
        await mixer.get_by_role("button", name="Mute vocals").click()
        await mixer.scroll_into_view_if_needed()
        await page.mouse.move(2, 2)
        await page.wait_for_timeout(1000)
        box = await mixer.bounding_box()
        if box is None:
            raise DataError("the page shows no mixer")
        clip = {name: box[name] - 14 for name in ("x", "y")}
        clip |= {name: box[name] + 28 for name in ("width", "height")}
        await save(page, folder / "mixer.png", clip=clip)
        await browser.close()


async def first_page(browser: Browser, address: str, *, height: int) -> Page:
    """Open the first page and wait until its waveforms are drawn."""
    page = await browser.new_page(
        viewport={"width": 1280, "height": height}, device_scale_factor=1.5
    )
    await page.goto(address, timeout=PATIENCE_MS)
    await page.locator(".mixer .gauge").wait_for(timeout=PATIENCE_MS)
    await page.wait_for_load_state("networkidle")
    await page.wait_for_timeout(2000)
    return page


async def save(page: Page, path: Path, **options: object) -> None:
    """Write a picture without transparency, and a large one with fewer colours."""
    with write_beside(path) as temporary:
        await page.screenshot(path=temporary, **options)  # type: ignore[arg-type]
        with Image.open(temporary) as picture:
            plain = picture.convert("RGB")
            if temporary.stat().st_size > MAX_BYTES:
                plain = plain.quantize(COLORS, kmeans=1)
            plain.save(temporary, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


async def open_link(browser: Browser, address: str, link: dict[str, str]) -> Page:
    """Open a link and wait for its mixer."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    await page.goto(f"{address}/?{urlencode(link)}", timeout=PATIENCE_MS)
    await page.locator(".mixer .gauge").wait_for(timeout=PATIENCE_MS)
    return page


if __name__ == "__main__":
    sys.exit(main())
