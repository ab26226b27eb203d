"""Scoring and ingesting by others: the same to the last bit, also where one of them dies."""

import pandas as pd
import pytest

from lemons_jobs import Workers
from recsys.catalogue import Catalogue, write_tracks
from recsys.checkpoint import load_model
from recsys.ingest import ingest
from recsys.predict import predict, relevance_path, relevance_table


@pytest.fixture(params=["processes", "cluster"])
def workers(request) -> Workers:
    return Workers(2, request.getfixturevalue("cluster") if request.param == "cluster" else "")


@pytest.fixture
def catalogue(tmp_path, make_catalogue):
    """Tracks of two lengths."""
    folder, tables = tmp_path / "lengths", []
    for seed, seconds in enumerate((0.8, 1.1)):
        tables.append(make_catalogue(folder, tracks=6, seconds=seconds, seed=seed).tracks)
    write_tracks(folder, pd.concat(tables, ignore_index=True))
    return Catalogue("lengths", folder)


def test_relevance_is_the_same_to_the_last_bit_when_a_worker_dies(
    workers, catalogue, tmp_path, give_model, monkeypatch, kill_a_worker
):
    network, _ = load_model(give_model("marko"))
    monkeypatch.setattr("recsys.track_table.CHUNK_TRACKS", 2)
    expected = predict(network, relevance_table(catalogue, "", "", tmp_path / "one.parquet"))
    shares = []

    def on_progress(step: str, share: float) -> None:
        shares.append(share)
        if len(shares) == 3:
            kill_a_worker(workers)

    many = relevance_table(catalogue, "", "", tmp_path / "many.parquet")
    table = predict(network, many, workers=workers, on_progress=on_progress)
    pd.testing.assert_frame_equal(table, expected, check_exact=True)
    assert shares == [tracks / 12 for tracks in (0, 2, 4, 6, 8, 10, 12)]
    assert not list(tmp_path.glob("*.jsonl"))


def test_the_commands_take_jobs_and_a_cluster(lemons, data_folder, give_model, cluster):
    folder = give_model("marko")
    arguments = ["--user_name", "marko", "--catalogue", "tiny", "--device", "cpu"]
    catalogue = Catalogue("tiny", data_folder / "catalogues" / "tiny")
    path = relevance_path(catalogue, "marko", load_model(folder)[1]["model_checksum"])
    tables = []
    for workers in ([], ["--jobs", "2"], ["--cluster", cluster]):
        path.unlink(missing_ok=True)
        done = lemons("predict", *arguments, *workers)
        assert (done.code, done.err) == (0, "")
        tables.append(pd.read_parquet(path))
    pd.testing.assert_frame_equal(tables[1], tables[0], check_exact=True)
    pd.testing.assert_frame_equal(tables[2], tables[0], check_exact=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--jobs", "0"], "jobs must be 1 or more"),
        (["--cluster", "nowhere.json"], "no scheduler file nowhere.json"),
        (["--jobs", "2", "--device", "cuda:9"], "device must be"),
    ],
)
def test_a_mistake_is_one_line(lemons, give_model, arguments, said):
    give_model("marko")
    done = lemons("predict", "--user_name", "marko", "--catalogue", "tiny", *arguments)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert said in line


def test_an_ingest_is_the_same_when_a_worker_dies(
    workers, tmp_path, write_media, rng, monkeypatch, kill_a_worker
):
    from recsys.ingest.journal import IngestJournal

    for number in range(12):
        write_media(tmp_path / "music" / f"{number}.flac", rng.normal(0, 0.1, (1, 20_000)), 16_000)
    (tmp_path / "music" / "torn.flac").write_bytes(b"fLaC")
    one = ingest(tmp_path / "music", tmp_path / "one", workers=Workers(1))

    add, added = IngestJournal.add, []

    def add_and_kill(journal, entry) -> None:
        add(journal, entry)
        added.append(entry.file)
        if len(added) == 3:
            kill_a_worker(workers)

    monkeypatch.setattr(IngestJournal, "add", add_and_kill)
    many = ingest(tmp_path / "music", tmp_path / "many", workers=workers)
    assert many == one and one.tracks == 12 and len(one.skipped) == 1
    assert len(added) == len(set(added)) == 13
    for name in ("tracks.parquet", "skipped.csv", "ingest.jsonl"):
        assert (tmp_path / "many" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
