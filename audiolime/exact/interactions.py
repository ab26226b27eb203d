"""Shapley values, and what two components do together beyond what each does alone.

All of them are sums over all masks of a function times a factor that depends on the number of
components that are on, and on whether the components in question are: `Levels` has these sums.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audiolime.exact.all_masks import Levels
from lemons_places import install
from lemons_utils import ParameterError

if TYPE_CHECKING:
    from shapiq import InteractionValues

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Interactions:
    """Components and their pairs, rated by a Shapley interaction index.

    A component's effect is the difference that switching it on makes, f(S + i) - f(S). The index
    of a pair is the mean difference between its first component's effect while the second is on
    and while it is off (the same as the other way round), over the masks S of all others.

    Attributes
    ----------
    index : 'SII', 'STII' or 'FSII'
    values : ndarray [shape=(n,)]
        The index of every component alone.
    pairs : ndarray [shape=(n, n)]
        The index of every pair, symmetric and zero on the diagonal.
    alone : ndarray [shape=(n, n)]
        Mean effect of component i while component j is off, zero on the diagonal;
        `alone + pairs` is that while component j is on.
    nothing : float
        The function of the mask that is all off.
    """

    index: str
    values: Vector
    pairs: Vector
    alone: Vector
    nothing: float

    def strongest(self, k: int) -> list[tuple[int, int]]:
        """List the k pairs (i, j), i < j, of the largest absolute index, largest first."""
        first, second = np.triu_indices(len(self.values), 1)
        order = np.argsort(-np.abs(self.pairs[first, second]), kind="stable")[:k]
        return [(int(first[place]), int(second[place])) for place in order]

    def to_shapiq(self) -> InteractionValues:
        """Convert to `shapiq.InteractionValues`, with which shapiq draws and computes.

        Raises
        ------
        ParameterError
            If shapiq is not installed.
        """
        try:
            from shapiq import InteractionValues
        except ImportError as error:
            raise ParameterError(f"to_shapiq needs shapiq: {install('shapiq')}") from error
        n = len(self.values)
        first, second = np.triu_indices(n, 1)
        players: list[tuple[int, ...]] = [(i,) for i in range(n)]
        players += list(zip(first.tolist(), second.tolist(), strict=True))
        return InteractionValues(
            values=np.concatenate([self.values, self.pairs[first, second]]),
            index=self.index,
            n_players=n,
            min_order=1,
            max_order=2,
            interaction_lookup={players_of: place for place, players_of in enumerate(players)},
            baseline_value=self.nothing,
            estimated=False,
        )


def shapley_values(levels: Levels) -> Vector:
    """Compute exact Shapley values: what every component adds, averaged over all orders.

    phi_i = sum over masks z without i of  |z|! (n - 1 - |z|)! / n!  (f(z + i) - f(z))

    The factor depends on the number of components that are on alone: each mask with i on counts
    with the factor of its level minus one, each mask without it with its own.

    Parameters
    ----------
    levels : Levels
        Of n >= 1 components.

    Returns
    -------
    ndarray [shape=(n,)]
        They add up to f(all) - f(none).

    References
    ----------
    L. S. Shapley, "A value for n-person games", 1953.
    """
    n = levels.n_components
    factor = np.array([1.0 / (n * math.comb(n - 1, k)) for k in range(n)])
    with_i = levels.with_component
    without_i = levels.total[:, None] - with_i
    return np.asarray(factor @ with_i[1:] - factor @ without_i[:-1], dtype=np.float64)


def interactions_of(levels: Levels, index: str = "SII") -> Interactions:
    """Compute an interaction index of all pairs, and the values of components that go with it.

    I_ij = sum over masks z without i and j of
           factor(|z|) (f(z + i + j) - f(z + i) - f(z + j) + f(z))

    Parameters
    ----------
    levels : Levels
        Of n >= 1 components.
    index : str
        'SII', the Shapley interaction index, whose values of order 1 are Shapley values;
        'STII', Shapley-Taylor, whose values of order 1 are the effects in silence; or 'FSII',
        faithful Shapley: the best approximation of f by components and pairs under the Shapley
        kernel. Values and pairs of STII and FSII add up to f(all) - f(none).

    Raises
    ------
    ParameterError
        If the index is unknown.

    References
    ----------
    M. Grabisch, M. Roubens, "An axiomatic approach to the concept of interaction among players
    in cooperative games", International Journal of Game Theory 28, 1999.
    M. Sundararajan, K. Dhamdhere, A. Agarwal, "The Shapley Taylor interaction index", ICML 2020.
    C.-P. Tsai, C.-K. Yeh, P. Ravikumar, "Faith-Shap: the faithful Shapley interaction index",
    JMLR 24, 2023.
    """
    if index not in _INDICES:
        raise ParameterError(f"index must be one of {', '.join(_INDICES)}, got {index!r}")
    factor_of, values_of = _INDICES[index]
    n = levels.n_components
    factor = np.array([factor_of(n, k) for k in range(n - 1)])
    both = levels.with_pair
    first = levels.with_component[:, :, None] - both  # i on, j off
    neither = levels.total[:, None, None] - first - levels.with_component[:, None]
    together = np.tensordot(factor, both[2:] - first.transpose(0, 2, 1)[1:-1], 1)
    alone = np.tensordot(factor, first[1:-1] - neither[:-2], 1)
    pairs = together - alone
    for table in (pairs, alone):
        np.fill_diagonal(table, 0.0)
    pairs = (pairs + pairs.T) / 2  # symmetric to the last digit
    return Interactions(index, values_of(levels, pairs), pairs, alone, levels.nothing)


def _effects_in_silence(levels: Levels, pairs: Vector) -> Vector:
    return np.asarray(levels.with_component[1] - levels.total[0])


def _faithful(levels: Levels, pairs: Vector) -> Vector:
    """Fit values of components beside given pairs: least squares under the Shapley kernel.

    The derivative of the weighted squares by a value is the same for every component, for the
    sum of all is given; as products of two and of three different components have one moment
    each, what is left of it is one equation for one value.
    """
    n = levels.n_components
    if n == 1:
        return _effects_in_silence(levels, pairs)
    kernel = np.array([0.0, *(1 / (math.comb(n, k) * k * (n - k)) for k in range(1, n)), 0.0])
    one, two, three = (
        float(kernel[used:] @ [math.comb(n - used, k - used) for k in range(used, n + 1)])
        for used in (1, 2, 3)
    )
    target = kernel @ levels.with_component
    values = (target - (two - three) * pairs.sum(axis=1)) / (one - two)
    whole = levels.everything - levels.nothing - pairs.sum() / 2
    return np.asarray(values + (whole - values.sum()) / n)


_Factor = Callable[[int, int], float]
_Values = Callable[[Levels, Vector], Vector]
_INDICES: dict[str, tuple[_Factor, _Values]] = {
    "SII": (
        lambda n, k: 1 / ((n - 1) * math.comb(n - 2, k)),
        lambda levels, pairs: shapley_values(levels),
    ),
    "STII": (lambda n, k: 2 / (n * math.comb(n - 1, k)), _effects_in_silence),
    "FSII": (
        lambda n, k: 6 * (k + 1) * (n - k - 1) / ((n + 1) * n * (n - 1) * math.comb(n - 2, k)),
        _faithful,
    ),
}
"""Factor of n components and k others that are on, and values of order 1, by index."""
