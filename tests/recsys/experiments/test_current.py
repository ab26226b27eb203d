"""Which experiment is current: what a training that ends changes, and what it leaves alone."""

import json
import subprocess
import sys

import pytest

from lemons_utils import DataError, ParameterError
from recsys.experiments import ExperimentFolder, find_model, make_current, record_path, settle
from recsys.experiments import current as rules
from recsys.experiments.folder import read_folder

OLD = "2026-01-02_03-04-05-demo-marko"
NEW = "2026-01-02_03-04-06-demo-marko"


def current(experiments, user_name="marko"):
    """Return the name of the current experiment, and why it is."""
    found = find_model(experiments, catalogue="demo", user_name=user_name)
    return found.name, found.why


def record(experiments):
    return json.loads(record_path(experiments, "demo").read_text())


def end(folder, **how):
    return settle(read_folder(folder), **how)


@pytest.fixture
def old(tmp_path, make_experiment):
    """A current experiment of score 0.5 on the split "a"."""
    folder = make_experiment(OLD)
    make_current(folder)
    return folder


def test_those_of_all_listeners(tmp_path, make_experiment, old):
    make_experiment(NEW, score=0.1)
    anna = {"user_name": "anna"}
    make_experiment("2026-01-02_03-04-05-demo-anna", **anna)
    make_experiment("2026-01-02_03-04-06-demo-anna", **anna)
    make_experiment("2026-01-02_03-04-05-demo-bert", user_name="bert", ended=False)
    make_experiment("2026-01-02_03-04-05-other-carl", user_name="carl", catalogue="other")
    found = rules.current_experiments(tmp_path, catalogue="demo")
    assert {name: each.name for name, each in found.items()} == {
        "anna": "2026-01-02_03-04-06-demo-anna",  # none is recorded: the newest
        "marko": OLD,
    }


# -- a training that ends ----------------------------------------------------------------------
def test_the_first_that_ends_is_current(tmp_path, make_experiment):
    line = end(make_experiment(NEW, ended=False))
    assert line == f"current experiment: {NEW} (this one, the first that has ended)"
    assert current(tmp_path) == (NEW, "current")
    assert record(tmp_path) == {"marko": NEW}


@pytest.mark.parametrize(
    ("how", "use", "wins", "why"),
    [
        ({"score": 0.6}, False, True, f"of validation score 0.600; {OLD}: 0.500"),
        ({"score": 0.5}, False, True, f"of validation score 0.500; {OLD}: 0.500"),
        ({"score": 0.49}, False, False, "validation score 0.500; this one: 0.490"),
        ({"score": 0.1}, True, True, "by use=True"),
        ({"score": 0.1, "split": "b"}, False, True, f"{OLD} is of another split"),
    ],
)
def test_the_next_is_if_it_is_as_good(tmp_path, make_experiment, old, how, use, wins, why):
    line = end(make_experiment(NEW, ended=False, **how), use=use)
    assert why in line
    assert current(tmp_path) == (NEW if wins else OLD, "current")
    assert line.startswith(f"current experiment: {NEW if wins else OLD} (")
    assert ("`python -m recsys.experiments use " + NEW in line) == (not wins)
    assert read_folder(tmp_path / NEW).finished


def test_the_newest_of_a_folder_without_a_record_is_what_a_new_one_has_to_reach(
    tmp_path, make_experiment
):
    make_experiment(OLD, score=0.9, note=False, seconds=3.0)
    end(make_experiment(NEW, score=0.3, ended=False))
    assert record(tmp_path) == {"marko": OLD}
    assert current(tmp_path) == (OLD, "current")


def test_a_training_that_goes_on_stays_current(tmp_path, make_experiment, old):
    other = make_experiment(NEW, score=0.1)
    folder = read_folder(old).go_on({"catalogue": "demo", "user_name": "marko"})
    assert current(tmp_path) == (
        NEW,
        f"the newest: {OLD}, recorded as current, has not ended",
    )
    assert "(this one, as before)" in settle(folder)
    assert current(tmp_path) == (OLD, "current")
    assert read_folder(other).finished


def test_others_are_left_alone(tmp_path, make_experiment, old):
    ninas = make_experiment("2026-01-02_03-04-05-demo-nina", user_name="nina", ended=False)
    end(ninas)
    assert record(tmp_path) == {"marko": OLD, "nina": ninas.name}
    copy = make_experiment("best run", ended=False)
    assert "nothing loads it by itself" in end(copy)
    assert read_folder(copy).finished
    assert record(tmp_path) == {"marko": OLD, "nina": ninas.name}


