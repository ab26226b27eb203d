"""What `make demo` trains, and what it finds done already."""

import os

import numpy as np
import pandas as pd
import pytest

from lemons_utils import checksum, configuration
from recsys.catalogue import Catalogue
from recsys.checkpoint import BEST_MODEL, load_model, make_card, save_model
from recsys.demo import build
from recsys.demo.listeners import LISTENERS
from recsys.experiments import find_model, find_trained, make_current, record_path
from recsys.heads import is_on, read_trunk, trunk_path
from recsys.listening import PUBLISHED_SEED, split_path, write_split
from recsys.model import FCN, LocalStatistics
from recsys.predict import relevance_path


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path))
    return configuration()


@pytest.fixture
def catalogue(config):
    catalogue = Catalogue("demo", config.catalogues / "demo")
    split = pd.DataFrame(
        {
            "track_id": [f"t{number}" for number in range(6)],
            "split": ["train", "train", "valid", "valid", "test", "test"],
            "label": [1, 0] * 3,
            "playcount": [3, 0] * 3,
        }
    )
    for name in LISTENERS:
        write_split(split_path(catalogue, name, PUBLISHED_SEED), split)
    return catalogue


def train(config, catalogue, name, **more):
    split = checksum(split_path(catalogue, name, PUBLISHED_SEED))
    card = make_card(
        config={"catalogue": "demo", "user_name": name}, metrics={}, split_checksum=split, **more
    )
    folder = config.experiments / f"2026-01-02_03-04-05-demo-{name}"
    save_model(folder / BEST_MODEL, FCN(), card)
    return folder / BEST_MODEL


def test_a_finished_model_of_this_very_split_is_not_trained_again(config, catalogue):
    def is_trained():
        return find_trained(config.experiments, catalogue, "marko", PUBLISHED_SEED)

    assert not is_trained()
    train(config, catalogue, "marko")
    assert not is_trained(), "it was interrupted"
    train(config, catalogue, "marko", seconds=60.0)
    assert is_trained()
    path = split_path(catalogue, "marko", PUBLISHED_SEED)
    path.write_text(path.read_text().replace("t5", "t6"))
    assert not is_trained(), "the split has changed"


def test_the_table_is_current_until_somebody_is_trained_again(config, catalogue):
    table = config.experiments / "demo-evaluation.csv"
    assert not build._is_current(table, catalogue, config)
    models = [train(config, catalogue, name, seconds=1.0) for name in LISTENERS]
    table.write_text("listener\n")
    now = table.stat().st_mtime
    os.utime(models[0], (now - 9, now - 9))
    for model in models:
        os.utime(model, (now - 9, now - 9))
    assert build._is_current(table, catalogue, config)
    os.utime(models[3], (now + 9, now + 9))
    assert not build._is_current(table, catalogue, config)
    os.utime(models[3], (now - 9, now - 9))
    assert build._is_current(table, catalogue, config)
    make_current(models[3].parent)
    os.utime(record_path(config.experiments, "demo"), (now + 9, now + 9))
    assert not build._is_current(table, catalogue, config), "another experiment is current"


def test_it_trains_everybody_with_true_stems_once(
    config, make_catalogue, add_listener, monkeypatch, capsys
):
    catalogue = make_catalogue(config.catalogues / "demo", tracks=24, seconds=1.5)
    for number, name in enumerate(LISTENERS):
        add_listener(catalogue, name, ("low", "high")[number % 2])

    def stems(catalogue, track_id):
        audio = catalogue.audio(track_id)
        return np.stack([audio // 2, audio - audio // 2])

    monkeypatch.setattr(build, "record_demo", lambda folder: Catalogue("demo", folder))
    monkeypatch.setattr(build, "stems_of", stems)
    assert build.main(["--jobs", "1"]) == 0
    out = capsys.readouterr().out
    assert "next:" not in out  # each step follows the other by itself
    for name in LISTENERS:
        assert f"{name}: head fitted, validation AUC" in out
        found = find_model(config.experiments, catalogue="demo", user_name=name)
        network, card = load_model(found.path)
        assert isinstance(network, LocalStatistics)
        assert card["config"]["recipe"] == "lemons"
        assert card["removal"]["stems"] == {"truth": 20}
        assert relevance_path(catalogue, name, card["model_checksum"]).exists()
        assert is_on(read_trunk(trunk_path(config.experiments, "demo")), found.path)
    assert "mean" in out and (config.experiments / "demo-evaluation.csv").exists()
    models = {path: path.stat().st_mtime_ns for path in config.experiments.rglob("*.safetensors")}
    assert build.main(["--jobs", "1"]) == 0
    assert "head fitted" not in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in models} == models
    assert len([*config.experiments.rglob("*.safetensors")]) == len(LISTENERS)
