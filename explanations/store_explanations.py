"""Explain the top recommendations of many listeners beforehand.

    python -m explanations.store_explanations --user_name marko paige --catalogue demo --top_n 50

What is stored already, by this very model and with these parameters, is left alone: killed at
any moment and started again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from explanations.answers import ENGINES, read_num_samples
from explanations.explain import explain, prepare
from explanations.listeners import ListenerModel, load_listener, trained_listeners
from explanations.stems import NAMES, separator_for
from explanations.store import TYPES, Explanation, Store
from lemons_utils import Configuration, DataError, ParameterError, command, configuration
from recsys.catalogue import Catalogue, open_catalogue
from recsys.predict import predict, relevance_path

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


def top_tracks(listener: ListenerModel, catalogue: Catalogue, top_n: int) -> list[str]:
    """List the tracks of highest relevance to a listener, the highest first.

    Parameters
    ----------
    listener : ListenerModel
    catalogue : Catalogue
    top_n : int > 0
    """
    path = relevance_path(catalogue, listener.user_name, listener.checksum)
    with tqdm(total=len(catalogue.tracks), unit="track", desc="relevance") as bar:

        def on_tracks(count: int) -> None:
            bar.update(count)

        bar.set_postfix_str(listener.user_name)
        table = predict(listener.network, catalogue, path, on_tracks=on_tracks)
    return list(table["track_id"].head(top_n))


@command
def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    options = _parse(arguments)
    config = configuration()
    catalogue = open_catalogue(options.catalogue, data_folder=config.data_folder)
    names = options.user_name or trained_listeners(
        config.experiments, catalogue=options.trained_on or options.catalogue
    )
    if not names:
        raise DataError(
            f"nobody has a model trained on catalogue {options.catalogue}: train one with "
            f"`python -m recsys.experiment with user_name=... catalogue={options.catalogue}`"
        )
    plan = Plan(
        types=tuple(options.types),
        engine=options.engine,
        num_samples=read_num_samples(options.num_samples),
        random_state=options.random_state,
        separator=options.separator,
        n_segments=options.n_segments,
    )
    listeners = [
        load_listener(
            name,
            catalogue=options.trained_on or options.catalogue,
            experiments=config.experiments,
        )
        for name in names
    ]
    work = [
        (listener, track_id)
        for listener in listeners
        for track_id in top_tracks(listener, catalogue, options.top_n)
    ]
    _work_off(work, catalogue, plan, config)


def _work_off(
    work: list[tuple[ListenerModel, str]],
    catalogue: Catalogue,
    plan: Plan,
    config: Configuration,
) -> None:
    """Explain one track after the other; what cannot be explained is listed at the end."""
    failed: list[str] = []
    made = 0
    with tqdm(work, unit="track", desc="explain") as bar:
        for listener, track_id in bar:
            bar.set_postfix_str(listener.user_name)
            store = Store(config.stored_explanations / catalogue.name / listener.user_name)
            try:
                made += len(
                    store_track(
                        listener,
                        catalogue,
                        track_id,
                        plan,
                        store=store,
                        stems_folder=config.stems,
                        limit_gb=config.stems_cache_gb,
                    )
                )
            except (DataError, ParameterError) as error:
                failed.append(f"{listener.user_name}, {track_id}: {error}")
    print(f"{made} explanations in {config.stored_explanations / catalogue.name}")
    for line in failed:
        print(f"not explained: {line}", file=sys.stderr)
    if failed:
        raise DataError(f"{len(failed)} of {len(work)} tracks were not explained")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m explanations.store_explanations",
        description="Explain the top recommendations of some listeners beforehand.",
    )
    parser.add_argument("--user_name", nargs="*", help="by default everybody with a model")
    parser.add_argument("--catalogue", default="demo", help="whose tracks to explain")
    parser.add_argument("--trained_on", help="catalogue of the models, if it is another one")
    parser.add_argument("--top_n", type=int, default=50, help="tracks per listener")
    parser.add_argument("--types", nargs="+", choices=TYPES, default=list(TYPES))
    parser.add_argument("--separator", choices=NAMES)
    parser.add_argument("--n_segments", type=int, default=5)
    parser.add_argument("--engine", choices=ENGINES, default="exact")
    parser.add_argument("--num_samples", help="a number or 'exhaustive'; by default what is best")
    parser.add_argument("--random_state", type=int, default=0)
    options = parser.parse_args(arguments)
    if options.top_n < 1:
        raise ParameterError(f"top_n must be at least 1, got {options.top_n}")
    return options


if __name__ == "__main__":
    sys.exit(main())
