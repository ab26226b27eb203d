"""Where the seconds of `make demo` go: `python benchmarks/demo.py`, without installing.

Runs the command in an empty data folder and times its stages by what it prints.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time

from _shared import print_head, print_row

STAGES = {
    "start": "recording demo:   0%",
    "320 tracks composed and played": "recording demo: 100%",
    "statistics, trunk and seven heads": ": head fitted",
    "relevance of every track for all": "relevance of 320 tracks",
    "evaluation": "table: ",
    "ten explanations each": "explanations in ",
    "taste profiles": "taste profile of",
    "the first page": "The first page is ready",
}
"""What the last line of a stage holds, in the order in which stages end."""


def main() -> None:
    """Print a table: a row for each stage."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ends, whole = run_demo(folder)
    print_head("stage", "s")
    before = 0.0
    for stage, marker in STAGES.items():
        if marker not in ends:
            raise RuntimeError(f"the demo printed nothing with {marker!r}")
        print_row(stage, f"{ends[marker] - before:.1f}")
        before = ends[marker]
    print_row("all", f"{whole:.1f}")


def run_demo(folder: str) -> tuple[dict[str, float], float]:
    """Return when each marker was last printed, and when the command ended [s]."""
    environment = {**os.environ, "LEMONS_DATA_FOLDER": folder, "PYTHONUNBUFFERED": "1"}
    ends: dict[str, float] = {}
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "explanations.demo"], env=environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        for line in process.stdout or ():  # bars rewrite their line: "\r" ends one, too
            for marker in STAGES.values():
                if marker in line:
                    ends[marker] = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(f"the demo exited with {process.returncode}")
    return ends, time.perf_counter() - started


if __name__ == "__main__":
    main()
