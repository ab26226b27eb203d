import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from lemons_audio import audio_checksum, to_int16
from lemons_utils import DataError, ParameterError
from recsys.catalogue import (
    COLUMNS,
    UNFINISHED,
    Catalogue,
    check_name,
    open_catalogue,
    read_tracks,
    save_audio,
    write_tracks,
)


@pytest.fixture
def folder(tmp_path):
    """Where the catalogue "mine" belongs; not made yet."""
    return tmp_path / "catalogues" / "mine"


def noise(rng, samples: int = 20_000) -> np.ndarray:
    return rng.integers(-20_000, 20_000, samples).astype(np.int16)


def test_what_is_written_is_read(tmp_path, folder, rng):
    sounds = [noise(rng), noise(rng, 30_000)]
    ids = [save_audio(folder, audio) for audio in sounds]
    assert ids == [audio_checksum(audio) for audio in sounds]
    table = pd.DataFrame(
        {
            "seed": [7, 8],
            "track_id": ids,
            "title": ["Öl", None],
            "year": [1999, None],
            "samples": [20_000, 30_000],
        }
    )
    written = write_tracks(folder, table)
    catalogue = open_catalogue("mine", data_folder=tmp_path)
    pd.testing.assert_frame_equal(catalogue.tracks, written)
    assert list(catalogue.tracks) == [*COLUMNS, "seed"]
    assert catalogue.track_ids == ids
    first, second = catalogue.tracks.to_dict("records")
    assert (first["title"], first["artist"], first["year"]) == ("Öl", "", 1999)
    assert (second["title"], second["duration_s"]) == ("", 1.875)
    assert catalogue.tracks["year"][1] is pd.NA
    for track_id, audio in zip(ids, sounds, strict=True):
        np.testing.assert_array_equal(catalogue.audio(track_id), audio)
    assert isinstance(catalogue.audio(ids[0]), np.memmap)
    assert not list((folder / "audio").glob(".*"))


def test_the_same_table_is_the_same_bytes(folder, rng):
    table = pd.DataFrame({"track_id": ["b", "a"], "samples": [1, 2]})
    write_tracks(folder, table)
    before = (folder / "tracks.parquet").read_bytes()
    write_tracks(folder, read_tracks(folder / "tracks.parquet"))
    assert (folder / "tracks.parquet").read_bytes() == before


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"track_id": ["a"]}, "missing: {'samples'}"),
        ({"track_id": ["a", "a"], "samples": [1, 2]}, "a comes twice"),
        ({"track_id": ["a", None], "samples": [1, 2]}, "some are empty"),
        ({"track_id": ["a", ""], "samples": [1, 2]}, "some are empty"),
    ],
)
def test_malformed_tables_are_refused(folder, table, says):
    with pytest.raises(ParameterError, match=says):
        write_tracks(folder, pd.DataFrame(table))
    assert not folder.exists()


@pytest.mark.parametrize("below", ["", "audio"])
def test_a_folder_of_arrays_is_a_catalogue_as_it_is(tmp_path, folder, rng, below):
    arrays = folder / below
    arrays.mkdir(parents=True)
    sound = noise(rng)
    floats = (sound / 32768).astype(np.float32)
    np.save(arrays / "TRB.npy", floats)
    np.save(arrays / "TRA.npy", sound)
    np.save(arrays / "TRC.npy", sound.astype(">i2"))
    np.save(arrays / "TRD.npy", floats.astype(np.float64))
    (arrays / ".TRE.npy").write_bytes(b"half written")
    catalogue = open_catalogue("mine", data_folder=tmp_path)
    assert catalogue.track_ids == ["TRA", "TRB", "TRC", "TRD"]
    assert list(catalogue.tracks["title"]) == catalogue.track_ids
    assert set(catalogue.tracks["samples"]) == {20_000}
    for track_id in catalogue.track_ids:
        audio = catalogue.audio(track_id)
        assert audio.dtype == np.int16
        np.testing.assert_array_equal(audio, sound)


