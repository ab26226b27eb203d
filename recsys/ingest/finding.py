"""Find files below a folder, and account for those that cannot be reached."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lemons_utils import DataError


@dataclass(frozen=True)
class Found:
    """The files that were looked for below a folder."""

    files: dict[str, tuple[int, int]]  # path to size [bytes] and time of change [ns], sorted
    unreachable: tuple[tuple[str, str], ...]  # path and reason
    is_complete: bool  # whether all folders could be listed


def find(folder: Path, wanted: Callable[[str], bool]) -> Found:
    """Find the regular files below a folder whose names are wanted; hidden ones never are.

    Links to files are followed, links to folders are not: they are among the unreachable, as are
    folders that cannot be listed, links to nothing or to themselves, pipes, and paths that are
    too long.

    Parameters
    ----------
    folder : Path
    wanted : callable from the name of a file to bool

    Raises
    ------
    DataError
        If the folder is none, or cannot be listed.
    """
    if not os.path.isdir(folder):
        raise DataError(f"{folder} is not a folder: name the folder that holds the music")
    files: dict[str, tuple[int, int]] = {}
    unreachable: list[tuple[str, str]] = []
    failures: list[OSError] = []
    for parent, folders, names in os.walk(os.path.realpath(folder), onerror=failures.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if os.path.islink(path := os.path.join(parent, name)):
                unreachable.append((path, "a link to a folder is not followed: take that in too"))
        for name in names:
            if wanted(name) and not name.startswith("."):
                path = os.path.join(parent, name)
                if reason := _look_at(path, files):
                    unreachable.append((path, reason))
    if failures and not files and not unreachable and len(failures) == 1:
        raise DataError(f"{failures[0].filename} cannot be listed: {failures[0].strerror}")
    unreachable += [
        (str(error.filename), f"folder cannot be listed: {error.strerror}") for error in failures
    ]
    return Found(dict(sorted(files.items())), tuple(sorted(unreachable)), not failures)


def _look_at(path: str, files: dict[str, tuple[int, int]]) -> str:
    """Add a file to those found, or return the reason why it is none."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return "a link to nothing" if os.path.islink(path) else ""  # or gone this moment
    except OSError as error:
        return f"cannot be opened: {error.strerror}"
    if not stat.S_ISREG(status.st_mode):
        return "" if stat.S_ISDIR(status.st_mode) else "a pipe or a device, not a file"
    files[path] = (status.st_size, status.st_mtime_ns)
    return ""
