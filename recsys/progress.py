"""A progress bar where somebody watches."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm


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
        disable=terminal is None or not terminal.isatty(),
        dynamic_ncols=True,
    )
    return shown
