"""What a command loads before it works: every library costs its start some tenths of a second.

docs/performance.md has what each costs. A library that a command needs for some of its work alone
is imported where that work is done.
"""

import re
import subprocess
import sys
from importlib import import_module
from importlib.metadata import packages_distributions

import pytest
from packaging.utils import canonicalize_name

from tests.declared import ROOT, requirements

TABLES = {"numpy", "pandas", "pyarrow", "tqdm"}
NETWORK = TABLES | {"torch"}
RUNS = NETWORK | {"sacred"}
SERVER = {"h11", "starlette", "uvicorn"}

MAY_LOAD = {
    "separation": ({"numpy"}, ["audiolime.separation"]),
    "servers": (SERVER, ["explanations.launch", "explanations.webserver"]),
    "tables": (
        TABLES,
        [
            "recsys.demo",
            "recsys.experiments",
            "recsys.hub",
            "recsys.importers.lastfm",
            "recsys.importers.listenbrainz",
            "recsys.importers.msd",
            "recsys.importers.musdb",
            "recsys.importers.published",
            "recsys.importers.spotify",
            "recsys.ingest",
            "recsys.listening",
        ],
    ),
    "networks": (
        NETWORK,
        [
            "explanations.explain",
            "explanations.removals",
            "explanations.store_explanations",
            "explanations.studies.fidelity",
            "explanations.studies.real_music",
            "explanations.studies.separators",
            "explanations.studies.stability",
            "recsys.predict",
            "recsys.verify",
        ],
    ),
    "runs": (
        RUNS,
        [
            "explanations.studies.planted",
            "explanations.studies.sanity",
            "recsys.demo.build",
            "recsys.eval",
            "recsys.experiment",
            "recsys.train_all",
            "recsys.trunk",
        ],
    ),
    "records": (TABLES | {"pymongo", "sacred"}, ["recsys.mongo"]),
    "report": (RUNS | {"jinja2"}, ["explanations.studies.report"]),
    "demo": (RUNS | SERVER, ["explanations.demo", "explanations.first_page"]),
}
"""Commands by what they may load of the packages that pyproject.toml names, and of SciPy's."""

CHEAP = {"filelock", "platformdirs", "scipy", "setuptools"}
"""Packages that cost a command 10 ms or less, or load with Python; SciPy's own packages cost more,
and are told by their names."""

LIBRARIES = {canonicalize_name(each.name) for each in requirements("all")} - CHEAP
HOUSES = packages_distributions()


HELP = """
import contextlib, io, runpy, sys
for command in sys.argv[1:]:
    sys.argv = [command, "--help"]
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as printed:
        runpy.run_module(command, run_name="__main__", alter_sys=True)
    assert "usage" in printed.getvalue().lower(), command
print(*sys.modules)
"""


def loaded_by(commands: list[str]) -> set[str]:
    """Return what commands load to print their help: libraries, and SciPy's packages."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", HELP, *commands],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = done.stdout.split()
    names = {name.partition(".")[0] for name in loaded}
    houses = {canonicalize_name(house) for name in names for house in HOUSES.get(name, ())}
    scipy = {name for name in loaded if re.fullmatch(r"scipy\.[a-z]\w+", name)}
    return (houses & LIBRARIES) | (scipy - {"scipy.version"})


@pytest.mark.parametrize("name", MAY_LOAD)
def test_commands_load_no_more_than_they_need(name: str) -> None:
    libraries, commands = MAY_LOAD[name]
    assert loaded_by(commands) <= libraries


def test_every_command_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    commands = import_module("startup").commands()
    held = [command for _, commands in MAY_LOAD.values() for command in commands]
    assert sorted(held) == sorted(commands)
