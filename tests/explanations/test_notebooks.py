"""The notebooks of docs/notebooks run from top to bottom, on a small catalogue."""

import base64
import json
import re

import numpy as np
import pandas as pd
import soundfile
from matplotlib.figure import Figure

import audiolime.showing
from tests.explanations.notebooks import NOTEBOOKS, OUTPUTS, Ran, checksum, run, shown, sources


def tried(name: str, **replaced: str) -> tuple[list[object], str]:
    """Run a notebook; return what its cells show, and what they print.

    What they show is of the kinds that the site shows.
    """
    ran = run(name, **replaced)
    assert [cell.kinds for cell in ran] == [cell["kinds"] for cell in kept(name)]
    values = [cell.value for cell in ran if cell.value is not None]
    return values, "".join(cell.printed for cell in ran)


def kept(name: str) -> list[dict[str, object]]:
    return json.loads((OUTPUTS / f"{name}.json").read_text(encoding="utf-8"))


def test_the_site_shows_outputs_of_the_cells_that_are_there():
    """If not, run `python -m tests.explanations.notebooks` after `make demo`."""
    files = {path.name for path in OUTPUTS.iterdir() if path.suffix != ".json"}
    named = set()
    for notebook in NOTEBOOKS.glob("*.ipynb"):
        cells = kept(notebook.stem)
        assert [cell["source"] for cell in cells] == [*map(checksum, sources(notebook.stem))]
        assert [not cell["shown"] for cell in cells] == [not cell["kinds"] for cell in cells]
        named |= {*re.findall(r"outputs/([\w.-]+)", "".join(cell["shown"] for cell in cells))}
    assert named == files


def test_what_cells_show_is_markdown(tmp_path):
    def name(suffix: str):
        return tmp_path / f"file{suffix}"

    class Page:
        def _repr_html_(self):
            sound = audiolime.showing.flac(np.zeros(16_000, np.float32), 16_000)
            return f"<p>\n\n<audio src='data:audio/flac;base64,{base64.b64encode(sound).decode()}'>"

    figure = Figure()
    table = pd.DataFrame({"a": [0.123456]})
    texts = {
        "text": Ran("", "printed\n", [1]),
        "table": Ran("", "", table),
        "picture": Ran("", "", figure),
        "page": Ran("", "", Page()),
    }
    for kind, cell in texts.items():
        assert cell.kinds[-1] == kind
    assert shown(texts["text"], name) == "```text\nprinted\n```\n\n```text\n[1]\n```"
    assert "<td>0.1235</td>" in shown(texts["table"], name)
    assert shown(texts["picture"], name).endswith("(outputs/file.png)")
    assert "<audio src='../outputs/file.mp3'>" in shown(texts["page"], name)
    assert "\n\n" not in shown(texts["page"], name)
    assert soundfile.info(tmp_path / "file.mp3").frames >= 16_000
    assert (tmp_path / "file.png").read_bytes().startswith(b"\x89PNG")
    assert Ran("", "", None).kinds == []


def test_every_notebook_is_run_here():
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == {
        "explain_a_track", "explain_your_own_model", "compare_listeners",
    }  # fmt: skip


def test_explain_a_track(house):
    shown, _ = tried("explain_a_track", demo="own")
    assert len(shown) == 6
    tracks, explanation, table, moments, picture, page = shown
    assert len(tracks) == 2 and len(table) == 5 and len(moments) == 2
    assert "<audio" in explanation._repr_html_()
    assert len(picture.axes[0].patches) == 3
    assert page.read_text().count("<audio") == 3


def test_explain_your_own_model():
    (explanation, cost, strongest), printed = tried("explain_your_own_model")
    assert "<audio" in explanation._repr_html_()
    assert cost.calls < 100 < cost.plain_calls == 10 * 2**15
    assert {name[:-1] for name in strongest[0][:2]} == {"bass", "clicks"}
    linear, with_pairs = (float(word.rstrip(",\n")) for word in printed.split() if "." in word)
    assert linear + 0.1 < with_pairs <= 1


def test_compare_listeners(house, on_trunk):
    on_trunk("nina", "paige")
    shown, printed = tried("compare_listeners", demo="own")
    listeners, weights, correlations = shown
    assert listeners == ["marko", "nina", "paige"]
    assert list(weights.index) == listeners and "relevance" in weights
    assert correlations.shape == (3, 3)
    assert [line.split(":")[0] for line in printed.splitlines()] == listeners
