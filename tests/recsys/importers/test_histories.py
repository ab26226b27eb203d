"""ListenBrainz, Last.fm and Spotify: exports of their real form, made here."""

import csv
import importlib
import json
import zipfile

import pandas as pd
import pytest

from lemons_utils import DataError
from recsys.catalogue import Catalogue, write_tracks
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
        (b'A,B,C,"05 Nov', "is no CSV in UTF-8"),
        (b"A,B,\xff,05 Nov 2023 12:34\n", "is no CSV in UTF-8"),
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
        ("no", "is no JSON"),
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
