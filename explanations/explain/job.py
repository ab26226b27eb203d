"""The work of one process: explain one track to some listeners, and store that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from audiolime.components import KINDS
from explanations.explain.track import explain, prepare
from explanations.listeners import load_listener
from explanations.stems import separator_for
from explanations.store import SharedTables, Store
from lemons_utils import Configuration
from recsys.catalogue import Catalogue


@dataclass(frozen=True)
class ExplanationSettings:
    """What to explain, and how.

    Parameters
    ----------
    kinds : tuple of str
    engine : str
    num_samples : int, 'exhaustive' or None
    random_state : int
    separator : str or None
    n_segments : int
    what_if : bool
        Whether the tables of the mixer are made, too.
    device : str
        Where the network answers masks.
    """

    kinds: tuple[str, ...]
    engine: str = "exact"
    num_samples: int | str | None = None
    random_state: int = 0
    separator: str | None = None
    n_segments: int = 5
    what_if: bool = True
    device: str = "cpu"


@dataclass(frozen=True)
class TrackJob:
    """One track to explain to some listeners.

    Parameters
    ----------
    track_id : str
    models : dict
        The listeners' weights by `user_name`.
    """

    track_id: str
    models: dict[str, Path]


def run_job(
    job: TrackJob, catalogue: Catalogue, settings: ExplanationSettings, config: Configuration
) -> int:
    """Explain one track to some listeners, and store that; the work of one process.

    Stems are read once, and listeners of a trunk share the track's tables. What is stored already,
    by the same model and in the same way, is left alone.

    Returns
    -------
    int, how many explanations there are of it now
    """
    subject = prepare(
        catalogue.audio(job.track_id),
        separator_for(catalogue, job.track_id, settings.separator),
        stems_folder=config.stems,
        limit_gb=config.stems_cache_gb,
        n_segments=settings.n_segments,
    )
    home = config.stored_explanations / catalogue.name
    kinds = [kind for kind in reversed(KINDS) if kind in settings.kinds]
    for user_name, model in job.models.items():
        listener = load_listener(
            user_name,
            catalogue=catalogue.name,
            experiments=config.experiments,
            model_path=model,
            device=settings.device,
        )
        for kind in kinds:  # Time + Source first: its tables answer the others
            explain(
                listener,
                subject,
                kind,
                store=Store(home / user_name),
                shared=SharedTables(home),
                track_id=job.track_id,
                engine=settings.engine,
                num_samples=settings.num_samples,
                random_state=settings.random_state,
                what_if=settings.what_if,
            )
    return len(kinds) * len(job.models)
