"""What ingest knows of each file: one JSON line a file, appended as the results come in.

The journal is why an ingest can be killed at any moment and lose only the files in work, and why
a second one decodes new and changed files alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType

from lemons_utils import write_beside


@dataclass(frozen=True)
class Entry:
    """How a file was taken in, or why it was not.

    Parameters
    ----------
    file, root : str
        Absolute path, and the folder that the ingest was asked to go through.
    size, mtime_ns : int
        Of the file when it was decoded: what tells whether it has changed since.
    excerpt : str
        Which part of the file was taken.
    track_id : str
        "" where the file was skipped.
    samples : int
    reason : str
        Why the file was skipped; "" where it was not.
    tags : dict
        What the tags in the file say.
    """

    file: str
    root: str
    size: int
    mtime_ns: int
    excerpt: str
    track_id: str = ""
    samples: int = 0
    reason: str = ""
    tags: dict[str, str] = field(default_factory=dict)


class Journal:
    """Append-only record of an ingest; the last line about a file counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.entries = _read(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="ascii")
        if path.stat().st_size:
            self._file.write("\n")  # a killed process may have left half a line

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, entry: Entry) -> None:
        """Record a file; what is recorded survives a kill."""
        self.entries[entry.file] = entry
        self._file.write(_line(entry))
        self._file.flush()

    def rewrite(self, entries: Iterable[Entry]) -> None:
        """Keep these entries alone, sorted by file."""
        self._file.close()
        self.entries = {entry.file: entry for entry in sorted(entries, key=lambda e: e.file)}
        with write_beside(self._path) as temporary, temporary.open("w", encoding="ascii") as file:
            file.writelines(map(_line, self.entries.values()))


def _line(entry: Entry) -> str:
    return json.dumps(asdict(entry)) + "\n"


def _read(path: Path) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    if not path.exists():
        return entries
    with path.open(encoding="ascii", errors="replace") as file:
        for line in file:
            try:
                entry = Entry(**json.loads(line))
            except (ValueError, TypeError):
                continue  # half a line: that file is decoded again
            entries[entry.file] = entry
    return entries
