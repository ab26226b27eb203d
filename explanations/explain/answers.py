"""Linear model, Shapley values and interactions of a track, by the engine that serves best.

Whatever the engine, *relevance* is explained, however low: positive weights speak for the
recommendation even where the model would not recommend the track.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiolime.components import Components
from audiolime.exact import LocalStateEngine, PlainEngine, Tables
from audiolime.exact.answers import FEW, MaskAnswers
from audiolime.exact.interactions import Interactions
from audiolime.exact.lime import LimeWeights
from lemons_utils import ParameterError
from recsys.model import Network

ENGINES = ("exact", "plain")
MAX_SAMPLED = 2048
"""How many masks are drawn where all of them are too many."""


@dataclass(frozen=True)
class Answer:
    """What follows from a network's answers to the masks of a track.

    Parameters
    ----------
    lime : LimeWeights
    shapley : ndarray [shape=(components,)], or None where masks were sampled
    interactions : Interactions, or None where masks were sampled
    fidelity_with_pairs : float, or None where masks were sampled
    """

    lime: LimeWeights
    shapley: NDArray[np.float64] | None = None
    interactions: Interactions | None = None
    fidelity_with_pairs: float | None = None


def default_num_samples(components: int, engine: str) -> int | str:
    """Choose how many masks to look at: all of them wherever that is cheap.

    The exact engine lists all 2^25 masks of a Time + Source explanation; the plain one looks at
    2048 beyond 2048 masks, as published.
    """
    if components <= FEW or (engine == "exact" and components <= 25):
        return "exhaustive"
    return MAX_SAMPLED


def answer(
    network: Network,
    stems: NDArray[np.float32],
    components: Components,
    *,
    engine: str,
    num_samples: int | str,
    random_state: int,
    tables: Tables | None = None,
) -> Answer:
    """Fit the linear model to a track's relevance; of all masks, rate components and pairs, too.

    Parameters
    ----------
    network : Network, in evaluation mode
        It answers on its device.
    stems : ndarray [shape=(stems, samples)], float32
    engine : 'exact' or 'plain'
    num_samples : int, or 'exhaustive'
    tables : Tables, optional
        The track's, if they are at hand: then every kind is a matter of look-ups.

    Raises
    ------
    ParameterError
        If the engine is unknown, or all masks are asked for where there are too many.
    """
    if engine not in ENGINES:
        raise ParameterError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    answers: MaskAnswers
    options: dict[str, Any] = {"kind": components.kind}
    if engine == "plain":
        answers = PlainEngine(network, stems, components.segments, device=network.window.device)
    elif tables is not None and (
        components.are_cells or components.count <= FEW or num_samples != "exhaustive"
    ):
        answers = tables
    else:
        answers, options = engine_of(network, stems, components), {}
    lime = answers.lime(num_samples, random_state=random_state, **options)
    if not lime.exhaustive:
        return Answer(lime)
    with_pairs = answers.lime(num_samples, order=2, **options)
    return Answer(
        lime, answers.shapley(**options), answers.interactions(**options), with_pairs.score
    )


def engine_of(
    network: Network, stems: NDArray[np.float32], components: Components
) -> LocalStateEngine:
    """Set up the exact engine with the components as its cells.

    It tells apart no more stems and segments than the components do, which costs far less.
    """
    return LocalStateEngine(network, components.merge_stems(stems), components.spans)
