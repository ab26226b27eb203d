"""The buttons that choose a listener or a track: one click away wherever one is on the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from explanations.app import markup
from explanations.app.people import Person
from explanations.app.recommendations import shortlist
from explanations.app.session import decide
from explanations.app.taste import YOU
from recsys.catalogue import Catalogue


def gallery(listeners: Sequence[Person], chosen: Person | None, *, is_viewer: bool = False) -> None:
    """Show all listeners whose model can be explained, and the viewer; a click chooses one."""
    st.html(markup.portraits(listeners))
    with st.container(key="listeners", horizontal=True, wrap=False, gap="xsmall"):
        for person in listeners:
            listener_button(person, chosen, place="choose")
        st.button(
            "Your taste",
            key="choose-you",
            icon=":material/favorite:",
            type="primary" if is_viewer else "secondary",
            on_click=decide,
            kwargs={"listener": YOU},
        )


def listener_button(person: Person, chosen: Person | None, *, place: str) -> None:
    """Draw the button that chooses a listener."""
    st.button(
        person.name,
        key=f"{place}-{person.key}",
        type="primary" if chosen and person.key == chosen.key else "secondary",
        on_click=decide,
        kwargs={"listener": person.key},
    )


def best_tracks(
    person: Person, catalogue: Catalogue, table: pd.DataFrame, chosen: pd.Series[Any] | None
) -> None:
    """Show the best tracks that are new to the listener, and the chosen one; a click chooses."""
    chosen_id = "" if chosen is None else chosen["track_id"]
    with st.container(key="tracks", horizontal=True, wrap=False, gap="xsmall"):
        for _, track in shortlist(table, chosen_id).iterrows():
            is_chosen = track["track_id"] == chosen_id
            track_button(person, catalogue, track, is_chosen, place="top")


def track_button(
    person: Person, catalogue: Catalogue, track: pd.Series[Any], is_chosen: bool, *, place: str
) -> None:
    """Draw the button that chooses a track."""
    in_list, title = place == "pick", markup.plain(track["title"])
    st.button(
        f"{track['rank']}. {title}" if in_list else title,
        icon=":material/graphic_eq:" if in_list and is_chosen else None,
        key=f"{place}-{track['track_id']}",
        type="tertiary" if in_list else "primary" if is_chosen else "secondary",
        on_click=_pick,
        args=(person, catalogue, track["track_id"]),
    )


def _pick(person: Person, catalogue: Catalogue, track_id: str) -> None:
    """Choose a track by a click; one that has no mixer yet is played."""
    st.session_state.picked = track_id
    st.session_state.picks = st.session_state.get("picks", 0) + 1
    decide(listener=person.key, catalogue=catalogue.name, track=track_id)
