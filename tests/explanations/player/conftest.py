"""A real Chromium, a real server, synthetic stems and tables: what the player's tests share."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserContext, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

import explanations.player
from audiolime.exact import Tables, TrunkTables
from explanations.player import HeadData, MixerData, Resource, heads_json
from explanations.player.bundle import style
from explanations.serving import listen
from explanations.webserver import mount
from lemons_audio import write_audio
from lemons_utils import generate_audio_link

SAMPLE_RATE = 16_000
STEMS = ("vocals", "piano", "drums", "bass", "other")
EDGES = (0, 32_000, 62_111, 96_000, 130_001, 160_000)  # uneven, off every grid
SEGMENTS = tuple(itertools.pairwise(EDGES))
VIEW = {"viewport": {"width": 1280, "height": 720}}
# Lets a test hear: whatever goes to the loudspeaker also goes through an analyser.
EAR = """
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...rest) {
  if (target instanceof AudioDestinationNode && target.context instanceof AudioContext) {
    globalThis.ear ??= new AnalyserNode(target.context, { fftSize: 2048 });
    connect.call(this, globalThis.ear);
  }
  return connect.call(this, target, ...rest);
};
globalThis.loudness = () => {
  if (!globalThis.ear) return 0;
  const samples = new Float32Array(2048);
  globalThis.ear.getFloatTimeDomainData(samples);
  return Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
};
"""


@dataclass(frozen=True)
class Band:
    """A track of ten seconds: stems, tables and an explanation of it, on disk and on the web."""

    folder: Path
    stems: NDArray[np.float32]
    tables: Tables
    data: MixerData

    def relevance(self, cells: NDArray[np.integer]) -> float:
        """What the exact engine's tables say in NumPy, for one value per segment and stem."""
        return float(1 / (1 + np.exp(-self.tables.evaluate(cells.reshape(1, -1))[0])))

    def of_type(self, type_: str) -> MixerData:
        grid = np.array(self.data.weights).reshape(len(SEGMENTS), len(STEMS))
        weights = {"time": grid.sum(1), "source": grid.sum(0)}[type_]
        return replace(self.data, kind=type_, weights=tuple(float(w) for w in weights))


def random_trunk_tables(
    rng: np.random.Generator, n_segments: int, n_stems: int, n_directions: int, channels: int
) -> TrunkTables:
    """Tables with numbers like a network's, rounded to what a file holds."""
    tables = TrunkTables.empty(n_segments, n_stems, n_directions, channels)
    for segment in range(n_segments):
        sums = rng.normal(size=tables.segment_sum.shape[1:]).astype(np.float32)
        maxima = rng.normal(size=tables.segment_max.shape[1:]).astype(np.float32)
        tables.add_segment(segment, sums / 2, maxima)
    for boundary in range(n_segments - 1):
        sums = rng.normal(size=tables.boundary_sum.shape[1:]).astype(np.float32)
        maxima = rng.normal(size=tables.boundary_max.shape[1:]).astype(np.float32)
        tables.add_boundary(boundary, sums / 8, maxima)
    return tables


def random_tables(
    rng: np.random.Generator, n_segments: int, n_stems: int, channels: int = 64
) -> Tables:
    """Tables of one listener."""
    max_weight = rng.normal(size=channels) / 10
    return random_trunk_tables(rng, n_segments, n_stems, 1, channels).of_head([1], max_weight, -0.3)


@pytest.fixture(scope="session")
def band(tmp_path_factory: pytest.TempPathFactory) -> Band:
    rng = np.random.default_rng(1057386)
    folder = tmp_path_factory.mktemp("web") / "marble rain"
    time = np.arange(EDGES[-1]) / SAMPLE_RATE
    stems = np.array(
        [
            0.15 * np.sin(2 * np.pi * 110 * (s + 2) * time) * (0.6 + 0.4 * np.sin(time * (s + 1)))
            for s in range(len(STEMS))
        ],
        dtype=np.float32,
    )
    for name, stem in zip(STEMS, stems, strict=True):
        write_audio(folder / f"{name}.flac", stem, sample_rate=SAMPLE_RATE)
    write_audio(folder / "mix.flac", stems.sum(0), sample_rate=SAMPLE_RATE)
    tables = random_tables(rng, len(SEGMENTS), len(STEMS))
    tables.write(folder / "tables.npz")
    whole = tables.evaluate(np.ones((1, tables.n_components)))[0]

    def link(name: str) -> Resource:
        return Resource(url=generate_audio_link(f"marble rain/{name}"))

    data = MixerData(
        kind="time_source",
        segments=SEGMENTS,
        stem_names=STEMS,
        stems=tuple(link(f"{name}.flac") for name in STEMS),
        weights=tuple(float(w) for w in rng.normal(size=tables.n_components) / 5),
        relevance=float(1 / (1 + np.exp(-whole))),
        tables=link("tables.npz"),
        actions=(("share", "Share this mix"),),
    )
    return Band(folder, stems, tables, data)


@pytest.fixture(scope="session")
def make_tables() -> Callable[..., Tables]:
    return random_tables


@pytest.fixture(scope="session")
def make_trunk_tables() -> Callable[..., TrunkTables]:
    return random_trunk_tables


