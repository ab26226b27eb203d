"""LimeAudioExplainer: ask the model about many masks, fit a linear model to its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiolime.explanation import AudioExplanation
from audiolime.feature_selection import check_method
from audiolime.lime_base import LimeBase
from audiolime.neighbourhood import (
    Kernel,
    PredictFn,
    as_random_state,
    draw_masks,
    evaluate,
    exhaustive_masks,
    exponential_kernel,
    mask_distances,
)
from lemons_utils import ParameterError

__all__ = ["AudioExplanation", "LimeAudioExplainer"]

ALL_FEATURES = 100_000


class LimeAudioExplainer:
    """Explain any audio model by components of the sound.

    Parameters
    ----------
    kernel_width : float > 0, or None for 0.75 times the root of the number of components
    kernel : callable, optional
        Maps (distances, kernel_width) to proximities; `exponential_kernel` if None.
    verbose : bool
        Print every fit.
    feature_selection : str
        See `audiolime.feature_selection.select_features`.
    absolute_feature_sort : bool
        Sort components by absolute weight rather than by weight.
    random_state : int, RandomState or None
        What masks are drawn from. It moves on: the second explanation of one explainer sees
        other masks than the first.

    References
    ----------
    V. Haunschmid, E. Manilow, G. Widmer, "audioLIME: Listenable explanations using source
    separation", MML 2020.
    """

    def __init__(
        self,
        kernel_width: float | None = 0.25,
        kernel: Kernel | None = None,
        verbose: bool = False,
        feature_selection: str = "auto",
        absolute_feature_sort: bool = False,
        random_state: Any = None,
    ) -> None:
        check_method(feature_selection)
        if kernel_width is not None and not float(kernel_width) > 0:
            raise ParameterError(f"kernel_width must be above 0, got {kernel_width!r}")
        self.kernel_width = None if kernel_width is None else float(kernel_width)
        self.kernel = kernel or exponential_kernel
        self.feature_selection = feature_selection
        self.random_state = as_random_state(random_state)
        self.factorization: Any = None
        self.base = LimeBase(self._kernel_of, verbose, absolute_feature_sort, self.random_state)

    def explain_instance(
        self,
        factorization: Any,
        predict_fn: PredictFn,
        labels: Iterable[int] | None = None,
        top_labels: int | None = None,
        num_reg_targets: int | None = None,
        num_features: int = ALL_FEATURES,
        num_samples: int | str = 1000,
        batch_size: int = 10,
        distance_metric: str | Callable[..., Any] = "cosine",
        model_regressor: Any = None,
        random_seed: int | None = None,
        fit_intercept: bool = True,
        *,
        window: int | None = None,
        hop: int | None = None,
    ) -> AudioExplanation:
        """Explain what the model says of one track.

        Parameters
        ----------
        factorization : Factorization
        predict_fn : callable
            Maps composed inputs [batch, ...] to predictions [batch, outputs]. Called once for
            every different mask, however often it was drawn.
        labels, top_labels, num_reg_targets : sequence of int, int, int
            Which outputs to explain: these, the k greatest for the whole track (`labels` then
            do not count), or the first k of a regression.
        num_features : int >= 1
            How many components the linear model may use.
        num_samples : int >= 1, or 'exhaustive'
            How many masks to draw, or every combination once.
        batch_size : int >= 1
            How many composed inputs there are at a time.
        distance_metric : str or callable
            See `audiolime.neighbourhood.mask_distances`.
        model_regressor : object with `fit(X, y, sample_weight=)`, `score`, `predict`, `coef_`
            In place of ridge regression with a penalty of 1.
        random_seed : int, optional
            Is not used for anything. If it is None a number is drawn and thrown away, as
            audioLIME does: so the same `random_state` gives the same masks.
        fit_intercept : bool
            Of the ridge regression.
        window, hop : int > 0 [samples], optional
            For a model that hears windows of the track, every hop, and averages what it says of
            them: `predict_fn` is given windows [batch, window], each different one once.
            Predictions for all masks follow from these; see `audiolime.exact.WindowedEngine`.

        Returns
        -------
        AudioExplanation

        Raises
        ------
        ParameterError
            If no output or both kinds of outputs are asked for, or a value is out of range.
        """
        if labels is not None and not isinstance(labels, Iterable):
            raise ParameterError(f"labels must be a list of outputs, got {labels!r}: [{labels!r}]")
        chosen = None if labels is None else [int(label) for label in labels]
        _check_outputs(chosen, top_labels, num_reg_targets)
        if random_seed is None:
            self.random_state.randint(0, 1000)
        self.factorization = factorization
        if window is None and hop is None:
            masks, answers = self.data_labels(predict_fn, num_samples, batch_size)
        else:
            masks = self._masks(num_samples)
            answers = _hear_windows(factorization, predict_fn, masks, window, hop, batch_size)
        explanation = AudioExplanation(factorization, masks, answers)
        explanation.distances = mask_distances(masks, distance_metric)
        explanation.proximities = self._kernel_of(explanation.distances)
        if top_labels:
            chosen = [int(label) for label in np.argsort(answers[0])[-top_labels:]]
            explanation.top_labels = chosen[::-1]
        for label in range(num_reg_targets) if num_reg_targets else chosen or []:
            if not 0 <= label < answers.shape[1]:
                raise ParameterError(
                    f"label {label} does not exist: predict_fn returns {answers.shape[1]} outputs"
                )
            (
                explanation.intercept[label],
                explanation.local_exp[label],
                explanation.score[label],
                explanation.local_pred[label],
            ) = self.base.explain_instance_with_data(
                masks,
                answers,
                explanation.distances,
                label,
                num_features,
                self.feature_selection,
                model_regressor,
                fit_intercept,
            )
        return explanation

    def data_labels(
        self, predict_fn: PredictFn, num_samples: int | str, batch_size: int = 10
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Draw a neighbourhood of `factorization`, and ask the model about it.

        `factorization` is the one that was explained last, or that was assigned.

        Returns
        -------
        masks : ndarray [shape=(n, components)] of 0 and 1
        predictions : ndarray [shape=(n, outputs)]
        """
        if self.factorization is None:
            raise ParameterError(
                "data_labels needs a factorization: assign explainer.factorization"
            )
        masks = self._masks(num_samples)
        return masks, evaluate(self.factorization, predict_fn, masks, batch_size=batch_size)

    def _masks(self, num_samples: int | str) -> NDArray[np.int64]:
        n = self.factorization.get_number_components()
        if num_samples == "exhaustive":
            return exhaustive_masks(n)
        return draw_masks(n, num_samples, self.random_state)  # type: ignore[arg-type]

    def _kernel_of(self, distances: ArrayLike) -> NDArray[np.float64]:
        width = self.kernel_width
        if width is None:
            width = 0.75 * np.sqrt(self.factorization.get_number_components())
        return np.asarray(self.kernel(distances, kernel_width=width), np.float64)


