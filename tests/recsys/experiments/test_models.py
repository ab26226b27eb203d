"""Where a listener's model is, what is said of it, and who has one."""

import pytest

from lemons_utils import DataError, checksum
from recsys.catalogue import Catalogue
from recsys.checkpoint import BEST_MODEL
from recsys.experiments import (
    ExperimentFolder,
    find_model,
    find_trained,
    make_current,
    trained_listeners,
)
from recsys.listening import PUBLISHED_SEED, split_path

MARKO = {"catalogue": "demo", "user_name": "marko"}
OLD = "2026-01-02_03-04-05-demo-marko"
NEW = "2026-01-02_03-04-06-demo-marko"


@pytest.mark.parametrize("folder", ["", "nowhere"])
def test_no_experiment_says_how_to_make_one(tmp_path, folder):
    with pytest.raises(DataError, match=r"with user_name=marko catalogue=demo` trains one"):
        find_model(tmp_path / folder, **MARKO)


def test_what_is_named_comes_before_the_current_one(tmp_path, make_experiment, monkeypatch):
    old, new = make_experiment(OLD), make_experiment(NEW)
    make_current(new)
    found = find_model(tmp_path, **MARKO)
    assert (found.path, found.line) == (new / BEST_MODEL, f"model: {NEW} (current)")
    for named in (old, old / BEST_MODEL, OLD, str(old)):
        found = find_model(tmp_path, **MARKO, named=named)
        assert (found.path, found.line) == (old / BEST_MODEL, f"model: {OLD}")
    other = tmp_path / "weights" / BEST_MODEL
    assert find_model(tmp_path, **MARKO, named=other).line == f"model: {other}"
    winding = other.parent / "no" / ".." / other.name
    assert find_model(tmp_path, **MARKO, named=winding).line == f"model: {other}"
    monkeypatch.chdir(old)
    assert find_model(tmp_path, **MARKO, named=BEST_MODEL).path == old / BEST_MODEL


def test_why_it_is_this_one_is_said(tmp_path, make_experiment):
    make_experiment(NEW)
    line = find_model(tmp_path, **MARKO).line
    assert line == f"model: {NEW} (the newest: none is recorded as current)"


def test_listeners_with_a_model_are_told_apart_by_their_cards(tmp_path, make_experiment):
    assert trained_listeners(tmp_path / "nowhere", catalogue="demo") == []
    make_experiment("2026-01-02_03-04-05-demo-nina-2", user_name="nina")
    make_experiment("2026-01-02_03-04-05-demo-a-3", user_name="a-3")
    make_experiment("2026-01-02_03-04-05-demo-x-b", catalogue="demo-x", user_name="b")
    make_experiment("2026-01-02_03-04-05-demo-elizabeth", note=False, card=False)
    make_experiment("2026-01-02_03-04-09-demo-paige", user_name="paige", ended=False)
    (tmp_path / "2026-01-02_03-04-09-demo-marko").mkdir()  # has only begun
    assert trained_listeners(tmp_path, catalogue="demo") == ["a-3", "elizabeth", "nina"]
    assert trained_listeners(tmp_path, catalogue="demo-x") == ["b"]


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
    assert find(options) is None and find() is None, "it has not ended"
    begun.finish()
    assert find({**options, "log_step": 7}) == folder
    assert find({**options, "lr": 0.2}) is None
    trial = give_model("marko", when="2026-02-01_00-00-00", split_checksum="of another split")
    ExperimentFolder(trial, options).finish()
    assert find() is None, "the current one is of another split"
    assert find(options) == folder, "the newest of these options is of another split"
    make_current(folder)
    assert find() == folder
    lines = split.read_text()
    split.unlink()  # a link to what other tests use
    split.write_text(lines + "\n")
    assert find() is None and find(options) is None, "the split has changed"
