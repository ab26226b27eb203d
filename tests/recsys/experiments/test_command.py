"""The command that lists experiments and changes which are current, and what trainings print."""

import json
import subprocess
import sys

import pytest

from recsys.checkpoint import read_card

TINY = {"catalogue": "tiny", "input_length": 8_000, "batch_size": 8, "n_epochs": 1}


@pytest.fixture
def command(lemons, tmp_path, make_experiment, monkeypatch):
    """Run `python -m recsys.experiments` over a data folder whose experiments `tmp_path` holds."""
    home = tmp_path / "data" / "experiments"
    home.symlink_to(tmp_path)
    return lambda *arguments: lemons("experiments.command", *arguments)


def test_it_lists_all_catalogues_and_marks_what_is_current(command, make_experiment):
    make_experiment("2026-01-02_03-04-05-demo-marko", epochs=24, score=0.75)
    make_experiment("2026-01-02_03-04-06-demo-marko", score=0.5, started="2026-01-01T13:04:06Z")
    make_experiment("2026-01-02_03-04-07-demo-nina", user_name="nina", ended=False)
    make_experiment("2026-01-02_03-04-08-mine-me", catalogue="mine", user_name="me")
    assert command("use", "2026-01-02_03-04-05-demo-marko").code == 0
    done = command()
    assert (done.code, done.err) == (0, "")
    demo, mine = done.out.split("\n\n")[:2]
    assert demo.startswith("catalogue demo\n") and mine.startswith("catalogue mine\n")
    heads, newest, older, ninas, remark = demo.splitlines()[1:]
    assert heads.split() == ["listener", "folder", "time", "(UTC)", "epochs", "AUC", "MAP"]
    assert older.split() == [
        "marko", "2026-01-02_03-04-06-demo-marko", "2026-01-01", "13:04:06", "0.600", "0.400"
    ]  # fmt: skip
    assert newest.split()[:3] == ["*", "marko", "2026-01-02_03-04-05-demo-marko"]
    assert newest.split()[5:] == ["24", "0.850", "0.650"]
    assert ninas.startswith("   nina") and ninas.endswith("not finished")
    assert "0 of 7" in ninas
    assert remark == "nina: no training has ended, so there is no model"
    assert "me: 2026-01-02_03-04-08-mine-me is the newest: none is recorded as current" in mine
    assert "catalogue demo" not in command("--catalogue", "mine").out


def test_a_recipe_is_listed_where_there_is_one(command, make_experiment):
    make_experiment("2026-01-02_03-04-05-demo-marko", recipe="lemons")
    lines = command().out.splitlines()
    assert lines[1].endswith("recipe") and lines[2].endswith("lemons")


def test_use_takes_a_name_or_a_folder(command, make_experiment):
    folders = [make_experiment(f"2026-01-02_03-04-0{n}-demo-marko") for n in range(2)]
    done = command("use", str(folders[0]))
    assert done.out == (
        f"current experiment of marko: {folders[0].name} (before: {folders[1].name})\n"
    )
    assert command("use", folders[1].name).code == 0
    assert json.loads((folders[0].parent / "demo-current.json").read_text()) == {
        "marko": folders[1].name
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "there is no experiment in"),
        (["--catalogue", "nix"], "there is no experiment of catalogue nix in"),
        (["use", "nix"], "is no experiment: `python -m recsys.experiments` lists"),
    ],
)
def test_a_mistake_is_one_line(command, arguments, said):
    done = command(*arguments)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert line.startswith("error: ") and said in line


# -- trainings ---------------------------------------------------------------------------------
def marked(lemons):
    """Return the folders that the list marks as current."""
    lines = lemons("experiments.command").out.splitlines()
    return [line.split()[2] for line in lines if line.startswith("*  ")]


def test_a_trial_does_not_replace_a_model_unless_it_is_told_to(lemons, data_folder):
    assert lemons("experiment", **{**TINY, "lr": 0.003, "n_epochs": 3}).code == 0
    (good,) = marked(lemons)
    path = data_folder / "experiments" / good / "best_model.json"
    card = json.loads(path.read_text())
    card["metrics"] |= {"valid_auc": 1.0, "valid_map": 1.001}  # two tracks are easily ranked
    path.write_text(json.dumps(card))
    trial = lemons("experiment", **TINY, lr=0.9)
    assert f"current experiment: {good} (validation score" in trial.out
    assert "validation tracks leave the AUC" in trial.out
    assert marked(lemons) == [good]
    evaluated = lemons("eval", catalogue="tiny")
    assert f"model: {good} (current)" in evaluated.out
    used = lemons("experiment", **TINY, lr=0.9, use=True)
    (now,) = marked(lemons)
    assert now != good and f"current experiment: {now} (this one, by use=True)" in used.out
    for folder in (good, now):
        card = read_card(data_folder / "experiments" / folder / "best_model.safetensors")
        assert card["started"] < card["finished"]
        assert card["started"].endswith("+00:00")


def test_train_all_makes_what_is_trained_already_current_if_it_is_told_to(lemons):
    options = [f"--{name}={value}" for name, value in TINY.items()]
    assert lemons("train_all", "--users", "nina", *options, "--jobs", "1").code == 0
    (first,) = marked(lemons)
    assert lemons("experiment", **TINY, user_name="nina", lr=0.002, use=True).code == 0
    (second,) = marked(lemons)
    same = ["train_all", "--users", "nina", *options, "--jobs", "1"]
    assert lemons(*same).code == 0 and marked(lemons) == [second]
    done = lemons(*same, "--use", "True")
    assert f"current experiment of nina: {first} (before: {second})" in done.out
    assert marked(lemons) == [first]


def test_trainings_that_end_at_once_are_both_settled(lemons, data_folder, tiny_environment):
    """In the zone of the earliest midnight, so that folders' names are ahead of UTC."""
    command = [sys.executable, "-m", "recsys.experiment", "with"]
    command += [f"{name}={value}" for name, value in TINY.items()]
    processes = [
        subprocess.Popen(
            [*command, f"user_name={name}", f"lr={lr}"],
            env=tiny_environment | {"TZ": "Pacific/Kiritimati"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for name, lr in (("marko", 0.003), ("nina", 0.003))
    ]
    for process in processes:
        out, _ = process.communicate()
        assert process.returncode == 0
        assert "(this one, the first that has ended)" in out
    marko, nina = marked(lemons)
    assert lemons("experiment", **TINY, lr=0.003).code == 0  # the same weights, so the same score
    newer, still = marked(lemons)
    assert newer < marko and still == nina
    lines = [line for line in lemons("experiments.command").out.splitlines() if "-tiny-m" in line]
    assert [line.split()[0] for line in lines] == ["*", "marko"]
    assert newer in lines[0] and marko in lines[1]
