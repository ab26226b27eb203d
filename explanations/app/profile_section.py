"""The section on what carries a listener's recommendations on average, with examples to hear."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from explanations.app import markup, phrases, web_files
from explanations.app.explanation_job import ExplanationJob
from explanations.app.people import Person
from explanations.explain.playback import trim
from explanations.player import Resource, WaveformData, player
from explanations.store import Store
from explanations.taste_profile import Part, TasteProfile, read_profile
from lemons_utils import SAMPLE_RATE, Configuration, generate_audio_link
from recsys.catalogue import Catalogue

PAIRS = 5
"""Most pairs that are shown."""


def taste_profile_section(
    person: Person, catalogue: Catalogue, table: pd.DataFrame, config: Configuration
) -> None:
    """Show a listener's taste profile, if one is kept of the present model.

    `table` is from `recommendations.ranked`.
    """
    model = person.model(config.experiments)
    home = person.kept_in or config.stored_explanations / catalogue.name
    profile = read_profile(Store(home / model.user_name), model.checksum)
    if profile is None:
        return
    st.html(markup.section(f"What carries {person.name}'s recommendations"))
    titles = dict(zip(table["track_id"], table["title"], strict=True))
    _profile(person, catalogue, profile, titles, config)


@st.fragment
def _profile(
    person: Person,
    catalogue: Catalogue,
    profile: TasteProfile,
    titles: dict[str, str],
    config: Configuration,
) -> None:
    """Draw the bars; a click on an example runs only this part again."""
    st.write(markup.plain(phrases.profile_phrase(profile)))
    for parts, caption in (
        (profile.stems, phrases.STEMS_CAPTION),
        (profile.pairs[:PAIRS], phrases.PAIRS_CAPTION),
    ):
        if parts:
            st.caption(caption)
        low = min(0.0, *(part.low for part in parts), *(part.share for part in parts), 0.0)
        high = max(0.0, *(part.high for part in parts), *(part.share for part in parts), 0.0)
        for part in parts:
            _row(person, catalogue, part, (low, high), profile.tracks, titles, config)


def _row(
    person: Person,
    catalogue: Catalogue,
    part: Part,
    scale: tuple[float, float],
    tracks: int,
    titles: dict[str, str],
    config: Configuration,
) -> None:
    """Draw a part's bar, and the button that plays its clearest example; below them its player."""
    key = f"{person.key}-{'-'.join(part.stems)}"
    track_id = part.example.track_id
    if track_id not in titles:  # the catalogue has lost it
        return
    name, share = " + ".join(part.stems), phrases.percent(part.example.share)
    with st.container(key=f"part-{key}", horizontal=True, vertical_alignment="center"):
        st.html(markup.part(name, part, scale, tracks))
        pressed = st.button(
            markup.plain(titles[track_id]),
            key=f"example-{key}",
            icon=":material/play_arrow:",
            help=f"Play {name} of the clearest example: {share} of its relevance",
        )
    if pressed:
        st.session_state.example = key
    if st.session_state.get("example") == key:
        title = f"{name} of “{titles[track_id]}”"
        _example(person, catalogue, part, title, pressed, config)


def _example(
    person: Person,
    catalogue: Catalogue,
    part: Part,
    title: str,
    autoplay: bool,
    config: Configuration,
) -> None:
    """Draw a player of some stems of a track."""
    track_id = part.example.track_id
    job = ExplanationJob(person.model(config.experiments), catalogue, track_id, config)
    stems = job.subject().stems
    rows = [row for row, name in enumerate(stems.names) if name in part.stems]
    place = f"examples/{job.request('source').audio_checksum}/{'-'.join(part.stems)}.flac"
    heard = trim(stems.waveforms[rows].sum(axis=0))
    audio = web_files.audio(heard, place, config.web_folder)
    link = Resource(url=generate_audio_link(audio, base_url=config.audio_base_url))
    data = WaveformData(title, link, len(heard) / SAMPLE_RATE, autoplay=autoplay)
    player(data, key=f"play-{person.key}-{'-'.join(part.stems)}")
