"""Masks, distances, kernel, and asking the model."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import pairwise_distances

from audiolime import TimeOnlyFactorization
from audiolime.neighbourhood import (
    as_random_state,
    cosine_distances,
    draw_masks,
    evaluate,
    exhaustive_masks,
    exponential_kernel,
    mask_distances,
)
from lemons_utils import ParameterError


@pytest.fixture
def factorization(rng):
    return TimeOnlyFactorization(rng.standard_normal(50).astype(np.float32), 16_000)


def test_masks_are_drawn_as_numpy_draws_them():
    masks = draw_masks(7, 30, np.random.RandomState(3))
    drawn = np.random.RandomState(3).randint(0, 2, 210).reshape(30, 7)
    assert np.array_equal(masks[1:], drawn[1:])
    assert masks[0].tolist() == [1] * 7


def test_every_combination_is_listed_in_the_order_of_a_product():
    masks = exhaustive_masks(6)
    assert masks.tolist() == [list(row) for row in itertools.product([1, 0], repeat=6)]
    with pytest.raises(ParameterError, match=r"2\^25"):
        exhaustive_masks(25)


@given(st.integers(1, 12))
def test_cosine_distances_are_those_of_scikit_learn(n):
    masks = exhaustive_masks(n)
    theirs = pairwise_distances(masks, masks[:1], "cosine").ravel()
    assert np.allclose(cosine_distances(masks), theirs, atol=1e-15)


def test_all_off_is_at_distance_one_and_the_track_at_none():
    assert cosine_distances([[1, 1, 1], [0, 0, 0]]).tolist() == [0.0, 1.0]
    assert exponential_kernel([0.0, 1.0]).tolist() == [1.0, pytest.approx(np.exp(-8))]
    assert exponential_kernel(0.5, 2.0) == pytest.approx(np.sqrt(np.exp(-1 / 16)))


@pytest.mark.parametrize("metric", ["euclidean", "hamming", "l1", lambda a, b: np.abs(a - b).max()])
def test_other_distances(metric):
    masks = exhaustive_masks(3)
    theirs = pairwise_distances(masks.astype(float), masks[:1].astype(float), metric).ravel()
    assert np.array_equal(mask_distances(masks, metric), theirs)
    with pytest.raises(ParameterError, match="'nearness' does not work"):
        mask_distances(masks, "nearness")


@settings(deadline=None)
@given(st.lists(st.integers(0, 31), min_size=1, max_size=70), st.integers(1, 9), st.integers(1, 9))
def test_every_different_mask_is_heard_once_in_batches(numbers, batch_size, n_outputs):
    factorization = TimeOnlyFactorization(np.arange(1, 6, dtype=np.float32), 16_000)
    masks = np.array([[int(bit) for bit in f"{number:05b}"] for number in numbers])
    heard = []

    def predict(waveforms):
        assert waveforms.shape[0] <= batch_size
        heard.extend(waveforms.tolist())
        return waveforms @ np.arange(5 * n_outputs).reshape(5, n_outputs)

    found = evaluate(factorization, predict, masks, batch_size=batch_size)
    expected = (masks * np.arange(1, 6)) @ np.arange(5 * n_outputs).reshape(5, n_outputs)
    assert np.array_equal(found, expected)
    assert [tuple(row) for row in heard] == list(
        dict.fromkeys(tuple(row) for row in (masks * np.arange(1.0, 6)).tolist())
    )


@pytest.mark.parametrize(
    "predict",
    [
        lambda x: x[:, :2].astype(float),
        lambda x: x[:, :2].astype(float).tolist(),
        lambda x: torch.from_numpy(x)[:, :2].requires_grad_(),
        lambda x: list(torch.from_numpy(x)[:, :2].requires_grad_()),
    ],
    ids=["array", "lists", "tensor", "list of tensors"],
)
def test_predictions_may_be_of_any_kind(factorization, predict):
    found = evaluate(factorization, predict, exhaustive_masks(5))
    assert found.dtype == np.float64
    assert np.array_equal(found[0], factorization.mix[:2].astype(float))


def test_one_output_needs_no_second_axis(factorization):
    found = evaluate(factorization, lambda x: x.sum(axis=1), exhaustive_masks(5))
    assert found.shape == (32, 1)


class WidthOfFirst:
    """Returns more outputs at every call."""

    calls = 0

    def __call__(self, waveforms):
        self.calls += 1
        return np.zeros((len(waveforms), self.calls))


@pytest.mark.parametrize(
    ("predict", "says"),
    [
        (lambda x: np.full((len(x), 2), np.nan), "finite numbers"),
        (lambda x: np.log(x.sum(axis=1) * 0), "finite numbers"),
        (lambda x: np.zeros((3, 2)), "one row of outputs for each of 10 inputs"),
        (lambda x: 0.5, "one row of outputs"),
        (lambda x: np.zeros((len(x), 2, 2)), "one row of outputs"),
        (WidthOfFirst(), "got 1 and then 2"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_wrong_predictions_are_refused_in_one_line(factorization, predict, says):
    with pytest.raises(ParameterError, match=says) as error:
        evaluate(factorization, predict, exhaustive_masks(5))
    assert "\n" not in str(error.value)


def test_wrong_numbers_are_refused(factorization):
    masks = exhaustive_masks(5)
    for wrong in (0, -1, 2.5):
        with pytest.raises(ParameterError, match="batch_size"):
            evaluate(factorization, len, masks, batch_size=wrong)
        with pytest.raises(ParameterError, match="num_samples"):
            draw_masks(5, wrong, np.random.RandomState(0))
    with pytest.raises(ParameterError, match="at least one mask"):
        evaluate(factorization, len, masks[:0])
    for wrong in (-1, "seed", np.random.default_rng(0)):
        with pytest.raises(ParameterError, match="random_state"):
            as_random_state(wrong)


def test_a_random_state_goes_on_where_it_is():
    state = np.random.RandomState(5)
    assert as_random_state(state) is state
    np.random.seed(7)  # noqa: NPY002
    first = as_random_state(None).randint(0, 1000)
    assert first == np.random.RandomState(7).randint(0, 1000)
