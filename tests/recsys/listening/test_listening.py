import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lemons_utils import DataError, ParameterError, checksum
from recsys.catalogue import Catalogue, write_tracks
from recsys.listening import (
    PARTS,
    artists,
    main,
    make_split,
    read_split,
    split_path,
    users,
    write_split,
)
from recsys.listening.grouping import assign_groups
from recsys.listening.matching import loose_key, strict_key
from recsys.listening.plays import match_plays, read_plays

IDS = [f"track{number:04}" for number in range(300)]


def plays_of(count: int, playcount: int = 2) -> pd.DataFrame:
    return pd.DataFrame({"track_id": IDS[:count], "playcount": [playcount] * count})


def sizes(split: pd.DataFrame, label: int) -> list[int]:
    return [int(((split["split"] == part) & (split["label"] == label)).sum()) for part in PARTS]


# -- labels and parts --------------------------------------------------------------------------
def test_listened_tracks_are_positive_and_as_many_unheard_ones_negative():
    plays = pd.concat([plays_of(60), pd.DataFrame({"track_id": IDS[60:65], "playcount": 0})])
    split = make_split(plays, IDS)
    assert list(split) == ["track_id", "split", "label", "playcount"]
    assert set(split.loc[split["label"] == 1, "track_id"]) == set(IDS[:60])
    negatives = split[split["label"] == 0]
    assert len(negatives) == 60
    assert set(negatives["track_id"]) <= set(IDS[60:])
    assert set(negatives["playcount"]) == {0}
    assert sizes(split, 1) == sizes(split, 0) == [48, 6, 6]
    assert split["track_id"].is_monotonic_increasing


def test_rows_of_the_same_track_are_summed():
    split = make_split(pd.concat([plays_of(60), plays_of(3, 5)]), IDS)
    counts = split.set_index("track_id")["playcount"]
    assert [counts[IDS[0]], counts[IDS[10]]] == [7, 2]


def test_all_unheard_tracks_are_taken_where_there_are_too_few():
    split = make_split(plays_of(280), IDS)
    assert sizes(split, 1) == [224, 28, 28]
    assert sizes(split, 0) == [16, 2, 2]


@settings(deadline=None)
@given(st.integers(3, 297), st.integers(0, 10**9), st.text("ab", max_size=3))
def test_every_split_keeps_its_promises(listened, seed, user_name):
    split = make_split(plays_of(listened), IDS, seed=seed, user_name=user_name)
    assert split["track_id"].is_unique
    for label, count in ((1, listened), (0, min(listened, 300 - listened))):
        train, valid, test = sizes(split, label)
        assert train + valid + test == count
        assert valid == test >= 1
        assert abs(test - count / 10) < 1
        assert train >= 1


@pytest.mark.parametrize(("listened", "unheard"), [(2, 100), (0, 100), (100, 2), (300, 0)])
def test_too_few_tracks_for_three_parts(listened, unheard):
    with pytest.raises(DataError) as error:
        make_split(plays_of(listened), IDS[: listened + unheard], user_name="marko")
    assert str(error.value) == (
        f"train, valid and test need at least 3 listened and 3 unheard tracks, "
        f"got {listened} listened and {unheard} unheard ones of marko"
    )


def test_plays_of_unknown_tracks_and_negative_counts_are_refused():
    with pytest.raises(ParameterError, match=r"1 tracks that the catalogue does not have.*'alien'"):
        make_split(pd.DataFrame({"track_id": [*IDS[:5], "alien"], "playcount": 1}), IDS)
    with pytest.raises(ParameterError, match="0 or more"):
        make_split(plays_of(5, -1), IDS)


