"""The report finds the studies, runs them as commands, and makes one page that needs no other."""

import re
from types import SimpleNamespace

import pandas as pd
import pytest

from explanations.studies import report, stability
from explanations.studies.page import write_page
from explanations.studies.study import Section

from .conftest import HERE

TINY = (*HERE, "--tracks", "any", "--num_explanations", "1", "--num_samples", "16")


@pytest.fixture
def two_studies(monkeypatch):
    """One study that works, on the small catalogue, and one whose command fails."""

    def study(name: str, run: tuple[str, ...], order: int) -> SimpleNamespace:
        return SimpleNamespace(
            __name__=stability.__name__, NAME=name, TITLE=name.capitalize(), ORDER=order,
            FULL=(run,), QUICK=(run,), section=stability.section,
        )  # fmt: skip

    def no_section(folder):
        raise report.DataError("nothing measured")

    works, fails = study("stability", TINY, 1), study("broken", ("--catalogue", "nowhere"), 2)
    fails.section = no_section
    monkeypatch.setattr(report, "studies", lambda: {"stability": works, "broken": fails})


def test_studies_are_found_by_what_their_modules_offer():
    found = report.studies()
    assert list(found)[:2] == ["stability", "fidelity"] and "sanity" in found
    assert not {"report", "page", "study", "subjects", "measures", "randomised"} & set(found)
    for module in found.values():
        assert module.TITLE and callable(module.main) and callable(module.section)
        assert all(isinstance(word, str) for run in module.FULL + module.QUICK for word in run)
    orders = [module.ORDER for module in found.values()]
    assert orders == sorted(orders)


def test_what_works_is_shown_and_what_fails_is_named(small, two_studies, tmp_path, capfd):
    out = tmp_path / "results"
    assert report.main(["--out", str(out)]) == 2
    said = capfd.readouterr()
    assert "`python -m explanations.studies.stability` failed" in said.err
    page = (out / "index.html").read_text()
    assert "Not measured: nothing measured" in page
    assert "<td>16</td>" in page and "python -m explanations.studies.stability" in page
    assert str(tmp_path) not in page

    # nothing is fetched from elsewhere, and every picture is inside
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page) and "url(" not in page
    assert page.count("data:image/png;base64,") == 1

    (out / "stability.csv").unlink()
    assert report.main(["--out", str(out), "--page_only"]) == 0
    assert "there are no results of stability" in (out / "index.html").read_text()


def test_a_study_that_there_is_not_is_named(small, two_studies, capsys):
    assert report.main(["--only", "beauty"]) == 2
    assert "no study 'beauty': there are stability, broken" in capsys.readouterr().err


def test_names_and_numbers_cannot_break_the_page(tmp_path):
    section = Section(
        title="A < B", question="Is <b>x</b> & y?", findings=["<script>alert(1)</script>"],
        tables=[("<i>", pd.DataFrame({"<u>": ["</table>"]}))],
    )  # fmt: skip
    write_page(tmp_path / "index.html", {"a": section}, {"<s>": "a & b"}, command="x <y>")
    page = (tmp_path / "index.html").read_text()
    for tag in ("<b>", "<script>", "<i>", "<u>", "<s>", "<y>"):
        assert tag not in page
    assert page.count("</table>") == 1 and "A &lt; B" in page


@pytest.mark.slow  # five minutes on two cores
def test_quick_report(tmp_path, monkeypatch):
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert report.main(["--quick"]) == 0
    page = (tmp_path / "results-quick" / "index.html").read_text()
    assert "Not measured" not in page
    assert all(f'<section id="{name}">' in page for name in report.studies())