@pytest.fixture(scope="session")
def shared(band: Band) -> tuple[MixerData, TrunkTables, list[HeadData]]:
    """The same track with tables of a trunk and the heads of seven listeners."""
    rng = np.random.default_rng(7)
    trunk = random_trunk_tables(rng, len(SEGMENTS), len(STEMS), 128, 0)
    trunk.write(band.folder / "shared.npz")
    heads = [
        HeadData(name, tuple(rng.normal(size=128) / 10), rng.normal())
        for name in ("anna", "bert", "carl", "dora", "emil", "fred", "gina")
    ]
    (band.folder / "seven.json").write_text(heads_json(heads))
    own = trunk.of_head(heads[2].weights, [], heads[2].bias)
    everything = own.relevance(np.ones((1, own.n_components)))
    data = replace(
        band.data,
        relevance=float(everything[0]),
        tables=Resource(url=generate_audio_link("marble rain/shared.npz")),
        heads=Resource(url=generate_audio_link("marble rain/seven.json")),
        listener="carl",
    )
    return data, trunk, heads


@dataclass(frozen=True)
class Site:
    """Pages that one real uvicorn serves, on the port that also serves the audio."""

    address: str
    pages: dict[str, str] = field(default_factory=dict)

    def add(self, data: dict[str, Any]) -> str:
        """Make a page that mounts a player from the modules as they lie; returns its address."""
        name = f"page{len(self.pages)}"
        text = json.dumps(data).replace("<", "\\u003c")
        self.pages[name] = f"""<!doctype html><html lang="en"><meta charset="utf-8">
            <title>{name}</title><link rel="icon" href="data:,"><style>{style()}
            body {{ margin: 16px; background: #fff; }}
            @media (prefers-color-scheme: dark) {{ body {{ background: #14170f; }} }}</style>
            <div id="root"></div>
            <script type="module">
            import {{ mount }} from "/player/component.js";
            globalThis.reports = [];
            globalThis.player = mount(document.getElementById("root"), {text}, {{
              onAction: (...report) => reports.push(report),
              onMask: (...report) => reports.push(["mask", ...report]),
            }});
            </script>"""
        return f"{self.address}/page/{name}"


@contextlib.contextmanager
def serving(application: Starlette) -> Iterator[str]:
    with listen("127.0.0.1", 0) as listener:
        server = uvicorn.Server(uvicorn.Config(application, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="session")
def site(band: Band) -> Iterator[Site]:
    pages: dict[str, str] = {"blank": '<!doctype html><link rel="icon" href="data:,">'}

    async def show(request: Request) -> Response:
        return HTMLResponse(pages[request.path_params["name"]])

    modules = Path(explanations.player.__file__).parent
    application = Starlette(
        routes=[
            Route("/page/{name}", show),
            Mount("/player", StaticFiles(directory=modules)),
            mount(band.folder.parent),
        ]
    )
    with serving(application) as address:
        yield Site(address, pages)


@pytest.fixture(scope="module")
def common(browser: Browser) -> Iterator[BrowserContext]:
    """Shared by pages that ask for nothing special: making a context takes a while."""
    context = browser.new_context(**VIEW)
    yield context
    context.close()


@pytest.fixture
def problems() -> list[str]:
    """What the browser complained about; a test that provokes it clears the list."""
    return []


Opener = Callable[..., Page]


@contextlib.contextmanager
def opening(common: BrowserContext, problems: list[str]) -> Iterator[Opener]:
    """Open pages that must not complain, nor ask anything of another machine."""
    opened: list[Page | BrowserContext] = []

    def open_page(address: str, **options: Any) -> Page:
        browser = common.browser
        assert browser is not None
        context = browser.new_context(**{**VIEW, **options}) if options else common
        page = context.new_page()
        opened.append(context if options else page)
        page.set_default_timeout(10_000)
        page.on("console", lambda said: problems.append(said.text) if _bad(said.type) else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda sent: _note_stranger(sent.url, problems))
        page.add_init_script(EAR)
        page.goto(address)
        return page

    yield open_page
    for it in opened:
        it.close()
    assert problems == []


@pytest.fixture
def new_page(common: BrowserContext, problems: list[str]) -> Iterator[Opener]:
    with opening(common, problems) as open_page:
        yield open_page


def _bad(kind: str) -> bool:
    return kind in ("error", "warning")


def _note_stranger(url: str, problems: list[str]) -> None:
    if not url.startswith(("http://127.0.0.1:", "data:", "blob:", "file:")):
        problems.append(f"asked {url}")


@pytest.fixture(scope="module")
def blank(common: BrowserContext, site: Site) -> Iterator[Page]:
    """A page with nothing on it, to load single modules into."""
    with opening(common, []) as open_page:
        yield open_page(f"{site.address}/page/blank")


@pytest.fixture
def open_player(new_page: Opener, site: Site) -> Opener:
    """Open a page with a player and wait until it has loaded what it needs."""

    def open_it(data: dict[str, Any], **options: Any) -> Page:
        page = new_page(site.add(data), **options)
        page.wait_for_function("globalThis.player")
        page.evaluate("player.ready")
        return page

    return open_it
