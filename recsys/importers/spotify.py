"""Import Spotify's extended streaming history: `python -m recsys.importers.spotify EXPORT ...`.

The export is a zip archive, or its folder, of `Streaming_History_Audio_*.json` (older ones:
`endsong_*.json`). Plays of less than 30 s, podcasts and audiobooks are ignored.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from lemons_limits import json_list
from lemons_utils import DataError
from recsys.importers.histories import Played, history_command, members, text

SHORTEST_PLAY_MS = 30_000
"""The shortest play that Spotify itself counts [ms]."""

_FILE = re.compile(r"(?:.*/)?(?:Streaming_History_Audio_[^/]*|endsong_\d+)\.json")


def read_streams(export: Path) -> Iterator[Played]:
    """Yield title and artist of every play of an export that was long enough.

    Raises
    ------
    DataError
        If a file is no JSON or no streaming history; with the number of the play.
    """
    with members(export, lambda name: bool(_FILE.fullmatch(name))) as files:
        for name, file in files:
            for number, stream in enumerate(json_list(file, name), start=1):
                played_ms = stream.get("ms_played")
                if not isinstance(played_ms, int) or "master_metadata_track_name" not in stream:
                    raise DataError(
                        f"{name}: play {number} has no ms_played or master_metadata_track_name; "
                        "is it the extended streaming history?"
                    )
                if played_ms >= SHORTEST_PLAY_MS:
                    yield (
                        text(stream["master_metadata_track_name"]),
                        text(stream.get("master_metadata_album_artist_name")),
                    )


main = history_command(
    read_streams, "spotify", "Spotify's extended streaming history (zip, folder or JSON)"
)


if __name__ == "__main__":
    sys.exit(main())
