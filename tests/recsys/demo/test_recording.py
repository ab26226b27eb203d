"""The catalogue on disk: recorded once, resumed, its stems played again."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lemons_audio import audio_checksum
from lemons_utils import DataError, ParameterError
from recsys import demo
from recsys.catalogue import Catalogue, open_catalogue, write_tracks
from recsys.demo import recording, takes
from recsys.demo.song import SAMPLES, compose
from recsys.listening import read_split, split_path, users


def record(seeds, folder):
    return recording.record([compose(seed) for seed in seeds], folder, jobs=1)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return record(range(3), tmp_path_factory.mktemp("data") / "catalogues" / "three")


def test_a_recorded_catalogue_is_a_catalogue(recorded):
    catalogue = open_catalogue("three", data_folder=recorded.folder.parents[1])
    tracks = catalogue.tracks
    assert list(tracks["seed"]) == [0, 1, 2]
    assert (tracks["samples"] == SAMPLES).all() and (tracks["duration_s"] == 30).all()
    for track_id in catalogue.track_ids:
        audio = catalogue.audio(track_id)
        assert audio.dtype == np.int16 and audio_checksum(audio) == track_id


def test_true_stems_sum_to_the_recorded_mix(recorded):
    track_id = recorded.track_ids[1]
    stems = demo.stems_of(recorded, track_id)
    assert np.array_equal(stems.sum(axis=0), recorded.audio(track_id))
    row = recorded.tracks.iloc[1]
    assert np.array_equal(stems, demo.stems(row["song"]))
    assert np.array_equal(stems, demo.stems(int(row["seed"])))


def test_a_changed_song_is_recorded_with_its_decisions(tmp_path):
    silent = replace(compose(2), voice=False)
    catalogue = recording.record([silent], tmp_path / "planted", jobs=1)
    stems = demo.stems_of(catalogue, catalogue.track_ids[0])
    assert not stems[demo.STEMS.index("vocals")].any()


def test_only_what_is_missing_is_played(recorded, tmp_path, monkeypatch):
    folder = tmp_path / "catalogues" / "three"
    played = []

    def watch(song, name, where):
        played.append(song.seed)
        return takes.take(song, name, where)

    monkeypatch.setattr(recording, "take", watch)
    first = record([0], folder).track_ids
    # cut off: the table is not written, the last line of the journal is torn
    (folder / "tracks.parquet").unlink()
    with (folder / "ingest.jsonl").open("a") as journal:
        journal.write('["abc", "de')
    with pytest.raises(DataError, match="not finished"):
        open_catalogue("three", data_folder=folder.parents[1])
    second = record(range(3), folder)
    assert played == [0, 1, 2]
    assert second.track_ids == recorded.track_ids and second.track_ids[:1] == first
    third = record(range(3), folder)
    assert played == [0, 1, 2] and third.tracks.equals(recorded.tracks)
    third.audio_path(third.track_ids[1]).unlink()
    record(range(3), folder)
    assert played == [0, 1, 2, 1]
    (folder / "tracks.parquet").write_bytes(b"torn")
    assert record(range(3), folder).tracks.equals(recorded.tracks)
    assert played == [0, 1, 2, 1]
    # what is no longer wanted goes
    fewer = record([0, 2], folder)
    assert len(list((folder / "audio").iterdir())) == 2 == len(fewer.track_ids)


@pytest.mark.parametrize(
    ("file", "sounds"),
    [("genres.toml", True), ("drums.toml", True), ("band.py", True), ("listeners.toml", False)],
)
def test_a_fingerprint_covers_the_code_and_the_tables_that_sound(
    tmp_path, monkeypatch, file, sounds
):
    copied = shutil.copytree(Path(recording.__file__).parent, tmp_path / "band")
    monkeypatch.setattr(recording, "__file__", str(copied / "recording.py"))
    before = recording._band.__wrapped__()
    with (copied / file).open("a") as text:
        text.write("# another note\n")
    assert (recording._band.__wrapped__() != before) == sounds


def test_another_version_of_the_band_is_noticed(recorded, tmp_path):
    table = recorded.tracks.copy()
    table["track_id"] = "0" * 20
    table = table.iloc[:1]
    write_tracks(tmp_path / "old", table)
    with pytest.raises(DataError, match="another version of the band"):
        demo.stems_of(Catalogue("old", tmp_path / "old"), "0" * 20)
    with pytest.raises(DataError, match="has no track"):
        demo.stems_of(recorded, "f" * 20)


def test_somebody_elses_catalogue_is_left_alone(tmp_path):
    own = tmp_path / "mine"
    write_tracks(own, pd.DataFrame({"track_id": ["a"], "samples": [16000]}))
    with pytest.raises(ParameterError, match="choose another name"):
        record([0], own)
    with pytest.raises(DataError, match="did not play it"):
        demo.stems_of(Catalogue("mine", own), "a")


@pytest.mark.parametrize("text", ["", "[]", '{"seed": 1}', json.dumps({"form": []})])
def test_refuses_what_is_no_song(text):
    with pytest.raises(DataError, match="no song as `to_json` writes it"):
        takes.from_json(text)


def test_the_commands(tmp_path):
    environment = {"LEMONS_DATA_FOLDER": str(tmp_path), "PATH": "/usr/bin:/bin"}

    def run(*options):
        return subprocess.run(
            [sys.executable, "-m", "recsys.demo", "--jobs", "1", *options],
            capture_output=True, text=True, env=environment,
        )  # fmt: skip

    done = run("--tracks", "32")
    assert done.returncode == 0, done.stderr
    assert "32 tracks, 14 genres" in done.stdout
    catalogue = open_catalogue("demo", data_folder=tmp_path)
    assert users(catalogue) == sorted(demo.LISTENERS)
    plays = pd.read_csv(catalogue.folder / "plays.csv")
    assert list(plays.columns) == ["user_name", "track_id", "playcount"]
    for user_name in demo.LISTENERS:
        split = read_split(split_path(catalogue, user_name))
        heard = plays[plays["user_name"] == user_name].set_index("track_id")["playcount"]
        assert dict(heard) == dict(split[split["label"] == 1].set_index("track_id")["playcount"])

    done = run("--fresh", "2")
    assert done.returncode == 0, done.stderr
    fresh = open_catalogue("demo-fresh", data_folder=tmp_path)
    labels = pd.read_csv(fresh.folder / demo.LABELS)
    assert list(labels.columns) == ["user_name", "track_id", "label"]
    assert set(labels["track_id"]) <= set(fresh.track_ids)
    assert not set(fresh.track_ids) & set(catalogue.track_ids)
    assert (labels.groupby(["user_name", "label"]).size() == 1).all()

    assert run("--fresh", "3").returncode == 2
    assert run("--tracks", "5").returncode == 2
