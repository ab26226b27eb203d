"""Experiments on disk: who works in a folder, who has a model, and whose model is current."""

import json
import subprocess
import sys

import pytest

from lemons_utils import DataError, ParameterError, checksum
from recsys import experiments
from recsys.catalogue import Catalogue
from recsys.checkpoint import BEST_MODEL
from recsys.experiments import ExperimentFolder, find_model, find_trained, trained_listeners
from recsys.listening import PUBLISHED_SEED, split_path

CONFIG = {"catalogue": "demo", "user_name": "marko", "lr": 1e-3}


# -- starting and resuming ---------------------------------------------------------------------
def test_only_one_command_works_in_a_folder(tmp_path):
    options = {"catalogue": "tiny", "user_name": "marko"}
    folder = experiments.start(tmp_path, options)
    script = (
        "import sys; from pathlib import Path; from recsys import experiments as f\n"
        f"folder = f.reopen({str(folder.path)!r}, Path())\n"
        "with folder.in_use(): print('in', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"in\n"
        with pytest.raises(ParameterError, match="another command trains in"), folder.in_use():
            pass
        other.kill()
    with folder.in_use():
        pass


def test_the_newest_unfinished_experiment_of_the_same_options_is_found(tmp_path):
    options = {"catalogue": "tiny", "user_name": "marko", "lr": 0.1, "log_step": 5}
    first = experiments.start(tmp_path, options)
    second = experiments.start(tmp_path, options)
    other = experiments.start(tmp_path, {**options, "lr": 0.2})
    assert len({first.path, second.path, other.path}) == 3
    same = {**options, "log_step": 100}  # changes no weight
    assert experiments.newest_unfinished(tmp_path, same).path == second.path
    second.finish()
    assert experiments.newest_unfinished(tmp_path, same).path == first.path
    assert experiments.newest_unfinished(tmp_path, {**options, "lr": 0.3}) is None
    with pytest.raises(DataError, match="is no experiment"):
        experiments.reopen("nix", tmp_path)


# -- trained models ----------------------------------------------------------------------------
def make_experiment(parent, name, config=None):
    folder = parent / name
    folder.mkdir()
    (folder / BEST_MODEL).touch()
    if config:
        (folder / "best_model.json").write_text(json.dumps({"config": config}))
    return folder


def newest(parent, catalogue="demo", user_name="marko"):
    return experiments.newest_experiment(parent, catalogue=catalogue, user_name=user_name).name


def test_newest_experiment_is_the_listeners_own(tmp_path):
    for name in (
        "2026-01-02_03-04-05-demo-marko",
        "2026-01-02_03-04-06-demo-marko",
        "2026-01-02_03-04-07-demo-nina",
        "2026-01-02_03-04-08-demos-marko",
        "2026-01-02_03-04-08-my-demo-marko",
        "notes",
    ):
        make_experiment(tmp_path, name)
    (tmp_path / "2026-01-02_03-04-09-demo-marko").mkdir()  # has only begun
    assert newest(tmp_path) == "2026-01-02_03-04-06-demo-marko"
    make_experiment(tmp_path, "2026-01-02_03-04-06-demo-marko-2")
    make_experiment(tmp_path, "2026-01-02_03-04-06-demo-marko-10")
    assert newest(tmp_path) == "2026-01-02_03-04-06-demo-marko-10"
    assert newest(tmp_path, "demos") == "2026-01-02_03-04-08-demos-marko"


def test_names_that_look_alike_are_told_apart_by_their_cards(tmp_path):
    hers = {"catalogue": "demo", "user_name": "marko-2"}
    make_experiment(tmp_path, "2026-01-02_03-04-05-demo-marko", CONFIG)
    make_experiment(tmp_path, "2026-01-02_03-04-06-demo-marko-2", hers)
    assert newest(tmp_path) == "2026-01-02_03-04-05-demo-marko"
    assert newest(tmp_path, user_name="marko-2") == "2026-01-02_03-04-06-demo-marko-2"


@pytest.mark.parametrize("folder", ["", "nowhere"])
def test_no_experiment_says_how_to_make_one(tmp_path, folder):
    with pytest.raises(DataError, match=r"with user_name=marko catalogue=demo"):
        newest(tmp_path / folder)


def test_listeners_with_a_model_are_told_apart_by_their_cards(tmp_path):
    assert trained_listeners(tmp_path / "nowhere", catalogue="demo") == []
    make_experiment(tmp_path, "2026-01-02_03-04-05-demo-nina-2", {**CONFIG, "user_name": "nina"})
    make_experiment(tmp_path, "2026-01-02_03-04-05-demo-a-3", {**CONFIG, "user_name": "a-3"})
    make_experiment(
        tmp_path, "2026-01-02_03-04-05-demo-x-b", {"catalogue": "demo-x", "user_name": "b"}
    )
    make_experiment(tmp_path, "2026-01-02_03-04-05-demo-elizabeth")
    (tmp_path / "2026-01-02_03-04-09-demo-marko").mkdir()  # has only begun
    assert trained_listeners(tmp_path, catalogue="demo") == ["a-3", "elizabeth", "nina"]
    assert trained_listeners(tmp_path, catalogue="demo-x") == ["b"]


def test_a_named_path_comes_before_the_newest_model(tmp_path):
    newest = make_experiment(tmp_path, "2026-01-02_03-04-06-demo-marko")
    older = make_experiment(tmp_path, "2026-01-02_03-04-05-demo-marko")
    whose = {"catalogue": "demo", "user_name": "marko"}
    assert find_model(tmp_path, **whose) == newest / BEST_MODEL
    for named in (older, older / BEST_MODEL):
        assert find_model(tmp_path, **whose, named=named) == older / BEST_MODEL


def test_finished_trainings_are_found_by_split_and_options(data_folder, tiny_catalogue, give_model):
    catalogue = Catalogue("tiny", data_folder / "catalogues" / "tiny")
    home = data_folder / "experiments"
    split = split_path(catalogue, "marko")

    def find(options=None):
        return find_trained(home, catalogue, "marko", PUBLISHED_SEED, options=options)

    assert find() is None
    folder = give_model("marko", split_checksum=checksum(split))
    assert find() == folder
    options = {"catalogue": "tiny", "user_name": "marko", "lr": 0.1}
    assert find(options) is None, "nobody knows its options"
    begun = ExperimentFolder(folder, options).go_on(options)
    assert find(options) is None, "it has not ended"
    begun.finish()
    assert find({**options, "log_step": 7}) == folder
    assert find({**options, "lr": 0.2}) is None
    lines = split.read_text()
    split.unlink()  # a link to what other tests use
    split.write_text(lines + "\n")
    assert find() is None and find(options) is None, "the split has changed"
