"""Progress bars on a terminal."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import Any

from tqdm import tqdm

from lemons_utils import OnProgress

_hidden = False


@contextlib.contextmanager
def hidden() -> Iterator[None]:
    """Show no bars within this context."""
    global _hidden
    tqdm.set_lock(threading.RLock())  # tqdm's own spans processes; a killed one leaves it behind
    before, _hidden = _hidden, True
    try:
        yield
    finally:
        _hidden = before


def are_hidden() -> bool:
    """Return whether bars are hidden: nobody watches."""
    return _hidden


def bar(total: int, *, unit: str, initial: int = 0, about: str | None = None) -> tqdm[Any]:
    """Make a bar on the terminal, past sacred's capture; files and pipes get none.

    `unit` names what is counted, in the singular; `about` is the label before the bar.
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


@contextlib.contextmanager
def shown(total: int, *, unit: str, about: str | None = None) -> Iterator[OnProgress]:
    """Show a `bar` within this context; yield the `on_progress` that moves it."""
    with bar(total, unit=unit, about=about) as moved:

        def on_progress(step: str, share: float) -> None:
            moved.update(round(share * total) - moved.n)

        yield on_progress
