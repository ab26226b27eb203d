"""The view of a file of one's own: dropped, scored by every model, explained like any track."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from explanations.app import markup, own_files, phrases
from explanations.app.answer import explanation_section, listen
from explanations.app.choosers import listener_button
from explanations.app.people import Person
from explanations.app.session import choice, decide, wait_for
from lemons_utils import Configuration, DataError, OnProgress


@st.cache_resource(show_spinner=False)
def _scores() -> dict[Hashable, list[float]]:
    """Keep the relevance of own files, by job."""
    return {}


def own_file_section(
    listeners: Sequence[Person], labels: tuple[tuple[str, str], ...], config: Configuration
) -> None:
    """Take a file in, and show its relevance to every listener.

    Parameters
    ----------
    listeners : sequence of Person
    labels : tuple of (user_name, name)
        What the page calls them.
    config : Configuration
    """
    st.html(markup.section("Your own file", own_files.NAME))
    file = st.file_uploader(phrases.DROP_A_FILE, type=list(own_files.SUFFIXES))
    if file is not None and not _take_in(file, config):
        return
    catalogue, track_id = own_files.own_files(config.data_folder), choice().track
    if not track_id:
        return
    if not own_files.is_kept(catalogue, track_id):
        st.html(markup.alert("This file is not kept any more: drop it again."))
        return
    title = own_files.title_of(catalogue, track_id)
    listen(catalogue, track_id, title, place="own", autoplay=False, config=config)
    models = [person.model(config.experiments) for person in listeners]
    key = ("own", track_id, *(model.checksum for model in models))

    def score_own_file(on_progress: OnProgress) -> None:
        scores = own_files.relevance_of(catalogue, track_id, models, on_progress)
        _scores()[key] = scores

    if key not in _scores():
        counts = {"ask": f"{len(models)} listeners"}
        done = wait_for(
            key, ("ask",), score_own_file, slot=st.empty(), cost_s=len(models), counts=counts
        )
        if done:
            st.rerun()
        return
    st.write("Relevance to every listener; choose one to hear why.")
    chosen = next((person for person in listeners if person.key == choice().listener), None)
    scores = zip(_scores()[key], listeners, strict=True)
    for relevance, person in sorted(scores, key=lambda pair: -pair[0]):
        with st.container(horizontal=True, vertical_alignment="center"):
            listener_button(person, chosen, place="own")
            st.html(markup.bar(relevance, label=f"Relevance to {person.name}"))
    if chosen:
        about = (f"for {chosen.name}", chosen.model(config.experiments).found.line)
        explanation_section(
            chosen, catalogue, track_id, title, about=about, labels=labels, config=config
        )


def _take_in(file: UploadedFile, config: Configuration) -> bool:
    """Take in a part of a file that was dropped, and choose it; return whether that was done."""
    known, length_s = st.session_state.get("file", (None, 0.0))
    latest_s, start_s = length_s - own_files.EXCERPT_S, None
    if known and known[0] == file.file_id and latest_s >= 1:
        start_s = st.slider(
            "Which 30 s", 0, int(latest_s), int(latest_s / 2), format="from %d s", key=file.file_id
        )
        if known[1] is None and start_s == int(latest_s / 2):
            start_s = None  # the middle, as taken in at first
    if known == (file.file_id, start_s):
        return True
    try:
        track_id, length_s = own_files.take_in(file, file.name, config.data_folder, start_s=start_s)
    except DataError as error:
        st.html(markup.alert(str(error)))
        return False
    st.session_state.file = (file.file_id, start_s), length_s
    decide(catalogue=own_files.NAME, track=track_id)
    if known is None or known[0] != file.file_id:
        st.rerun()  # the length is known now
    return True
