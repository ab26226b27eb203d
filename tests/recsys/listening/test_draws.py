import hashlib

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lemons_utils import DataError
from recsys.catalogue import Catalogue, write_tracks
from recsys.listening import make_split
from recsys.listening.draws import Pool

IDS = [f"track{number:04}" for number in range(300)]


def plain_draw(ids: list[str], count: int, salt: str, without: set[str]) -> list[str]:
    left = sorted(set(ids) - without, key=lambda i: hashlib.sha256((salt + i).encode()).digest())
    return left[:count]


@pytest.fixture(params=["hashed here", "hashed by DuckDB"], autouse=True)
def way(request, monkeypatch):
    if request.param == "hashed by DuckDB":
        monkeypatch.setattr("recsys.listening.draws.KEPT_IDS", 0)


@settings(
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))),
    st.integers(0, 10),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    st.data(),
)
def test_a_draw_ranks_by_sha256(ids, count, salt, data):
    without = set(data.draw(st.lists(st.sampled_from(ids)))) if ids else set()
    pool = Pool(ids)
    assert len(pool) == len(set(ids))
    drawn = pool.draw(count, salt=salt, without=without)
    assert list(drawn) == plain_draw(ids, count, salt, without)


def test_a_file_and_a_list_are_the_same_pool(tmp_path):
    write_tracks(tmp_path, pd.DataFrame({"track_id": IDS, "samples": 16_000}))
    table = Catalogue("mine", tmp_path).table
    listed, streamed = Pool(IDS), Pool(table)
    assert len(listed) == len(streamed) == 300
    for pool in (listed, streamed):
        assert pool.unknown(["b", IDS[3], "a", "b"]) == ["a", "b"]
        assert list(pool.draw(400, salt="x", without=IDS[7:])) == plain_draw(IDS[:7], 7, "x", set())
    plays = pd.DataFrame({"track_id": IDS[:60], "playcount": 2})
    pd.testing.assert_frame_equal(make_split(plays, listed), make_split(plays, streamed))


def test_a_damaged_file_is_a_data_error(tmp_path):
    (tmp_path / "tracks.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match=r"tracks\.parquet is no table"):
        len(Pool(tmp_path / "tracks.parquet"))
