"""Many listeners: the same weights whoever trains them, and whoever dies or stops on the way."""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lemons_jobs import Workers
from lemons_utils import ParameterError, configuration
from recsys import dataset, experiment
from recsys.catalogue import open_catalogue
from recsys.checkpoint import BEST_MODEL, LAST_STATE, load_model, load_state, trained_epochs
from recsys.experiments import find_model, side_by_side, take_up
from recsys.experiments.log import EpochLog
from recsys.heads import is_on, read_trunk, trunk_path, write_trunk
from recsys.train_all import train_all

ROOT = Path(__file__).parents[2]
OPTIONS = {"catalogue": "tiny", "input_length": 8_000, "batch_size": 9, "n_epochs": 3}
FLAGS = [f"--{name}={value}" for name, value in OPTIONS.items()]
EVERYBODY = ("marko", "nina")


@pytest.fixture
def settings(data_folder, monkeypatch):
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(data_folder))
    monkeypatch.setenv("LEMONS_MONGO_URL", "")
    return configuration()


def folders(experiments: Path) -> list[Path]:
    return [path for path in experiments.iterdir() if path.is_dir()]


def weights(data_folder) -> dict[str, bytes]:
    found = {}
    for name in EVERYBODY:
        home = data_folder / "experiments"
        model = find_model(home, catalogue="tiny", user_name=name)
        found[name] = model.path.read_bytes()
    return found


def heads_of(data_folder) -> np.ndarray:
    """The heads of everybody: how many threads fit them changes their last bits."""
    paths = [
        find_model(data_folder / "experiments", catalogue="tiny", user_name=name).path
        for name in EVERYBODY
    ]
    return np.stack([load_model(path)[0].fc.weight.detach().numpy() for path in paths])


@pytest.fixture(scope="session")
def trained_alone(tiny_catalogue, tmp_path_factory) -> Path:
    """The folder in which the ordinary command trains, one listener after the other."""
    data = tmp_path_factory.mktemp("alone")
    (data / "catalogues").symlink_to(tiny_catalogue.folder.parent)
    settings = replace(configuration(), data_folder=data, mongodb_url="")
    for name in EVERYBODY:
        options = [f"{key}={value}" for key, value in {**OPTIONS, "user_name": name}.items()]
        assert experiment.run_commandline(["with", *options], settings) == 0
    return data


@pytest.fixture(scope="session")
def alone(trained_alone) -> dict[str, bytes]:
    """What the ordinary command trains, on one thread."""
    return weights(trained_alone)


@pytest.mark.parametrize("where", ["here", "processes", "cluster"])
def test_the_weights_are_the_same_to_the_last_bit_when_a_worker_dies(
    where, settings, alone, request, kill_a_worker, capsys
):
    workers = {"here": Workers(1), "processes": Workers(2)}.get(where) or Workers(
        cluster=request.getfixturevalue("cluster")
    )

    def first_epoch_is_trained() -> bool:
        return any(settings.experiments.glob(f"*/{LAST_STATE}"))

    if where != "here":
        killer = threading.Thread(target=kill_a_worker, args=(workers, first_epoch_is_trained))
        killer.start()
    train_all(EVERYBODY, OPTIONS, workers=workers, settings=settings)
    if where != "here":
        killer.join()
    assert weights(settings.data_folder) == alone
    assert len(folders(settings.experiments)) == 2  # it went on where it was
    lines = capsys.readouterr().out.splitlines()
    for name in EVERYBODY:
        best, current, advice = (line for line in lines if line.startswith(f"{name}: "))
        assert "best model of epoch" in best
        assert "current experiment: " in current and f"-tiny-{name} (this one" in current
        assert "2 validation tracks" in advice
    assert len(lines) == 6


