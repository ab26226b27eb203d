"""Turn the listening histories of the Million Song Dataset into one table sorted by listener.

DuckDB reads, joins and sorts the 48 million lines and spills to disk what does not fit in memory.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lemons_utils import DataError, write_beside, write_csv

TRIPLETS = "train_triplets.txt"
SONG_TO_TRACKS = "taste_profile_song_to_tracks.txt"
MISMATCHES = "sid_mismatches.txt"

MEMORY_GB = 2.0
"""Memory limit of DuckDB's tables [GB]; its readers and writers need up to as much again."""

ROW_GROUP = 65_536
"""The smallest number of rows that reading one listener loads."""

NO_TRACK, WRONG_TRACK, NO_AUDIO = "no track", "listed as mismatched", "not in the catalogue"

_MISMATCH = re.compile(r"<(SO\w{16}) (TR\w{16})>")


@dataclass(frozen=True)
class Counts:
    """Counts of all rows and plays, of those matched to a track, and of listeners with a match."""

    rows: int
    plays: int
    matched_rows: int
    matched_plays: int
    listeners: int


def prepare_plays(folder: Path, track_ids: Collection[str], path: Path, unmatched: Path) -> Counts:
    """Turn the Taste Profile into a table of play counts, sorted by listener.

    The plays of a song with several tracks count for the first track that is in the catalogue and
    not in the list of mismatches.

    Parameters
    ----------
    folder : Path
        Holds `train_triplets.txt`, `taste_profile_song_to_tracks.txt`, `sid_mismatches.txt`.
    track_ids : collection of str
        Of the catalogue.
    path : Path
        Parquet: user_name (40 hexadecimal digits), track_id, playcount.
    unmatched : Path
        CSV of the songs without a track: song_id, rows, plays, reason. No file if there are none.

    Raises
    ------
    DataError
        If a file is missing or malformed; with the line.
    """
    import duckdb
    import pyarrow as pa

    songs = song_tracks(folder, track_ids)
    columns = {"song": pa.array(songs, pa.string())}
    for place, name in enumerate(("track_id", "reason")):
        columns[name] = pa.array([pair[place] for pair in songs.values()], pa.string())
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=".plays-", dir=path.parent) as spill,
        duckdb.connect(config={"memory_limit": f"{MEMORY_GB}GB", "temp_directory": spill}) as duck,
        write_beside(path) as temporary,
    ):
        duck.register("songs", pa.table(columns))
        duck.execute("SET preserve_insertion_order = false")
        try:
            _sort(duck, _file(folder, TRIPLETS), temporary)
        except duckdb.Error as error:
            reason = " ".join(str(error).split())[:300]
            raise DataError(
                f"{folder / TRIPLETS} must have lines of user, song and count with tabs between: "
                f"{reason}"
            ) from error
        counts = _count(duck, temporary)
        _write_unmatched(duck, unmatched)
    return counts


def _sort(duck: Any, triplets: Path, path: Path) -> None:
    """Write the rows that have a track; keep a table `rows_of` with the counts of each song."""
    columns = {"user_name": "VARCHAR", "song": "VARCHAR", "playcount": "UINTEGER"}
    form = {"header": False, "sep": "\t", "quotechar": "", "escapechar": "", "columns": columns}
    duck.read_csv(str(triplets), **form).create_view("triplets")
    duck.execute(
        """
        CREATE TEMP TABLE rows_of AS
        SELECT song, count(*) AS rows, sum(playcount)::BIGINT AS plays FROM triplets GROUP BY song
        """
    )
    duck.sql(
        """
        SELECT user_name, track_id, playcount::BIGINT AS playcount
        FROM triplets JOIN songs USING (song) WHERE track_id IS NOT NULL
        ORDER BY user_name, track_id
        """
    ).write_parquet(str(path), compression="zstd", row_group_size=ROW_GROUP)


def _count(duck: Any, path: Path) -> Counts:
    (row,) = duck.execute(
        """
        SELECT sum(rows)::BIGINT, sum(plays)::BIGINT,
               coalesce(sum(rows) FILTER (track_id IS NOT NULL), 0)::BIGINT,
               coalesce(sum(plays) FILTER (track_id IS NOT NULL), 0)::BIGINT,
               (SELECT count(DISTINCT user_name) FROM read_parquet($file))
        FROM rows_of LEFT JOIN songs USING (song)
        """,
        {"file": str(path)},
    ).fetchall()
    return Counts(*(value or 0 for value in row))


def _write_unmatched(duck: Any, path: Path) -> None:
    unmatched = duck.execute(
        """
        SELECT song AS song_id, rows, plays, coalesce(reason, $nothing) AS reason
        FROM rows_of LEFT JOIN songs USING (song) WHERE track_id IS NULL
        ORDER BY plays DESC, song_id
        """,
        {"nothing": NO_TRACK},
    ).df()
    path.unlink(missing_ok=True)
    if len(unmatched):
        write_csv(path, unmatched)


# -- the track of each song ----------------------------------------------------------------------
def song_tracks(
    folder: Path, track_ids: Collection[str]
) -> dict[str, tuple[str | None, str | None]]:
    """Return for each song (track_id, None), or (None, the reason why it has no track)."""
    known = set(track_ids)
    wrong = set(_mismatches(_file(folder, MISMATCHES)))
    found: dict[str, tuple[str | None, str | None]] = {}
    path = _file(folder, SONG_TO_TRACKS)
    for number, line in _lines(path):
        song, *tracks = (part.strip() for part in line.split("\t"))
        if not song.startswith("SO") or not all(track.startswith("TR") for track in tracks):
            raise DataError(
                f"{path}, line {number}: expected a song and its tracks with tabs between "
                f"(SO...<tab>TR...), got {line[:80]!r}"
            )
        right = [track for track in tracks if (song, track) not in wrong]
        there = next((track for track in right if track in known), None)
        reason = NO_AUDIO if right else WRONG_TRACK if tracks else NO_TRACK
        found[song] = (there, None if there else reason)
    return found


def _mismatches(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in _lines(path):
        if not (pair := _MISMATCH.search(line)):
            raise DataError(
                f"{path}, line {number}: expected `ERROR: <SO... TR...> ...`, got {line[:80]!r}"
            )
        yield pair[1], pair[2]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file that are not blank, with their numbers from 1."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.rstrip("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8: {error}") from error


def _file(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        raise DataError(f"{folder} has no {name}: docs/data-sets.md says where to get it, unzipped")
    return folder / name