@pytest.mark.parametrize("place", [(ExperimentFolder, "finish"), (rules, "write_json")])
def test_killed_on_the_way_it_is_settled_again(tmp_path, make_experiment, old, monkeypatch, place):
    new = make_experiment(NEW, score=0.9, ended=False)
    with monkeypatch.context() as patch:
        patch.setattr(*place, lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            end(new)
    assert current(tmp_path)[0] == OLD
    assert not read_folder(new).finished
    end(new)
    assert current(tmp_path) == (NEW, "current")


def test_many_that_end_at_once_leave_the_best_one_of_each_listener(tmp_path, make_experiment):
    """Two processes, whose trainings end in turn; the best ones in the middle."""
    for process in range(2):
        for number in range(10):
            for user_name in ("marko", "nina"):
                name = f"2026-01-02_03-0{process}-{number:02}-demo-{user_name}"
                score = 0.9 if (process, number) == (1, 5) else 0.1 + 0.01 * number
                make_experiment(name, user_name=user_name, score=score, ended=False)
    script = (
        "import sys; from pathlib import Path\n"
        "from recsys.experiments import settle\n"
        "from recsys.experiments.folder import read_folder\n"
        "paths = sorted(Path(sys.argv[1]).glob(sys.argv[2]))\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for path in paths: settle(read_folder(path))\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path), f"2026-01-02_03-0{process}-*"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for process in range(2)
    ]
    assert all(process.stdout.readline() == b"ready\n" for process in processes)
    for process in processes:
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert record(tmp_path) == {
        name: f"2026-01-02_03-01-05-demo-{name}" for name in ("marko", "nina")
    }


def test_a_lock_that_is_held_for_long_is_told(tmp_path, make_experiment, monkeypatch):
    monkeypatch.setattr(rules, "WAIT_S", 0.0)
    new = make_experiment(NEW, ended=False)
    with (
        rules._alone(tmp_path, "demo"),
        pytest.raises(DataError, match=r"another command holds .*demo-current.json locked"),
    ):
        end(new)
    assert not read_folder(new).finished


# -- what is current ---------------------------------------------------------------------------
def test_without_a_record_it_is_the_newest_by_the_clock_of_the_world(
    tmp_path, make_experiment, in_time_zone
):
    in_time_zone("UTC")
    make_experiment("2026-01-03_03-00-00-demo-marko", started="2026-01-02T13:00:00.000+00:00")
    make_experiment("2026-01-02_14-00-00-demo-marko", note=False, seconds=3.0)
    make_experiment("2026-01-02_15-00-00-demo-marko", ended=False)
    assert current(tmp_path) == (
        "2026-01-02_14-00-00-demo-marko",
        "the newest: none is recorded as current",
    )


def test_where_the_recorded_one_is_gone_it_is_the_newest(tmp_path, make_experiment, old):
    make_experiment(NEW, score=0.1)
    assert current(tmp_path) == (OLD, "current")
    old.rename(tmp_path / "elsewhere")
    assert current(tmp_path) == (NEW, f"the newest: {OLD}, recorded as current, is gone")


def test_one_that_has_not_ended_is_never(tmp_path, make_experiment):
    begun = make_experiment(NEW, ended=False)
    with pytest.raises(DataError, match=f"resume={NEW}` goes on with a training"):
        current(tmp_path)
    with pytest.raises(ParameterError, match=f"of {NEW} has not ended.*resume={NEW}"):
        make_current(begun)
    record_path(tmp_path, "demo").write_text(json.dumps({"marko": NEW}))
    with pytest.raises(DataError, match="marko has no model"):
        current(tmp_path)


def test_any_that_has_ended_can_be_made_current(tmp_path, make_experiment, old):
    new = make_experiment(NEW, score=0.1)
    line = make_current(new)
    assert line == f"current experiment of marko: {NEW} (before: {OLD})"
    assert current(tmp_path) == (NEW, "current")
    before = record_path(tmp_path, "demo").stat().st_mtime_ns
    assert "(as before)" in make_current(new)
    assert record_path(tmp_path, "demo").stat().st_mtime_ns == before
    with pytest.raises(DataError, match="nowhere is no experiment"):
        make_current(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "[1]", '{"marko": '])
def test_a_broken_record_is_one_line(tmp_path, old, text):
    record_path(tmp_path, "demo").write_text(text)
    with pytest.raises(DataError, match=r"demo-current\.json is no record of current experiments"):
        current(tmp_path)
