import numpy as np
import pytest
import torch

from lemons_utils import DataError, ParameterError
from recsys import dataset
from recsys.catalogue import Catalogue, save_audio
from recsys.dataset import Crops, ResidentAudio, Tracks, crop_loader, repeat_to, track_loader


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """Ramps: sample i of track t is i + 100 t, so a crop says where it comes from."""
    folder = tmp_path_factory.mktemp("ramps")
    for track, samples in enumerate([20_000, 20_000, 16_000, 9_000, 20_000, 2_000]):
        save_audio(folder, (np.arange(samples) + 100 * track).astype(np.int16))
    return Catalogue("ramps", folder)


def by_length(catalogue):
    return sorted(catalogue.track_ids, key=lambda name: catalogue.audio(name).shape[0])


def crops(catalogue, **options):
    labels = [number % 2 for number in range(len(catalogue.track_ids))]
    return Crops(catalogue.audio, by_length(catalogue), labels, **options)


def test_a_crop_is_a_piece_of_its_track(catalogue):
    data = crops(catalogue, input_length=8_000)
    for index, track_id in enumerate(data.track_ids):
        waveform, label = data[3, index]
        audio = catalogue.audio(track_id)
        assert waveform.shape == (8_000,)
        assert waveform.dtype == label.dtype == torch.float32
        assert label == index % 2
        if audio.shape[0] >= 8_000:
            start = round(float(waveform[0]) * 32768) - int(audio[0])
            assert 0 <= start <= audio.shape[0] - 8_000
            expected = audio[start : start + 8_000].astype(np.float32) / 32768
            np.testing.assert_array_equal(waveform.numpy(), expected)


def test_crops_reach_both_ends_and_depend_on_seed_and_epoch(catalogue):
    tight = crops(catalogue, input_length=19_998, seed=5)
    firsts = {round(float(tight[epoch, 5][0][0]) * 32768) for epoch in range(40)}
    assert len(firsts) == 3  # starts 0, 1 and 2
    data, again, other = (crops(catalogue, input_length=8_000, seed=seed) for seed in (5, 5, 6))
    assert torch.equal(data[1, 5][0], again[1, 5][0])
    assert not torch.equal(data[1, 5][0], data[2, 5][0])
    assert not torch.equal(data[1, 5][0], other[1, 5][0])
    assert data.order(1) == again.order(1)
    assert sorted(data.order(1)) == list(range(6))
    assert len({tuple(data.order(epoch)) for epoch in range(20)}) > 10


def test_a_short_track_is_repeated(catalogue):
    waveform, _ = crops(catalogue, input_length=16_000)[0, 0]
    assert waveform.shape == (16_000,)
    assert torch.equal(waveform[:2_000], waveform[2_000:4_000])
    np.testing.assert_array_equal(repeat_to(np.array([1, 2, 3], np.int16), 5), [1, 2, 3, 1, 2])


def batches(loader):
    return [(waveforms.clone(), labels.clone()) for waveforms, labels in loader]


def test_loader_processes_change_nothing(catalogue):
    data = crops(catalogue, input_length=8_000, seed=2)
    state = torch.get_rng_state()
    here = batches(crop_loader(data, range(3), batch_size=4, num_workers=0))
    there = batches(crop_loader(data, range(3), batch_size=4, num_workers=2))
    later = batches(crop_loader(data, range(1, 3), batch_size=4, num_workers=0))
    assert torch.equal(state, torch.get_rng_state())  # dropout's numbers are not touched
    assert [len(labels) for _, labels in here] == [4, 2] * 3
    for one, other in ((here, there), (here[2:], later)):
        assert len(one) == len(other)
        for (a, b), (c, d) in zip(one, other, strict=True):
            assert torch.equal(a, c)
            assert torch.equal(b, d)


