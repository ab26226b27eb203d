"""The explainer: against audioLIME's numbers, and on models whose explanation is known."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Lasso, Ridge

from audiolime import (
    AudioExplanation,
    LimeAudioExplainer,
    RawAudioProvider,
    SourceFactorization,
    SourceSeparationBasedFactorization,
    TimeFrequencyFactorization,
    TimeFrequencyTorchFactorization,
    TimeOnlyFactorization,
    TimeSourceFactorization,
    lime_audio,
)
from audiolime.metrics import fidelity
from lemons_audio import write_audio
from lemons_utils import ParameterError

GOLDEN_CASES = range(7)
RATE = 16_000
NAMES = ("vocals", "piano", "drums")


class Indices:
    """Components without sound: the model is given the mask itself."""

    def __init__(self, count):
        self.count = count

    def get_number_components(self):
        return self.count

    def compose_model_input(self, components=None):
        mask = np.zeros(self.count)
        mask[components] = 1
        return mask

    def retrieve_components(self, selection_order=None):
        return selection_order


# -- against audioLIME v0.0.3 ------------------------------------------------------------------
@pytest.fixture(scope="module")
def golden(golden_folder):
    return json.loads((golden_folder / "lime.json").read_text())["cases"]


def golden_model(model):
    linear, pairwise = np.array(model["linear"]), np.array(model["pairwise"])

    def predict(masks):
        quadratic = np.einsum("ni,ij,nj->n", masks, pairwise, masks)
        p = 1 / (1 + np.exp(-(masks @ linear + quadratic) / model["temperature"]))
        return np.stack([1 - p, p], axis=1)

    return predict


@pytest.mark.parametrize("number", GOLDEN_CASES)
def test_masks_and_fits_are_those_of_audiolime(golden, number):
    case = golden[number]
    explainer = LimeAudioExplainer(
        feature_selection=case["feature_selection"],
        absolute_feature_sort=True,
        random_state=case["random_state"],
    )
    explanation = explainer.explain_instance(
        Indices(case["n_components"]),
        golden_model(case["model"]),
        labels=[1],
        num_features=case["num_features"],
        num_samples=case["num_samples"],
        fit_intercept=case["fit_intercept"],
    )
    masks = explanation.neighborhood_data
    assert masks[:3].tolist() == case["first_rows"]
    digest = hashlib.sha256(masks.astype(np.uint8).tobytes()).hexdigest()
    assert digest == case["neighbourhood_sha256"]
    components, weights = zip(*explanation.local_exp[1], strict=True)
    expected_components, expected_weights = zip(*case["local_exp"], strict=True)
    assert components == expected_components
    assert np.allclose(weights, expected_weights, rtol=0, atol=1e-9)
    assert explanation.intercept[1] == pytest.approx(case["intercept"], abs=1e-9)
    assert explanation.score[1] == pytest.approx(case["score"], abs=1e-9)
    assert explanation.local_pred[1] == pytest.approx(case["local_pred"], abs=1e-9)


def test_there_are_seven_golden_cases(golden):
    assert len(golden) == len(GOLDEN_CASES)


class Halves(SourceSeparationBasedFactorization):
    """As a script written for audioLIME v0.0.3 makes its own."""

    def initialize_components(self):
        return [0.25 * self._original_mix, 0.75 * self._original_mix], ["soft", "loud"]


def test_a_script_for_audiolime_runs_with_its_import_changed(tmp_path, capsys):
    time = np.arange(2 * RATE) / RATE
    path = str(tmp_path / "track.wav")
    write_audio(Path(path), 0.5 * np.sin(2 * np.pi * 440 * time), sample_rate=RATE)

    def predict_fn(x_array):
        energy = np.abs(x_array).mean(axis=1)
        return np.stack([1 - energy, energy], axis=1)

    data_provider = RawAudioProvider(path)
    factorization = Halves(
        data_provider, target_sr=16000, temporal_segmentation_params=4, composition_fn=None
    )
    explainer = lime_audio.LimeAudioExplainer(verbose=True, absolute_feature_sort=False)
    explanation = explainer.explain_instance(
        factorization=factorization,
        predict_fn=predict_fn,
        top_labels=1,
        num_samples=64,
        batch_size=32,
    )
    label = list(explanation.local_exp.keys())[0]  # noqa: RUF015
    top_components, component_indeces = explanation.get_sorted_components(
        label,
        positive_components=True,
        negative_components=False,
        num_components=3,
        return_indeces=True,
    )
    assert label == 0
    assert len(top_components) <= 3
    assert len(component_indeces) == len(top_components) or len(component_indeces) == 0
    assert np.shape(sum(top_components)) == factorization.data_provider.get_mix().shape
    assert factorization.get_ordered_component_names()[:3] == ["soft0", "loud0", "soft1"]
    assert "label 0: intercept" in capsys.readouterr().out


# -- on models whose explanation is known ------------------------------------------------------
KINDS = {
    "time": lambda stems: TimeOnlyFactorization(sum(stems), RATE, 4),
    "source": lambda stems: SourceFactorization(dict(zip(NAMES, stems, strict=True))),
    "time_source": lambda stems: TimeSourceFactorization(
        dict(zip(NAMES, stems, strict=True)), RATE, 3
    ),
    "tiles": lambda stems: TimeFrequencyFactorization(sum(stems), RATE, 2, 3, n_fft=256),
    "spectrogram": lambda stems: TimeFrequencyTorchFactorization(
        np.abs(stems[:, :600]).reshape(30, 60) + 1, RATE, 2, 4
    ),
}


@pytest.fixture
def stems(rng):
    return (0.1 * rng.standard_normal((3, 2_000))).astype(np.float32)


class Additive:
    """A model that adds up a known weight for every component it finds in what it is given."""

    def __init__(self, factorization, weights, base):
        self.weights, self.base = np.asarray(weights), base
        single = [
            np.ravel(factorization.compose_model_input([i])) for i in range(len(self.weights))
        ]
        self.detector = np.linalg.pinv(np.array(single, np.float64))
        self.calls = 0

    def __call__(self, inputs):
        self.calls += len(inputs)
        presence = inputs.reshape(len(inputs), -1).astype(np.float64) @ self.detector
        p = self.base + presence @ self.weights
        return np.stack([1 - p, p], axis=1)


@pytest.mark.parametrize("base", [0.05, 0.6], ids=["p < 0.5", "p > 0.5"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_additive_model_gets_its_weights_back(kind, base, stems, rng):
    factorization = KINDS[kind](stems)
    n = factorization.get_number_components()
    weights = rng.uniform(-0.3, 0.3, n) / n
    weights[:2] = 0.3 / n, -0.3 / n
    explanation = LimeAudioExplainer(random_state=1).explain_instance(
        factorization,
        Additive(factorization, weights, base),
        labels=[1],
        num_samples=2048,
        model_regressor=Ridge(alpha=0),
    )
    whole = base + weights.sum()
    assert (whole < 0.5) == (base < 0.5)
    assert np.allclose(explanation.weights(1), weights, atol=1e-5)
    assert explanation.intercept[1] == pytest.approx(base, abs=1e-5)
    assert explanation.score[1] == pytest.approx(1.0, abs=1e-6)
    assert explanation.local_pred[1] == pytest.approx(whole, abs=1e-5)
    assert [c for c, _ in explanation.local_exp[1]] == np.argsort(-weights).tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_the_ridge_shrinks_the_weights_a_little_and_keeps_their_order(kind, stems):
    """With the published penalty of 1 and enough masks: same signs, same order, same fit."""
    factorization = KINDS[kind](stems)
    n = factorization.get_number_components()
    weights = np.linspace(-0.3, 0.3, n)
    explanation = LimeAudioExplainer(random_state=1).explain_instance(
        factorization, Additive(factorization, weights, 0.2), labels=[1], num_samples=4096
    )
    found = explanation.weights(1)
    assert np.allclose(found, weights, atol=0.01)
    assert np.argsort(found).tolist() == list(range(n))
    assert explanation.score[1] > 0.999


def explain(kind, stems, *, batch_size=10, seed=3, **options):
    factorization = KINDS[kind](stems)
    weights = np.linspace(-0.2, 0.3, factorization.get_number_components())
    model = Additive(factorization, weights, 0.1)
    explanation = LimeAudioExplainer(random_state=seed).explain_instance(
        factorization,
        lambda x: np.tanh(model(x)),
        labels=[0, 1],
        num_samples=60,
        batch_size=batch_size,
        **options,
    )
    return explanation.local_exp, explanation.intercept, explanation.score


@pytest.mark.parametrize("kind", KINDS)
def test_batch_size_changes_nothing(kind, stems):
    expected = explain(kind, stems, batch_size=1)
    for batch_size in (7, 60, 1000):
        found = explain(kind, stems, batch_size=batch_size)
        for label in (0, 1):
            # the toy model multiplies matrices, whose rounding does depend on their size
            assert np.allclose(found[0][label], expected[0][label], atol=1e-12)
            assert found[2][label] == pytest.approx(expected[2][label], abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_do_not_depend_on_the_batch_size_at_all(kind, stems):
    def heard(batch_size):
        found = []

        def predict(inputs):
            found.extend(inputs)
            return np.zeros((len(inputs), 2))

        LimeAudioExplainer(random_state=3).explain_instance(
            KINDS[kind](stems), predict, labels=[1], num_samples=40, batch_size=batch_size
        )
        return np.array(found)

    assert np.array_equal(heard(1), heard(7))
    assert np.array_equal(heard(1), heard(40))


def test_the_same_seed_gives_the_same_and_another_another(stems):
    assert explain("time_source", stems) == explain("time_source", stems)
    assert explain("time_source", stems) != explain("time_source", stems, seed=4)


def test_an_explainer_moves_on_from_one_explanation_to_the_next():
    explainer = LimeAudioExplainer(random_state=3)

    def masks(seed=None):
        return explainer.explain_instance(
            Indices(9), lambda z: z, labels=[1], num_samples=40, random_seed=seed
        ).neighborhood_data

    first = masks()
    assert not np.array_equal(first, masks())
    state = np.random.RandomState(3)
    state.randint(0, 1000)
    assert np.array_equal(first[1:], state.randint(0, 2, 360).reshape(40, 9)[1:])
    # audioLIME draws no number to throw away where one was named
    explainer = LimeAudioExplainer(random_state=3)
    drawn = np.random.RandomState(3).randint(0, 2, 360).reshape(40, 9)
    assert np.array_equal(masks(seed=5)[1:], drawn[1:])


def test_two_thousand_masks_of_five_components_are_thirty_two_calls(stems):
    factorization = TimeOnlyFactorization(sum(stems), RATE)
    model = Additive(factorization, np.ones(5) / 10, 0.1)
    explanation = LimeAudioExplainer(random_state=0).explain_instance(
        factorization, model, labels=[1], num_samples=2048
    )
    assert model.calls == 32
    assert explanation.neighborhood_labels.shape == (2048, 2)


def test_exhaustive_is_every_mask_once(stems):
    factorization = TimeOnlyFactorization(sum(stems), RATE)
    model = Additive(factorization, np.ones(5) / 10, 0.1)
    explanation = LimeAudioExplainer().explain_instance(
        factorization, model, labels=[1], num_samples="exhaustive"
    )
    assert model.calls == 32
    assert len(np.unique(explanation.neighborhood_data, axis=0)) == 32
    assert explanation.distances[-1] == 1.0
    assert explanation.proximities[-1] == pytest.approx(np.exp(-8))
    with pytest.raises(ParameterError, match=r"2\^25"):
        LimeAudioExplainer().explain_instance(
            Indices(25), lambda z: z, labels=[1], num_samples="exhaustive"
        )


# -- outputs, options, retrieval ---------------------------------------------------------------
def three_outputs(masks):
    return np.stack([masks @ [0.1, 0, 0, 0], masks @ [0, 0.4, 0, 0.1], masks @ [0, 0, 0.3, 0]], 1)


def test_labels_top_labels_and_regression_targets():
    explainer = LimeAudioExplainer(random_state=0)
    some = explainer.explain_instance(Indices(4), three_outputs, labels=(2, 0))
    assert list(some.local_exp) == [2, 0]
    top = explainer.explain_instance(Indices(4), three_outputs, labels=[0], top_labels=2)
    assert list(top.local_exp) == [2, 1]  # the most likely last, as in audioLIME
    assert top.top_labels == [1, 2]
    targets = explainer.explain_instance(Indices(4), three_outputs, num_reg_targets=2)
    assert list(targets.local_exp) == [0, 1]
    one = explainer.explain_instance(
        Indices(4), lambda z: three_outputs(z)[:, 1], num_reg_targets=1
    )
    assert np.argmax(one.weights(0)) == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "name the outputs"),
        ({"labels": 2}, "must be a list of outputs, got 2"),
        ({"labels": []}, "name the outputs"),
        ({"labels": [1], "num_reg_targets": 1}, "not both"),
        ({"top_labels": 1, "num_reg_targets": 1}, "not both"),
        ({"top_labels": -1}, "above 0"),
        ({"labels": [3]}, "label 3 does not exist: predict_fn returns 3 outputs"),
        ({"labels": [-1]}, "label -1 does not exist"),
        ({"num_reg_targets": 4}, "label 3 does not exist"),
        ({"labels": [1], "num_samples": 0}, "num_samples"),
        ({"labels": [1], "num_samples": "all"}, "num_samples"),
        ({"labels": [1], "num_features": 0}, "num_features"),
        ({"labels": [1], "batch_size": 0}, "batch_size"),
        ({"labels": [1], "distance_metric": "far"}, "distance_metric"),
    ],
)
def test_wrong_questions_are_refused_in_one_line(options, says):
    with pytest.raises(ParameterError, match=says) as error:
        LimeAudioExplainer().explain_instance(Indices(4), three_outputs, **options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kernel_width": 0}, "kernel_width"),
        ({"kernel_width": -1}, "kernel_width"),
        ({"feature_selection": "best"}, "feature_selection"),
        ({"random_state": "seed"}, "random_state"),
    ],
)
def test_wrong_settings_are_refused(options, says):
    with pytest.raises(ParameterError, match=says):
        LimeAudioExplainer(**options)


def test_kernel_kernel_width_and_distance():
    def explained(explainer, **options):
        return explainer.explain_instance(
            Indices(4), three_outputs, labels=[1], num_samples="exhaustive", **options
        )

    flat = explained(LimeAudioExplainer(kernel=lambda d, kernel_width: np.ones_like(d)))
    assert np.array_equal(flat.proximities, np.ones(16))
    theirs = Ridge().fit(flat.neighborhood_data, flat.neighborhood_labels[:, 1])
    assert np.allclose(flat.weights(1), theirs.coef_, atol=1e-12)
    wide = explained(LimeAudioExplainer(kernel_width=None))
    assert np.allclose(wide.proximities, np.sqrt(np.exp(-((wide.distances / 1.5) ** 2))))
    hamming = explained(LimeAudioExplainer(), distance_metric="hamming")
    assert np.allclose(hamming.distances, 1 - hamming.neighborhood_data.mean(axis=1))


def test_a_regressor_of_ones_own():
    explanation = LimeAudioExplainer(random_state=0).explain_instance(
        Indices(4), three_outputs, labels=[1], model_regressor=Lasso(alpha=1e-3), num_features=3
    )
    rows, weights = explanation.neighborhood_data, explanation.proximities
    used = sorted(component for component, _ in explanation.local_exp[1])
    theirs = Lasso(alpha=1e-3).fit(rows[:, used], explanation.neighborhood_labels[:, 1], weights)
    # coordinate descent stops a little elsewhere when the columns come in another order
    assert np.allclose(explanation.weights(1)[used], theirs.coef_, atol=1e-5)
    assert explanation.intercept[1] == pytest.approx(theirs.intercept_, abs=1e-5)


def test_absolute_sort_puts_the_strongest_first():
    def model(masks):
        return masks @ [0.1, -0.5, 0.3]

    def order(absolute):
        explanation = LimeAudioExplainer(absolute_feature_sort=absolute).explain_instance(
            Indices(3), model, num_reg_targets=1, num_samples="exhaustive"
        )
        return [component for component, _ in explanation.local_exp[0]]

    assert order(False) == [2, 0, 1]
    assert order(True) == [1, 2, 0]


@pytest.fixture
def explained(stems):
    factorization = SourceFactorization(dict(zip("abcd", [*stems, stems[0] / 2], strict=True)))
    explanation = AudioExplanation(factorization, np.ones((1, 4)), np.ones((1, 2)))
    explanation.local_exp = {1: [(2, 0.5), (0, 0.1), (3, 0.0), (1, -0.3)]}
    return explanation


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [2, 0, 3, 1]),
        ({"negative_components": False}, [2, 0]),
        ({"positive_components": False}, [1]),
        ({"num_components": 3}, [2, 0, 3]),
        ({"num_components": 0}, []),
        ({"num_components": 100}, [2, 0, 3, 1]),
        ({"min_abs_weight": 0.3}, [2, 1]),
        ({"min_abs_weight": 0.3, "negative_components": False}, [2]),
        ({"min_abs_weight": 9.0}, []),
    ],
)
def test_components_come_sorted(explained, options, expected):
    waveforms, indices = explained.get_sorted_components(1, return_indeces=True, **options)
    assert indices.tolist() == expected
    stems = explained.factorization.original_components
    if expected:
        assert all(
            np.array_equal(waveform, stems[index])
            for waveform, index in zip(waveforms, expected, strict=True)
        )
    else:
        assert not np.any(waveforms)
    alone = explained.get_sorted_components(1, **options)
    assert np.array_equal(alone, waveforms)


def test_components_that_cannot_be_asked_for(explained):
    with pytest.raises(KeyError, match="label 0 was not explained; explained are: 1"):
        explained.get_sorted_components(0)
    with pytest.raises(KeyError, match="label 0"):
        explained.weights(0)
    with pytest.raises(ParameterError, match="or both must be True"):
        explained.get_sorted_components(1, False, False)
    for wrong in ("auto", -1, 1.5, True):
        with pytest.raises(ParameterError, match="num_components"):
            explained.get_sorted_components(1, num_components=wrong)


# -- inputs that are out of the ordinary -------------------------------------------------------
def energies(waveforms):
    loud = np.abs(waveforms).mean(axis=1)
    return np.stack([1 - loud, loud], axis=1)


@pytest.mark.parametrize("kind", ["time", "source", "time_source", "tiles"])
def test_silence_is_explained_by_nothing(kind):
    factorization = KINDS[kind](np.zeros((3, RATE), np.float32))
    explanation = LimeAudioExplainer(random_state=0).explain_instance(
        factorization, energies, labels=[1], num_samples=100
    )
    assert not explanation.weights(1).any()
    assert explanation.score[1] == 1.0
    assert (
        explanation.get_sorted_components(1, negative_components=False, return_indeces=True)[
            1
        ].tolist()
        == []
    )


@pytest.mark.parametrize(
    ("seconds", "make"),
    [
        (0.5, lambda y: TimeOnlyFactorization(y, RATE)),
        (0.5, lambda y: TimeFrequencyFactorization(y, RATE)),
        (0.5, lambda y: TimeSourceFactorization({"a": y, "b": -0.5 * y})),
        (600, lambda y: TimeOnlyFactorization(y, RATE)),
        (600, lambda y: TimeFrequencyFactorization(y, RATE, 2)),
        (600, lambda y: TimeSourceFactorization({"a": y, "b": -0.5 * y})),
    ],
)
def test_half_a_second_and_ten_minutes(seconds, make, rng):
    waveform = rng.standard_normal(int(seconds * RATE), np.float32) * np.float32(0.1)
    factorization = make(waveform)
    explanation = LimeAudioExplainer(random_state=0).explain_instance(
        factorization, energies, labels=[1], num_samples=12, batch_size=2
    )
    assert np.isfinite(explanation.weights(1)).all()
    weights, masks = explanation.weights(1), explanation.neighborhood_data
    relevance = explanation.neighborhood_labels[:, 1]
    again = fidelity(
        masks,
        relevance,
        weights,
        intercept=explanation.intercept[1],
        proximities=explanation.proximities,
    )
    assert again == pytest.approx(explanation.score[1], abs=1e-9)


@pytest.mark.parametrize("make", [TimeOnlyFactorization, TimeFrequencyFactorization])
def test_what_is_no_number_or_too_short_is_refused(make):
    with pytest.raises(ParameterError, match="NaN"):
        make(np.full(RATE, np.nan, np.float32), RATE)
    with pytest.raises(ParameterError, match="samples"):
        make(np.ones(3, np.float32), RATE)


# -- models that hear windows ------------------------------------------------------------------
def tagger(windows):
    """Two outputs for windows of 100 samples, neither linear in the waveform."""
    assert windows.shape[1] == 100 and windows.dtype == np.float32
    loud = np.square(windows, dtype=np.float64).mean(axis=1)
    return np.stack([np.tanh(loud), np.abs(windows).max(axis=1)], axis=1)


def tag_whole(waveforms):
    """Cut windows every 40 samples and average, as somebody's script does."""
    starts = range(0, waveforms.shape[1] - 99, 40)
    return np.mean([tagger(waveforms[:, start : start + 100]) for start in starts], axis=0)


