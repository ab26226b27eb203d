"""Trunks on disk: heads on them are ordinary models, and are found again."""

import dataclasses
import json
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from lemons_utils import DataError, checksum
from recsys.checkpoint import load_model, make_card, save_model
from recsys.heads import (
    Head,
    find_head,
    make_trunk,
    open_trunk,
    pooled_tracks,
    read_trunk,
    train_head,
    trunk_path,
    write_trunk,
)
from recsys.heads.trunk import SAMPLE_TRACKS
from recsys.model import FCN, STATISTICS


@pytest.fixture
def experiments(tmp_path):
    return tmp_path / "data" / "experiments"


@pytest.fixture
def trunk(noises):
    return make_trunk(noises[0])


@pytest.fixture
def head(trunk, rng):
    return Head(rng.normal(size=len(trunk.directions)), -0.25)


def test_a_head_s_model_says_what_the_head_says_of_coordinates(noises, trunk, head):
    catalogue, _ = noises
    tracks = pooled_tracks(catalogue, catalogue.track_ids)
    pooled = np.stack([track.whole for track in tracks])
    network = trunk.model(head)
    assert not network.training
    with torch.inference_mode():
        logits = network.fc(torch.from_numpy(pooled))[:, 0].numpy()
    np.testing.assert_allclose(logits, head.logits(trunk.coordinates(pooled)), rtol=1e-5)
    ids = trunk.about["sample"]
    assert ids == sorted(catalogue.track_ids)
    of_sample = [tracks[catalogue.track_ids.index(each)] for each in ids]
    for place, track in enumerate(of_sample):
        heard = np.concatenate([track.whole[None], track.removed])
        np.testing.assert_allclose(trunk.sample[place], trunk.coordinates(heard), atol=1e-4)


def test_what_is_written_is_read(trunk, experiments):
    path = trunk_path(experiments, trunk.name)
    write_trunk(path, trunk)
    found = read_trunk(path)
    assert path == experiments.parent / "trunks" / "noises" / "trunk.safetensors"
    assert (found.name, found.catalogue, found.checksum) == ("noises", "noises", checksum(path))
    assert found.checksum == trunk.checksum
    np.testing.assert_array_equal(found.directions, trunk.directions)
    np.testing.assert_array_equal(found.sample, trunk.sample)


def test_the_same_tracks_give_the_same_trunk(noises, trunk):
    again = make_trunk(noises[0])
    assert again.checksum == trunk.checksum and again.about == trunk.about


def test_a_trunk_is_of_at_most_512_tracks(monkeypatch):
    heard = []

    class Numbered:
        name = "numbered"
        track_ids = tuple(f"{number:04}" for number in range(1500))

    class Pooled:
        def __init__(self, number):
            self.whole = np.full(STATISTICS, number, np.float32)
            self.removed = np.zeros((6, STATISTICS), np.float32)

    def pooled_tracks(catalogue, track_ids):
        heard.extend(track_ids)
        return [Pooled(int(each)) for each in track_ids]

    monkeypatch.setattr("recsys.heads.trunk.pooled_tracks", pooled_tracks)
    make_trunk(Numbered())
    assert len(heard) == 500 <= SAMPLE_TRACKS and heard[:2] == ["0000", "0003"]


def test_a_catalogue_s_own_trunk_is_made_once(noises, experiments):
    catalogue, _ = noises
    made = open_trunk(experiments, catalogue)
    path = trunk_path(experiments, "noises")
    before = path.stat().st_mtime_ns
    assert open_trunk(experiments, catalogue, "noises").checksum == made.checksum
    assert path.stat().st_mtime_ns == before


def test_two_commands_make_one_trunk(noises, experiments, monkeypatch):
    made = []

    def make(catalogue):
        made.append(catalogue.name)
        time.sleep(0.2)
        return make_trunk(catalogue)

    monkeypatch.setattr("recsys.heads.trunk.make_trunk", make)
    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(open_trunk, experiments, noises[0]) for _ in range(2)]
    checksums = {each.result().checksum for each in found}
    assert made == ["noises"] and checksums == {checksum(trunk_path(experiments, "noises"))}


def test_a_trunk_of_another_name_must_be_there(noises, experiments):
    with pytest.raises(DataError, match=r"there is no trunk at .*music.*recsys\.trunk"):
        open_trunk(experiments, noises[0], "music")


def test_an_own_trunk_of_other_statistics_is_made_anew(noises, trunk, experiments, capsys):
    path = trunk_path(experiments, "noises")
    write_trunk(path, dataclasses.replace(trunk, about={**trunk.about, "format": "older"}))
    with pytest.raises(DataError, match="is of statistics 'older', expected 'lemons-statistics"):
        read_trunk(path)
    assert open_trunk(experiments, noises[0]).checksum == trunk.checksum
    assert "the trunk is made anew" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["cut", "shape", "card"])
def test_a_damaged_trunk_is_told(damage, trunk, experiments):
    path = trunk_path(experiments, "noises")
    if damage == "shape":
        trunk = dataclasses.replace(trunk, directions=trunk.directions[:, :7].copy())
    write_trunk(path, trunk)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
        path.with_suffix(".json").unlink()
    if damage == "card":
        path.with_suffix(".json").unlink()
    with pytest.raises(DataError, match=str(path)):
        read_trunk(path)


# -- the heads of models ------------------------------------------------------------------------
@pytest.fixture
def model(noises, experiments):
    """The path of a trained model, whose card names the trunk."""
    catalogue, split = noises
    trained = train_head(open_trunk(experiments, catalogue), catalogue, split)
    path = experiments / "one" / "best_model.safetensors"
    path.parent.mkdir(parents=True)
    save_model(path, trained.network, make_card(config={}, metrics={}, **trained.about))
    return path


def test_a_model_s_head_is_found(model, experiments):
    network, card = load_model(model)
    trunk, head = find_head(network, card, experiments)
    torch.testing.assert_close(trunk.model(head).fc.weight, network.fc.weight)
    assert head.bias == pytest.approx(network.fc.bias.item())


def test_a_model_without_its_trunk_is_a_model(model, experiments):
    trunk_path(experiments, "noises").unlink()
    network, card = load_model(model)
    assert find_head(network, card, experiments) is None


@pytest.mark.parametrize("change", ["checksum", "weight", "bias", "nothing", "number", "network"])
def test_a_head_that_does_not_make_the_model_is_none(change, model, experiments):
    network, card = load_model(model)
    entry = json.loads(json.dumps(card["trunk"]))
    if change == "checksum":
        entry["checksum"] = "0" * 64
    elif change == "weight":
        entry["weight"][5] += 0.1
    elif change == "bias":
        entry["bias"] += 1e-3
    elif change == "nothing":
        entry = None
    elif change == "number":
        entry["weight"] = entry["weight"][1:]
    else:
        network = FCN()
    assert find_head(network, {**card, "trunk": entry}, experiments) is None
