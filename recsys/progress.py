"""A progress bar where somebody watches."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import Any

from tqdm import tqdm

_hidden = False


@contextlib.contextmanager
def hidden() -> Iterator[None]:
    """Show no bars for a while: somebody else shows one for everything."""
    global _hidden
    tqdm.set_lock(threading.RLock())  # tqdm's own spans processes; a killed one leaves it behind
    before, _hidden = _hidden, True
    try:
        yield
    finally:
        _hidden = before


def bar(total: int, *, unit: str, initial: int = 0, about: str | None = None) -> tqdm[Any]:
    """Make a bar on the terminal, past sacred's capture; files and pipes get none.

    Parameters
    ----------
    total, initial : int
    unit : str
        What is counted, in the singular.
    about : str, optional
        Stands before the bar.
    """
    terminal = sys.__stderr__
    shown: tqdm[Any] = tqdm(
        total=total,
        initial=initial,
        unit=unit,
        desc=about,
        file=terminal,
        disable=_hidden or terminal is None or not terminal.isatty(),
        dynamic_ncols=True,
    )
    return shown
