"""What the page shows first is made once, by the last step of `make demo`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import streamlit as st
from streamlit.testing.v1 import AppTest

from explanations import first_page
from lemons_utils import DataError, configuration

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "explanations" / "lemons.py"


@pytest.fixture(scope="module")
def prepared(house: Path, tmp_path_factory) -> Path:
    """A copy of the small house in which the first page is ready."""
    folder = tmp_path_factory.mktemp("prepared")
    for part in ("catalogues", "experiments", "trunks"):
        shutil.copytree(house / part, folder / part)
    for scored in folder.glob("catalogues/*/relevance"):
        shutil.rmtree(scored)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEMONS_DATA_FOLDER", str(folder))
        patch.setattr(first_page, "PROFILED", 3)
        patch.setattr(first_page.os, "cpu_count", lambda: 1)  # here, without a start of workers
        said = first_page.prepare(configuration())
    assert "for Marko, model: 2026-01-02_03-04-05-demo-marko (" in said
    return folder


def test_says_what_is_missing(tmp_path, monkeypatch, house):
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path))
    with pytest.raises(DataError, match="no catalogue"):
        first_page.prepare(configuration())
    (tmp_path / "catalogues").symlink_to(house / "catalogues")
    with pytest.raises(DataError, match="No listener"):
        first_page.prepare(configuration())


def test_the_page_opens_with_all_that_was_prepared(prepared, monkeypatch):
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(prepared))
    st.cache_resource.clear()
    app = AppTest.from_file(PAGE, default_timeout=120).run()
    assert not app.exception
    assert not app.query_params, "an address is the viewer's choice"
    assert_answers(app)
    asked = {button.label for button in app.button} & {"Explain this track", "Cancel", "Go on"}
    assert not asked, "nothing is left to compute"
    for type in first_page.KINDS:
        other = AppTest.from_file(PAGE, default_timeout=120)
        other.query_params["type"] = type
        assert_answers(other.run())
    kinds = {
        path.relative_to(prepared / "web").parts[0] for path in (prepared / "web").rglob("*.*")
    }
    assert kinds == {"previews", "stems", "tables", "heads", "highlights"}
    assert len(list((prepared / "web" / "previews").rglob("*.mp3"))) >= 10


def test_the_taste_profile_is_ready_and_its_examples_play(prepared, monkeypatch):
    """Of Paige, who is on the trunk; Marko's network would take minutes."""
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(prepared))
    st.cache_resource.clear()
    app = AppTest.from_file(PAGE, default_timeout=120)
    app.query_params["listener"] = "marko"
    assert not any("What carries" in e.proto.body for e in app.run().get("html"))
    app.query_params["listener"] = "paige"
    assert any("What carries Paige" in e.proto.body for e in app.run().get("html"))
    assert any(m.value.startswith("Over the 3 tracks that") for m in app.markdown)
    examples = [button for button in app.button if (button.key or "").startswith("example-")]
    assert len(examples) >= 3
    app = examples[-1].click().run()
    assert not app.exception
    (sound,) = (prepared / "web" / "examples").rglob("*.flac")
    assert soundfile.info(sound).duration > 1


def assert_answers(app: AppTest) -> None:
    (answer,) = (e.proto.body for e in app.get("html") if 'class="lm-answer"' in e.proto.body)
    assert ">Marko gets “" in answer or ">Marko does not get “" in answer


def test_a_second_run_makes_nothing_and_ends_without_a_terminal(prepared):
    def files() -> dict[Path, int]:
        found = [path for path in prepared.rglob("*") if path.is_file()]
        # stems.json is touched whenever stems are used: the cache forgets the oldest.
        return {path: path.stat().st_mtime_ns for path in found if path.name != "stems.json"}

    before = files()
    done = subprocess.run(
        [sys.executable, "-m", "explanations.first_page"],
        cwd=ROOT,
        env={**os.environ, "LEMONS_DATA_FOLDER": str(prepared)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert files() == before
    assert "The first page is ready" in done.stdout
    assert f"make app` starts the demo app at http://127.0.0.1:{configuration().app_port}" in (
        done.stdout
    )
