"""Explanations with numbers made up on purpose, for what surrounds them."""

import contextlib
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, sync_playwright
from safetensors.torch import load_file
from starlette.types import ASGIApp

from explanations.listeners import ListenerModel, load_listener
from explanations.serving import limited, listen
from explanations.store import Explanation, Pair, Request
from lemons_audio import to_float32, write_audio
from recsys.catalogue import Catalogue, save_audio, write_tracks
from recsys.checkpoint import BEST_MODEL, make_card, save_model
from recsys.heads import Head, open_trunk
from recsys.model import FCN

STEMS = ("vocals", "drums")
SEGMENTS = ((0, 1000), (1000, 2000), (2000, 3100))


@pytest.fixture(scope="module")
def browser(chromium_flags: tuple[str, ...]) -> Iterator[Browser]:
    """The one Chromium of this process: a second one would not start beside it.

    While it runs, so does a loop of asyncio: modules without a browser must not meet it.
    """
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs Debian's chromium: make chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=chromium_flags)
        yield chromium
        chromium.close()


@pytest.fixture
def explanation() -> Explanation:
    """Three segments, two stems; vocals in segment 1 and drums in segment 2 matter most."""
    request = Request(
        kind="time_source",
        segments=SEGMENTS,
        engine="exact",
        num_samples=2048,
        random_state=0,
        separator="truth",
        separator_version="1",
        model_checksum="ab" * 32,
        audio_checksum="0123456789abcdef0123",
    )
    return Explanation(
        request=request,
        stem_names=STEMS,
        component_names=tuple(f"{stem}{segment}" for segment in range(3) for stem in STEMS),
        weights=(0.01, -0.2, 0.5, 0.0, -0.1, 0.3),
        intercept=0.25,
        fidelity=0.9,
        relevance=0.76,
        shapley=(0.0, -0.2, 0.5, 0.0, -0.1, 0.3),
        package_version="1.0.0",
        pairs=(Pair(2, 5, 0.2, (0.2, 0.1)), Pair(1, 2, -0.1, (-0.1, 0.4))),
        fidelity_with_pairs=0.97,
    )


@pytest.fixture
def of_type(explanation):
    """Make an explanation of another type from its weights."""

    def make(type: str, weights: tuple[float, ...]) -> Explanation:
        names = STEMS if type == "source" else tuple(f"time{i}" for i in range(len(SEGMENTS)))
        return replace(
            explanation,
            request=replace(explanation.request, kind=type),
            component_names=names,
            weights=weights,
            shapley=None,
            pairs=None,
            fidelity_with_pairs=None,
        )

    return make


@dataclass(frozen=True)
class House:
    """A data folder with one catalogue of two short tracks, their stems, and one model."""

    folder: Path
    catalogue: Catalogue
    track_ids: tuple[str, ...]
    listener: ListenerModel


@pytest.fixture
def house(tmp_path, golden_folder, monkeypatch) -> House:
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with np.load(golden_folder / "track_10s_stems.npz") as file:
        stems = file["stems"][:3] // 4
    home = tmp_path / "catalogues" / "own"
    track_ids = []
    for cut in (stems[:, :64_000], stems[:, 64_000:132_001]):
        mix = cut.sum(axis=0, dtype=np.int16)
        track_id = save_audio(home, mix)
        track_ids.append(track_id)
        for name, stem in zip(("vocals", "drums", "other"), cut, strict=True):
            path = home / "stems" / track_id / f"{name}.flac"
            write_audio(path, to_float32(stem), sample_rate=16_000)
    write_tracks(
        home,
        pd.DataFrame(
            {
                "track_id": track_ids,
                "title": ["First", "Second"],
                "artist": "The Band",
                "samples": [64_000, 68_001],
            }
        ),
    )
    network = FCN()
    network.load_state_dict(load_file(golden_folder / "fcn_state_dict.safetensors"))
    experiment = tmp_path / "experiments" / "2026-01-02_03-04-05-own-marko"
    card = make_card(config={"catalogue": "own", "user_name": "marko"}, metrics={})
    save_model(experiment / "best_model.safetensors", network, card)
    listener = load_listener("marko", catalogue="own", experiments=tmp_path / "experiments")
    return House(tmp_path, Catalogue("own", home), tuple(track_ids), listener)


@pytest.fixture
def on_trunk(house):
    """Give listeners models on the trunk of the house's catalogue, and load them."""

    def add(*user_names: str) -> list[ListenerModel]:
        experiments = house.folder / "experiments"
        trunk = open_trunk(experiments, house.catalogue)
        for user_name in user_names:
            rng = np.random.default_rng(sum(user_name.encode()))
            weight = rng.normal(size=len(trunk.directions))
            weight *= 2 / np.abs(trunk.sample @ weight).max()  # the relevance is in between
            head = Head(weight, float(rng.normal(0, 0.5)))
            card = make_card(
                config={"catalogue": "own", "user_name": user_name},
                metrics={},
                trunk=trunk.entry(head),
            )
            folder = experiments / f"2026-01-02_03-04-05-own-{user_name}"
            save_model(folder / BEST_MODEL, trunk.model(head), card)
        return [
            load_listener(user_name, catalogue="own", experiments=experiments)
            for user_name in user_names
        ]

    return add


Serve = Callable[[ASGIApp], contextlib.AbstractContextManager[int]]


@contextlib.contextmanager
def _serve(application: ASGIApp) -> Iterator[int]:
    with listen("127.0.0.1", 0) as listener:
        server = limited(application)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture(scope="session")
def serve() -> Serve:
    """Run a real server on a free port in a thread; a context manager that yields the port."""
    return _serve
