"""AudioExplanation: what the linear model says, and the sound of what mattered."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audiolime.showing import Shown, Sound
from lemons_utils import ParameterError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Vector = NDArray[np.float64]


@dataclass(eq=False, repr=False)
class AudioExplanation:
    """What the linear model says, for every label that was explained.

    Attributes
    ----------
    factorization : Factorization
    neighborhood_data : ndarray [shape=(num_samples, components)] of 0 and 1
    neighborhood_labels : ndarray [shape=(num_samples, outputs)]
        The model's answers.
    distances, proximities : ndarray [shape=(num_samples,)]
        From each mask to the whole track, and what the kernel makes of it.
    local_exp : dict of label to list of (component, weight)
        The largest weight first, or the largest absolute one.
    intercept, score : dict of label to float
        `score` is the weighted R2: the fidelity.
    local_pred : dict of label to ndarray [shape=(1,)]
        What the linear model says of the whole track.
    top_labels : list of int
        Only where `top_labels` was asked for, the most likely first.
    """

    factorization: Any
    neighborhood_data: NDArray[np.int64]
    neighborhood_labels: Vector
    distances: Vector = field(default_factory=partial(np.empty, 0))
    proximities: Vector = field(default_factory=partial(np.empty, 0))
    local_exp: dict[int, list[tuple[int, float]]] = field(default_factory=dict)
    intercept: dict[int, float] = field(default_factory=dict)
    score: dict[int, float] = field(default_factory=dict)
    local_pred: dict[int, Vector] = field(default_factory=dict)
    top_labels: list[int] = field(default_factory=list)

    @property
    def distance(self) -> dict[int, Vector]:
        """The distances, for every label that was explained: audioLIME's name."""
        return dict.fromkeys(self.local_exp, self.distances)

    def weights(self, label: int) -> Vector:
        """Weight of every component, in their own order; 0 for what was not selected.

        Parameters
        ----------
        label : int

        Returns
        -------
        ndarray [shape=(components,)]
        """
        found = np.zeros(self.neighborhood_data.shape[1])
        for component, weight in self._explained(label):
            found[component] = weight
        return found

    def get_sorted_components(
        self,
        label: int,
        positive_components: bool = True,
        negative_components: bool = True,
        num_components: int | str = "all",
        min_abs_weight: float = 0.0,
        return_indeces: bool = False,
    ) -> Any:
        """Retrieve the components that matter most, in the order of `local_exp`.

        Parameters
        ----------
        label : int
        positive_components, negative_components : bool
            Which signs to keep; if both, weights of zero stay, too.
        num_components : int >= 0, or 'all'
        min_abs_weight : float >= 0
        return_indeces : bool
            Give the component indices as well.

        Returns
        -------
        what `factorization.retrieve_components` gives for them, and their indices on request

        Raises
        ------
        KeyError
            If the label was not explained.
        """
        if not (positive_components or negative_components):
            raise ParameterError("positive_components, negative_components or both must be True")
        whole = isinstance(num_components, (int, np.integer)) and not isinstance(
            num_components, bool
        )
        if num_components != "all" and not (whole and int(num_components) >= 0):
            raise ParameterError(
                f"num_components must be an int from 0 on or 'all', got {num_components!r}"
            )
        kept = [
            component
            for component, weight in self._explained(label)
            if (negative_components or weight > 0)
            and (positive_components or weight < 0)
            and abs(weight) >= min_abs_weight
        ]
        if num_components != "all":
            kept = kept[: int(num_components)]
        indices = np.array(kept, dtype=int)
        components = self.factorization.retrieve_components(indices)
        return (components, indices) if return_indeces else components

    # -- in a notebook: of one label, the first that was explained if None -----------------------
    def as_list(self, label: int | None = None) -> list[tuple[str, float]]:
        """List names and weights, the largest first."""
        return self.shown(label).as_list()

    def to_dataframe(self, label: int | None = None) -> pd.DataFrame:
        """Make a table with a row for every component: its name, bounds and weight."""
        return self.shown(label).to_dataframe()

    def plot(self, label: int | None = None) -> Figure:
        """Draw the weights as bars."""
        return self.shown(label).plot()

    def save(self, path: str | Path, label: int | None = None) -> Path:
        """Write what is shown; the suffix says how: `.html`, `.csv`, `.json` or `.png`."""
        return self.shown(label).save(path)

    def _repr_html_(self) -> str:
        return "".join(self.shown(label).to_html() for label in self.local_exp)

    def shown(self, label: int | None = None) -> Shown:
        """Put together what there is to show of one label."""
        if label is None:
            label = next(iter(self.local_exp), 0)
        weights, factorization = self.weights(label), self.factorization
        rate = int(getattr(factorization, "target_sr", 1))
        names = (
            factorization.get_ordered_component_names()
            if hasattr(factorization, "get_ordered_component_names")
            else [f"component {number}" for number in range(len(weights))]
        )
        bounds = getattr(factorization, "component_bounds", [(0, 0)] * len(names))
        return Shown(
            title=f"Output {label}: {self.neighborhood_labels[0, label]:.3f}",
            facts=(
                ("fidelity", f"{self.score[label]:.3f}"),
                ("masks", f"{len(self.neighborhood_data):,}"),
            ),
            names=tuple(names),
            spans=tuple((start / rate, end / rate) for start, end in bounds),
            weights=tuple(weights.tolist()),
            sounds=partial(self._sounds, label),
            sample_rate=rate,
        )

    def _sounds(self, label: int, k: int = 3) -> list[Sound]:
        """Mix the k components that speak most for a label, where components are heard."""
        best = [c for c, weight in self._explained(label)[:k] if weight > 0]
        if not best or not getattr(self.factorization, "has_sound", False):
            return []
        mask = np.zeros((1, self.neighborhood_data.shape[1]), np.int64)
        mask[0, best] = 1
        return [(f"the {len(best)} strongest together", self.factorization.compose(mask)[0])]

    def _explained(self, label: int) -> list[tuple[int, float]]:
        if label not in self.local_exp:
            explained = ", ".join(str(known) for known in self.local_exp) or "none"
            raise KeyError(f"label {label} was not explained; explained are: {explained}")
        return self.local_exp[label]