def factorizations(random_stems):
    stems = dict(zip(NAMES, random_stems(3, 1000), strict=True))
    mix = sum(stems.values())
    return [
        TimeOnlyFactorization(mix, RATE, 5),
        SourceFactorization(stems, RATE),
        TimeSourceFactorization(stems, RATE, [(0, 210), (210, 500), (500, 1000)]),
    ]


@pytest.mark.parametrize("number", range(3))
def test_two_numbers_give_the_same_explanation_from_windows(number, random_stems):
    factorization = factorizations(random_stems)[number]
    options = {"labels": [0, 1], "num_samples": 200}
    whole = LimeAudioExplainer(random_state=0).explain_instance(factorization, tag_whole, **options)
    heard = []
    windowed = LimeAudioExplainer(random_state=0).explain_instance(
        factorization, lambda w: heard.append(len(w)) or tagger(w), window=100, hop=40, **options
    )
    assert np.array_equal(windowed.neighborhood_data, whole.neighborhood_data)
    assert np.allclose(windowed.neighborhood_labels, whole.neighborhood_labels, atol=1e-7)
    for label in (0, 1):
        assert np.allclose(windowed.weights(label), whole.weights(label), atol=1e-6)
    different = len(np.unique(whole.neighborhood_data, axis=0))
    assert max(heard) <= 10 and sum(heard) <= 23 * different


def test_windows_that_cannot_be_cut_are_told(random_stems):
    stem = random_stems(1, 1000)[0]
    explainer, options = LimeAudioExplainer(), {"labels": [0], "num_samples": 4}
    with pytest.raises(ParameterError, match="window and hop go together"):
        explainer.explain_instance(TimeOnlyFactorization(stem), tagger, window=100, **options)
    options |= {"window": 100, "hop": 40}
    with pytest.raises(ParameterError, match="which Indices does not give"):
        explainer.explain_instance(Indices(3), tagger, **options)
    tiles = TimeFrequencyFactorization(random_stems(1, 16_000)[0], RATE, 2, 2)
    with pytest.raises(ParameterError, match="got TimeFrequencyFactorization"):
        explainer.explain_instance(tiles, tagger, **options)
    with pytest.raises(ParameterError, match="got a composition_fn"):
        explainer.explain_instance(
            TimeOnlyFactorization(stem, composition_fn=np.abs), tagger, **options
        )
