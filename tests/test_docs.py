"""The examples of README and documentation run, and print what the pages say."""

import contextlib
import io
import re
import shlex
from importlib.util import find_spec

import numpy as np
import pytest

import audiolime
from lemons_audio import write_audio
from lemons_commands import COMMANDS
from tests.declared import ROOT

PAGES = {path.name: path.read_text() for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]}
PAGES |= {path.name: path.read_text() for path in sorted((ROOT / "docs").glob("*.md"))}
EXAMPLE = re.compile(r"```python\n(.*?)```(?:\n+```text\n(.*?)```)?", re.DOTALL)
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
NOT_RUN = {
    ("README.md", 0): "needs a trained listener; tests/explanations/test_notebooks.py runs it",
    ("data-sets.md", 0): "goes on from a split; tests/recsys/importers/test_published.py runs it",
    ("data-sets.md", 1): "goes on from a split; tests/recsys/importers/test_published.py runs it",
    ("exact.md", 0): "names what a reader brings; tests/audiolime/exact runs every method",
    ("exact.md", 1): "names what a reader brings; tests/audiolime/exact/test_windowed.py runs it",
    ("exact.md", 2): "names what a reader brings; tests/audiolime/exact/test_adapt.py runs it",
    ("separation.md", 0): "separates an MP3; tests/audiolime/separation runs it",
    ("separation.md", 1): "goes on from a catalogue; tests/audiolime/separation/test_cache.py",
}
"""Examples by page and number that do not run here, and why."""

EXAMPLES = {
    (page, number): example
    for page, text in PAGES.items()
    for number, example in enumerate(EXAMPLE.findall(text))
}


def energy(waveforms):
    loud = np.abs(waveforms).mean(axis=1)
    return np.stack([1 - loud, loud], axis=1)


@pytest.fixture
def brought(tmp_path, monkeypatch):
    """What the reader of an example brings: a model and a song."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    time = np.arange(3 * 16_000) / 16_000
    waveform = 0.2 * np.sin(2 * np.pi * 110 * time) + 0.1 * rng.standard_normal(len(time))
    write_audio(tmp_path / "song.flac", waveform, sample_rate=16_000)
    return {
        "predict_fn": energy,
        "waveform": waveform.astype(np.float32),
        "sample_rate": 16_000,
    }


@pytest.mark.parametrize(("page", "number"), [each for each in EXAMPLES if each not in NOT_RUN])
def test_an_example_prints_what_the_page_says(brought, page, number):
    code, expected = EXAMPLES[page, number]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, f"{page}, example {number}", "exec"), brought)
    if expected:
        assert printed.getvalue() == expected
    elif printed.getvalue():
        assert re.fullmatch(
            r"(\w+\d: [+-]0\.\d{4}, \d\.\d to \d\.\d s\n){3}fidelity: \d\.\d\d\n",
            printed.getvalue(),
        )


def test_what_does_not_run_is_there():
    assert set(NOT_RUN) <= set(EXAMPLES)
    assert len(EXAMPLES) - len(NOT_RUN) == 7


# -- command lines -----------------------------------------------------------------------------
OTHERS = {".", "cd", "conda", "dask", "docker", "npm", "npx", "pip", "pre-commit"}


def lines_of(page):
    for block in SHELL.findall(PAGES[page]):
        for line in block.replace("\\\n", " ").splitlines():
            yield from filter(None, line.partition("#")[0].split(" && "))


def source_of(module):
    """Return the source of a command's module and of what it takes its options from."""
    spec = find_spec(module)
    assert spec is not None, module
    folder = ROOT / module.replace(".", "/")
    files = [*folder.glob("*.py")] if folder.is_dir() else [folder.with_suffix(".py")]
    files += [ROOT / "lemons_jobs.py", ROOT / "recsys" / "experiment.py"]
    files += [*(ROOT / "recsys" / "listening").glob("*.py")]
    files += [*(ROOT / "explanations" / "studies").glob("*.py")]
    return "\n".join(file.read_text() for file in files)


@pytest.mark.parametrize("page", [page for page in PAGES if any(lines_of(page))])
def test_a_command_line_of_a_page_names_what_there_is(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in lines_of(page):
        words = [word for word in shlex.split(line) if not re.match(r"[A-Z_]+=", word)]
        if words[0] in OTHERS:
            continue
        if words[0] == "make":
            assert words[1] in targets, line
            continue
        if words[0] in COMMANDS:
            module = COMMANDS[words[0]][0]
            module = module.removesuffix(".command").removesuffix(".folder")
        elif words[:2] == ["python", "-m"]:
            module = words[2]
        else:
            assert words[0] in ("python", "python3"), line
            script = words[1]
            places = [ROOT / script, ROOT / "recsys" / script]
            (file,) = [place for place in places if place.is_file()]
            module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        source = source_of(module)
        for word in words:
            if word.startswith("--"):
                name = word.removeprefix("--")
                assert f'"{word}"' in source or f'"{name}"' in source, f"{line}: {word}"
        if "with" in words:
            for name, _, _ in (each.partition("=") for each in words[words.index("with") + 1 :]):
                assert f'"{name}": ' in source, f"{line}: {name}"


# -- the page on audiolime ---------------------------------------------------------------------
def test_every_name_of_the_page_and_of_the_package_can_be_imported():
    named = re.findall(r"from audiolime import (\w+)`", PAGES["audiolime.md"])
    assert len(named) >= 9
    for name in {*named, *audiolime.__all__}:
        exec(f"from audiolime import {name}")  # names modules, too
    assert set(audiolime.__all__) <= set(dir(audiolime))
    with pytest.raises(AttributeError, match="no attribute 'lime_image'"):
        audiolime.lime_image  # noqa: B018


# -- links -------------------------------------------------------------------------------------
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_somewhere(page):
    home = ROOT if page in ("README.md", "CONTRIBUTING.md") else ROOT / "docs"
    for link in LINK.findall(PAGES[page]):
        path, _, anchor = link.partition("#")
        if path.startswith("https:"):
            continue
        target = (home / path).resolve() if path else home / page
        assert target.exists(), link
        if anchor:
            titles = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in slugs, link
