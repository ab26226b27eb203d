"""The packages and their shelves import each other one way only, and light modules stay light."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHARED = (
    "lemons_places",
    "lemons_processes",
    "lemons_utils",
    "lemons_versions",
    "lemons_journal",
    "lemons_limits",
    "lemons_arrays",
    "lemons_decoding",
    "lemons_audio",
    "lemons_jobs",
    "lemons_commands",
)
PACKAGES = ("recsys", "audiolime", "explanations")
OURS = {*PACKAGES, *SHARED, "benchmarks", "tests", "config_template"}
MAY_IMPORT = {
    "lemons_processes": set(),
    "lemons_places": set(),
    "lemons_commands": {"lemons_places", "lemons_processes"},
    "lemons_utils": {"lemons_places", "lemons_processes"},
    "lemons_versions": set(),
    "lemons_journal": {"lemons_utils"},
    "lemons_limits": {"lemons_utils"},
    "lemons_arrays": {"lemons_utils", "lemons_limits"},
    "lemons_decoding": {"lemons_places", "lemons_utils", "lemons_limits"},
    "lemons_audio": {"lemons_utils", "lemons_limits", "lemons_decoding"},
    "lemons_jobs": {"lemons_places", "lemons_processes", "lemons_utils"},
    "recsys": {"recsys", *SHARED},
    "audiolime": {"audiolime", *SHARED},
    "explanations": {"explanations", "audiolime", "recsys", *SHARED},
}
# What a shelf may import of its own package; loose modules that are not listed may import all.
CORE = {
    f"explanations.{name}"
    for name in ("explanation", "pairs", "store", "stems", "listeners", "explain")
}
AUDIO = "audiolime.data_provider"  # the published explainer's audio, which tiles are cut from
EXPLAINER = {"audiolime.neighbourhood", "audiolime.surrogate"}
SHELVES = {
    "audiolime.separation": set(),
    "audiolime.components": {"audiolime.separation", AUDIO},
    "audiolime.exact": {"audiolime.components", "audiolime.separation", *EXPLAINER},
    AUDIO: set(),
    **dict.fromkeys(sorted(EXPLAINER), EXPLAINER),
    **dict.fromkeys(sorted(CORE), CORE),
    "explanations.app": {"explanations.player", "explanations.taste_profile", *CORE},
    "explanations.taste_profile": {"explanations.player.palette", *CORE},
    "explanations.studies": CORE,
    "explanations.player": set(),
}
LOOSE = 22
"""Modules that a package may have beside its shelves."""
LINES = 350
SACRED = {"recsys.experiment", "recsys.eval", "recsys.tracking", "recsys.mongo"}
KNOW_THE_DEMO = ("explanations.demo", "explanations.stems", "explanations.studies.planted")
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
    "msgspec",
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
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(name: str, path: Path) -> set[str]:
    """All modules that a file imports, wherever in the file, as absolute names.

    `from a import b` is of `a.b` where that is a module of ours, and of `a` where it is not.
    """
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1]
            source = ".".join(([*base] if node.level else []) + [node.module or ""]).strip(".")
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                found.add(inner if inner in MODULES else source)
    return found


IMPORTS = {name: imports(name, path) for name, path in MODULES.items()}


def is_in(module: str, shelf: str) -> bool:
    return f"{module}.".startswith(f"{shelf}.")


@pytest.mark.parametrize("name", MODULES)
def test_arrows_run_one_way(name):
    ours = {module.split(".")[0] for module in IMPORTS[name]} & OURS
    assert ours <= MAY_IMPORT[name.split(".")[0]]
    knows_the_demo = any(is_in(name, shelf) for shelf in KNOW_THE_DEMO)
    if not is_in(name, "recsys.demo") and not knows_the_demo:
        assert not any(is_in(module, "recsys.demo") for module in IMPORTS[name])


@pytest.mark.parametrize("shelf", SHELVES)
def test_shelves_import_what_they_may(shelf):
    package, may = shelf.split(".")[0], {shelf, *SHELVES[shelf]}
    assert any(is_in(name, shelf) for name in MODULES)
    for name in MODULES:
        if is_in(name, shelf):
            inside = {module for module in IMPORTS[name] if is_in(module, package)}
            wrong = {module for module in inside if not any(is_in(module, other) for other in may)}
            assert wrong == set(), name


def circles(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """Find the sets of modules that reach each other."""

    def reached(start: str) -> set[str]:
        found, waiting = set(), [start]
        while waiting:
            new = graph[waiting.pop()] & graph.keys() - found
            found |= new
            waiting += new
        return found

    reach = {name: reached(name) for name in graph}
    return [
        circle
        for name in sorted(graph)
        if name
        == min(circle := {other for other in reach[name] if name in reach[other]}, default=None)
    ]


def test_circles_are_found():
    graph = {"a": {"b"}, "b": {"c", "numpy"}, "c": {"b"}, "d": {"a", "d"}}
    assert circles(graph) == [{"b", "c"}, {"d"}]


def test_there_are_no_circles():
    assert circles(IMPORTS) == []


def test_benchmarks_are_imported_by_benchmarks_alone():
    own = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    for name in MODULES:
        assert not {module for module in IMPORTS[name] if module in {"benchmarks", *own}}, name


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_has_few_modules_beside_its_shelves(package):
    loose = [path.name for path in (ROOT / package).glob("*.py") if path.name != "__init__.py"]
    assert len(loose) <= LOOSE, sorted(loose)


def product_files() -> Iterator[Path]:
    yield from ROOT.glob("*.py")
    for folder in (*PACKAGES, "benchmarks"):
        for suffix in ("py", "js"):
            yield from (ROOT / folder).rglob(f"*.{suffix}")


def test_no_file_is_long():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in product_files()
    }
    assert {path: n for path, n in lengths.items() if n > LINES} == {}


def test_no_two_classes_have_one_name():
    names = Counter(
        node.name
        for path in product_files()
        if path.suffix == ".py"
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in names.items() if count > 1] == []


def without_encoding(path: Path) -> list[int]:
    """Return the lines of a module that open a text file in the encoding of the machine."""
    lines = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or "encoding" in {word.arg for word in node.keywords}:
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        modes = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
        modes = [mode for mode in modes if isinstance(mode, str) and mode in ("r", "w", "a", "x")]
        if name in ("read_text", "write_text") or (name == "open" and modes):
            lines.append(node.lineno)
    return lines


@pytest.mark.parametrize("name", MODULES)
def test_text_files_are_utf_8_on_every_machine(name):
    assert without_encoding(MODULES[name]) == []


def test_sacred_and_streamlit_stay_in_their_places():
    for name in MODULES:
        libraries = {module.split(".")[0] for module in IMPORTS[name]}
        assert "sacred" not in libraries or name in SACRED, name
        may = ("explanations.lemons", "explanations.app", "explanations.player")
        assert "streamlit" not in libraries or any(is_in(name, shelf) for shelf in may), name


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
