"""The page of a model says what its card says; a model is handed out whole."""

import base64
import importlib.util
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
import torch
import yaml

from lemons_utils import DataError
from recsys import experiment
from recsys.checkpoint import load_model, make_card, save_model
from recsys.hub import card_page
from recsys.hub.card import OF_EPOCHS
from recsys.hub.command import main, push_to_hub, write_repository
from recsys.model import LocalStatistics
from recsys.options import TRAINING


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


def test_a_head_fitted_in_one_go_has_no_options_of_epochs():
    names = list(TRAINING)
    of_epochs = names[names.index("input_length") : names.index("device") + 1]
    assert [*OF_EPOCHS] == of_epochs
    for changes, shown in (
        ({"recipe": "lemons", "finetune_epochs": 0}, False),
        ({"recipe": "lemons", "finetune_epochs": 4}, True),
        ({"recipe": "published", "finetune_epochs": 0}, True),
    ):
        page = card_page({"config": {**experiment.defaults(), **changes}})
        assert [f"| `{name}` |" in page for name in of_epochs] == [shown] * len(of_epochs)
        assert "| `split_seed` |" in page


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


class Hub(BaseHTTPRequestHandler):
    """The answers of a hub to an upload; `server.files` has what it was sent."""

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        server, here = self.server, f"http://{self.headers['Host']}/me/model"
        if self.path == "/api/repos/create":
            server.created = json.loads(content)
            answer = {"url": here}
        elif self.path == "/api/validate-yaml":
            answer = {"errors": [], "warnings": []}
        elif self.path == "/api/models/me/model/preupload/main":
            modes = {"uploadMode": "regular", "shouldIgnore": False}
            names = [file["path"] for file in json.loads(content)["files"]]
            answer = {"files": [{"path": name, **modes} for name in names]}
        else:
            assert self.path == "/api/models/me/model/commit/main"
            for line in map(json.loads, content.splitlines()):
                if line["key"] == "file":
                    file = line["value"]
                    server.files[file["path"]] = base64.b64decode(file["content"])
            answer = {"success": True, "commitUrl": f"{here}/commit/abc", "commitOid": "abc"}
        body = json.dumps(answer).encode()
        self.send_response(403 if server.refuses else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.mark.only_if(importlib.util.find_spec("huggingface_hub") is not None)
def test_the_real_package_uploads_what_the_command_writes(weights, tmp_path, monkeypatch):
    import huggingface_hub as hub  # of the extra `hub`, which no lock holds

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.files, server.refuses = {}, False
    address = f"http://127.0.0.1:{server.server_port}"
    api = hub.HfApi(endpoint=address, token="hf_none")
    monkeypatch.setattr(hub, "HfApi", lambda: api)
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert push_to_hub(weights, "me/model") == f"{address}/me/model/commit/abc"
        assert (server.created["name"], server.created["organization"]) == ("model", "me")
        assert server.files == {
            path.name: path.read_bytes() for path in write_repository(weights, tmp_path / "out")
        }
        (result, *_) = hub.ModelCard(server.files["README.md"].decode()).data.eval_results
        assert (result.metric_type, result.metric_value) == ("AUC", 0.75)
        server.refuses = True
        with pytest.raises(DataError, match=r"me/model was not uploaded: .*403"):
            push_to_hub(weights, "me/model")
        server.shutdown()
    with pytest.raises(DataError, match="me/model was not uploaded"):
        push_to_hub(weights, "me/model")


def test_without_the_package_the_line_says_what_to_install(weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(DataError, match=r"lemons\[hub\]"):
        push_to_hub(weights, "me/model")
