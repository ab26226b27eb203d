import threading

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lemons_utils import DataError
from recsys.catalogue import Catalogue, write_tracks
from recsys.track_table import COLUMNS, COORDINATES, TrackTable

IDS = [f"id{number:02}" for number in range(20)]
OF = {"model": "a checksum"}


@pytest.fixture
def catalogue(tmp_path):
    table = {"track_id": IDS, "title": [f"T{n}" for n in range(20)], "samples": [9, 1, 5, 3] * 5}
    write_tracks(tmp_path / "mine", pd.DataFrame(table))
    return Catalogue("mine", tmp_path / "mine")


def note(table: TrackTable, values: dict[str, float]) -> None:
    table.note(list(values), list(values.values()))


def test_parts_are_streamed_and_what_is_known_is_left_out(catalogue, tmp_path):
    table = TrackTable(tmp_path / "out" / "r.parquet", catalogue, OF)
    assert table.known() == 0
    parts = list(table.missing(rows=8))
    assert [len(part) for part in parts] == [8, 8, 4]
    assert parts[0] == ["id01", "id05", "id03", "id07", "id02", "id06", "id00", "id04"]
    note(table, dict.fromkeys(IDS[:8], 0.5))
    with table.notes.path.open("a") as file:
        file.write('["id08", 0.2]\n["id10"]\n["id10", "x"]\n7\n["id0')  # killed, or of others
    note(table, {"id09": 0.3, "id00": 0.5, "gone": 0.9})  # id00 a second time
    assert table.known() == 10
    assert [sorted(part) for part in table.missing(rows=8)] == [IDS[10:16], IDS[16:]]


@pytest.mark.parametrize("bare", [False, True])
def test_the_table_is_sorted_and_written_only_when_it_is_new(catalogue, tmp_path, bare):
    if bare:  # a folder of arrays alone
        (tmp_path / "arrays").mkdir()
        for name in IDS:
            np.save(tmp_path / "arrays" / f"{name}.npy", np.ones(5, np.int16))
        catalogue = Catalogue("arrays", tmp_path / "arrays")
    path = tmp_path / "r.parquet"
    values = {name: (number * 7 % 10) / 10 for number, name in enumerate(IDS)}
    table = TrackTable(path, catalogue, OF)
    note(table, values)
    table.finish()
    written = pd.read_parquet(path)
    assert tuple(written) == COLUMNS
    assert list(written["track_id"]) == sorted(IDS, key=lambda name: (-values[name], name))
    assert dict(zip(written["track_id"], written["relevance"], strict=True)) == values
    assert not table.notes.path.exists()
    before = path.stat().st_mtime_ns
    again = TrackTable(path, catalogue, OF)
    assert (again.known(), list(again.missing())) == (20, [])
    again.finish()
    assert path.stat().st_mtime_ns == before
    if not bare:
        write_tracks(catalogue.folder, catalogue.tracks.assign(title="new")[1:])
        TrackTable(path, Catalogue("mine", catalogue.folder), OF).finish()
        assert set(pd.read_parquet(path)["title"]) == {"new"}
        assert len(pd.read_parquet(path)) == 19


def test_a_table_of_lists_takes_what_is_found_beside_what_is_noted(catalogue, tmp_path):
    table = TrackTable(tmp_path / "c.parquet", catalogue, OF, COORDINATES)
    table.note(IDS[:2], [[0.1, 2.0], [0.3, 1.0]])
    more = {"track_id": IDS[1:], "coordinates": [[float(n), 7.0] for n in range(19)]}
    table.finish(pa.table(more, schema=COORDINATES.noted))
    written = pd.read_parquet(table.path)
    assert list(written) == ["track_id", "coordinates"] and list(written["track_id"]) == IDS
    np.testing.assert_allclose(written["coordinates"].iloc[0], [0.1, 2.0], rtol=1e-6)
    np.testing.assert_array_equal(written["coordinates"].iloc[-1], [18.0, 7.0])
    with pytest.raises(DataError, match="is no table of relevance: remove it"):
        TrackTable(table.path, catalogue, OF).known()


@pytest.mark.parametrize("of", [{"model": "another"}, {"trunk": "a checksum"}])
@pytest.mark.parametrize("finished", [False, True])
def test_values_of_something_else_are_neither_taken_nor_kept(catalogue, tmp_path, of, finished):
    path = tmp_path / "r.parquet"
    mine = TrackTable(path, catalogue, OF)
    note(mine, dict.fromkeys(IDS, 0.5))
    if finished:
        mine.finish()
    other = TrackTable(path, catalogue, of)
    assert (other.known(), other.read("relevance")) == (0, None)
    note(other, dict.fromkeys(IDS[:3], 0.25))
    assert TrackTable(path, catalogue, of).known() == 3
    assert TrackTable(path, Catalogue("theirs", catalogue.folder), of).known() == 0
    note(other, dict.fromkeys(IDS[3:], 0.25))
    other.finish()
    assert set(other.read("relevance")["relevance"]) == {0.25}
    assert TrackTable(path, catalogue, OF).known() == 0


@pytest.mark.parametrize("at", [5, 40, 100, 200])  # headers of pages, and what is in them
def test_a_damaged_table_is_computed_again(catalogue, tmp_path, capsys, at):
    path = tmp_path / "r.parquet"
    table = TrackTable(path, catalogue, OF)
    note(table, {name: number / 20 for number, name in enumerate(IDS)})
    table.finish()
    whole, expected = path.read_bytes(), table.read(*COLUMNS)
    content = bytearray(whole)
    content[at] ^= 1
    path.write_bytes(content)
    damaged = TrackTable(path, catalogue, OF)
    assert (damaged.read("relevance"), damaged.known()) == (None, 0)
    said = capsys.readouterr().err
    assert said == f"computed again: {path} has changed since it was written\n"
    note(damaged, {name: number / 20 for number, name in enumerate(IDS)})
    damaged.finish()
    pd.testing.assert_frame_equal(damaged.read(*COLUMNS), expected)


def test_a_footer_that_has_changed_is_no_table_or_computed_again(catalogue, tmp_path):
    path = tmp_path / "r.parquet"
    table = TrackTable(path, catalogue, OF)
    note(table, dict.fromkeys(IDS, 0.5))
    table.finish()
    whole = path.read_bytes()
    for name in (b"title", b"lemons.of", b"a checksum"):
        content = bytearray(whole)
        content[whole.rindex(name)] ^= 1
        path.write_bytes(content)
        assert TrackTable(path, catalogue, OF).read("relevance") is None


def test_a_command_waits_for_another_that_completes_the_same_table(catalogue, tmp_path):
    """It would take the notes of the other for its own, and lose them when the other finishes."""
    ours, theirs = (TrackTable(tmp_path / "r.parquet", catalogue, OF) for _ in range(2))
    seen = []

    def wait() -> None:
        assert not theirs.is_kept
        with theirs.alone():
            seen.append(theirs.known())

    with ours.alone():
        note(ours, dict.fromkeys(IDS[:10], 0.5))
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(0.3)
        note(ours, dict.fromkeys(IDS[10:], 0.5))
        ours.finish()
    thread.join()
    assert seen == [20]
