"""ListenBrainz, Last.fm and Spotify: exports of their real form, made here."""

import codecs
import csv
import importlib
import itertools
import json
import os
import tracemalloc
import zipfile
from pathlib import Path

import pandas as pd
import pytest

import lemons_limits
from lemons_utils import DataError
from recsys.catalogue import Catalogue, write_tracks
from recsys.importers import histories
from recsys.importers.lastfm import read_scrobbles
from recsys.importers.listenbrainz import read_listens
from recsys.importers.spotify import read_streams
from recsys.listening import make_split, read_split, split_path

HEARD = [("Déjà Vu", "Sigur Rós"), ('Hello, "You"', "AC/DC"), ("Déjà Vu", "Sigur Rós")]


def listen(title: str, artist: str, at: int = 1_700_000_000) -> dict:
    return {
        "listened_at": at,
        "inserted_at": at + 5,
        "recording_msid": "d23f4719-9212-49f0-ad08-ddbfbfc50d6f",
        "track_metadata": {
            "track_name": title,
            "artist_name": artist,
            "release_name": "An Album",
            "additional_info": {"duration_ms": 222_000, "submission_client": "a player"},
            "mbid_mapping": None,
        },
    }


def stream(title: str | None, artist: str | None, ms_played: int) -> dict:
    return {
        "ts": "2020-04-11T00:27:53Z",
        "platform": "linux",
        "ms_played": ms_played,
        "conn_country": "AT",
        "ip_addr": "203.0.113.7",
        "master_metadata_track_name": title,
        "master_metadata_album_artist_name": artist,
        "master_metadata_album_album_name": title and "An Album",
        "spotify_track_uri": title and "spotify:track:74cksX4vgcm0cHKaV7XE2L",
        "episode_name": None if title else "Episode 7",
        "episode_show_name": None if title else "A Podcast",
        "spotify_episode_uri": None,
        "reason_start": "trackdone",
        "reason_end": "trackdone",
        "shuffle": False,
        "skipped": False,
        "offline": False,
        "offline_timestamp": None,
        "incognito_mode": False,
    }


# -- ListenBrainz ------------------------------------------------------------------------------
@pytest.fixture
def listenbrainz(tmp_path):
    """An unpacked export."""
    folder = tmp_path / "listenbrainz_me_1700000000"
    months = {"listens/2022/12.jsonl": HEARD[:1], "listens/2023/1.jsonl": HEARD[1:]}
    for name, heard in months.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(listen(*what), ensure_ascii=False) for what in heard]
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "user.json").write_text('{"user_id": 1, "username": "me"}')
    (folder / "feedback.jsonl").write_text('{"recording_msid": null, "score": 1}\n')
    (folder / "pinned_recording.jsonl").write_text('{"blurb_content": null}\n')
    return folder


def test_listenbrainz_zip_folder_lines_and_list(listenbrainz, tmp_path):
    assert list(read_listens(listenbrainz)) == HEARD
    with zipfile.ZipFile(tmp_path / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in listenbrainz.rglob("*.json*"):
            archive.write(file, file.relative_to(listenbrainz))
    assert list(read_listens(tmp_path / "export.zip")) == HEARD
    assert list(read_listens(listenbrainz / "listens/2023/1.jsonl")) == HEARD[1:]
    old = tmp_path / "me_lb-2020.json"
    old.write_text("\n" + json.dumps([listen(*what) for what in HEARD]))
    assert list(read_listens(old)) == HEARD


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"track_metadata": {}}\n{"track', "line 2 is no JSON"),
        ('{"track_metadata": {}}\n7\n', "line 2 must hold a JSON object"),
        ('{"listened_at": 7}\n', "listen 1 has no track_metadata"),
        ("[1]", "must hold a JSON list of objects"),
        ("[", "is no JSON"),
    ],
)
def test_broken_listens_are_data_errors(tmp_path, text, says):
    (tmp_path / "listens.jsonl").write_text(text)
    with pytest.raises(DataError, match=says):
        list(read_listens(tmp_path / "listens.jsonl"))


# -- exports that cost too much ------------------------------------------------------------------
READERS = [
    (read_listens, "listens/2024/1.jsonl"),
    (read_scrobbles, "me.csv"),
    (read_streams, "endsong_0.json"),
]


