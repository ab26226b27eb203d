"""Training from the command line: options, files, and going on after a kill."""

import importlib.metadata
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from lemons_utils import ParameterError, checksum
from recsys import experiment, experiments
from recsys.catalogue import open_catalogue
from recsys.checkpoint import load_model
from recsys.heads import find_head, make_trunk, trunk_path, write_trunk
from recsys.listening.splits import checksum_path
from recsys.model import LocalStatistics
from recsys.options import typed

ROOT = Path(__file__).parents[2]
TINY = {"catalogue": "tiny", "input_length": 8_000, "batch_size": 8, "lr": 0.003}


def only(folder: Path) -> Path:
    (found,) = (path for path in folder.iterdir() if path.is_dir())
    return found


# -- options -----------------------------------------------------------------------------------
def test_published_options_have_their_published_defaults():
    defaults = experiment.defaults()
    published = {
        "use_tensorboard": 0,
        "log_step": 100,
        "training_seed": 1930289,
        "input_length": 16000,
        "model_load_path": "",
        "batch_size": 20,
        "n_epochs": 1000,
        "lr": 1e-3,
        "wd": 1e-4,
        "num_workers": 0,
        "user_name": "marko",
    }
    assert {name: defaults[name] for name in published} == published
    assert defaults["split_seed"] == 1057386
    assert defaults["patience"] is None
    assert set(experiment.local_conf) == {"mongodb_url", "mongodb_db_name", "experiment_name"}


@pytest.mark.parametrize(
    ("name", "said", "meant"),
    [
        ("user_name", 7, "7"),
        ("n_epochs", 1e3, 1000),
        ("lr", 1, 1.0),
        ("patience", 5, 5),
        ("patience", None, None),
        ("use_tensorboard", 1, True),
        ("use_tensorboard", "false", False),
        ("resume", True, "True"),
        ("resume", None, ""),
    ],
)
def test_options_get_the_type_of_their_default(name, said, meant):
    defaults = experiment.defaults()
    value = typed({**defaults, name: said}, defaults)[name]
    assert (value, type(value)) == (meant, type(meant))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("n_epochs", 1.5),
        ("n_epochs", "many"),
        ("n_epochs", float("inf")),
        ("n_epochs", float("nan")),
        ("lr", "fast"),
        ("lr", True),
        ("patience", "no"),
        ("use_tensorboard", "perhaps"),
        ("batch_size", [20]),
    ],
)
def test_options_of_another_type_are_named(name, said):
    defaults = experiment.defaults()
    with pytest.raises(ParameterError, match=name):
        typed({**defaults, name: said}, defaults)


@given(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.none()))
)
def test_whatever_is_typed_is_taken_or_named(value):
    defaults = experiment.defaults()
    for name, default in defaults.items():
        try:
            taken = typed({name: value}, {name: default})[name]
        except ParameterError as error:
            assert name in str(error)
        else:
            assert taken is None or default is None or type(taken) is type(default)


# -- a run -------------------------------------------------------------------------------------
def test_a_run_leaves_model_card_state_metrics_and_no_noise(lemons, data_folder):
    done = lemons("experiment", user_name="nina", n_epochs=2, log_step=2, use_tensorboard=1, **TINY)
    assert done.code == 0, done.err
    assert done.err == ""
    folder = only(data_folder / "experiments")
    assert folder.name.endswith("-tiny-nina")
    assert f"model: {folder / 'best_model.safetensors'}" in done.out
    network, card = load_model(folder)
    assert not network.training
    assert card["config"]["user_name"] == "nina"
    assert card["config"]["lr"] == 0.003
    splits = data_folder / "catalogues" / "tiny" / "splits"
    assert card["split_checksum"] == checksum(splits / "nina-1057386.csv")
    assert card["epochs"] == 2
    assert 0 <= card["metrics"]["valid_auc"] <= 1
    assert (folder / "last.safetensors").is_file()
    assert list((folder / "tensorboard").iterdir())

    run = data_folder / "runs" / "1"
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["train/loss"]["steps"] == [2, 4, 6]  # 20 tracks, 8 a step, 2 epochs
    assert metrics["valid/auc"]["steps"] == metrics["train.avg_loss"]["steps"] == [0, 1, 2]
    assert (run / "best_model.safetensors").read_bytes() == (
        folder / "best_model.safetensors"
    ).read_bytes()
    record = json.loads((run / "run.json").read_text())
    assert record["result"]["auc"] == card["metrics"]["valid_auc"]
    config = json.loads((run / "config.json").read_text())
    assert config.pop("seed") == config["training_seed"] == 1930289
    assert {"resume": "", **card["config"]} == config
    assert json.loads((run / "info.json").read_text())["model_save_path"] == str(folder)
    if card["git_commit"]:
        (repository,) = record["experiment"]["repositories"]
        said = repository["commit"] + "+changes" * repository["dirty"]
        assert said == card["git_commit"]
    assert "epoch/s" not in (run / "cout.txt").read_text()


