"""Prepare what the demo app shows first, then start it: the last step of `make demo`.

    python -m explanations.first_page

The page opens with its first listener and the best track that is new to them; another listener is
one click away. For the first listeners, relevance, previews, stems, explanations of all kinds and
what-if tables of that track are made here, unless they exist, and taste profiles over their
top 10 tracks.
On a terminal the app starts then; elsewhere its address is printed, and the command ends.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import pandas as pd

from audiolime.components import KINDS
from explanations import launch
from explanations.app import phrases, web_files
from explanations.app.explanation_job import ExplanationJob
from explanations.app.people import Person, heard_by, open_catalogues, people
from explanations.app.recommendations import (
    TOP,
    choose,
    first_choice,
    ranked,
    score,
    stored_relevance,
)
from explanations.app.view import view_explanation
from explanations.explain.job import ExplanationSettings
from explanations.listeners import ListenerModel
from explanations.store import Store
from explanations.store_explanations import store_tops
from explanations.taste_profile import read_profile
from lemons_jobs import Workers
from lemons_places import how_to
from lemons_utils import Configuration, DataError, OnProgress, command, configuration
from recsys import progress
from recsys.catalogue import Catalogue

PROFILED = 10
"""Top tracks of a taste profile, at 1.5 s of a processor each; `store_explanations` takes 50."""

LISTENERS = 8
"""Most listeners whose first page is made ready: as many as `make demo` trains, and one more."""


def prepare(config: Configuration) -> str:
    """Make what the page shows of its first listeners, unless it exists; name the first one.

    Returns
    -------
    str, the first listener, the track that is recommended most and the model

    Raises
    ------
    DataError
        If there is no catalogue, no track or no listener yet.
    """
    catalogues = open_catalogues(config.data_folder)
    listeners = people(catalogues, config.experiments)
    if not listeners:
        words, _ = phrases.NO_LISTENER if catalogues else phrases.NO_CATALOGUE
        raise DataError(words)
    catalogue = catalogues[listeners[0].catalogue]
    if not catalogue.track_ids:
        raise DataError(phrases.empty_catalogue(catalogue.name)[0])
    shown = [person for person in listeners if person.catalogue == catalogue.name][:LISTENERS]
    with progress.bar(len(shown), unit="listener", about="first pages") as bar:
        said = []
        for person in shown:
            said.append(
                _prepare(person, catalogue, config, lambda step, _: bar.set_postfix_str(step))
            )
            bar.update()
    _profiles(shown, catalogue, config)
    return said[0]


def _profiles(shown: Sequence[Person], catalogue: Catalogue, config: Configuration) -> None:
    """Make the taste profiles of listeners on a trunk, whom it costs little, unless they exist."""
    home = config.stored_explanations / catalogue.name
    models = [person.model(config.experiments) for person in shown]
    missing = [
        model
        for model in models
        if model.on_trunk and not read_profile(Store(home / model.user_name), model.checksum)
    ]
    if missing:
        settings = ExplanationSettings(kinds=("source",), what_if=False)
        workers = Workers(os.cpu_count() or 1)
        store_tops(missing, catalogue, settings, config, top_n=PROFILED, workers=workers)


def _prepare(
    person: Person, catalogue: Catalogue, config: Configuration, on_progress: OnProgress
) -> str:
    """Make what the page shows of one listener: the tracks on top, the first of them explained."""
    model = person.model(config.experiments)
    heard = heard_by(catalogue, person.user_name)
    table = ranked(catalogue, _relevance(model, catalogue, on_progress), heard)
    for track_id in choose(table, unheard=True)["track_id"].head(TOP):
        web_files.preview(catalogue, track_id, config.web_folder)
    track_id = first_choice(table)
    title = str(table.set_index("track_id").loc[track_id, "title"])
    job = ExplanationJob(model, catalogue, track_id, config)
    for kind in reversed(KINDS):  # as the page: Time + Source first
        if job.stored(kind) is None:
            job.make(kind, on_progress)
        if (explanation := job.stored(kind)) is not None:
            view_explanation(job, explanation, name=person.name, title=title, heads=job.heads())
    return f"“{title}” for {person.name}, {model.found.line}"


def _relevance(model: ListenerModel, catalogue: Catalogue, on_progress: OnProgress) -> pd.DataFrame:
    """Return the stored relevance of the catalogue, or score it."""
    if (stored := stored_relevance(model, catalogue)) is not None:
        return stored
    return score(model, catalogue, on_progress)


def watched() -> bool:
    """Return whether the command runs on a terminal, where the app can be watched and ended."""
    return sys.stdin.isatty() and sys.stdout.isatty() and not os.environ.get("CI")


@command
def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    argparse.ArgumentParser(
        prog="python -m explanations.first_page",
        description="Prepare what the demo app shows first; on a terminal, start it.",
    ).parse_args(arguments)
    config = configuration()
    print(f"The first page is ready: {prepare(config)}", flush=True)
    if watched():
        sys.stdout.flush()
        # As a command of its own, whose threads begin as the app's should.
        os.execv(sys.executable, [sys.executable, "-m", "explanations.launch"])  # noqa: S606
    else:
        print(f"`{how_to('app')}` starts the demo app at {launch.address(config)}")


if __name__ == "__main__":
    sys.exit(main())
