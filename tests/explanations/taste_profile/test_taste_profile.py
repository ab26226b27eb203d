"""Shares that are known beforehand, files that are of this model, pictures that are whole."""

import json
from dataclasses import replace

import pytest

from explanations.app.phrases import profile_phrase
from explanations.pairs import Pair
from explanations.store import Store
from explanations.taste_profile import (
    draw_profile,
    profile_path,
    read_profile,
    renew_profile,
    taste_profile,
    write_profile,
)
from lemons_utils import ParameterError

MODEL = "ab" * 32


@pytest.fixture
def source(explanation):
    """Make a Source explanation of some stems, their Shapley values and pairs."""

    def make(relevance, shapley, pairs=()):
        names = tuple(shapley)
        return replace(
            explanation,
            request=replace(explanation.request, kind="source", num_samples="exhaustive"),
            stem_names=names,
            component_names=names,
            weights=tuple(shapley.values()),
            shapley=tuple(shapley.values()),
            relevance=relevance,
            pairs=tuple(Pair(a, b, value, (0.0, 0.0)) for a, b, value in pairs),
        )

    return make


@pytest.fixture
def tracks(source):
    return {
        "one": source(0.8, {"vocals": 0.4, "drums": 0.2}, [(0, 1, 0.08)]),
        "two": source(0.5, {"vocals": -0.1, "drums": 0.3}, [(1, 0, -0.02)]),
        "three": source(1.0, {"vocals": 0.2}),
    }


def test_shares_are_means_over_all_tracks(tracks):
    profile = taste_profile("marko", MODEL, tracks)
    drums, vocals = sorted(profile.stems, key=lambda part: part.stems)
    assert profile.tracks == 3 and profile.stems[0].stems == ("drums",)
    assert drums.share == pytest.approx((0.25 + 0.6 + 0.0) / 3)  # silent in the third
    assert vocals.share == pytest.approx((0.5 - 0.2 + 0.2) / 3)
    assert profile.silence == pytest.approx((0.25 + 0.6 + 0.8) / 3)
    assert drums.share + vocals.share + profile.silence == pytest.approx(1.0)
    assert (drums.sounding, vocals.sounding) == (2, 3)
    assert vocals.low == pytest.approx(-0.12) and vocals.high == pytest.approx(0.44)
    (pair,) = profile.pairs
    assert pair.stems == ("drums", "vocals") and pair.sounding == 2
    assert pair.share == pytest.approx((0.1 - 0.04) / 3)


def test_the_clearest_example_has_the_sign_of_the_mean(source):
    profile = taste_profile(
        "marko",
        MODEL,
        {
            "one": source(1.0, {"vocals": -0.5, "drums": 0.1}),
            "two": source(1.0, {"drums": 0.4, "vocals": 0.3}),
        },
    )
    drums, vocals = profile.stems
    assert (drums.example.track_id, drums.example.share) == ("two", 0.4)
    assert drums.example.stem_names == ("drums", "vocals")
    assert (vocals.example.track_id, vocals.example.share) == ("one", -0.5)


def test_other_explanations_are_refused(tracks, explanation, source):
    sampled = replace(source(0.5, {"vocals": 0.1}), shapley=None)
    for wrong, words in ((explanation, "kind time_source"), (sampled, "of all masks")):
        with pytest.raises(ParameterError, match=words):
            taste_profile("marko", MODEL, {**tracks, "four": wrong})
    with pytest.raises(ParameterError, match="another model"):
        taste_profile("marko", "cd" * 32, tracks)
    with pytest.raises(ParameterError, match="at least one"):
        taste_profile("marko", MODEL, {})


def test_a_kept_profile_is_read_if_it_is_of_this_model_and_whole(tracks, tmp_path):
    store, profile = Store(tmp_path / "marko"), taste_profile("marko", MODEL, tracks)
    assert read_profile(store, MODEL) is None
    path = write_profile(store, profile)
    assert read_profile(store, MODEL) == profile
    assert read_profile(store, "cd" * 32) is None
    content = json.loads(path.read_text())
    content["tracks"] = 50
    path.write_text(json.dumps(content))
    assert read_profile(store, MODEL) is None, "its checksum is of something else"


def test_a_profile_of_more_tracks_stays(tracks, source, tmp_path):
    store = Store(tmp_path / "marko")
    for track_id, explanation in tracks.items():
        store.save(track_id, explanation)
    about = {"user_name": "marko", "model_checksum": MODEL}
    assert renew_profile(store, ["unknown"], **about) is None
    whole = renew_profile(store, [*tracks, "unknown"], **about)
    assert whole == taste_profile("marko", MODEL, tracks) == read_profile(store, MODEL)
    assert renew_profile(store, ["one"], **about) == whole
    written = profile_path(store).stat().st_mtime_ns
    assert renew_profile(store, tracks, **about) == whole
    assert profile_path(store).stat().st_mtime_ns == written
    store.save("two", source(0.5, {"vocals": 0.0, "drums": 0.1}))
    assert renew_profile(store, tracks, **about) != whole


def test_the_picture_is_drawn(tracks, tmp_path):
    from PIL import Image

    path = tmp_path / "profile.png"
    profile = taste_profile("marko", MODEL, tracks)
    draw_profile(profile, path, name="Marko", titles={"one": "First $ong"})
    with Image.open(path) as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(100_000)}
        assert picture.width > 1000 and (0xF0, 0x8C, 0x1F) in colours


def test_the_sentence_names_what_matters(source):
    tracks = {
        "one": source(
            1.0, {"other": 0.5, "drums": 0.3, "vocals": -0.2, "bass": 0.01}, [(0, 1, -0.1)]
        )
    }
    assert profile_phrase(taste_profile("marko", MODEL, tracks)) == (
        "Over the 1 tracks that the model rates highest, the relevance comes from other "
        "instruments (50 %) and drums (30 %) on average. Against them: vocals (−20 %). Silence "
        "alone would have 39 % of it. While drums and other play together, each adds 10 % less "
        "than without the other."
    )
    nothing = {"one": source(0.6, {"drums": 0.001, "vocals": 0.0})}
    words = profile_phrase(taste_profile("marko", MODEL, nothing))
    assert "no stem carries a notable share" in words and words.endswith("have 100 % of it.")
