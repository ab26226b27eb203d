"""The section that answers: why a listener gets a track, or a button that finds it out."""

from __future__ import annotations

import streamlit as st

from explanations.app import markup, phrases, web_files
from explanations.app.explanation_job import STEPS, ExplanationJob
from explanations.app.people import Person
from explanations.app.session import choice, decide, wait_for
from explanations.app.view import ExplanationView, view_explanation
from explanations.app.what_if import what_if
from explanations.player import Resource, WaveformData, player
from explanations.store import TITLES, Explanation
from lemons_utils import SAMPLE_RATE, Configuration, generate_audio_link
from recsys.catalogue import Catalogue

FROM_TABLES_S, ANEW_S = 3.0, 20.0
"""Time that an explanation takes, roughly: with kept tables, and without."""


@st.cache_resource(max_entries=64, show_spinner=False)
def view_of(
    _job: ExplanationJob,
    explanation: Explanation,
    name: str,
    title: str,
    heads: str,
    labels: tuple[tuple[str, str], ...],
) -> ExplanationView:
    """Keep the views of the last explanations."""
    return view_explanation(_job, explanation, name=name, title=title, heads=heads, labels=labels)


def explanation_section(
    person: Person,
    catalogue: Catalogue,
    track_id: str,
    title: str,
    *,
    about: tuple[str, ...],
    labels: tuple[tuple[str, str], ...],
    config: Configuration,
    at_once: bool = False,
) -> bool:
    """Show why a track is recommended, or how it is found out; return whether it is shown.

    Parameters
    ----------
    about : tuple of str
        What is known of the track, for the line below the sentence.
    labels : tuple of (user_name, name)
        What the page calls the listeners.
    config : Configuration
    at_once : bool
        Whether a track is explained without being asked for.
    """
    job = _job(person, catalogue, track_id, config)
    kind = choice().type
    slot = st.empty()  # always there, so that a mixer below it stays where it is
    if job.stored(kind) is None:
        is_short = job.tables_path.is_file()
        if not is_short:
            st.html(markup.answer(f"Why “{title}” for {person.name}?", *about))
            listen(catalogue, track_id, title, place="track", config=config)
            _kinds(track_id, kind)
            slot = st.empty()
        done = wait_for(
            job.key(kind),
            STEPS,
            lambda on_progress: job.make(kind, on_progress),
            slot=slot,
            cost_s=FROM_TABLES_S if is_short else ANEW_S,
            button="Explain this track",
            at_once=at_once or is_short,
        )
        if not done:
            return False
        if not is_short:
            st.rerun()
        slot.empty()
    _explained(person, job, catalogue.name, title, about, labels)
    return True


def is_at_hand(person: Person, catalogue: Catalogue, track_id: str, config: Configuration) -> bool:
    """Return whether an explanation is stored, so that showing it takes no time."""
    return _job(person, catalogue, track_id, config).stored(choice().type) is not None


def _job(
    person: Person, catalogue: Catalogue, track_id: str, config: Configuration
) -> ExplanationJob:
    model = person.model(config.experiments)
    return ExplanationJob(model, catalogue, track_id, config, kept_in=person.kept_in)


@st.fragment
def _explained(
    person: Person,
    job: ExplanationJob,
    catalogue: str,
    title: str,
    about: tuple[str, ...],
    labels: tuple[tuple[str, str], ...],
) -> None:
    """Explain in a sentence, in the mixer, and as a map; another kind runs only this part again."""
    track_id, kind = job.track_id, choice().type
    explanation = job.stored(kind)
    if explanation is None:
        st.rerun()  # all of the page: clicks in a fragment do not end a run of it that waits
    view = view_of(job, explanation, person.name, title, job.heads(), labels)
    st.html(markup.answer(view.answer.sentence, *about))
    what_if(person, view, catalogue=catalogue, track_id=track_id, title=title)
    _kinds(track_id, kind)
    st.caption(phrases.fidelity_phrase(explanation))
    left, right = st.columns(2, gap="medium")
    right.html(markup.weight_map(explanation))
    for number, highlight in enumerate(view.highlights):
        with right if highlight.title == "Against" else left:
            player(highlight, key=f"highlight-{number}-{track_id}-{kind}")


def _kinds(track_id: str, kind: str) -> None:
    """Draw the choice of what is taken apart."""
    key = f"type-{track_id}"
    st.session_state[key] = kind  # the address decides, also after Back
    st.segmented_control(
        "What to take apart",
        list(TITLES),
        format_func=TITLES.__getitem__,
        required=True,
        key=key,
        on_change=lambda: decide(type=st.session_state[key]),
    )


def listen(
    catalogue: Catalogue,
    track_id: str,
    title: str,
    *,
    place: str,
    config: Configuration,
    autoplay: bool | None = None,
) -> None:
    """Draw a player of a whole track, which plays at once if a click chose the track."""
    preview = web_files.preview(catalogue, track_id, config.web_folder)
    audio = Resource(url=generate_audio_link(preview, base_url=config.audio_base_url))
    duration_s = len(catalogue.audio(track_id)) / SAMPLE_RATE
    picked = st.session_state.get("picked") == track_id if autoplay is None else autoplay
    player(WaveformData(title, audio, duration_s, autoplay=picked), key=f"{place}-{track_id}")
