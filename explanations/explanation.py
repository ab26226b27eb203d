"""An explanation: which components made a model recommend a track, and how it shows itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audiolime.components import Components
from audiolime.components.mixing import mix
from audiolime.separation.cache import read_stems
from audiolime.showing import Shown, Sound
from explanations.pairs import Pair, pair_phrase
from lemons_utils import SAMPLE_RATE, ParameterError, configuration

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLES = {"time": "Time", "source": "Source", "time_source": "Time + Source"}
"""The kinds of explanations as people read them."""

PAIRS_SHOWN = 5
"""How many of the pairs are shown."""

NEGLIGIBLE = 0.01
"""Share of the strongest weight below which a weight counts neither for nor against a track."""

STRONG_PAIR = 0.25
"""Share of the strongest weight from which on a pair is among what decides about a track."""

LEAST_WEIGHT = 0.005
"""Weight of the relevance, in [0, 1], below which it counts neither for nor against a track."""


@dataclass(frozen=True)
class Request:
    """Everything that decides what an explanation says; equal requests, equal explanations.

    Parameters
    ----------
    kind : str
        One of `audiolime.components.KINDS`; `type` in the file.
    segments : tuple of (start, end) [samples], half-open
    engine : str
        'exact' (the local-state engine) or 'plain' (the network run on every mask).
    num_samples : int, or 'exhaustive' for all masks
    random_state : int
        Seed of the sampled masks; of no effect when exhaustive.
    separator, separator_version : str
    model_checksum : str
        SHA-256 of the weights.
    audio_checksum : str
        The `track_id` of the 16 kHz audio.
    """

    kind: str
    segments: tuple[tuple[int, int], ...]
    engine: str
    num_samples: int | str
    random_state: int
    separator: str
    separator_version: str
    model_checksum: str
    audio_checksum: str


@dataclass(frozen=True)
class Explanation:
    """Which components made the model recommend a track.

    Parameters
    ----------
    request : Request
        How it came about.
    stem_names : tuple of str
    component_names : tuple of str
        In the order of the weights; of Time + Source: segment by segment, stem by stem.
    weights : tuple of float
        Coefficients of the local linear model of the relevance.
    intercept : float
    fidelity : float
        Weighted R2 of that linear model.
    relevance : float in [0, 1]
        The model's relevance of the whole track.
    shapley : tuple of float, or None
        Exact Shapley values of the components, where the engine gives them.
    package_version : str
    pairs : tuple of Pair, or None
        The pairs of the largest absolute interaction, largest first, where the engine gives them.
    fidelity_with_pairs : float, or None
        Weighted R2 of the linear model that also has a weight for every pair; likewise.
    """

    request: Request
    stem_names: tuple[str, ...]
    component_names: tuple[str, ...]
    weights: tuple[float, ...]
    intercept: float
    fidelity: float
    relevance: float
    shapley: tuple[float, ...] | None
    package_version: str
    pairs: tuple[Pair, ...] | None = None
    fidelity_with_pairs: float | None = None

    @property
    def kind(self) -> str:
        """One of `audiolime.components.KINDS`."""
        return self.request.kind

    @property
    def segments(self) -> tuple[tuple[int, int], ...]:
        """Half-open bounds [samples]."""
        return self.request.segments

    @property
    def components(self) -> Components:
        """The components that the weights belong to."""
        return Components(self.kind, self.segments, self.stem_names)

    @property
    def least(self) -> float:
        """The size of a weight from which on it counts for or against the track."""
        return max(NEGLIGIBLE * max(map(abs, self.weights), default=0.0), LEAST_WEIGHT)

    def top(self, k: int, *, query_instrument: str | None = None) -> list[int]:
        """Rank up to k components whose weights count for the recommendation, strongest first.

        Parameters
        ----------
        k : int
        query_instrument : str, optional
            A stem: its components alone are ranked, as in the published system.

        Raises
        ------
        ParameterError
            If there is no such stem, or a component is not of one stem and one segment.
        """
        order = sorted(range(len(self.weights)), key=lambda i: (-self.weights[i], i))
        if query_instrument is not None:
            if self.kind != "time_source" or query_instrument not in self.stem_names:
                raise ParameterError(
                    f"query_instrument must be one of {', '.join(self.stem_names)} in an "
                    f"explanation by time_source, got {query_instrument!r} by {self.kind}"
                )
            stem = self.stem_names.index(query_instrument)
            order = [i for i in order if self.cells(i)[0][1] == stem]
        return [i for i in order[:k] if self.weights[i] >= self.least]

    def against(self, k: int) -> list[int]:
        """Rank up to k components whose weights count against it, strongest first."""
        order = sorted(range(len(self.weights)), key=lambda i: (self.weights[i], i))
        return [i for i in order[:k] if self.weights[i] <= -self.least]

    def strong_pairs(self, k: int) -> list[Pair]:
        """List up to k pairs whose interaction is comparable to the weights, strongest first."""
        least = max(STRONG_PAIR * max(map(abs, self.weights), default=0.0), LEAST_WEIGHT)
        return [pair for pair in self.pairs or () if abs(pair.interaction) >= least][:k]

    def cells(self, component: int) -> list[tuple[int, int]]:
        """List the (segment, stem) cells that one component switches."""
        return self.components.cells_of(component)

    def grid(self, components: list[int] | tuple[int, ...]) -> NDArray[np.bool_]:
        """Mark the cells of some components.

        Returns
        -------
        ndarray [shape=(segments, stems)], bool
        """
        return self.components.grid(np.isin(np.arange(len(self.weights)), components)) > 0

    def pair_phrase(self, pair: Pair, name: Callable[[int], str] | None = None) -> str:
        """Say what one of the pairs does together.

        Parameters
        ----------
        pair : Pair
        name : callable, optional
            Maps a component's index to its name; by default `component_names`.
        """
        return pair_phrase(pair, name or self.component_names.__getitem__, self.is_plural)

    def is_plural(self, component: int) -> bool:
        """Whether a component is named by a stem in the plural: drums are, the bass is not."""
        if self.kind == "time":
            return False
        name = self.stem_names[self.cells(component)[0][1]]
        return name.endswith("s") and not name.endswith("ss")

    # -- in a notebook -------------------------------------------------------------------------
    def as_list(self) -> list[tuple[str, float]]:
        """List names and weights, the largest first."""
        return self.shown().as_list()

    def to_dataframe(self) -> pd.DataFrame:
        """Make a table with a row for every component: name, bounds, weight, Shapley value."""
        return self.shown().to_dataframe()

    def plot(self) -> Figure:
        """Draw the weights as bars."""
        return self.shown().plot()

    def save(self, path: str | Path) -> Path:
        """Write what is shown; the suffix says how: `.html`, `.csv`, `.json` or `.png`."""
        return self.shown().save(path)

    def _repr_html_(self) -> str:
        return self.shown().to_html()

    def shown(self, stems_folder: Path | None = None) -> Shown:
        """Put together what there is to show.

        Parameters
        ----------
        stems_folder : Path, optional
            Of the cache of stems, by default that of `config.py`: without the track's stems in
            it there is nothing to hear.
        """
        with_pairs = self.fidelity_with_pairs
        fidelity = f"{self.fidelity:.3f}"
        masks = self.request.num_samples
        return Shown(
            title=f"{TITLES[self.kind]}: relevance {self.relevance:.3f}",
            facts=(
                ("fidelity", fidelity if with_pairs is None else f"{fidelity} (with pairs "
                 f"{with_pairs:.3f})"),
                ("masks", "all" if masks == "exhaustive" else f"{masks:,}"),
                ("separator", self.request.separator),
            ),
            names=self.component_names,
            spans=tuple(
                (start / SAMPLE_RATE, end / SAMPLE_RATE)
                for start, end in map(self.components.span_of, range(len(self.weights)))
            ),
            weights=self.weights,
            further={} if self.shapley is None else {"shapley": self.shapley},
            notes=tuple(self.pair_phrase(pair) for pair in (self.pairs or ())[:PAIRS_SHOWN]),
            sounds=partial(self._sounds, stems_folder),
            sample_rate=SAMPLE_RATE,
        )  # fmt: skip

    def _sounds(self, stems_folder: Path | None) -> list[Sound]:
        """Mix the strongest component, the three strongest, and all others."""
        request = self.request
        kept = read_stems(
            stems_folder or configuration().stems,
            request.audio_checksum,
            request.separator,
            request.separator_version,
        )
        best = self.top(3)
        if kept is None or not best or not {*self.stem_names} <= {*kept.names}:
            return []
        stems = kept.waveforms[[kept.names.index(name) for name in self.stem_names]]
        grids = {
            f"{self.component_names[best[0]]} alone": self.grid(best[:1]),
            f"the {len(best)} strongest together": self.grid(best),
            "all but these": ~self.grid(best),
        }
        return [(label, mix(stems, self.segments, on)) for label, on in grids.items()]
