"""benchmarks/recipe.py: listeners of known taste, folds, and what goes on where it stopped."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lemons_audio import to_int16
from lemons_utils import SAMPLE_RATE
from recsys.catalogue import Catalogue, save_audio, write_tracks

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module
    for name, module in list(sys.modules.items()):
        if BENCHMARKS in Path(getattr(module, "__file__", None) or "/").parents:
            del sys.modules[name]


@pytest.fixture
def catalogue(tmp_path):
    """Forty short tracks in four folders."""
    folder, rng, rows = tmp_path / "catalogues" / "music", np.random.default_rng(0), []
    for number in range(40):
        audio = to_int16(0.02 * (1 + number % 5) * rng.standard_normal(SAMPLE_RATE * 3 // 2))
        rows.append(
            {
                "track_id": save_audio(folder, audio),
                "samples": len(audio),
                "file": f"/music/folder {number % 4}/{number}.ogg",
            }
        )
    write_tracks(folder, pd.DataFrame(rows))
    return Catalogue("music", folder)


@pytest.fixture
def labels(scripts, catalogue):
    tastes = scripts("_tastes")
    rng = np.random.default_rng(1)
    sounds = pd.DataFrame(
        rng.random((40, 3)), index=sorted(catalogue.track_ids), columns=tastes.SOUNDS
    )
    return tastes.made_up_labels(catalogue, sounds, tastes.folders(catalogue)), sounds


def test_folder_listeners_like_whole_folders(scripts, catalogue, labels):
    names = scripts("_tastes").folders(catalogue)
    table = labels[0]["folders-1"]
    share = table.groupby(names.loc[table["track_id"]].to_numpy())["clean"].mean()
    assert sorted(share) == [0, 0, 1, 1]


def test_sound_listeners_like_the_most_and_the_least_of_each_folder(scripts, catalogue, labels):
    tables, sounds = labels
    names = scripts("_tastes").folders(catalogue)
    by_folder = names.loc[tables["bright"]["track_id"]].to_numpy()
    for listener in ("bright", "not-bright"):
        assert (tables[listener].groupby(by_folder)["clean"].mean() == 0.4).all()
    bright = tables["bright"].set_index("track_id")
    for _, part in sounds.groupby(names.loc[sounds.index]):
        clean = bright.loc[part.index, "clean"]
        assert part["bright"][clean == 1].min() > part["bright"][clean == 0].max()
    assert not (tables["bright"]["clean"] & tables["not-bright"]["clean"]).any()


def test_a_tenth_of_the_labels_is_wrong(labels):
    wrong = pd.concat(labels[0].values()).eval("label != clean").mean()
    assert 0.05 < wrong < 0.15


def test_sounds_order_what_they_measure(scripts, rng):
    sounds = scripts("_tastes").sounds
    time_s = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    low, high = (np.sin(2 * np.pi * hertz * time_s) / 5 for hertz in (300, 3_000))
    clicks = np.where(np.arange(len(time_s)) % 8_000 < 5, 0.8, 0.0)
    fading = low * np.linspace(0, 1, len(low)) ** 2
    low, high, clicks, fading = (
        sounds(each.astype(np.float32)) for each in (low, high, clicks, fading)
    )
    assert clicks[0] > 0.9 > 0.1 > low[0]
    assert abs(low[1] - 300) < 60 < high[1] - 2_500
    assert fading[2] < low[2]
    assert low[2] == pytest.approx(0, abs=0.1)


def test_folds_test_every_track_once_and_train_on_balanced_others(scripts, catalogue, labels):
    make = scripts("_tastes").cross_validation
    folds = list(make(catalogue, "calm", labels[0], repeats=1, count=4))
    tested = [track_id for fold in folds for track_id in fold.test["track_id"]]
    assert sorted(tested) == sorted(catalogue.track_ids)
    for fold in folds:
        parts = [set(part["track_id"]) for part in (fold.train, fold.valid, fold.test)]
        assert len(set.union(*parts)) == sum(map(len, parts))
        assert fold.train["label"].mean() == fold.valid["label"].mean() == 0.5
        everybody = fold.everybody
        assert not set(everybody.index) & parts[2]
        assert everybody.shape == (40 - len(fold.test), len(labels[0]))
        assert everybody["calm"].dropna().to_dict() == dict(fold.train.to_numpy().tolist())
    again = make(catalogue, "calm", labels[0], repeats=1, count=4)
    assert [fold.checksum for fold in again] == [fold.checksum for fold in folds]
    capped = next(make(catalogue, "calm", labels[0], repeats=1, count=4, tracks=12))
    assert len(capped.train) + len(capped.valid) == 12
    assert capped.checksum != folds[0].checksum


def test_disjoint_folds_keep_folders_apart(scripts, catalogue, labels):
    tastes = scripts("_tastes")
    names = tastes.folders(catalogue)
    folds = tastes.cross_validation(catalogue, "calm", labels[0], repeats=1, count=4, groups=names)
    for fold in folds:
        heard = set(names.loc[pd.concat([fold.train, fold.valid])["track_id"]])
        assert not heard & set(names.loc[fold.test["track_id"]])


def test_crops_with_removals_keep_labels_and_positions(scripts, catalogue):
    crops_of, ids = scripts("_networks").RemovingCrops, catalogue.track_ids
    plain = scripts("_networks").Crops(catalogue.audio, ids, [1] * 40, input_length=8_000)
    crops = crops_of(catalogue.audio, ids, [1] * 40, input_length=8_000)
    silent = removed = 0
    for key in [(epoch, index) for epoch in range(10) for index in range(40)]:
        (waveform, label), whole = crops[key], plain[key][0]
        assert label == 1
        off = waveform == 0
        assert (waveform[~off] == whole[~off]).all()
        silent += bool(off.all())
        removed += bool(off[:-1].logical_and(off[1:]).any() and not off.all())
    assert 0.05 < silent / 400 < 0.15
    assert 0.4 < removed / 400 < 0.6


def test_a_network_of_all_listeners_learns_the_labels_that_there_are(scripts, catalogue, labels):
    networks = scripts("_networks")
    everybody = next(
        scripts("_tastes").cross_validation(catalogue, "calm", labels[0], repeats=1, count=4)
    ).everybody[["calm", "bright"]]
    everybody.loc[everybody.index[0]] = np.nan, 1.0
    crops = networks.EverybodysCrops(catalogue.audio, everybody)
    network = networks.fit_everybody(crops, epochs=1)
    waveform, known = crops[0, 0]
    assert known.isnan().tolist() == [True, False]
    both = network(waveform[None]).detach()
    for output in range(2):
        one = networks._of_listener(network, output)
        assert float(one(waveform[None])[0, 0].detach()) == pytest.approx(
            float(both[0, output]), abs=1e-6
        )
        assert one.layer5 is network.layer5
    assert network.fc.bias.isfinite().all()


def test_intervals_weigh_listeners_equally(scripts):
    interval = scripts("_recipe_table").mean_and_interval
    same = pd.Series([0.5] * 4, index=["a", "a", "a", "b"])
    assert interval(same) == (0.5, 0.5, 0.5)
    mean, low, high = interval(pd.Series([0.0, 0.0, 0.0, 1.0], index=["a", "a", "a", "b"]))
    assert (mean, low, high) == (0.5, 0.0, 1.0)
    assert np.isnan(interval(pd.Series([np.nan], index=["a"]))).all()


def test_rows_are_compared_on_common_folds(scripts):
    table = pd.DataFrame(
        [("x", "a", 0, 0, 0.7), ("x", "a", 0, 1, 0.8), ("y", "a", 0, 1, 0.5), ("y", "b", 0, 0, 0)],
        columns=["row", "listener", "repeat", "fold", "auc_clean"],
    )
    assert scripts("_recipe_table").paired(table, "x", "y").tolist() == [pytest.approx(0.3)]


def test_the_command_measures_what_is_missing_and_nothing_twice(
    scripts, catalogue, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path))
    recipe = scripts("recipe")
    chosen = ["--catalogue", "music", "--out", str(tmp_path), "--first", "1", "--explain", "0"]
    chosen += ["--listeners", "calm", "folders-1", "--rows", "chance", "band"]
    assert recipe.main(chosen) == 0
    assert "2 tasks, 2 to do" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "recipe-music.csv").set_index("row")
    assert list(table.index) == ["ceiling", "chance", "band statistics"]
    assert table.loc["band statistics", "folds"] == 2
    assert table.loc["band statistics", "minus_band_statistics"] == 0
    journal = (tmp_path / "studies" / "recipe" / "recipe-music.jsonl").read_bytes()
    assert recipe.main(chosen) == 0
    assert "2 tasks, 0 to do" in capsys.readouterr().out
    assert (tmp_path / "studies" / "recipe" / "recipe-music.jsonl").read_bytes() == journal
    assert recipe.main([*chosen, "--tracks", "16"]) == 0  # other tracks are another measurement
    assert "2 tasks, 2 to do" in capsys.readouterr().out
    assert recipe.main([*chosen, "--rows", "nonsense"]) == 2
    assert recipe.main([*chosen, "--listeners", "marko"]) == 2
