"""Rank correlations and intervals, against known values."""

import math

import numpy as np
import pandas as pd
import pytest

from explanations.studies.measures import (
    curve_interval,
    hits_of,
    interval,
    listed,
    mean_and_interval,
    part_of,
    percent,
    rank_correlation,
    seed_of,
    share_interval,
    side,
    table_of,
)
from lemons_utils import ParameterError


def test_rank_correlation_looks_at_order_alone():
    assert rank_correlation([1, 2, 3], [1, 10, 1000]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    # 1 - 6 sum d^2 / (n (n^2 - 1)), d = (1, -1, 0, 0)
    assert rank_correlation([1, 2, 3, 4], [2, 1, 3, 4]) == pytest.approx(1 - 6 * 2 / 60)
    assert math.isnan(rank_correlation([1, 1, 1], [1, 2, 3]))
    with pytest.raises(ParameterError, match="one length"):
        rank_correlation([1, 2], [1, 2, 3])


def test_the_interval_of_a_share_has_a_width_also_where_nothing_is_missed():
    # (alpha / 2)^(1 / n): so rare must misses be that 50 hits in a row are no wonder
    assert share_interval([1] * 50) == (pytest.approx(0.025 ** (1 / 50)), 1)
    assert share_interval([0] * 20) == (0, pytest.approx(1 - 0.025 ** (1 / 20)))
    low, high = share_interval([1, 0])
    assert (low, high) == (pytest.approx(1 - math.sqrt(0.975)), pytest.approx(1 - low))
    assert share_interval([]) == (0, 1)
    with pytest.raises(ParameterError, match="0 or 1"):
        share_interval([0.5])


def test_interval_is_that_of_the_mean(rng):
    values = rng.normal(5, 2, 400)
    low, high = interval(values)
    error = 1.96 * values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - error, abs=0.2 * error)
    assert high == pytest.approx(values.mean() + error, abs=0.2 * error)
    assert interval(values) == (low, high)
    assert interval([*values, math.nan]) == (low, high)


def test_interval_covers_the_truth_about_as_often_as_it_says(rng):
    spans = [interval(rng.normal(size=40), seed=seed) for seed in range(200)]
    covered = np.mean([low <= 0 <= high for low, high in spans])
    assert 0.88 < covered < 0.99


def test_curves_have_an_interval_at_every_point(rng):
    curves = rng.random((30, 4)) + np.arange(4)
    low, high = curve_interval(curves)
    assert low.shape == high.shape == (4,)
    assert (low < curves.mean(axis=0)).all() and (curves.mean(axis=0) < high).all()
    alone = interval(curves[:, 2])
    assert (low[2], high[2]) == pytest.approx(alone)


def test_nothing_has_no_interval():
    assert all(map(math.isnan, interval([])))
    assert mean_and_interval([math.nan]) == "none"
    assert mean_and_interval([2.0, 2.0]) == "2.000 [2.000, 2.000]"


def test_seeds_differ_and_stay():
    assert seed_of("a", 1) == seed_of("a", 1)
    assert len({seed_of("a", 1), seed_of("a", 2), seed_of("a1", ""), seed_of("b", 1)}) == 4


def test_tables_have_a_line_for_each_group_in_the_order_of_the_rows():
    rows = pd.DataFrame(
        {"user_name": ["nina", "marko", "nina"], "type": ["b", "a", "b"], "value": [1.0, 2, 3]}
    )

    def line(group):
        return {"mean": f"{group['value'].mean():.1f}"}

    table = table_of(rows, {"user_name": "listener", "type": "kind"}, line, total=True)
    assert table.to_dict("list") == {
        "listener": ["nina", "marko", "all"],
        "kind": ["b", "a", "all"],
        "mean": ["2.0", "2.0", "2.0"],
    }
    assert len(table_of(rows, {"user_name": "listener"}, line)) == 2
    assert table_of(rows[:0], {"user_name": "listener"}, line).empty


def test_percent_rounds_a_mean():
    assert percent(pd.Series([True, False, False])) == "33 %"


def test_a_part_has_its_own_columns_alone():
    rows = pd.DataFrame([{"part": "a", "x": 1.0}, {"part": "b", "y": 2.0}, {"part": "a", "x": 3.0}])
    part = part_of(rows, "a")
    assert list(part.columns) == ["part", "x"] and list(part["x"]) == [1.0, 3.0]


def test_a_mean_is_on_a_side_of_zero_if_its_interval_is():
    values = np.linspace(-0.1, 0.1, 30)
    assert [side(values + shift) for shift in (-0.5, 0.0, 0.5)] == [-1, 0, 1]
    assert side([]) == 0 and side([math.nan]) == 0


def test_words_are_joined_as_in_a_sentence():
    assert listed(["a"]) == "a" and listed("ab") == "a and b" and listed("abc") == "a, b and c"
    assert hits_of(pd.Series([1.0, 0.0, 1.0])) == "2 of 3"
