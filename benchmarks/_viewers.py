"""Viewers without a browser, for benchmarks/app.py: sessions of Streamlit's protocol."""

from __future__ import annotations

import asyncio
import random
import re
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from urllib.parse import urlencode

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Origin, Subprotocol

from lemons_utils import DataError

PAUSE_S = (5.0, 15.0)
"""Shortest and longest time that a viewer looks at a page, drawn at random; the first waits so long
at most until it comes."""

PATIENCE_S = 120.0
"""After which a page that has not come is an error."""

PARTS = 10
WARM_PARTS = 2
"""Parts of the time that memory is given for; so many are the warm-up."""

_FILE = re.compile(rb"/audio/[\w%./+-]+\.(?:flac|mp3|wav|npz|json)")


@dataclass
class Visits:
    """What the viewers have met: when each page was complete, and in which time [s]; errors.

    Also the app's memory by time [bytes], and whether it ended by itself.
    """

    pages: list[tuple[float, float]] = field(default_factory=list)
    files: int = 0
    bytes: int = 0
    errors: list[str] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)
    app_ended: bool = False


async def visit(
    address: str, links: Sequence[dict[str, str]], seed: int, end: float, visits: Visits
) -> None:
    """View one page after the other until the end, each with the files that the mixer loads.

    Parameters
    ----------
    address : str
    links : sequence of dict
        What the pages' addresses say, of which each is chosen at random.
    seed : int
    end : float
        A time of `time.perf_counter` [s].
    visits : Visits
        Where to note what happens.
    """
    chance, known = random.Random(seed), set[str]()  # noqa: S311
    stream = f"ws{address.removeprefix('http')}/_stcore/stream"
    await asyncio.sleep(chance.uniform(0, PAUSE_S[0]))
    while time.perf_counter() < end and not visits.app_ended:
        try:
            async with connect(
                stream,
                subprotocols=[Subprotocol("streamlit")],
                origin=Origin(address),
                max_size=None,
                open_timeout=PATIENCE_S,
            ) as session:
                while time.perf_counter() < end:
                    began = time.perf_counter()
                    await _see(session, address, chance.choice(links), known, visits)
                    visits.pages.append((time.perf_counter(), time.perf_counter() - began))
                    await asyncio.sleep(chance.uniform(*PAUSE_S))
        except (OSError, TimeoutError, WebSocketException, urllib.error.URLError) as error:
            visits.errors.append(f"{type(error).__name__}: {error}")
            await asyncio.sleep(PAUSE_S[0])


async def _see(
    session: ClientConnection,
    address: str,
    link: dict[str, str],
    known: set[str],
    visits: Visits,
) -> None:
    """Run the page for a link, and load what it names and this viewer does not have."""
    asked = BackMsg()
    asked.rerun_script.query_string = urlencode(link)
    await session.send(asked.SerializeToString())
    files: dict[str, None] = {}
    async with asyncio.timeout(PATIENCE_S):
        while True:
            message = ForwardMsg()
            data = await session.recv(decode=False)
            message.ParseFromString(data)
            kind = message.WhichOneof("type")
            files |= dict.fromkeys(found.decode() for found in _FILE.findall(data))
            if kind == "delta" and message.delta.new_element.WhichOneof("type") == "exception":
                visits.errors.append(message.delta.new_element.exception.message)
            if kind == "script_finished" and message.script_finished != (
                ForwardMsg.FINISHED_EARLY_FOR_RERUN
            ):
                break
    if not any(name.endswith(".npz") for name in files):
        visits.errors.append(f"no mixer with tables on the page of {urlencode(link)}")
    for name in files.keys() - known:
        content = await asyncio.to_thread(_load, address + name)
        known.add(name)
        visits.files, visits.bytes = visits.files + 1, visits.bytes + len(content)


def _load(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310
        content: bytes = answer.read()
        return content


async def watch(pid: int, end: float, visits: Visits) -> None:
    """Note the resident memory of a process and its children, each second until the end."""
    process = psutil.Process(pid)
    while time.perf_counter() < end and not visits.app_ended:
        visits.app_ended = process.status() == psutil.STATUS_ZOMBIE
        tree = [process, *process.children(recursive=True)]
        size = sum(each.memory_info().rss for each in tree)
        visits.memory.append((time.perf_counter(), size))
        await asyncio.sleep(1)


async def crowd(
    address: str, pid: int, links: Sequence[dict[str, str]], viewers: int, minutes: float
) -> Visits:
    """Let viewers look at pages for some minutes; print times, errors and memory."""
    visits, started = Visits(), time.perf_counter()
    end = started + 60 * minutes
    memory = visits.memory
    await asyncio.gather(
        watch(pid, end, visits),
        *(visit(address, links, seed, end, visits) for seed in range(viewers)),
    )
    if visits.app_ended:
        raise DataError(f"the app ended by itself after {len(visits.pages)} pages")
    part = 60 * minutes / PARTS
    print(f"{'minutes':>12} {'pages':>6} {'median s':>9} {'slowest s':>10} {'memory MB':>10}")
    sizes = []
    for number in range(PARTS):
        begin, stop = started + number * part, started + (number + 1) * part
        stop = float("inf") if number == PARTS - 1 else stop
        seconds = [took for at, took in visits.pages if begin <= at < stop]
        sizes.append(median(size for at, size in memory if begin <= at < stop) / 1e6)
        times = f"{median(seconds):9.2f} {max(seconds):10.2f}" if seconds else f"{'':20}"
        span = f"{number * part / 60:.1f} to {(number + 1) * part / 60:.1f}"
        print(f"{span:>12} {len(seconds):6} {times} {sizes[-1]:10.0f}")
    growth = sizes[-1] / sizes[WARM_PARTS] - 1
    print(
        f"{viewers} viewers, {minutes:g} minutes: {len(visits.pages)} pages, {visits.files} files "
        f"({visits.bytes / 1e6:.0f} MB), {len(visits.errors)} errors; memory after the warm-up, "
        f"the first {WARM_PARTS} parts, {sizes[WARM_PARTS]:.0f} MB, at the end {sizes[-1]:.0f} MB "
        f"({growth:+.1%})"
    )
    for error, count in sorted({each: visits.errors.count(each) for each in visits.errors}.items()):
        print(f"error, {count} times: {error}")
    return visits
