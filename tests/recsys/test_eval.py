"""Evaluation: scikit-learn's numbers, curves, tables, and files beside the model."""

import json
import math
import struct

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from lemons_utils import DataError, ParameterError
from recsys import checkpoint
from recsys.catalogue import Catalogue
from recsys.dataset import Crops
from recsys.evaluation import read_labels, reports
from recsys.evaluation.baseline import BASELINES
from recsys.evaluation.listeners import LABELS
from recsys.metrics import auc_deviation, auc_interval, crop_loss, ranking_metrics
from recsys.training import fresh_network


@pytest.fixture
def fresh(data_folder, make_catalogue):
    """A labelled catalogue of tracks that nobody trained on."""
    catalogue = make_catalogue(data_folder / "catalogues" / "fresh", tracks=12, seconds=1, seed=9)
    table = catalogue.tracks[["track_id"]].assign(label=(catalogue.tracks["genre"] == "low") * 1)
    table = pd.concat([table.assign(user_name=name) for name in ("marko", "nina")])
    table.to_csv(catalogue.folder / LABELS, index=False)
    return catalogue


# -- numbers, pictures, tables -----------------------------------------------------------------
def test_the_deviation_of_an_auc_is_that_of_hanley_and_mcneil():
    assert auc_deviation(0.893, 51, 58) == pytest.approx(0.0325, abs=5e-5)
    assert auc_deviation(0.5, 1, 1) == pytest.approx(0.5)  # one pair: a coin
    assert auc_deviation(1.0, 3, 3) == auc_deviation(0.0, 3, 3) == 0.0


@pytest.mark.parametrize("listened", [3, 8])
@pytest.mark.parametrize("distance", [0.0, 1.0, 2.0])
def test_the_interval_of_an_auc_holds_the_true_one_mostly(rng, listened, distance):
    """Normal scores, so that the true AUC is known; 95 % of the intervals should hold it."""
    true, held = (1 + math.erf(distance / 2)) / 2, []
    for _ in range(400):
        scores = rng.normal(distance, 1, listened)[:, None] - rng.normal(0, 1, 6)
        low, high = auc_interval(float((scores > 0).mean()), listened, 6)
        held.append(low <= true <= high)
    assert 0.88 <= np.mean(held) <= 1


def test_the_interval_of_an_auc_has_a_width_and_mirrors():
    low, high = auc_interval(1.0, 3, 3)
    assert high == 1.0 and 1.0 - low == pytest.approx(1.96 * auc_deviation(low, 3, 3))
    assert auc_interval(0.0, 3, 3) == pytest.approx((0.0, 1.0 - low))
    assert auc_interval(0.3, 4, 9) == pytest.approx([1 - b for b in auc_interval(0.7, 9, 4)[::-1]])
    for wrong in ((1.1, 3, 3), (0.5, 0, 3), (0.5, 3, 0)):
        with pytest.raises(ParameterError, match="of at least one track of either label"):
            auc_interval(*wrong)


def test_metrics_of_known_rankings():
    labels = np.array([0, 1, 1, 0])
    assert ranking_metrics(labels, np.array([0.1, 0.9, 0.8, 0.2])) == {"auc": 1, "map": 1}
    assert ranking_metrics(labels, np.array([0.9, 0.2, 0.1, 0.8]))["auc"] == 0
    assert ranking_metrics(labels, np.zeros(4)) == {"auc": 0.5, "map": 0.5}


@pytest.mark.parametrize(
    ("labels", "scores", "said"),
    [
        ([1, 1], [0.1, 0.2], "both 0 and 1"),
        ([], [], "both 0 and 1"),
        ([0, 1], [0.1, np.nan], "finite"),
        ([0, 1], [0.1, 0.2, 0.3], "same shape"),
    ],
)
def test_metrics_refuse_what_has_none(labels, scores, said):
    with pytest.raises(ParameterError, match=said):
        ranking_metrics(np.array(labels), np.array(scores))


def test_the_loss_of_crops_is_the_mean_over_tracks(rng):
    audio = {name: rng.integers(-9_000, 9_000, 9_000).astype(np.int16) for name in "abc"}
    crops = Crops(audio.__getitem__, ["a", "b", "c"], [1, 0, 1], input_length=8_000, seed=3)
    network = fresh_network(0).train()
    for batch_size in (1, 2, 5):
        found = crop_loss(network, crops, batch_size=batch_size)
        plain = [
            torch.nn.functional.softplus(network(wave[None])[0, 0] * (1 - 2 * label))
            for wave, label in (crops[0, index] for index in range(3))
        ]
        assert not network.training
        assert found == pytest.approx(float(sum(plain)) / 3, rel=1e-5)


