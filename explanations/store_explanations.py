"""Explain the top recommendations of many listeners beforehand.

    python -m explanations.store_explanations --user_name marko paige --catalogue demo --top_n 50

Explanations that are stored already, of the same model and parameters, are left alone: a command
that was killed and is started again continues where it stopped. `--jobs N` explains in N
processes, `--cluster ADDRESS` on a Dask cluster. At the end each listener's taste profile is made
of the Source explanations: `taste_profile.json` beside them, and a picture of it.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from audiolime.components import KINDS
from explanations.app.people import Person
from explanations.explain.command import add_settings, read_num_samples
from explanations.explain.job import ExplanationSettings, TrackJob, run_job
from explanations.listeners import ListenerModel, load_listener
from explanations.store import Store
from explanations.taste_profile import draw_profile, profile_path, renew_profile
from lemons_commands import print_next
from lemons_jobs import HERE, Workers, add_options, run, workers_of
from lemons_utils import Configuration, DataError, ParameterError, command, configuration
from recsys import progress
from recsys.catalogue import Catalogue, open_catalogue
from recsys.experiments import named_listeners
from recsys.predict import predict, relevance_table


def top_tracks(
    listener: ListenerModel,
    catalogue: Catalogue,
    top_n: int,
    *,
    device: str = "cpu",
    workers: Workers = HERE,
) -> list[str]:
    """List the tracks of highest relevance to a listener, the highest first.

    Parameters
    ----------
    listener : ListenerModel
    catalogue : Catalogue
    top_n : int > 0
    device, workers
        Where tracks without a stored relevance are scored.
    """
    table = relevance_table(catalogue, listener.user_name, listener.checksum)
    about = f"relevance to {listener.user_name}"
    with progress.shown(catalogue.count, unit="track", about=about) as on_progress:
        scores = predict(
            listener.network, table,
            on_trunk=listener.on_trunk, device=device, workers=workers,
            on_progress=on_progress,
        )  # fmt: skip
    return list(scores["track_id"].head(top_n))


def track_jobs(tops: dict[str, list[str]], models: dict[str, Path]) -> list[TrackJob]:
    """Return the tracks to explain, each with the models of all listeners who have it on top.

    Parameters
    ----------
    tops : dict
        Every listener's tracks, the best first.
    models : dict
        Every listener's weights.

    Returns
    -------
    list of TrackJob, everybody's best track before anybody's second
    """
    jobs: dict[str, dict[str, Path]] = {}
    for rank in itertools.zip_longest(*tops.values()):
        for user_name, track_id in zip(tops, rank, strict=True):
            if track_id is not None:
                jobs.setdefault(track_id, {})[user_name] = models[user_name]
    return [TrackJob(track_id, wanted) for track_id, wanted in jobs.items()]


@command
def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    options = _parse(arguments)
    workers, config = workers_of(options), configuration()
    catalogue = open_catalogue(options.catalogue, data_folder=config.data_folder)
    names = named_listeners(
        options.user_name, config.experiments, catalogue=options.trained_on or options.catalogue
    )
    settings = ExplanationSettings(
        kinds=tuple(options.types),
        engine=options.engine,
        num_samples=read_num_samples(options.num_samples),
        random_state=options.random_state,
        separator=options.separator,
        n_segments=options.n_segments,
        device=options.device,
    )
    listeners = [
        load_listener(
            name,
            catalogue=options.trained_on or options.catalogue,
            experiments=config.experiments,
            device=options.device,
        )
        for name in names
    ]
    for listener in listeners:
        print(f"{listener.user_name}: {listener.found.line}")
    store_tops(listeners, catalogue, settings, config, top_n=options.top_n, workers=workers)
    print_next("explanations.launch")


def store_tops(
    listeners: Sequence[ListenerModel],
    catalogue: Catalogue,
    settings: ExplanationSettings,
    config: Configuration,
    *,
    top_n: int,
    workers: Workers = HERE,
) -> None:
    """Explain the tracks of highest relevance to some listeners, and make their taste profiles.

    Parameters
    ----------
    listeners : sequence of ListenerModel
    catalogue : Catalogue
    settings : ExplanationSettings
    config : Configuration
        Says where what is stored is.
    top_n : int > 0
        Tracks of each listener.
    workers : Workers

    Raises
    ------
    DataError
        At the end, if tracks could not be explained, each of which is printed.
    """
    tops = {
        listener.user_name: top_tracks(
            listener, catalogue, top_n, device=settings.device, workers=workers
        )
        for listener in listeners
    }
    jobs = track_jobs(tops, {listener.user_name: listener.path for listener in listeners})
    failed = _run_jobs(jobs, catalogue, settings, config, workers)
    if "source" in settings.kinds:
        _store_profiles(listeners, tops, catalogue, config)
    for line in failed:
        print(f"not explained: {line}", file=sys.stderr)
    if failed:
        raise DataError(f"{len(failed)} of {len(jobs)} tracks were not explained")


def _run_jobs(
    jobs: list[TrackJob],
    catalogue: Catalogue,
    settings: ExplanationSettings,
    config: Configuration,
    workers: Workers,
) -> list[str]:
    """Explain every track, and return a line for each that failed."""
    failed: list[str] = []
    made = 0
    # A copy of the catalogue has not read its table, which no worker needs.
    work = functools.partial(
        run_job, catalogue=replace(catalogue), settings=settings, config=config
    )
    total = sum(len(job.models) for job in jobs) * len(settings.kinds)
    with progress.bar(total, unit="explanation", about="explain") as bar:
        for outcome in run(work, jobs, workers):
            job = jobs[outcome.index]
            bar.update(len(job.models) * len(settings.kinds))
            if outcome.error is None:
                made += outcome.get()
            else:
                failed.append(f"{job.track_id}, for {', '.join(job.models)}: {outcome.error}")
    print(f"{made} explanations in {config.stored_explanations / catalogue.name}")
    return failed


def _store_profiles(
    listeners: Sequence[ListenerModel],
    tops: Mapping[str, list[str]],
    catalogue: Catalogue,
    config: Configuration,
) -> None:
    """Make the taste profile of every listener, and a picture of each."""
    titles = dict(zip(catalogue.tracks["track_id"], catalogue.tracks["title"], strict=True))
    for listener in listeners:
        name = listener.user_name
        store = Store(config.stored_explanations / catalogue.name / name)
        profile = renew_profile(store, tops[name], user_name=name, model_checksum=listener.checksum)
        if profile is not None:
            path = profile_path(store)
            picture = path.with_suffix(".png")
            if not picture.exists() or picture.stat().st_mtime < path.stat().st_mtime:
                whose = Person(name, catalogue.name).name
                draw_profile(profile, picture, name=whose, titles=titles)
            print(f"taste profile of {name}, over {profile.tracks} tracks: {picture}")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m explanations.store_explanations",
        description="Explain the top recommendations of some listeners beforehand.",
    )
    parser.add_argument("--user_name", nargs="*", default=[], metavar="NAME",
                        help="whose tracks, or `all`, the default: who has a model")  # fmt: skip
    parser.add_argument(
        "--catalogue", metavar="NAME", default="demo", help="whose tracks to explain (%(default)s)"
    )
    parser.add_argument(
        "--trained_on", metavar="NAME", help="catalogue of the models, if it is another one"
    )
    parser.add_argument(
        "--top_n", metavar="N", type=int, default=50, help="tracks per listener (%(default)s)"
    )
    parser.add_argument(
        "--types", nargs="+", choices=KINDS, default=list(KINDS),
        help="weigh segments of time, stems, or each stem in each segment (all)",
    )  # fmt: skip
    add_settings(parser)
    add_options(parser, jobs=1)
    options = parser.parse_args(arguments)
    if options.top_n < 1:
        raise ParameterError(f"top_n must be at least 1, got {options.top_n}")
    return options


if __name__ == "__main__":
    sys.exit(main())
