"""Fine-tuning: epochs that go on from a head, and never end below it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from recsys.checkpoint import load_model
from recsys.experiments import find_model, reopen
from recsys.heads import find_head, is_on, read_trunk, trunk_path
from recsys.listening.splits import checksum_path
from recsys.model import LocalStatistics

HEAD = {"catalogue": "tiny", "user_name": "nina", "recipe": "lemons"}
TUNED = {**HEAD, "finetune_epochs": 2, "input_length": 8_000, "batch_size": 8, "log_step": 1}


def experiments_of(data_folder: Path) -> list[Path]:
    return sorted(path for path in (data_folder / "experiments").iterdir() if path.is_dir())


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "best_model.safetensors")


def test_a_fine_tuned_head_is_a_model_of_its_own(lemons, data_folder):
    assert lemons("experiment", **HEAD).code == 0
    done = lemons("experiment", **TUNED, use=True)
    assert (done.code, done.err) == (0, "")
    assert "head fitted to 20 tracks on trunk tiny" in done.out
    assert "best of 2 epochs: " in done.out
    head, tuned = experiments_of(data_folder)
    network, card = load_model(tuned)
    assert isinstance(network, LocalStatistics)
    assert card["config"]["finetune_epochs"] == 2 and card["epochs"] == 2
    assert (card["config"]["lr"], card["config"]["input_length"]) == (1e-4, 8_000)
    home = data_folder / "experiments"
    trunk = read_trunk(trunk_path(home, "tiny"))
    assert card["fine_tuned_from"] == {"name": "tiny", "checksum": trunk.checksum}
    assert find_head(network, card, home) is None and is_on(trunk, tuned)
    before = json.loads((head / "best_model.json").read_text())
    for name in ("calibration", "strength", "base_rate", "removal", "model"):
        assert card[name] == before[name], name
    with torch.inference_mode():
        silence = torch.sigmoid(network(torch.zeros(1, 16_000))).item()
    assert silence == pytest.approx(card["base_rate"], abs=1e-4)
    assert find_model(home, catalogue="tiny", user_name="nina").path.parent == tuned
    for name, arguments in (
        ("eval", {"user_name": "nina", "catalogue": "tiny"}),
        ("predict", ["--user_name", "nina", "--catalogue", "tiny"]),
    ):
        how = ([], arguments) if isinstance(arguments, dict) else (arguments, {})
        assert lemons(name, *how[0], **how[1]).code == 0
    metrics = json.loads((data_folder / "runs" / "2" / "metrics.json").read_text())
    assert metrics["valid/auc"]["steps"] == [1, 2]
    assert metrics["train/lr"]["values"] == [1e-4, 1e-4]


def test_the_convolution_learns_and_a_stopped_training_ends_the_same(lemons, data_folder, tmp_path):
    """Every epoch is the best, so that the last weights are the model's."""
    options = {**TUNED, "lr": 0.1}
    assert lemons("experiment", **options).code == 0
    (folder,) = experiments_of(data_folder)
    whole = load_file(folder / "last.safetensors")
    fixed = LocalStatistics(tuned=True)
    assert not torch.equal(whole["network.kernel"], fixed.kernel)
    assert not torch.equal(whole["network.threshold"], fixed.threshold)
    first = lemons("experiment", **{**options, "finetune_epochs": 1})
    assert first.code == 0, first.err
    _, other = experiments_of(data_folder)
    done = lemons("experiment", finetune_epochs=2, resume=other.name)
    assert (done.code, done.err) == (0, "")
    assert "after epoch 1" in done.out
    assert reopen(other.name, other.parent).options["finetune_epochs"] == 2
    again = load_file(other / "last.safetensors")
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert weights_of(folder).keys() == weights_of(other).keys()
    assert all(torch.equal(each, weights_of(other)[n]) for n, each in weights_of(folder).items())


def test_it_is_never_worse_on_validation_tracks_than_the_head(lemons, data_folder):
    """Where the validation tracks are of the opposite taste, every epoch makes it worse."""
    split = data_folder / "catalogues" / "tiny" / "splits" / "nina-1057386.csv"
    text = split.read_text()
    split.unlink()  # a link to what other tests use
    checksum_path(split).unlink()
    split.write_text(re.sub(",valid,([01]),", lambda found: f",valid,{1 - int(found[1])},", text))
    assert lemons("experiment", **HEAD).code == 0
    done = lemons("experiment", **{**TUNED, "lr": 0.001}, use=True)
    assert done.code == 0, done.err
    assert "best of 2 epochs: none, the model is what it started from" in done.out
    head, tuned = experiments_of(data_folder)
    cards = [json.loads((each / "best_model.json").read_text()) for each in (head, tuned)]
    assert cards[0]["metrics"]["valid_auc"] == cards[1]["metrics"]["valid_auc"]
    assert cards[1]["metrics"]["epoch"] == 0
    before, after = weights_of(head), weights_of(tuned)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(after["kernel"], LocalStatistics(tuned=True).kernel)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({**HEAD, "finetune_epochs": -1}, "finetune_epochs must be 0 or greater, got -1"),
        ({**HEAD, "finetune_epochs": "many"}, "finetune_epochs must be a whole number"),
        (
            {**HEAD, "recipe": "published", "finetune_epochs": 2},
            "finetune_epochs is of heads: say recipe=lemons or trunk=NAME",
        ),
        ({**TUNED, "compiled": True}, "compiled is of the published network"),
        ({**TUNED, "batch_size": 0}, "batch_size must be greater than 0, got 0"),
        ({**TUNED, "input_length": 100}, "input_length must be at least 7,936"),
        ({**TUNED, "model_load_path": "a.pth"}, "leave model_load_path out"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_folder(lemons, data_folder, options, said):
    done = lemons("experiment", **options)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert said in line
    assert not (data_folder / "experiments").exists()


def test_a_chosen_strength_is_on_the_card(lemons, data_folder, monkeypatch):
    monkeypatch.setattr("recsys.heads.training.choose_strength", lambda *_: 0.005)
    assert lemons("experiment", **HEAD, choose_strength=False).code == 0
    assert lemons("experiment", **HEAD).code == 0
    cards = [load_model(each)[1] for each in experiments_of(data_folder)]
    assert [card["strength"] for card in cards] == [0.00045, 0.005]
    assert np.linalg.norm(cards[1]["trunk"]["weight"]) > np.linalg.norm(cards[0]["trunk"]["weight"])


def test_many_are_fine_tuned_once(lemons, data_folder):
    arguments = ["--catalogue", "tiny", "--recipe", "lemons", "--finetune_epochs", "1"]
    arguments += ["--input_length", "8000", "--jobs", "1"]
    done = lemons("train_all", *arguments)
    assert done.code == 0, done.err
    assert "marko: best model of epoch" in done.out
    assert len(experiments_of(data_folder)) == 2
    assert "2 of 2 listeners are trained already" in lemons("train_all", *arguments).out
    assert len(experiments_of(data_folder)) == 2
