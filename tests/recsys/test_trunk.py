"""The command that makes a trunk, and models for listeners without a history."""

import numpy as np
import pandas as pd
import pytest

from lemons_utils import DataError, ParameterError
from recsys.catalogue import Catalogue
from recsys.checkpoint import load_model
from recsys.experiments import find_model
from recsys.heads import features_path, find_head, fit_head, open_trunk, read_trunk, trunk_path
from recsys.predict import relevance_path
from recsys.trunk import find_tracks


@pytest.fixture
def catalogue(data_folder):
    return Catalogue("tiny", data_folder / "catalogues" / "tiny")


@pytest.fixture
def trunk(catalogue, data_folder):
    return open_trunk(data_folder / "experiments", catalogue)


def ids_of(catalogue, genre):
    return catalogue.tracks.loc[catalogue.tracks["genre"] == genre, "track_id"].tolist()


# -- heads of lists ------------------------------------------------------------------------------
@pytest.mark.parametrize("disliked", [0, 2, 5])
def test_a_head_of_a_list_prefers_what_is_like_it(disliked, trunk, catalogue):
    low, high = ids_of(catalogue, "low"), ids_of(catalogue, "high")
    liked = high[:6]
    head = fit_head(trunk, catalogue, liked=liked, disliked=low[:disliked])
    whole = dict(zip(trunk.about["sample"], trunk.sample[:, 0], strict=True))
    logits = {name: head.logits(whole[name]) for name in whole}
    # High tones that are not liked count as disliked as much as low ones do, and yet:
    assert np.mean([logits[name] > logits[other] for name in high[6:] for other in low]) > 0.7
    assert head.bias == pytest.approx(np.log((len(liked) + 1) / (len(liked) + disliked + 1)))


@pytest.mark.parametrize(
    ("liked", "disliked", "said"),
    [
        (slice(2), slice(0), "at least 3 liked tracks, got 2"),
        (slice(4), slice(3, 5), "1 tracks are liked and disliked"),
        (slice(24), slice(0), "nothing is left that is not liked"),
    ],
)
def test_lists_that_teach_nothing_are_told(liked, disliked, said, trunk, catalogue):
    ids = catalogue.track_ids
    with pytest.raises(ParameterError, match=said):
        fit_head(trunk, catalogue, liked=ids[liked], disliked=ids[disliked])


def test_tracks_are_found_by_id_title_and_file(catalogue, tmp_path):
    ids = catalogue.track_ids
    names = tmp_path / "names.txt"
    names.write_text(f"title 3\n\n  Artist 4 - Title 4 \n{ids[0]}\n")
    assert find_tracks(catalogue, [ids[0], "TITLE 2", str(names)]) == [ids[n] for n in (0, 2, 3, 4)]


def test_tracks_that_are_not_there_or_not_one_are_told(catalogue, tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"no track 'a', 'b', 'c' and 2 more: name tracks by id"):
        find_tracks(catalogue, list("abcde"))
    (tmp_path / "names.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read as lines of text"):
        find_tracks(catalogue, [str(tmp_path / "names.txt")])
    same = catalogue.tracks.assign(title="Same")
    monkeypatch.setitem(catalogue.__dict__, "tracks", same)
    with pytest.raises(DataError, match="24 tracks are called 'same': name one by"):
        find_tracks(catalogue, ["same"])


# -- the command ---------------------------------------------------------------------------------
def test_the_command_makes_a_trunk_and_coordinates_once(lemons, data_folder, catalogue):
    done = lemons("trunk", "--catalogue", "tiny")
    assert (done.code, done.err) == (0, "")
    path = trunk_path(data_folder / "experiments", "tiny")
    assert f"trunk tiny: 147 directions of 24 tracks of catalogue tiny: {path}" in done.out
    assert "next: `python -m recsys.train_all --catalogue tiny --recipe lemons`" in done.out
    features = features_path(catalogue, read_trunk(path))
    assert len(pd.read_parquet(features)) == 24
    before = [each.stat().st_mtime_ns for each in (path, features)]
    assert lemons("trunk", "--catalogue", "tiny").code == 0
    assert [each.stat().st_mtime_ns for each in (path, features)] == before
    assert lemons("trunk", "--catalogue", "tiny", "--anew").code == 0
    assert path.stat().st_mtime_ns != before[0]
    done = lemons("trunk", "--catalogue", "tiny", "--name", "other")
    assert "--recipe lemons --trunk other`" in done.out
    assert read_trunk(trunk_path(data_folder / "experiments", "other")).catalogue == "tiny"


def test_a_new_listener_gets_a_model_and_recommendations(lemons, data_folder, catalogue):
    high = ids_of(catalogue, "high")
    done = lemons("trunk", "--catalogue", "tiny", "--user_name", "ana", "--liked", *high[:3])
    assert (done.code, done.err) == (0, "")
    assert "ana: head fitted to 3 liked and 0 disliked tracks" in done.out
    assert "next: `python -m recsys.predict --user_name ana --catalogue tiny`" in done.out
    home = data_folder / "experiments"
    network, card = load_model(find_model(home, catalogue="tiny", user_name="ana").path)
    assert find_head(network, card, home) is not None
    assert (card["liked"], card["config"]["recipe"]) == (high[:3], "lemons")
    assert lemons("predict", "--user_name", "ana", "--catalogue", "tiny").code == 0
    table = pd.read_parquet(relevance_path(catalogue, "ana", card["model_checksum"]))
    assert set(table["track_id"][:3]) == set(high[:3])
    assert len(set(table["track_id"][:12]) & set(high)) >= 9
    again = lemons("trunk", "--catalogue", "tiny", "--user_name", "ana", "--liked", *high[:4])
    assert again.code == 0
    path = find_model(home, catalogue="tiny", user_name="ana").path
    assert len(load_model(path)[1]["liked"]) == 4


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--liked", "a"], "--liked and --disliked need --user_name"),
        (["--user_name", "ana"], "at least 3 liked tracks, got 0"),
        (["--user_name", "ana", "--liked", "a"], "catalogue tiny has no track 'a'"),
        (["--user_name", "nina", "--liked", "Title 1"], "nina has a listening history"),
        (["--user_name", "a/b", "--liked", "Title 1"], "user_name must be 1 to 100 letters"),
        (["--user_name", "ana", "--name", "gone", "--liked", "Title 1"], "there is no trunk at"),
    ],
)
def test_a_mistake_is_one_line(flags, said, lemons, data_folder):
    done = lemons("trunk", "--catalogue", "tiny", *flags)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert said in done.err
    assert not (data_folder / "experiments").exists()
