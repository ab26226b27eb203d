"""The notebooks of docs/notebooks run from top to bottom, on a small catalogue."""

import ast
import contextlib
import io
import json
from pathlib import Path

NOTEBOOKS = Path(__file__).parents[2] / "docs" / "notebooks"


def run(name, **replaced):
    """Run the cells of a notebook; return what each shows, and what was printed."""
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())["cells"]
    assert not any(cell.get("outputs") for cell in cells), "notebooks are kept without outputs"
    shown, printed, names = [], io.StringIO(), {}
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        source = "".join(cell["source"])
        for before, after in replaced.items():
            source = source.replace(f'"{before}"', f'"{after}"')
        body = ast.parse(source).body
        last = body.pop() if isinstance(body[-1], ast.Expr) else None
        with contextlib.redirect_stdout(printed):
            exec(compile(ast.Module(body, []), name, "exec"), names)
            if last is not None:
                shown.append(eval(compile(ast.Expression(last.value), name, "eval"), names))
    return [one for one in shown if one is not None], printed.getvalue()


def test_every_notebook_is_run_here():
    assert {path.stem for path in NOTEBOOKS.iterdir()} == {
        "explain_a_track", "explain_your_own_model", "compare_listeners",
    }  # fmt: skip


def test_explain_a_track(house):
    shown, _ = run("explain_a_track", demo="own")
    assert len(shown) == 6
    tracks, explanation, table, moments, picture, page = shown
    assert len(tracks) == 2 and len(table) == 5 and len(moments) == 2
    assert "<audio" in explanation._repr_html_()
    assert len(picture.axes[0].patches) == 3
    assert page.read_text().count("<audio") == 3


def test_explain_your_own_model():
    (explanation, cost, strongest), printed = run("explain_your_own_model")
    assert "<audio" in explanation._repr_html_()
    assert cost.calls < 100 < cost.plain_calls == 10 * 2**15
    assert {name[:-1] for name in strongest[0][:2]} == {"bass", "clicks"}
    linear, with_pairs = (float(word.rstrip(",\n")) for word in printed.split() if "." in word)
    assert linear + 0.1 < with_pairs <= 1


def test_compare_listeners(house, on_trunk):
    on_trunk("nina", "paige")
    shown, printed = run("compare_listeners", demo="own")
    listeners, weights, correlations = shown
    assert listeners == ["marko", "nina", "paige"]
    assert list(weights.index) == listeners and "relevance" in weights
    assert correlations.shape == (3, 3)
    assert [line.split(":")[0] for line in printed.splitlines()] == listeners