def test_whole_tracks_come_in_batches_of_one_length(catalogue):
    names = by_length(catalogue)
    for workers in (0, 2):
        loader = track_loader(Tracks(catalogue.audio, names), batch_size=2, num_workers=workers)
        seen = []
        for places, waveforms in loader:
            assert len(places) <= 2
            for place, waveform in zip(places.tolist(), waveforms, strict=True):
                audio = repeat_to(catalogue.audio(names[place]), 7_936)
                np.testing.assert_array_equal(waveform.numpy(), audio.astype(np.float32) / 32768)
                seen.append(place)
        assert sorted(seen) == list(range(6))


def test_long_tracks_make_small_batches(catalogue, monkeypatch):
    monkeypatch.setattr(dataset, "MAX_BATCH_SAMPLES", 45_000)
    tracks = Tracks(catalogue.audio, by_length(catalogue))
    assert [len(batch) for batch in tracks.batches(20)] == [1, 1, 1, 2, 1]
    monkeypatch.setattr(dataset, "MAX_BATCH_SAMPLES", 10)
    assert len(tracks.batches(20)) == 6


@pytest.mark.parametrize(
    ("track_ids", "labels", "options", "says"),
    [
        ([], [], {}, "at least one track"),
        (["a", "b"], [1], {}, "1 labels for 2 tracks"),
        (["a"], [2], {}, "0 .* or 1 .* got \\[2\\]"),
        (["a"], [1], {"input_length": 7_935}, "at least 7,936"),
        (["a"], [1], {"seed": -1}, "seed must be 0 or more"),
    ],
)
def test_bad_arguments_are_refused(catalogue, track_ids, labels, options, says):
    with pytest.raises(ParameterError, match=says):
        Crops(catalogue.audio, track_ids, labels, **options)


def test_missing_audio_is_said(catalogue):
    with pytest.raises(DataError, match="nowhere"):
        Crops(catalogue.audio, ["nowhere"], [1])[0, 0]


def test_batches_need_a_size(catalogue):
    with pytest.raises(ParameterError, match="batch_size"):
        crop_loader(crops(catalogue), range(1), batch_size=0, num_workers=0)
    with pytest.raises(ParameterError, match="batch_size"):
        Tracks(catalogue.audio, catalogue.track_ids).batches(0)


# -- audio in the memory of a device ---------------------------------------------------------------
@pytest.fixture
def resident(catalogue):
    return ResidentAudio(catalogue.audio, catalogue.track_ids * 2, torch.device("cpu"))


@pytest.mark.parametrize("input_length", [8_000, 16_000, 19_998])
def test_resident_crops_are_the_crops_bit_for_bit(catalogue, resident, input_length):
    data = crops(catalogue, input_length=input_length, seed=2)
    expected = batches(crop_loader(data, range(2, 5), batch_size=4, num_workers=0))
    data.audio = resident
    found = batches(crop_loader(data, range(2, 5), batch_size=4, num_workers=2))
    assert len(found) == len(expected)
    for (a, b), (c, d) in zip(expected, found, strict=True):
        assert a.dtype == c.dtype and b.dtype == d.dtype
        assert torch.equal(a, c)
        assert torch.equal(b, d)


def test_resident_tracks_are_the_tracks_bit_for_bit(catalogue, resident):
    names = by_length(catalogue)
    both = [Tracks(audio, names) for audio in (catalogue.audio, resident)]
    expected, found = (batches(track_loader(t, batch_size=2, num_workers=0)) for t in both)
    assert len(found) == len(expected)
    for (a, b), (c, d) in zip(expected, found, strict=True):
        assert torch.equal(a, c)
        assert torch.equal(b, d)
    for name in names:
        np.testing.assert_array_equal(resident(name), catalogue.audio(name))


def test_audio_that_does_not_fit_is_refused_with_its_size(catalogue, monkeypatch):
    monkeypatch.setattr(dataset, "_free_bytes", lambda device: 4 * 87_000.0)
    ResidentAudio(catalogue.audio, catalogue.track_ids, torch.device("cpu"))
    monkeypatch.setattr(dataset, "_free_bytes", lambda device: 4 * 87_000.0 - 1)
    with pytest.raises(ParameterError, match=r"6 tracks takes 0\.00 GB, of which 0\.00 GB fit"):
        ResidentAudio(catalogue.audio, catalogue.track_ids, torch.device("cpu"))
