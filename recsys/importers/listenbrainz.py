"""Import a ListenBrainz export: `python -m recsys.importers.listenbrainz EXPORT --user_name ...`.

Accepts the zip archive of "Export your data" (`listens/<year>/<month>.jsonl`) or its unpacked
folder, one such file of JSON lines, and the older export, one JSON list.
"""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from lemons_limits import json_list
from lemons_utils import DataError
from recsys.importers.histories import Played, history_command, json_lines, members, text


def read_listens(export: Path) -> Iterator[Played]:
    """Yield title and artist of every listen of an export.

    Raises
    ------
    DataError
        If a file is no JSON, or an object is no listen; with its number.
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
    """Whether a file holds listens rather than feedback, pinned recordings or the user's page."""
    return name.endswith((".jsonl", ".listens")) and (
        name.startswith("listens/") or "/listens/" in name or "listens" in name.rpartition("/")[2]
    )


def _objects(name: str, file: IO[bytes]) -> Iterable[dict[str, Any]]:
    """Read a JSON list or JSON lines, told apart by the first character."""
    start = file.read(4096).removeprefix(codecs.BOM_UTF8).lstrip()
    file.seek(0)
    return json_list(file, name) if start.startswith(b"[") else json_lines(name, file)


main = history_command(
    read_listens, "listenbrainz", "a ListenBrainz export (zip, folder, JSON lines or JSON)"
)


if __name__ == "__main__":
    sys.exit(main())
