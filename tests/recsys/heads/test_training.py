"""Training a head: a planted taste, the base rate of silence, the same result every time."""

import numpy as np
import pytest
import torch

from lemons_audio import to_float32
from lemons_utils import ParameterError
from recsys.heads import PooledTrack, Trunk, check_split, make_trunk, train_head
from recsys.heads.fitting import SOFTENING, fit_logistic, fit_to_removals
from recsys.heads.training import head_of
from recsys.inference import track_logits
from recsys.model import STATISTICS


def trained_on(catalogue, split):
    return train_head(make_trunk(catalogue), catalogue, split)


def relevance(network, waveform):
    with torch.inference_mode():
        logits = track_logits(network, torch.from_numpy(waveform)[None])
    return torch.sigmoid(logits).item()


def test_a_head_learns_a_planted_taste(noises):
    catalogue, split = noises
    trained = trained_on(catalogue, split)
    assert not trained.network.training
    assert (trained.valid.auc, trained.valid.map) == (1.0, 1.0)
    for row in split[split["split"] == "test"].itertuples():
        value = relevance(trained.network, to_float32(catalogue.audio(row.track_id)))
        assert (value > 0.6) if row.label else (value < 0.5)
    assert 0.4 < relevance(trained.network, np.zeros(24_000, np.float32)) < 0.6
    assert trained.about["model"] == "statistics"
    assert trained.about["removal"] == {"stems": {"time alone": 24}, "weight": 1.0}
    assert trained.stems == "time alone (24)"
    assert set(trained.about["calibration"]) == {"temperature", "offset"}
    silence = relevance(trained.network, np.zeros(24_000, np.float32))
    assert trained.about["base_rate"] == pytest.approx(silence, abs=1e-6)


def test_silence_has_the_share_of_listened_tracks_before_calibration(noises):
    catalogue, split = noises
    few = split.drop(split[(split["split"] == "train") & (split["label"] == 1)].index[:9])
    about = trained_on(catalogue, few).about
    temperature, offset = about["calibration"].values()
    prior = np.log((3 + 1) / (12 + 1))  # 3 listened, 12 unheard, and one more of each
    expected = 1 / (1 + np.exp(-(prior / temperature + offset)))
    assert about["base_rate"] == pytest.approx(expected, abs=1e-9)


def test_the_same_tracks_give_the_same_head(noises):
    catalogue, split = noises
    first, again = (trained_on(catalogue, split) for _ in range(2))
    for name, tensor in first.network.state_dict().items():
        assert torch.equal(tensor, again.network.state_dict()[name]), name
    assert first.about == again.about


def test_half_of_a_liked_track_is_between_the_track_and_silence(noises):
    catalogue, split = noises
    network = trained_on(catalogue, split).network
    track_id = split["track_id"][(split["split"] == "test") & (split["label"] == 1)].iloc[0]
    whole = to_float32(catalogue.audio(track_id))
    half = np.where(np.arange(len(whole)) < len(whole) // 2, whole, np.float32(0))
    values = [relevance(network, each) for each in (np.zeros_like(whole), half, whole)]
    assert values == sorted(values)


@pytest.mark.parametrize("removed_weight", [0.0, 0.5, 6.0])
def test_what_is_left_of_a_track_keeps_its_label_and_a_share_of_weight(removed_weight, rng):
    labels = np.array([1, 0, 0, 1, 0, 1])
    removed = rng.normal(size=(6, 4, STATISTICS)) + labels[:, None, None]
    tracks = [PooledTrack(each.mean(axis=0), each, "nobody") for each in removed]
    trunk = Trunk("some", "some", rng.normal(size=(24, STATISTICS)).astype(np.float32) / 30, "0")
    head, _ = head_of(trunk, tracks, labels, removed_weight=removed_weight, loudness=1.0)
    expected = fit_logistic(
        trunk.coordinates(np.concatenate([*(track.whole[None] for track in tracks), *removed])),
        np.array([*labels, *(label for label in labels for _ in range(4))]),
        np.array([1.0] * 6 + [removed_weight / 4] * 24),
        base_rate=0.5,
    )
    np.testing.assert_allclose(head.weight * SOFTENING, expected.weight, rtol=1e-3, atol=1e-6)
    assert head.bias == 0


@pytest.mark.parametrize("part", ["train", "valid"])
@pytest.mark.parametrize("labels", [{0}, {1}, set()])
def test_both_kinds_of_tracks_are_needed(part, labels, noises):
    catalogue, split = noises
    split = split[(split["split"] != part) | split["label"].isin(labels)]
    for check in (check_split, lambda each: train_head(None, catalogue, each)):
        with pytest.raises(ParameterError, match=f"the {part} tracks need listened and unheard"):
            check(split)


def test_a_track_of_weight_three_is_three_tracks(rng):
    labels = np.array([1, 0, 0, 1])
    removed = rng.normal(size=(4, 6, 8)) + labels[:, None, None]
    whole = removed.mean(axis=1)
    once = fit_to_removals(whole, removed, labels, weights=np.array([3.0, 1.0, 1.0, 1.0]))
    times = np.array([0, 0, 0, 1, 2, 3])
    thrice = fit_to_removals(whole[times], removed[times], labels[times])
    np.testing.assert_allclose(once.weight, thrice.weight, rtol=1e-3, atol=1e-6)
    assert once.bias == pytest.approx(thrice.bias)
