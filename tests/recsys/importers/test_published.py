"""The published system's splits, and pickles that would do harm."""

import io
import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lemons_utils import DataError
from recsys.catalogue import Catalogue, write_tracks
from recsys.importers import msd
from recsys.importers.pickled import MOST_BYTES, read_pickle, texts
from recsys.importers.published import PARTS, main, read_published_split
from recsys.listening import read_split, split_path

PAGE = Path(__file__).parents[3] / "docs" / "data-sets.md"
IDS = [f"TRAAA{number:03}128F426306" for number in range(60)]
SIZES = {"train": 48, "valid": 6, "test": 6}

PUBLISHED = (  # the bytes of one of the published files, but for its two tracks
    b"\x80\x03cnumpy.core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\nq\x01K\x00\x85q\x02C\x01bq"
    b"\x03\x87q\x04Rq\x05(K\x01K\x02\x85q\x06cnumpy\ndtype\nq\x07X\x03\x00\x00\x00U18q\x08K\x00K\x01\x87"
    b"q\tRq\n(K\x03X\x01\x00\x00\x00<q\x0bNNNKHK\x04K\x08tq\x0cb\x89C\x90"
    + "".join(IDS[:2]).encode("utf-32-le")
    + b"q\rtq\x0eb."
)


def write_published(folder: Path, **labels: object) -> None:
    """Write a split of every second track listened, with `labels_csv` or `labels_pkl`."""
    folder.mkdir(parents=True)
    start = 0
    for part, size in SIZES.items():
        content = pickle.dumps(np.array(IDS[start : start + size][::-1]), protocol=3)
        (folder / PARTS[part]).write_bytes(content)
        start += size
    if "labels_csv" in labels:
        (folder / "labels.csv").write_text(str(labels["labels_csv"]), encoding="utf-8")
    else:
        made = {track_id: np.array([n % 2 == 0]) for n, track_id in enumerate(IDS)}
        content = pickle.dumps(labels.get("labels_pkl", made), protocol=3)
        (folder / "labels.pkl").write_bytes(content)


PLAYCOUNTS = "".join(f"{track_id},{(n % 2 == 0) * (n + 1)}\n" for n, track_id in enumerate(IDS))


@pytest.fixture
def catalogue(tmp_path, monkeypatch):
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path / "data"))
    folder = tmp_path / "data" / "catalogues" / "msd"
    table = pd.DataFrame({"track_id": IDS, "title": IDS, "artist": "", "samples": 100})
    write_tracks(folder, table)
    return Catalogue("msd", folder)


# -- splits ------------------------------------------------------------------------------------
@pytest.mark.parametrize("labels", [{}, {"labels_csv": PLAYCOUNTS}])
def test_published_splits_come_in(catalogue, tmp_path, capsys, labels):
    for name in ("marko-1057386", "paige-7"):
        write_published(tmp_path / "published" / "split" / name, **labels)
    assert main([str(tmp_path / "published"), "--user_name", "marko"]) == 0
    printed = capsys.readouterr().out
    assert "marko: 30 listened, 30 unheard; 48 train, 6 valid, 6 test" in printed
    train = "python -m recsys.experiment with user_name=marko catalogue=msd recipe=lemons"
    assert printed.endswith(f"next: `{train}`\n")
    assert not split_path(catalogue, "paige", 7).exists()
    split = read_split(split_path(catalogue, "marko")).set_index("track_id").loc[IDS]
    assert split["split"].tolist() == [part for part, size in SIZES.items() for _ in range(size)]
    assert split["label"].tolist() == [1, 0] * 30
    counts = [n + 1 if labels else 1 for n in range(60)]
    assert split["playcount"].tolist() == [(n % 2 == 0) * counts[n] for n in range(60)]

    assert main([str(tmp_path / "published" / "split" / "paige-7")]) == 0
    assert "catalogue=msd split_seed=7 recipe=lemons`" in capsys.readouterr().out
    assert len(read_split(split_path(catalogue, "paige", 7))) == 60

    assert main([str(tmp_path / "published")]) == 0
    train = "python -m recsys.train_all --catalogue msd --recipe lemons"
    assert capsys.readouterr().out.endswith(f"next: `{train}`\n")


