"""How an explanation shows itself, with the stems of the cache and without."""

import numpy as np
import pytest

from explanations.explain import explain, prepare
from explanations.stems import separator_for
from lemons_utils import configuration


@pytest.fixture
def explained(house):
    subject = prepare(
        house.catalogue.audio(house.track_ids[0]),
        separator_for(house.catalogue, house.track_ids[0]),
        stems_folder=configuration().stems,
        limit_gb=1,
    )
    return subject, explain(house.listener, subject, "time_source")


def test_it_plays_the_stems_of_the_cache(explained):
    subject, explanation = explained
    sounds = dict(explanation.shown().sounds())
    best = explanation.top(3)
    assert list(sounds) == [
        f"{explanation.component_names[best[0]]} alone",
        f"the {len(best)} strongest together",
        "all but these",
    ]
    together = sounds[f"the {len(best)} strongest together"] + sounds["all but these"]
    middle = slice(1000, 31_000)  # away from fades
    whole = subject.stems.waveforms.sum(axis=0)
    assert np.abs(together - whole)[middle].max() < 1e-6
    page = explanation._repr_html_()
    assert page.count("<audio") == 3
    assert f"fidelity {explanation.fidelity:.3f} (with pairs 0." in page
    assert explanation.pair_phrase(explanation.pairs[0]) in page


def test_without_the_stems_it_shows_the_rest(explained, tmp_path):
    subject, explanation = explained
    assert not explanation.shown(tmp_path / "nowhere").sounds()
    flac = subject.stems.folder / "drums.flac"
    flac.write_bytes((subject.stems.folder / "vocals.flac").read_bytes())
    assert "<audio" not in explanation._repr_html_()
    table = explanation.to_dataframe()
    assert list(table["weight"]) == sorted(explanation.weights, reverse=True)
    assert "shapley" in table and len(explanation.as_list()) == 6
    assert explanation.save(tmp_path / "weights.csv").is_file()
    assert explanation.plot().axes


def test_a_sampled_explanation_says_nothing_of_pairs(explanation):
    from dataclasses import replace

    sampled = replace(explanation, pairs=None, fidelity_with_pairs=None, shapley=None)
    page = sampled._repr_html_()
    assert "pairs" not in page and "<ul>" not in page and "masks 2,048" in page
    assert "shapley" not in sampled.to_dataframe()
