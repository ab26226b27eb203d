"""One viewer's session: what is chosen, and the long work that the viewer waits for."""

from __future__ import annotations

import uuid
from collections.abc import Hashable, Sequence

import streamlit as st

from explanations.app import markup, own_files, phrases
from explanations.app.job_queue import FAILED, JobQueue, Work
from explanations.app.page_address import Choice, read_address, write_address

VIEWS = ("Recommendations", "Your own file")


@st.cache_resource(show_spinner=False)
def job_queue() -> JobQueue:
    """Return the queue of long work that all viewers share."""
    return JobQueue()


def choice() -> Choice:
    """Return what is chosen; at first, what the link says."""
    state = st.session_state
    if "choice" not in state:
        state.viewer, state.stopped = uuid.uuid4().hex, set()
        state.choice = read_address(st.query_params)
        state.view = VIEWS[state.choice.catalogue == own_files.NAME]
    chosen: Choice = state.choice
    return chosen


def decide(**changes: str) -> None:
    """Change what is chosen, and the address bar with it."""
    st.session_state.choice = choice().changed(**changes)
    if st.query_params.to_dict() != write_address(choice()):
        st.query_params.from_dict(write_address(choice()))


def wait_for(key: Hashable, steps: Sequence[str], work: Work, button: str = "") -> None:
    """Draw long work: the button that starts it, its progress, or why it failed.

    Parameters
    ----------
    key, steps, work
        As `JobQueue.ask` takes them.
    button : str
        Label of the button that starts the work; empty for work that starts by itself.
    """
    viewer, stopped = st.session_state.viewer, st.session_state.stopped
    job = job_queue().job(key, viewer)
    if job and job.state != FAILED:
        _watch(key)
        return
    if job:
        st.error(markup.plain(f"This did not work: {job.error}"))
        button = "Try again"
    elif key in stopped:
        button = button or "Go on"
    if not button or st.button(button, type="primary", key=f"start-{key}"):
        stopped.discard(key)
        job_queue().leave(key, viewer)
        job_queue().ask(key, viewer, steps, work)
        st.rerun()


@st.fragment(run_every=0.5)
def _watch(key: Hashable) -> None:
    """Draw the progress of a job until it ends."""
    job = job_queue().job(key, st.session_state.viewer)
    if job is None or job.ended:
        if job and job.state != FAILED:
            job_queue().leave(key, st.session_state.viewer)
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(job.fraction, text=phrases.progress_phrase(job, job_queue().ahead_of(job)))
        st.button("Cancel", key=f"cancel-{key}", on_click=_cancel, args=(key,))


def _cancel(key: Hashable) -> None:
    """Stop waiting; the work does not start again by itself."""
    job_queue().leave(key, st.session_state.viewer)
    st.session_state.stopped.add(key)