def test_tracks_without_sound_are_left_out_and_counted(catalogue, tmp_path, capsys):
    table = catalogue.tracks.iloc[:-1]
    write_tracks(catalogue.folder, table)
    write_published(tmp_path / "marko-1057386")
    assert main([str(tmp_path)]) == 0
    assert "marko: 1 of 60 tracks are not in catalogue msd" in capsys.readouterr().out
    assert len(read_split(split_path(catalogue, "marko"))) == 59


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda folder: (folder / "val.pkl").unlink(), "val.pkl is not a file"),
        (lambda folder: (folder / "labels.pkl").unlink(), "labels.pkl is not a file"),
        (lambda folder: (folder / "labels.csv").write_text("a,b\n"), "a track and its play count"),
        (lambda folder: (folder / "labels.csv").write_text("a,1\n"), "60 tracks have no label"),
        (lambda folder: dump(folder / "labels.pkl", [1, 2]), "must hold a label for each track"),
        (lambda folder: dump(folder / "test.pkl", np.arange(3)), "must hold a list of track ids"),
        (lambda folder: dump(folder / "test.pkl", {"a": 1}), "must hold a list of track ids"),
        (lambda folder: dump(folder / "test.pkl", IDS[:6]), "comes twice"),
        (lambda folder: dump(folder / "test.pkl", IDS[-1:]), "each need tracks of both labels"),
    ],
)
def test_wrong_splits_are_refused_in_a_line(tmp_path, change, reason):
    write_published(tmp_path / "marko-1")
    change(tmp_path / "marko-1")
    with pytest.raises(DataError, match=re.escape(reason)):
        read_published_split(tmp_path / "marko-1")


def dump(path: Path, value: object) -> None:
    path.write_bytes(pickle.dumps(value))


def test_folders_and_listeners_that_are_not_there_are_named(catalogue, tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "has no folders <user_name>-<seed> with train.pkl" in capsys.readouterr().err
    write_published(tmp_path / "marko-1")
    assert main([str(tmp_path), "--user_name", "nobody"]) == 2
    assert "has no split of nobody" in capsys.readouterr().err


def test_published_titles_come_in(tmp_path):
    table = pd.DataFrame({"artist": ["NA", "B"], "title": ["1", "Two, too"]}, index=IDS[:2])
    table.to_csv(tmp_path / "meta_data.csv")
    titles = msd.read_unique_tracks(tmp_path / "meta_data.csv").set_index("track_id")
    assert titles.loc[IDS[0]].to_dict() == {"artist": "NA", "title": "1", "song_id": ""}
    table.drop(columns="artist").to_csv(tmp_path / "meta_data.csv")
    with pytest.raises(DataError, match="must have the columns track_id"):
        msd.read_unique_tracks(tmp_path / "meta_data.csv")


def test_lines_of_the_page_write_the_published_form_and_plain_pickles(
    catalogue, tmp_path, monkeypatch
):
    outwards, inwards = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    write_published(tmp_path / "marko-1057386", labels_csv=PLAYCOUNTS)
    assert main([str(tmp_path / "marko-1057386")]) == 0
    monkeypatch.chdir(tmp_path / "data")
    exec(outwards, {})
    split = read_split(split_path(catalogue, "marko"))
    pd.testing.assert_frame_equal(read_published_split(tmp_path / "data" / "marko-1057386"), split)
    titles = msd.read_unique_tracks(tmp_path / "data" / "meta_data.csv")
    assert titles["title"].tolist() == IDS

    monkeypatch.chdir(tmp_path / "data" / "marko-1057386")
    dump(Path("train.pkl"), pd.Series(IDS[:48]))
    with pytest.raises(DataError, match="it asks for pandas"):
        read_published_split(Path())
    exec(inwards, {})
    pd.testing.assert_frame_equal(read_published_split(Path()), split)


# -- pickles -----------------------------------------------------------------------------------
def test_the_published_bytes_are_read(tmp_path):
    (tmp_path / "train.pkl").write_bytes(PUBLISHED)
    assert [*texts(read_pickle(tmp_path / "train.pkl"))] == IDS[:2]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    "value",
    [
        np.array(IDS),
        np.array([["a", "bc"]], dtype=">U2"),
        np.asfortranarray(np.arange(6.0, dtype=np.float32).reshape(2, 3)),
        np.array([True, False]),
        [1, -1, 2**40, 0.25, True, "é"],
        {"a": np.float32(0.5), "b": np.array([1], dtype=np.int64)},
        [*map(np.str_, "abc")],
        ("a", "b"),
        [],
    ],
)
def test_texts_numbers_and_arrays_are_read(tmp_path, value, protocol):
    path = tmp_path / "value.pkl"
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    if protocol == 2 and b"_codecs" in path.read_bytes():
        with pytest.raises(DataError, match=r"_codecs\.encode"):
            read_pickle(path)
        return
    found = read_pickle(path)
    if isinstance(value, dict):
        assert {key: np.asarray(each) for key, each in found.items()} == value
    else:
        np.testing.assert_array_equal(np.asarray(found), np.asarray(value))
        assert np.asarray(found).dtype == np.asarray(value).dtype