def test_floats_that_overshoot_a_little_are_clipped(tmp_path):
    np.save(tmp_path / "a.npy", np.array([1.25, -1.25, 0.5]))
    expected = to_int16(np.array([1.0, -1.0, 0.5]))
    np.testing.assert_array_equal(Catalogue("x", tmp_path).audio("a"), expected)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((2, 50), np.int16), r"shape \(samples,\), got \(2, 50\)"),
        (np.zeros(0, np.int16), "is no array of audio|got \\(0,\\)"),
        (np.zeros(50, np.int32), "got int32"),
        (np.zeros(50, np.uint16), "got uint16"),
        (np.full(50, 20_000.0), "larger ones or NaN"),
        (np.array([0.0, np.nan]), "larger ones or NaN"),
        (np.array([{"an": "object"}]), "is no array of audio"),
        (b"\x93NUMPY", "is no array of audio"),
        (b"", "is no array of audio"),
        (None, "has no audio of track a"),
    ],
)
def test_arrays_that_are_no_audio_are_data_errors(tmp_path, array, says):
    if isinstance(array, bytes):
        (tmp_path / "a.npy").write_bytes(array)
    elif array is not None:
        np.save(tmp_path / "a.npy", array)
    with pytest.raises(DataError, match=says):
        Catalogue("mine", tmp_path).audio("a")


def test_a_changed_bit_of_an_array_is_never_read(folder, rng):
    track_id = save_audio(folder, noise(rng)[:500])
    catalogue = Catalogue("mine", folder)
    audio, path = catalogue.audio(track_id).copy(), catalogue.audio_path(track_id)
    content = path.read_bytes()
    for at in [*range(128), *rng.integers(128, len(content), 100)]:
        changed = bytearray(content)
        changed[at] ^= 1 << int(rng.integers(8))
        path.unlink()
        path.write_bytes(changed)
        try:
            read = catalogue.audio(track_id)
        except DataError as error:
            assert str(path) in str(error)
        else:
            np.testing.assert_array_equal(read, audio)  # blanks in the header
            assert at < 128


def test_an_array_is_checked_once(folder, rng, monkeypatch):
    track_id = save_audio(folder, noise(rng))
    checked = []

    def checksum(audio):
        checked.append(len(audio))
        return audio_checksum(audio)

    monkeypatch.setattr("recsys.arrays.audio_checksum", checksum)
    for _ in range(3):
        Catalogue("mine", folder).audio(track_id)
    assert checked == [20_000]


