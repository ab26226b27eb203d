"""What is installed is what is written down, wherever it is written down."""

import ast
import email
import importlib.util
import re
import socket
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import urllib.request
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import lemons_utils
from lemons_commands import COMMANDS
from tests.declared import EXTRAS, PROJECT, ROOT, requirements

CONDA_NAMES = {
    "pytorch": "torch",
    "pysoundfile": "soundfile",
    "soxr-python": "soxr",
    "python-duckdb": "duckdb",
}
LOCK_LINE = re.compile(r"^([A-Za-z0-9._-]+)==([^;\s]+)")


def pins(name: str) -> list[str]:
    """Return a pin a line, with its checksums."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def locked() -> dict[str, str]:
    lines = [*pins("requirements.lock"), *pins("requirements-torch.txt")]
    found = [LOCK_LINE.match(line) for line in lines]
    assert all(found), "every line of the lock pins one package with =="
    return {m[1].lower().replace("_", "-"): m[2] for m in found}


def test_every_pin_but_that_of_torch_has_checksums():
    """`pip install --require-hashes` takes no line without one."""
    for line in pins("requirements.lock"):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}(?:\s|$)", line), line.split()[0]
    assert [LOCK_LINE.match(line)[1] for line in pins("requirements-torch.txt")] == ["torch"]


def test_conda_environment_holds_what_the_project_needs():
    environment = yaml.safe_load((ROOT / "lemons.yml").read_text())
    assert environment["name"] == "lemons"
    *packages, from_pip = environment["dependencies"]
    named = [
        Requirement(line) for line in packages + from_pip["pip"] if line not in ("pip", "-e .")
    ]
    conda = {CONDA_NAMES.get(each.name, each.name): each.specifier for each in named}
    assert conda.pop("python") == SpecifierSet(PROJECT["requires-python"])
    assert f"torchaudio{conda.pop('torchaudio')}" in EXTRAS["torchaudio"]
    assert conda == {each.name: each.specifier for each in requirements("all")}


def test_lock_pins_every_requirement_of_project_and_tests():
    pinned = locked()
    missing = [each.name for each in requirements("dev") if each.name.lower() not in pinned]
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


def test_every_command_is_a_script_of_the_project_and_of_an_extra():
    assert PROJECT["scripts"] == dict.fromkeys(sorted(COMMANDS), "lemons_commands:main")
    assert {extra for _, extra in COMMANDS.values()} <= set(EXTRAS)


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


# -- what is published -------------------------------------------------------------------------
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


def build(what: str, source: Path, into: Path) -> Path:
    """Build `sdist` or `wheel` of a folder with its own build backend; return the file."""
    script = f"from setuptools import build_meta; print(build_meta.build_{what}({str(into)!r}))"
    # The backend works in the folder itself, where another process may build as well.
    busy = RuntimeError(f"{source} has been built for 10 minutes")
    with lemons_utils.locked(Path(tempfile.gettempdir()) / "lemons-build.lock", busy, wait_s=600):
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=source, check=True, capture_output=True, text=True
        )
    return into / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The source archive, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build("sdist", ROOT, folder)) as files:
        files.extractall(folder, filter="data")
    return next(path for path in folder.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def installed(unpacked, tmp_path_factory):
    """A new virtual environment with the wheel of the source archive, and this one's packages."""
    wheel = build("wheel", unpacked, tmp_path_factory.mktemp("wheel"))
    names = set(zipfile.ZipFile(wheel).namelist())
    assert settings_files() <= names
    assert {f"{package}/py.typed" for package in ("audiolime", "explanations", "recsys")} <= names
    assert not any(name.startswith(("tests/", "benchmarks/", "docs/")) for name in names)
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    into = ["--python", str(folder / "bin" / "python"), "install", "--no-deps", "--no-index"]
    # Not the environment of this process: its PYTHONPATH may hold another LEMONS.
    subprocess.run([*pip, *into, str(wheel)], check=True, capture_output=True, env=ENVIRONMENT)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