# -- the seed ----------------------------------------------------------------------------------
def test_the_same_seed_is_the_same_file_on_any_machine(tmp_path):
    group = {track_id: f"artist {number // 4}" for number, track_id in enumerate(IDS)}
    plain = make_split(plays_of(60), IDS, user_name="marko")
    grouped = make_split(plays_of(60), IDS, user_name="marko", group=group)
    assert [write_split(tmp_path / "split.csv", split) for split in (plain, grouped)] == [
        "a5e89ad365985d7296f40ec87a90eb33484c75bbefaed15044019e6d5ad0d34f",
        "e9cef9ce1b8a01cbf17f6907347e3773a35feb5ed03f7e3fa5e55c2f625fe9ba",
    ]
    first = (tmp_path / "split.csv").read_bytes().split(b"\n")[:2]
    assert first == [b"track_id,split,label,playcount", b"track0000,train,1,2"]


def plain_split(listened: set[str], ids: list[str], salt: str) -> dict[str, tuple[str, int]]:
    """Draw and divide as `make_split` documents it, without any library."""

    def number(track_id: str, which: int) -> bytes:
        digest = hashlib.sha256(f"{salt}:{track_id}".encode()).digest()
        return digest[8 * which : 8 * which + 8]

    unheard = sorted(set(ids) - listened, key=lambda track_id: number(track_id, 0))
    split = {}
    for label, tracks in ((1, listened), (0, unheard[: len(listened)])):
        tenth = max(1, int(len(tracks) / 10 + 0.5))
        for place, track_id in enumerate(sorted(tracks, key=lambda name: number(name, 1))):
            part = "test" if place < tenth else "valid" if place < 2 * tenth else "train"
            split[track_id] = (part, label)
    return split


@pytest.mark.parametrize("listened", [3, 14, 15, 60, 290])
def test_the_split_is_the_plain_one(listened):
    split = make_split(plays_of(listened), IDS, seed=5, user_name="nina")
    found = zip(split["split"], split["label"], strict=True)
    expected = plain_split(set(IDS[:listened]), IDS, "5:nina")
    assert dict(zip(split["track_id"], found, strict=True)) == expected


def test_the_order_of_the_input_changes_nothing():
    plays = plays_of(60)
    split = make_split(plays, IDS)
    pd.testing.assert_frame_equal(make_split(plays[::-1], IDS[::-1]), split)


def test_seed_and_listener_change_the_choice():
    choices = {
        tuple(make_split(plays_of(60), IDS, seed=seed, user_name=name)["track_id"])
        for seed in (1, 2)
        for name in ("marko", "nina")
    }
    assert len(choices) == 4


def test_a_new_track_moves_few_others():
    before = make_split(plays_of(60), IDS)
    after = make_split(plays_of(60), [*IDS, "newcomer"])
    assert len(set(before["track_id"]) & set(after["track_id"])) >= 119
    both = before.merge(after, on="track_id")
    assert (both["split_x"] != both["split_y"]).sum() <= 4


def test_draws_and_parts_are_even():
    """Over many seeds, every unheard track is drawn, and put to the test, equally often."""
    ids = IDS[:40]
    drawn, tested = np.zeros(40), np.zeros(40)
    for seed in range(200):
        split = make_split(plays_of(10), ids, seed=seed)
        numbers = split["track_id"].str[5:].astype(int)
        drawn[numbers[split["label"] == 0]] += 1
        tested[numbers[split["split"] == "test"]] += 1
    assert drawn[10:].sum() == 2000
    np.testing.assert_allclose(drawn[10:], 200 / 3, atol=5 * np.sqrt(200 * 2 / 9))
    np.testing.assert_allclose(tested[:10], 20, atol=5 * np.sqrt(18))


# -- groups ------------------------------------------------------------------------------------
@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 30)).filter(any), min_size=3, max_size=40
    ).filter(lambda groups: all(sum(bool(group[i]) for group in groups) >= 3 for i in (0, 1)))
)
def test_groups_stay_together_and_every_part_has_both_labels(groups):
    table = np.array(sorted(groups, key=sum, reverse=True))
    parts = assign_groups(table)
    for part in range(3):
        assert (table[parts == part].sum(axis=0) > 0).all()


