"""Play what matters: the parts that speak for each recommendation, one track after another.

The browser plays and asks for the next track (`player/medley.js`); here it is chosen, and while a
track plays, the next one is explained and loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from explanations.app import phrases
from explanations.app.answer import ANEW_S, view_of
from explanations.app.explanation_job import STEPS, ExplanationJob
from explanations.app.people import Person
from explanations.app.recommendations import shortlist
from explanations.app.session import choice, decide, job_queue, viewer
from explanations.player import AheadData, MedleyData, load_ahead, medley
from lemons_utils import Configuration
from recsys.catalogue import Catalogue

LOOK_S = 1.0
"""Time between two looks at the explanation of the next track."""


def is_on() -> bool:
    """Return whether the viewer lets the medley play."""
    return bool(st.session_state.get("medley", False))


def leave() -> None:
    """End the medley, because the page shows something else."""
    st.session_state.medley = False


def medley_bar(
    person: Person, catalogue: Catalogue, table: pd.DataFrame, chosen: pd.Series[Any]
) -> None:
    """Draw the bar that starts the medley of a listener's best tracks, and moves in it.

    Parameters
    ----------
    table : DataFrame
        From `recommendations.ranked`.
    chosen : Series
        The row of it that the page shows.
    """
    tracks = shortlist(table, chosen["track_id"])
    titles = dict(zip(tracks["track_id"], tracks["title"], strict=True))
    place = [*titles].index(chosen["track_id"]) + 1
    words = st.session_state.get("medley_words", "")
    medley(
        MedleyData(is_on(), place, len(titles), chosen["title"], words),
        key="medley-bar",
        on_action=lambda action, at: _act(action, at - 1, person, catalogue, titles),
    )


def skip(person: Person, catalogue: Catalogue, table: pd.DataFrame, chosen: pd.Series[Any]) -> None:
    """Go on past a track that is not explained."""
    order = list(shortlist(table, chosen["track_id"])["track_id"])
    words = phrases.NOT_EXPLAINED.format(chosen["title"])
    _move(order.index(chosen["track_id"]), person, catalogue, order, words)


def _act(
    action: str, at: int, person: Person, catalogue: Catalogue, titles: dict[str, str]
) -> None:
    """Do what the bar asks for at a place of the medley."""
    state, order = st.session_state, [*titles]
    at = min(max(at, 0), len(order) - 1)
    state.medley, state.medley_words = action != "stop", ""
    if action in ("next", "previous"):
        state.medley_step = 1 if action == "next" else -1
        _move(at, person, catalogue, order)
    elif action == "skip":
        _move(at, person, catalogue, order, phrases.NO_REASON.format(titles[order[at]]))
    elif action == "start":
        state.medley_step = 1


def _move(
    at: int, person: Person, catalogue: Catalogue, order: Sequence[str], words: str = ""
) -> None:
    """Choose the next track in the direction of the last move; end after the last."""
    state = st.session_state
    place, state.medley_step = moved(at, state.get("medley_step", 1))
    if place < len(order):
        decide(listener=person.key, catalogue=catalogue.name, track=order[place])
    else:
        state.medley = False
        words = " ".join(filter(None, (words, phrases.END_OF_MEDLEY.format(len(order)))))
    state.medley_words = words


def moved(at: int, step: int) -> tuple[int, int]:
    """Return the place after or before one, and the step from there; it turns at the start."""
    return (at + step, step) if at + step >= 0 else (1, 1)


def prepare_next(
    person: Person,
    catalogue: Catalogue,
    table: pd.DataFrame,
    chosen: pd.Series[Any],
    *,
    labels: Sequence[tuple[str, str]],
    config: Configuration,
) -> None:
    """Explain the track after the chosen one, and let the browser load it, while the medley plays.

    Parameters are those of `medley_bar` and `explanation_section`.
    """
    tracks = shortlist(table, chosen["track_id"])
    order = list(tracks["track_id"])
    place = order.index(chosen["track_id"]) + 1
    if not is_on() or place == len(order):
        return
    look = st.fragment(_prepare, run_every=LOOK_S)
    title = str(tracks["title"].iloc[place])
    look(person, catalogue, order[place], title, tuple(labels), config)


def _prepare(
    person: Person,
    catalogue: Catalogue,
    track_id: str,
    title: str,
    labels: tuple[tuple[str, str], ...],
    config: Configuration,
) -> None:
    """Look whether the track is explained, and ask for it or let the browser load it."""
    state, kind, model = st.session_state, choice().type, person.model(config.experiments)
    about = (person.key, model.checksum, catalogue.name, track_id, kind)
    if state.get("medley_ahead", ("", None))[0] != about:
        job = ExplanationJob(model, catalogue, track_id, config, kept_in=person.kept_in)
        explanation = job.stored(kind)
        if explanation is None:
            queue, key = job_queue(), job.key(kind)
            if queue.job(key, viewer()) is None:
                queue.ask(key, viewer(), STEPS, lambda say: job.make(kind, say), cost_s=ANEW_S)
            return
        view = view_of(job, explanation, person.name, title, job.heads(), labels)
        state.medley_ahead = about, AheadData(view.mixer)
    load_ahead(state.medley_ahead[1], key="medley-ahead")
