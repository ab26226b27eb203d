"""The demo app: see why a track is recommended, hear it, change it.

    streamlit run explanations/lemons.py

Reads top to bottom like the page it draws. What it shows is made by the modules beside it;
long work goes to `explanations.app.job_queue`, which all viewers share.
"""

import uuid
from dataclasses import asdict, replace
from importlib.resources import files

import streamlit as st

from explanations.app import markup, own_files, phrases, web_files
from explanations.app.job_queue import FAILED, Workers
from explanations.app.page_address import link, read_address, write_address
from explanations.app.people import genre_shares, listening, open_catalogues, people, picture
from explanations.app.recommendations import TOP, choose, ranked, score, stored_relevance
from explanations.app.view import STEPS, Commission, exhibit
from explanations.listeners import load_listener
from explanations.player import Resource, WaveformData, mixer, player
from explanations.store import TYPES
from explanations.webserver import mount
from lemons_utils import SAMPLE_RATE, DataError, ParameterError, configuration, generate_audio_link

CONFIG = configuration()
VIEWS = ("Recommendations", "Your own file")


# -- what all viewers share --------------------------------------------------------------------
@st.cache_resource(show_spinner=False)
def workers():
    """Keep one queue of long work."""
    return Workers()


@st.cache_resource(show_spinner=False)
def own_scores():
    """Remember the relevance of own files."""
    return {}


@st.cache_resource(ttl=5, show_spinner=False)
def everybody():
    """List the listeners; somebody trained meanwhile appears within seconds."""
    return people(open_catalogues(CONFIG.data_folder), CONFIG.experiments)


@st.cache_resource(max_entries=64, show_spinner=False)
def shown(_commission, _explanation, identity):
    """Keep what is ready to be seen and heard."""
    return exhibit(_commission, _explanation)


def model_of(person):
    """Load a listener's newest model."""
    return load_listener(
        person.user_name, catalogue=person.catalogue, experiments=CONFIG.experiments
    )


# -- what one viewer has chosen ----------------------------------------------------------------
def choice():
    """Return what is chosen; at first, what the link says."""
    state = st.session_state
    if "choice" not in state:
        state.viewer, state.stopped = uuid.uuid4().hex, set()
        state.choice = read_address(st.query_params)
        state.view = VIEWS[state.choice.catalogue == own_files.NAME]
    return state.choice


def decide(**changes):
    """Choose something else, and say so in the address bar."""
    st.session_state.choice = choice().changed(**changes)
    if st.query_params.to_dict() != write_address(choice()):
        st.query_params.from_dict(write_address(choice()))


def wait_for(key, steps, work, button=""):
    """Draw long work: the button that starts it, its progress, or why it failed."""
    viewer, stopped = st.session_state.viewer, st.session_state.stopped
    job = workers().job(key, viewer)
    if job and job.state != FAILED:
        watch(key)
        return
    if job:
        st.error(markup.plain(f"This did not work: {job.error}"))
        button = "Try again"
    elif key in stopped:
        button = button or "Go on"
    if not button or st.button(button, type="primary", key=f"start-{key}"):
        stopped.discard(key)
        workers().leave(key, viewer)
        workers().ask(key, viewer, steps, work)
        st.rerun()


@st.fragment(run_every=0.5)
def watch(key):
    """Draw the progress of a job until it ends."""
    job = workers().job(key, st.session_state.viewer)
    if job is None or job.ended:
        if job and job.state != FAILED:
            workers().leave(key, st.session_state.viewer)
        st.rerun()
    words = phrases.progress_phrase(job, workers().ahead_of(job))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(job.fraction, text=words)
        st.button("Cancel", key=f"cancel-{key}", on_click=cancel, args=(key,))


def cancel(key):
    """Stop waiting, and do not start again by itself."""
    workers().leave(key, st.session_state.viewer)
    st.session_state.stopped.add(key)


# -- the sidebar -------------------------------------------------------------------------------
def how_it_works():
    """Explain recommendation, explanation and the three types, each with a picture."""
    st.header("How does it work?", anchor=False)
    for name, title, words in phrases.HOW_IT_WORKS:
        st.subheader(title, anchor=False)
        st.html(f'<div class="lm-picture">{markup.image(picture(name))}</div>')
        st.write(words)


# -- the listener ------------------------------------------------------------------------------
def gallery(found):
    """Show everybody whose taste can be explained."""
    st.subheader("Whose music?", anchor=False)
    with st.container(horizontal=True, gap="xsmall"):
        for person in found:
            chosen = person.key == choice().listener
            with st.container(border=True, width=118, key=f"card-{person.key}", gap="xsmall"):
                alt = f"Portrait of {person.name}"
                st.html(markup.image(person.portrait, alt, "lm-portrait"))
                st.button(
                    person.name,
                    key=f"choose-{person.key}",
                    type="primary" if chosen else "secondary",
                    width="stretch",
                    on_click=decide,
                    kwargs={"listener": person.key},
                )
                of = "" if person.catalogue == "demo" else f"{person.catalogue}: "
                st.html(markup.taste(of + person.taste))