def test_an_artist_stays_in_one_part_and_parts_stay_near_80_10_10(rng):
    ids = [f"track{number:05}" for number in range(4000)]
    names = rng.zipf(1.6, 4000) % 500
    group = {track_id: f"artist {name}" for track_id, name in zip(ids, names, strict=True)}
    group[ids[0]] = group[ids[1]] = ""
    plays = pd.DataFrame({"track_id": ids[:1500], "playcount": 1})
    split = make_split(plays, ids, group=group)
    named = split[split["track_id"].map(group) != ""]
    assert (named.groupby(named["track_id"].map(group))["split"].nunique() == 1).all()
    for label in (0, 1):
        shares = np.array(sizes(split, label)) / 1500
        np.testing.assert_allclose(shares, [0.8, 0.1, 0.1], atol=0.02)


def test_tracks_without_artist_stand_alone():
    split = make_split(plays_of(100), IDS, group={})
    assert sizes(split, 1) == sizes(split, 0) == [80, 10, 10]


def test_too_few_artists_for_three_parts():
    group = {track_id: f"artist {number // 50}" for number, track_id in enumerate(IDS)}
    with pytest.raises(DataError, match=r"listened tracks of at least 3 groups.*got 2 of nina"):
        make_split(plays_of(100), IDS, user_name="nina", group=group)


# -- files -------------------------------------------------------------------------------------
def test_a_split_is_read_as_it_was_written(tmp_path):
    catalogue = Catalogue("mine", tmp_path)
    digits = [f"{number:03}" for number in range(100)]
    split = make_split(pd.DataFrame({"track_id": digits[:20], "playcount": 9}), digits)
    path = split_path(catalogue, "Jürgen-2", 7)
    assert path == tmp_path / "splits" / "Jürgen-2-7.csv"
    assert write_split(path, split) == checksum(path)
    read = read_split(path)
    pd.testing.assert_frame_equal(read, split, check_dtype=False)
    assert read["track_id"][0] == "000"
    write_split(split_path(catalogue, "anna", 7), split)
    write_split(split_path(catalogue, "anna", 17), split)
    assert users(catalogue, 7) == ["Jürgen-2", "anna"]
    assert users(catalogue) == []


def test_names_and_seeds_that_cannot_be_file_names(tmp_path):
    for name, seed in (("../marko", 1), ("", 1), ("marko", -1)):
        with pytest.raises(ParameterError):
            split_path(Catalogue("mine", tmp_path), name, seed)


GOOD = "a,train,1,1\nb,train,0,0\nc,valid,1,1\nd,valid,0,0\ne,test,1,1\nf,test,0,0\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (GOOD.replace("c,valid", "c,later"), "train, valid or test"),
        (GOOD.replace("a,train,1", "a,train,2"), "label 0 or 1"),
        (GOOD.replace("a,train,1,1", "a,train,1,-1"), "0 or more"),
        (GOOD.replace("a,train,1,1", "a,train,1,many"), "is no split"),
        (GOOD.replace("b,", "a,"), "track a comes twice"),
        (GOOD.replace("b,", ","), "must not be empty"),
        (GOOD.replace("f,test,0", "f,test,1"), "both labels"),
        ("", "both labels"),
    ],
)
def test_broken_splits_are_data_errors(tmp_path, content, says):
    path = tmp_path / "marko-1.csv"
    path.write_text("track_id,split,label,playcount\n" + GOOD)
    assert len(read_split(path)) == 6
    path.write_text("track_id,split,label,playcount\n" + content)
    with pytest.raises(DataError, match=says):
        read_split(path)


def test_missing_splits_and_columns_are_data_errors(tmp_path):
    with pytest.raises(DataError, match=r"make it with `python -m recsys\.listening"):
        read_split(tmp_path / "gone-1.csv")
    (tmp_path / "a-1.csv").write_text("track_id,split\na,train\n")
    with pytest.raises(DataError, match="is no split"):
        read_split(tmp_path / "a-1.csv")