def test_who_is_trained_is_not_trained_again_until_the_split_changes(lemons, data_folder, alone):
    assert lemons("train_all", "--users", "nina", *FLAGS, "--jobs", "1").code == 0
    done = lemons("train_all", *FLAGS, "--jobs", "1")  # everybody with a split
    assert (done.code, done.err) == (0, "")
    assert "1 of 2 listeners are trained already" in done.out
    assert weights(data_folder) == alone
    again = lemons("train_all", *FLAGS, "--jobs", "1")
    assert "2 of 2 listeners are trained already" in again.out
    assert len(folders(data_folder / "experiments")) == 2
    split = data_folder / "catalogues" / "tiny" / "splits" / "nina-1057386.csv"
    lines = split.read_text().splitlines()
    split.unlink()  # a link to what other tests use
    split.write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    changed = lemons("train_all", *FLAGS, "--jobs", "1")
    assert "1 of 2 listeners are trained already" in changed.out
    assert len(folders(data_folder / "experiments")) == 3


def test_an_experiment_of_an_earlier_version_is_one_of_the_published_recipe(lemons, data_folder):
    assert lemons("train_all", "--users", "nina", *FLAGS, "--jobs", "1").code == 0
    (folder,) = folders(data_folder / "experiments")
    note = json.loads((folder / "experiment.json").read_text())
    assert note["options"].pop("recipe") == "published"
    (folder / "experiment.json").write_text(json.dumps(note))
    again = lemons("train_all", "--users", "nina", *FLAGS, "--jobs", "1")
    assert "1 of 1 listeners are trained already" in again.out
    assert len(folders(data_folder / "experiments")) == 1


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_heads_are_fitted_to_all_listeners_once(jobs, lemons, data_folder):
    flags = ["--catalogue", "tiny", "--recipe", "lemons", "--jobs"]
    done = lemons("train_all", *flags, jobs)
    assert (done.code, done.err) == (0, "")
    for name in EVERYBODY:
        (line,) = (line for line in done.out.splitlines() if line.startswith(f"{name}: head"))
        assert line.startswith(f"{name}: head fitted, validation AUC 1.000, MAP 1.000: ")
    fitted = heads_of(data_folder)
    again = lemons("train_all", *flags, "1")
    assert "2 of 2 listeners are trained already" in again.out
    experiments = data_folder / "experiments"
    trunk = read_trunk(trunk_path(experiments, "tiny"))
    about = {**trunk.about, "sample": trunk.about["sample"][1:]}
    changed = replace(trunk, sample=trunk.sample[1:], about=about)
    write_trunk(trunk_path(experiments, "tiny"), changed)
    again = lemons("train_all", *flags, "1")
    assert "nina: fitted again, since trunk tiny is another one now" in again.out
    assert "trained already" not in again.out
    np.testing.assert_allclose(heads_of(data_folder), fitted, rtol=1e-4, atol=5e-6)
    current = find_model(experiments, catalogue="tiny", user_name="nina").path
    assert is_on(read_trunk(trunk_path(experiments, "tiny")), current)
    published = lemons("train_all", "--users", "nina", *FLAGS, "--jobs", "1")
    assert "trained already" not in published.out
    options = {"catalogue": "tiny", "recipe": "lemons", "user_name": "nina"}
    assert lemons("experiment", **options, use=True).code == 0
    np.testing.assert_allclose(heads_of(data_folder), fitted, rtol=1e-4, atol=5e-6)


def test_each_training_is_a_run_with_its_own_options(lemons, data_folder):
    done = lemons("train_all", "--users", "nina", *FLAGS, "--jobs", "1")
    assert (done.code, done.err) == (0, "")
    run = data_folder / "runs" / "1"
    recorded = json.loads((run / "config.json").read_text())
    expected = {**OPTIONS, "user_name": "nina"}
    assert {name: recorded[name] for name in expected} == expected
    (folder,) = folders(data_folder / "experiments")
    assert (run / BEST_MODEL).read_bytes() == (folder / BEST_MODEL).read_bytes()
    assert json.loads((run / "run.json").read_text())["status"] == "COMPLETED"
    assert "best of 3 epochs" in (run / "cout.txt").read_text()


