"""The rooms import each other one way only, and light modules stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHARED = ("lemons_utils", "lemons_audio", "lemons_jobs")
ROOMS = ("recsys", "audiolime", "explanations")
MAY_IMPORT = {
    "lemons_utils": set(),
    "lemons_audio": {"lemons_utils"},
    "lemons_jobs": {"lemons_utils"},
    "recsys": {"recsys", *SHARED},
    "audiolime": {"audiolime", *SHARED},
    "explanations": {"explanations", "audiolime", "recsys", *SHARED},
}
SACRED = {"recsys.experiment", "recsys.eval", "recsys.tracking"}
KNOW_THE_DEMO = {
    "explanations.stems",
    "explanations.studies.planted",
    "explanations.studies.planted.measuring",
}
HEAVY = [
    "av",
    "altair",
    "dask",
    "distributed",
    "duckdb",
    "filelock",
    "joblib",
    "librosa",
    "matplotlib",
    "mutagen",
    "numba",
    "pandas",
    "pyarrow",
    "pymongo",
    "sacred",
    "safetensors",
    "scipy",
    "sklearn",
    "soundfile",
    "soxr",
    "streamlit",
    "tensorboard",
    "tqdm",
]


def modules() -> dict[str, Path]:
    found = {name: ROOT / f"{name}.py" for name in SHARED}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path) -> set[str]:
    """All modules that a file imports, wherever in the file, as absolute names."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1]
            source = ".".join(([*base] if node.level else []) + [node.module or ""]).strip(".")
            found |= {source} | {f"{source}.{alias.name}" for alias in node.names}
    return found


MODULES = modules()
HOUSE = {*ROOMS, *SHARED, "benchmarks", "tests", "config_template"}


@pytest.mark.parametrize("name", MODULES)
def test_arrows_run_one_way(name):
    used = imports(name, MODULES[name])
    ours = {module.split(".")[0] for module in used} & HOUSE
    assert ours <= MAY_IMPORT[name.split(".")[0]]
    if not name.startswith("recsys.demo") and name not in KNOW_THE_DEMO:
        assert not any(module.startswith("recsys.demo") for module in used)


def test_sacred_and_streamlit_stay_in_their_rooms():
    for name, path in MODULES.items():
        libraries = {module.split(".")[0] for module in imports(name, path)}
        assert "sacred" not in libraries or name in SACRED, name
        assert (
            "streamlit" not in libraries
            or name == "explanations.lemons"
            or name.startswith("explanations.app")
            or name.startswith("explanations.player")
        ), name


@pytest.mark.parametrize("name", ["recsys.model", "recsys.training", "audiolime.exact"])
def test_loads_with_torch_and_numpy_alone(name):
    script = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.split('.')[0] in {HEAVY!r}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        f"import {name}\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
