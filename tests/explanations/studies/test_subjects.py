"""Tables are computed once, answer as the engine does, and tracks are chosen as asked."""

import argparse

import numpy as np
import pytest
import torch

from audiolime.exact import LocalStateEngine
from explanations.studies.subjects import context_arguments, context_of
from lemons_audio import to_float32
from lemons_utils import DataError, ParameterError
from recsys.listening import read_split, split_path


def test_tables_answer_as_the_engine_and_are_computed_once(small):
    track_id = small.track_ids[0]
    track = small.context.tables("marko", track_id)
    subject = small.context.subject(track_id)
    engine = LocalStateEngine(
        small.context.listener("marko").network, subject.stems.waveforms, subject.segments
    )
    assert track.meta["stem_names"] == list(subject.stems.names) == ["vocals", "drums", "other"]
    for kind in ("time", "source", "time_source"):
        exact, ours = engine.lime(kind=kind), track.lime(kind=kind)
        np.testing.assert_allclose(ours.weights, exact.weights, atol=1e-5)
        drawn = engine.lime(64, kind=kind, random_state=3)
        sampled = track.lime(64, kind=kind, random_state=3)
        np.testing.assert_allclose(sampled.weights, drawn.weights, atol=1e-5)
    files = sorted((small.folder / "studies" / "tables").iterdir())
    written = [path.stat().st_mtime_ns for path in files]
    small.context.tables("marko", track_id)
    assert [path.stat().st_mtime_ns for path in files] == written and len(files) == 1


def test_items_say_what_decides_their_tables(small):
    item = small.context.item("marko", small.track_ids[0], k=3)
    assert item["model"] == small.context.listener("marko").checksum[:16]
    assert item["separator"].startswith("folder ") and item["n_segments"] == 2 and item["k"] == 3


def test_unseen_tracks_are_those_no_training_hears_the_liked_ones_first(small):
    split = read_split(split_path(small.context.catalogue, "marko")).set_index("track_id")
    found = small.context.choose_tracks("marko", "unseen", 100)
    assert set(found) == set(split.index[split["split"] != "train"])
    labels = list(split.loc[found, "label"])
    assert labels == sorted(labels, reverse=True)


def test_top_tracks_have_the_highest_relevance(small):
    found = small.context.choose_tracks("marko", "top", 3)
    every = small.context.choose_tracks("marko", "top", 100)
    assert len(found) == 3 and found == every[:3] and set(every) == set(small.track_ids)
    network, catalogue = small.context.listener("marko").network, small.context.catalogue
    tracks = torch.stack([torch.from_numpy(to_float32(catalogue.audio(name))) for name in every])
    with torch.inference_mode():
        logits = network(tracks)[:, 0].numpy()
    assert np.all(np.diff(logits) < 1e-5)


def test_any_tracks_are_the_same_for_everybody(small):
    found = small.context.choose_tracks("marko", "any", 3)
    assert found == small.context.choose_tracks("nobody", "any", 8)[:3]
    with pytest.raises(ParameterError, match="num_explanations must be at least 1"):
        small.context.choose_tracks("marko", "any", 0)


def test_a_wrong_name_is_named(small):
    parser = context_arguments(argparse.ArgumentParser(), num_explanations=3)
    with pytest.raises(DataError, match="nina has no model for catalogue small"):
        context_of(parser.parse_args(["--catalogue", "small", "--user_name", "nina"]), small.folder)
    context, names = context_of(parser.parse_args(["--catalogue", "small"]), small.folder)
    assert names == ["marko"] and context.n_segments == 5
