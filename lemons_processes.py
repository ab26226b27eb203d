"""How processes start, compute and end: imports, interrupts, freed memory, full precision."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

INTERRUPTED = "interrupted; run the same command again to go on"

WATCH_S = 0.5
"""Time after which a worker notices that its parent has ended [s]."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # names of glibc's malloc.h
_MIB = 2**20

_HERE = Path(__file__).resolve().parent
_GENERATIONS = gc.get_threshold()
_NEW_OBJECTS = 1_000_000  # three times what the imports of a command leave


def before_imports(package: str) -> None:
    """Let a command of a package load quickly, and end in one line if it is interrupted meanwhile.

    Each package calls this before it imports anything else; `lemons_commands` calls `put_off`.
    """
    words = sys.orig_argv
    module = words[words.index("-m") + 1] if "-m" in words[:-1] else ""
    is_script = Path(sys.argv[0]).resolve().is_relative_to(_HERE / package)
    if is_script or module.split(".")[0] == package:
        put_off()


def put_off() -> None:
    """Put off, until `after_imports`, what Python does about interrupts and garbage.

    Its answer to an interrupt is a traceback through whatever library happens to load; and it
    searches what libraries load for garbage again and again, for a seventh of the time that a
    command with torch takes to start, and for half a second when it ends.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end_at_once)
        gc.set_threshold(_NEW_OBJECTS, *_GENERATIONS[1:])


def after_imports() -> None:
    """End what `put_off` began: interrupts raise, garbage is searched for as always."""
    if signal.getsignal(signal.SIGINT) is _end_at_once:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        gc.freeze()  # what was imported stays, and is not searched again
        gc.set_threshold(*_GENERATIONS)


def on_demand(package: str, homes: Mapping[str, str], name: str) -> Any:
    """Return a public name of a package from its module, for the package's `__getattr__`.

    Parameters
    ----------
    package : str
    homes : mapping from str to str
        The module in the package that has each name; it is imported now, not with the package.
    name : str
        What is asked for.

    Raises
    ------
    AttributeError
        If the package has no such name.
    """
    if name not in homes:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return getattr(import_module(f"{package}.{homes[name]}"), name)


def _end_at_once(*_: object) -> None:
    os.write(2, f"{INTERRUPTED}\n".encode())
    os._exit(130)


def flushed(code: int) -> int:
    """Return an exit code once the output is written, which Python does too late to be told."""
    print(end="", flush=True)
    return code


def nobody_reads() -> bool:
    """Return whether the reader of this command's output has ended; if so, write it nowhere."""
    output = sys.stdout.fileno()
    pipe = select.poll()
    pipe.register(output, 0)
    if ended := any(events & select.POLLERR for _, events in pipe.poll(0)):
        os.dup2(os.open(os.devnull, os.O_WRONLY), output)  # what is left to write goes there
    return ended


@contextlib.contextmanager
def without_interrupts() -> Iterator[None]:
    """Let processes that start here inherit that an interrupt is none of theirs.

    Ctrl-C in a terminal goes to all processes; this one answers, and ends the others. One that
    comes within this context is answered at its end.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with(parent: int) -> None:
    """End this process soon after its parent, whose id is given, by whatever means that ended."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


# -- freed memory ------------------------------------------------------------------------------
@contextlib.contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Keep the memory of freed tensors for the next ones within this context.

    Without it, glibc asks the kernel for every tensor beyond 32 MiB, page by page, and returns
    it when the tensor is freed: a quarter of a training step or more. The memory is returned at
    the end. With another C library, nothing changes.
    """
    if (library := _c_library()) is None:
        yield
        return
    library.mallopt(_MMAP_MAX, 0)
    library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        library.mallopt(_MMAP_MAX, 65_536)
        adapt_memory()
        library.malloc_trim(0)


def adapt_memory() -> None:
    """Let glibc ask the kernel for arrays beyond 32 MiB alone, as it does of itself after a while.

    It does not where the environment has `MALLOC_TRIM_THRESHOLD_`, which Dask gives its workers:
    then every array beyond 128 KiB is asked for, page by page, and statistics of tracks take three
    times as long.
    """
    if (library := _c_library()) is not None:
        library.mallopt(_MMAP_THRESHOLD, 32 * _MIB)
        library.mallopt(_TRIM_THRESHOLD, 64 * _MIB)


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Keep a GPU from rounding float32 to 10 bits before it convolves, as it does by default."""
    import torch

    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def _c_library() -> ctypes.CDLL | None:
    """Return the C library if it is glibc."""
    try:
        library = ctypes.CDLL(None)
        library.mallopt, library.malloc_trim  # noqa: B018 - looked up here, or not there
    except (OSError, TypeError, AttributeError):
        return None
    return library
