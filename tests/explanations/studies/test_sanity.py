"""The sanity study: what is set at random, what is shuffled, and the command."""

import numpy as np
import pandas as pd
import pytest
import torch

from audiolime.exact import LocalStateEngine
from explanations.studies.measures import seed_of
from explanations.studies.sanity import STUDY as sanity
from explanations.studies.sanity.measuring import likeness, measure_layers, weights_of
from explanations.studies.sanity.page import _findings
from explanations.studies.sanity.randomised import (
    CASCADE,
    TrainingVariant,
    auc,
    first_half,
    model_path,
    randomised,
    shuffled,
    train,
    unseen,
)
from lemons_utils import ParameterError
from recsys.checkpoint import make_card, save_model
from recsys.listening import read_split, split_path
from recsys.model import LocalStatistics

from .conftest import HERE


def changed(before, after) -> set[str]:
    """Layers of which any weight differs."""
    pairs = zip(before.state_dict().items(), after.state_dict().values(), strict=True)
    return {name.split(".")[0] for (name, a), b in pairs if not torch.equal(a, b)}


@pytest.mark.parametrize("depth", range(len(CASCADE) + 1))
def test_layers_lose_their_weights_from_the_top_down(small, depth):
    network = small.context.listener("marko").network
    found = randomised(network, depth, seed=1)
    assert changed(network, found) == set(CASCADE[:depth])
    assert not found.training and changed(found, randomised(network, depth, seed=1)) == set()
    if depth:
        assert changed(found, randomised(network, depth, seed=2)) == set(CASCADE[:depth])


def test_a_depth_that_there_is_not_is_named(small):
    with pytest.raises(ParameterError, match="depth must be from 0 to 6, got 7"):
        randomised(small.context.listener("marko").network, 7, seed=1)


@pytest.mark.parametrize(("depths", "tuned"), [([], False), ([1, 2, 6], False), ([1], True)])
def test_depths_that_a_head_does_not_have_are_left_out(depths, tuned, small):
    network = LocalStatistics(tuned=tuned)
    torch.nn.init.normal_(network.fc.weight, generator=torch.Generator().manual_seed(1))
    experiment = small.folder / "experiments" / "2026-01-03_03-04-05-small-marko"
    card = make_card(config={"catalogue": "small", "user_name": "marko"}, metrics={})
    save_model(experiment / "best_model.safetensors", network, card)
    item = {"user_name": "marko", "track_id": small.track_ids[0], "type": "source"}
    rows = measure_layers({**item, "depths": depths}, context=small.context)
    assert [row["depth"] for row in rows] == [1]
    assert rows[0]["correlation"] < 1


def test_shuffling_keeps_how_many_are_liked_and_not_which():
    labels = np.arange(40) % 2
    found = shuffled(labels, 3)
    assert found.sum() == 20 and (found != labels).any()
    np.testing.assert_array_equal(found, shuffled(labels, 3))
    assert (shuffled(labels, 4) != found).any()


def test_two_variants_of_like_labels_have_no_training_track_in_common():
    split = pd.DataFrame(
        {
            "track_id": [f"track {number}" for number in range(30)],
            "split": ["train"] * 24 + ["valid"] * 4 + ["test"] * 2,
            "label": [1, 0] * 15,
        }
    )
    labels = split.set_index("track_id")["label"]
    for kind in ("true", "shuffled"):
        halves = [TrainingVariant("marko", kind, half).change_split(split) for half in (0, 1)]
        heard = [half[half["split"] == "train"] for half in halves]
        ids = [set(half["track_id"]) for half in heard]
        assert not ids[0] & ids[1] and len(ids[0] | ids[1]) == 24
        for number, half in enumerate(heard):
            true = labels[half["track_id"]].to_numpy()
            expected = true if kind == "true" else shuffled(true, seed_of("marko", number))
            assert list(half["label"]) == list(expected) and half["label"].sum() == 6
        for half in halves:
            pd.testing.assert_frame_equal(
                half[half["split"] != "train"], split[split["split"] != "train"]
            )


def test_halves_are_drawn_label_by_label():
    labels = np.array([1, 1, 1, 0, 0, 0, 0, 0])
    first = first_half(labels, 4)
    assert first[labels == 1].sum() == 2 and first[labels == 0].sum() == 3
    np.testing.assert_array_equal(first, first_half(labels, 4))
    assert any((first_half(labels, seed) != first).any() for seed in range(5))


