"""Runs are kept in files, in TensorBoard under the same names, and mistakes are one line."""

import json
import logging
import sys

import pytest
from sacred import Experiment
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lemons_utils import ParameterError, command
from recsys.tracking import Tracker, _Quiet, run_commandline, watch


@pytest.fixture
def build(tmp_path):
    def make(main, **options) -> Experiment:
        experiment = Experiment("small", interactive=True, save_git_info=False)
        experiment.add_config(user_name="marko", lr=1e-3)
        experiment.main(main)
        settings = {"mongodb_url": "", "mongodb_db_name": "LEMONS", "runs_folder": tmp_path}
        watch(experiment, **(settings | options))
        return experiment

    return make


def one_run(tmp_path, name: str):
    return json.loads((tmp_path / "1" / name).read_text())


def test_config_metrics_artifact_and_output_are_kept_in_files(build, tmp_path):
    model = tmp_path / "model.bin"
    model.write_bytes(b"weights")

    def main(_run):
        with Tracker(_run) as tracker:
            tracker.metrics({"train/loss": 0.5}, 0)
            tracker.metrics({"train/loss": 0.25, "valid/auc": 1.0}, 1)
            tracker.artifact(model)
        print("a line for people")
        print("the progress bar", file=sys.__stderr__)

    build(main).run(config_updates={"user_name": "nina"})
    assert one_run(tmp_path, "config.json")["user_name"] == "nina"
    metrics = one_run(tmp_path, "metrics.json")
    assert metrics["train/loss"]["values"] == [0.5, 0.25]
    assert metrics["valid/auc"]["steps"] == [1]
    assert metrics["val.roc_auc"]["values"] == metrics["valid/auc"]["values"]  # as published
    assert metrics["train.loss"]["values"] == [0.5, 0.25]
    assert (tmp_path / "1" / "model.bin").read_bytes() == b"weights"
    assert (tmp_path / "1" / "cout.txt").read_text() == "a line for people\n"


def test_tensorboard_has_the_same_names_and_values(tmp_path):
    with Tracker(tensorboard_folder=tmp_path) as tracker:
        for step in range(3):
            tracker.metrics({"train/loss": 2.0**-step, "valid/auc": 0.5}, step)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Tags()["scalars"] == ["train/loss", "valid/auc"]
    assert [(e.step, e.value) for e in events.Scalars("train/loss")] == [
        (0, 1),
        (1, 0.5),
        (2, 0.25),
    ]


def test_a_training_that_goes_on_replaces_its_points_in_tensorboard(tmp_path):
    for steps in (2, 3):  # the first was killed after two
        with Tracker(tensorboard_folder=tmp_path, afresh=True) as tracker:
            for step in range(1, steps + 1):
                tracker.metrics({"train/loss": 1.0}, step)
    with Tracker(tensorboard_folder=tmp_path) as tracker:
        tracker.metrics({"test/auc": 1.0}, 0)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [1, 2, 3]
    assert [event.step for event in events.Scalars("test/auc")] == [0]


def test_a_folder_on_the_command_line_replaces_the_configured_one(build, tmp_path):
    experiment = build(lambda: None)
    assert run_commandline(experiment, ["-F", str(tmp_path / "mine")]) == 0
    assert (tmp_path / "mine" / "1" / "run.json").exists()
    assert not (tmp_path / "1").exists()


def test_two_keepers_are_one_too_many(build):
    with pytest.raises(ParameterError, match="exclude each other"):
        run_commandline(build(lambda: None), ["-F", "x", "-m", "127.0.0.1:1:LEMONS"])


def test_a_server_must_be_written_as_sacred_writes_it(build):
    with pytest.raises(ParameterError, match="host:port:database"):
        run_commandline(build(lambda: None), ["-m", "not/a/server"])


@pytest.mark.parametrize(
    "arguments", [["print_config"], ["--help"], ["help", "print_config"], ["-u"]]
)
def test_what_keeps_nothing_needs_no_server(build, arguments, tmp_path, capsys):
    experiment = build(lambda: None, mongodb_url="mongodb://127.0.0.1:9")
    assert run_commandline(experiment, arguments) == 0
    assert not list(tmp_path.iterdir())


def test_an_unknown_option_names_the_known_ones(build, capsys):
    with pytest.raises(ParameterError, match=r"unknown option usr_name; known are: lr, user"):
        run_commandline(build(lambda: None), ["with", "usr_name=nina"])


def test_a_missing_with_is_a_persons_mistake(build, capsys):
    assert run_commandline(build(lambda: None), ["user_name=nina"]) == 2
    assert "not found" in capsys.readouterr().out


def test_a_mistake_found_in_a_run_is_one_line(build, capsys, tmp_path):
    def main():
        raise ParameterError("no such listener")

    experiment = build(main)
    assert command(lambda: run_commandline(experiment, []))() == 2
    said = capsys.readouterr()
    assert said.err == "error: no such listener\n"
    assert said.out == ""
    assert one_run(tmp_path, "run.json")["status"] == "FAILED"


def test_our_own_mistakes_keep_their_traceback(build):
    def main():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_commandline(build(main), [])


def test_a_change_of_type_is_no_news(build, capfd):
    run_commandline(build(lambda: None), ["with", "user_name=7"])
    assert capfd.readouterr().err == ""


FULL = "OSError: [Errno 28] runs/1/run.json"
CAUSE = "OSError: full\n\nDuring handling of this another occurred:\n\n"


@pytest.mark.parametrize("cause", ["", CAUSE])
def test_an_observer_that_cannot_write_says_so_in_one_line(cause):
    """Sacred logs the whole traceback, which need not begin with that word."""
    said = f"{cause}Traceback (most recent call last):\n  File ...\n{FULL}\n"
    record = logging.LogRecord("lemons", logging.ERROR, "", 0, said, (), None)
    assert _Quiet().filter(record)
    assert record.getMessage() == f"the record of this run is not complete: {FULL}"