# -- side by side in one process -------------------------------------------------------------------
ROUNDING = 0.1
"""A change of the initial weights in the last bit moves these losses by as much in 3 epochs."""


def losses_of(data_folder) -> dict[str, float]:
    """The losses that the last run of everybody has on record, by listener, metric and epoch."""
    found = {}
    for folder in sorted((data_folder / "runs").glob("[0-9]*"), key=lambda path: int(path.name)):
        user_name = json.loads((folder / "config.json").read_text())["user_name"]
        metrics = json.loads((folder / "metrics.json").read_text())
        for name in ("train/epoch_loss", "valid/loss"):
            steps, values = metrics[name]["steps"], metrics[name]["values"]
            found |= {
                f"{user_name} {name} {step}": value
                for step, value in zip(steps, values, strict=True)
            }
    return found


@pytest.fixture(scope="session")
def losses_alone(trained_alone) -> dict[str, float]:
    return losses_of(trained_alone)


def test_together_they_are_what_they_are_alone(lemons, data_folder, losses_alone):
    done = lemons("train_all", *FLAGS, "--together")
    assert (done.code, done.err) == (0, "")
    assert len(folders(data_folder / "experiments")) == 2
    for name in EVERYBODY:
        assert f"{name}: best model of epoch" in done.out
        assert f"{name}: current experiment: " in done.out
        model = find_model(data_folder / "experiments", catalogue="tiny", user_name=name)
        card = json.loads(model.path.with_suffix(".json").read_text())
        seconds = load_state(model.path.with_name(LAST_STATE)).facts["seconds"]
        assert card["epochs"] == 3 and card["seconds"] >= seconds > 0  # of the training itself
    found = losses_of(data_folder)
    assert len(found) == 2 * 2 * 4  # of epoch 0, too
    assert found == pytest.approx(losses_alone, abs=ROUNDING)
    assert "2 of 2 listeners are trained already" in lemons("train_all", *FLAGS, "--together").out


@pytest.mark.parametrize("again", [["--together"], ["--jobs", "1"]])
def test_together_they_go_on_after_an_interrupt(
    again, lemons, data_folder, losses_alone, monkeypatch
):
    def interrupted(log, report):
        on_epoch(log, report)
        if report.epoch == 2:
            raise KeyboardInterrupt

    on_epoch = EpochLog.on_epoch
    with monkeypatch.context() as here:
        here.setattr(EpochLog, "on_epoch", interrupted)
        done = lemons("train_all", *FLAGS, "--together")
    assert (done.code, done.err) == (130, "interrupted; run the same command again to go on\n")
    begun = folders(data_folder / "experiments")
    assert sorted(trained_epochs(path / LAST_STATE) for path in begun) == [1, 2]
    done = lemons("train_all", *FLAGS, *again)
    assert (done.code, done.err) == (0, "")
    assert folders(data_folder / "experiments") == begun
    assert losses_of(data_folder) == pytest.approx(losses_alone, abs=ROUNDING)


def test_together_a_listener_who_cannot_be_trained_does_not_stop_the_others(lemons, data_folder):
    split = data_folder / "catalogues" / "tiny" / "splits" / "marko-1057386.csv"
    split.unlink()  # a link to what other tests use
    split.write_text("track_id,split,label,playcount\n")
    done = lemons("train_all", *FLAGS, "--together")
    assert done.code == 2
    first, last = done.err.splitlines()
    assert first.startswith("not trained: marko: ")
    assert last == "error: 1 of 2 listeners were not trained"
    assert "nina: best model of epoch" in done.out


def test_together_audio_that_does_not_fit_is_loaded_from_disk(settings, capsys, monkeypatch):
    """A GPU without memory is played by the processor."""
    options = experiment.options_of({**OPTIONS, "user_name": "marko"})
    catalogue = open_catalogue("tiny", data_folder=settings.data_folder)
    plans = side_by_side.planned([take_up(settings.experiments, options)], catalogue)
    assert side_by_side.audio_of(plans, catalogue) == catalogue.audio  # which a CPU has at hand
    monkeypatch.setattr(side_by_side, "pick_device", lambda name: torch.device("meta"))
    monkeypatch.setattr(dataset, "_free_bytes", lambda device: 1.0)
    assert side_by_side.audio_of(plans, catalogue) == catalogue.audio
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("loading crops from disk: the audio of 22 tracks takes 0.00 GB")


