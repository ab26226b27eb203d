"""The part of the page that learns the viewer's taste: tracks to hear, to like and to dislike."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from explanations.app import markup, phrases, web_files
from explanations.app.people import Person
from explanations.app.session import decide
from explanations.app.taste import (
    YOU,
    Viewer,
    fit_viewer,
    likes_csv,
    offered,
    sides,
    weights_file,
)
from lemons_utils import Configuration, DataError, ParameterError, generate_audio_link
from recsys.catalogue import Catalogue
from recsys.heads import LEAST_LIKED


def feelings() -> dict[str, bool]:
    """Return what the viewer likes and dislikes, by `track_id`; it lives in the session."""
    if "feelings" not in st.session_state:
        st.session_state.feelings = {}
    return dict(st.session_state.feelings)


def viewer_of(
    catalogue: Catalogue, listeners: list[Person], config: Configuration
) -> Viewer | None:
    """Return the viewer as a listener, fitted anew after each like; None before the third.

    Raises
    ------
    DataError
        If no listener of the catalogue is on a trunk: to make one takes longer than a viewer waits.
    """
    state, said = st.session_state, feelings()
    if state.get("fitted_to") != said:
        if "viewer_home" not in state:
            state.viewer_home = tempfile.TemporaryDirectory(prefix="lemons-viewer-")
        models = [
            person.model(config.experiments)
            for person in listeners
            if person.catalogue == catalogue.name
        ]
        beside = next((model.path for model in models if model.on_trunk), None)
        if beside is None:
            raise DataError(phrases.NO_TRUNK.format(catalogue.name))
        state.fitted = fit_viewer(
            said,
            catalogue,
            experiments=config.experiments,
            home=Path(state.viewer_home.name),
            beside=beside,
        )
        state.fitted_to = said
    fitted: Viewer | None = state.fitted
    return fitted


def teaching(catalogue: Catalogue, viewer: Viewer | None, config: Configuration) -> None:
    """Offer tracks to like and dislike, and what can be done with the taste that was learnt."""
    said = feelings()
    likes = sum(said.values())
    st.html(markup.section("Teach it your taste", "" if viewer else markup.ANSWER))
    if likes < LEAST_LIKED:
        left = LEAST_LIKED - likes
        st.write(f"Listen, and like {left} more {'track' if left == 1 else 'tracks'}.")
    else:
        st.write(f"{likes} liked, {len(said) - likes} disliked. Every further one counts at once.")
    page = st.session_state.setdefault("offer", 0)
    for _, track in offered(catalogue, said, page).iterrows():
        track_id = track["track_id"]
        preview = web_files.preview(catalogue, track_id, config.web_folder)
        url = generate_audio_link(preview, base_url=config.audio_base_url)
        with st.container(horizontal=True, vertical_alignment="center", key=f"offer-{track_id}"):
            st.html(markup.preview(track["title"], url, track["artist"], track["genre"]))
            for label, liked in (("Like", True), ("Dislike", False)):
                st.button(label, key=f"{label}-{track_id}", on_click=_feel, args=(track_id, liked))
    st.button("Other tracks", on_click=_turn)
    if viewer is not None:
        _keep(catalogue, viewer, config)


def _keep(catalogue: Catalogue, viewer: Viewer, config: Configuration) -> None:
    """Let the viewer keep the model under a name, export it, or forget it."""
    said, model = feelings(), viewer.model(config.experiments)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Keep it as", placeholder="a name", width=200)
        if st.button("Keep") and name and model.trunk is not None:
            # Here and not above: it brings along what records experiments.
            from recsys.trunk import add_listener

            liked, disliked = sides(said)
            try:
                add_listener(
                    name,
                    model.trunk,
                    catalogue,
                    liked=liked,
                    disliked=disliked,
                    experiments=config.experiments,
                )
                st.success(f"{name} is a listener now, whose name appears above within seconds.")
            except ParameterError as error:
                st.html(markup.alert(str(error)))
        st.download_button(
            "Likes as CSV", lambda: likes_csv(said, catalogue).encode(), "likes.csv", "text/csv",
            on_click="ignore",
        )  # fmt: skip
        st.download_button(
            "Model as safetensors", lambda: weights_file(model), "taste.safetensors",
            on_click="ignore",
        )  # fmt: skip
        st.button("Forget it", on_click=_forget)


def _feel(track_id: str, liked: bool) -> None:
    st.session_state.feelings = {**feelings(), track_id: liked}
    decide(listener=YOU)


def _turn() -> None:
    st.session_state.offer += 1


def _forget() -> None:
    st.session_state.feelings = {}
