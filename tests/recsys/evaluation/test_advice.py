"""Advice after a training: only where the baseline is better, and only where somebody reads it."""

import json

import pytest
import torch

from recsys import experiment, progress, training
from recsys.catalogue import Catalogue
from recsys.evaluation import advice
from recsys.evaluation.advice import FEW_TRACKS, beaten_by_baseline, few_tracks
from recsys.experiments import take_up
from recsys.listening import PUBLISHED_SEED, read_split, split_path

OPTIONS = {
    "user_name": "nina",
    "catalogue": "tiny",
    "input_length": 8_000,
    "batch_size": 8,
    "n_epochs": 1,
}


@pytest.fixture
def split(tiny_catalogue):
    """Nina's split, with 8 validation tracks instead of two."""
    split = read_split(split_path(tiny_catalogue, "nina", PUBLISHED_SEED))
    few = split[split["split"] == "train"].groupby("label").head(3).index
    split.loc[few, "split"] = "valid"
    return split


@pytest.fixture
def heard(monkeypatch):
    """Collect the tracks that are read."""
    track_ids, audio = [], Catalogue.audio

    def watch(catalogue, track_id):
        track_ids.append(track_id)
        return audio(catalogue, track_id)

    monkeypatch.setattr(Catalogue, "audio", watch)
    return track_ids


def test_few_tracks_are_told_with_an_interval_and_enough_are_not():
    assert few_tracks(1.0, [1, 0] * 3) == (
        "uncertain: 6 validation tracks leave the AUC 1.000 between 0.50 and 1.00 (95 % interval)"
    )
    assert few_tracks(0.9, [1, 0] * (FEW_TRACKS // 2)) is None
    assert few_tracks(0.9, [1] * (FEW_TRACKS - 2) + [0]) is not None


def test_a_network_below_the_baseline_gets_one_line_with_both_numbers(tiny_catalogue, split, heard):
    line = beaten_by_baseline(tiny_catalogue, split, auc=0.75, map=0.8)
    assert "\n" not in line and line.startswith("advice: ")
    assert "8 validation tracks, AUC 1.000, MAP 1.000 against" in line  # low and high tones
    assert "model's AUC 0.750, MAP 0.800" in line
    assert line.endswith("on more tracks, for more epochs, or with recipe=lemons")
    tried = beaten_by_baseline(tiny_catalogue, split, auc=0.75, map=0.8, recipe="lemons")
    assert tried.endswith("train it on more tracks")
    assert sorted(heard) == sorted([*split.loc[split["split"] != "test", "track_id"]] * 2)


@pytest.mark.parametrize(("auc", "map"), [(1.0, 1.0), (float("nan"), float("nan"))])
def test_nothing_is_computed_where_nothing_can_be_better(auc, map, tiny_catalogue, split, heard):
    assert beaten_by_baseline(tiny_catalogue, split, auc=auc, map=map) is None
    assert heard == []


def test_a_network_as_good_as_the_baseline_gets_no_advice(tiny_catalogue, split):
    # Two validation tracks with each other's labels leave the baseline below 1.
    wrong = split[split["split"] == "valid"].groupby("label").head(1).index
    split.loc[wrong, "label"] = 1 - split.loc[wrong, "label"]
    line = beaten_by_baseline(tiny_catalogue, split, auc=0.0, map=0.0)
    auc, average = (float(line.split(name)[1][:5]) for name in ("AUC ", "MAP "))
    assert 0.5 < auc < 1 and 0.5 < average < 1
    for better in (0.001, 0.01):  # by the mean of both
        numbers = {"auc": auc + 2 * better, "map": average - better / 2}
        assert beaten_by_baseline(tiny_catalogue, split, **numbers) is None
        numbers = {"auc": auc + better / 2, "map": average - 2 * better}
        assert beaten_by_baseline(tiny_catalogue, split, **numbers) is not None


def test_the_baseline_learns_from_the_training_tracks_alone(tiny_catalogue, split):
    train = split["split"] == "train"
    split.loc[train, "label"] = 1 - split.loc[train, "label"]
    assert beaten_by_baseline(tiny_catalogue, split, auc=0.4, map=0.5) is None


@pytest.fixture
def asked(monkeypatch):
    """Stand in for the baseline; collect what trainings ask it."""
    questions = []

    def answer(catalogue, split, *, auc, map, recipe):
        questions.append((catalogue.name, split, auc, map))
        return "advice: more tracks"

    monkeypatch.setattr(advice, "beaten_by_baseline", answer)
    return questions


def test_a_training_ends_with_the_advice_on_its_best_numbers(
    lemons, data_folder, tiny_catalogue, asked
):
    done = lemons("experiment", **OPTIONS)
    assert (done.code, done.err) == (0, "")
    assert "\nadvice: more tracks\n" in done.out
    ((name, split, auc, average),) = asked
    assert name == "tiny"
    assert split.equals(read_split(split_path(tiny_catalogue, "nina", PUBLISHED_SEED)))
    (card,) = (data_folder / "experiments").glob("*/best_model.json")
    metrics = json.loads(card.read_text())["metrics"]
    assert (auc, average) == (metrics["valid_auc"], metrics["valid_map"])


def test_the_advice_is_about_the_changed_split(data_folder, asked):
    catalogue = Catalogue("tiny", data_folder / "catalogues" / "tiny")

    def halve(split):
        return split[(split["split"] != "train") | (split.index % 2 == 0)]

    experiment.train_listener(
        experiment.options_of(OPTIONS),
        catalogue,
        experiments=data_folder / "experiments",
        change_split=halve,
    )
    ((_, split, _, _),) = asked
    assert split.equals(halve(read_split(split_path(catalogue, "nina", PUBLISHED_SEED))))


def test_no_advice_where_nobody_watches(data_folder, asked):
    options = experiment.options_of(OPTIONS)
    catalogue = Catalogue("tiny", data_folder / "catalogues" / "tiny")
    folder = take_up(data_folder / "experiments", options)
    with experiment.silent(torch.get_num_threads()):
        experiment.train_listener(
            options, catalogue, experiments=data_folder / "experiments", folder=folder
        )
    assert asked == []
    assert not progress.are_hidden()


def test_an_interrupt_ends_the_advice_only(lemons, data_folder, monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(advice, "beaten_by_baseline", interrupted)
    done = lemons("experiment", **OPTIONS)
    assert (done.code, done.err) == (0, "")
    assert (
        json.loads((data_folder / "runs" / "1" / "run.json").read_text())["status"] == "COMPLETED"
    )


def test_an_interrupted_training_gets_no_advice(lemons, asked, monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "run", interrupted)
    assert lemons("experiment", **OPTIONS).code == 130
    assert asked == []
