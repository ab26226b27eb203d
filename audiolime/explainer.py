"""LimeAudioExplainer: ask the model about many masks, fit a linear model to its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiolime.explanation import AudioExplanation
from audiolime.feature_selection import check_method, select_features
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
from audiolime.surrogate import Moments, fit_from_moments
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
        self.verbose = verbose
        self.feature_selection = feature_selection
        self.absolute_feature_sort = absolute_feature_sort
        self.random_state = as_random_state(random_state)

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
        n = factorization.get_number_components()
        if num_samples == "exhaustive":
            masks = exhaustive_masks(n)
        else:
            masks = draw_masks(n, num_samples, self.random_state)  # type: ignore[arg-type]
        if window is None and hop is None:
            answers = evaluate(factorization, predict_fn, masks, batch_size=batch_size)
        else:
            answers = _hear_windows(factorization, predict_fn, masks, window, hop, batch_size)

        explanation = AudioExplanation(factorization, masks, answers)
        explanation.distances = mask_distances(masks, distance_metric)
        width = 0.75 * np.sqrt(n) if self.kernel_width is None else self.kernel_width
        kernel = partial(self.kernel, kernel_width=width)
        explanation.proximities = np.asarray(kernel(explanation.distances), np.float64)
        if top_labels:
            chosen = [int(label) for label in np.argsort(answers[0])[-top_labels:]]
            explanation.top_labels = chosen[::-1]
        for label in range(num_reg_targets) if num_reg_targets else chosen or []:
            if not 0 <= label < answers.shape[1]:
                raise ParameterError(
                    f"label {label} does not exist: predict_fn returns {answers.shape[1]} outputs"
                )
            self._explain_label(explanation, label, num_features, model_regressor, fit_intercept)
        return explanation

    def _explain_label(
        self,
        explanation: AudioExplanation,
        label: int,
        num_features: int,
        regressor: Any,
        fit_intercept: bool,
    ) -> None:
        masks, weights = explanation.neighborhood_data, explanation.proximities
        targets = explanation.neighborhood_labels[:, label]
        moments = Moments.of(masks, targets, weights)
        used = select_features(moments, num_features, self.feature_selection)
        if regressor is None:
            fit = fit_from_moments(moments, features=used, fit_intercept=fit_intercept)
            intercept, coefficients, score = fit.intercept, fit.coefficients, fit.score
            local_pred = fit.predict(masks[:1])
        else:
            rows = masks[:, used].astype(np.float64)
            regressor.fit(rows, targets, sample_weight=weights)
            intercept = float(getattr(regressor, "intercept_", 0.0))
            coefficients = np.asarray(regressor.coef_, np.float64).ravel()
            score = float(regressor.score(rows, targets, sample_weight=weights))
            local_pred = np.asarray(regressor.predict(rows[:1]), np.float64).ravel()

        pairs = [(int(f), float(w)) for f, w in zip(used, coefficients, strict=True)]
        size = (lambda pair: abs(pair[1])) if self.absolute_feature_sort else (lambda pair: pair[1])
        explanation.local_exp[label] = sorted(pairs, key=size, reverse=True)
        explanation.intercept[label] = intercept
        explanation.score[label] = score
        explanation.local_pred[label] = local_pred
        if self.verbose:
            print(
                f"label {label}: intercept {intercept:.4g}, R2 {score:.4g}, linear model "
                f"{local_pred[0]:.4g}, model {targets[0]:.4g}"
            )


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
