import re

import numpy as np
import pandas as pd
import pytest

from recsys.catalogue import Catalogue, open_catalogue
from recsys.importers.msd import PUBLISHED, main
from recsys.ingest.decoding import Excerpt, decode
from recsys.listening import make_split, read_split, split_path, users

MARKO, OTHER = PUBLISHED["marko"], "b80344d063b5ccb3212f76538f3d9e43d87dca9e"


def track(number: int) -> str:
    return f"TR{chr(65 + number % 3)}{chr(65 + number % 5)}XY128F4{number:07}"


def song(number: int) -> str:
    return f"SOAAAAA12A8{number:07}"


TRACKS = [track(number) for number in range(40)]


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def raw(tmp_path):
    """Files of the real form: 40 tracks; song 38 has two, songs 0 and 1 are mismatched."""
    folder = tmp_path / "raw"
    folder.mkdir()
    lines = [f'{track(n)}<SEP>{song(n)}<SEP>Gruppe Ö {n // 4}<SEP>Title, "{n}"' for n in range(40)]
    (folder / "unique_tracks.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    pairs = [f"{song(n)}\t{track(n)}" for n in range(38)]
    pairs += [f"{song(38)}\t{track(38)}\t{track(39)}", song(41), f"{song(42)}\tTRZZZZZ128F4000000"]
    (folder / "taste_profile_song_to_tracks.txt").write_text("\n".join(pairs) + "\n")
    wrong = [(0, 0), (1, 1), (38, 38)]
    (folder / "sid_mismatches.txt").write_text(
        "".join(f"ERROR: <{song(s)} {track(t)}> One  -  A <B>  !=  Two  -  C\n" for s, t in wrong)
    )
    plays = [(MARKO, song(n), n % 3 + 1) for n in range(12)]
    plays += [(OTHER, song(n), 2) for n in range(8, 20)] + [(OTHER, song(38), 7)]
    plays += [(OTHER, song(41), 5), (MARKO, song(42), 4), (MARKO, song(50), 9)]
    plays = plays[::2] + plays[1::2]  # listeners in no order
    (folder / "train_triplets.txt").write_text("".join(f"{u}\t{s}\t{c}\n" for u, s, c in plays))
    return folder


@pytest.fixture
def catalogue(data, raw, tmp_path, rng):
    arrays = tmp_path / "arrays"
    arrays.mkdir()
    for name in TRACKS:
        np.save(arrays / f"{name}.npy", rng.integers(-9, 9, 100).astype(np.int16))
    assert main(["tracks", str(raw / "unique_tracks.txt"), "--arrays", str(arrays)]) == 0
    return Catalogue("msd", data / "catalogues" / "msd")


# -- tracks ------------------------------------------------------------------------------------
def test_snippets_nested_and_flat_become_arrays(data, raw, tmp_path, write_media, rng, capsys):
    sound = rng.uniform(-0.5, 0.5, (2, 3 * 22_050)).astype(np.float32)
    snippets = tmp_path / "snippets"
    name = TRACKS[7]
    files = {
        name: snippets / name[2] / name[3] / name[4] / f"{name}.mp3",
        TRACKS[8]: snippets / f"{TRACKS[8]}.clip.mp3",
    }
    for file in files.values():
        write_media(file, sound, 22_050)
    (snippets / f"{TRACKS[9]}.mp3").write_bytes(b"no sound")
    write_media(snippets / "TRUNKNOWN128F000000.mp3", sound, 22_050)
    arguments = ["tracks", str(raw / "unique_tracks.txt"), "--snippets", str(snippets)]
    assert main([*arguments, "--jobs", "1"]) == 0
    printed = capsys.readouterr().out
    assert "2 tracks, 1 snippets skipped" in printed
    assert "\nnext: `python -m recsys.importers.msd plays FOLDER --catalogue " in printed
    catalogue = open_catalogue("msd", data_folder=data)
    assert catalogue.track_ids == sorted(files)
    for track_id, file in files.items():
        np.testing.assert_array_equal(catalogue.audio(track_id), decode(file, Excerpt()))
    row = catalogue.tracks.set_index("track_id").loc[name]
    assert (row["title"], row["artist"], row["song_id"]) == ('Title, "7"', "Gruppe Ö 1", song(7))
    skipped = pd.read_csv(catalogue.folder / "skipped.csv")
    assert list(skipped["track_id"]) == [TRACKS[9]]

    before = catalogue.audio_path(name).stat().st_mtime_ns
    catalogue.audio_path(TRACKS[8]).write_bytes(b"cut off")  # of a full disk
    assert main([*arguments, "--jobs", "2"]) == 0
    assert catalogue.audio_path(name).stat().st_mtime_ns == before
    np.testing.assert_array_equal(catalogue.audio(TRACKS[8]), decode(files[TRACKS[8]], Excerpt()))


def test_ready_arrays_stay_where_they_are(catalogue, raw, tmp_path, capsys):
    assert catalogue.track_ids == sorted(TRACKS)
    assert catalogue.audio_path(TRACKS[0]).resolve().parent == tmp_path / "arrays"
    assert set(catalogue.tracks["samples"]) == {100}
    (tmp_path / "arrays" / "TRNAMELESS.npy").write_bytes(
        (tmp_path / "arrays" / f"{TRACKS[0]}.npy").read_bytes()
    )
    assert main(["tracks", str(raw / "unique_tracks.txt")]) == 0
    tracks = Catalogue("msd", catalogue.folder).tracks
    assert tracks[tracks["track_id"] == "TRNAMELESS"]["title"].item() == "TRNAMELESS"
    (tmp_path / "others").mkdir()
    command = ["tracks", str(raw / "unique_tracks.txt"), "--arrays", str(tmp_path / "others")]
    assert main(command) == 2
    assert "is there already" in capsys.readouterr().err


# -- plays and splits --------------------------------------------------------------------------
def test_plays_are_sorted_by_listener_and_what_is_lost_is_counted(catalogue, raw, capsys):
    assert main(["plays", str(raw)]) == 0
    printed = capsys.readouterr().out
    assert "23 of 28 rows, 52 of 73 plays, 2 listeners" in printed
    assert printed.endswith("next: `python -m recsys.importers.msd splits --catalogue msd`\n")
    plays = pd.read_parquet(catalogue.folder / "plays.parquet")
    expected = [(MARKO, track(n), n % 3 + 1) for n in range(2, 12)]
    expected += [(OTHER, track(n), 2) for n in range(8, 20)] + [(OTHER, track(39), 7)]
    assert list(plays.itertuples(index=False, name=None)) == sorted(expected)
    lost = pd.read_csv(catalogue.folder / "plays-unmatched.csv")
    assert list(lost.itertuples(index=False, name=None)) == [
        (song(50), 1, 9, "no track"),
        (song(41), 1, 5, "no track"),
        (song(42), 1, 4, "not in the catalogue"),
        (song(1), 1, 2, "listed as mismatched"),
        (song(0), 1, 1, "listed as mismatched"),
    ]
    assert not list(catalogue.folder.glob(".*"))


@pytest.mark.parametrize(("asked", "who"), [("marko", MARKO), (MARKO, MARKO), (OTHER, OTHER)])
def test_splits_of_any_listener_by_id_and_of_seven_by_name(catalogue, raw, asked, who):
    assert main(["plays", str(raw)]) == 0
    assert main(["splits", "--user_name", asked]) == 0
    assert users(catalogue) == [asked]
    plays = pd.read_parquet(catalogue.folder / "plays.parquet")
    own = plays[plays["user_name"] == who]
    expected = make_split(own, catalogue.track_ids, user_name=asked)
    pd.testing.assert_frame_equal(
        read_split(split_path(catalogue, asked)), expected, check_dtype=False
    )


def test_the_published_seven_are_seven_listeners():
    assert len(set(PUBLISHED.values())) == 7
    assert all(len(who) == 40 and int(who, 16) for who in PUBLISHED.values())


# -- mistakes ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["splits"], "no .*plays.parquet: make it with"),
        (["splits", "--user_name", "nobody"], "40 hexadecimal digits or one of marko"),
        (["plays", "nowhere"], "nowhere has no .*docs/data-sets.md"),
        (["tracks", "nowhere.txt"], "nowhere.txt is not a file"),
        (["tracks", "RAW/unique_tracks.txt", "--snippets", "RAW"], "holds no snippets"),
    ],
)
def test_mistakes_are_one_line(catalogue, raw, capsys, arguments, says):
    if "nobody" in arguments:
        assert main(["plays", str(raw)]) == 0
    capsys.readouterr()
    assert main([argument.replace("RAW", str(raw)) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert re.search(says, error)
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "line", "says"),
    [
        ("train_triplets.txt", f"{MARKO}\t{song(3)}\tmany", "train_triplets.txt must have lines"),
        ("train_triplets.txt", f"{MARKO} {song(3)} 1", "train_triplets.txt must have lines"),
        ("taste_profile_song_to_tracks.txt", "x\ty", "line 42: expected a song and its tracks"),
        ("sid_mismatches.txt", "nonsense", "line 4: expected `ERROR: <SO"),
    ],
)
def test_broken_files_are_told_with_their_line(catalogue, raw, capsys, name, line, says):
    with (raw / name).open("a") as file:
        file.write(line + "\n")
    assert main(["plays", str(raw)]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert not (catalogue.folder / "plays.parquet").exists()


def test_a_listener_who_is_not_there_is_told(catalogue, raw, capsys):
    assert main(["plays", str(raw)]) == 0
    assert main(["splits", "--user_name", "nina", "f" * 40]) == 2
    assert f"has no plays of nina, {'f' * 40}" in capsys.readouterr().err
