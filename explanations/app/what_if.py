"""The section with the mixer, and the dialog that shares and saves what it plays."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from explanations.app import markup, phrases
from explanations.app.page_address import link
from explanations.app.people import Person
from explanations.app.session import choice, decide
from explanations.app.view import ExplanationView
from explanations.player import mixer


@st.fragment
def what_if(
    person: Person, view: ExplanationView, *, catalogue: str, track_id: str, title: str
) -> None:
    """Draw the mixer; its buttons run only this part again."""
    key = f"mixer-{view.explanation.request.audio_checksum}-{view.explanation.kind}"
    mask = view.mask(choice().mask)
    result = mixer(replace(view.mixer, mask=mask), key=key, pick=st.session_state.get("picks", 0))
    if choice().mask and not mask:
        st.html(markup.alert(phrases.UNKNOWN_MASK.format(choice().mask)))
    action, _, listener = result.action.partition(":")
    if action == "share":
        decide(mask=view.mask(result.mask))
        _share(person, view, title)
    elif action == "listener":
        fellow = Person(listener, person.catalogue)
        decide(
            listener=fellow.key, catalogue=catalogue, track=track_id, mask=view.mask(result.mask)
        )
        st.rerun(scope="app")


@st.dialog("Share or save", width="medium")
def _share(person: Person, view: ExplanationView, title: str) -> None:
    """Offer the link that reproduces the page, and everything that can be saved."""
    st.write("This link shows the same listener, track, explanation and mix:")
    st.code(link(st.context.url or "", choice()), language=None, wrap_lines=True)
    for file in view.downloads(view.mask(choice().mask), title=title, name=person.name):
        st.download_button(
            file.label,
            file.make,
            file.file_name,
            file.media_type,
            on_click="ignore",
            width="stretch",
            icon=":material/download:",
        )
