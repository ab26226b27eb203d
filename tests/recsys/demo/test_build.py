"""What `make demo` finds done already; the trainings themselves are tested with the command."""

import os

import pandas as pd
import pytest

from lemons_utils import checksum, configuration
from recsys.catalogue import Catalogue
from recsys.checkpoint import BEST_MODEL, make_card, save_model
from recsys.demo import build
from recsys.demo.listeners import LISTENERS
from recsys.experiments import find_trained, make_current, record_path
from recsys.listening import PUBLISHED_SEED, split_path, write_split
from recsys.model import FCN


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
