"""What follows from answers to masks: relevances, linear models, Shapley values, interactions."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiolime.components import Components
from audiolime.exact.all_masks import Levels
from audiolime.exact.interactions import Interactions, interactions_of, shapley_values
from audiolime.exact.lime import LimeWeights, fit_exhaustive, fit_sampled
from audiolime.neighbourhood import as_random_state, draw_masks, exhaustive_masks
from lemons_audio import sigmoid
from lemons_utils import ParameterError

FEW = 11
"""Up to so many components, all masks are evaluated one by one even where tables exist."""

MAX_LISTED = 16
"""Most components whose masks are evaluated one by one."""


class MaskAnswers(ABC):
    """A network's answers to every mask over the stems and segments of one track.

    A subclass evaluates masks over cells; what one asks of explanations follows from that.
    """

    def __init__(self) -> None:
        self._levels: dict[tuple[str, str], Levels] = {}
        self._listed: dict[tuple[str, str], NDArray[np.float64]] = {}

    @abstractmethod
    def evaluate(self, masks: ArrayLike) -> NDArray[np.float64]:
        """Compute the logits [n] of masks over cells [n, T * S], index = segment * S + stem."""

    @abstractmethod
    def components(self, kind: str) -> Components:
        """Return the track's components of some kind."""

    def relevance(self, masks: ArrayLike, *, kind: str = "time_source") -> NDArray[np.float64]:
        """Compute the relevance of masks over the components of a kind.

        Parameters
        ----------
        masks : array_like [shape=(n, components)], 0 or 1
        kind : 'time', 'source' or 'time_source'

        Returns
        -------
        ndarray [shape=(n,)], in [0, 1]
        """
        return self._values(masks, kind, "relevance")

    def lime(
        self,
        num_samples: int | str = "exhaustive",
        *,
        kind: str = "time_source",
        output: str = "relevance",
        random_state: int | np.random.RandomState | None = None,
        kernel_width: float = 0.25,
        alpha: float = 1.0,
        order: int = 1,
    ) -> LimeWeights:
        """Fit audioLIME's local linear model.

        Parameters
        ----------
        num_samples : int >= 1, or 'exhaustive'
            How many masks to draw as `audiolime.neighbourhood.draw_masks` does, or all.
        kind : 'time', 'source' or 'time_source'
        output : 'relevance' or 'logit'
        random_state : int, RandomState or None
            What sampled masks are drawn from: the same ones as by `LimeAudioExplainer`.
        kernel_width : float > 0
        alpha : float >= 0
            Penalty of the ridge regression.
        order : int
            1 for audioLIME's model; 2 for one that also has a weight for every pair of
            components that are on together.

        Returns
        -------
        LimeWeights

        Raises
        ------
        ParameterError
            If an argument is unknown or out of range, or all masks are too many.
        """
        if order not in (1, 2):
            raise ParameterError(f"order must be 1 or 2, got {order!r}")
        count = self.components(kind).count
        exhaustive = num_samples == "exhaustive"
        if exhaustive and count > FEW:
            levels = self.levels(kind, output=output)
            return fit_exhaustive(levels, kernel_width=kernel_width, alpha=alpha, order=order)
        if exhaustive:
            masks, values = self._list(kind, output)
        elif isinstance(num_samples, int):
            generator = as_random_state(random_state)
            generator.randint(0, 1000)  # as `LimeAudioExplainer`: the same seed, the same masks
            masks = draw_masks(count, num_samples, generator)
            values = self._values(masks, kind, output)
        else:
            raise ParameterError(
                f"num_samples must be an int from 1 on or 'exhaustive', got {num_samples!r}"
            )
        return fit_sampled(
            masks,
            values,
            kernel_width=kernel_width,
            alpha=alpha,
            exhaustive=exhaustive,
            order=order,
        )

    def shapley(
        self, kind: str = "time_source", *, output: str = "relevance"
    ) -> NDArray[np.float64]:
        """Compute exact Shapley values of all components, [n]."""
        return shapley_values(self.levels(kind, output=output))

    def interactions(
        self,
        kind: str = "time_source",
        *,
        index: str = "SII",
        order: int = 2,
        output: str = "relevance",
    ) -> Interactions:
        """Compute an exact interaction index of all pairs of components.

        Parameters
        ----------
        kind : 'time', 'source' or 'time_source'
        index : 'SII', 'STII' or 'FSII'
            See `audiolime.exact.interactions.interactions_of`.
        order : int
            2: components and pairs.
        output : 'relevance' or 'logit'

        Raises
        ------
        ParameterError
            If an argument is unknown, or all masks are too many: see `levels`.
        """
        if order != 2:
            raise ParameterError(f"order must be 2, components and pairs, got {order!r}")
        return interactions_of(self.levels(kind, output=output), index)

    def levels(self, kind: str = "time_source", *, output: str = "relevance") -> Levels:
        """Sum the network's answers to all masks by the number of components that are on.

        Parameters
        ----------
        kind : 'time', 'source' or 'time_source'
        output : 'relevance' or 'logit'
            What is summed.

        Raises
        ------
        ParameterError
            If there are more than 2^25 masks, or more than 2^16 that tables cannot serve.
        """
        if (kind, output) not in self._levels:
            self._levels[kind, output] = self._sum(self.components(kind), output)
        return self._levels[kind, output]

    def _values(self, masks: ArrayLike, kind: str, output: str) -> NDArray[np.float64]:
        if output not in ("relevance", "logit"):
            raise ParameterError(f"output must be 'relevance' or 'logit', got {output!r}")
        logits = self.evaluate(self.components(kind).spread(masks))
        return sigmoid(logits) if output == "relevance" else logits

    def _sum(self, components: Components, output: str) -> Levels:
        count = components.count
        if count > FEW and components.are_cells:
            levels = self._sum_cells(output)
            if levels is not None:
                return levels
        if count > MAX_LISTED:
            raise ParameterError(
                f"2^{count} masks are too many to look at one by one: draw num_samples of them, "
                "or choose segments so long that tables exist"
            )
        return Levels.of(*self._list(components.kind, output))

    def _list(self, kind: str, output: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Evaluate all masks one by one, once."""
        masks = exhaustive_masks(self.components(kind).count)
        if (kind, output) not in self._listed:
            self._listed[kind, output] = self._values(masks, kind, output)
        return masks, self._listed[kind, output]

    def _sum_cells(self, output: str) -> Levels | None:
        """Sum over all masks of cells without listing them, where that is possible."""
        return None
