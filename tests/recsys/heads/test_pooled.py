"""Pooled statistics on disk: what comes back, what is refused, what is computed anew."""

import functools
import io
import json
import pickle

import numpy as np
import pytest
import torch

from lemons_audio import to_float32
from lemons_jobs import Workers
from lemons_utils import DataError
from recsys.catalogue import Catalogue
from recsys.heads import pool, pool_with_stems, pooled_tracks, read_pooled, write_pooled
from recsys.heads.pooled import NO_STEMS, REMOVALS, pooled_path, stems_source
from recsys.model import MIN_SAMPLES, STATISTICS, LocalStatistics


@pytest.fixture
def catalogue(data_folder):
    return Catalogue("tiny", data_folder / "catalogues" / "tiny")


@pytest.fixture
def track_id(catalogue):
    return catalogue.track_ids[0]


@pytest.fixture
def pooled(catalogue, track_id):
    return pool(track_id, halves(catalogue, track_id), "halves")


def halves(catalogue, track_id):
    """Two stems, each with every other sample; they sum to the track."""
    audio = to_float32(catalogue.audio(track_id))
    even = np.where(np.arange(len(audio)) % 2 == 0, audio, np.float32(0))
    return np.stack([even, audio - even])


def no_stems(catalogue, track_id):
    raise DataError("the stems are gone")


def same(one, other):
    arrays = (np.array_equal(one.whole, other.whole), np.array_equal(one.removed, other.removed))
    return all(arrays) and one.stems == other.stems


# -- what is pooled ----------------------------------------------------------------------------
def test_a_track_has_its_statistics_and_those_of_six_masks(catalogue, track_id, pooled):
    stems = halves(catalogue, track_id)
    network = LocalStatistics()
    whole = network.pooled(torch.from_numpy(stems.sum(axis=0))[None])[0]
    np.testing.assert_array_equal(pooled.whole, whole)
    assert (pooled.whole.shape, pooled.removed.shape) == ((STATISTICS,), (REMOVALS, STATISTICS))
    assert pooled.whole.dtype == pooled.removed.dtype == np.float32
    assert np.abs(pooled.removed - pooled.whole).max(axis=1).max() > 1
    assert pooled.stems == "halves"


def test_masks_follow_from_the_id_alone(catalogue, track_id, pooled):
    stems = halves(catalogue, track_id)
    assert same(pool(track_id, stems, "halves"), pooled)
    other = pool("another id", stems, "halves")
    assert np.array_equal(other.whole, pooled.whole)
    assert not np.array_equal(other.removed, pooled.removed)


def test_a_short_track_is_repeated(rng):
    stems = rng.normal(0, 0.1, (1, 3000)).astype(np.float32)
    repeated = np.tile(stems, 3)[:, :MIN_SAMPLES]
    assert same(pool("a", stems, NO_STEMS), pool("a", repeated, NO_STEMS))


def test_silence_leaves_nothing():
    pooled = pool("a", np.zeros((2, 20_000), np.float32), "nobody")
    assert not pooled.whole.any() and not pooled.removed.any()


# -- on disk -----------------------------------------------------------------------------------
def test_what_is_written_is_read(catalogue, track_id, pooled):
    assert read_pooled(catalogue, track_id) is None
    write_pooled(catalogue, track_id, pooled)
    assert same(read_pooled(catalogue, track_id), pooled)
    first = pooled_path(catalogue, track_id).read_bytes()
    write_pooled(catalogue, track_id, pooled)
    assert pooled_path(catalogue, track_id).read_bytes() == first


def arrays_of(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def rewrite(path, **changes):
    arrays = {
        name: array for name, array in (arrays_of(path) | changes).items() if array is not None
    }
    np.savez(path, **arrays)


@pytest.mark.parametrize("content", [b"", b"nothing", "half"])
def test_a_damaged_file_is_told(content, catalogue, track_id, pooled):
    write_pooled(catalogue, track_id, pooled)
    path = pooled_path(catalogue, track_id)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content == "half" else content)
    with pytest.raises(DataError, match=r"cannot be used .*delete it, it is computed again"):
        read_pooled(catalogue, track_id)
    assert stems_source(catalogue, track_id) is None