@pytest.mark.slow
def test_the_source_archive_holds_all_settings_and_tests_itself(unpacked):
    locks = ("requirements.lock", "requirements-torch.txt")
    for name in (*settings_files(), *locks, "Makefile", "tests/golden/lime.json"):
        assert (unpacked / name).is_file(), name
    tests = ["tests/test_arrows.py", "tests/test_docs.py", "tests/test_lemons_utils.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=unpacked, env=ENVIRONMENT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_page_of_the_wheel_has_no_link_to_a_file(installed):
    (found,) = installed.glob("lib/python*/site-packages/lemons-*.dist-info/METADATA")
    page = email.message_from_bytes(found.read_bytes())
    assert page["Description-Content-Type"] == "text/markdown"
    text = page.get_payload()
    assert "# LEMONS" in text and "`docs/tutorial.md`" in text
    assert all(link.startswith("https://") for link in re.findall(r"\]\(([^)]*)\)", text))


def test_links_lead_to_the_source_or_are_names():
    spec = importlib.util.spec_from_file_location("setup", ROOT / "setup.py")
    setup = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(setup)
    page = "![A](a/b.png) [b](c.md#d) [`e.py`](e.py) [f](https://f.org) [g](#g)"
    assert setup.description(page, {}) == " b (`c.md#d`) `e.py` [f](https://f.org) [g](#g)"
    assert setup.description(page, {"Source": "https://there.org/x/"}) == (
        "![A](https://there.org/x/raw/HEAD/a/b.png) [b](https://there.org/x/blob/HEAD/c.md#d) "
        "[`e.py`](https://there.org/x/blob/HEAD/e.py) [f](https://f.org) [g](#g)"
    )


@pytest.mark.slow
def test_a_plain_wheel_install_works(installed, tmp_path):
    script = (
        "import pathlib, lemons_utils, lemons_audio, lemons_jobs, recsys.model, audiolime;"
        "from recsys.demo import compose; compose(0);"
        "from explanations.player import share_page;"
        "from explanations.studies.page import write_page;"
        "write_page(pathlib.Path('page.html'), {}, {}, command='x');"
        "print(lemons_utils.__file__, lemons_utils.configuration().data_folder)"
    )
    python = [str(installed / "bin" / "python"), "-c", script]
    environment = {**ENVIRONMENT, "HOME": str(tmp_path)}
    done = subprocess.run(
        python, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    module, data_folder = done.stdout.split()
    assert Path(module).is_relative_to(installed) and data_folder == str(tmp_path / "lemons")


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_a_wheel_says_what_it_takes(installed, tmp_path, name):
    done = subprocess.run(
        [str(installed / "bin" / name), "--help"],
        cwd=tmp_path, env={**ENVIRONMENT, "HOME": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0 and "usage" in done.stdout.lower(), done.stderr


@pytest.mark.slow
def test_a_wheel_has_its_settings_where_one_works_and_its_errors_name_its_commands(
    installed, tmp_path
):
    environment = {**ENVIRONMENT, "HOME": str(tmp_path / "home")}
    work, own = tmp_path / "work", tmp_path / "home" / ".config" / "lemons"
    work.mkdir()
    own.mkdir(parents=True)
    command = [str(installed / "bin" / "lemons-predict"), "--user_name", "a", "--catalogue", "b"]

    def says() -> str:
        done = subprocess.run(
            command, cwd=work, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        return done.stderr

    assert f"no catalogue 'b' in {tmp_path}/home/lemons/catalogues" in says()
    assert "`lemons-demo` builds `demo`" in says()
    (own / "config.py").write_text("data_folder = 'mine'")
    assert f"in {own}/mine/catalogues" in says()
    (work / "config.py").write_text("data_folder = 'here'")
    assert f"in {work}/here/catalogues" in says()


@pytest.mark.slow
def test_the_app_of_a_wheel_runs(installed, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "config.py").write_text(f"app_port = {port}\ndata_folder = 'data'")
    app = subprocess.Popen(
        [str(installed / "bin" / "lemons-app"), "--no_browser"],
        cwd=tmp_path, env={**ENVIRONMENT, "HOME": str(tmp_path)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health") as answer:
                    assert answer.status == 200
                break
            except OSError:
                assert app.poll() is None, "the app has ended"
                time.sleep(0.2)
        else:
            pytest.fail("the app does not answer")
    finally:
        app.terminate()
        app.wait(60)