# -- reading play counts -----------------------------------------------------------------------
def write(path, text: str):
    path.write_text(text, encoding="utf-8")
    return path


def test_plays_with_everything_that_spreadsheets_do(tmp_path):
    path = write(
        tmp_path / "plays.csv",
        "\ufeff User_Name ,track_id,title,Artist,PLAYCOUNT,comment\n"
        'marko,007,"Song, with ""quotes""",NA,3,\n'
        "\n"
        " nina ,,A\u00e9,None, 2.0 ,x\n",
    )
    plays = read_plays(path)
    assert plays.to_dict("records") == [
        {
            "user_name": "marko",
            "track_id": "007",
            "title": 'Song, with "quotes"',
            "artist": "NA",
            "playcount": 3,
        },
        {"user_name": "nina", "track_id": "", "title": "Aé", "artist": "None", "playcount": 2},
    ]


@pytest.mark.parametrize("count", ["-1", "1.5", "", "many", "nan", "1e3", "inf", "9" * 16, "١"])
def test_bad_counts_are_told_with_their_line(tmp_path, count):
    path = write(
        tmp_path / "plays.csv",
        f'user_name,title,artist,playcount\nu,"two\nlines",a,1\n\nu,t,a,{count}\nu,t,a,x\n',
    )
    with pytest.raises(DataError) as error:
        read_plays(path)
    assert str(error.value) == (
        f"{path}, line 5: playcount must be a whole number from 0 up, got {count!r}"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("user_name,track_id\nu,t\n", r"missing: \['playcount'\]"),
        ("track_id,playcount\nt,1\n", r"missing: \['user_name'\]"),
        ("user,plays\nu,1\n", r"missing: \['user_name', 'playcount'\]; found: user, plays$"),
        (
            "user_name;track_id;playcount\nu;t;1\n",
            r"found: user_name;track_id;playcount \(separate columns by commas\)$",
        ),
        ("user_name,title,playcount\nu,t,1\n", "track_id, or the columns title and artist"),
        ("user_name,track_id,playcount\nu,t,1\n,t,1\n", "line 3: no user_name"),
        ("user_name,track_id,playcount\nu,t,1,extra\nu,t,1,extra\n", "is no table"),
        ("user_name,track_id,playcount\nu,t,1\nu,t,1,extra\n", "is no table.*line 3"),
        ('user_name,track_id,playcount\nu,"t,1\n', "is no table"),
        ("", "is no table"),
    ],
)
def test_broken_plays_are_data_errors(tmp_path, text, says):
    with pytest.raises(DataError, match=says):
        read_plays(write(tmp_path / "plays.csv", text))


def test_plays_that_are_missing_or_no_text_are_data_errors(tmp_path):
    with pytest.raises(DataError, match="is not a file"):
        read_plays(tmp_path / "gone.csv")
    (tmp_path / "plays.csv").write_bytes(b"user_name,track_id,playcount\n\xff\xfe,\xfa,1\n")
    with pytest.raises(DataError, match="UTF-8"):
        read_plays(tmp_path / "plays.csv")


# -- matching ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Déjà Vu", "deja vu"),
        ("DON'T STOP", "Don\u2019t Stop"),
        ("R.E.M.", "REM"),
        ("AC/DC", "AC-DC"),
        ("Sigur Rós", "sigur ros"),
        ("Mø & Łódź", "MO and Lodz"),
        ("Straße", "STRASSE"),
        ("Mo\u0308we", "M\u00f6we"),
        ("Ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
        ("!!!", " !!! "),
    ],
)
def test_spellings_that_are_the_same(one, other):
    assert strict_key(one) == strict_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("!!!", "???"), ("Кино", "Ария"), ("東京", "大阪"), ("1979", "1999"), ("Love", "Glove")],
)
def test_spellings_that_differ(one, other):
    assert strict_key(one) != strict_key(other)
    assert loose_key(one) != loose_key(other)


