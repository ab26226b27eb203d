"""Commands in processes of their own that are killed, or whose disk is full, at a chosen call.

The processes are forked from one that has imported everything, so that a command starts within
milliseconds and its faults fall into its work, not into its imports. `shim.c` must have been loaded
for faults at a call: `preloaded` starts Python again with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lemons_utils import write_beside

COUNT, KILL, FULL, READ_ONLY = range(4)
"""What happens at the chosen call: nothing, a kill, no room any more, nothing to write to."""

HANGING_S = 600.0
"""The time after which a process counts as hanging [s]."""

SHIM = "LEMONS_FAULTS_SHIM"
"""The environment's name for the loaded shim."""


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes
    ----------
    code : int
        The exit code, or minus the signal.
    text : str
        What it printed.
    seconds : float
    peak_bytes : int
        The largest resident set.
    calls : int
        Calls that change files, if it ended by itself and the shim is loaded.
    """

    code: int
    text: str
    seconds: float
    peak_bytes: int
    calls: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether it ended well, or with one line about what is wrong."""
        told = self.code == 2 and "error: " in self.text
        return "Traceback" not in self.text and (self.code == 0 or told)


def preloaded(build: Path) -> None:
    """Start this process again with one thread, and with the shim where there is a C compiler.

    Threads do not survive a fork: a process forked from one that has them may wait for ever.
    """
    if SHIM in os.environ:
        return
    build.mkdir(parents=True, exist_ok=True)
    library, source = build / "shim.so", Path(__file__).with_name("shim.c")
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment = {**os.environ, **one, SHIM: ""}
    if compiler := compiler_path():
        with write_beside(library) as made:  # or one of several processes loads half of it
            command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(made), str(source), "-ldl"]
            subprocess.run(command, check=True)
        environment |= {SHIM: str(library), "LD_PRELOAD": str(library)}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


def compiler_path() -> str | None:
    """Return the path of a C compiler, or None."""
    return shutil.which("cc") or shutil.which("gcc")


def has_shim() -> bool:
    """Return whether faults at a call are possible."""
    return bool(os.environ.get(SHIM))


@dataclass(frozen=True)
class Fault:
    """What happens to a process, at its n-th call that changes files below a folder."""

    what: int
    call: int = 0


def start(work: Callable[[], int | None], folder: Path, output: Path, fault: Fault) -> int:
    """Fork a process that does some work; return its id."""
    if process := os.fork():
        return process
    code = 70
    try:
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1), os.dup2(file, 2)
        sys.stdout.reconfigure(line_buffering=True)  # in the order of what goes to stderr
        shim = ctypes.CDLL(os.environ[SHIM]) if has_shim() else None
        if shim is not None:
            shim.faults_arm(os.fsencode(folder) + b"/", fault.what, ctypes.c_long(fault.call))
        try:
            code = int(work() or 0)
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        except BaseException:
            traceback.print_exc()
            code = 1
        sys.stdout.flush(), sys.stderr.flush()
        if shim is not None:
            calls = shim.faults_count()
            shim.faults_arm(b"/nowhere", COUNT, ctypes.c_long(0))
            output.with_suffix(".calls").write_text(str(calls), encoding="utf-8")
    finally:
        os._exit(code)


def finish(process: int, output: Path, started: float, kill_after_s: float = HANGING_S) -> Ended:
    """Wait for a process, and kill it after some seconds."""
    while time.perf_counter() - started < kill_after_s:
        if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            break
        time.sleep(0.002)
    else:
        os.kill(process, signal.SIGKILL)
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - started
    text = output.read_text(encoding="utf-8", errors="replace") if output.exists() else ""
    calls = 0
    with contextlib.suppress(FileNotFoundError, ValueError):
        calls = int(output.with_suffix(".calls").read_text(encoding="utf-8"))
    code = os.waitstatus_to_exitcode(status)
    return Ended(code, text, seconds, usage.ru_maxrss * 1024, calls)


def run(
    work: Callable[[], int | None],
    folder: Path,
    *,
    fault: Fault = Fault(COUNT),
    kill_after_s: float = HANGING_S,
    output: Path | None = None,
) -> Ended:
    """Do some work in a process of its own, with a fault, and return how that ended."""
    output = output or folder.with_name(f"{folder.name}-{random.getrandbits(48):012x}.txt")
    started = time.perf_counter()
    try:
        return finish(start(work, folder, output, fault), output, started, kill_after_s)
    finally:
        output.unlink(missing_ok=True)
        output.with_suffix(".calls").unlink(missing_ok=True)


def command(module: str, arguments: Sequence[str], data_folder: Path) -> Callable[[], int | None]:
    """Return the work of a command on a data folder."""

    def work() -> int | None:
        os.environ.update(LEMONS_DATA_FOLDER=str(data_folder), LEMONS_MONGO_URL="")
        os.chdir(data_folder)
        main: Callable[[list[str]], int | None] = importlib.import_module(module).main
        return main(list(arguments))

    return work
