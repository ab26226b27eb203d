"""A small catalogue with true stems, a split and a model: enough for every study to run on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

from audiolime.exact import Tables, TrunkTables
from explanations.studies.subjects import StudyContext
from lemons_audio import to_float32, write_audio
from lemons_utils import configuration
from recsys.catalogue import save_audio, write_tracks
from recsys.checkpoint import make_card, save_model
from recsys.listening import make_split, write_split
from recsys.model import FCN

SAMPLES = 52_000
"""Two segments of more than 1.52 s."""

HERE = ["--catalogue", "small", "--separator", "folder", "--n_temporal_segments", "2"]


@dataclass(frozen=True)
class Small:
    """A data folder with eight short tracks, their stems, and marko's model."""

    folder: Path
    track_ids: tuple[str, ...]
    context: StudyContext


@pytest.fixture
def small(tmp_path, golden_folder, monkeypatch) -> Small:
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with np.load(golden_folder / "track_10s_stems.npz") as file:
        stems = file["stems"][:3] // 4
    home = tmp_path / "catalogues" / "small"
    track_ids = []
    for start in range(0, 8 * 13_000, 13_000):
        cut = stems[:, start : start + SAMPLES]
        track_ids.append(save_audio(home, cut.sum(axis=0, dtype=np.int16)))
        for name, stem in zip(("vocals", "drums", "other"), cut, strict=True):
            path = home / "stems" / track_ids[-1] / f"{name}.flac"
            write_audio(path, to_float32(stem), sample_rate=16_000)
    write_tracks(
        home,
        pd.DataFrame(
            {"track_id": track_ids, "title": "Song", "artist": "Band", "samples": SAMPLES}
        ),
    )
    plays = pd.DataFrame({"track_id": track_ids[::2], "playcount": 3})
    split = make_split(plays, track_ids, user_name="marko")
    write_split(home / "splits" / "marko-1057386.csv", split)
    network = FCN()
    network.load_state_dict(load_file(golden_folder / "fcn_state_dict.safetensors"))
    experiment = tmp_path / "experiments" / "2026-01-02_03-04-05-small-marko"
    card = make_card(config={"catalogue": "small", "user_name": "marko"}, metrics={})
    save_model(experiment / "best_model.safetensors", network, card)
    context = StudyContext(
        config=configuration(),
        catalogue_name="small",
        trained_on="small",
        cache=tmp_path / "studies",
        separator="folder",
        n_segments=2,
    )
    return Small(tmp_path, tuple(track_ids), context)


@pytest.fixture
def additive() -> Tables:
    """Tables of a model whose logit is a sum of what three segments of two stems contribute."""
    parts = np.array([[0.3, -0.2], [0.05, 0.8], [-0.5, 0.1]])
    on = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    tables = TrunkTables.empty(3, 2, 1, 0)
    tables.segment_sum[..., 0] = parts @ on.T
    return tables.of_head([1.0], [], -0.1)