@pytest.mark.parametrize(
    "version",
    [
        "Song (Live)",
        "Song [Remastered 2011]",
        "Song - Remastered",
        "Song - 2011 Remaster",
        "Song - Live at Wembley, 1986",
        "Song (Radio Edit)",
        "Song (2009)",
        "Song feat. Somebody",
        "Song ft Somebody (Live)",
        "Song (featuring Somebody & Friends)",
        "Song (with Somebody) [Deluxe Edition]",
        "SONG (Live) [2011 Re-Master]",
    ],
)
def test_guests_and_versions_are_dropped(version):
    assert loose_key(version) == "song"
    assert strict_key(version) != "song"


@pytest.mark.parametrize(
    "title",
    [
        "(I Can't Get No) Satisfaction",
        "Live Forever",
        "Little Feat",
        "Remix",
        "(Live)",
        "Nineteen - Eighty Four",
        "Left (Right)",
        "Ft. Worth",
    ],
)
def test_words_that_are_the_title_stay(title):
    assert loose_key(title) == strict_key(title)


@given(st.text())
def test_every_text_has_a_key_and_a_key_is_its_own_key(text):
    assert bool(strict_key(text)) == bool(loose_key(text)) == bool(text.strip())
    assert strict_key(strict_key(text)) == strict_key(text)


TRACKS = pd.DataFrame(
    [
        ("id-4", "Déjà Vu", "The Gulls"),
        ("id-3", "Hello (Live)", "The Gulls"),
        ("id-2", "Hello", "The Gulls feat. Nobody"),
        ("id-1", "Hello (Acoustic)", "The Gulls"),
        ("id-5", "Only Live (Live)", "The Gulls"),
        ("id-7", "Twice", "The Gulls"),
        ("id-6", "Twice", "The Gulls"),
        ("id-8", "", ""),
        ("id-9", "Untitled", ""),
    ],
    columns=["track_id", "title", "artist"],
)


@pytest.mark.parametrize(
    ("track_id", "title", "artist", "expected"),
    [
        ("", "deja vu", "THE GULLS", "id-4"),
        ("", "Deja Vu - Remastered 2011", "The Gulls ft. X", "id-4"),
        ("", "Hello (Live)", "The Gulls", "id-3"),
        ("", "Hello (acoustic)", "the gulls", "id-1"),
        ("", "Hello", "The Gulls", "id-2"),
        ("", "Hello (Demo)", "The Gulls", "id-2"),
        ("", "Only Live", "The Gulls", "id-5"),
        ("", "Twice", "The Gulls", "id-6"),
        ("", "Goodbye", "The Gulls", None),
        ("", "Hello", "Others", None),
        ("", "", "", None),
        ("", "Untitled", "", None),
        ("id-3", "Goodbye", "Others", "id-3"),
        ("alien", "Hello", "The Gulls", None),
    ],
)
def test_tracks_are_found_by_title_and_artist(track_id, title, artist, expected):
    plays = pd.DataFrame([("u", track_id, title, artist, 3)])
    plays.columns = ["user_name", "track_id", "title", "artist", "playcount"]
    matched, unmatched = match_plays(plays, TRACKS)
    assert list(matched["track_id"]) == ([expected] if expected else [])
    assert len(unmatched) == (0 if expected else 1)


def test_different_spellings_of_a_track_are_summed():
    plays = pd.DataFrame(
        [
            ("u", "", "Hello", "The Gulls", 3),
            ("u", "", "HELLO", "The Gulls", 4),
            ("u", "id-2", "", "", 5),
            ("v", "id-2", "", "", 6),
        ],
        columns=["user_name", "track_id", "title", "artist", "playcount"],
    )
    matched, _ = match_plays(plays, TRACKS)
    assert matched.to_dict("list") == {
        "user_name": ["u", "v"],
        "track_id": ["id-2", "id-2"],
        "playcount": [12, 6],
    }


