"""How far long work has come: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, TextIO

from tqdm import tqdm

from lemons_utils import OnProgress

EVERY_S = 10.0
"""Seconds between two lines; work that is over sooner gets none."""

_LINE = "{desc}{n_fmt} of {total_fmt}{unit}s, {rate_noinv_fmt}, {remaining} left{postfix}"

_hidden = False


@contextlib.contextmanager
def hidden() -> Iterator[None]:
    """Show no progress within this context."""
    global _hidden
    tqdm.set_lock(threading.RLock())  # tqdm's own spans processes; a killed one leaves it behind
    before, _hidden = _hidden, True
    try:
        yield
    finally:
        _hidden = before


def are_hidden() -> bool:
    """Return whether progress is hidden: nobody watches."""
    return _hidden


def bar(
    total: int, *, unit: str, initial: int = 0, about: str | None = None, lines: bool = True
) -> tqdm[Any]:
    """Make a bar on the terminal, past sacred's capture.

    Parameters
    ----------
    total, initial : int
    unit : str
        What is counted, in the singular.
    about : str, optional
        The label before it.
    lines : bool
        Whether files and pipes get a line now and then instead; without, they get nothing.
    """
    stream = sys.__stderr__
    options: dict[str, Any] = {"total": total, "initial": initial, "unit": f" {unit}"}
    options["desc"] = about and f"{about}: "
    if _hidden or stream is None:
        return tqdm(**options, disable=True)
    if stream.isatty():
        return tqdm(**options, file=stream, dynamic_ncols=True, miniters=0)
    return _Lines(stream, **options) if lines else tqdm(**options, disable=True)


class _Lines(tqdm):  # type: ignore[type-arg]  # generic to type checkers alone
    """Progress in lines of a file, `EVERY_S` apart, and a last one at the end."""

    def __init__(self, stream: TextIO, **options: Any) -> None:
        super().__init__(
            **options,
            file=_Plain(stream),
            bar_format=_LINE,
            delay=EVERY_S,
            miniters=0,
            position=0,
        )
        self._due, self._written = time.monotonic() + EVERY_S, self.n

    def refresh(self, *args: Any, **options: Any) -> None:
        """Write a line where one is due."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + EVERY_S
            super().refresh(*args, **options)

    def display(self, *args: Any, **options: Any) -> None:
        """Write a line if there is something new to say."""
        if self.n != self._written:
            self._written = self.n
            super().display(*args, **options)


class _Plain(io.TextIOBase):
    """Writes what is meant for one line of a terminal, again and again, into lines of a file."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a line, unless it is empty."""
        if words := text.split():
            self._stream.write(" ".join(words) + "\n")
            self._stream.flush()
        return len(text)


def duration(seconds: float) -> str:
    """Write a duration as bars do: 03:12, or 1:03:12."""
    written: str = tqdm.format_interval(seconds)
    return written


@contextlib.contextmanager
def shown(total: int, *, unit: str, about: str | None = None) -> Iterator[OnProgress]:
    """Show a `bar` within this context; yield the `on_progress` that moves it."""
    with bar(total, unit=unit, about=about) as moved:

        def on_progress(step: str, share: float) -> None:
            moved.update(round(share * total) - moved.n)

        yield on_progress