def test_curves_are_one_picture(tmp_path, rng):
    labels = np.arange(40) % 2
    scores = {"model": labels + rng.normal(size=40), "other": rng.normal(size=40)}
    reports.draw_curves(tmp_path / "curves.png", labels, scores, title="marko")
    header = (tmp_path / "curves.png").read_bytes()[:24]
    width, height = struct.unpack(">II", header[16:24])
    assert header.startswith(b"\x89PNG")
    assert width > 1.5 * height > 600
    assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]


def test_the_last_row_is_mean_and_standard_deviation():
    rows = [
        {"listener": "marko", "tracks": 20, "AUC": 0.8},
        {"listener": "elizabeth", "tracks": 30, "AUC": 0.6},
    ]
    table = reports.summarise(rows)
    assert list(table.iloc[-1]) == ["mean ± std", "50", "0.700 ± 0.100"]
    assert list(table["AUC"][:2]) == ["0.800", "0.600"]
    lines = reports.as_text(table).splitlines()
    assert lines[0].split() == ["listener", "tracks", "AUC"]
    assert len({len(line) for line in lines}) == 1


# -- the command -------------------------------------------------------------------------------
def test_one_listener_leaves_numbers_relevance_and_curves_beside_the_model(
    lemons, data_folder, give_model, tiny_catalogue
):
    give_model("marko", when="2025-01-01_00-00-00")
    folder = give_model("marko")
    done = lemons("eval", user_name="marko", catalogue="tiny", use_tensorboard=1)
    assert (done.code, done.err) == (0, "")
    numbers = json.loads((folder / "best_model-test.json").read_text())
    table = pd.read_csv(folder / "best_model-test-relevance.csv")
    assert table["relevance"].is_monotonic_decreasing
    assert numbers["auc"] == pytest.approx(roc_auc_score(table["label"], table["relevance"]))
    assert numbers["map"] == pytest.approx(
        average_precision_score(table["label"], table["relevance"])
    )
    assert numbers["tracks"] == len(table) == 2
    assert set(table["title"]) <= set(tiny_catalogue.tracks["title"])
    assert (folder / "best_model-test-curves.png").stat().st_size > 10_000
    assert list((folder / "tensorboard").iterdir())
    assert done.out.startswith(f"model: {folder.name} (")
    assert f"in {folder}: best_model-test.json" in done.out
    brier = ((table["label"] - table["relevance"]) ** 2).mean()
    assert numbers["brier"] == pytest.approx(brier)
    # Two tracks are one bin.
    assert numbers["ece"] == pytest.approx(abs((table["label"] - table["relevance"]).mean()))
    for name, key in (("AUC", "auc"), ("ECE", "ece"), ("Brier score", "brier")):
        assert f"{name} {numbers[key]:.3f}" in done.out
    assert (folder / "best_model-test-reliability.png").stat().st_size > 10_000
    assert "on under 20 tracks a reliability curve says little: marko\n" in done.out

    run = data_folder / "runs" / "1"
    metrics = json.loads((run / "metrics.json").read_text())
    for name in ("auc", "ece", "brier"):
        assert metrics[f"test/{name}"]["values"] == [numbers[name]]
    assert metrics["test.roc_auc"]["values"] == [numbers["auc"]]  # as published
    config = json.loads((run / "config.json").read_text())
    assert config["model_load_path"] == str(folder / "best_model.safetensors")
    assert config["seed"] == config["split_seed"]
    entry = json.loads((run / "run.json").read_text())
    assert entry["result"]["listeners"]["marko"]["map"] == numbers["map"]
    assert sorted(entry["artifacts"]) == [
        "best_model-test-curves.png",
        "best_model-test-relevance.csv",
        "best_model-test-reliability.png",
        "best_model-test.json",
    ]


def test_relevance_is_the_plain_networks(lemons, give_model, tiny_catalogue):
    folder = give_model("nina")
    for batch_size in (1, 20):
        done = lemons("eval", user_name="nina", catalogue="tiny", batch_size=batch_size)
        assert done.code == 0, done.err
        network, _ = checkpoint.load_model(folder)
        for row in pd.read_csv(folder / "best_model-test-relevance.csv").itertuples():
            waveform = torch.from_numpy(tiny_catalogue.audio(row.track_id) / np.float32(32768))
            with torch.inference_mode():
                plain = torch.sigmoid(network(waveform[None])).item()
            assert row.relevance == pytest.approx(plain, abs=1e-6)