def zipped(path, name: str, chunks) -> Path:
    """Write an archive with one member."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(name, "w") as member,
    ):
        for chunk in chunks:
            member.write(chunk)
    return path


@pytest.mark.parametrize(("read", "name"), READERS)
def test_a_member_of_zeros_is_refused_at_its_first_line(tmp_path, read, name):
    export = zipped(tmp_path / "zeros.zip", name, itertools.repeat(bytes(1 << 20), 100))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"zeros\.zip: .*(longer than|must hold a JSON list)"):
        list(read(export))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


@pytest.mark.parametrize(("read", "name"), READERS)
def test_too_large_an_export_is_refused_before_it_is_read(tmp_path, read, name, monkeypatch):
    monkeypatch.setattr(histories, "MOST_BYTES_OF_HISTORY", 1 << 20)
    export = zipped(tmp_path / "a.zip", name, itertools.repeat(b"\n" * (1 << 19), 4))
    with pytest.raises(DataError, match=r"a\.zip holds 0\.0 GiB of plays, more than"):
        list(read(export))


@pytest.mark.parametrize(("read", "name"), READERS)
def test_too_many_plays_are_refused(tmp_path, read, name, monkeypatch):
    monkeypatch.setattr(lemons_limits, "MOST_PLAYS", 100)
    rows = {
        ".jsonl": b'{"track_metadata": {}}\n' * 101,
        ".csv": b"A,B,C,D\n" * 101,
        ".json": json.dumps([stream("A", "B", 40_000)] * 101).encode(),
    }
    export = tmp_path / name.rpartition("/")[2]
    export.write_bytes(rows[export.suffix])
    with pytest.raises(DataError, match="more than 100 plays"):
        list(read(export))


@pytest.mark.parametrize(
    ("read", "start"),
    [
        (read_listens, '{"track_metadata": '),
        (read_listens, '[{"track_metadata": '),
        (read_listens, "["),
        (read_streams, '[{"a": '),
        (read_streams, "["),
    ],
)
def test_json_that_is_nested_too_deep_is_one_line(tmp_path, read, start):
    (tmp_path / "listens.jsonl").write_text(start + "[" * 100_000)
    with pytest.raises(DataError, match=r"nested too deep|list of objects"):
        list(read(tmp_path / "listens.jsonl"))


def test_objects_across_the_blocks_that_are_read(tmp_path):
    heard = [(f"Tïtle {'x' * (number * 997 % 5000)}", "Ärtist") for number in range(300)]
    content = json.dumps([stream(*what, 40_000) for what in heard], ensure_ascii=False)
    (tmp_path / "endsong_0.json").write_bytes(codecs.BOM_UTF8 + content.encode())
    assert list(read_streams(tmp_path / "endsong_0.json")) == heard
    text = "\n".join(json.dumps(listen(*what)) for what in heard)
    (tmp_path / "listens.jsonl").write_bytes(codecs.BOM_UTF8 + text.encode())
    assert list(read_listens(tmp_path / "listens.jsonl")) == heard


@pytest.mark.parametrize("text", ["", "{}", "[{}", "[{},", "[{} {}]", "[{}]]", "[{},]", '[{"a"}]'])
def test_what_is_no_list_of_objects_is_refused(tmp_path, text):
    (tmp_path / "endsong_0.json").write_text(text)
    with (tmp_path / "endsong_0.json").open("rb") as file, pytest.raises(DataError, match="JSON"):
        list(lemons_limits.json_list(file, "endsong_0.json"))


def test_damaged_and_encrypted_archives_are_one_line(tmp_path):
    lines = b'{"track_metadata": {"track_name": "A", "artist_name": "B"}}\n' * 2000
    export = zipped(tmp_path / "a.zip", "listens/1.jsonl", [lines])
    content = export.read_bytes()
    for place, byte in ((60, 0xFF), (8, 99)):
        broken = bytearray(content)
        broken[place] ^= byte
        if place == 8:  # an unknown way of compression, in both headers
            broken[content.index(b"PK\x01\x02") + 10] ^= byte
        export.write_bytes(broken)
        with pytest.raises(DataError, match=r"a\.zip"):
            list(read_listens(export))
    secret = bytearray(content)
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        secret[content.index(header) + flags] |= 1
    export.write_bytes(secret)
    with pytest.raises(DataError, match=r"a\.zip is encrypted: unpack it"):
        list(read_listens(export))


def test_a_pipe_is_no_export(tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(DataError, match="is no file or folder"):
        list(read_listens(tmp_path / "pipe.jsonl"))


def test_half_characters_in_json_become_text(tmp_path):
    (tmp_path / "listens.jsonl").write_text(json.dumps(listen("half \ud83d", "B")))
    assert list(read_listens(tmp_path / "listens.jsonl")) == [("half ?", "B")]


# -- Last.fm -----------------------------------------------------------------------------------
def write_csv(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_lastfm_without_a_header(tmp_path):
    rows = [(artist, "An Album", title, "05 Nov 2023 12:34") for title, artist in HEARD]
    assert list(read_scrobbles(write_csv(tmp_path / "me.csv", [*rows, []]))) == HEARD
    now_playing = [("AC/DC", "", "Hello", "")]
    assert list(read_scrobbles(write_csv(tmp_path / "me.csv", now_playing))) == [("Hello", "AC/DC")]


def test_lastfm_with_a_header(tmp_path):
    names = ["uts", "utc_time", "artist", "artist_mbid", "album", "album_mbid", "track"]
    rows = [(1, "05 Nov 2023, 12:34", artist, "", "Album", "", title) for title, artist in HEARD]
    assert list(read_scrobbles(write_csv(tmp_path / "me.csv", [names, *rows]))) == HEARD


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"A,B,C,05 Nov 2023 12:34\nA,B\n", "line 2: expected artist, album, title and date"),
        (b'A,B,C,"05 Nov', "line 2 is no CSV"),
        (b"A,B,\xff,05 Nov 2023 12:34\n", "line 1 is no UTF-8"),
        (b"A,B," + b"C" * 200_000 + b",05 Nov 2023 12:34\n", "line 2 is no CSV: field larger"),
    ],
)
def test_broken_scrobbles_are_data_errors(tmp_path, text, says):
    (tmp_path / "me.csv").write_bytes(text)
    with pytest.raises(DataError, match=says):
        list(read_scrobbles(tmp_path / "me.csv"))


# -- Spotify -----------------------------------------------------------------------------------
def test_spotify_zip_folder_and_file(tmp_path):
    folder = tmp_path / "Spotify Extended Streaming History"
    folder.mkdir()
    streams = [stream(*HEARD[0], 30_000), stream(*HEARD[0], 29_999), stream(None, None, 10**6)]
    first = folder / "Streaming_History_Audio_2019-2021_0.json"
    first.write_text(json.dumps(streams), encoding="utf-8")
    more = [stream(*what, 200_000) for what in HEARD[1:]]
    (folder / "endsong_1.json").write_text(json.dumps(more), encoding="utf-8")
    video = folder / "Streaming_History_Video_2021.json"
    video.write_text(json.dumps([stream("A Film", "Somebody", 10**6)]))
    (folder / "ReadMeFirst_ExtendedStreamingHistory.pdf").write_bytes(b"%PDF")
    with zipfile.ZipFile(tmp_path / "my_spotify_data.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"{folder.name}/{file.name}")
    for export in (folder, tmp_path / "my_spotify_data.zip"):
        assert sorted(what for what in read_streams(export) if all(what)) == sorted(HEARD)
    assert [what for what in read_streams(first) if all(what)] == HEARD[:1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[{"ts": "2020"}]', "play 1 has no ms_played"),
        ('{"ms_played": 1}', "must hold a JSON list"),
        ("no", "must hold a JSON list"),
    ],
)
def test_broken_streams_are_data_errors(tmp_path, text, says):
    (tmp_path / "Streaming_History_Audio_0.json").write_text(text)
    with pytest.raises(DataError, match=says):
        list(read_streams(tmp_path))


def test_a_damaged_archive_and_a_missing_export_are_data_errors(tmp_path):
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("listens/2023/1.jsonl", json.dumps(listen("a", "b")) * 50)
    whole = (tmp_path / "export.zip").read_bytes()
    (tmp_path / "export.zip").write_bytes(whole[:60] + b"x" * 20 + whole[80:])
    with pytest.raises(DataError, match="cannot be read"):
        list(read_listens(tmp_path / "export.zip"))
    with pytest.raises(DataError, match="is not there"):
        list(read_listens(tmp_path / "gone.zip"))


# -- the commands ------------------------------------------------------------------------------
@pytest.fixture
def catalogue(tmp_path, monkeypatch):
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path / "data"))
    numbers = range(40)
    table = pd.DataFrame(
        {
            "track_id": [f"id{number:02}" for number in numbers],
            "title": [f"Song {number}" for number in numbers],
            "artist": [f"Bänd {number // 4}" for number in numbers],
            "samples": 16_000,
        }
    )
    folder = tmp_path / "data" / "catalogues" / "mine"
    write_tracks(folder, table)
    return Catalogue("mine", folder)


def write_export(source: str, folder, played: list[tuple[str, str]]):
    folder.mkdir()
    if source == "listenbrainz":
        (folder / "listens").mkdir()
        lines = [json.dumps(listen(*what)) + "\n" for what in played]
        (folder / "listens" / "1.jsonl").write_text("".join(lines))
        return folder
    if source == "spotify":
        rows = [stream(*what, 31_000) for what in played] + [stream("Song 30", "Band 7", 100)]
        (folder / "Streaming_History_Audio_2020.json").write_text(json.dumps(rows))
        return folder
    rows = [(artist, "", title, "05 Nov 2023 12:34") for title, artist in played]
    return write_csv(folder / "me.csv", rows)


@pytest.mark.parametrize("source", ["listenbrainz", "lastfm", "spotify"])
def test_an_export_becomes_a_listener(source, catalogue, tmp_path, capsys):
    played = [(f"song {n} (Live)", f"BAND {n // 4} feat. X") for n in range(12)] * 2
    played += [("Song 3", "Bänd 0"), ("Unheard of", "Nobody"), ("", "No title")]
    export = write_export(source, tmp_path / "export", played)
    main = importlib.import_module(f"recsys.importers.{source}").main
    assert main([str(export), "--user_name", "me", "--catalogue", "mine"]) == 0
    printed = capsys.readouterr().out
    assert "me: 26 plays of 14 titles" in printed
    assert "1 rows with 1 plays fit no track" in printed
    expected = make_split(
        pd.DataFrame(
            {
                "track_id": [f"id{number:02}" for number in range(12)],
                "playcount": [2, 2, 2, 3, *[2] * 8],
            }
        ),
        catalogue.track_ids,
        user_name="me",
    )
    split = read_split(split_path(catalogue, "me"))
    pd.testing.assert_frame_equal(split, expected, check_dtype=False)
    unmatched = pd.read_csv(catalogue.folder / "splits" / "unmatched" / "me.csv")
    assert list(unmatched["title"]) == ["Unheard of"]

    again = importlib.import_module("recsys.listening").main
    before = split_path(catalogue, "me").read_bytes()
    plays = catalogue.folder / "plays" / f"me-{source}.csv"
    assert again([str(plays), "--catalogue", "mine"]) == 0
    assert split_path(catalogue, "me").read_bytes() == before


@pytest.mark.parametrize("source", ["listenbrainz", "lastfm", "spotify"])
def test_mistakes_are_one_line(source, catalogue, tmp_path, capsys):
    main = importlib.import_module(f"recsys.importers.{source}").main
    export = write_export(source, tmp_path / "export", [("Nothing", "Nobody")])
    who = ["--user_name", "me", "--catalogue"]
    for arguments, says in (
        ([str(tmp_path / "gone"), *who, "mine"], "is not there"),
        ([str(export), *who, "theirs"], "no catalogue 'theirs'"),
        ([str(export), "--user_name", "../me", "--catalogue", "mine"], "user_name must be"),
        ([str(export), *who, "mine"], "no row of the plays fits"),
    ):
        capsys.readouterr()
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert says in error
        assert error.count("\n") == 1
    (tmp_path / "empty").mkdir()
    assert main([str(tmp_path / "empty"), *who, "mine"]) == 2
    assert "holds no plays of music" in capsys.readouterr().err