# -- the command -------------------------------------------------------------------------------
@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path))
    folder = tmp_path / "catalogues" / "mine"
    numbers = range(300)
    table = pd.DataFrame(
        {
            "track_id": IDS,
            "title": [f"Song {number}" for number in numbers],
            "artist": [f"Artist {number // 5}" for number in numbers],
            "samples": 16_000,
        }
    )
    write_tracks(folder, table)
    return folder


def test_the_command(home, tmp_path, capsys):
    rows = [f"marko,{track_id},,,2" for track_id in IDS[:60]]
    rows_of_nina = [f"nina,,song {n} (Live),ARTIST {n // 5} feat. X,1" for n in range(100, 150)]
    rows += rows_of_nina
    rows += ["nina,,Unheard of,Nobody,4", "nina,alien,,,1"]
    plays = write(
        tmp_path / "plays.csv", "\n".join(["user_name,track_id,title,artist,playcount", *rows])
    )
    assert main([str(plays), "--catalogue", "mine", "--group", "artist"]) == 0
    printed = capsys.readouterr().out
    assert "2 rows with 5 plays fit no track" in printed
    assert "marko: 60 listened, 60 unheard; " in printed
    assert "nina: 50 listened, 50 unheard; " in printed
    unmatched = home / "splits" / "unmatched"
    assert [path.name for path in unmatched.iterdir()] == ["nina.csv"]
    rows = pd.read_csv(unmatched / "nina.csv", keep_default_na=False)
    assert list(rows["title"]) == ["Unheard of", ""]
    catalogue = Catalogue("mine", home)
    assert users(catalogue) == ["marko", "nina"]
    split = read_split(split_path(catalogue, "nina"))
    assert set(split.loc[split["label"] == 1, "track_id"]) == set(IDS[100:150])
    artist_of = artists(catalogue)
    assert artist_of[IDS[0]] == "artist0"
    assert (split.groupby(split["track_id"].map(artist_of))["split"].nunique() == 1).all()

    before = split_path(catalogue, "marko").read_bytes()
    arguments = [str(plays), "--catalogue", "mine", "--user_name", "marko"]
    assert main([*arguments, "--seed", "7"]) == 0
    assert users(catalogue, 7) == ["marko"]
    assert split_path(catalogue, "marko").read_bytes() == before
    assert (unmatched / "nina.csv").is_file()  # of the run before, which marko's does not touch
    write(plays, "\n".join(["user_name,track_id,title,artist,playcount", *rows_of_nina]))
    assert main([str(plays), "--catalogue", "mine"]) == 0
    assert not any(unmatched.iterdir())


def test_names_that_cannot_be_used_do_not_stop_the_others(home, tmp_path, capsys):
    names = ["1e5", "../up", "None", "all", "marko", "007"]
    rows = [f"{name},{track_id},1" for name in names for track_id in IDS[:30]]
    plays = write(tmp_path / "plays.csv", "\n".join(["user_name,track_id,playcount", *rows]))
    assert main([str(plays), "--catalogue", "mine"]) == 2
    printed = capsys.readouterr()
    for name in names[:4]:
        assert repr(name) in printed.err
    assert printed.err.count("\n") == 1
    assert users(Catalogue("mine", home)) == ["007", "marko"]
    only_bad = write(tmp_path / "bad.csv", "\n".join(["user_name,track_id,playcount", *rows[:30]]))
    assert main([str(only_bad), "--catalogue", "mine"]) == 2
    assert "must not be '1e5'" in capsys.readouterr().err