def test_arrays_of_objects_are_lists(tmp_path):
    dump(tmp_path / "a.pkl", pd.Series(IDS, dtype="object").to_numpy())
    assert read_pickle(tmp_path / "a.pkl") == IDS


class Bomb:
    """An object that runs something when it is unpickled."""

    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self) -> tuple[object, ...]:
        return (self.call[0], tuple(self.call[1:]))


HOSTILE = {
    "a function": Bomb(pytest.fail, "a pickle was run"),
    "of this house": Bomb(read_pickle, "x"),
    "in a list": ["a", Bomb(exec, "raise SystemExit")],
    "as a key": {Bomb(exec, "raise SystemExit"): 1},
    "in an array": np.array([Bomb(exec, "raise SystemExit")], dtype=object),
    "a table": pd.DataFrame({"a": [1]}),
    "a series": pd.Series([1]),
    "records": np.zeros(2, dtype=[("a", "i4")]),
    "dates": np.zeros(2, dtype="M8[s]"),
    "bytes": b"abc",
    "nested": [[["a"]]],
    "a set": {1, 2},
}
WRITTEN = {
    "an instance": b"(ios\nsystem\n(S'true'\ntR.",
    "nothing": b"",
    "no end": b"\x80\x03K\x01",
    "empty stack": b".",
    "a text called": b"X\x01\x00\x00\x00a)R.",
    "a name": b"cnumpy\nndarray\n.",
    "state of a name": b"cnumpy\nndarray\n}X\x01\x00\x00\x00aK\x01sb.",
    "state of a list": b"]}X\x01\x00\x00\x00aK\x01sb.",
    "numpy's loader": b"cnumpy\nload\nX\x01\x00\x00\x00a\x85R.",
    "far memo": b"K\x01r\xff\xff\xff\xff0.",
    "a key of tuples": b"}" + b")" + b"\x85" * 100_000 + b"K\x01s.",
    "tuples in tuples": b")" + b"\x85" * 1_000_000 + b".",
    "a list in itself": b"]q\x00h\x00a.",
    "persistent": b"Pa\n.",
    "an extension": b"\x82\x01.",
    "an array too short": PUBLISHED.replace(b"K\x01K\x02\x85", b"K\x01K\xff\x85"),
    "objects": PUBLISHED.replace(b"U18", b"O08"),
    "a type of no size": PUBLISHED.replace(b"\x03\x00\x00\x00U18", b"\x02\x00\x00\x00U0"),
}


@pytest.mark.parametrize("case", [*HOSTILE, *WRITTEN])
def test_hostile_pickles_are_refused(tmp_path, case, monkeypatch):
    path = tmp_path / "train.pkl"
    if case in HOSTILE:
        dump(path, HOSTILE[case])
    else:
        path.write_bytes(WRITTEN[case])
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, None)
    with pytest.raises(DataError, match=r"is not read: .* as a list of texts"):
        read_pickle(path)


def test_large_pickles_are_refused_unread(tmp_path):
    with (tmp_path / "a.pkl").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(DataError, match="more than the 16,777,216"):
        read_pickle(tmp_path / "a.pkl")


@given(place=st.integers(0, len(PUBLISHED) - 1), byte=st.integers(0, 255))
def test_damaged_pickles_are_read_or_refused(tmp_path_factory, place, byte):
    path = tmp_path_factory.getbasetemp() / "damaged.pkl"
    content = io.BytesIO(PUBLISHED)
    content.seek(place)
    content.write(bytes([byte]))
    path.write_bytes(content.getvalue())
    try:
        found = [*texts(read_pickle(path))]
    except (DataError, TypeError, ValueError):
        return
    assert len(found) == 2
