"""A ListenBrainz export: `python -m recsys.importers.listenbrainz EXPORT --user_name ...`.

Understood are the zip archive of today's "Export your data" (`listens/<year>/<month>.jsonl`) or
its unpacked folder, one such file of JSON lines, and the older export, one JSON list.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from lemons_utils import DataError, command
from recsys.importers.histories import (
    Played,
    import_history,
    json_lines,
    json_list,
    members,
    text,
)


def read_listens(export: Path) -> Iterator[Played]:
    """Yield title and artist of every listen of an export.

    Raises
    ------
    DataError
        If a file is no JSON, or an object no listen; with the line.
    """
    with members(export, _is_of_listens) as files:
        for name, file in files:
            for number, listen in enumerate(_objects(name, file), start=1):
                about = listen.get("track_metadata")
                if not isinstance(about, dict):
                    raise DataError(
                        f"{name}: listen {number} has no track_metadata; is it an export of "
                        "ListenBrainz?"
                    )
                yield text(about.get("track_name")), text(about.get("artist_name"))


def _is_of_listens(name: str) -> bool:
    """Tell listens from feedback, pinned recordings and the user's own page."""
    return name.endswith((".jsonl", ".listens")) and (
        name.startswith("listens/") or "/listens/" in name or "listens" in name.rpartition("/")[2]
    )


def _objects(name: str, file: IO[bytes]) -> Iterable[dict[str, Any]]:
    """Read a list of JSON, or lines: the first character tells."""
    start = file.read(1)
    while start.isspace():
        start = file.read(1)
    file.seek(0)
    return json_list(name, file) if start == b"[" else json_lines(name, file)


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m recsys.importers.listenbrainz`."""
    about = "a ListenBrainz export (zip, folder, JSON lines or JSON)"
    return import_history(read_listens, "listenbrainz", about, arguments)


if __name__ == "__main__":
    sys.exit(main())
