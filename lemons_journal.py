"""Files of JSON lines that record what is done, so that a killed command goes on from there."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lemons_utils import write_beside


class Journal:
    """A file of JSON lines that is appended to, and survives a kill at any moment.

    Parameters
    ----------
    path : Path
        The file; the first `append` or `rewrite` makes it, with its folder.
    of : mapping of str to str, optional
        What all records are results of: the model, the catalogue. Where another command has noted
        results of something else in the same file, there are no records, and the first `append`
        replaces them. Without it, each record must say what it is about.
    """

    def __init__(self, path: Path, of: Mapping[str, str] | None = None) -> None:
        self.path = path
        self._head = [] if of is None else [{"of": dict(of)}]

    def records(self) -> Iterator[Any]:
        """Read all records, the oldest first; skip lines that were cut off."""
        lines = self._lines()
        if all(next(lines, None) == head for head in self._head):
            yield from lines

    def _lines(self) -> Iterator[Any]:
        if not self.path.is_file():
            return
        with self.path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    record = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                yield record

    def append(self, *records: object) -> None:
        """Add records; they survive a kill of this process once this returns.

        Parameters
        ----------
        *records : list, tuple or mapping
            What JSON can hold. Half of a list or a mapping is no JSON, so `records` skips it.
        """
        if self._head and next(self._lines(), None) != self._head[0]:
            self.rewrite(records)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")  # a killed process has left half a line
            file.write(b"".join(map(_line, records)))

    def rewrite(self, records: Iterable[object]) -> None:
        """Replace all records; readers see the old ones or the new ones."""
        with write_beside(self.path) as temporary, temporary.open("wb") as file:
            file.writelines(map(_line, itertools.chain(self._head, records)))

    def remove(self) -> None:
        """Remove the file if there is one, which a folder that is read-only may lack."""
        if self.path.exists():
            self.path.unlink()


def _line(record: object) -> bytes:
    return json.dumps(record).encode("ascii") + b"\n"
