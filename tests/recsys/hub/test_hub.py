"""The page of a model says what its card says; a model is handed out whole."""

import json
import sys
from types import SimpleNamespace

import pytest
import torch
import yaml

from lemons_utils import DataError
from recsys.checkpoint import load_model, make_card, save_model
from recsys.hub import card_page
from recsys.hub.command import main, push_to_hub, write_repository
from recsys.model import LocalStatistics


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "experiments" / "2026-01-02_03-04-05-own-o'hara" / "best_model.safetensors"
    config = {"catalogue": "own", "user_name": "o'hara", "recipe": "lemons", "trunk": "a|b"}
    metrics = {"epoch": 1, "valid_loss": 0.5, "valid_auc": 0.75, "valid_map": 0.8125}
    save_model(path, LocalStatistics(), make_card(config=config, metrics=metrics))
    (path.parent / "experiment.json").write_text(
        json.dumps({"options": config, "finished": True, "started": ""})
    )
    return path


def test_a_model_has_its_page_beside_its_card(weights):
    page = weights.with_suffix(".md").read_text()
    _, metadata, text = page.split("---\n", 2)
    (about,) = yaml.safe_load(metadata)["model-index"]
    assert about["name"] == "o'hara on own"
    (result,) = about["results"]
    assert {each["type"]: each["value"] for each in result["metrics"]} == {
        "AUC": 0.75, "MAP": 0.8125, "binary cross-entropy": 0.5,
    }  # fmt: skip
    assert "| AUC | 0.750 |" in text and r"| `trunk` | a\|b |" in text
    card = json.loads(weights.with_suffix(".json").read_text())
    assert card["model_checksum"] in text and card["versions"]["torch"] in text


def test_a_trunk_has_a_page_without_results(tmp_path):
    path = tmp_path / "trunk.safetensors"
    card = make_card(config={"catalogue": "own"}, metrics={}, name="own", sample_checksum="ab")
    save_model(path, {"directions": torch.zeros(2, 3)}, card)
    page = path.with_suffix(".md").read_text()
    assert "# LEMONS: trunk own" in page and "Results" not in page and "model-index" not in page


def test_the_command_writes_a_repository_that_loads(weights, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path))
    out = tmp_path / "out"
    assert main(["--user_name", "o'hara", "--catalogue", "own", "--out", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {
        "README.md", "best_model.json", "best_model.safetensors",
    }  # fmt: skip
    _, card = load_model(out)
    assert card["config"]["user_name"] == "o'hara"
    assert (out / "README.md").read_text() == card_page(card)
    assert main(["--model", str(weights.parent), "--out", str(out)]) == 0

    (out / "best_model.json").unlink()
    assert main(["--model", str(weights), "--out", str(out)]) == 2
    assert "holds another model" in capsys.readouterr().err
    assert main(["--out", str(out)]) == 2


class LocalHub:
    """The part of huggingface_hub that is used, on a folder."""

    folder = None

    def create_repo(self, repository, *, private, exist_ok):
        assert exist_ok
        (self.folder / repository).mkdir(parents=True, exist_ok=True)
        (self.folder / repository / "private").write_text(str(private))

    def upload_folder(self, *, repo_id, folder_path):
        from pathlib import Path

        for path in Path(folder_path).iterdir():
            (self.folder / repo_id / path.name).write_bytes(path.read_bytes())
        return f"file://{self.folder / repo_id}"


def test_push_to_hub_uploads_what_the_command_writes(weights, tmp_path, monkeypatch):
    monkeypatch.setattr(LocalHub, "folder", tmp_path / "hub")
    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(HfApi=LocalHub))
    where = push_to_hub(weights, "me/model")
    there = tmp_path / "hub" / "me" / "model"
    assert where == f"file://{there}"
    assert (there / "private").read_text() == "True"
    for path in write_repository(weights, tmp_path / "out"):
        assert (there / path.name).read_bytes() == path.read_bytes()


def test_without_the_package_the_line_says_what_to_install(weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(DataError, match=r"lemons\[hub\]"):
        push_to_hub(weights, "me/model")