def _hear_windows(
    factorization: Any,
    predict_fn: PredictFn,
    masks: NDArray[np.int64],
    window: int | None,
    hop: int | None,
    batch_size: int,
) -> NDArray[np.float64]:
    """Compute predictions [n, outputs], averaged over windows, of masks over stems and segments."""
    if window is None or hop is None:
        raise ParameterError("window and hop go together: name the length of both in samples")
    if not hasattr(factorization, "cells"):
        raise ParameterError(
            f"windows are cut from stems and segments, which {type(factorization).__name__} does "
            "not give: use a factorization of time or sources"
        )
    from audiolime.exact import WindowedEngine  # needs torch

    stems, segments = factorization.cells()
    engine = WindowedEngine(
        predict_fn, stems, segments, window=window, hop=hop, batch_size=batch_size
    )
    return engine.pooled(masks)


def _check_outputs(
    labels: list[int] | None, top_labels: int | None, num_reg_targets: int | None
) -> None:
    classification = bool(labels) or bool(top_labels)
    if classification and num_reg_targets:
        raise ParameterError(
            "name labels or top_labels for a classifier, num_reg_targets for a regression, not both"
        )
    if not classification and not num_reg_targets:
        raise ParameterError("name the outputs to explain: labels, top_labels or num_reg_targets")
    if min(top_labels or 1, num_reg_targets or 1) < 1:
        raise ParameterError("top_labels and num_reg_targets count outputs: they must be above 0")
