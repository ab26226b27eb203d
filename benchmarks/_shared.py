"""Helpers that the benchmarks share: durations, memory of processes, tables in Markdown."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from tempfile import TemporaryFile
from typing import NamedTuple

import psutil


class Finished(NamedTuple):
    """What a Python process printed, its duration, and the peak memory of its process tree."""

    output: str
    seconds: float
    peak_bytes: int


def timed(run: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Run once; return the duration [s]."""
    started = clock()
    run()
    return clock() - started


def run_python(
    arguments: Sequence[str], *, environment: Mapping[str, str] | None = None, errors: bool = True
) -> Finished:
    """Run Python to its end; raise a RuntimeError if it fails.

    The environment is that of this process by default; `errors` shows what goes to stderr.
    """
    peak, started = 0, time.perf_counter()
    stderr = None if errors else subprocess.DEVNULL
    with TemporaryFile("w+") as out:
        with subprocess.Popen(
            [sys.executable, *arguments], env=environment, stdout=out, stderr=stderr
        ) as process:
            while process.poll() is None:
                peak = max(peak, _tree_bytes(process.pid))
                time.sleep(0.01)
        seconds = time.perf_counter() - started
        if process.returncode:
            raise RuntimeError(f"{' '.join(arguments)} exited with {process.returncode}")
        out.seek(0)
        return Finished(out.read(), seconds, peak)


def _tree_bytes(pid: int) -> int:
    """Sum the resident memory of a process and all its children."""
    total = 0
    try:
        process = psutil.Process(pid)
        for member in [process, *process.children(recursive=True)]:
            total += member.memory_info().rss
    except psutil.NoSuchProcess:
        pass  # ended between listing and reading
    return total


def print_head(*columns: str) -> None:
    """Print the head of a Markdown table."""
    print_row(*columns)
    print("|---" * len(columns) + "|")


def print_row(*cells: object) -> None:
    """Print a row of a Markdown table at once."""
    print("|", " | ".join(map(str, cells)), "|", flush=True)
