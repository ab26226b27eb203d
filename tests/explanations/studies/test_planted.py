"""The study of planted tastes: what counts as found, who is wrong, and the command."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiolime.separation.cache import CachedStems
from explanations.explain import Subject, explain
from explanations.stems import Truth
from explanations.studies import results
from explanations.studies.planted import STUDY as planted
from explanations.studies.planted import choose, page
from explanations.studies.planted.measuring import measure
from explanations.studies.planted.truth import ablated, planted_components, ranked, verdict
from recsys.catalogue import Catalogue
from recsys.demo.planted import PLANTED

STEMS = ("vocals", "piano", "drums", "bass", "other")


def subject_of(stems, segments):
    names = STEMS[: len(stems)]
    cached = CachedStems(names=names, waveforms=stems, folder=Path())
    return Subject("track", cached, None, segments)


@pytest.fixture
def subject():
    rng = np.random.default_rng(3)
    stems = rng.normal(0, 0.05, (5, 100_000)).astype(np.float32)
    stems[0, :60_000] = 0
    return subject_of(stems, tuple((i * 20_000, (i + 1) * 20_000) for i in range(5)))


def test_a_stem_is_planted_wherever_it_sounds(subject):
    found = planted_components(subject, "vocals")
    assert found == {"source": {0}, "time_source": {3 * 5, 4 * 5}}
    assert planted_components(subject, "drums")["time_source"] == {2, 7, 12, 17, 22}


def test_a_solo_is_planted_in_its_segments(subject):
    found = planted_components(subject, "piano", (1, 2))
    assert found == {"source": {1}, "time": {1, 2}, "time_source": {6, 11}}
    halves = subject_of(subject.stems.waveforms, ((0, 50_000), (50_000, 100_000)))
    assert planted_components(halves, "piano", (4,))["time"] == {1}
    assert planted_components(halves, "piano", (2,))["time"] == {0}


def test_ranks_and_chances():
    row = ranked(np.array([0.1, 0.5, -0.2, 0.3]), np.array([0.9, 0.1, 0, 0]), {0, 2})
    assert row["first"] == 1 and row["rank"] == 3 and row["first_planted"] == 0
    assert row["in_top_3"] == 1 and row["part_of_top_3"] == pytest.approx(1 / 3)
    assert row["chance_first"] == 0.5 and row["chance_top_3"] == 1
    assert row["shapley_first_planted"] == 1
    cells = ranked(np.arange(25.0), np.arange(25.0), {24})
    assert cells["first_planted"] == 1 and cells["rank"] == 1
    assert cells["chance_top_3"] == pytest.approx(3 / 25)
    two = ranked(np.arange(25.0), np.arange(25.0), {0, 1})
    assert two["in_top_3"] == 0
    assert two["chance_top_3"] == pytest.approx(1 - math.comb(23, 3) / math.comb(25, 3))


def test_ablation_asks_the_model_itself(small, subject):
    network = small.context.listener("marko").network
    stems = subject.stems.waveforms
    row = ablated(network, subject, 2, 2, stems.sum(axis=0) - stems[2])
    assert row["without_stem"] == row["without_first"]
    assert row["without_stem"] == pytest.approx(row["without_property"], abs=1e-5)
    assert row["relevance"] != row["without_stem"] != row["stem_alone"]
    whole = ablated(network, subject_of(stems[:3], subject.segments), 0, 1, stems[:3].sum(axis=0))
    assert whole["relevance"] == pytest.approx(whole["without_property"], abs=1e-6)


def test_ablation_says_who_is_wrong():
    row = {"first_planted": 0.0, "without_first": 0.2, "without_stem": 0.6}
    assert verdict(row) == "model"
    assert verdict(row | {"without_first": 0.8}) == "explanation"
    assert verdict(row | {"first_planted": 1.0}) == ""


def test_a_track_is_chosen_if_it_is_liked_and_scored_right():
    scores = pd.DataFrame(
        {
            "track_id": list("abcde"),
            "seed": range(5),
            "label": [1, 0, 1, 1, 1],
            "relevance": [0.9, 0.9, 0.4, 0.5, 0.7],
        }
    )
    assert choose(scores, 2) == [("a", 0), ("d", 3)]
    assert choose(scores, 9, right=False) == [("a", 0), ("c", 2), ("d", 3), ("e", 4)]
    assert choose(scores, 9, label=0) == []
    assert choose(scores, 9, label=0, right=False) == [("b", 1)]


def test_a_control_asks_after_the_stem_where_it_is_not_to_the_taste(small, monkeypatch):
    item = {"part": "control", "user_name": "four-to-the-floor", "track_id": small.track_ids[0],
            "seed": 5}  # fmt: skip
    marko = small.context.listener("marko")
    monkeypatch.setattr(type(small.context), "listener", lambda context, user_name: marko)
    (row,) = measure(item, context=small.context)
    found = explain(marko, small.context.subject(small.track_ids[0]), "source")
    place = found.component_names.index("drums")
    assert row["weight"] == pytest.approx(found.weights[place], abs=1e-9)
    assert row["first_planted"] == float(place == int(np.argmax(found.weights)))
    assert row["part"] == "control" and row["chance_first"] == 1 / len(found.weights)


@pytest.mark.slow  # a minute and a half of one core
def test_the_command_composes_trains_explains_and_goes_on(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path))
    out = tmp_path / "results"
    run = [
        *("--user_name", "voice", "piano-solo", "--tracks", "16", "--fresh", "16", "--any"),
        *("--k", "2", "--k_cells", "1", "--n_temporal_segments", "2"),
        *("--k_controls", "2"),
        *("--loudness", "8", "--out", str(out)),
    ]
    assert planted.main(run) == 0, capfd.readouterr().err
    rows, about = results.read_results(out, "planted")
    counts = rows.groupby(["user_name", "part"]).size()
    assert counts["voice", "source"] == 2 and counts["voice", "time_source"] == 1
    assert ("voice", "time") not in counts and counts["piano-solo", "time"] == 2
    assert counts["voice", "model"] == 16 and counts["walking-bass", "loudness"] == 8
    said = rows[(rows["user_name"] == "voice") & (rows["part"] == "source")]
    # without the property nobody sings: that is the mix without its vocals, but for the limiter
    assert np.allclose(said["without_stem"], said["without_property"], atol=0.05)
    loud = rows[(rows["part"] == "loudness") & (rows["user_name"] == "voice")]
    assert (loud["loudness_db"].notna() == (loud["label"] == 1)).all()
    assert about["models"].keys() == {"voice", "piano-solo"}

    section = planted.section(out)
    assert section.findings[0].startswith("Source: a planted stem is first on")
    assert list(section.tables[0][1]["listener"]) == ["voice"] * 2 + ["piano-solo"] * 3
    assert (out / "planted.png").stat().st_size > 5000
    before = (out / "planted.csv").read_bytes()
    capfd.readouterr()
    assert planted.main(run) == 0
    assert (out / "planted.csv").read_bytes() == before
    assert "epoch" not in capfd.readouterr().out, "nothing is trained twice"


def test_the_target_is_met_or_missed_in_words(tmp_path):
    rows = pd.DataFrame(
        {
            "part": "source", "user_name": "voice", "components": 5, "first_stem": "vocals",
            "first_planted": [1.0] * 9 + [0.0], "shapley_first_planted": 1.0,
            "chance_first": 0.2, "relevance": 0.9,
            "without_stem": 0.5, "without_first": 0.4,
        }
    )  # fmt: skip
    first, ablation = page._findings(rows)
    assert "9 of 10 tracks (chance 20 %), which meets the target of 90 %." in first
    assert "By Shapley: 10 of 10" in first
    assert "voice from 0.90 to 0.50" in ablation
    assert "1 to the model and 0 to the explanation" in ablation
    rows["first_planted"] = 0.0
    assert "misses the target of 90 % for voice (0 of 10)" in page._findings(rows)[0]
    rows["first_planted"] = rows["shapley_first_planted"] = 1.0
    first, ablation = page._findings(rows)
    assert "first on all 10 tracks" in first and "misses" not in ablation and "Shapley" not in first


@pytest.mark.parametrize(
    ("weight", "says"),
    [
        (-0.2, "speaks against them"),
        (0.2, "the control fails"),
        (0.0, "speaks neither for nor against"),
    ],
)
def test_the_control_says_what_the_stem_counts_for(weight, says):
    rows = pd.DataFrame(
        {
            "user_name": "walking-bass", "first_planted": [0.0] * 40, "chance_first": 0.25,
            "weight": weight + np.linspace(-0.1, 0.1, 40),
        }
    )  # fmt: skip
    found = page._on_control(rows)
    assert says in found and "first on 0 %, less often than chance (25 %)" in found


@pytest.mark.parametrize(
    ("option", "message"),
    [(["--k", "0"], "k must be at least 1"), (["--tracks", "20"], "multiples of 16")],
)
def test_the_command_says_what_is_wrong(tmp_path, monkeypatch, capsys, option, message):
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path))
    assert planted.main(option) == 2
    assert message in capsys.readouterr().err


def test_every_planted_stem_is_one_that_the_band_hands_out(tmp_path):
    truth = Truth(Catalogue("any", tmp_path), "track")
    assert {one.stem for one in PLANTED.values()} <= set(truth.stem_names)
