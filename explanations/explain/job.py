"""Explanations that can be made by somebody else: one track for one listener, into the store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from explanations.explain.track import explain, prepare
from explanations.listeners import ListenerModel, load_listener
from explanations.stems import separator_for
from explanations.store import Explanation, Store
from lemons_utils import Configuration
from recsys.catalogue import Catalogue

ORDER = ("time_source", "time", "source")
"""Time + Source first: its tables answer the other two."""


@dataclass(frozen=True)
class Plan:
    """What to explain, and how.

    Parameters
    ----------
    types : tuple of str
    engine : str
    num_samples : int, 'exhaustive' or None
    random_state : int
    separator : str or None
    n_segments : int
    what_if : bool
        Whether to make the mixer's tables, too.
    """

    types: tuple[str, ...]
    engine: str = "exact"
    num_samples: int | str | None = None
    random_state: int = 0
    separator: str | None = None
    n_segments: int = 5
    what_if: bool = True


@dataclass(frozen=True)
class Errand:
    """One track to explain to one listener.

    Parameters
    ----------
    user_name : str
    model : Path
        The listener's weights.
    track_id : str
    """

    user_name: str
    model: Path
    track_id: str


def run_errand(errand: Errand, catalogue: Catalogue, plan: Plan, settings: Configuration) -> int:
    """Explain one track to one listener, and store that; the work of one process.

    What is stored already, by the same model and in the same way, is left alone.

    Parameters
    ----------
    errand : Errand
    catalogue : Catalogue
        The track's.
    plan : Plan
    settings : Configuration
        Of who wants it; the same folders are where it is done.

    Returns
    -------
    int, how many explanations there are of it now
    """
    listener = load_listener(
        errand.user_name,
        catalogue=catalogue.name,
        experiments=settings.experiments,
        model_path=errand.model,
    )
    return len(
        store_track(
            listener,
            catalogue,
            errand.track_id,
            plan,
            store=Store(settings.stored_explanations / catalogue.name / errand.user_name),
            stems_folder=settings.stems,
            limit_gb=settings.stems_cache_gb,
        )
    )


def store_track(
    listener: ListenerModel,
    catalogue: Catalogue,
    track_id: str,
    plan: Plan,
    *,
    store: Store,
    stems_folder: Path,
    limit_gb: float,
) -> list[Explanation]:
    """Explain one track to one listener in every type of the plan, and store that.

    Parameters
    ----------
    listener : ListenerModel
    catalogue : Catalogue
    track_id : str
    plan : Plan
    store : Store
        The listener's in this catalogue.
    stems_folder, limit_gb
        Of the cache of stems.
    """
    subject = prepare(
        catalogue.audio(track_id),
        separator_for(catalogue, track_id, plan.separator),
        stems_folder=stems_folder,
        limit_gb=limit_gb,
        n_segments=plan.n_segments,
    )
    return [
        explain(
            listener,
            subject,
            type,
            store=store,
            track_id=track_id,
            engine=plan.engine,
            num_samples=plan.num_samples,
            random_state=plan.random_state,
            what_if=plan.what_if and plan.engine == "exact",
        )
        for type in ORDER
        if type in plan.types
    ]
