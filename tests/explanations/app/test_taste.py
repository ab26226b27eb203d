"""A taste that is learnt from likes: what it recommends, and what is left of it."""

import csv
import io
from pathlib import Path

import pytest
from safetensors.torch import load

from explanations.app.explanation_job import ExplanationJob
from explanations.app.taste import (
    YOU,
    Viewer,
    fit_viewer,
    likes_csv,
    offered,
    relevance_of_all,
    weights_file,
)
from explanations.listeners import fellow_heads, load_listener
from lemons_utils import configuration
from recsys.catalogue import Catalogue, open_catalogue


@pytest.fixture(scope="module")
def catalogue(house: Path) -> Catalogue:
    return open_catalogue("demo", data_folder=house)


def of_genre(catalogue: Catalogue, genre: str, count: int) -> list[str]:
    tracks = catalogue.tracks
    return list(tracks.loc[tracks["genre"] == genre, "track_id"].head(count))


@pytest.fixture(scope="module")
def feelings(catalogue: Catalogue) -> dict[str, bool]:
    liked = dict.fromkeys(of_genre(catalogue, "chirp", 3), True)
    return {**liked, **dict.fromkeys(of_genre(catalogue, "hum", 2), False)}


@pytest.fixture(scope="module")
def viewer(catalogue: Catalogue, feelings, house: Path, tmp_path_factory) -> Viewer:
    paige = load_listener("paige", catalogue="demo", experiments=house / "experiments")
    fitted = fit_viewer(
        feelings,
        catalogue,
        experiments=house / "experiments",
        home=tmp_path_factory.mktemp("home"),
        beside=paige.path,
    )
    assert fitted is not None
    return fitted


def test_two_likes_are_too_few(catalogue: Catalogue, house: Path, tmp_path: Path) -> None:
    two = dict.fromkeys(of_genre(catalogue, "chirp", 2), True)
    assert fit_viewer(two, catalogue, experiments=house / "experiments", home=tmp_path) is None


def test_who_likes_chirps_is_recommended_chirps(catalogue, viewer, feelings, house) -> None:
    scores = relevance_of_all(viewer.model(house / "experiments"), catalogue)
    assert set(scores["track_id"]) == set(catalogue.track_ids)
    table = scores.merge(catalogue.tracks, on="track_id").sort_values("relevance")
    unheard = table[~table["track_id"].isin(set(feelings))]
    assert list(unheard["genre"].tail(2)) == ["chirp", "chirp"]
    assert (viewer.key, viewer.taste) == (YOU, "3 liked and 2 disliked tracks")


def test_the_viewer_is_explained_beside_the_others_and_leaves_nothing(
    catalogue, viewer, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(house))
    model, config = viewer.model(house / "experiments"), configuration()
    assert set(fellow_heads(model)) == {YOU, "paige"}
    track_id = catalogue.track_ids[0]
    job = ExplanationJob(model, catalogue, track_id, config, kept_in=viewer.kept_in)
    job.make("source", lambda step, share: None)
    explanation = job.stored("source")
    scores = relevance_of_all(model, catalogue).set_index("track_id")["relevance"]
    assert explanation.relevance == pytest.approx(scores[track_id], abs=1e-4)
    assert list(viewer.kept_in.rglob("source.json"))
    assert not (config.stored_explanations / "demo" / YOU).exists()


def test_what_is_offered_is_of_all_genres_and_not_decided_on(catalogue, feelings) -> None:
    found = offered(catalogue, feelings)
    assert not set(found["track_id"]) & set(feelings)
    assert set(found["genre"].head(3)) == {"hum", "clatter", "chirp"}
    assert len(offered(catalogue, {}, 1)) == 3, "the rest of fifteen"


def test_likes_and_weights_can_be_taken_along(catalogue, viewer, feelings, house) -> None:
    rows = list(csv.DictReader(io.StringIO(likes_csv(feelings, catalogue))))
    assert {row["track_id"]: row["liked"] == "1" for row in rows} == feelings
    model = viewer.model(house / "experiments")
    weights = load(weights_file(model))
    assert weights.keys() == model.network.state_dict().keys()
