"""What is known of experiments: whose they are, whether they have ended, and when."""

import json

import pytest

from recsys.checkpoint import BEST_MODEL
from recsys.experiments.listing import list_experiments, read_experiment


def names(experiments, **wanted):
    return [(each.user_name, each.name) for each in list_experiments(experiments, **wanted)]


def test_experiments_are_found_by_catalogue_and_listener(tmp_path, make_experiment):
    make_experiment("2026-01-02_03-04-06-demo-marko", note=False, card=False)
    make_experiment("2026-01-02_03-04-05-demo-marko")
    make_experiment("2026-01-02_03-04-07-demo-nina", user_name="nina")
    make_experiment("2026-01-02_03-04-08-demos-marko", catalogue="demos")
    make_experiment("2026-01-02_03-04-08-my-demo-marko", catalogue="my-demo")
    make_experiment("notes")
    (tmp_path / "2026-01-02_03-04-09-demo-marko.zip").touch()
    (tmp_path / "demo-evaluation.csv").touch()
    assert names(tmp_path, catalogue="demo", user_name="marko") == [
        ("marko", "2026-01-02_03-04-05-demo-marko"),
        ("marko", "2026-01-02_03-04-06-demo-marko"),
    ]
    assert [name for name, _ in names(tmp_path, catalogue="demo")] == ["marko", "marko", "nina"]
    assert len(names(tmp_path)) == 5
    assert names(tmp_path / "nowhere") == []
    assert read_experiment(tmp_path / "notes") is None


def test_a_number_at_the_end_is_the_listeners_where_the_card_says_so(tmp_path, make_experiment):
    make_experiment("2026-01-02_03-04-05-demo-marko-2", user_name="marko-2", note=False)
    make_experiment("2026-01-02_03-04-05-demo-marko-10", card=False)
    make_experiment("2026-01-02_03-04-05-demo-marko")
    assert names(tmp_path, catalogue="demo", user_name="marko") == [
        ("marko", "2026-01-02_03-04-05-demo-marko"),
        ("marko", "2026-01-02_03-04-05-demo-marko-10"),
    ]
    assert names(tmp_path, catalogue="demo", user_name="marko-2") == [
        ("marko-2", "2026-01-02_03-04-05-demo-marko-2")
    ]
    make_experiment("2026-01-02_03-04-05-demo-nina-3", note=False, card=False)
    listeners = {name for name, _ in names(tmp_path, catalogue="demo")}
    assert listeners == {"marko", "marko-2", "nina", "nina-3"}


@pytest.mark.parametrize(
    ("how", "is_finished"),
    [
        ({}, True),
        ({"ended": False}, False),
        ({"ended": False, "seconds": 3.0}, False),  # trained further
        ({"note": False, "seconds": 3.0}, True),  # older than notes
        ({"note": False}, False),  # the same, killed
        ({"note": False, "split": None}, True),  # given by hand
        ({"note": False, "card": False}, True),
    ],
)
def test_a_training_has_ended_if_its_note_or_its_card_says_so(make_experiment, how, is_finished):
    folder = make_experiment("2026-01-02_03-04-05-demo-marko", **how)
    assert read_experiment(folder).finished == is_finished
    (folder / BEST_MODEL).unlink()
    assert not read_experiment(folder).finished


def test_the_order_is_that_of_the_times_in_the_cards(tmp_path, make_experiment, in_time_zone):
    in_time_zone("UTC")
    make_experiment("2026-01-02_12-00-00-demo-marko")
    make_experiment("2026-01-03_01-00-00-demo-marko", started="2026-01-02T11:00:00.000+00:00")
    make_experiment(
        "2026-01-02_09-00-00-demo-marko",
        started="2026-01-02T09:00:00.000+00:00",
        finished="2026-01-02T13:00:00.000+00:00",
    )
    hours = [each.time.hour for each in list_experiments(tmp_path)]
    assert hours == [11, 12, 13]


@pytest.mark.parametrize("text", ["", "[]", "3", '{"metrics": [1], "started": 7, "config": "x"}'])
def test_a_broken_card_is_as_good_as_none(make_experiment, text):
    folder = make_experiment("2026-01-02_03-04-05-demo-marko", note=False)
    (folder / "best_model.json").write_text(text)
    read = read_experiment(folder)
    assert (read.user_name, read.auc, read.score, read.epochs) == ("marko", None, None, None)


def test_the_numbers_are_those_of_the_card(make_experiment):
    folder = make_experiment("2026-01-02_03-04-05-demo-marko", score=0.7, epochs=24)
    read = read_experiment(folder)
    assert (read.auc, read.map, read.score) == pytest.approx((0.8, 0.6, 0.7))
    assert (read.epochs, read.split_checksum, read.recipe) == (24, "a", "")
    card = json.loads((folder / "best_model.json").read_text())
    (folder / "best_model.json").write_text(json.dumps({**card, "recipe": "lemons"}))
    assert read_experiment(folder).recipe == "lemons"