def test_everybody_is_a_table_with_the_baseline_beside(
    lemons, data_folder, give_model, add_listener, fresh
):
    for name in ("marko", "nina"):
        give_model(name)
    add_listener(
        Catalogue("tiny", data_folder / "catalogues" / "tiny"), "paige", "high"
    )  # who has no model
    done = lemons("eval", user_name="all", catalogue="tiny", test_catalogue="fresh", baseline=True)
    assert (done.code, done.err) == (0, "")
    assert "no model yet: paige" in done.out
    assert "nina: model: 2026-01-01_00-00-00-tiny-nina (" in done.out
    table = pd.read_csv(data_folder / "experiments" / "tiny-fresh-evaluation.csv")
    assert list(table["listener"]) == ["marko", "nina", "mean ± std"]
    assert list(table["tracks"]) == [12, 12, 24]
    assert list(table["training s"]) == [12, 12, 24]
    assert table[["ECE", "Brier"]].iloc[:2].astype(float).gt(0).all(axis=None)
    assert "a reliability curve says little: marko, nina\n" in done.out
    # Both are labelled by what marko likes, and nina's model and baselines learnt the opposite.
    for baseline in ("band statistics", "mean spectra"):
        marko, nina, _ = table[f"AUC {baseline}"]
        assert float(marko) > 0.8
        assert float(nina) < 0.2
    for name in ("marko", "nina"):
        folder = data_folder / "experiments" / f"2026-01-01_00-00-00-tiny-{name}"
        relevance = pd.read_csv(folder / "best_model-fresh-relevance.csv")
        assert set(relevance["track_id"]) == set(fresh.track_ids)
        numbers = json.loads((folder / "best_model-fresh.json").read_text())["baselines"]
        metrics = json.loads((data_folder / "runs" / "1" / "metrics.json").read_text())
        for baseline in BASELINES:
            assert relevance[baseline].between(0, 1).all()
            auc = roc_auc_score(relevance["label"], relevance[baseline])
            assert numbers[baseline]["auc"] == pytest.approx(auc)
            key = f"{name}-baseline/{baseline.replace(' ', '_')}/auc"
            assert metrics[key]["values"] == [numbers[baseline]["auc"]]
    assert len(list((data_folder / "runs" / "1").glob("nina-best_model-fresh*"))) == 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"user_name": "bob"}, "no listener 'bob' in catalogue tiny"),
        ({"user_name": "marko"}, "marko has no model for catalogue tiny"),
        ({"user_name": "all"}, "no listener of catalogue tiny has a model yet"),
        ({"catalogue": "nowhere"}, "no catalogue 'nowhere'"),
        ({"model_load_path": "/nowhere"}, "no weights at /nowhere"),
        ({"user_name": "all", "model_load_path": "x"}, "one listener's model"),
        ({"test_catalogue": "tiny"}, "no labelled catalogue"),
        ({"device": "cuda:9"}, "device must be"),
    ],
)
def test_a_mistake_is_one_line(lemons, give_model, options, said):
    if {"test_catalogue", "device"} & options.keys():
        give_model("marko")
    done = lemons("eval", **({"catalogue": "tiny"} | options))
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert said in line


@pytest.mark.parametrize("options", [{"user_name": "bob"}, {"device": "abacus"}, {"baseline": 3}])
def test_a_wrong_value_leaves_no_run(lemons, give_model, data_folder, options):
    give_model("marko")
    assert lemons("eval", **({"catalogue": "tiny"} | options)).code == 2
    assert not (data_folder / "runs").exists()


def test_a_model_of_another_split_is_told(lemons, give_model):
    give_model("marko", split_checksum="0" * 64)
    done = lemons("eval", catalogue="tiny")
    assert done.code == 0
    assert "trained on another split" in done.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("user_name,track\nmarko,a\n", "must have columns"),
        ("user_name,track_id,label\nmarko,{0},1\nmarko,{1},yes\n", "must have columns"),
        ("user_name,track_id,label\nnina,{0},1\nnina,{1},0\n", "no labels of 'marko'"),
        ("user_name,track_id,label\nmarko,{0},1\nmarko,{1},1\n", "both kinds"),
        ("user_name,track_id,label\nmarko,{0},1\nmarko,{0},0\n", "one a track"),
        ("user_name,track_id,label\nmarko,{0},1\nmarko,other,0\n", "1 tracks that"),
    ],
)
def test_wrong_labels_are_named(fresh, text, said):
    (fresh.folder / LABELS).write_text(text.format(*fresh.track_ids))
    with pytest.raises(DataError, match=said):
        read_labels(fresh, "marko")
