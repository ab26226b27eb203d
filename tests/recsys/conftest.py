"""A tiny catalogue for the commands: short tracks, two listeners with clear tastes."""

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lemons_audio import to_int16
from lemons_utils import SAMPLE_RATE
from recsys import checkpoint
from recsys.catalogue import Catalogue, save_audio, write_tracks
from recsys.listening import make_split, split_path, write_split
from recsys.model import FCN


def _make_catalogue(folder: Path, *, tracks: int, seconds: float, seed: int = 0) -> Catalogue:
    """Half the tracks are low tones, half are high ones; all have noise of their own."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    rows = []
    for number in range(tracks):
        low = number % 2 == 0
        frequency = rng.uniform(150, 300) if low else rng.uniform(2_000, 3_000)
        tone = 0.3 * np.sin(2 * np.pi * frequency * time_s)
        audio = to_int16(tone + 0.05 * rng.standard_normal(time_s.size))
        rows.append(
            {
                "track_id": save_audio(folder, audio),
                "title": f"Title {number}",
                "artist": f"Artist {number % 5}",
                "genre": "low" if low else "high",
                "samples": audio.size,
            }
        )
    write_tracks(folder, pd.DataFrame(rows))
    return Catalogue(folder.name, folder)


def _add_listener(catalogue: Catalogue, user_name: str, genre: str) -> None:
    liked = catalogue.tracks["track_id"][catalogue.tracks["genre"] == genre]
    plays = pd.DataFrame({"track_id": liked, "playcount": 3})
    split = make_split(plays, catalogue.track_ids, user_name=user_name)
    write_split(split_path(catalogue, user_name), split)


def make_tiny(folder: Path, *, tracks: int = 24, seconds: float = 1.5) -> Catalogue:
    """Make the tiny catalogue: Marko likes its low tones, Nina its high ones."""
    catalogue = _make_catalogue(folder, tracks=tracks, seconds=seconds)
    _add_listener(catalogue, "marko", "low")
    _add_listener(catalogue, "nina", "high")
    return catalogue


def _plain_log_mel(waveform):
    """Compute the decibel mel-spectrogram [256, frames] of 16 kHz audio in float64."""
    padded = np.pad(waveform, 256, mode="reflect")
    frames = np.stack([padded[at : at + 512] for at in range(0, len(padded) - 511, 256)])
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    mel = np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 258)
    corners, frequencies = 700 * (10 ** (mel / 2595) - 1), np.linspace(0, 8000, 257)
    filters = [
        np.interp(frequencies, corners[band : band + 3], [0, 1, 0], left=0, right=0)
        for band in range(256)
    ]
    return 10 * np.log10(np.maximum(power @ np.transpose(filters), 1e-10)).T


@pytest.fixture(scope="session")
def plain_log_mel() -> Callable[[np.ndarray], np.ndarray]:
    return _plain_log_mel


@pytest.fixture
def make_catalogue() -> Callable[..., Catalogue]:
    return _make_catalogue


@pytest.fixture
def add_listener() -> Callable[..., None]:
    return _add_listener


@pytest.fixture(scope="session")
def tiny_catalogue(tmp_path_factory) -> Catalogue:
    """The catalogue itself; commands get a copy of its folder with `data_folder`."""
    folder = tmp_path_factory.mktemp("data") / "catalogues" / "tiny"
    return make_tiny(folder)


@pytest.fixture
def data_folder(tiny_catalogue, tmp_path) -> Path:
    """A data folder of its own for a test, its audio shared by links."""
    folder = tmp_path / "data" / "catalogues" / "tiny"
    (folder / "audio").mkdir(parents=True)
    for source in tiny_catalogue.folder.rglob("*"):
        if source.is_file():
            target = folder / source.relative_to(tiny_catalogue.folder)
            target.parent.mkdir(exist_ok=True)
            os.link(source, target)
    return tmp_path / "data"


@pytest.fixture
def give_model(data_folder, golden_folder) -> Callable[..., Path]:
    """Give a listener a model, the golden weights; returns the experiment's folder."""

    def give(
        user_name: str, *, when: str = "2026-01-01_00-00-00", split_checksum: str | None = None
    ) -> Path:
        network = FCN()
        checkpoint.load_weights(network, golden_folder / "fcn_state_dict.safetensors")
        folder = data_folder / "experiments" / f"{when}-tiny-{user_name}"
        card = checkpoint.make_card(
            config={"catalogue": "tiny", "user_name": user_name},
            metrics={},
            split_checksum=split_checksum,
            started=f"{when[:10]}T{when[11:].replace('-', ':')}+00:00",
            seconds=12.4,
        )
        checkpoint.save_model(folder / checkpoint.BEST_MODEL, network, card)
        return folder

    return give


@pytest.fixture
def tiny_environment(data_folder) -> dict[str, str]:
    """For subprocesses: the data folder, no server, one thread."""
    settings = {"LEMONS_DATA_FOLDER": str(data_folder), "LEMONS_MONGO_URL": ""}
    return os.environ | settings | {"OMP_NUM_THREADS": "1"}


@dataclass
class Done:
    code: int
    out: str
    err: str


@pytest.fixture
def lemons(data_folder, monkeypatch, capsys) -> Callable[..., Done]:
    """Run a command's main function: `lemons("experiment", user_name="nina")`.

    Positional arguments go before sacred's `with`, keyword arguments after it.
    """
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(data_folder))
    monkeypatch.setenv("LEMONS_MONGO_URL", "")

    def run(name: str, *arguments: str, **options: object) -> Done:
        main = importlib.import_module(f"recsys.{name}").main
        updates = [f"{key}={value}" for key, value in options.items()]
        capsys.readouterr()
        code = main([*arguments, *(["with", *updates] if updates else [])])
        return Done(code, *capsys.readouterr())

    return run
