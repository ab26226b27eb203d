"""The report finds the studies, runs them as commands, and makes one page that needs no other."""

import re
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from explanations.studies import report
from explanations.studies.page import write_page
from explanations.studies.stability import STUDY as stability
from explanations.studies.study import StudySection

from .conftest import HERE

TINY = (*HERE, "--tracks", "any", "--num_explanations", "1", "--num_samples", "16")


@pytest.fixture
def two_studies(monkeypatch):
    """One study that works, on the small catalogue, and one whose command fails."""

    def study(name: str, run: tuple[str, ...]) -> SimpleNamespace:
        return SimpleNamespace(
            module=stability.module, name=name, title=name.capitalize(),
            full=(run,), quick=(run,), section=stability.section,
        )  # fmt: skip

    def no_section(folder):
        raise report.DataError("nothing measured")

    works, fails = study("stability", TINY), study("broken", ("--catalogue", "nowhere"))
    fails.section = no_section
    monkeypatch.setattr(report, "studies", lambda: {"stability": works, "broken": fails})


def test_every_package_of_a_study_is_in_the_report_and_is_a_command(capsys):
    known = report.studies()
    assert list(known) == [
        "stability", "fidelity", "planted", "sanity", "separators", "real_music"
    ]  # fmt: skip
    home = Path(report.__file__).parent
    assert set(known) == {path.parent.name for path in home.glob("*/__main__.py")}
    for name, study in known.items():
        assert import_module(study.module).STUDY is study and study.title
        assert all(isinstance(word, str) for run in study.full + study.quick for word in run)
        with pytest.raises(SystemExit, match="0"):
            study.main(["--help"])
        usage = capsys.readouterr().out
        assert f"usage: python -m explanations.studies.{name} " in usage
        assert all(option in usage for option in ("--out", "--cache", "--jobs"))


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
    assert report.main(["--out", str(out / ".." / out.name), "--page_only"]) == 0
    assert capfd.readouterr().out == f"page: {out / 'index.html'}\n"
    assert "there are no results of stability" in (out / "index.html").read_text()


def test_a_study_that_there_is_not_is_named(small, two_studies, capsys):
    assert report.main(["--only", "beauty"]) == 2
    assert "no study 'beauty': there are stability, broken" in capsys.readouterr().err


def test_names_and_numbers_cannot_break_the_page(tmp_path):
    section = StudySection(
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
