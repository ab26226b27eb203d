"""What explanations show of themselves: map, table, list, picture, files, players."""

import base64
import io
import json
import re

import numpy as np
import pandas as pd
import pytest
import soundfile

from audiolime import (
    ImageLikeFactorization,
    LimeAudioExplainer,
    TimeOnlyFactorization,
    TimeSourceFactorization,
)
from audiolime.showing import Shown, flac
from lemons_utils import ParameterError

RATE = 8000


@pytest.fixture(scope="module")
def explanation(random_stems):
    stems = dict(zip(("hum", "<b>"), random_stems(2, 4000), strict=True))
    factorization = TimeSourceFactorization(stems, RATE, 2)

    def predict(waveforms):
        loud = np.abs(waveforms).mean(axis=1)
        return np.stack([1 - loud, loud], axis=1)

    return LimeAudioExplainer(random_state=0).explain_instance(
        factorization, predict, labels=[1, 0], num_samples="exhaustive"
    )


def test_a_table_and_a_list_of_one_label(explanation):
    table = explanation.to_dataframe(0)
    assert list(table.columns) == ["component", "start_s", "end_s", "weight"]
    assert list(table["weight"]) == sorted(explanation.weights(0), reverse=True)
    assert explanation.as_list(0) == list(zip(table["component"], table["weight"], strict=True))
    first = explanation.as_list()  # of the first label that was asked for
    assert dict(first)["hum0"] == explanation.weights(1)[0]
    last = table.set_index("component").loc["<b>1"]
    assert (last["start_s"], last["end_s"]) == (0.25, 0.5)
    with pytest.raises(KeyError, match="label 7 was not explained"):
        explanation.to_dataframe(7)


def sounds_in(text):
    found = re.findall(r'data:audio/flac;base64,([^"]+)"', text)
    return [soundfile.read(io.BytesIO(base64.b64decode(code))) for code in found]


def test_a_page_has_the_map_and_players_and_no_tags_of_strangers(explanation):
    text = explanation._repr_html_()
    assert text.count("<table>") == 2  # one for each label
    assert "0.0 to 0.2 s" in text and f"fidelity {explanation.score[1]:.3f}" in text
    assert "<b>" not in text and "&lt;b&gt;0" in text
    (heard, rate), *_ = sounds_in(text)
    best = [c for c, weight in explanation.local_exp[1][:3] if weight > 0]
    mask = np.isin(np.arange(4), best)[None].astype(int)
    assert rate == RATE
    assert np.abs(heard - explanation.factorization.compose(mask)[0]).max() < 1e-4


def test_what_has_no_sound_and_no_names_is_shown_without():
    class Plain:
        def get_number_components(self):
            return 2

        def compose_model_input(self, components=None):
            return np.isin([0, 1], components).astype(float)

    explainer = LimeAudioExplainer()
    options = {"num_reg_targets": 1, "num_samples": "exhaustive"}
    plain = explainer.explain_instance(Plain(), lambda x: x @ [1.0, -2.0], **options)
    assert [name for name, _ in plain.as_list()] == ["component 0", "component 1"]
    image = np.arange(12.0).reshape(3, 4)
    patches = ImageLikeFactorization(
        np.zeros(90), RATE, image, image_segmentation_params={"n_segments": 3}
    )
    shown = explainer.explain_instance(patches, lambda x: x.mean((1, 2)), **options)
    assert "<audio" not in plain._repr_html_() + shown._repr_html_()


def test_files(tmp_path, explanation):
    assert pd.read_csv(explanation.save(tmp_path / "e.csv"))["component"][0] in (
        "hum0",
        "hum1",
        "<b>0",
        "<b>1",
    )
    content = json.loads(explanation.save(tmp_path / "e.json", 0).read_text())
    assert len(content["components"]) == 4 and content["title"].startswith("Output 0: 0.")
    assert explanation.save(tmp_path / "e.png").read_bytes()[:4] == b"\x89PNG"
    page = explanation.save(str(tmp_path / "e.html")).read_text()
    assert page.startswith("<!doctype html>") and "<audio" in page
    with pytest.raises(ParameterError, match=r"save to one of \.html, .* got 'e\.doc'"):
        explanation.save(tmp_path / "e.doc")


def test_sound_is_bounded(monkeypatch):
    quiet, loud = np.zeros(800, np.float32), np.full(800, 2.0, np.float32)
    shown = Shown(
        "t", (), ("a",), ((0, 1),), (0.5,), sounds=lambda: [("one", quiet), ("two", loud)]
    )
    assert len(sounds_in(shown.to_html())) == 2
    monkeypatch.setattr("audiolime.showing.MOST_INLINE", len(flac(quiet, 16_000)) * 4 // 3 + 8)
    text = shown.to_html()
    assert len(sounds_in(text)) == 1 and "too long to be played here" in text
    heard, _ = soundfile.read(io.BytesIO(flac(loud, 16_000)))
    assert np.abs(heard).max() <= 1


def test_bars_have_the_names_of_the_components(random_stems):
    factorization = TimeOnlyFactorization(random_stems(1, 900)[0], RATE, 3)
    explanation = LimeAudioExplainer().explain_instance(
        factorization, lambda x: np.abs(x).mean(axis=1), num_reg_targets=1, num_samples=20
    )
    (axes,) = explanation.plot().axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [name for name, _ in explanation.as_list()]
