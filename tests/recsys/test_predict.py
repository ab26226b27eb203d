"""Relevance of every track: right, sorted, kept, and never computed twice."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from lemons_jobs import Workers
from lemons_utils import DataError
from recsys import predict as prediction
from recsys.catalogue import Catalogue, save_audio, write_tracks
from recsys.checkpoint import BEST_MODEL, load_model, save_model
from recsys.experiments import find_model
from recsys.heads import complete_features, feature_batches, features, read_trunk, trunk_path
from recsys.listening import PUBLISHED_SEED, read_split, split_path
from recsys.predict import COLUMNS, predict, relevance_path, relevance_table
from recsys.track_table import TrackTable

ROOT = Path(__file__).parents[2]


class Stop(Exception):
    pass


def relevance_of(catalogue: Catalogue, path: Path, model: str = "a model") -> TrackTable:
    return relevance_table(catalogue, "", model, path)


@pytest.fixture
def network(give_model):
    return load_model(give_model("marko"))[0]


@pytest.fixture
def catalogue(tmp_path, make_catalogue):
    """Tracks of three lengths, one of them shorter than the network takes."""
    folder, tables = tmp_path / "lengths", []
    for seed, seconds in enumerate((0.4, 0.8, 1.1)):
        tables.append(make_catalogue(folder, tracks=3, seconds=seconds, seed=seed).tracks)
    write_tracks(folder, pd.concat(tables, ignore_index=True))
    return Catalogue("lengths", folder)


def plain_relevance(network, audio) -> float:
    waveform = torch.from_numpy(np.resize(audio, max(audio.size, 7_936)) / np.float32(32768))
    with torch.inference_mode():
        return torch.sigmoid(network(waveform[None].float())).item()


def test_every_track_has_the_plain_networks_relevance_in_order(network, catalogue, tmp_path):
    path = tmp_path / "out.parquet"
    table = predict(network, relevance_of(catalogue, path))
    assert tuple(table.columns) == COLUMNS
    assert set(table["track_id"]) == set(catalogue.track_ids)
    assert table["relevance"].is_monotonic_decreasing
    for row in table.itertuples():
        audio = catalogue.audio(row.track_id)
        assert row.relevance == pytest.approx(plain_relevance(network, audio), abs=1e-6)
    titles = catalogue.tracks.set_index("track_id")["title"]
    assert all(titles[row.track_id] == row.title for row in table.itertuples())
    pd.testing.assert_frame_equal(pd.read_parquet(path), table)
    assert [entry.name for entry in tmp_path.glob("out*")] == ["out.parquet"]


@pytest.mark.parametrize("batch_size", [1, 2, 50])
def test_batches_and_chunks_change_nothing(network, catalogue, tmp_path, monkeypatch, batch_size):
    expected = predict(network, relevance_of(catalogue, tmp_path / "one.parquet"))
    monkeypatch.setattr("recsys.track_table.CHUNK_TRACKS", 2)
    table = predict(
        network, relevance_of(catalogue, tmp_path / "two.parquet"), batch_size=batch_size
    )
    pd.testing.assert_frame_equal(table, expected, atol=1e-7)


def test_on_a_gpu_relevance_is_that_of_the_cpu(gpu, network, catalogue, tmp_path):
    here = predict(network, relevance_of(catalogue, tmp_path / "here.parquet"))
    there = relevance_of(catalogue, tmp_path / "there.parquet")
    found = predict(network, there, device=str(gpu)).set_index("track_id")["relevance"]
    assert network.window.is_cuda
    assert found[here["track_id"]].to_numpy() == pytest.approx(here["relevance"], abs=1e-5)


def test_workers_are_sent_a_network_that_is_on_no_gpu(
    gpu, network, catalogue, tmp_path, monkeypatch
):
    """They may have none, or another, and move it themselves."""
    sent = []
    monkeypatch.setattr(TrackTable, "complete", lambda table, work, **how: sent.append(work))
    table, how = relevance_of(catalogue, tmp_path / "out.parquet"), {"device": str(gpu)}
    prediction.score_catalogue(network.to(gpu), table, **how, workers=Workers(2))
    assert not sent[0].args[0].window.is_cuda and network.window.is_cuda


def test_what_is_known_is_not_scored_again(network, catalogue, tmp_path, monkeypatch):
    path = tmp_path / "out.parquet"
    first = predict(network, relevance_of(catalogue, path))
    written = path.stat().st_mtime_ns
    monkeypatch.setattr(prediction, "score_tracks", None)
    pd.testing.assert_frame_equal(predict(network, relevance_of(catalogue, path)), first)
    assert path.stat().st_mtime_ns == written


def test_new_tracks_are_scored_alone_and_titles_follow_the_catalogue(
    network, catalogue, tmp_path, monkeypatch, rng
):
    path = tmp_path / "out.parquet"
    first = predict(network, relevance_of(catalogue, path)).set_index("track_id")
    new = save_audio(catalogue.folder, rng.integers(-9000, 9000, 9000).astype(np.int16))
    tracks = catalogue.tracks.assign(title="another title")
    tracks = pd.concat([tracks[1:], pd.DataFrame({"track_id": [new], "samples": [9000]})])
    write_tracks(catalogue.folder, tracks)
    grown = Catalogue(catalogue.name, catalogue.folder)
    scored = []
    score = prediction.score_tracks

    def watch(network, tracks, **options):
        scored.extend(tracks.track_ids)
        return score(network, tracks, **options)

    monkeypatch.setattr(prediction, "score_tracks", watch)
    table = predict(network, relevance_of(grown, path)).set_index("track_id")
    assert scored == [new]
    assert set(table.index) == set(grown.track_ids)
    common = list(set(table.index) - {new})
    assert (table["relevance"][common] == first["relevance"][common]).all()
    assert set(table["title"][common]) == {"another title"}


def test_interrupted_it_goes_on_and_a_torn_line_does_no_harm(
    network, catalogue, tmp_path, monkeypatch
):
    expected = predict(network, relevance_of(catalogue, tmp_path / "whole.parquet"))
    path = tmp_path / "out.parquet"
    monkeypatch.setattr("recsys.track_table.CHUNK_TRACKS", 2)
    seen = []

    def stop_at_the_third_chunk(step: str, share: float) -> None:
        seen.append(share)
        if share > 4 / len(catalogue.track_ids):
            raise Stop

    with pytest.raises(Stop):
        predict(network, relevance_of(catalogue, path), on_progress=stop_at_the_third_chunk)
    assert not path.exists()
    (notes,) = tmp_path.glob("out*")
    text = notes.read_text()
    notes.write_text(text[: text.rindex("]") - 2])  # the fourth track, cut off
    seen = []
    table = predict(
        network, relevance_of(catalogue, path), on_progress=lambda *said: seen.append(said)
    )
    assert seen[0] == ("score", 3 / len(catalogue.track_ids))
    assert seen[-1] == ("score", 1.0)
    assert seen == sorted(seen)
    pd.testing.assert_frame_equal(table, expected, atol=1e-7)
    assert [entry.name for entry in tmp_path.glob("out*")] == ["out.parquet"]


def test_another_table_in_its_place_is_not_taken(network, catalogue, tmp_path):
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "out.parquet")
    with pytest.raises(DataError, match="no table of relevance"):
        predict(network, relevance_of(catalogue, tmp_path / "out.parquet"))


# -- the command -------------------------------------------------------------------------------
def test_the_command_keeps_a_table_and_prints_the_top(lemons, data_folder, give_model):
    folder = give_model("marko")
    done = lemons("predict", "--user_name", "marko", "--catalogue", "tiny", "--device", "cpu")
    assert (done.code, done.err) == (0, "")
    catalogue = Catalogue("tiny", data_folder / "catalogues" / "tiny")
    path = relevance_path(catalogue, "marko", load_model(folder)[1]["model_checksum"])
    table = pd.read_parquet(path)
    lines = [line for line in done.out.splitlines() if line[:4].strip().isdigit()]
    assert len(lines) == 10
    liked = set(catalogue.tracks["track_id"][catalogue.tracks["genre"] == "low"])
    for line, row in zip(lines, table.itertuples(), strict=False):
        assert line.endswith(f"{row.relevance:.3f}  {row.artist}: {row.title}")
        assert ("*" in line) == (row.track_id not in liked)
    done = lemons("predict", "--user_name", "marko", "--catalogue", "tiny", "--unheard")
    unheard = [line for line in done.out.splitlines() if line[:4].strip().isdigit()]
    new = table[~table["track_id"].isin(liked)].head(10)
    assert [line.rsplit(": ", 1)[1] for line in unheard] == new["title"].tolist()
    assert all("*" in line for line in unheard)
    assert str(path) in done.out
    assert done.out.startswith(f"model: {folder.name} (the newest: none is recorded as current)\n")


def test_another_precision_has_a_table_of_its_own(lemons, data_folder, give_model):
    """The rest of the house takes relevance in float32, whatever somebody has tried."""
    checksum = load_model(give_model("marko"))[1]["model_checksum"]
    catalogue = Catalogue("tiny", data_folder / "catalogues" / "tiny")
    arguments = ["--user_name", "marko", "--catalogue", "tiny", "--precision", "bfloat16"]
    done = lemons("predict", *arguments)
    assert (done.code, done.err) == (0, "")
    path = relevance_path(catalogue, "marko", checksum, "bfloat16")
    assert f"{checksum[:12]}-bfloat16.parquet" in done.out
    assert not relevance_path(catalogue, "marko", checksum).exists()
    lemons("predict", *arguments[:4])
    plain, half = (
        pd.read_parquet(each).set_index("track_id")["relevance"].sort_index()
        for each in (relevance_path(catalogue, "marko", checksum), path)
    )
    assert 0 < (plain - half).abs().max() < 0.02
    table = relevance_table(catalogue, "marko", checksum, path)
    assert table.read(*COLUMNS) is None  # which is not what float32 goes on with


def test_a_model_scores_another_catalogue_into_another_place(
    lemons, data_folder, give_model, make_catalogue, tmp_path
):
    give_model("marko")
    make_catalogue(data_folder / "catalogues" / "other", tracks=2, seconds=1, seed=5)
    arguments = ["--user_name", "marko", "--catalogue", "other"]
    assert "has no model for catalogue other" in lemons("predict", *arguments).err
    out = tmp_path / "mine.parquet"
    roundabout = str(tmp_path / "nowhere" / ".." / "mine.parquet")
    done = lemons("predict", *arguments, "--trained_on", "tiny", "--out", roundabout)
    assert (done.code, done.err) == (0, "")
    assert f"relevance of 2 tracks for marko: {out}\n" in done.out
    assert done.out.endswith(
        "next: `python -m explanations.store_explanations --catalogue other --trained_on tiny`\n"
    )
    assert len(pd.read_parquet(out)) == 2
    assert not (data_folder / "catalogues" / "other" / "relevance").exists()


def test_another_models_work_is_not_resumed(lemons, data_folder, give_model, tmp_path, monkeypatch):
    """Killed while it scored by one model, the command goes on with that model's work alone."""
    catalogue = Catalogue("tiny", data_folder / "catalogues" / "tiny")
    folder, out = give_model("marko"), tmp_path / "mine.parquet"
    arguments = ("predict", "--user_name", "marko", "--catalogue", "tiny", "--out", str(out))
    first, card = load_model(folder)
    half = dict.fromkeys(catalogue.track_ids[:12], 0.125)
    TrackTable(out, catalogue, {"model": card["model_checksum"]}).note(
        list(half), list(half.values())
    )
    assert lemons(*arguments).code == 0
    assert (pd.read_parquet(out)["relevance"] == 0.125).sum() == 12
    score, scored = prediction.score_tracks, []
    monkeypatch.setattr(
        prediction,
        "score_tracks",
        lambda network, tracks, **options: (
            scored.extend(tracks.track_ids) or score(network, tracks, **options)
        ),
    )
    assert lemons(*arguments).code == 0 and scored == []  # the same model: nothing to do
    with torch.no_grad():
        first.fc.bias += 1
    save_model(folder / BEST_MODEL, first, card)
    for path in (out, out.with_suffix(".unfinished.jsonl")):
        scored.clear()
        TrackTable(path, catalogue, {"model": card["model_checksum"]}).note(
            list(half), list(half.values())
        )
        assert lemons(*arguments).code == 0
        assert sorted(scored) == sorted(catalogue.track_ids)
        assert not (pd.read_parquet(out)["relevance"] == 0.125).any()
        out.unlink()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--catalogue", "nowhere"], "no catalogue 'nowhere'"),
        (["--model", "/nowhere.pth"], "no weights at /nowhere.pth"),
        (["--device", "cuda:9"], "device must be"),
        (["--out", "out.csv"], "--out must end in .parquet"),
        (["--batch_size", "0"], "batch_size must be at least 1"),
    ],
)
def test_a_mistake_is_one_line(lemons, give_model, arguments, said):
    give_model("marko")
    done = lemons("predict", "--user_name", "marko", "--catalogue", "tiny", *arguments)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert said in line


