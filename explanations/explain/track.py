"""Explain why a listener's model recommends a track: `explain` is the one way to do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audiolime.exact.tables import Tables
from audiolime.separation.cache import CachedStems
from audiolime.separation.interface import Separator
from explanations.explain.answers import (
    ENGINES,
    answer,
    component_names,
    default_num_samples,
    default_segments,
    tables_of,
)
from explanations.listeners import ListenerModel
from explanations.stems import stems_of
from explanations.store import TYPES, Explanation, Request, Store
from lemons_audio import audio_checksum
from lemons_utils import ParameterError

Progress = Callable[[str, float], None]
"""Called with the name of a step and the share of it that is done, first 0; what it raises ends
the work."""


@dataclass(frozen=True)
class Subject:
    """A track made ready for explanations of any type: its sound, its stems, its segments.

    Parameters
    ----------
    track_id : str
    stems : CachedStems
    separator : Separator
    segments : tuple of (start, end) [samples]
    """

    track_id: str
    stems: CachedStems
    separator: Separator
    segments: tuple[tuple[int, int], ...]


def prepare(
    audio: NDArray[np.int16],
    separator: Separator,
    *,
    stems_folder: Path,
    limit_gb: float,
    segments: tuple[tuple[int, int], ...] | None = None,
    n_segments: int = 5,
    progress: Progress | None = None,
) -> Subject:
    """Separate a track, or find its stems in the cache, and cut it into segments.

    Parameters
    ----------
    audio : ndarray [shape=(samples,)], int16, 16 kHz mono, at least 1 s
    separator : Separator
    stems_folder, limit_gb
        Of the cache of stems.
    segments : tuple of (start, end) [samples], optional
        By hand; otherwise `n_segments` equal ones, fewer for a short track.
    n_segments : int
    progress : callable, optional
    """
    _say(progress, "separate")
    stems = stems_of(audio, separator, stems_folder=stems_folder, limit_gb=limit_gb)
    chosen = segments or default_segments(len(audio), n_segments)
    return Subject(audio_checksum(audio), stems, separator, chosen)


def explain(
    listener: ListenerModel,
    subject: Subject,
    type: str,
    *,
    store: Store | None = None,
    track_id: str | None = None,
    engine: str = "exact",
    num_samples: int | str | None = None,
    random_state: int = 0,
    what_if: bool = False,
    progress: Progress | None = None,
) -> Explanation:
    """Explain the relevance of a track to a listener.

    Positive weights speak for the recommendation, whatever the relevance is. An explanation in
    the store is reused if model, audio, separator and parameters are the same.

    Parameters
    ----------
    listener : ListenerModel
    subject : Subject
        From `prepare`.
    type : 'time', 'source' or 'time_source'
    store : Store, optional
        Where explanations are kept; without it nothing is read or written.
    track_id : str, optional
        Name of the track in the store, where a catalogue does not go by checksums.
    engine : 'exact' or 'plain'
    num_samples : int, 'exhaustive', or None
        How many masks to look at; None looks at all of them wherever that is cheap.
    random_state : int
    what_if : bool
        Also make the what-if tables of the mixer, beside the explanation in the store.
    progress : callable, optional

    Raises
    ------
    ParameterError
        If the type or the engine is unknown.
    """
    names, segments = subject.stems.names, subject.segments
    if type not in TYPES:
        raise ParameterError(f"type must be one of {', '.join(TYPES)}, got {type!r}")
    if engine not in ENGINES:
        raise ParameterError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    if num_samples is None:
        num_samples = default_num_samples(type, len(segments), len(names), engine)
    request = Request(
        type=type,
        segments=segments,
        engine=engine,
        num_samples=num_samples,
        random_state=0 if num_samples == "exhaustive" else random_state,
        separator=subject.separator.name,
        separator_version=subject.separator.version,
        model_checksum=listener.checksum,
        audio_checksum=subject.track_id,
    )
    name = track_id or subject.track_id
    stored = store.load(name, request) if store else None
    if stored is not None and not what_if:
        return stored
    tables = None
    if engine == "exact" and (what_if or (type == "time_source" and num_samples == "exhaustive")):
        tables = _tables(listener, subject, store, name, request, progress)
    if stored is not None:
        return stored
    _say(progress, "weights")
    found = answer(
        listener.network,
        subject.stems.waveforms,
        segments,
        type=type,
        engine=engine,
        num_samples=num_samples,
        random_state=random_state,
        tables=tables,
    )
    explanation = Explanation(
        request=request,
        stem_names=names,
        component_names=component_names(type, len(segments), names),
        weights=tuple(float(weight) for weight in found.lime.weights),
        intercept=float(found.lime.intercept),
        fidelity=float(found.lime.score),
        relevance=float(found.lime.original),
        shapley=None if found.shapley is None else tuple(float(v) for v in found.shapley),
        package_version=metadata.version("lemons"),
    )
    if store:
        store.save(name, explanation)
    return explanation


def _tables(
    listener: ListenerModel,
    subject: Subject,
    store: Store | None,
    name: str,
    request: Request,
    progress: Progress | None,
) -> Tables | None:
    """Read the what-if tables of a track, or make them; None where none can exist."""
    about = {
        "model_checksum": request.model_checksum,
        "audio_checksum": request.audio_checksum,
        "separator": f"{request.separator} {request.separator_version}",
        "segments": [list(bounds) for bounds in request.segments],
        "stem_names": list(subject.stems.names),
    }
    if store and (tables := store.load_tables(name, about)) is not None:
        return tables
    _say(progress, "tables")
    tables = tables_of(
        listener.network,
        subject.stems.waveforms,
        subject.segments,
        progress=progress,
    )
    if store and tables is not None:
        store.save_tables(name, tables, about)
        return store.load_tables(name, about)  # rounded as stored: the same on every later run
    return tables


def _say(progress: Progress | None, step: str, share: float = 0.0) -> None:
    if progress:
        progress(step, share)
