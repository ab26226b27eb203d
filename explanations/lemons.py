"""The demo app: see why a track is recommended, hear it, change it.

    streamlit run explanations/lemons.py

Reads top to bottom like the page it draws. `explanations.app` makes what it shows;
long work goes to `explanations.app.job_queue`, which all viewers share.
"""

import time
from importlib.resources import files

import streamlit as st

from explanations.app import markup, medley, own_files, phrases
from explanations.app.answer import explanation_section, is_at_hand, listen
from explanations.app.choosers import best_tracks, gallery, track_button
from explanations.app.own_page import own_file_section
from explanations.app.people import (
    genre_shares,
    heard_by,
    labels_of,
    listening,
    open_catalogues,
    people,
    picture,
)
from explanations.app.profile_section import taste_profile_section
from explanations.app.protection import protection
from explanations.app.recommendations import (
    TOP,
    choose,
    first_choice,
    ranked,
    score,
    stored_relevance,
)
from explanations.app.session import choice, decide, wait_for
from explanations.app.taste import YOU, relevance_of_all
from explanations.app.teaching import feelings, teaching, viewer_of
from explanations.webserver import mount
from lemons_utils import DataError, ParameterError, configuration

CONFIG = configuration()


# -- what all viewers share --------------------------------------------------------------------
FRESH_S = 5  # after which a new listener appears; a string below would be written on the page


def all_listeners():
    """List the listeners with a model; a new one appears within seconds."""
    # Not by Streamlit's `ttl`: what runs out while it is read ends the page (1.67).
    return _listeners(int(time.monotonic() / FRESH_S))


@st.cache_resource(max_entries=2, show_spinner=False)
def _listeners(period):
    return people(open_catalogues(CONFIG.data_folder), CONFIG.experiments)


# -- whom, and which track ---------------------------------------------------------------------
def head():
    """Show the page's name, and where else to look."""
    own = choice().catalogue == own_files.NAME
    with st.container(key="head", horizontal=True, vertical_alignment="center"):
        st.html(markup.page_head(own_files.NAME if own else markup.ANSWER))
        label, other = ("Recommendations", "") if own else ("Your own file", own_files.NAME)
        st.button(label, key="view", on_click=decide, kwargs={"catalogue": other, "track": ""})


def chosen_track(person, catalogue, table):
    """Return the chosen track's row, or None where the catalogue has no such track."""
    track_id = choice().track or first_choice(table)
    rows = table[table["track_id"] == track_id]
    return None if rows.empty else rows.iloc[0]


def explain(person, catalogue, table, chosen):
    """Answer why a listener gets a track; the medley passes one that cannot be explained."""
    labels = labels_of([*all_listeners(), person])
    explained = explanation_section(
        person,
        catalogue,
        chosen["track_id"],
        chosen["title"],
        about=phrases.about_track(chosen, len(table)),
        labels=labels,
        config=CONFIG,
        at_once=medley.is_on(),
    )
    if explained:
        medley.prepare_next(person, catalogue, table, chosen, labels=labels, config=CONFIG)
    elif medley.is_on():
        medley.skip(person, catalogue, table, chosen)
        st.rerun()


