"""What is installed is what is written down, wherever it is written down."""

import ast
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {
    "pytorch": "torch",
    "pysoundfile": "soundfile",
    "soxr-python": "soxr",
    "python-duckdb": "duckdb",
}
LOCK_LINE = re.compile(r"^([A-Za-z0-9._-]+)==([^;\s]+)")


def requirement(line: str) -> tuple[str, str]:
    name, version = re.fullmatch(r"([A-Za-z0-9._-]+)\s*([^;]*?)\s*(?:;.*)?", line).groups()
    return name.lower().replace("_", "-"), version


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    found = [LOCK_LINE.match(line) for line in lines if line and not line.startswith("#")]
    assert all(found), "every line of requirements.lock pins one package with =="
    return {m[1].lower().replace("_", "-"): m[2] for m in found}


def test_conda_environment_holds_what_the_project_needs():
    environment = yaml.safe_load((ROOT / "lemons.yml").read_text())
    assert environment["name"] == "lemons"
    *packages, from_pip = environment["dependencies"]
    conda = dict(requirement(line) for line in packages + from_pip["pip"] if line != "-e .")
    conda = {CONDA_NAMES.get(name, name): version for name, version in conda.items()}
    assert conda.pop("python") == PROJECT["requires-python"]
    conda.pop("pip")
    torchaudio = conda.pop("torchaudio")
    needed = dict(requirement(line) for line in PROJECT["dependencies"])
    assert conda == needed
    assert [f"torchaudio{torchaudio}"] == PROJECT["optional-dependencies"]["torchaudio"]


def test_lock_pins_every_requirement_of_project_and_tests():
    pinned = locked()
    wanted = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
    missing = [name for name, _ in map(requirement, wanted) if name not in pinned]
    assert not missing
    assert pinned["torch"] == "2.13.0"
    assert tuple(map(int, pinned["setuptools"].split("."))) < (80, 9)


def test_environment_is_the_locked_one():
    wrong = {}
    for name, version in locked().items():
        installed = metadata.version(name).split("+")[0]
        if installed != version:
            wrong[name] = (installed, version)
    assert not wrong, f"installed is not what requirements.lock says: {wrong}"


def test_setup_py_is_one_line():
    assert len((ROOT / "setup.py").read_text().splitlines()) == 1


def test_config_template_names_every_setting():
    from lemons_utils import Configuration

    tree = ast.parse((ROOT / "config_template.py").read_text())
    names = {node.targets[0].id for node in tree.body if isinstance(node, ast.Assign)}
    assert names == set(Configuration.__dataclass_fields__)


def settings_files() -> set[str]:
    """Name the tables of the band and what the app asks of Streamlit."""
    tables = {str(path.relative_to(ROOT)) for path in (ROOT / "recsys/demo").glob("*.toml")}
    assert "recsys/demo/genres.toml" in tables
    return {*tables, "explanations/.streamlit/config.toml"}


@pytest.mark.slow
def test_the_source_archive_holds_all_settings(tmp_path):
    script = f"from setuptools import build_meta; build_meta.build_sdist({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True)
    (archive,) = tmp_path.glob("lemons-*.tar.gz")
    with tarfile.open(archive) as files:
        names = {name.partition("/")[2] for name in files.getnames()}
    assert settings_files() <= names


@pytest.mark.slow
def test_a_plain_wheel_install_works(tmp_path):
    """Build the wheel, unpack it alone, and run from it: nothing may come from the checkout."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("lemons-*.whl")
    assert settings_files() <= set(zipfile.ZipFile(wheel).namelist())
    target = tmp_path / "site"
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--target", str(target), str(wheel)],
        check=True,
        capture_output=True,
    )
    script = (
        "import pathlib, lemons_utils, lemons_audio, lemons_jobs, recsys.model, audiolime;"
        "from recsys.demo import compose; compose(0);"
        "from explanations.player import share_page;"
        "from explanations.studies.page import write_page;"
        "write_page(pathlib.Path('page.html'), {}, {}, command='x');"
        "print(lemons_utils.__file__, lemons_utils.configuration().data_folder)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(target), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [str(target / "lemons_utils.py"), str(tmp_path / "lemons")]
