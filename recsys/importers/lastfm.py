"""Import a Last.fm export: `python -m recsys.importers.lastfm EXPORT.csv --user_name ...`.

Last.fm itself exports no file. Tools that fetch a user's scrobbles write a CSV with one row per
scrobble: artist, album, title and date without a header, or with a header that names the columns.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from lemons_limits import lines
from lemons_utils import DataError
from recsys.importers.histories import Played, history_command, members

_ARTIST, _TITLE, _FIELDS = 0, 2, (3, 4)  # of a file without a header; the date may be missing
_TITLES = ("track", "title", "track_name", "name")
_ARTISTS = ("artist", "artist_name")


def read_scrobbles(export: Path) -> Iterator[Played]:
    """Yield title and artist of every scrobble of an export.

    Raises
    ------
    DataError
        If it is no CSV in UTF-8, or a row differs from the first in its fields; with the line.
    """
    with members(export, lambda name: name.lower().endswith(".csv")) as files:
        for name, file in files:
            yield from _scrobbles(name, lines(file, name))


def _scrobbles(name: str, file: Iterator[str]) -> Iterator[Played]:
    rows = csv.reader(file, strict=True)
    layout: tuple[int, int] | None = None
    fields: tuple[int, ...] = _FIELDS
    try:
        for row in rows:
            if not row:
                continue
            if layout is None:
                layout = _layout(row)
                if layout is not None:
                    fields = (len(row),)
                    continue
                layout = _TITLE, _ARTIST
            if len(row) not in fields:
                raise DataError(
                    f"{name}, line {rows.line_num}: expected artist, album, title and date, or "
                    f"what the header names, got {len(row)} fields: {','.join(row)[:80]!r}"
                )
            yield row[layout[0]], row[layout[1]]
    except csv.Error as error:
        raise DataError(f"{name}, line {rows.line_num + 1} is no CSV: {error}") from error


def _layout(row: list[str]) -> tuple[int, int] | None:
    """Return the columns of title and artist in a header; None if the row is no header."""
    names = [field.strip().lower() for field in row]
    titles = [names.index(name) for name in _TITLES if name in names]
    artists = [names.index(name) for name in _ARTISTS if name in names]
    return (titles[0], artists[0]) if titles and artists else None


main = history_command(
    read_scrobbles, "lastfm", "a CSV of Last.fm scrobbles (artist, album, title, date)"
)


if __name__ == "__main__":
    sys.exit(main())
