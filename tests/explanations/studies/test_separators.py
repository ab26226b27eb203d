"""The separators study: common stems, sums, and the command from end to end."""

from dataclasses import replace

import numpy as np
import pytest

from explanations.studies import results
from explanations.studies.separators import STUDY as separators
from explanations.studies.separators.measuring import (
    REST,
    Explained,
    common_stems,
    compare,
    explain_with,
    summed,
)

HERE = ["--catalogue", "small", "--reference", "folder", "--tracks", "any"]
FIVE = ("vocals", "piano", "drums", "bass", "other")
FOUR = ("vocals", "drums", "bass", "other")
TWO = ("vocals", "accompaniment")


def explained(network, names, weights, promised=None):
    rng = np.random.default_rng(len(names))
    waves = rng.normal(0, 0.05, (len(names), 16_000)).astype(np.float32)
    return Explained("any", promised or names, names, waves, np.array([weights]), 0.9, 0.7,
                     1.0, 2.0, network)  # fmt: skip


@pytest.fixture
def network(small):
    return small.context.listener("marko").network


def test_instruments_that_both_know_are_common_and_the_rest_is_one():
    assert common_stems(FIVE, FOUR) == ("vocals", "drums", "bass", REST)
    assert common_stems(FIVE, TWO) == ("vocals", REST)
    assert common_stems(("guitar", "accompaniment"), FOUR) == (REST,)
    assert common_stems(FIVE, FIVE) == ("vocals", "piano", "drums", "bass", REST)


def test_weights_and_stems_are_summed_to_common_ones(network):
    one = explained(network, FIVE, [0.1, 0.2, 0.3, 0.4, 0.5])
    weights, waves = summed(one, ("vocals", "drums", "bass", REST))
    assert weights == pytest.approx(np.array([[0.1, 0.3, 0.4, 0.7]]))
    assert np.allclose(waves[3], one.waveforms[1] + one.waveforms[4])
    assert np.allclose(waves.sum(axis=0), one.waveforms.sum(axis=0), atol=1e-6)
    silent = explained(network, ("drums", "other"), [0.2, -0.1], promised=FOUR)
    weights, waves = summed(silent, ("vocals", "drums", "bass", REST))
    assert weights == pytest.approx(np.array([[0, 0.2, 0, -0.1]])) and not waves[0].any()


def test_an_explanation_agrees_with_itself_and_not_with_its_opposite(network):
    one = explained(network, FOUR, [0.4, 0.1, -0.2, 0.0])
    same = compare(one, one)
    assert same["same_first"] == 1 and same["rank_correlation"] == pytest.approx(1)
    assert same["difference"] == 0 and same["chance_first"] == 0.25
    opposite = compare(one, replace(one, weights=-one.weights))
    assert opposite["same_first"] == 0 and opposite["rank_correlation"] == pytest.approx(-1)
    assert opposite["difference"] == pytest.approx(2 * same["size"])
    assert same["drop"] == same["reference_drop"] == opposite["reference_drop"]
    assert opposite["drop"] != opposite["reference_drop"]


def test_drop_is_what_the_model_itself_loses(small):
    context = replace(small.context, separator="folder")
    one = explain_with(context, "marko", small.track_ids[0], "source")
    row = compare(one, one)
    masks = np.ones((2, 3), np.int64)
    track = small.context.tables("marko", small.track_ids[0])
    first = int(np.argmax(one.weights[0]))
    masks[1, first] = 0
    whole, without = track.relevance(masks, kind="source")
    assert row["relevance"] == pytest.approx(whole, abs=1e-4)
    if one.names[first] != "other":
        assert row["drop"] == pytest.approx(whole - without, abs=1e-3)
    assert row["separation_s"] > 0 and row["explanation_s"] > 0


def test_the_command_compares_separators_with_the_true_stems(small, tmp_path, capsys):
    out = tmp_path / "results"
    run = [*HERE, "--num_explanations", "2", "--separators", "dsp", "--out", str(out)]
    assert separators.main(run) == 0
    assert "dsp" in capsys.readouterr().out
    rows, about = results.read_results(out, "separators")
    assert list(rows["separator"]) == ["folder", "dsp"] * 2
    assert (rows[rows["separator"] == "folder"]["rank_correlation"].dropna() == 1).all()
    assert about["reference"] == "folder"
    assert (out / "separators.png").stat().st_size > 5000
    section = separators.section(out)
    assert section.findings[0].startswith("dsp puts the same stem first")
    before = (out / "separators.csv").read_bytes()
    assert separators.main(run) == 0, "what is journalled is not measured again"
    assert (out / "separators.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--separator", "dsp"], "--separators"),
        (["--type", "time"], "has no stems"),
        (["--catalogue", "nowhere"], "nowhere"),
    ],
)
def test_the_command_says_what_is_wrong(small, capsys, option, message):
    assert separators.main([*HERE, *option]) == 2
    assert message in capsys.readouterr().err
