"""The Python side of the page, without a browser: every state, and how one leads to the next."""

import ast
import itertools
import re
import shutil
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from explanations.app import markup
from explanations.app.explanation_job import ExplanationJob
from lemons_utils import DataError

PAGE = Path(__file__).parents[3] / "explanations" / "lemons.py"


@pytest.fixture
def open_page(monkeypatch):
    """Open the page over a data folder, with what a link says."""

    def open_page(folder: Path, **parameters: str) -> AppTest:
        monkeypatch.setenv("LEMONS_DATA_FOLDER", str(folder))
        st.cache_resource.clear()
        app = AppTest.from_file(PAGE, default_timeout=120)
        for name, value in parameters.items():
            app.query_params[name] = value
        return good(app.run())

    return open_page


def good(app: AppTest) -> AppTest:
    assert not app.exception, app.exception
    return app


def texts(app: AppTest) -> str:
    kinds = ("subheader", "markdown", "caption", "info", "error", "warning")
    said = "\n".join(str(e.value) for kind in kinds for e in app.get(kind))
    plain = said.replace("\\", "").replace(markup.JOINER, "")
    return plain + "".join(e.proto.body for e in app.get("html"))


def keys(app: AppTest) -> list[str]:
    return [button.key or "" for button in app.button]


def pick_first(app: AppTest) -> str:
    """Choose Marko and the first recommendation, whose id is returned."""
    good(app.button(key="choose-marko").click().run())
    first = next(key for key in keys(app) if key.startswith("pick-"))
    good(app.button(key=first).click().run())
    return first.removeprefix("pick-")


def test_nothing_of_the_code_is_written_on_the_page():
    """Streamlit writes whatever value stands alone in the file of a page."""
    alone = [node for node in ast.parse(PAGE.read_text()).body[1:] if isinstance(node, ast.Expr)]
    assert not [node for node in alone if not isinstance(node.value, ast.Call)]


def test_says_how_to_make_a_catalogue(open_page, tmp_path):
    app = open_page(tmp_path)
    assert "no catalogue" in app.info[0].value
    assert "make demo" in app.code[0].value


def test_says_how_to_train_a_listener(open_page, tmp_path, house):
    (tmp_path / "catalogues").symlink_to(house / "catalogues")
    app = open_page(tmp_path)
    assert "No listener" in app.info[0].value
    assert "recsys.experiment" in app.code[0].value


def test_what_runs_out_while_it_is_read_does_not_end_the_page(open_page, house, monkeypatch):
    """Streamlit looks at its clock twice when it reads something that it keeps for some time."""
    clock = itertools.count(step=3)
    timer = "streamlit.runtime.caching.cache_utils.TTLCACHE_TIMER"
    monkeypatch.setattr(timer, lambda: float(next(clock)))
    app = open_page(house)
    for _ in range(3):
        good(app.run())
    assert "choose-paige" in keys(app)


def test_shows_everybody_with_a_model(open_page, house):
    app = open_page(house)
    assert {"choose-marko", "choose-paige"} <= set(keys(app))
    assert "whatever hums" in texts(app)  # as the catalogue says it
    good(app.button(key="choose-paige").click().run())
    assert "Paige listens to" in texts(app)


def test_says_so_where_a_link_names_nobody(open_page, house):
    app = open_page(house, listener="nobody", type="nonsense", mask="zz")
    assert "no listener “nobody”" in texts(app)


def test_shows_profile_and_recommendations(open_page, house):
    app = open_page(house)
    track_id = pick_first(app)
    said = texts(app)
    assert "<b>5</b>tracks" in said
    assert "<b>15</b>listening events" in said
    assert "not heard yet" in said, "what is new comes first"
    assert re.search(r"above \d+ % of all tracks", said)
    assert "model: 2026-01-02_03-04-05-demo-marko (" in said
    assert "<b>Band</b>" not in said.replace("&lt;b&gt;", "")  # tags of a file stay text
    assert app.query_params["listener"] == "marko"
    assert app.query_params["track"] == track_id