def test_it_runs_as_a_file_inside_recsys(data_folder):
    done = subprocess.run(
        [sys.executable, "experiment.py", "print_config", "with", "user_name=nina"],
        capture_output=True,
        text=True,
        cwd=ROOT / "recsys",
    )
    assert done.returncode == 0, done.stderr
    assert "user_name = 'nina'" in done.stdout


def test_no_module_of_recsys_hides_another():
    """`python3 experiment.py` puts recsys/ itself first on the path."""
    files = [path for path in (ROOT / "recsys").iterdir() if path.suffix in ("", ".py")]
    ours = {path.stem for path in files} - {"__init__", "__pycache__"}
    assert not ours & sys.stdlib_module_names
    assert not ours & set(importlib.metadata.packages_distributions())


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"user_name": "bob"}, "no listener 'bob' in catalogue tiny (there with split_seed"),
        ({"catalogue": "nowhere"}, "no catalogue 'nowhere'"),
        ({"model_load_path": "/nowhere.pth"}, "no weights at /nowhere.pth"),
        ({"resume": "nowhere"}, "'nowhere' is no experiment"),
        ({"input_length": 4000}, "input_length must be at least 7,936"),
        ({"recipe": "lemon"}, "recipe must be published or lemons, got 'lemon'"),
        (
            {"recipe": "lemons", "model_load_path": "best_model.pth"},
            "recipe=lemons starts from nothing: leave model_load_path out",
        ),
        ({"n_epochs": -1}, "n_epochs must be greater than 0, got -1"),
        ({"lr": "fast"}, "lr must be a number, got 'fast'"),
        ({"device": "abacus"}, "device must be cpu, cuda or auto, got 'abacus'"),
        ({"n_epoch": 4}, "unknown option n_epoch"),
        ({"seed": 4}, "unknown option seed: the seed is training_seed"),
        ({"model_save_path": "/there"}, "model_save_path is here the experiment's folder"),
        ({"models_path": "/there"}, "models_path is here experiments/ under `data_folder`"),
        ({"n_epoch": 4, "msd_npy_path": "/there"}, "msd_npy_path is here catalogues/msd/audio"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_folder(lemons, data_folder, option, said):
    done = lemons("experiment", **(TINY | option))
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert not (data_folder / "experiments").exists()
    assert not (data_folder / "runs").exists()


def test_training_starts_from_the_weights_it_is_given(lemons, data_folder, golden_folder):
    weights = golden_folder / "fcn_state_dict.safetensors"
    done = lemons("experiment", n_epochs=1, model_load_path=weights, **{**TINY, "lr": 1e-12})
    assert done.code == 0, done.err
    start = load_file(weights)["layer3.conv.weight"]
    end = load_file(only(data_folder / "experiments") / "best_model.safetensors")
    assert (end["layer3.conv.weight"] - start).abs().max() < 1e-9


def test_the_record_has_the_options_that_hold(lemons, data_folder, golden_folder, monkeypatch):
    monkeypatch.chdir(golden_folder)
    relative = "../golden/fcn_state_dict.safetensors"
    done = lemons("experiment", n_epochs=1, model_load_path=relative, **TINY)
    assert done.code == 0, done.err
    config = json.loads((data_folder / "runs" / "1" / "config.json").read_text())
    assert config["model_load_path"] == str(golden_folder / "fcn_state_dict.safetensors")

    folder = only(data_folder / "experiments")
    done = lemons("experiment", resume=folder.name, n_epochs=2)
    assert done.code == 0, done.err
    goes_on = json.loads((data_folder / "runs" / "2" / "config.json").read_text())
    assert goes_on == {**config, "n_epochs": 2, "resume": folder.name}


# -- recipe=lemons -----------------------------------------------------------------------------
HEAD = {"catalogue": "tiny", "user_name": "nina", "recipe": "lemons"}


def weights_in(folder: Path) -> bytes:
    return (only(folder / "experiments") / "best_model.safetensors").read_bytes()


def test_a_head_is_fitted_recorded_and_current(lemons, data_folder):
    done = lemons("experiment", **HEAD)
    assert (done.code, done.err) == (0, "")
    folder = only(data_folder / "experiments")
    assert (
        "head fitted to 20 tracks on trunk tiny, removals by time alone (20), validation AUC"
        in done.out
    )
    assert f"model: {folder / 'best_model.safetensors'}" in done.out
    assert "the first that has ended)" in done.out
    network, card = load_model(folder)
    assert isinstance(network, LocalStatistics)
    assert {name: card["config"][name] for name in HEAD} == HEAD
    splits = data_folder / "catalogues" / "tiny" / "splits"
    assert card["split_checksum"] == checksum(splits / "nina-1057386.csv")
    assert (card["model"], card["epochs"]) == ("statistics", 1)
    assert card["removal"] == {"stems": {"time alone": 20}, "weight": 1.0}
    assert set(card["calibration"]) == {"temperature", "offset"}
    assert 0.4 < card["base_rate"] < 0.6
    assert card["base_rate"] == pytest.approx(torch.sigmoid(network.fc.bias).item(), abs=1e-6)
    assert 0 <= card["metrics"]["valid_auc"] <= 1
    trunk, head = find_head(network, card, data_folder / "experiments")
    assert (trunk.name, len(head.weight)) == ("tiny", 147)
    found = experiments.find_model(data_folder / "experiments", catalogue="tiny", user_name="nina")
    assert found.path.parent == folder
    run = data_folder / "runs" / "1"
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["valid/auc"]["steps"] == [1]
    assert (run / "best_model.safetensors").read_bytes() == weights_in(data_folder)


def test_a_head_is_evaluated_and_scores_the_catalogue(lemons, data_folder):
    assert lemons("experiment", **HEAD).code == 0
    done = lemons("eval", user_name="nina", catalogue="tiny")
    assert (done.code, done.err) == (0, "")
    assert "AUC 1.000" in done.out  # high tones from low ones
    done = lemons("predict", "--user_name", "nina", "--catalogue", "tiny")
    assert (done.code, done.err) == (0, "")


def test_a_stopped_head_is_fitted_to_the_same_weights(lemons, data_folder):
    assert lemons("experiment", **HEAD).code == 0
    first = weights_in(data_folder)
    folder = only(data_folder / "experiments")
    note = json.loads((folder / "experiment.json").read_text())
    (folder / "experiment.json").write_text(json.dumps({**note, "finished": False}))
    (folder / "best_model.safetensors").unlink()
    done = lemons("experiment", **HEAD, resume=True)
    assert (done.code, done.err) == (0, "")
    assert weights_in(data_folder) == first
    assert json.loads((folder / "experiment.json").read_text())["finished"]


def test_a_head_on_another_trunk_names_it(lemons, data_folder):
    done = lemons("experiment", catalogue="tiny", user_name="nina", trunk="music")
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "there is no trunk at" in done.err and "python -m recsys.trunk" in done.err
    assert not (data_folder / "experiments").exists()
    catalogue = open_catalogue("tiny", data_folder=data_folder)
    path = trunk_path(data_folder / "experiments", "music")
    write_trunk(path, make_trunk(catalogue, "music"))
    done = lemons("experiment", catalogue="tiny", user_name="nina", trunk="music")
    assert done.code == 0 and "on trunk music" in done.out
    _, card = load_model(only(data_folder / "experiments"))
    assert card["config"]["recipe"] == "lemons"
    assert (card["trunk"]["name"], card["trunk"]["checksum"]) == ("music", checksum(path))


def test_a_split_of_one_kind_is_told_before_a_folder_is_made(lemons, data_folder):
    split = data_folder / "catalogues" / "tiny" / "splits" / "nina-1057386.csv"
    lines = split.read_text().splitlines()
    split.unlink()  # a link to what other tests use
    checksum_path(split).unlink()
    kept = [line for line in lines if ",train,1," not in line]
    split.write_text("\n".join(kept) + "\n")
    done = lemons("experiment", **HEAD)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1 and "both labels" in done.err
    assert not (data_folder / "experiments").exists()


def course(run: Path) -> dict[str, list[tuple[int, float]]]:
    metrics = json.loads((run / "metrics.json").read_text())
    return {
        name: [*zip(points["steps"], points["values"], strict=True)]
        for name, points in metrics.items()
    }


def test_a_damaged_state_is_named_and_the_good_model_stays(lemons, data_folder):
    assert lemons("experiment", n_epochs=1, **TINY).code == 0
    folder = only(data_folder / "experiments")
    state, model = (folder / name for name in ("last.safetensors", "best_model.safetensors"))
    before, content = model.read_bytes(), bytearray(state.read_bytes())
    content[-1000] ^= 0x40  # among the weights
    state.write_bytes(content)
    done = lemons("experiment", n_epochs=2, resume=folder.name)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert f"{state} is damaged" in line and "remove it" in line
    assert model.read_bytes() == before
    state.unlink()
    done = lemons("experiment", n_epochs=1, resume=folder.name)
    assert (done.code, done.err) == (0, "")
    assert model.read_bytes() == before


# -- going on ----------------------------------------------------------------------------------
def test_killed_twice_it_ends_with_the_weights_of_an_uninterrupted_run(
    lemons, data_folder, tmp_path, tiny_environment, wait_until
):
    whole = lemons("experiment", n_epochs=3, log_step=1, **TINY)
    assert whole.code == 0, whole.err
    expected = only(data_folder / "experiments").rename(tmp_path / "expected")

    options = TINY | {"n_epochs": 3, "log_step": 1, "resume": True}
    command = [sys.executable, "-m", "recsys.experiment", "with"]
    command += [f"{name}={value}" for name, value in options.items()]
    for wait_for in ("experiment.json", "last.safetensors"):
        process = subprocess.Popen(command, env=tiny_environment, stdout=subprocess.DEVNULL)
        pattern = f"experiments/*/{wait_for}"
        wait_until(lambda pattern=pattern: any(data_folder.glob(pattern)), process=process)
        time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL

    end = lemons("experiment", **options)
    assert end.code == 0, end.err
    assert "going on in" in end.out
    folder = only(data_folder / "experiments")
    for name in ("best_model.safetensors", "last.safetensors"):
        weights, whole_weights = load_file(folder / name), load_file(expected / name)
        assert weights.keys() == whole_weights.keys()
        assert all(weights[key].equal(whole_weights[key]) for key in weights)
    assert not [path for path in folder.iterdir() if path.name.startswith(".best_model")]
    runs = data_folder / "runs"
    last = max((path for path in runs.iterdir() if path.name.isdigit()), key=lambda p: int(p.name))
    logged, all_of_it = course(last), course(runs / "1")
    assert [step for step, _ in logged["train/loss"]] == [*range(1, 10)]
    assert logged == all_of_it

    # It has ended, so the same command would start a new one; named, it can be trained further.
    recorded = experiments.reopen(folder.name, folder.parent).options
    assert experiments.newest_unfinished(folder.parent, recorded) is None
    further = lemons("experiment", n_epochs=4, resume=folder.name)
    assert further.code == 0, further.err
    assert "after epoch 3" in further.out
    assert json.loads((folder / "best_model.json").read_text())["epochs"] == 4
    again = experiments.reopen(folder.name, folder.parent)
    assert (again.options["n_epochs"], again.options["lr"], again.finished) == (4, 0.003, True)
    other = lemons("experiment", lr=0.1, resume=folder.name)
    assert other.code == 2
    assert "lr was 0.003, is 0.1" in other.err
