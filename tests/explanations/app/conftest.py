"""A small house for the page: a catalogue of short tracks and two listeners with models.

Marko's is the published network, Paige's a head on the catalogue's trunk.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

from lemons_audio import to_int16
from lemons_utils import SAMPLE_RATE
from recsys.catalogue import Catalogue, save_audio, write_tracks
from recsys.checkpoint import BEST_MODEL, make_card, save_model
from recsys.heads import open_trunk, train_head
from recsys.listening import make_split, read_split, split_path, write_split
from recsys.model import FCN, Network

GENRES = ("hum", "clatter", "chirp")
SECONDS = 5.0
LISTENERS = {"marko": "hum", "paige": "chirp"}


def build(data_folder: Path, golden_folder: Path) -> Catalogue:
    """Fill a data folder; marko likes to hum, paige likes what chirps."""
    folder = data_folder / "catalogues" / "demo"
    rng = np.random.default_rng(1057386)
    rows = []
    for number in range(15):
        genre = GENRES[number % len(GENRES)]
        audio = to_int16(sound(genre, rng))
        rows.append(
            {
                "track_id": save_audio(folder, audio),
                "title": f"{genre.title()} [No. {number}]",
                "artist": f"Artist & <b>Band</b> {number % 4}",
                "genre": genre,
                "samples": len(audio),
            }
        )
    write_tracks(folder, pd.DataFrame(rows))
    (folder / "listeners.json").write_text(json.dumps({"marko": "whatever hums"}))
    catalogue = Catalogue("demo", folder)
    for user_name, genre in LISTENERS.items():
        liked = catalogue.tracks.loc[catalogue.tracks["genre"] == genre, "track_id"]
        plays = pd.DataFrame({"track_id": liked, "playcount": range(1, len(liked) + 1)})
        split = make_split(plays, catalogue.track_ids, user_name=user_name)
        write_split(split_path(catalogue, user_name), split)
    add_model(data_folder, "marko", network_for_marko(golden_folder))
    split = read_split(split_path(catalogue, "paige"))
    trained = train_head(open_trunk(data_folder / "experiments", catalogue), catalogue, split)
    add_model(data_folder, "paige", trained.network, **trained.about)
    return catalogue


def network_for_marko(golden_folder: Path) -> FCN:
    """Return the published network with seeded weights."""
    network = FCN()
    network.load_state_dict(load_file(golden_folder / "fcn_state_dict.safetensors"))
    network.fc.weight.data *= 3.0
    return network.eval()


def add_model(data_folder: Path, user_name: str, network: Network, **about: object) -> None:
    """Make a network a listener's model."""
    config = {"catalogue": "demo", "user_name": user_name}
    card = make_card(config=config, metrics={}, **about)
    folder = data_folder / "experiments" / f"2026-01-02_03-04-05-demo-{user_name}"
    folder.mkdir(parents=True)
    save_model(folder / BEST_MODEL, network, card)


def sound(genre: str, rng: np.random.Generator) -> np.ndarray:
    """A tone that swells, clicks or sweeps, over a little noise."""
    time_s = np.arange(round(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = rng.uniform(80, 400)
    if genre == "hum":
        tone = np.sin(2 * np.pi * pitch * time_s) * (0.6 + 0.4 * np.sin(2 * time_s))
    elif genre == "clatter":
        tone = rng.standard_normal(len(time_s)) * np.exp(-20 * (time_s % rng.uniform(0.2, 0.4)))
    else:
        tone = np.sin(2 * np.pi * (8 * pitch + 400 * np.sin(9 * time_s)) * time_s)
    return 0.4 * tone + 0.02 * rng.standard_normal(len(time_s))


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, golden_folder: Path) -> Path:
    """A data folder with a catalogue and two listeners; what the page computes stays in it."""
    folder = tmp_path_factory.mktemp("house")
    build(folder, golden_folder)
    return folder
