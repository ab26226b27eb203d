"""What an extra installs is enough for what it promises, and everything imported is declared."""

import ast
import re
import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest
from packaging.utils import canonicalize_name

from lemons_commands import COMMANDS
from tests.declared import ROOT, needed, requirements

OURS = {"audiolime", "explanations", "recsys"}
OPTIONAL = {"demucs", "shapiq", "torchaudio"}  # extras beside `all`, imported where they are used
BY_OTHERS = {"bson": "pymongo"}


def houses():
    """Return the distributions of every module; without what setuptools carries for itself."""
    kept = sys.path[:]
    sys.path[:] = [place for place in kept if not place.endswith("_vendor")]
    try:
        found = packages_distributions()
    finally:
        sys.path[:] = kept
    return {name: {canonicalize_name(one) for one in ones} for name, ones in found.items()}


HOUSES = houses()

NOISE = """
import numpy as np
rng = np.random.default_rng(0)
noise = 0.1 * rng.standard_normal(48_000).astype("float32")
"""
LOUDNESS = """
import audiolime
def loudness(waveforms):
    loud = np.abs(waveforms).mean(axis=1)
    return np.stack([1 - loud, loud], axis=1)
explained = audiolime.LimeAudioExplainer(random_state=0).explain_instance(
    audiolime.TimeOnlyFactorization(noise, 16_000), loudness, labels=[1], num_samples=32
)
assert len(explained.weights(1)) and "<table>" in explained._repr_html_()
"""
ALL_MODULES = """
import importlib, pkgutil
def load(package, without=()):
    for each in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        if not each.name.endswith("__main__") and not each.name.startswith(tuple(without)):
            importlib.import_module(each.name)
"""
PROMISES = {
    "": NOISE
    + LOUDNESS
    + ALL_MODULES
    + """
torch_users = ["dsp", "hybrid", "spectral", "spleeter", "unet", "demucs"]
load("audiolime", ["audiolime.exact", *(f"audiolime.separation.{name}" for name in torch_users)])
import pathlib, tempfile
import lemons_audio, lemons_utils
path = pathlib.Path(tempfile.mkdtemp()) / "noise.flac"
lemons_audio.write_audio(path, noise, sample_rate=16_000)
assert lemons_audio.read_audio(path)[0].shape == (1, 48_000)
lemons_utils.configuration()
from lemons_jobs import Workers, run
assert [each.get() for each in run(abs, [-1, 2], Workers(1))] == [1, 2]
""",
    "exact": NOISE
    + """
import torch
from audiolime.exact import LocalStateEngine, adapt
from audiolime.separation import get_separator
stems = get_separator("dsp").separate(noise[None], 16_000)
import recsys.model
torch.manual_seed(0)
network = recsys.model.FCN().eval()
halves = np.stack([noise / 2, noise / 2])
engine = LocalStateEngine(network, halves, [(0, 24_000), (24_000, 48_000)])
logits = engine.evaluate(np.ones((1, 4), dtype=int))
with torch.no_grad():
    expected = network(torch.from_numpy(noise[None])).numpy()
assert np.allclose(logits[0], expected, rtol=1e-5), (logits[0], expected)
""",
    "separation": NOISE
    + """
from audiolime.separation import get_separator
assert len(get_separator("hybrid").separate(noise[None], 16_000)) > 1
import av
""",
    "recsys": ALL_MODULES + 'load("recsys")\nfrom sklearn.metrics import roc_auc_score\n',
    "app": ALL_MODULES + 'load("recsys")\nload("explanations")\nload("audiolime")\n',
    "notebook": NOISE + LOUDNESS + "explained.plot(), explained.to_dataframe()\n",
    "musical": NOISE
    + "from audiolime.components.musical_segmentation import musical_segments\n"
    + "import librosa\n",
    "cluster": "import dask, distributed, lemons_jobs\n",
}


def blocking(*extras):
    """Return code that makes every installed package unknown which these extras do not bring."""
    there = {name for name, _ in needed(requirements(*extras))} | {"lemons"}
    blocked = {
        name for name, houses in HOUSES.items() if not houses & there and name not in OURS
    } - set(sys.stdlib_module_names)
    return (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.split('.')[0] in {sorted(blocked)!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
    )


def run(script):
    code = [sys.executable, "-W", "ignore", "-c", script]
    return subprocess.run(code, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("extra", PROMISES)
def test_an_extra_keeps_its_promise(extra):
    done = run(blocking(*([extra] if extra else [])) + PROMISES[extra])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("lemons-train", 'lemons-train needs the package pandas: pip install "lemons[recsys]"'),
        ("lemons-app", 'pip install "lemons[app]"'),
        ("lemons-separate", ""),
    ],
)
def test_a_command_names_the_extra_that_is_missing(command, says):
    script = (
        f"{blocking()}sys.argv = [{command!r}, '--help']\n"
        "import lemons_commands\nsys.exit(lemons_commands.main())"
    )
    done = run(script)
    assert done.returncode == (2 if says else 0), done.stderr
    assert says in done.stderr and done.stderr.count("\n") == (1 if says else 0)


def product_files():
    yield from ROOT.glob("lemons_*.py")
    for folder in OURS:
        yield from (ROOT / folder).rglob("*.py")


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]


def test_everything_imported_is_declared():
    declared = {canonicalize_name(each.name) for each in requirements("all")} | OPTIONAL
    names = {name for path in product_files() for name in imported(path)}
    foreign = names - set(sys.stdlib_module_names) - OURS - {"config_template"}
    foreign = {name for name in foreign if not name.startswith("lemons_")}
    assert "torch" in foreign
    homes = {**HOUSES, **{name: {home} for name, home in BY_OTHERS.items()}}
    assert {name for name in foreign if not homes.get(name, {name}) & declared} == set()


PAGE = (ROOT / "docs" / "installing.md").read_text()


def count(extra):
    return len({name for name, _ in needed(requirements(*([extra] if extra else [])))})


@pytest.mark.parametrize("extra", [*PROMISES, "all"])
def test_the_page_on_installing_counts_the_packages(extra):
    command = f'pip install "lemons[{extra}]"' if extra else "pip install lemons"
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{command}` |")]
    assert row.endswith(f" {count(extra)} |")


def test_the_page_on_installing_names_every_command():
    assert set(re.findall(r"^\| `(lemons-\w+)` \|", PAGE, re.MULTILINE)) == set(COMMANDS)


if __name__ == "__main__":
    for each in (*PROMISES, "all"):
        print(each or "base", count(each))