# -- below: recommendations, profile, how it works ---------------------------------------------
def recommendations(person, catalogue, catalogues, table, chosen):
    """Search a catalogue, and show the most relevant tracks of it."""
    st.html(markup.section(f"What the model recommends to {person.name}"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.session_state["from"] = catalogue.name
        st.selectbox(
            "Catalogue",
            list(catalogues),
            key="from",
            width=180,
            on_change=lambda: decide(
                listener=person.key, catalogue=st.session_state["from"], track=""
            ),
        )
        words = st.text_input("Search", placeholder="title, artist or genre", width=220)
        known = sorted(set(catalogue.tracks["genre"]) - {""})
        genres = st.multiselect("Genres", known, placeholder="all", width=260)
        heard = st.toggle("Also what was heard before", key="heard")
    st.caption(markup.plain(person.model(CONFIG.experiments).found.line))
    found = choose(table, words=words, genres=genres, unheard=not heard)
    if found.empty:
        st.info("No track matches. Search for something else, or allow more genres.")
    shown = found.head(TOP)
    if chosen is not None and chosen["track_id"] not in set(shown["track_id"]):
        if chosen["track_id"] in set(found["track_id"]):
            shown = found[found["rank"].isin({*shown["rank"], chosen["rank"]})]
        else:
            st.caption(markup.plain(phrases.NOT_AMONG.format(chosen["title"])))
    for _, track in shown.iterrows():
        is_chosen = chosen is not None and track["track_id"] == chosen["track_id"]
        with st.container(key=f"row-{track['rank']}", gap=None):
            track_button(person, catalogue, track, is_chosen, place="pick")
            place = phrases.place_phrase(track["rank"], len(table))
            st.html(markup.row(track["relevance"], place, track["artist"], track["genre"]))


def profile(person, catalogue):
    """Show what a listener listens to; the tracks, to be played, when asked for."""
    st.html(markup.section(f"What {person.name} listens to"))
    st.caption(markup.plain(person.taste))
    table = listening(catalogue, person.user_name)
    left, right = st.columns([2, 3], gap="medium")
    with left:
        events = int(table["playcount"].sum())
        st.html(markup.figures((len(table), "tracks"), (events, "listening events")))
        if len(shares := genre_shares(table, least=0.01).head(7)):
            st.html(markup.bars(list(shares.items()), "Share of listening by genre"))
    with right:
        # On request: the browser spends a third of a second on its code, also far below the fold.
        if not st.toggle("List all tracks, to play them", key=f"listed-{person.key}"):
            return
        event = st.dataframe(
            table,
            key=f"played-{person.key}",
            height=250,
            hide_index=True,
            column_order=["playcount", "title", "artist", "genre"],
            column_config={"playcount": st.column_config.NumberColumn("plays", width="small")},
            on_select="rerun",
            selection_mode="single-row",
            alt=f"Tracks that {person.name} listened to, by play count",
        )
        if rows := event.selection.rows:
            track = table.iloc[rows[0]]
            listen(
                catalogue,
                track["track_id"],
                track["title"],
                place="played",
                autoplay=True,
                config=CONFIG,
            )
        else:
            st.caption("Select a row to play it.")


def how_it_works():
    """Explain recommendation, explanation and the three kinds, each with a picture."""
    st.html(markup.section("How does it work?"))
    for column, (name, title, words) in zip(
        st.columns(len(phrases.HOW_IT_WORKS)), phrases.HOW_IT_WORKS, strict=True
    ):
        column.html(markup.how(picture(name), title, words))


# -- the page ----------------------------------------------------------------------------------
def chosen_person(listeners):
    """Return the chosen listener, the first if none is chosen, or None if nobody is called so."""
    if not choice().listener:
        return listeners[0]
    return next((person for person in listeners if person.key == choice().listener), None)


def say_how(words, commands):
    """Say what is missing, and which commands make it."""
    st.info(words)
    st.code(commands, language=None)


def recommendation_page(listeners, catalogues):
    """Draw whom, which track and why, and below it what else there is to see.

    What may take long comes last, in its place above the rest.
    """
    is_viewer = choice().listener == YOU
    if is_viewer:
        home = catalogues[listeners[0].catalogue]
        person = viewer_of(home, listeners, CONFIG)
    else:
        person = chosen_person(listeners)
    gallery(listeners, person, is_viewer=is_viewer)
    if is_viewer and person is None:
        teaching(home, None, CONFIG)
        return
    if person is None:
        st.html(markup.alert(phrases.UNKNOWN_LISTENER.format(choice().listener)))
        return
    wanted = choice().catalogue or person.catalogue
    catalogue = catalogues.get(wanted, catalogues[person.catalogue])
    if catalogue.name != wanted:
        st.html(markup.alert(phrases.UNKNOWN_CATALOGUE.format(wanted, catalogue.name)))
    if not catalogue.track_ids:
        say_how(*phrases.empty_catalogue(catalogue.name))
        return
    first, below = st.container(gap="small"), st.container()
    model = person.model(CONFIG.experiments)
    if is_viewer:
        scores, heard = relevance_of_all(model, catalogue), feelings()
    else:
        scores, heard = stored_relevance(model, catalogue), ()
    table = chosen = None
    shown = False
    if scores is not None:
        if person.catalogue == catalogue.name and not is_viewer:
            heard = heard_by(catalogue, person.user_name)
        table = ranked(catalogue, scores, set(heard))
        chosen = chosen_track(person, catalogue, table)
        with first:
            best_tracks(person, catalogue, table, chosen)
            if chosen is not None:
                medley.medley_bar(person, catalogue, table, chosen)
                shown = is_at_hand(person, catalogue, chosen["track_id"], CONFIG)
                if shown:
                    explain(person, catalogue, table, chosen)
    with below:
        if table is not None:
            recommendations(person, catalogue, catalogues, table, chosen)
            taste_profile_section(person, catalogue, table, CONFIG)
        if is_viewer:
            teaching(home, person, CONFIG)
        elif heard_by(catalogues[person.catalogue], person.user_name):
            profile(person, catalogues[person.catalogue])
        how_it_works()
    with first:
        if table is None:
            st.write(f"{person.name}'s model has not heard the catalogue {catalogue.name} yet.")
            key, count = ("score", catalogue.name, model.checksum), len(catalogue.track_ids)
            done = wait_for(
                key,
                ("score",),
                lambda on_progress: score(model, catalogue, on_progress),
                slot=st.empty(),
                cost_s=0.1 * count,
                counts={"score": f"{count} tracks"},
            )
            if done:
                st.rerun()
        elif chosen is None:
            words = phrases.UNKNOWN_TRACK.format(catalogue.name, choice().track)
            st.html(markup.alert(words))
        elif not shown:
            explain(person, catalogue, table, chosen)


def main():
    """Draw the page."""
    app_files = files("explanations") / "app"
    st.set_page_config("LEMONS", str(app_files / "pictures" / "lemon.svg"), layout="wide")
    st.html(markup.style((app_files / "page.css").read_text(encoding="utf-8")))
    catalogues = open_catalogues(CONFIG.data_folder)
    listeners = all_listeners() if catalogues else []
    head()
    if not listeners:
        say_how(*(phrases.NO_LISTENER if catalogues else phrases.NO_CATALOGUE))
    elif choice().catalogue == own_files.NAME:
        medley.leave()
        own_file_section(listeners, labels_of(listeners), CONFIG)
    else:
        recommendation_page(listeners, catalogues)


if __name__ == "__main__":
    try:
        main()
    except (DataError, ParameterError) as error:  # the message says which file is broken or gone
        st.html(markup.alert(str(error)))
else:  # imported by the server: the app on its own port, and the web folder under /audio
    app = st.App(__file__, routes=[mount(CONFIG.web_folder)], middleware=protection(CONFIG))
