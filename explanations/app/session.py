"""One viewer's session: what the address chooses, and the long work that the viewer waits for."""

from __future__ import annotations

import time
import uuid
from collections.abc import Hashable, Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explanations.app import markup, phrases
from explanations.app.job_queue import DONE, FAILED, JobQueue, Work
from explanations.app.page_address import Choice, read_address, write_address

LOOK_S = 0.25
"""Time between two looks at a job."""


@st.cache_resource(show_spinner=False)
def job_queue() -> JobQueue:
    """Return the queue of long work that all viewers share."""
    return JobQueue()


def choice() -> Choice:
    """Return what the address chooses; Back and Forward change it as clicks do."""
    return read_address(st.query_params)


def decide(**changes: str) -> None:
    """Change what is chosen, which is an entry of the browser's history."""
    address = write_address(choice().changed(**changes))
    if st.query_params.to_dict() != address:
        st.query_params.from_dict(address)


def viewer() -> str:
    """Return the name of the viewer in the queue."""
    if "viewer" not in st.session_state:
        state = st.session_state
        state.viewer, state.stopped, state.started = uuid.uuid4().hex, set(), None
    return str(st.session_state.viewer)


def wait_for(
    key: Hashable,
    steps: Sequence[str],
    work: Work,
    *,
    slot: DeltaGenerator,
    cost_s: float,
    button: str = "Go on",
    at_once: bool = True,
    counts: Mapping[str, str] | None = None,
) -> bool:
    """Draw long work, and return whether it is done; it comes last in a run of the page.

    A click elsewhere on the page ends the run, and the next one waits on. A viewer who is gone,
    or looks at something else, leaves the queue. Not for fragments, whose clicks end no run.

    Parameters
    ----------
    key, steps, work, cost_s
        As `JobQueue.ask` takes them.
    slot : DeltaGenerator
        From `st.empty`: where to draw.
    button : str
        Label of the button that starts the work.
    at_once : bool
        Whether the work starts by itself, unless the viewer has cancelled it.
    counts : mapping of str to str, optional
        What each step goes through, e.g. {"score": "320 tracks"}.
    """
    name = viewer()
    queue, stopped = job_queue(), st.session_state.stopped
    queue.leave_all_but(name, key)
    job = queue.job(key, name)
    if job and job.state == FAILED:
        with slot.container():
            st.html(markup.alert(f"This did not work: {job.error}"))
            if not st.button("Try again", type="primary", key=f"start-{key}"):
                return False
        queue.leave(key, name)
        job = None
    elif job is None and (key in stopped or not at_once) and key != st.session_state.started:
        slot.button(button, type="primary", key=f"start-{key}", on_click=_start, args=(key,))
        return False
    job = job or queue.ask(key, name, steps, work, cost_s=cost_s)
    st.session_state.started = None
    with slot.container(horizontal=True, vertical_alignment="center"):
        place = st.empty()
        st.button("Cancel", key=f"cancel-{key}", on_click=_cancel, args=(key,))
    while not job.ended:
        words = phrases.progress_phrase(job, queue.ahead_of(job), counts or {})
        place.progress(job.fraction, text=words)
        time.sleep(LOOK_S)
        queue.job(key, name)  # which tells the queue that somebody waits
    if job.state == FAILED:
        st.rerun()
    queue.leave(key, name)
    return job.state == DONE


def _start(key: Hashable) -> None:
    st.session_state.started = key
    st.session_state.stopped.discard(key)


def _cancel(key: Hashable) -> None:
    """Stop waiting; the work does not start again by itself."""
    job_queue().leave(key, viewer())
    st.session_state.started = None
    st.session_state.stopped.add(key)