def profile(person, catalogue):
    """Show what somebody listens to, and play it."""
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
            listen(catalogue, track["track_id"], track["title"], of="played", autoplay=True)
        else:
            st.caption("Select a row to play it.")


def listen(catalogue, track_id, title, *, of, autoplay):
    """Draw a player of a whole track."""
    place = web_files.preview(catalogue, track_id, CONFIG.web_folder)
    audio = Resource(url=generate_audio_link(place, base_url=CONFIG.audio_base_url))
    seconds = len(catalogue.audio(track_id)) / SAMPLE_RATE
    player(WaveformData(title, audio, seconds, autoplay=autoplay), key=f"{of}-{track_id}")


# -- recommendations ---------------------------------------------------------------------------
def recommendations(person, found):
    """Show the ten most relevant tracks of a catalogue and the chosen one of them."""
    st.subheader(f"What the model recommends to {person.name}", anchor=False)
    names = list(found)
    at = names.index(choice().catalogue if choice().catalogue in names else person.catalogue)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Catalogue", names, index=at, key=f"from-{person.key}", width=180)
        words = st.text_input("Search", placeholder="title, artist or genre", width=220)
        known = sorted(set(found[name].tracks["genre"]) - {""})
        genres = st.multiselect("Genres", known, placeholder="all", width=260)
        unheard = st.toggle("Unheard tracks only", key="unheard")
    if choice().catalogue not in ("", *names):
        st.warning(markup.plain(phrases.unknown_catalogue(choice().catalogue, name)))
    if name != (choice().catalogue or person.catalogue):
        decide(catalogue=name)
    catalogue, model = found[name], model_of(person)
    if not catalogue.track_ids:
        say_how(*phrases.empty_catalogue(name))
        return None, None
    scores = stored_relevance(model, catalogue)
    if scores is None:
        st.write(f"{person.name}'s model has not heard the catalogue {name} yet.")
        key = ("score", name, model.checksum)
        wait_for(key, ("score",), lambda job: score(model, catalogue, job.progress))
        return None, None
    heard = set(listening(catalogue, person.user_name)["track_id"]) if (
        person.catalogue == name
    ) else set()  # fmt: skip
    table = ranked(catalogue, scores, heard)
    if not choice().track:
        decide(track=table.iloc[0]["track_id"])
    left, right = st.columns(2, gap="medium")
    with left:
        top_list(choose(table, words=words, genres=genres, unheard=unheard))
    with right:
        return catalogue, chosen_track(person, catalogue, table)


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
    """Choose a track by hand: then it plays at once."""
    st.session_state.picked = track_id
    decide(track=track_id)


def chosen_track(person, catalogue, table):
    """Draw the chosen track: its relevance, its rank, its waveform to seek in."""
    found = table[table["track_id"] == choice().track]
    if found.empty:
        st.warning(markup.plain(phrases.unknown_track(choice().track, catalogue.name)))
        return None
    track = found.iloc[0]
    st.html(markup.heading(track["title"], track["artist"], track["genre"]))
    st.html(markup.bar(track["relevance"], label="Relevance"))
    said = phrases.relevance_phrase(track["relevance"], track["rank"], len(table), person.name)
    st.write(said + (" Heard before." if track["heard"] else " Not heard yet."))
    picked = st.session_state.get("picked") == track["track_id"]
    listen(catalogue, track["track_id"], track["title"], of="track", autoplay=picked)
    return track


# -- the explanation ---------------------------------------------------------------------------
@st.fragment
def explanation(person, catalogue, track_id, title):
    """Show why a track is recommended: in words, to hear, as a map, and in the mixer.

    Another type runs only this part again.
    """
    st.subheader(f"Why “{markup.plain(title)}”?", anchor=False)
    type = st.segmented_control(
        "What to take apart",
        TYPES,
        format_func=phrases.TYPE_LABELS.get,
        default=choice().type,
        required=True,
        key=f"type-{track_id}",
    )
    if type != choice().type:
        decide(type=type)
    model = model_of(person)
    commission = Commission.of(model, catalogue, track_id, CONFIG)
    found = commission.stored(type)
    if found is None:
        st.write(phrases.TYPE_HELP[type])
        key = ("explain", catalogue.name, track_id, model.checksum, type)
        wait_for(key, STEPS, lambda job: commission.make(type, job.progress), "Explain this track")
        return
    st.markdown(phrases.summary(found, person.name))
    low = found.fidelity < phrases.LOW_FIDELITY
    (st.warning if low else st.caption)(phrases.fidelity_phrase(found.fidelity))
    left, right = st.columns(2, gap="medium")
    above_map = right.container()
    right.html(markup.weight_map(found))  # first: the rest may have to be mixed
    whole = shown(commission, found, str(asdict(found)))
    for number, highlight in enumerate(whole.highlights):
        with above_map if highlight.title == "Against" else left:
            player(highlight, key=f"highlight-{number}-{track_id}-{type}")
    what_if(person, whole, title)