def test_searches_and_filters(open_page, house):
    app = open_page(house)
    pick_first(app)

    def shown() -> int:
        return sum(key.startswith("pick-") for key in keys(app))

    assert shown() == 10
    good(app.toggle(key="heard").set_value(True).run())
    assert shown() == 10
    good(app.text_input[0].set_value("HUM 3]").run())
    assert shown() == 1
    good(app.toggle(key="heard").set_value(False).run())
    assert shown() == 0
    good(app.text_input[0].set_value("CHIRP").run())
    assert shown() == 5
    good(app.text_input[0].set_value("").run())
    good(app.multiselect[0].set_value(["hum"]).run())
    assert shown() == 0  # Marko has heard everything that hums
    assert "No track matches" in texts(app)
    assert "which is chosen, is not among these" in texts(app)
    good(app.toggle(key="heard").set_value(True).run())
    assert shown() == 5


def test_explains_stores_and_shares(open_page, house):
    app = open_page(house, type="source")
    track_id = pick_first(app)
    explain = next(button for button in app.button if button.label == "Explain this track")
    good(explain.click().run())
    assert re.search(r"Marko (gets|does not get) “", texts(app))
    assert "idelity" in texts(app)
    assert texts(app).count("<tr>") >= 5
    stored = house / "stored_explanations" / "demo" / "marko" / track_id
    assert {"tables.npz", "time.json", "source.json"} <= {path.name for path in stored.iterdir()}
    served = [path.relative_to(house / "web") for path in (house / "web").rglob("*.*")]
    kinds = {path.parts[0] for path in served}
    assert kinds == {"previews", "stems", "tables", "highlights"}

    again = open_page(house, listener="marko", track=track_id, type="time")
    assert "Explain this track" not in [button.label for button in again.button]


def test_viewers_choose_for_themselves(open_page, house):
    one = open_page(house, listener="marko")
    other = open_page(house, listener="paige")
    good(one.run())
    assert "What Marko listens to" in texts(one)
    assert "What Paige listens to" in texts(other)


def test_a_taste_is_taught_by_three_likes(open_page, house):
    app = open_page(house)
    good(app.button(key="choose-you").click().run())
    for left in ("3 more tracks", "2 more tracks", "1 more track"):
        assert f"like {left}" in texts(app)
        likes = [key for key in keys(app) if key.startswith("Like-")]
        good(app.button(key=likes[0]).click().run())
    assert "3 liked, 0 disliked" in texts(app)
    assert re.search("Why “.*” for you\\?|You (do not )?get “", texts(app))
    good(next(b for b in app.button if b.label == "Forget it").click().run())
    assert "like 3 more tracks" in texts(app)


def test_the_medley_passes_what_cannot_be_explained(house, tmp_path, monkeypatch):
    for part in ("catalogues", "experiments", "trunks"):
        shutil.copytree(house / part, tmp_path / part)
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path))
    st.cache_resource.clear()

    def fail(*arguments: object) -> None:
        raise DataError("the stems are gone")

    monkeypatch.setattr(ExplanationJob, "make", fail)
    app = AppTest.from_file(PAGE, default_timeout=120)
    app.query_params["listener"] = "paige"
    app.session_state["medley"] = True
    good(app.run())
    assert not app.session_state["medley"]
    words = app.session_state["medley_words"]
    assert words.endswith("”, which is not explained. That was the last of 10 tracks.")
    assert "Explain this track" in [b.label for b in app.button] or "the stems are gone" in texts(
        app
    )


def test_a_listener_without_a_history_comes_last_and_has_no_profile(open_page, house, tmp_path):
    for part in ("catalogues", "experiments", "trunks"):
        shutil.copytree(house / part, tmp_path / part)
    (ana,) = (tmp_path / "experiments").glob("*-demo-paige")
    card = next(ana.glob("best_model*.json"))
    shutil.copytree(ana, ana.with_name(ana.name.replace("paige", "ana")))
    other = ana.with_name(ana.name.replace("paige", "ana")) / card.name
    other.write_text(other.read_text().replace('"paige"', '"ana"'))
    app = open_page(tmp_path)
    chosen = [key for key in keys(app) if key.startswith("choose-")]
    assert chosen == ["choose-marko", "choose-paige", "choose-ana", "choose-you"]
    good(app.button(key="choose-ana").click().run())
    assert "Ana" in texts(app) and "listens to" not in texts(app)
    assert any(key.startswith("pick-") for key in keys(app))
