"""Journal of an ingest: one JSON line per file, appended as the results come in.

Thanks to it, an ingest that is killed loses only the files in work, and a second one decodes new
and changed files alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lemons_journal import Journal
from lemons_limits import convert_json
from lemons_utils import DataError


@dataclass(frozen=True)
class Entry:
    """Result of decoding a file, or the reason why it was skipped."""

    file: str  # absolute path
    root: str  # the folder that the ingest was asked to go through
    size: int  # [bytes] when it was decoded; with the time of change, tells if it has changed since
    mtime_ns: int
    excerpt: str  # the part of the file that was taken
    track_id: str = ""  # "" where the file was skipped
    samples: int = 0
    reason: str = ""  # why the file was skipped; "" where it was not
    tags: dict[str, str] = field(default_factory=dict)  # what the tags in the file say


class IngestJournal:
    """What an ingest knows of each file; the last line about a file counts.

    Parameters
    ----------
    path : Path
        The file of JSON lines. It is made at once: it says that the folder is an ingest's.
    """

    def __init__(self, path: Path) -> None:
        self._lines = Journal(path)
        self._lines.append()
        self.entries: dict[str, Entry] = {}
        for record in self._lines.records():
            with contextlib.suppress(DataError):  # not an entry: that file is decoded again
                entry = convert_json(record, Entry, str(path))
                self.entries[entry.file] = entry

    def add(self, entry: Entry) -> None:
        """Record a file; what is recorded survives a kill."""
        self.entries[entry.file] = entry
        self._lines.append(asdict(entry))

    def rewrite(self, entries: Iterable[Entry]) -> None:
        """Keep these entries alone, sorted by file."""
        self.entries = {entry.file: entry for entry in sorted(entries, key=lambda e: e.file)}
        self._lines.rewrite(map(asdict, self.entries.values()))
