"""What the model says to a track's masks, and the linear model fitted to that.

Two engines answer alike: `exact` puts every mask's relevance together from local states,
`plain` composes every mask's waveform and runs the network on it. Both always explain
*relevance*, whatever its value: positive weights speak for the recommendation even where the
model would not recommend the track.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from audiolime.components.factorization import (
    Factorization,
    SourceFactorization,
    TimeOnlyFactorization,
    TimeSourceFactorization,
)
from audiolime.exact import LocalStateEngine
from audiolime.exact.all_masks import Levels, sum_levels
from audiolime.exact.lime import LimeWeights, fit_exhaustive, fit_sampled
from audiolime.exact.shapley import shapley_values
from audiolime.exact.tables import Tables
from audiolime.neighbourhood import as_random_state, draw_masks, evaluate, exhaustive_masks
from lemons_utils import SAMPLE_RATE, OnProgress, ParameterError

if TYPE_CHECKING:
    from recsys.model import FCN

Evaluate = Callable[[NDArray[np.int64]], NDArray[np.float64]]

ENGINES = ("exact", "plain")
KERNEL_WIDTH = 0.25
ALPHA = 1.0
MAX_LISTED = 2048
"""Up to so many masks, all of them are looked at instead of a sample."""
SHORTEST_SEGMENT = 24_320
"""Samples (1.52 s) under which a segment is shorter than what one output column sees."""


@dataclass(frozen=True)
class Answer:
    """What an engine found out.

    Parameters
    ----------
    lime : LimeWeights
    shapley : ndarray [shape=(components,)], or None where the engine cannot give them
    """

    lime: LimeWeights
    shapley: NDArray[np.float64] | None


def default_segments(samples: int, n_segments: int = 5) -> tuple[tuple[int, int], ...]:
    """Cut a track into equal segments, fewer where they would be under 1.52 s.

    Parameters
    ----------
    samples : int > 0
    n_segments : int > 0

    Returns
    -------
    tuple of (start, end) [samples]; the last takes the remainder
    """
    if n_segments < 1:
        raise ParameterError(f"n_segments must be at least 1, got {n_segments}")
    count = max(min(n_segments, samples // SHORTEST_SEGMENT), 1)
    length = samples // count
    starts = [i * length for i in range(count)]
    return tuple(zip(starts, [*starts[1:], samples], strict=True))


def count_components(type: str, n_segments: int, n_stems: int) -> int:
    """Count the components of an explanation type."""
    return {"time": n_segments, "source": n_stems, "time_source": n_segments * n_stems}[type]


def component_names(type: str, n_segments: int, stem_names: tuple[str, ...]) -> tuple[str, ...]:
    """Name the components: `drums`, `segment 2`, `drums 2`, segments counted from 1."""
    if type == "time":
        return tuple(f"segment {i + 1}" for i in range(n_segments))
    if type == "source":
        return stem_names
    return tuple(f"{stem} {i + 1}" for i in range(n_segments) for stem in stem_names)


def default_num_samples(type: str, n_segments: int, n_stems: int, engine: str) -> int | str:
    """Choose how many masks to look at: all of them wherever that is cheap.

    The exact engine lists all 2^25 masks of a Time + Source explanation; the plain one looks at
    2048 beyond 2048 masks, as published.
    """
    components = count_components(type, n_segments, n_stems)
    if 2**components <= MAX_LISTED or (engine == "exact" and components <= 25):
        return "exhaustive"
    return MAX_LISTED


def read_num_samples(text: str | None) -> int | str | None:
    """Read what a command line says of `num_samples`: a number, 'exhaustive' or nothing."""
    if text is None or text == "exhaustive":
        return text
    if not text.isdigit() or int(text) < 1:
        raise ParameterError(f"num_samples must be a number or 'exhaustive', got {text!r}")
    return int(text)


def answer(
    network: FCN,
    stems: NDArray[np.float32],
    segments: tuple[tuple[int, int], ...],
    *,
    type: str,
    engine: str,
    num_samples: int | str,
    random_state: int,
    tables: Tables | None = None,
    batch_size: int = 4,
) -> Answer:
    """Explain a track's relevance.

    Parameters
    ----------
    network : FCN, in evaluation mode
    stems : ndarray [shape=(stems, samples)], float32
    segments : tuple of (start, end) [samples]
    type : 'time', 'source' or 'time_source'
    engine : 'exact' or 'plain'
    num_samples : int, or 'exhaustive'
    random_state : int
    tables : Tables, optional
        The track's, if they are at hand: then every type is a matter of look-ups.
    batch_size : int
        Masks that the plain engine runs at once.

    Raises
    ------
    ParameterError
        If the engine is unknown, or all masks are asked for where there are too many.
    """
    if engine not in ENGINES:
        raise ParameterError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    components = count_components(type, len(segments), len(stems))
    if engine == "exact" and tables is None:
        local = _local_states(network, stems, segments, type)
        evaluate_masks: Evaluate = local.evaluate
        if num_samples == "exhaustive" and 2**components > MAX_LISTED:
            tables = local.tables()
    if engine == "exact" and tables is not None:
        if num_samples == "exhaustive" and 2**components > MAX_LISTED:
            return _of_levels(sum_levels(tables))
        known = tables
        evaluate_masks = lambda masks: known.evaluate(  # noqa: E731
            cells_of_masks(masks, type, len(segments), len(stems))
        )
    if engine == "plain":
        evaluate_masks = _plain(network, stems, segments, type, batch_size)
    masks = _masks(components, num_samples, random_state)
    relevance = _sigmoid(evaluate_masks(masks))
    lime = fit_sampled(masks, relevance, kernel_width=KERNEL_WIDTH, alpha=ALPHA)
    listed = num_samples == "exhaustive"
    return Answer(lime, shapley_values(Levels.of(masks, relevance)) if listed else None)


def tables_of(
    network: FCN,
    stems: NDArray[np.float32],
    segments: tuple[tuple[int, int], ...],
    *,
    progress: OnProgress | None = None,
) -> Tables | None:
    """Compute the what-if tables of a track; None where its segments are too short for them.

    Parameters
    ----------
    network : FCN, in evaluation mode
    stems : ndarray [shape=(stems, samples)], float32
    segments : tuple of (start, end) [samples]
    progress : callable, optional
        Called now and then with a step and the share that is done; what it raises ends the work.
    """
    engine = LocalStateEngine(network, stems, segments)
    return engine.tables(on_progress=progress) if engine.closed else None


def cells_of_masks(
    masks: NDArray[np.int64], type: str, n_segments: int, n_stems: int
) -> NDArray[np.int64]:
    """Spread masks over components to masks over cells.

    Parameters
    ----------
    masks : ndarray [shape=(n, components)]

    Returns
    -------
    ndarray [shape=(n, segments * stems)], index = segment * stems + stem
    """
    if type == "time":
        return np.repeat(masks, n_stems, axis=1)
    if type == "source":
        return np.tile(masks, (1, n_segments))
    return masks


def _of_levels(levels: Levels) -> Answer:
    lime = fit_exhaustive(levels, kernel_width=KERNEL_WIDTH, alpha=ALPHA)
    return Answer(lime, shapley_values(levels))


def _local_states(
    network: FCN, stems: NDArray[np.float32], segments: tuple[tuple[int, int], ...], type: str
) -> LocalStateEngine:
    """Set up the exact engine with no more stems and segments than the type can switch."""
    sounds = stems.sum(axis=0, keepdims=True) if type == "time" else stems
    spans = ((0, stems.shape[1]),) if type == "source" else segments
    return LocalStateEngine(network, sounds, spans)


def _plain(
    network: FCN,
    stems: NDArray[np.float32],
    segments: tuple[tuple[int, int], ...],
    type: str,
    batch_size: int,
) -> Evaluate:
    """Compose every mask's waveform and run the network on it."""
    factorization = _factorization(stems, segments, type)

    def logits(waveforms: NDArray[np.float32]) -> NDArray[np.float64]:
        with torch.inference_mode():
            batch = torch.as_tensor(waveforms, dtype=torch.float32)
            return np.asarray(network(batch).double().numpy())

    def evaluate_masks(masks: NDArray[np.int64]) -> NDArray[np.float64]:
        return evaluate(factorization, logits, masks, batch_size=batch_size)[:, 0]

    return evaluate_masks


def _factorization(
    stems: NDArray[np.float32], segments: tuple[tuple[int, int], ...], type: str
) -> Factorization:
    if type == "time":
        return TimeOnlyFactorization(stems.sum(axis=0), SAMPLE_RATE, list(segments))
    named = {str(number): stem for number, stem in enumerate(stems)}
    if type == "source":
        return SourceFactorization(named, SAMPLE_RATE)
    return TimeSourceFactorization(named, SAMPLE_RATE, list(segments))


def _masks(components: int, num_samples: int | str, random_state: int) -> NDArray[np.int64]:
    if num_samples == "exhaustive":
        return exhaustive_masks(components)
    if isinstance(num_samples, str):
        raise ParameterError(f"num_samples must be a number or 'exhaustive', got {num_samples!r}")
    generator = as_random_state(random_state)
    generator.randint(0, 1000)  # audioLIME throws one draw away; the same masks need the same
    return draw_masks(components, num_samples, generator)


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-logits)))