def test_a_changed_bit_is_never_read(catalogue, track_id, pooled, rng):
    write_pooled(catalogue, track_id, pooled)
    path = pooled_path(catalogue, track_id)
    whole = path.read_bytes()
    header = whole.index(b"NUMPY", whole.index(b"whole.npy"))
    for at in [*range(header, header + 122), *rng.integers(len(whole), size=100)]:
        changed = bytearray(whole)
        changed[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        try:
            read = read_pooled(catalogue, track_id)
        except DataError as error:
            assert "cannot be used" in str(error)
        else:
            assert same(read, pooled)


@pytest.mark.parametrize(
    "changes",
    [
        {"about": np.frombuffer(b"[1]", np.uint8)},
        {"about": np.frombuffer(b"not JSON", np.uint8)},
        {"about": None},
        {"removed": None},
        {"whole": np.zeros(7, np.float32)},
        {"removed": np.zeros((2, STATISTICS), np.float32)},
    ],
)
def test_a_file_of_something_else_is_told(changes, catalogue, track_id, pooled):
    write_pooled(catalogue, track_id, pooled)
    rewrite(pooled_path(catalogue, track_id), **changes)
    with pytest.raises(DataError, match="cannot be used"):
        read_pooled(catalogue, track_id)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was run",))


def test_no_pickle_is_run(catalogue, track_id, pooled):
    write_pooled(catalogue, track_id, pooled)
    path = pooled_path(catalogue, track_id)
    bomb = np.array([None], dtype=object)
    bomb[0] = Bomb()
    rewrite(path, whole=bomb)
    with pytest.raises(DataError, match="cannot be used"):
        read_pooled(catalogue, track_id)
    stream = io.BytesIO()
    pickle.dump(Bomb(), stream)
    path.write_bytes(stream.getvalue())
    with pytest.raises(DataError, match="cannot be used"):
        read_pooled(catalogue, track_id)


@pytest.mark.parametrize(
    "changes",
    [{"format": "lemons-statistics 0"}, {"format": None}, {"audio": None}],
)
def test_another_version_is_computed_anew(changes, catalogue, track_id, pooled):
    write_pooled(catalogue, track_id, pooled)
    path = pooled_path(catalogue, track_id)
    about = json.loads(arrays_of(path)["about"].tobytes())
    assert about == {"format": "lemons-statistics 4", "stems": "halves", "audio": track_id}
    kept = {name: value for name, value in (about | changes).items() if value is not None}
    rewrite(path, about=np.frombuffer(json.dumps(kept).encode(), np.uint8))
    assert read_pooled(catalogue, track_id) is None
    (found,) = pooled_tracks(catalogue, [track_id])
    assert found.stems == NO_STEMS
    assert same(read_pooled(catalogue, track_id), found)


# -- whose audio it is -------------------------------------------------------------------------
def test_statistics_of_other_audio_are_computed_anew(tmp_path, rng):
    """In a folder of arrays with names that somebody gave them."""
    catalogue = Catalogue("arrays", tmp_path)
    first, second = rng.integers(-3000, 3000, (2, 20_000)).astype(np.int16)
    np.save(tmp_path / "song.npy", first)
    (before,) = pooled_tracks(catalogue, ["song"])
    assert same(read_pooled(catalogue, "song"), before)
    np.save(tmp_path / "song.npy", second)
    assert read_pooled(catalogue, "song") is None
    (after,) = pooled_tracks(catalogue, ["song"])
    assert not np.array_equal(after.whole, before.whole)
    assert same(read_pooled(catalogue, "song"), after)


def test_a_track_named_by_its_audio_is_not_read_again(catalogue, track_id, pooled):
    write_pooled(catalogue, track_id, pooled)
    (catalogue.folder / "audio" / f"{track_id}.npy").unlink()
    assert same(read_pooled(catalogue, track_id), pooled)


# -- many --------------------------------------------------------------------------------------
def test_tracks_are_pooled_once(catalogue, monkeypatch):
    track_ids = catalogue.track_ids[:3]
    first = pooled_tracks(catalogue, track_ids)
    assert [each.stems for each in first] == [NO_STEMS] * 3
    monkeypatch.setattr("recsys.heads.pooled.pool", no_stems)
    again = pooled_tracks(catalogue, track_ids)
    assert all(map(same, first, again))


def test_time_alone_is_removed_from_a_track_without_stems(catalogue, track_id):
    (found,) = pooled_tracks(catalogue, [track_id])
    audio = to_float32(catalogue.audio(track_id))[None]
    assert same(found, pool(track_id, audio, NO_STEMS))


@pytest.mark.parametrize("jobs", [1, 2])
def test_stems_replace_those_of_another_source_alone(jobs, catalogue):
    track_ids = catalogue.track_ids[:3]
    pooled_tracks(catalogue, track_ids[:1])
    stems = functools.partial(halves, catalogue)
    pool_with_stems(catalogue, track_ids, stems, "halves", workers=Workers(jobs))
    for track_id in track_ids:
        expected = pool(track_id, halves(catalogue, track_id), "halves")
        assert same(read_pooled(catalogue, track_id), expected)
    pool_with_stems(catalogue, track_ids, functools.partial(no_stems, catalogue), "halves")
    assert pooled_tracks(catalogue, track_ids)[0].stems == "halves"


def test_a_track_whose_stems_are_gone_stops_no_other(catalogue, capsys):
    first, second = catalogue.track_ids[:2]

    def stems_of(track_id):
        return (halves if track_id == second else no_stems)(catalogue, track_id)

    with pytest.raises(DataError, match="1 of 2 tracks have no statistics of halves"):
        pool_with_stems(catalogue, [first, second], stems_of, "halves")
    assert capsys.readouterr().err == f"no statistics: {first}: the stems are gone\n"
    assert [stems_source(catalogue, each) for each in (first, second)] == [None, "halves"]
