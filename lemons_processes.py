"""How processes end: by an interrupt, or with the process that started them."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

INTERRUPTED = "interrupted; run the same command again to go on"

WATCH_S = 0.5
"""Time after which a worker notices that its parent has ended [s]."""

_HERE = Path(__file__).resolve().parent


def interruptible(package: str) -> None:
    """End a command of a package that is interrupted while it still imports, in one line.

    Each package calls this before it imports anything else: Python's own answer is a traceback
    through whatever library happens to load.
    """
    words = sys.orig_argv
    module = words[words.index("-m") + 1] if "-m" in words[:-1] else ""
    is_script = Path(sys.argv[0]).resolve().is_relative_to(_HERE / package)
    is_ours = is_script or module.split(".")[0] == package
    if is_ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end_at_once)


def raise_interrupts() -> None:
    """Raise `KeyboardInterrupt` from now on, as `interruptible` has put off."""
    if signal.getsignal(signal.SIGINT) is _end_at_once:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end_at_once(*_: object) -> None:
    os.write(2, f"{INTERRUPTED}\n".encode())
    os._exit(130)


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
