"""The demo app: see why a track is recommended, hear it, change it.

    streamlit run explanations/lemons.py

Reads top to bottom like the page it draws. `explanations.app` makes what it shows;
long work goes to `explanations.app.job_queue`, which all viewers share.
"""

from importlib.resources import files

import streamlit as st

from explanations.app import markup, own_files, phrases, web_files
from explanations.app.explanation_job import STEPS, ExplanationJob
from explanations.app.people import genre_shares, listening, open_catalogues, people, picture
from explanations.app.protection import protection
from explanations.app.recommendations import TOP, choose, ranked, score, stored_relevance
from explanations.app.session import VIEWS, choice, decide, wait_for
from explanations.app.view import view_explanation
from explanations.app.what_if import what_if
from explanations.player import Resource, WaveformData, player
from explanations.store import TITLES
from explanations.webserver import mount
from lemons_utils import SAMPLE_RATE, DataError, ParameterError, configuration, generate_audio_link

CONFIG = configuration()


# -- what all viewers share --------------------------------------------------------------------
@st.cache_resource(show_spinner=False)
def own_file_scores():
    """Keep the relevance of own files, by job."""
    return {}


@st.cache_resource(ttl=5, show_spinner=False)
def all_listeners():
    """List the listeners with a model; a new one appears within seconds."""
    return people(open_catalogues(CONFIG.data_folder), CONFIG.experiments)


@st.cache_resource(max_entries=64, show_spinner=False)
def view_of(_job, explanation, heads):
    """Keep the views of the last explanations."""
    return view_explanation(_job, explanation, heads)


# -- the sidebar -------------------------------------------------------------------------------
def how_it_works():
    """Explain recommendation, explanation and the three kinds, each with a picture."""
    st.header("How does it work?", anchor=False)
    for name, title, words in phrases.HOW_IT_WORKS:
        st.subheader(title, anchor=False)
        st.html(f'<div class="lm-picture">{markup.image(picture(name))}</div>')
        st.write(words)


# -- the listener ------------------------------------------------------------------------------
def gallery(listeners):
    """Show all listeners whose model can be explained."""
    st.subheader("Whose music?", anchor=False)
    with st.container(horizontal=True, gap="xsmall"):
        for person in listeners:
            with st.container(border=True, width=118, key=f"card-{person.key}", gap="xsmall"):
                alt = f"Portrait of {person.name}"
                st.html(markup.image(person.portrait, alt, "lm-portrait"))
                listener_button(person, place="choose", width="stretch")
                origin = "" if person.catalogue == "demo" else f"{person.catalogue}: "
                st.html(markup.taste(origin + person.taste))


def listener_button(person, *, place, width):
    """Draw the button that chooses a listener."""
    st.button(
        person.name,
        key=f"{place}-{person.key}",
        type="primary" if person.key == choice().listener else "secondary",
        width=width,
        on_click=decide,
        kwargs={"listener": person.key},
    )


def profile(person, catalogue):
    """Show the tracks that a listener listens to, and play them."""
    st.subheader(f"What {person.name} listens to", anchor=False)
    table = listening(catalogue, person.user_name)
    left, right = st.columns([2, 3], gap="medium")
    with left:
        events = int(table["playcount"].sum())
        st.html(markup.figures((len(table), "tracks"), (events, "listening events")))
        if len(shares := genre_shares(table, least=0.01).head(7)):
            st.html(markup.bars(list(shares.items()), "Share of listening by genre"))
    with right:
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
            listen(catalogue, track["track_id"], track["title"], place="played", autoplay=True)
        else:
            st.caption("Select a row to play it.")


def listen(catalogue, track_id, title, *, place, autoplay=False):
    """Draw a player of a whole track."""
    preview = web_files.preview(catalogue, track_id, CONFIG.web_folder)
    audio = Resource(url=generate_audio_link(preview, base_url=CONFIG.audio_base_url))
    duration_s = len(catalogue.audio(track_id)) / SAMPLE_RATE
    player(WaveformData(title, audio, duration_s, autoplay=autoplay), key=f"{place}-{track_id}")