def test_a_changed_bit_in_the_pages_of_a_table_is_never_read(folder, rng):
    ids = [f"{number:020x}" for number in range(300)]
    write_tracks(folder, pd.DataFrame({"track_id": ids, "samples": 16_000, "title": ids[::-1]}))
    path = folder / "tracks.parquet"
    content, tracks = path.read_bytes(), read_tracks(path)
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    refused = 0
    for at in rng.integers(4, footer, 300):
        changed = bytearray(content)
        changed[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        try:
            pd.testing.assert_frame_equal(read_tracks(path), tracks)
        except DataError:
            refused += 1
    assert refused > 250


@pytest.mark.parametrize("track_id", ["", "..", "../secret", "a/b", "a\\b", ".hidden", "a\0"])
def test_track_ids_stay_in_the_folder(tmp_path, track_id):
    with pytest.raises(ParameterError, match="track_id"):
        Catalogue("mine", tmp_path).audio(track_id)


def test_only_mono_16_bits_are_saved(folder):
    for audio in (np.zeros(10), np.zeros((1, 10), np.int16), np.zeros(0, np.int16)):
        with pytest.raises(ParameterError, match="int16 of shape"):
            save_audio(folder, audio)


def test_a_damaged_array_is_saved_again(folder, rng):
    sound = noise(rng)
    path = folder / "audio" / f"{save_audio(folder, sound)}.npy"
    path.write_bytes(path.read_bytes()[:1000])
    save_audio(folder, sound)
    np.testing.assert_array_equal(np.load(path), sound)


def test_missing_catalogues_say_what_there_is_and_what_to_do(tmp_path, folder):
    with pytest.raises(DataError, match=r"no catalogue 'mine'.*there: none.*recsys\.ingest"):
        open_catalogue("mine", data_folder=tmp_path)
    (folder.parent / "demo").mkdir(parents=True)
    folder.mkdir()
    with pytest.raises(DataError, match="there: demo, mine"):
        open_catalogue("mine", data_folder=tmp_path)


def test_a_catalogue_whose_ingest_has_not_ended_is_refused(tmp_path, folder, rng):
    save_audio(folder, noise(rng))
    (folder / UNFINISHED).touch()
    with pytest.raises(DataError, match="not finished"):
        open_catalogue("mine", data_folder=tmp_path)


def test_a_damaged_table_is_a_data_error(tmp_path, folder):
    folder.mkdir(parents=True)
    (folder / "tracks.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match=r"tracks\.parquet is no table"):
        _ = open_catalogue("mine", data_folder=tmp_path).tracks
    pd.DataFrame({"x": [1]}).to_parquet(folder / "tracks.parquet")
    with pytest.raises(DataError, match="missing"):
        _ = open_catalogue("mine", data_folder=tmp_path).tracks


@pytest.mark.parametrize("name", ["marko", "Jürgen M.-2", "a@b.org", "x" * 100, "7", "0", "007"])
def test_names_that_are_good_file_names(name):
    assert check_name(name, "user_name") == name


@pytest.mark.parametrize("name", ["", ".", "..", ".a", "a/b", "a\\b", "a\n", "a.", "a ", "x" * 101])
def test_names_that_are_none(name):
    with pytest.raises(ParameterError, match="user_name must be"):
        check_name(name, "user_name")


@pytest.mark.parametrize("name", ["all", "None", "1e5", "1_000", "1.50", "7,8"])
def test_names_that_commands_take_for_something_else_are_refused(name):
    with pytest.raises(ParameterError, match=f"user_name must not be '{name}'"):
        check_name(name, "user_name")


@pytest.mark.parametrize("loaded", [False, True])
def test_a_large_table_is_counted_and_read_in_parts(tmp_path, loaded, monkeypatch):
    monkeypatch.setattr("recsys.catalogue.BATCH_ROWS", 100)
    ids = [f"{number:05}" for number in range(250)]
    write_tracks(tmp_path, pd.DataFrame({"track_id": ids, "title": "t", "samples": range(250)}))
    assert pq.read_metadata(tmp_path / "tracks.parquet").num_row_groups == 3
    catalogue = Catalogue("large", tmp_path)
    if loaded:
        assert len(catalogue.tracks) == 250
    assert catalogue.count == 250
    assert catalogue.track_ids == ids
    pd.testing.assert_frame_equal(
        catalogue.columns("samples", "track_id"), catalogue.tracks[["samples", "track_id"]]
    )
    parts = list(catalogue.batches("title", "track_id", rows=100))
    assert [len(part) for part in parts] == [100, 100, 50]
    assert list(pd.concat(parts)["track_id"]) == ids
    assert list(parts[0]) == ["title", "track_id"]


def test_nothing_is_read_that_is_not_asked_for(tmp_path, rng):
    save_audio(tmp_path, noise(rng))
    arrays = Catalogue("arrays", tmp_path)
    write_tracks(tmp_path / "t", pd.DataFrame({"track_id": ["a"], "samples": [1]}))
    table = Catalogue("table", tmp_path / "t")
    for catalogue in (arrays, table):
        assert (catalogue.count, len(catalogue.track_ids)) == (1, 1)
        assert "tracks" not in vars(catalogue)
    assert [list(part["samples"]) for part in arrays.batches("samples")] == [[20_000]]


def test_damaged_tables_are_data_errors_however_they_are_read(tmp_path):
    (tmp_path / "tracks.parquet").write_bytes(b"PAR1 no")
    catalogue = Catalogue("broken", tmp_path)
    for read in (
        lambda: catalogue.count,
        lambda: catalogue.track_ids,
        lambda: list(catalogue.batches("track_id")),
    ):
        with pytest.raises(DataError, match=r"tracks\.parquet is no table"):
            read()