@pytest.mark.slow
def test_ten_minutes_of_music_take_less_than_two_gigabytes(
    data_folder, give_model, tiny_environment, rng
):
    give_model("marko")
    folder = data_folder / "catalogues" / "long"
    samples = [600 * 16_000, *[30 * 16_000] * 8]
    ids = [save_audio(folder, rng.integers(-9000, 9000, n).astype(np.int16)) for n in samples]
    write_tracks(folder, pd.DataFrame({"track_id": ids, "samples": samples}))
    command = [sys.executable, "-m", "recsys.predict", "--user_name", "marko"]
    command += ["--catalogue", "long", "--trained_on", "tiny", "--batch_size", "20"]
    process = subprocess.Popen(command, env=tiny_environment, cwd=ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    assert usage.ru_maxrss * 1024 < 2e9


# -- heads of one trunk --------------------------------------------------------------------------
@pytest.fixture
def everybody(lemons, data_folder):
    """Heads of the listeners of the tiny catalogue, on its trunk."""
    assert lemons("train_all", "--catalogue", "tiny", "--recipe", "lemons", "--jobs", "1").code == 0
    return Catalogue("tiny", data_folder / "catalogues" / "tiny")


def tables(catalogue, data_folder) -> dict[str, pd.DataFrame]:
    found = {}
    for name in ("marko", "nina"):
        model = find_model(data_folder / "experiments", catalogue="tiny", user_name=name)
        checksum = load_model(model.path)[1]["model_checksum"]
        found[name] = pd.read_parquet(relevance_path(catalogue, name, checksum))
    return found


@pytest.mark.parametrize("kept", [False, True])
def test_heads_have_the_relevance_of_their_networks(kept, lemons, everybody, data_folder):
    statistics = everybody.folder / "statistics"
    if not kept:
        shutil.rmtree(statistics)
    done = lemons("predict", "--user_name", "all", "--catalogue", "tiny")
    assert (done.code, done.err) == (0, "")
    assert statistics.exists() == kept  # no statistics of what removals leave are computed
    for name, table in tables(everybody, data_folder).items():
        assert f"relevance of 24 tracks for {name}: " in done.out
        model = find_model(data_folder / "experiments", catalogue="tiny", user_name=name)
        expected = predict(
            load_model(model.path)[0], relevance_of(everybody, data_folder / f"{name}.parquet")
        )
        pd.testing.assert_series_equal(
            table.set_index("track_id")["relevance"].sort_index(),
            expected.set_index("track_id")["relevance"].sort_index(),
            rtol=0,
            atol=3e-6,
        )
        assert table["relevance"].is_monotonic_decreasing
        assert list(table.sort_values("track_id")["title"]) == list(
            everybody.tracks.sort_values("track_id")["title"]
        )


def test_on_a_gpu_tracks_have_the_coordinates_of_the_cpu(gpu, everybody, data_folder):
    trunk = read_trunk(trunk_path(data_folder / "experiments", "tiny"))
    shutil.rmtree(everybody.folder / "statistics")
    here, there = (
        features.coordinates_of(trunk, everybody, everybody.track_ids[:3], device=device)
        for device in ("cpu", str(gpu))
    )
    assert np.abs(here).max() > 0 and there == pytest.approx(here, rel=1e-5, abs=1e-3)


def test_a_catalogue_is_heard_once_for_all_heads(lemons, everybody, data_folder, monkeypatch):
    assert lemons("predict", "--user_name", "nina", "--catalogue", "tiny").code == 0

    def hear(*arguments, **options):
        raise Stop

    monkeypatch.setattr(features, "coordinates_of", hear)
    done = lemons("predict", "--user_name", "marko", "nina", "--catalogue", "tiny")
    assert (done.code, done.err) == (0, "")
    assert {len(each) for each in tables(everybody, data_folder).values()} == {24}


def test_an_interrupted_pass_goes_on(everybody, data_folder, monkeypatch):
    monkeypatch.setattr("recsys.track_table.CHUNK_TRACKS", 5)
    trunk = read_trunk(trunk_path(data_folder / "experiments", "tiny"))

    def stop(step, share):
        if share > 0.5:
            raise Stop

    with pytest.raises(Stop):
        complete_features(trunk, everybody, on_progress=stop)
    seen = []
    path = complete_features(trunk, everybody, on_progress=lambda *said: seen.append(said))
    assert seen[0] == ("features", pytest.approx(15 / 24)) and seen[-1] == ("features", 1.0)
    ((track_ids, coordinates),) = feature_batches(path)
    assert track_ids == sorted(everybody.track_ids) and coordinates.shape == (24, 147)
    again = features.coordinates_of(trunk, everybody, track_ids)
    np.testing.assert_array_equal(coordinates, again)


def test_everybody_is_told_what_they_have_not_heard(lemons, everybody, data_folder):
    done = lemons("predict", "--user_name", "all", "--catalogue", "tiny", "--unheard")
    assert (done.code, done.err) == (0, "")
    for name, table in tables(everybody, data_folder).items():
        split = read_split(split_path(everybody, name, PUBLISHED_SEED))
        heard = split["track_id"][split["label"] == 1]
        new = table[~table["track_id"].isin(heard)].head(10)
        printed = done.out.partition(f"{name}, the 10 most relevant (not heard yet):\n")[2]
        titles = [line.rsplit(": ", 1)[1] for line in printed.splitlines()[:10]]
        assert titles == new["title"].tolist()


def test_networks_and_heads_can_be_scored_together(lemons, everybody, give_model, data_folder):
    give_model("marko")
    done = lemons("predict", "--user_name", "all", "--catalogue", "tiny")
    assert (done.code, done.err) == (0, "")
    assert {len(each) for each in tables(everybody, data_folder).values()} == {24}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--user_name", "all"], "nobody has a model for catalogue tiny: `python -m recsys.train"),
        (["--user_name", "a", "b", "--out", "x.parquet"], "are of one listener, got several"),
        (["--user_name", "a", "b", "--model", "x"], "are of one listener, got several"),
    ],
)
def test_wrong_listeners_are_told_in_a_line(flags, said, lemons, data_folder):
    done = lemons("predict", *flags, "--catalogue", "tiny")
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert said in done.err
