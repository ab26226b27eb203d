"""Start of every command: `python benchmarks/startup.py`, medians of five.

Of each command: the time of `--help`, from the start of the process to its end, by the clock and
by processor; the time of its imports, which are all that it does before its work begins, as
`python -X importtime` sums them; and the three packages whose modules take most of that. Three rows
are not commands: Python alone, torch alone, which is what a command with a network cannot do
without, and the page that the app loads once it has its address. Runs go round all rows, so that
each meets the same other work of a machine.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from _shared import print_head, print_row

from lemons_utils import ParameterError, command

ROOT = Path(__file__).parents[1]
PACKAGES = ("audiolime", "explanations", "recsys")
OTHERS = {
    "Python alone": ["-c", "pass"],
    "torch alone": ["-c", "import torch"],
    "the app's page": [
        "-c",
        "from lemons_processes import after_imports, put_off\nput_off()\n"
        "import explanations.lemons\nafter_imports()",
    ],
}
"""Rows that are not commands, and what Python runs."""

_IMPORT = re.compile(r"import time: +(\d+) \| +\d+ \| +([\w.]+)")


class Start(NamedTuple):
    """One start: its time by the clock and by processor [s], and that of imports by package [s]."""

    seconds: float
    cpu_s: float
    imports: dict[str, float]


def commands() -> list[str]:
    """List the modules that `python -m` runs; not the page, which Streamlit runs."""
    found = []
    for path in sorted(file for each in PACKAGES for file in (ROOT / each).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
        if '__name__ == "__main__"' in path.read_text(encoding="utf-8") or path.stem == "__main__":
            found.append(name)
    return [name for name in found if name != "explanations.lemons"]


def start(words: Sequence[str]) -> Start:
    """Start a command twice, the second time to ask for its imports."""
    before, started = _cpu_s(), time.perf_counter()
    _run(words)
    seconds, cpu_s = time.perf_counter() - started, _cpu_s() - before
    imports: dict[str, float] = defaultdict(float)
    for microseconds, module in _lines(_run(["-X", "importtime", *words])):
        imports[module.partition(".")[0]] += microseconds / 1e6
    return Start(seconds, cpu_s, imports)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(words: Sequence[str]) -> str:
    words = [sys.executable, "-W", "ignore", *words]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stderr


def _lines(report: str) -> Iterator[tuple[int, str]]:
    """Yield the time that each module took itself [us], and its name."""
    for microseconds, module in _IMPORT.findall(report):
        yield int(microseconds), module


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, prog="benchmarks/startup.py")
    parser.add_argument("--runs", type=int, default=5, help="starts of each (%(default)s)")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="rows with one in their name")
    options = parser.parse_args(arguments)
    known = {**OTHERS, **{name: ["-m", name, "--help"] for name in commands()}}
    rows = {
        name: words
        for name, words in known.items()
        if options.only is None or any(word in name for word in options.only)
    }
    if not rows:
        raise ParameterError(f"--only must name one of {', '.join(known)}, got {options.only[0]}")
    starts: dict[str, list[Start]] = {name: [] for name in rows}
    for name in [*rows] * options.runs:
        starts[name].append(start(rows[name]))
    print_head("command", "--help [s]", "CPU [s]", "imports [s]", "the heaviest [s]")
    for name, measured in starts.items():
        packages = {package for one in measured for package in one.imports}
        imports = {
            package: median(one.imports[package] for one in measured) for package in packages
        }
        heaviest = sorted(imports, key=lambda package: -imports[package])[:3]
        print_row(
            name if name in OTHERS else f"`{name}`",
            f"{median(one.seconds for one in measured):.2f}",
            f"{median(one.cpu_s for one in measured):.2f}",
            f"{median(sum(one.imports.values()) for one in measured):.2f}",
            ", ".join(f"{each} {imports[each]:.2f}" for each in heaviest if imports[each] > 0.01),
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
