"""The list of recommendations: scored, ranked, searched."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from explanations.app.recommendations import choose, ranked, score, stored_relevance
from explanations.listeners import ListenerModel
from recsys.catalogue import Catalogue, save_audio, write_tracks
from recsys.model import FCN
from recsys.predict import relevance_path

COUNT = 5


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    folder = tmp_path_factory.mktemp("data") / "catalogues" / "mine"
    rng = np.random.default_rng(11)
    rows = [
        {
            "track_id": save_audio(folder, rng.integers(-9000, 9000, 16_000).astype(np.int16)),
            "title": f"Straße [No. {number}]",
            "artist": ("Anna", "Ben")[number % 2],
            "genre": ("hum", "Chirp", "")[number % 3],
            "samples": 16_000,
        }
        for number in range(COUNT)
    ]
    write_tracks(folder, pd.DataFrame(rows))
    return Catalogue("mine", folder)


@pytest.fixture(scope="module")
def listener() -> ListenerModel:
    torch.manual_seed(5)
    return ListenerModel("anna", FCN().eval(), "a" * 64, Path("model.safetensors"))


@pytest.fixture
def scores(catalogue: Catalogue) -> pd.DataFrame:
    return pd.DataFrame(
        {"track_id": list(catalogue.track_ids), "relevance": [0.2, 0.9, 0.5, 0.9, 0.1]}
    )


@pytest.fixture
def table(catalogue: Catalogue, scores: pd.DataFrame) -> pd.DataFrame:
    return ranked(catalogue, scores, list(catalogue.track_ids)[:2])


def test_relevance_is_scored_once_and_kept(catalogue: Catalogue, listener: ListenerModel) -> None:
    assert stored_relevance(listener, catalogue) is None
    told: list[tuple[str, float]] = []
    score(listener, catalogue, lambda step, share: told.append((step, share)))
    assert {step for step, _ in told} == {"score"}
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    stored = stored_relevance(listener, catalogue)
    assert stored is not None
    assert sorted(stored["track_id"]) == sorted(catalogue.track_ids)
    assert stored["relevance"].between(0, 1).all()


def test_relevance_counts_only_if_it_is_whole_and_this_models(
    catalogue: Catalogue, listener: ListenerModel, tmp_path: Path
) -> None:
    score(listener, catalogue, lambda *_: None)
    path = relevance_path(catalogue, listener.user_name, listener.checksum)
    other = ListenerModel("anna", listener.network, "b" * 64, listener.path)
    assert stored_relevance(other, catalogue) is None
    whole = path.read_bytes()
    try:
        pd.read_parquet(path).head(COUNT - 1).to_parquet(path)
        assert stored_relevance(listener, catalogue) is None
        path.write_bytes(b"torn")
        assert stored_relevance(listener, catalogue) is None
        path.write_bytes(whole)
        assert stored_relevance(listener, catalogue) is not None
    finally:
        path.unlink()


def test_what_the_progress_raises_ends_the_scoring(
    catalogue: Catalogue, listener: ListenerModel
) -> None:
    def stop(step: str, share: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        score(listener, catalogue, stop)
    assert stored_relevance(listener, catalogue) is None


def test_ranks_by_relevance_then_by_id(catalogue: Catalogue, table: pd.DataFrame) -> None:
    ids = list(catalogue.track_ids)
    expected = [*sorted([ids[1], ids[3]]), ids[2], ids[0], ids[4]]
    assert list(table["track_id"]) == expected
    assert list(table["rank"]) == [1, 2, 3, 4, 5]
    assert list(table.index) == [0, 1, 2, 3, 4]
    assert set(table.loc[table["heard"], "track_id"]) == set(ids[:2])
    assert list(table.columns) == [
        "rank", "track_id", "title", "artist", "genre", "duration_s", "relevance", "heard",
    ]  # fmt: skip


def test_ranks_only_what_is_scored_and_in_the_catalogue(
    catalogue: Catalogue, scores: pd.DataFrame
) -> None:
    gone = pd.DataFrame({"track_id": ["gone"], "relevance": [1.0]})
    found = ranked(catalogue, pd.concat([scores.head(2), gone]), ())
    assert sorted(found["track_id"]) == sorted(scores["track_id"].head(2))
    assert not found["heard"].any()
    assert ranked(catalogue, scores.head(0), ()).empty


@pytest.mark.parametrize(
    ("search", "count"),
    [
        ({}, 5),
        ({"words": "  "}, 5),
        ({"words": "strasse"}, 5),  # as case folding spells it
        ({"words": "[NO. 3]"}, 1),
        ({"words": "ben no."}, 2),
        ({"words": "no. ben"}, 2),
        ({"words": "ben nobody"}, 0),
        ({"words": ".*"}, 0),
        ({"words": "chirp"}, 2),
        ({"genres": ["hum"]}, 2),
        ({"genres": ["hum", "Chirp"]}, 4),
        ({"genres": ["chirp"]}, 0),
        ({"unheard": True}, 3),
        ({"words": "anna", "genres": ["hum"], "unheard": True}, 0),
    ],
)
def test_a_search_keeps_what_matches(table: pd.DataFrame, search, count: int) -> None:
    found = choose(table, **search)
    assert len(found) == count
    assert list(found["rank"]) == sorted(found["rank"])  # ranks stay those of the whole list


@given(st.text(max_size=20))
def test_any_text_can_be_searched_for(words: str) -> None:
    table = pd.DataFrame(
        {"title": [words, "Tune"], "artist": ["", words], "genre": ["", ""], "heard": [True, False]}
    )
    assert len(choose(table, words=words)) == 2
