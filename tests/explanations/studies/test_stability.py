"""The stability study: what it counts, and its command from end to end."""

import pandas as pd
import pytest

from explanations.studies import results
from explanations.studies.stability import STUDY as stability
from explanations.studies.stability.measuring import measure
from explanations.studies.stability.page import finding

from .conftest import HERE

RUN = ["--tracks", "any", "--num_explanations", "2", "--num_samples", "16", "20000", "--k", "2"]


@pytest.fixture
def rows(small):
    items = [
        small.context.item("marko", track_id, type="time_source", num_samples=[8, 20_000], repeat=4,
                         k=2)
        for track_id in small.track_ids[:2]
    ]  # fmt: skip
    return pd.DataFrame([row for item in items for row in measure(item, context=small.context)])


def test_many_masks_find_the_true_top_again_and_again(rows):
    few, many, exact = (rows[rows["num_samples"] == n] for n in ("8", "20000", "exhaustive"))
    assert (many["unique"] <= 3).all() and (many["overlap"] >= 0.5).all()
    assert many["unique"].sum() < few["unique"].sum()
    assert (many["rank_correlation"] > 0.9).all()
    assert (exact["unique"] == 2).all() and (exact["rank_correlation"] == 1).all()
    assert (few["rank_correlation"] < many["rank_correlation"].to_numpy()).all()
    assert (few["unique"] >= 2).all() and few["unique"].max() > 2
    assert (rows["gap"] > 0).all()


def test_a_study_can_be_repeated_number_for_number(rows, small):
    item = small.context.item(
        "marko", small.track_ids[0], type="time_source", num_samples=[8], repeat=4, k=2
    )
    again = pd.DataFrame(measure(item, context=small.context))
    first = rows[(rows["track_id"] == small.track_ids[0]) & (rows["num_samples"] == "8")]
    pd.testing.assert_frame_equal(again.head(1), first.head(1).reset_index(drop=True))


def test_the_command_writes_rows_facts_and_a_picture(small, tmp_path, capsys):
    out = tmp_path / "results"
    assert stability.main([*RUN, *HERE, "--out", str(out)]) == 0
    assert "all" in capsys.readouterr().out
    rows, about = results.read_results(out, "stability")
    assert len(rows) == 2 * 3 and set(rows["user_name"]) == {"marko"}
    assert about["command"].endswith(" ".join([*RUN, *HERE]))
    assert (out / "stability.png").stat().st_size > 5000
    section = stability.section(out)
    assert "marko: 2 tracks" in section.findings[0]
    assert list(section.tables[0][1]["masks"]) == ["16", "20,000", "all"]

    assert stability.main([*RUN, *HERE, "--out", str(out), "--name", "stability-again"]) == 0
    assert len(stability.section(out).facts) == 2
    assert (out / "stability.csv").read_bytes() == (out / "stability-again.csv").read_bytes()
    assert (out / "stability.png").read_bytes() == (out / "stability-again.png").read_bytes()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--k", "0"], "k must be at least 1"),
        (["--repeat", "0"], "repeat must be at least 1"),
        (["--num_samples", "0"], "num_samples must be at least 1"),
        (["--catalogue", "nowhere"], "nowhere"),
    ],
)
def test_mistakes_are_said_in_a_line(small, capsys, option, message):
    assert stability.main(["--catalogue", "small", *option]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("right", "says"),
    [
        ({"2048": 1.0}, "2,048 masks settle the top 3: every explanation has the true one"),
        ({"2048": 0.97}, "2,048 masks nearly settle the top 3"),
        ({"2048": 0.7, "4096": 0.8}, "2,048 masks do not settle the top 3"),
        ({"2048": 0.7, "4096": 0.8}, "Nor do 4,096, which leave 20 % wrong."),
        ({"2048": 0.7, "4096": 0.99}, "4,096 is the first with 19 of 20 right."),
    ],
)
def test_the_finding_says_whether_sampling_settles_the_top(right, says):
    rows = pd.DataFrame(
        [
            {"num_samples": number, "unique": 3, "top_is_true": share, "gap": gap}
            for number, share in {**right, "exhaustive": 1.0}.items()
            for gap in (0.1, 0.2)
        ]
    )
    text = finding(rows, 3, 5)
    assert says in text and "tie" not in text
    assert "On 2 of 2 tracks these two tie" in finding(rows.assign(gap=0.0), 3, 5)