def test_a_training_in_the_background_says_nothing_and_raises_its_errors(settings, capfd):
    options = experiment.options_of({**OPTIONS, "n_epochs": 1, "user_name": "marko"})
    threads = torch.get_num_threads()
    numbers = experiment.train_in_background(
        take_up(settings.experiments, options), threads=threads + 1, settings=settings
    )
    assert numbers["epoch"] == 1 and Path(numbers["model"]).is_file()
    begun = take_up(settings.experiments, {**options, "lr": 0.5})
    with begun.in_use(), pytest.raises(ParameterError, match="another command trains in"):
        experiment.train_in_background(begun, threads=1, settings=settings)
    assert torch.get_num_threads() == threads
    assert capfd.readouterr() == ("", "")


def test_a_listener_who_cannot_be_trained_does_not_stop_the_others(lemons, data_folder):
    split = data_folder / "catalogues" / "tiny" / "splits" / "marko-1057386.csv"
    split.unlink()
    split.write_text("track_id,split,label,playcount\n")
    done = lemons("train_all", *FLAGS, "--jobs", "1")
    assert done.code == 2
    first, last = done.err.splitlines()
    assert first.startswith("not trained: marko: ")
    assert last == "error: 1 of 2 listeners were not trained"
    assert "nina: best model of epoch" in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--users", "nobody"], "no listener 'nobody' in catalogue tiny"),
        (["--lr", "fast"], "lr must be a number, got 'fast'"),
        (["--n_epochs", "0"], "n_epochs must be greater than 0"),
        (["--recipe", "other"], "recipe must be published or lemons, got 'other'"),
        (["--threads", "0"], "threads must be 1 or more"),
        (["--catalogue", "nowhere"], "no catalogue 'nowhere'"),
        (["--split_seed", "5"], "nobody has a split in catalogue tiny"),
        (["--jobs", "0"], "jobs must be 1 or more"),
        (["--together", "--jobs", "2"], "--together trains in one process"),
        (["--together", "--cluster", "tcp://host:1"], "--together trains in one process"),
        (["--together", "--recipe", "lemons"], "--together trains recipe=published alone"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_folder(lemons, data_folder, arguments, said):
    done = lemons("train_all", *FLAGS, *arguments)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert said in line
    assert not (data_folder / "experiments").exists()


def test_the_options_are_those_of_the_experiment():
    from recsys.train_all import _parse

    said = vars(_parse(["--wd", "1e-3", "--schedule", "cosine", "--patience", "None"]))
    assert {name for name in experiment.defaults() if name not in said} == {
        "user_name", "resume", "num_workers",
    }  # fmt: skip
    assert (said["wd"], said["schedule"], said["patience"]) == (1e-3, "cosine", None)


@pytest.mark.slow
def test_interrupted_it_says_one_line_and_goes_on(settings, tiny_environment, wait_until):
    """A training far too long to end by itself, stopped twice."""
    command = [sys.executable, "-m", "recsys.train_all", *FLAGS, "--n_epochs=100000"]

    def epochs() -> int:
        return max(map(trained_epochs, settings.experiments.glob(f"*/{LAST_STATE}")), default=0)

    for _ in range(2):
        before = epochs()
        process = subprocess.Popen(
            [*command, "--jobs", "2"],
            cwd=ROOT,
            env=tiny_environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        wait_until(lambda before=before: epochs() > before, process=process)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers, too
        _, said = process.communicate()
        assert process.returncode == 130
        assert said == "interrupted; run the same command again to go on\n"
    assert len(folders(settings.experiments)) == 2
