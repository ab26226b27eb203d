"""Run the notebooks on the demo, and keep what they show for the documentation's site.

    python -m tests.explanations.notebooks

after `make demo`. The site is built without a demo, which takes minutes to make, and the notebooks
themselves have no outputs. `docs/notebooks/outputs/<name>.json` has those of each cell as Markdown,
beside pictures and sounds; test_notebooks.py holds that they belong to the cells that are there.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import hashlib
import io
import json
import pprint
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

NOTEBOOKS = Path(__file__).parents[2] / "docs" / "notebooks"
OUTPUTS = NOTEBOOKS / "outputs"

_SOUND = re.compile(r"data:audio/\w+;base64,([A-Za-z0-9+/=]+)")


@dataclass(frozen=True)
class Ran:
    """A cell that has run: its source, what it printed, and the value of its last expression."""

    source: str
    printed: str
    value: Any

    @property
    def kinds(self) -> list[str]:
        """Say what it shows: a text, a table, a picture or a page."""
        kinds = ["text"] if self.printed else []
        if self.value is not None:
            by_method = {"to_html": "table", "savefig": "picture", "_repr_html_": "page"}
            found = (kind for name, kind in by_method.items() if hasattr(self.value, name))
            kinds.append(next(found, "text"))
        return kinds


def sources(notebook: str) -> list[str]:
    """Return the sources of a notebook's cells of code."""
    cells = json.loads((NOTEBOOKS / f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") for cell in cells), "notebooks are kept without outputs"
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def run(notebook: str, **replaced: str) -> list[Ran]:
    """Run the cells of a notebook, in which some texts are replaced by others."""
    names: dict[str, Any] = {}
    ran = []
    for source in sources(notebook):
        code = source
        for before, after in replaced.items():
            code = code.replace(f'"{before}"', f'"{after}"')
        body = ast.parse(code).body
        last = body.pop() if isinstance(body[-1], ast.Expr) else None
        printed, value = io.StringIO(), None
        with contextlib.redirect_stdout(printed):
            exec(compile(ast.Module(body, []), notebook, "exec"), names)
            if isinstance(last, ast.Expr):
                value = eval(compile(ast.Expression(last.value), notebook, "eval"), names)
        ran.append(Ran(source, printed.getvalue(), value))
    return ran


def checksum(source: str) -> str:
    """Return the checksum of a cell's source."""
    return hashlib.sha256(source.encode()).hexdigest()


# -- as Markdown -------------------------------------------------------------------------------
def shown(cell: Ran, name: Callable[[str], Path]) -> str:
    """Return what a cell shows as Markdown.

    `name` takes the suffix of a file that Markdown refers to, and returns where to write it.
    """
    return "\n\n".join(_parts(cell, name))


def _parts(cell: Ran, name: Callable[[str], Path]) -> Iterator[str]:
    if cell.printed:
        yield f"```text\n{cell.printed.rstrip()}\n```"
    kind = cell.kinds[-1] if cell.value is not None else ""
    if kind == "table":
        table = cell.value.to_html(border=0, float_format="{:.4g}".format)
        yield _block(table.replace(' class="dataframe"', ""))
    elif kind == "picture":
        file = name(".png")
        cell.value.savefig(file, dpi=90)
        yield f"![What the cell draws](outputs/{file.name})"
    elif kind == "page":
        yield _block(_SOUND.sub(lambda found: _heard(found[1], name), cell.value._repr_html_()))
    elif kind == "text":
        yield f"```text\n{pprint.pformat(cell.value, width=96)}\n```"


def _block(html: str) -> str:
    """Return HTML that Markdown leaves as it is: one block, without empty lines."""
    lines = [line for line in html.splitlines() if line.strip()]
    return "\n".join(['<div style="overflow-x: auto">', *lines, "</div>"])


def _heard(content: str, name: Callable[[str], Path]) -> str:
    """Write a sound as MP3, which is small, and return its address on the page's site."""
    waveform, rate = soundfile.read(io.BytesIO(base64.b64decode(content)))
    file = name(".mp3")
    soundfile.write(file, waveform, rate, format="MP3")
    return f"../outputs/{file.name}"


def write(notebook: str) -> None:
    """Run a notebook, and write what its cells show in place of what they did."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        ran = run(notebook)
    OUTPUTS.mkdir(exist_ok=True)
    for old in OUTPUTS.glob(f"{notebook}*"):
        old.unlink()
    files: list[Path] = []

    def name(suffix: str) -> Path:
        files.append(OUTPUTS / f"{notebook}-{len(files) + 1}{suffix}")
        return files[-1]

    cells = [
        {"source": checksum(cell.source), "kinds": cell.kinds, "shown": shown(cell, name)}
        for cell in ran
    ]
    text = json.dumps(cells, indent=1, ensure_ascii=False) + "\n"
    (OUTPUTS / f"{notebook}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for each in sys.argv[1:] or sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")):
        print(each)
        write(each)