@st.fragment
def what_if(person, whole, title):
    """Draw the mixer; only its buttons come back here, and then only this part runs again."""
    st.subheader("What if?", anchor=False)
    st.write(phrases.WHAT_IF)
    key = f"mixer-{whole.explanation.request.audio_checksum}-{whole.explanation.type}"
    if choice().mask and not whole.mask(choice().mask):
        st.warning(markup.plain(phrases.unknown_mask(choice().mask)))
    heard = mixer(replace(whole.mixer, mask=whole.mask(choice().mask)), key=key)
    if heard.action:
        decide(mask=heard.mask)
        share(person, whole, title)


@st.dialog("Share or save", width="medium")
def share(person, whole, title):
    """Offer the link that reproduces the page, and everything that can be saved."""
    st.write("This link shows the same listener, track, explanation and mix:")
    st.code(link(st.context.url or "", choice()), language=None, wrap_lines=True)
    for file in whole.downloads(whole.mask(choice().mask), title=title, name=person.name):
        st.download_button(
            file.label,
            file.make,
            file.file_name,
            file.media_type,
            on_click="ignore",
            width="stretch",
            icon=":material/download:",
        )


# -- a file of one's own -----------------------------------------------------------------------
def own_file(found):
    """Take a file in, and show what every listener's model says of it."""
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
    listen(catalogue, track_id, title, of="own", autoplay=False)
    models = [model_of(person) for person in found]
    key = ("own", track_id, *(model.checksum for model in models))
    if key not in own_scores():
        wait_for(key, ("ask",), lambda job: own_scores().setdefault(
            key, own_files.relevance_of(catalogue, track_id, models, job.progress)
        ))  # fmt: skip
        return
    st.write("Relevance to every listener; choose one to hear why.")
    scores = sorted(zip(own_scores()[key], found, strict=True), key=lambda pair: -pair[0])
    for relevance, person in scores:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                person.name,
                key=f"own-{person.key}",
                type="primary" if person.key == choice().listener else "secondary",
                width=140,
                on_click=decide,
                kwargs={"listener": person.key},
            )
            st.html(markup.bar(relevance, label=f"Relevance to {person.name}"))
    if person := chosen_person(found):
        explanation(person, catalogue, track_id, title)


# -- the page ----------------------------------------------------------------------------------
def chosen_person(found):
    """Find who is chosen, if it is somebody who is here."""
    return next((person for person in found if person.key == choice().listener), None)


def choose_first(listeners, found):
    """Begin with the first listener where all is there to be shown at once."""
    first = listeners[0]
    if (
        not choice().listener
        and stored_relevance(model_of(first), found[first.catalogue]) is not None
    ):
        decide(listener=first.key)


def say_how(words, commands):
    """Say what is missing, and which commands make it."""
    st.info(words)
    st.code(commands, language=None)


def main():
    """Draw the page."""
    pictures = files("explanations") / "app" / "pictures"
    st.set_page_config("LEMONS", str(pictures / "lemon.svg"), layout="wide")
    st.html(f"<style>{(files('explanations') / 'app' / 'page.css').read_text()}</style>")
    choice()
    with st.sidebar:
        how_it_works()
    st.html(markup.page_head())
    found = open_catalogues(CONFIG.data_folder)
    listeners = everybody() if found else []
    if not listeners:
        words, commands = phrases.NO_LISTENER if found else phrases.NO_CATALOGUE
        say_how(words, commands)
        return
    st.segmented_control("View", VIEWS, key="view", required=True, label_visibility="collapsed")
    if st.session_state.view == VIEWS[1]:
        own_file(listeners)
    else:
        if choice().catalogue == own_files.NAME:
            decide(catalogue="", track="")
        choose_first(listeners, found)
        gallery(listeners)
        if person := chosen_person(listeners):
            profile(person, found[person.catalogue])
            catalogue, track = recommendations(person, found)
            if track is not None:
                explanation(person, catalogue, track["track_id"], track["title"])
        elif choice().listener:
            st.warning(markup.plain(phrases.unknown_listener(choice().listener)))


if __name__ == "__main__":
    try:
        main()
    except (DataError, ParameterError) as error:  # a file is broken or gone: it says which
        st.error(markup.plain(str(error)))
else:  # imported by the server: the app on its own port, and the web folder under /audio
    app = st.App(__file__, routes=[mount(CONFIG.web_folder)])
