"""Statistics of what removing stems leaves: which tracks, which stems, and once only."""

import numpy as np
import pandas as pd
import pytest

from explanations.removals import main
from lemons_audio import read_audio
from lemons_utils import DataError
from recsys.catalogue import Catalogue, save_audio, write_tracks
from recsys.heads import pool, pool_with_stems, read_pooled
from recsys.listening import split_path, write_split

OWN = ["--catalogue", "own"]


def files(house):
    return sorted((house.catalogue.folder / "statistics").glob("*.npz"))


def sources(house):
    return [read_pooled(house.catalogue, track_id).stems for track_id in house.track_ids]


def test_true_stems_of_every_track_and_none_twice(house, capsys):
    assert main(OWN) == 0
    folder = house.catalogue.folder / "statistics"
    assert capsys.readouterr().out == f"2 tracks have statistics: 2 from folder ({folder})\n"
    for track_id in house.track_ids:
        home = house.catalogue.folder / "stems" / track_id
        stems = [read_audio(home / f"{name}.flac")[0] for name in ("vocals", "drums", "other")]
        expected = pool(track_id, np.concatenate(stems), "folder")
        pooled = read_pooled(house.catalogue, track_id)
        np.testing.assert_allclose(pooled.whole, expected.whole, rtol=0, atol=1e-4)
        np.testing.assert_allclose(pooled.removed, expected.removed, rtol=0, atol=1e-4)
        assert pooled.stems == "folder"
    times = [path.stat().st_mtime_ns for path in files(house)]
    assert main(OWN) == 0
    assert [path.stat().st_mtime_ns for path in files(house)] == times


def test_another_separator_replaces_them(house):
    assert main(OWN) == 0
    assert main([*OWN, "--separator", "dsp", "--jobs", "2"]) == 0
    assert sources(house) == ["dsp", "dsp"]


def test_the_training_tracks_of_a_listener_alone(house, capsys):
    split = pd.DataFrame(
        {
            "track_id": [*house.track_ids, "t2", "t3", "t4", "t5"],
            "split": ["train", "train", "valid", "valid", "test", "test"],
            "label": [1, 0] * 3,
            "playcount": [3, 0] * 3,
        }
    )
    for name in ("marko", "nina"):
        write_split(split_path(house.catalogue, name), split)
    assert main([*OWN, "--user_name", "marko", "nina"]) == 0
    assert "2 tracks have statistics" in capsys.readouterr().out
    assert {path.stem for path in files(house)} == {*house.track_ids}
    assert main([*OWN, "--user_name", "bob"]) == 2
    assert "no listener 'bob' in catalogue own" in capsys.readouterr().err


def test_a_track_without_stems_is_a_line_and_stops_no_other(house, capsys):
    short = save_audio(house.catalogue.folder, np.ones(9_000, np.int16))
    table = pd.DataFrame(
        {"track_id": [short, *house.track_ids], "samples": [9_000, 64_000, 68_001]}
    )
    write_tracks(house.catalogue.folder, table)
    assert main([*OWN, "--separator", "dsp"]) == 2
    line, last = capsys.readouterr().err.splitlines()
    assert line.startswith(f"no statistics: {short}: ") and "at least 1 s" in line
    assert last == "error: 1 of 3 tracks have no statistics of dsp"
    assert sources(house) == ["dsp", "dsp"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--catalogue", "nowhere"], "no catalogue 'nowhere'"),
        ([*OWN, "--separator", "truth"], "true stems are known of the demo band's tracks alone"),
        ([*OWN, "--jobs", "0"], "jobs must be 1 or more"),
    ],
)
def test_a_mistake_is_one_line(house, capsys, arguments, said):
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not files(house)


def test_a_damaged_file_is_made_again(house):
    assert main(OWN) == 0
    whole = files(house)[0].read_bytes()
    files(house)[0].write_bytes(whole[:500])
    assert main(OWN) == 0
    assert files(house)[0].read_bytes() == whole


def test_stems_that_cannot_be_had_are_said_of_each_track(house, capsys):
    def refuse(track_id):
        raise DataError("no stems")

    with pytest.raises(DataError, match="2 of 2 tracks have no statistics of nobody"):
        pool_with_stems(Catalogue("own", house.catalogue.folder), house.track_ids, refuse, "nobody")
    expected = [f"no statistics: {track_id}: no stems" for track_id in house.track_ids]
    assert capsys.readouterr().err.splitlines() == expected