# -- recommendations ---------------------------------------------------------------------------
def recommendations(person, catalogues):
    """Show the ten most relevant tracks of a catalogue and the chosen one of them.

    Returns the catalogue and the chosen track, or None where there is no such track.
    """
    st.subheader(f"What the model recommends to {person.name}", anchor=False)
    names = list(catalogues)
    wanted = choice().catalogue or person.catalogue
    index = names.index(wanted if wanted in names else person.catalogue)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Catalogue", names, index=index, key=f"from-{person.key}", width=180)
        words = st.text_input("Search", placeholder="title, artist or genre", width=220)
        known = sorted(set(catalogues[name].tracks["genre"]) - {""})
        genres = st.multiselect("Genres", known, placeholder="all", width=260)
        unheard = st.toggle("Unheard tracks only", key="unheard")
    if wanted not in names:
        st.warning(markup.plain(phrases.UNKNOWN_CATALOGUE.format(wanted, name)))
    if name != wanted:
        decide(catalogue=name)
    catalogue, model = catalogues[name], person.model(CONFIG.experiments)
    st.caption(markup.plain(model.found.line))
    if not catalogue.track_ids:
        say_how(*phrases.empty_catalogue(name))
        return None
    scores = stored_relevance(model, catalogue)
    if scores is None:
        st.write(f"{person.name}'s model has not heard the catalogue {name} yet.")
        key = ("score", name, model.checksum)
        wait_for(key, ("score",), lambda on_progress: score(model, catalogue, on_progress))
        return None
    at_home = person.catalogue == name
    heard = set(listening(catalogue, person.user_name)["track_id"]) if at_home else set()
    table = ranked(catalogue, scores, heard)
    if not choice().track:
        decide(track=table.iloc[0]["track_id"])
    left, right = st.columns(2, gap="medium")
    with left:
        top_list(choose(table, words=words, genres=genres, unheard=unheard))
    with right:
        track = chosen_track(person, catalogue, table)
    return None if track is None else (catalogue, track)


def top_list(table):
    """Draw the first rows; a click on one chooses it and plays it."""
    if table.empty:
        st.info("No track matches. Search for something else, or allow more genres.")
    for _, track in table.head(TOP).iterrows():
        chosen = track["track_id"] == choice().track
        with st.container(key=f"row-{track['rank']}", gap=None):
            st.button(
                f"{track['rank']}. {markup.plain(track['title'])}",
                icon=":material/graphic_eq:" if chosen else ":material/play_circle:",
                key=f"pick-{track['track_id']}",
                type="tertiary",
                on_click=pick,
                args=(track["track_id"],),
            )
            st.html(markup.row(track["relevance"], track["artist"], track["genre"]))


def pick(track_id):
    """Choose a track by a click, which also plays it."""
    st.session_state.picked = track_id
    decide(track=track_id)


def chosen_track(person, catalogue, table):
    """Draw the chosen track: its relevance, its rank, its waveform to seek in."""
    rows = table[table["track_id"] == choice().track]
    if rows.empty:
        st.warning(markup.plain(phrases.UNKNOWN_TRACK.format(catalogue.name, choice().track)))
        return None
    track = rows.iloc[0]
    st.html(markup.heading(track["title"], track["artist"], track["genre"]))
    st.html(markup.bar(track["relevance"], label="Relevance"))
    rank = phrases.relevance_phrase(track["relevance"], track["rank"], len(table), person.name)
    st.write(rank + (" Heard before." if track["heard"] else " Not heard yet."))
    picked = st.session_state.get("picked") == track["track_id"]
    listen(catalogue, track["track_id"], track["title"], place="track", autoplay=picked)
    return track


# -- the explanation ---------------------------------------------------------------------------
@st.fragment
def explanation_section(person, catalogue, track_id, title):
    """Show why a track is recommended: in words, to hear, as a map, and in the mixer.

    Another kind runs only this part again.
    """
    st.subheader(f"Why “{markup.plain(title)}”?", anchor=False)
    kind = st.segmented_control(
        "What to take apart",
        list(TITLES),
        format_func=TITLES.get,
        default=choice().type,
        required=True,
        key=f"type-{track_id}",
    )
    if kind != choice().type:
        decide(type=kind)
    model = person.model(CONFIG.experiments)
    job = ExplanationJob(model, catalogue, track_id, CONFIG)
    explanation = job.stored(kind)
    if explanation is None:
        st.write(phrases.KIND_HELP[kind])
        key = ("explain", catalogue.name, track_id, model.checksum, kind)
        wait_for(key, STEPS, lambda on_progress: job.make(kind, on_progress), "Explain this track")
        return
    st.markdown(phrases.summary(explanation, person.name))
    low = explanation.fidelity < phrases.LOW_FIDELITY
    (st.warning if low else st.caption)(phrases.fidelity_phrase(explanation.fidelity))
    left, right = st.columns(2, gap="medium")
    above_map = right.container()
    right.html(markup.weight_map(explanation))  # before the view, whose stems may take a while
    view = view_of(job, explanation, job.heads())
    for number, highlight in enumerate(view.highlights):
        with above_map if highlight.title == "Against" else left:
            player(highlight, key=f"highlight-{number}-{track_id}-{kind}")
    what_if(person, view, title)


