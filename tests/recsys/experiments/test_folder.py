"""The folder of a training: who works in it, which is the newest, when it began."""

import json
import subprocess
import sys

import pytest

from lemons_utils import DataError, ParameterError
from recsys import experiments
from recsys.checkpoint import BEST_MODEL
from recsys.experiments.folder import NOTE, time_of

OPTIONS = {"catalogue": "tiny", "user_name": "marko"}


def test_only_one_command_works_in_a_folder(tmp_path):
    folder = experiments.start(tmp_path, OPTIONS)
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
    options = {**OPTIONS, "lr": 0.1, "log_step": 5, "use": False}
    first = experiments.start(tmp_path, options)
    second = experiments.start(tmp_path, options)
    other = experiments.start(tmp_path, {**options, "lr": 0.2})
    assert len({first.path, second.path, other.path}) == 3
    same = {**options, "log_step": 100, "use": True}  # change no weight
    assert experiments.newest_unfinished(tmp_path, same).path == second.path
    second.finish()
    assert experiments.newest_unfinished(tmp_path, same).path == first.path
    assert experiments.newest_unfinished(tmp_path, {**options, "lr": 0.3}) is None
    with pytest.raises(DataError, match="is no experiment"):
        experiments.reopen("nix", tmp_path)


def test_a_record_without_a_recipe_is_of_the_published_one(tmp_path):
    """Folders of earlier versions do not name it."""
    old = experiments.start(tmp_path, OPTIONS)
    published, lemons = ({**OPTIONS, "recipe": recipe} for recipe in ("published", "lemons"))
    assert experiments.newest_unfinished(tmp_path, published).path == old.path
    assert experiments.newest_unfinished(tmp_path, lemons) is None
    new = experiments.start(tmp_path, lemons)
    assert experiments.newest_unfinished(tmp_path, lemons).path == new.path
    assert experiments.newest_unfinished(tmp_path, OPTIONS).path == old.path
    now = {**published, "choose_strength": True}  # the default, which is of heads alone
    assert experiments.newest_unfinished(tmp_path, now).path == old.path
    assert experiments.newest_unfinished(tmp_path, {**lemons, "choose_strength": True}) is None


def test_a_head_is_fitted_in_one_epoch(tmp_path):
    folder = experiments.start(tmp_path, {**OPTIONS, "recipe": "lemons", "n_epochs": 1000})
    assert (folder.epochs, folder.n_epochs) == (0, 1)
    (folder.path / BEST_MODEL).touch()
    assert folder.epochs == 1


def test_the_newest_is_the_last_one_started_wherever_the_clock_stands(tmp_path, in_time_zone):
    in_time_zone("Pacific/Kiritimati")  # 14 hours ahead
    first = experiments.start(tmp_path, OPTIONS)
    in_time_zone("UTC")
    second = experiments.start(tmp_path, OPTIONS)
    assert first.path.name > second.path.name
    assert experiments.newest_unfinished(tmp_path, OPTIONS).path == second.path


def test_going_on_keeps_the_time_of_the_start(tmp_path):
    folder = experiments.start(tmp_path, OPTIONS)
    again = experiments.take_up(tmp_path, OPTIONS).go_on(OPTIONS)
    assert (
        again.started == folder.started == json.loads((folder.path / NOTE).read_text())["started"]
    )
    again.finish()
    assert experiments.reopen(folder.path.name, tmp_path).started == folder.started


def test_a_time_without_a_record_is_the_local_one_of_the_name(tmp_path, in_time_zone):
    path = tmp_path / "2026-01-02_03-04-05-demo-marko"
    in_time_zone("Pacific/Kiritimati")
    assert time_of(path).isoformat() == "2026-01-01T13:04:05+00:00"
    assert time_of(path, None, "", "2026-05-05T10:00:00+02:00").hour == 8
    assert time_of(path, "2026-05-05T10:00:00").hour == 10  # UTC, where no zone is named