def test_many_listeners_are_counted_and_the_catalogue_is_opened_once(
    home, tmp_path, capsys, monkeypatch
):
    import duckdb

    opened = []
    connect = duckdb.connect
    monkeypatch.setattr(duckdb, "connect", lambda **to: opened.append(to) or connect(**to))
    rows = [f"u{n:03},{track_id},1" for n in range(90) for track_id in IDS[n : n + 4]]
    rows += [f"v{n:03},{IDS[n]},1" for n in range(40)]
    plays = write(tmp_path / "plays.csv", "\n".join(["user_name,track_id,playcount", *rows]))
    assert main([str(plays), "--catalogue", "mine"]) == 2
    printed = capsys.readouterr()
    assert printed.out == f"90 splits in {home / 'splits'}\n"
    assert printed.err.count("at least 3 listened") == 30
    assert printed.err.endswith("; and 10 more like these\n")
    assert len(opened) <= 2


def test_other_recordings_of_a_song_are_not_unheard(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path))
    folder = tmp_path / "catalogues" / "mine"
    titles = ["Hello"] * 10 + ["HELLO (Live)", "Goodbye", *(f"Song {n}" for n in range(10))]
    table = pd.DataFrame({"track_id": IDS[:22], "title": titles, "artist": "The Gulls"})
    table.loc[20:, ["title", "artist"]] = "Hello", "Others"
    write_tracks(folder, table.assign(samples=16_000))
    rows = ["u,,Hello,The Gulls,3", f"u,{IDS[11]},,,1", f"u,{IDS[12]},,,1", f"u,{IDS[13]},,,0"]
    plays = write(
        tmp_path / "plays.csv", "\n".join(["user_name,track_id,title,artist,playcount", *rows])
    )
    assert main([str(plays), "--catalogue", "mine"]) == 0
    assert "3 listened, 3 unheard, 10 other recordings" in capsys.readouterr().out
    for seed in range(8):
        assert main([str(plays), "--catalogue", "mine", "--seed", str(seed)]) == 0
        split = read_split(split_path(Catalogue("mine", folder), "u", seed))
        assert set(split.loc[split["label"] == 1, "track_id"]) == {IDS[0], *IDS[11:13]}
        assert set(split.loc[split["label"] == 0, "track_id"]) <= set(IDS[13:22])
    write(plays, f"user_name,track_id,playcount\nu,{IDS[20]},1\nu,{IDS[12]},1\nu,{IDS[14]},1\n")
    assert main([str(plays), "--catalogue", "mine"]) == 0
    assert "1 other recordings" in capsys.readouterr().out.splitlines()[-2]


def test_one_listener_with_too_few_tracks_does_not_cost_the_others_their_split(
    home, tmp_path, capsys
):
    rows = [f"marko,{track_id},2" for track_id in IDS[:60]] + [f"nina,{IDS[0]},1"]
    plays = write(tmp_path / "plays.csv", "\n".join(["user_name,track_id,playcount", *rows]))
    assert main([str(plays), "--catalogue", "mine"]) == 2
    error = capsys.readouterr().err
    assert "at least 3 listened" in error
    assert "of nina" in error
    assert users(Catalogue("mine", home)) == ["marko"]


def test_fewer_unheard_tracks_than_listened_ones_are_told(home, tmp_path, capsys):
    rows = [f"marko,{track_id},2" for track_id in IDS[:290]]
    plays = write(tmp_path / "plays.csv", "\n".join(["user_name,track_id,playcount", *rows]))
    assert main([str(plays), "--catalogue", "mine"]) == 0
    assert "290 listened, 10 unheard (all there are)" in capsys.readouterr().out
    assert not (home / "splits" / "unmatched").exists()


