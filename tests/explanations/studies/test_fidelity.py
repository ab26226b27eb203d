"""The faithfulness study: rankings of a model whose answer is known, and the command."""

import numpy as np
import pandas as pd
import pytest

from audiolime.exact.all_masks import Levels
from audiolime.exact.lime import fit_exhaustive
from audiolime.metrics import top_k
from audiolime.neighbourhood import exhaustive_masks
from explanations.studies.fidelity import STUDY as fidelity
from explanations.studies.fidelity.page import _on_fidelity, _on_silence, gain
from explanations.studies.fidelity.rankings import (
    METHODS,
    ORDERS,
    as_curves,
    rate_track,
    ratings_of,
    weights_of,
)

from .conftest import HERE


@pytest.fixture
def rated(additive) -> pd.DataFrame:
    return pd.DataFrame(rate_track(additive, "time_source", {"user_name": "a", "track_id": "t"}))


def test_all_methods_rank_an_additive_model_alike_and_truly(additive, rated):
    truth = np.array([0.3, -0.2, 0.05, 0.8, -0.5, 0.1])
    for weights in weights_of(additive, "time_source").values():
        np.testing.assert_array_equal(top_k(weights, 6), top_k(truth, 6))
    explanation = rated.iloc[0]
    assert min(explanation["fidelity"], explanation["fidelity_with_pairs"]) > 0.95
    assert explanation["components"] == 6 and explanation["components_for"] == 4
    for one, other in [(0, 1), (0, 2), (1, 2)]:
        pair = f"{METHODS[one]} / {METHODS[other]}"
        assert explanation[f"{pair}: rank correlation"] == pytest.approx(1)
        assert explanation[f"{pair}: same first"] == explanation[f"{pair}: common top 3"] == 1


def test_the_true_order_is_best_and_the_reversed_one_worst(rated):
    curves = rated[rated["part"] == "curve"].set_index("order")
    assert list(curves.index) == list(ORDERS)
    for area, best in (("deletion_area", min), ("insertion_area", max)):
        areas = curves[area]
        assert areas["LIME"] == best(areas)
        worst = max if best is min else min
        assert areas["reversed"] == worst(areas)
    # what goes last when deleting comes first when inserting in the opposite order
    assert curves.loc["reversed", "deletion_area"] == pytest.approx(
        curves.loc["LIME", "insertion_area"]
    )
    backwards = curves.loc["LIME", "insertion"].split()[::-1]
    assert curves.loc["reversed", "deletion"].split() == backwards


def test_pairs_know_what_takes_over():
    """The second adds nothing beside the first, and only a model with pairs can say so."""
    masks = exhaustive_masks(3)
    levels = Levels.of(masks, np.maximum(masks[:, 0], 0.9 * masks[:, 1]) + 0.4 * masks[:, 2])
    linear = fit_exhaustive(levels, kernel_width=10.0, alpha=0.0)
    both = fit_exhaustive(levels, kernel_width=10.0, alpha=0.0, order=2)
    weights = dict.fromkeys(METHODS, linear.weights)
    ratings = ratings_of(weights, both, seed=0)
    assert list(ratings) == list(ORDERS)
    by_deletion, by_insertion = (top_k(rating, 3).tolist() for rating in ratings["pairs"][0])
    assert by_deletion == [2, 0, 1] and by_insertion == [0, 2, 1]
    assert [top_k(rating, 3).tolist() for rating in ratings["LIME"][0]] == [[0, 1, 2]] * 2


def test_curves_begin_and_end_with_the_whole_and_with_silence(additive, rated):
    explanation = rated.iloc[0]
    curve = as_curves(list(rated["deletion"].dropna()))
    assert curve.shape == (len(ORDERS), 26)
    np.testing.assert_allclose(curve[:, 0], explanation["relevance"], atol=6e-4)
    np.testing.assert_allclose(curve[:, -1], explanation["relevance_of_silence"], atol=6e-4)
    assert explanation["relevance_of_silence"] == pytest.approx(1 / (1 + np.exp(0.1)))


def test_gains_are_positive_where_lime_is_better(rated):
    curves = rated[rated["part"] == "curve"]
    for area in ("deletion_area", "insertion_area"):
        assert (gain(curves, "time_source", "reversed", area) > 0.1).all()
        assert (gain(curves, "time_source", "Shapley", area) == 0).all()


def test_the_command_from_end_to_end(small, tmp_path, capsys):
    out = tmp_path / "results"
    run = ["--tracks", "any", "--num_explanations", "2", *HERE, "--out", str(out)]
    assert fidelity.main(run) == 0
    section = fidelity.section(out)
    assert len(section.findings) == 4
    by_caption = {caption.split(".")[0]: table for caption, table in section.tables}
    assert list(by_caption["Fidelity"]["listener"]) == ["marko", "all"]
    assert len(by_caption["Areas under deletion and insertion curves"]) == 3 * len(ORDERS)
    assert len(by_caption["Agreement of the rankings"]) == 3 * 3
    for _, picture in section.pictures:
        assert (out / picture).stat().st_size > 5000


def test_the_findings_say_what_a_linear_model_accounts_for():
    rows = pd.DataFrame(
        {"type": ["time", "source", "time_source"] * 2, "fidelity": [0.9, 0.6, 0.4] * 2}
    )
    text = _on_fidelity(rows)
    assert "for most of it with Time (0.900" in text
    assert "for more than half of it with Source (0.600" in text
    assert "for less than half of it with Time + Source (0.400" in text
    assert text.endswith("are 100 % of Time + Source.")
    assert "pair" not in text
    with_pairs = _on_fidelity(rows.assign(fidelity_with_pairs=0.95))
    assert "for every pair of components, too: Time (0.950" in with_pairs
    assert _on_fidelity(rows.assign(fidelity=0.7)).endswith("No explanation is below 0.5.")


def test_the_findings_say_where_silence_is_above_the_tracks():
    rows = pd.DataFrame(
        {"relevance": [0.9, 0.8], "components_for": [12, 2], "components": 25,
         "relevance_of_silence": 0.5}
    )  # fmt: skip
    assert _on_silence(rows).startswith("Silence is less relevant than any track (0.500 against")
    text = _on_silence(rows.assign(relevance_of_silence=0.85))
    assert text.startswith("Silence is more relevant than the track on 50 % of the tracks")
    assert "on 50 % fewer than 3 components speak" in text
