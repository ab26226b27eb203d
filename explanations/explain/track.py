"""Explain why a listener's model recommends a track: `explain_track` is the one way to do it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audiolime.components import Components
from audiolime.components.equal_segmentation import equal_segments
from audiolime.exact.answers import FEW
from audiolime.exact.interactions import Interactions
from audiolime.separation.cache import CachedStems
from audiolime.separation.interface import Separator
from explanations.explain.answers import answer, default_num_samples
from explanations.explain.recording import Recording, read_recording
from explanations.explain.table_source import TableSource
from explanations.listeners import ListenerModel, load_listener
from explanations.stems import stems_of
from explanations.store import Explanation, Pair, Request, SharedTables, Store
from lemons_audio import audio_checksum
from lemons_utils import Configuration, OnProgress, ParameterError, configuration

SHORTEST_SEGMENT = 24_320
"""Samples (1.52 s) under which a segment is shorter than what an output column of an FCN sees."""

PAIRS_KEPT = 10
"""How many pairs of components an explanation names."""


@dataclass(frozen=True)
class Subject:
    """A track made ready for explanations of any kind: its sound, its stems, its segments.

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

    @property
    def about(self) -> dict[str, object]:
        """What tables of the track are about, beside a model."""
        return {
            "audio_checksum": self.track_id,
            "separator": f"{self.separator.name} {self.separator.version}",
            "segments": [list(bounds) for bounds in self.segments],
            "stem_names": list(self.stems.names),
        }

    def components(self, kind: str) -> Components:
        """Return what an explanation of some kind can switch off."""
        return Components(kind, self.segments, self.stems.names)


def explain_track(
    user_name: str,
    path_or_track_id: str | Path | Recording,
    *,
    kind: str = "time_source",
    catalogue: str = "demo",
    separator: str | None = None,
    n_segments: int = 5,
    engine: str = "exact",
    num_samples: int | str | None = None,
    random_state: int = 0,
    model_path: Path | None = None,
    device: str = "cpu",
    store: Store | None = None,
    config: Configuration | None = None,
    on_progress: OnProgress | None = None,
) -> Explanation:
    """Explain the relevance of an audio file or of a catalogue's track to a listener.

    Parameters
    ----------
    user_name : str
    path_or_track_id : str, Path or Recording
        A file, of which the 30 s in the middle are explained, a track of the catalogue, or what
        `read_recording` returns.
    kind : 'time', 'source' or 'time_source'
    catalogue : str
        The catalogue of the model and of the track.
    separator : str, optional
        See `explanations.stems.separator_for`; a recording has its own.
    n_segments : int
    engine, num_samples, random_state, on_progress
        See `explain`.
    model_path : Path, optional
        Weights, or an experiment; by default the listener's current one.
    device : str
        Where the network answers masks: "cpu", "cuda", "cuda:1" or "auto".
    store : Store, optional
        Where to keep the explanation, and its what-if tables unless listeners of a trunk share
        them; those of a catalogue's track are kept in the data folder.
    config : Configuration, optional
        The folders; by default those of `config.py`.

    Raises
    ------
    ParameterError
        If an argument is unknown or out of range, or this machine has no such device.
    DataError
        If the listener has no model, or the audio cannot be read.
    """
    config = config or configuration()
    listener = load_listener(
        user_name, catalogue=catalogue, experiments=config.experiments,
        model_path=model_path, device=device,
    )  # fmt: skip
    recording = path_or_track_id
    if not isinstance(recording, Recording):
        is_file = Path(recording).is_file()
        recording = read_recording(
            Path(recording) if is_file else recording,
            catalogue=catalogue, separator=separator, config=config,
        )  # fmt: skip
    explanation, _ = explain_recording(
        listener,
        recording,
        kind=kind,
        catalogue=catalogue,
        n_segments=n_segments,
        engine=engine,
        num_samples=num_samples,
        random_state=random_state,
        store=store,
        config=config,
        on_progress=on_progress,
    )
    return explanation