@pytest.mark.parametrize(
    ("rows", "arguments", "says"),
    [
        ("marko,alien,2", ["--catalogue", "mine"], "no row of the plays fits"),
        ("marko,track0000,2", ["--catalogue", "gone"], "no catalogue 'gone'"),
        ("../marko,track0000,2", ["--catalogue", "mine"], "user_name must be"),
        ("marko,track0000,2", ["--catalogue", "mine", "--user_name", "nina"], "of nina"),
    ],
)
def test_mistakes_are_one_line(home, tmp_path, capsys, rows, arguments, says):
    plays = write(tmp_path / "plays.csv", f"user_name,track_id,playcount\n{rows}\n")
    assert main([str(plays), *arguments]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


# -- a prepared Parquet file -------------------------------------------------------------------
def test_a_parquet_file_of_plays_gives_the_same_split(home, tmp_path, capsys):
    rows = [("marko", track_id, 2) for track_id in IDS[:60]]
    rows += [("nina", track_id, 1) for track_id in IDS[30:80]]
    plays = pd.DataFrame(rows, columns=["user_name", "track_id", "playcount"])
    plays.to_csv(tmp_path / "plays.csv", index=False)
    plays.to_parquet(tmp_path / "plays.parquet", index=False, row_group_size=50)
    catalogue, written = Catalogue("mine", home), []
    for suffix in ("csv", "parquet"):
        file = str(tmp_path / f"plays.{suffix}")
        assert main([file, "--catalogue", "mine", "--user_name", "nina"]) == 0
        assert users(catalogue) == ["nina"]
        written.append(split_path(catalogue, "nina").read_bytes())
    assert written[0] == written[1]
    assert "50 listened" in capsys.readouterr().out
    alone = read_plays(tmp_path / "plays.parquet", ["nina"])
    assert set(alone["user_name"]) == {"nina"}
    assert list(alone) == ["user_name", "track_id", "title", "artist", "playcount"]
    assert main([str(tmp_path / "plays.parquet"), "--catalogue", "mine"]) == 2
    assert "name the listeners" in capsys.readouterr().err


def test_whole_counts_of_any_type_are_read_from_parquet(tmp_path):
    for counts in ([3, 0], [3.0, 0.0], ["3", "0"], pd.array([3, 0], "UInt8")):
        table = pd.DataFrame({"user_name": "u", "track_id": ["a", None], "playcount": counts})
        table.to_parquet(tmp_path / "plays.parquet")
        plays = read_plays(tmp_path / "plays.parquet", ["u"])
        assert list(plays["playcount"]) == [3, 0] and plays["playcount"].dtype == "int64"
        assert list(plays["track_id"]) == ["a", ""]


ONE = {"user_name": ["u"], "track_id": ["a"]}


@pytest.mark.parametrize(
    ("plays", "says"),
    [
        ({"track_id": ["a"], "playcount": [1]}, "missing:.*found: track_id, playcount$"),
        ({"user_name": ["u"], "playcount": [1]}, "needs a column track_id.*found: user_name"),
        (ONE | {"playcount": ["x"]}, "whole number from 0 up, got 'x'"),
        (ONE | {"playcount": [-1]}, "whole number from 0 up, got '-1'"),
        (ONE | {"playcount": [2.7]}, r"whole number from 0 up, got '2\.7'"),
        (ONE | {"playcount": [None]}, "whole number from 0 up"),
        (ONE | {"playcount": [True]}, "whole number from 0 up, got 'True'"),
        (ONE | {"playcount": [2**63 - 1]}, "whole number from 0 up, got '9223372036854775807'"),
        (ONE | {"playcount": [pd.Timestamp("2011-04-01")]}, "whole number .*got '2011-04-01"),
        ({**ONE, "user_name": [7], "playcount": [1]}, "is no table of play counts"),
    ],
)
def test_broken_parquet_files_are_data_errors(tmp_path, plays, says):
    pd.DataFrame(plays).to_parquet(tmp_path / "plays.parquet")
    with pytest.raises(DataError, match=says):
        read_plays(tmp_path / "plays.parquet", ["u"])
    (tmp_path / "plays.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="is no table of play counts"):
        read_plays(tmp_path / "plays.parquet", ["u"])
