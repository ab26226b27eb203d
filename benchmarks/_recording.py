"""An animated picture of the page: the guided half minute on the first screen."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from playwright.async_api import Page

from lemons_utils import write_beside

WIDTH, COLORS = 900, 96
AFTER_MS = (300, 1200, 1200)
"""Pauses before the pictures of a step."""

SHOWN_MS = 1400
"""Time that each picture is shown: the recording lasts about as long as the tour."""


async def record(page: Page, path: Path) -> None:
    """Take the guided tour of a page, and write what it looks like as an animated GIF."""
    pictures = [await _picture(page)]
    await page.emulate_media(reduced_motion="reduce")  # then the tour waits for the pictures
    await page.get_by_role("button", name="Show me, in half a minute").click()
    following = page.locator(".tour button").first
    while await following.is_visible():
        for pause in AFTER_MS:
            await page.wait_for_timeout(pause)
            pictures.append(await _picture(page))
        await following.click()
    pictures.append(await _picture(page))
    # One palette for all, so that what does not change is not stored again.
    sample = Image.new("RGB", (WIDTH, sum(each.height for each in pictures[::4])))
    for number, each in enumerate(pictures[::4]):
        sample.paste(each, (0, number * each.height))
    palette = sample.quantize(COLORS, kmeans=1)
    frames = [each.quantize(palette=palette, dither=Image.Dither.NONE) for each in pictures]
    with write_beside(path) as temporary:
        frames[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=frames[1:],
            duration=SHOWN_MS,
            loop=0,
            optimize=True,
        )
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB, {len(frames)} pictures")


async def _picture(page: Page) -> Image.Image:
    """Take a picture of what is on the screen, of the width of the recording."""
    with Image.open(io.BytesIO(await page.screenshot())) as picture:
        height = round(WIDTH * picture.height / picture.width)
        return picture.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