def explain_recording(
    listener: ListenerModel,
    recording: Recording,
    *,
    kind: str,
    catalogue: str,
    n_segments: int,
    engine: str,
    num_samples: int | str | None,
    random_state: int,
    store: Store | None,
    config: Configuration,
    on_progress: OnProgress | None,
) -> tuple[Explanation, Subject]:
    """Do what `explain_track` does with what it loads; return what was explained, too."""
    subject = prepare(
        recording.audio,
        recording.separator,
        stems_folder=config.stems,
        limit_gb=config.stems_cache_gb,
        n_segments=n_segments,
        on_progress=on_progress,
    )
    explanation = explain(
        listener,
        subject,
        kind,
        store=store,
        shared=SharedTables(config.stored_explanations / catalogue) if recording.track_id else None,
        track_id=recording.track_id,
        engine=engine,
        num_samples=num_samples,
        random_state=random_state,
        what_if=store is not None,
        on_progress=on_progress,
    )
    return explanation, subject


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
    return tuple(equal_segments(samples, max(min(n_segments, samples // SHORTEST_SEGMENT), 1)))


def prepare(
    audio: NDArray[np.int16],
    separator: Separator,
    *,
    stems_folder: Path,
    limit_gb: float,
    segments: tuple[tuple[int, int], ...] | None = None,
    n_segments: int = 5,
    on_progress: OnProgress | None = None,
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
    on_progress : callable, optional
    """
    _say(on_progress, "separate")
    stems = stems_of(audio, separator, stems_folder=stems_folder, limit_gb=limit_gb)
    chosen = segments or default_segments(len(audio), n_segments)
    return Subject(audio_checksum(audio), stems, separator, chosen)


def explain(
    listener: ListenerModel,
    subject: Subject,
    kind: str,
    *,
    store: Store | None = None,
    shared: SharedTables | None = None,
    track_id: str | None = None,
    engine: str = "exact",
    num_samples: int | str | None = None,
    random_state: int = 0,
    what_if: bool = False,
    on_progress: OnProgress | None = None,
) -> Explanation:
    """Explain the relevance of a track to a listener.

    Positive weights speak for the recommendation, whatever the relevance is. An explanation in
    the store is reused if model, audio, separator and parameters are the same.

    Parameters
    ----------
    listener : ListenerModel
    subject : Subject
        From `prepare`.
    kind : 'time', 'source' or 'time_source'
    store : Store, optional
        Where explanations are kept; without it none is read or written.
    shared : SharedTables, optional
        Where the tables are kept that listeners of a trunk share; without it a listener of a trunk
        has tables of their own, as any other listener.
    track_id : str, optional
        Name of the track in the store, where a catalogue does not go by checksums.
    engine : 'exact' or 'plain'
    num_samples : int, 'exhaustive', or None
        How many masks to look at; None looks at all of them wherever that is cheap.
    random_state : int
    what_if : bool
        Also make the what-if tables of the mixer, where they are kept.
    on_progress : callable, optional

    Raises
    ------
    ParameterError
        If the kind or the engine is unknown.
    """
    components = subject.components(kind)
    if num_samples is None:
        num_samples = default_num_samples(components.count, engine)
    request = Request(
        kind=kind,
        segments=subject.segments,
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
    all_cells = components.are_cells and num_samples == "exhaustive"
    if engine == "exact":
        source = TableSource(listener, name, subject.about, store, shared)
        if what_if or all_cells:
            tables = source.make(subject.stems.waveforms, subject.segments, on_progress)
        else:
            tables = source.of_trunk()
            if tables is None and kind == "source" and components.count <= FEW:
                tables = source.of_stems(subject.stems.waveforms, on_progress)
    if stored is not None:
        return stored
    _say(on_progress, "weights")
    found = answer(
        listener.network,
        subject.stems.waveforms,
        components,
        engine=engine,
        num_samples=num_samples,
        random_state=random_state,
        tables=tables,
    )
    explanation = Explanation(
        request=request,
        stem_names=components.stem_names,
        component_names=components.names,
        weights=tuple(found.lime.weights.tolist()),
        intercept=float(found.lime.intercept),
        fidelity=float(found.lime.score),
        relevance=float(found.lime.original),
        shapley=None if found.shapley is None else tuple(found.shapley.tolist()),
        package_version=metadata.version("lemons"),
        pairs=None if found.interactions is None else _strongest(found.interactions),
        fidelity_with_pairs=found.fidelity_with_pairs,
    )
    if store:
        store.save(name, explanation)
    return explanation


def _strongest(interactions: Interactions) -> tuple[Pair, ...]:
    return tuple(
        Pair(
            first,
            second,
            interaction=float(interactions.pairs[first, second]),
            alone=(
                float(interactions.alone[first, second]),
                float(interactions.alone[second, first]),
            ),
        )
        for first, second in interactions.strongest(PAIRS_KEPT)
    )


def _say(on_progress: OnProgress | None, step: str, share: float = 0.0) -> None:
    if on_progress:
        on_progress(step, share)
