"""Training a head: a planted taste, the base rate of silence, the same result every time."""

import numpy as np
import pandas as pd
import pytest
import torch

from lemons_audio import to_float32, to_int16
from lemons_utils import ParameterError
from recsys.catalogue import Catalogue, save_audio, write_tracks
from recsys.heads import PooledTrack, check_split, fit_head, train_head
from recsys.heads.fitting import shared_by_neighbours
from recsys.heads.training import SCALE_TRACKS, deviations, head_of
from recsys.inference import track_logits
from recsys.model import BANDS, PER_BAND, STATISTICS


@pytest.fixture
def noises(tmp_path, rng):
    """A catalogue of loud and quiet noise, and the split of somebody who likes it loud."""
    rows = []
    for number in range(40):
        loud = number % 2
        level = rng.uniform(0.1, 0.2) if loud else rng.uniform(0.005, 0.01)
        audio = to_int16(level * rng.standard_normal(24_000))
        part = "train" if number < 24 else "valid" if number < 32 else "test"
        rows.append({"track_id": save_audio(tmp_path, audio), "split": part, "label": loud})
    split = pd.DataFrame(rows)
    write_tracks(tmp_path, pd.DataFrame({"track_id": split["track_id"], "samples": 24_000}))
    return Catalogue("noises", tmp_path), split


def relevance(network, waveform):
    with torch.inference_mode():
        logits = track_logits(network, torch.from_numpy(waveform)[None])
    return torch.sigmoid(logits).item()


def test_a_head_learns_a_planted_taste(noises):
    catalogue, split = noises
    trained = train_head(catalogue, split)
    assert not trained.network.training
    assert (trained.valid.auc, trained.valid.map) == (1.0, 1.0)
    for row in split[split["split"] == "test"].itertuples():
        value = relevance(trained.network, to_float32(catalogue.audio(row.track_id)))
        assert (value > 0.6) if row.label else (value < 0.5)
    assert 0.4 < relevance(trained.network, np.zeros(24_000, np.float32)) < 0.6
    assert trained.about["model"] == "statistics"
    assert trained.about["removal"] == {"stems": {"time alone": 24}, "weight": 0.5}
    assert trained.stems == "time alone (24)"
    assert set(trained.about["calibration"]) == {"temperature", "offset"}
    silence = relevance(trained.network, np.zeros(24_000, np.float32))
    assert trained.about["base_rate"] == pytest.approx(silence, abs=1e-6)


def test_silence_has_the_share_of_listened_tracks_before_calibration(noises):
    catalogue, split = noises
    few = split.drop(split[(split["split"] == "train") & (split["label"] == 1)].index[:9])
    about = train_head(catalogue, few).about
    temperature, offset = about["calibration"].values()
    prior = np.log((3 + 1) / (12 + 1))  # 3 listened, 12 unheard, and one more of each
    expected = 1 / (1 + np.exp(-(prior / temperature + offset)))
    assert about["base_rate"] == pytest.approx(expected, abs=1e-9)


def test_the_same_tracks_give_the_same_head(noises):
    catalogue, split = noises
    first, again = (train_head(catalogue, split) for _ in range(2))  # computed, then read
    for name, tensor in first.network.state_dict().items():
        assert torch.equal(tensor, again.network.state_dict()[name]), name
    assert first.about == again.about


def test_half_of_a_liked_track_is_between_the_track_and_silence(noises):
    catalogue, split = noises
    network = train_head(catalogue, split).network
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
    scale = np.full(STATISTICS, 2.0)
    head = head_of(tracks, labels, scale=scale, removed_weight=removed_weight)
    expected = fit_head(
        np.concatenate([*(track.whole[None] for track in tracks), *removed]),
        np.array([*labels, *(label for label in labels for _ in range(4))]),
        np.array([1.0] * 6 + [removed_weight / 4] * 24),
        scale=scale,
        base_rate=0.5,
        shared=shared_by_neighbours(BANDS, PER_BAND),
    )
    np.testing.assert_allclose(head.weight, expected.weight, rtol=1e-3, atol=1e-6)
    assert head.bias == 0


@pytest.mark.parametrize("part", ["train", "valid"])
@pytest.mark.parametrize("labels", [{0}, {1}, set()])
def test_both_kinds_of_tracks_are_needed(part, labels, noises):
    catalogue, split = noises
    split = split[(split["split"] != part) | split["label"].isin(labels)]
    for check in (check_split, lambda each: train_head(catalogue, each)):
        with pytest.raises(ParameterError, match=f"the {part} tracks need listened and unheard"):
            check(split)
    assert not (catalogue.folder / "statistics").exists()


def test_deviations_are_of_at_most_512_tracks(monkeypatch):
    heard = []

    class Numbered:
        track_ids = tuple(f"{number:04}" for number in range(1500))

    class Pooled:
        def __init__(self, number):
            self.whole = np.full(STATISTICS, number, np.float32)

    def pooled_tracks(catalogue, track_ids):
        heard.extend(track_ids)
        return [Pooled(int(each)) for each in track_ids]

    monkeypatch.setattr("recsys.heads.training.pooled_tracks", pooled_tracks)
    found = deviations(Numbered())
    assert len(heard) == 500 <= SCALE_TRACKS and heard[:2] == ["0000", "0003"]
    np.testing.assert_allclose(found, np.std(np.arange(0, 1500, 3)), rtol=1e-6)