def test_trained_once_and_judged_by_tracks_that_no_training_heard(small):
    catalogue, cache = small.context.catalogue, small.folder / "studies"
    variant = TrainingVariant("marko", "shuffled", 1)
    network = train(catalogue, variant, cache)
    path = model_path(cache, catalogue, variant)
    written = path.stat().st_mtime_ns
    assert changed(network, train(catalogue, variant, cache)) == set()
    assert path.stat().st_mtime_ns == written
    other = model_path(cache, catalogue, TrainingVariant("marko", "true", 1))
    assert other != path and not other.exists()

    split = read_split(split_path(catalogue, "marko")).set_index("track_id")
    tracks = unseen(catalogue, "marko")
    assert set(tracks.track_ids) == set(split.index[split["split"] != "train"])
    assert tracks.labels == list(split.loc[tracks.track_ids, "label"])
    assert 0 <= auc(network, catalogue, "marko") <= 1


@pytest.mark.parametrize("kind", ["time", "source", "time_source"])
def test_explains_the_logit_from_no_more_than_the_type_switches(small, kind):
    track_id, network = small.track_ids[0], small.context.listener("marko").network
    subject = small.context.subject(track_id)
    engine = LocalStateEngine(network, subject.stems.waveforms, subject.segments)
    whole = engine.lime(kind=kind, output="logit").weights
    found = weights_of(network, small.context, track_id, kind)
    np.testing.assert_allclose(found, whole, atol=2e-5)


def test_likeness():
    weights = np.array([3.0, 2.0, 1.0, -4.0, 0.5])
    assert likeness(weights, weights) == {
        "correlation": pytest.approx(1), "absolute_correlation": pytest.approx(1),
        "common_top_3": 1,
    }  # fmt: skip
    opposite = likeness(weights, -weights)
    assert opposite["correlation"] == pytest.approx(-1)
    assert opposite["absolute_correlation"] == pytest.approx(1)
    assert opposite["common_top_3"] == pytest.approx(1 / 3)


def test_the_command_from_end_to_end(small, tmp_path):
    out = tmp_path / "results"
    run = ["--num_explanations", "1", "--depths", "6", "--type", "time", *HERE]
    assert sanity.main([*run, "--out", str(out)]) == 0
    section = sanity.section(out)
    by_caption = dict(section.tables)
    assert len(by_caption) == 3
    what = "Time, 2 segments, 1 tracks of marko"
    layers = by_caption[f"Layers at random: likeness to the trained. {what}."]
    assert list(layers["layers at random"]) == [", ".join(CASCADE)]
    likenesses = by_caption[f"Shuffled labels: likeness of two models. {what}; here marko."]
    assert len(likenesses) == 3 and "none" not in set(likenesses["rank correlation"])
    models = by_caption["Shuffled labels: what the models know"]
    assert list(models["labels"]) == ["true", "shuffled"]
    assert "6 layers at random" in section.findings[0] and "marko" in section.findings[1]


def test_models_that_know_nothing_decide_nothing():
    layers = pd.DataFrame({"depth": [6, 6], "correlation": [0.1, -0.1],
                           "absolute_correlation": [0.1, -0.1]})  # fmt: skip
    pairs = pd.DataFrame(
        {
            "user_name": ["marko"] * 6 + ["sandra"] * 6,
            "track_id": [*"aabbcc"] * 2,
            "pair": ["true / true", "shuffled / shuffled"] * 6,
            "correlation": [0.5, 0, 0.6, 0.1, 0.7, -0.1, 0.1, 0.2, -0.1, 0, 0.1, 0],
        }
    )
    for auc_of_true, knows in [(0.9, True), (0.5, False)]:
        models = pd.DataFrame(
            {
                "user_name": ["marko", "marko", "sandra", "sandra"],
                "labels": ["true", "shuffled"] * 2,
                "auc": [auc_of_true, 0.5, 0.9, 0.5],
            }
        )
        found = _findings(layers, models, pairs)
        agreeing = [sentence for sentence in found if "agree more than" in sentence]
        undecided = [sentence for sentence in found if "decides nothing" in sentence]
        assert len(agreeing) == knows and len(undecided) == (not knows)
        assert all("marko" in one and "sandra" not in one for one in agreeing + undecided)
        assert "no likeness is left" in found[0]
        (alike,) = [sentence for sentence in found if "no more than two of" in sentence]
        assert alike.startswith("Over 2 listeners")
        (unlike,) = [sentence for sentence in found if "They do not agree" in sentence]
        assert "sandra" in unlike and "marko" not in unlike


def test_models_learn_from_the_tracks_that_they_explain(small, capsys):
    assert sanity.main(["--catalogue", "small", "--trained_on", "demo"]) == 2
    assert "explain the catalogue they learn from" in capsys.readouterr().err
