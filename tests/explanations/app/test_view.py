"""What the browser is told of an explanation."""

import base64
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from audiolime.exact import Tables, TrunkTables
from explanations.app.explanation_job import ExplanationJob
from explanations.app.pair_words import pair_marks
from explanations.app.view import mixer_data, view_explanation
from explanations.listeners import load_listener
from explanations.player import Resource
from explanations.store import Explanation, Request
from lemons_utils import configuration
from recsys.catalogue import open_catalogue
from tests.faults.damage import flip

SEGMENTS = ((0, 32_000), (32_000, 62_111), (62_111, 96_000), (96_000, 130_001), (130_001, 160_000))
STEMS = ("vocals", "piano", "drums", "bass", "other")


def test_mixer_data_takes_an_explanation_as_it_is() -> None:
    request = Request("time", SEGMENTS, "exact", 1, 0, "truth", "1", "", "")
    weights = (0.1, -0.2, 0.3, 0.0, 0.5)
    explanation = Explanation(request, STEMS, tuple("abcde"), weights, 0.0, 1.0, 0.7, None, "1")
    audio = [Resource(url=f"/audio/{name}.flac") for name in STEMS]
    data = mixer_data(explanation, audio, Resource(url="/audio/tables.npz"))
    told = json.loads(json.dumps(data.to_json(), allow_nan=False))
    assert (told["kind"], told["type"], told["relevance"]) == ("mixer", "time", 0.7)
    assert told["weights"] == list(weights)
    assert [stem["name"] for stem in told["stems"]] == list(STEMS)
    assert [stem["url"] for stem in told["stems"]] == [resource.url for resource in audio]
    assert told["tables"] == {"url": "/audio/tables.npz"}
    assert told["segments"][1] == list(SEGMENTS[1])
    assert told["mask"] == ""
    assert [action["id"] for action in told["actions"]] == ["share"]


def test_a_listener_of_a_trunk_has_shared_tables_and_saves_small_ones(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_folder = tmp_path / "house"
    for part in ("catalogues", "experiments", "trunks"):
        shutil.copytree(house / part, data_folder / part)
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(data_folder))
    config = configuration()
    listener = load_listener("paige", catalogue="demo", experiments=config.experiments)
    catalogue = open_catalogue("demo", data_folder=config.data_folder)
    job = ExplanationJob(listener, catalogue, sorted(catalogue.track_ids)[0], config)
    job.make("time", lambda step, share: None)
    explanation = job.stored("time")
    assert explanation is not None
    assert not job.store.tables_path(job.track_id).exists()
    view = view_explanation(job, explanation, name="Paige", title="A song", heads=job.heads())
    told = view.mixer.to_json()
    assert told["listener"] == "paige" and told["tables"]["url"].endswith(".npz")
    (heads,) = json.loads((config.web_folder / job.heads()).read_text())["heads"]
    assert told["heads"]["url"].endswith(job.heads()) and heads["name"] == "paige"
    trunk = TrunkTables.read(view.tables_file)
    masks = np.random.default_rng(0).integers(0, 2, (9, 3 * len(explanation.stem_names)))
    masks[0] = 1
    expected = trunk.of_head(heads["weights"], [], heads["bias"]).relevance(masks)
    assert expected[0] == pytest.approx(explanation.relevance, abs=1e-9)

    page = view.downloads("", title="A song", name="Paige")[-1].make().decode()
    content = re.search(r'id="content">(.*?)</script>', page)
    assert content is not None
    (mixer,) = json.loads(content[1])["players"]
    assert mixer["heads"] is None
    assert mixer["pairs"] == [vars(pair) for pair in pair_marks(explanation)]
    assert explanation.fidelity_with_pairs is not None
    both = f"fidelity {explanation.fidelity:.2f} (with pairs {explanation.fidelity_with_pairs:.2f})"
    assert both in page
    (tmp_path / "tables.npz").write_bytes(base64.b64decode(mixer["tables"]["base64"]))
    assert (tmp_path / "tables.npz").stat().st_size < 100_000
    own = Tables.read(tmp_path / "tables.npz").relevance(masks)
    np.testing.assert_allclose(own, expected, rtol=0, atol=1e-6)

    web, damaged = view.tables_file, flip(view.tables_file.read_bytes(), np.random.default_rng(0))
    web.write_bytes(damaged)
    view_explanation(job, explanation, name="Paige", title="A song", heads=job.heads())
    assert web.read_bytes() == job.tables_path.read_bytes() != damaged
    for path in (job.store.path(job.track_id, "time"), job.tables_path):
        path.write_bytes(flip(path.read_bytes(), np.random.default_rng(0)))
        assert job.stored("time") is None
        job.make("time", lambda step, share: None)  # it is computed again instead of being shown
        assert job.stored("time") == explanation