# -- a file of one's own -----------------------------------------------------------------------
def own_file_section(listeners):
    """Take a file in, and show its relevance to every listener."""
    st.subheader("Your own file", anchor=False)
    file = st.file_uploader(phrases.DROP_A_FILE, type=list(own_files.SUFFIXES))
    if file is not None and st.session_state.get("file") != file.file_id:
        st.session_state.file = file.file_id
        try:
            track_id = own_files.take_in(file, file.name, CONFIG.data_folder)
        except DataError as error:
            st.error(markup.plain(str(error)))
            return
        decide(catalogue=own_files.NAME, track=track_id)
    catalogue, track_id = own_files.own_files(CONFIG.data_folder), choice().track
    if choice().catalogue != own_files.NAME or not track_id:
        return
    if not own_files.is_kept(catalogue, track_id):
        st.info("This file is not kept any more: drop it again.")
        return
    title = own_files.title_of(catalogue, track_id)
    st.html(markup.heading(title, "your own file"))
    listen(catalogue, track_id, title, place="own")
    models = [person.model(CONFIG.experiments) for person in listeners]
    key = ("own", track_id, *(model.checksum for model in models))

    def score_own_file(on_progress):
        scores = own_files.relevance_of(catalogue, track_id, models, on_progress)
        own_file_scores()[key] = scores

    if key not in own_file_scores():
        wait_for(key, ("ask",), score_own_file)
        return
    st.write("Relevance to every listener; choose one to hear why.")
    scores = zip(own_file_scores()[key], listeners, strict=True)
    for relevance, person in sorted(scores, key=lambda pair: -pair[0]):
        with st.container(horizontal=True, vertical_alignment="center"):
            listener_button(person, place="own", width=140)
            st.html(markup.bar(relevance, label=f"Relevance to {person.name}"))
    if person := chosen_person(listeners):
        st.caption(markup.plain(person.model(CONFIG.experiments).found.line))
        explanation_section(person, catalogue, track_id, title)


# -- the page ----------------------------------------------------------------------------------
def chosen_person(listeners):
    """Return the chosen listener, or None."""
    return next((person for person in listeners if person.key == choice().listener), None)


def choose_first(first, catalogue):
    """Choose the first listener where nobody is chosen and the relevance is stored."""
    if choice().listener:
        return
    if stored_relevance(first.model(CONFIG.experiments), catalogue) is not None:
        decide(listener=first.key)


def say_how(words, commands):
    """Say what is missing, and which commands make it."""
    st.info(words)
    st.code(commands, language=None)


def main():
    """Draw the page."""
    app_files = files("explanations") / "app"
    st.set_page_config("LEMONS", str(app_files / "pictures" / "lemon.svg"), layout="wide")
    st.html(f"<style>{(app_files / 'page.css').read_text(encoding='utf-8')}</style>")
    choice()
    with st.sidebar:
        how_it_works()
    st.html(markup.page_head())
    catalogues = open_catalogues(CONFIG.data_folder)
    listeners = all_listeners() if catalogues else []
    if not listeners:
        say_how(*(phrases.NO_LISTENER if catalogues else phrases.NO_CATALOGUE))
        return
    st.segmented_control("View", VIEWS, key="view", required=True, label_visibility="collapsed")
    if st.session_state.view == VIEWS[1]:
        own_file_section(listeners)
        return
    if choice().catalogue == own_files.NAME:
        decide(catalogue="", track="")
    choose_first(listeners[0], catalogues[listeners[0].catalogue])
    gallery(listeners)
    if person := chosen_person(listeners):
        profile(person, catalogues[person.catalogue])
        if chosen := recommendations(person, catalogues):
            catalogue, track = chosen
            explanation_section(person, catalogue, track["track_id"], track["title"])
    elif choice().listener:
        st.warning(markup.plain(phrases.UNKNOWN_LISTENER.format(choice().listener)))


if __name__ == "__main__":
    try:
        main()
    except (DataError, ParameterError) as error:  # the message says which file is broken or gone
        st.error(markup.plain(str(error)))
else:  # imported by the server: the app on its own port, and the web folder under /audio
    app = st.App(__file__, routes=[mount(CONFIG.web_folder)], middleware=protection(CONFIG))
