"""Functions that the importers of listening histories share, from single plays to a split."""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import pandas as pd

from lemons_utils import DataError, command, configuration, write_csv
from recsys.catalogue import check_name, open_catalogue
from recsys.listening import add_split_options, write_splits
from recsys.listening.plays import PLAYS_COLUMNS

Played = tuple[str, str]
"""Title and artist of one play."""


def count_plays(played: Iterable[Played], user_name: str) -> pd.DataFrame:
    """Count plays in the columns of a `plays.csv`, the most played first.

    Plays without a title or an artist are ignored.
    """
    counts: collections.Counter[Played] = collections.Counter()
    for title, artist in played:
        names = " ".join(title.split()), " ".join(artist.split())
        if all(names):
            counts[names] += 1
    rows = [(user_name, "", *names, count) for names, count in counts.items()]
    rows.sort(key=lambda row: (-row[-1], row))
    table = pd.DataFrame(rows, columns=list(PLAYS_COLUMNS))
    texts = dict.fromkeys(PLAYS_COLUMNS[:-1], "str")
    return table.astype({**texts, "playcount": "int64"})


def history_command(
    read: Callable[[Path], Iterable[Played]], source: str, about: str
) -> Callable[..., int]:
    """Make the main function of a source's command: read, count, match to a catalogue, split.

    Parameters
    ----------
    read : callable
        Yields title and artist of every play in an export.
    source : str
        The name of the module, e.g. `listenbrainz`.
    about : str
        A description of the export, for `--help`.
    """

    @command
    def main(arguments: Sequence[str] | None = None) -> None:
        options = _parse(source, about, arguments)
        name = check_name(options.user_name, "user_name")
        catalogue = open_catalogue(options.catalogue, data_folder=configuration().data_folder)
        plays = count_plays(read(options.export), name)
        if plays.empty:
            raise DataError(f"{options.export} holds no plays of music: name {about}")
        path = options.out or catalogue.folder / "plays" / f"{name}-{source}.csv"
        write_csv(path, plays)
        print(f"{name}: {plays['playcount'].sum():,} plays of {len(plays):,} titles: {path}")
        write_splits(catalogue, plays, [name], seed=options.seed, group=options.group)

    return main


def _parse(source: str, about: str, arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f"python -m recsys.importers.{source}", description=f"Make a listener of {about}."
    )
    parser.add_argument("export", type=Path, help=about)
    parser.add_argument("--user_name", required=True, metavar="NAME", help="of the listener")
    parser.add_argument("--catalogue", required=True, metavar="NAME")
    add_split_options(parser)
    parser.add_argument("--out", type=Path, metavar="CSV", help="another place for the plays")
    return parser.parse_args(arguments)


# -- reading exports ---------------------------------------------------------------------------
@contextlib.contextmanager
def members(
    export: Path, wanted: Callable[[str], bool]
) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """Open the files of an export: a zip archive, a folder, or one file.

    Parameters
    ----------
    export : Path
    wanted : callable from str to bool
        Whether to open a file of an archive or folder, by its path in it with forward slashes.

    Yields
    ------
    iterator of (name, binary file), sorted by name

    Raises
    ------
    DataError
        If there is no such file, or the archive is damaged.
    """
    if not export.exists():
        raise DataError(f"{export} is not there: name the export")
    try:
        if export.is_file() and zipfile.is_zipfile(export):
            with zipfile.ZipFile(export) as archive:
                names = sorted(filter(wanted, archive.namelist()))
                yield ((f"{export}: {name}", archive.open(name)) for name in names)
            return
        paths = [export]
        if export.is_dir():
            paths = sorted(
                path
                for path in export.rglob("*")
                if path.is_file() and wanted(path.relative_to(export).as_posix())
            )
        yield _opened(paths)
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{export} cannot be read: {error}") from error


def _opened(paths: Sequence[Path]) -> Iterator[tuple[str, IO[bytes]]]:
    for path in paths:
        with path.open("rb") as file:
            yield str(path), file


def json_list(name: str, file: IO[bytes]) -> list[dict[str, Any]]:
    """Read a file that holds one JSON list of objects."""
    try:
        rows = json.load(file)
    except ValueError as error:  # UnicodeDecodeError is one
        raise DataError(f"{name} is no JSON: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{name} must hold a JSON list of objects")
    return rows


def json_lines(name: str, file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file that holds one JSON object per line."""
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f"{name}, line {number} is no JSON: {error}") from error
        if not isinstance(row, dict):
            raise DataError(f"{name}, line {number} must hold a JSON object")
        yield row


def text(value: object) -> str:
    """Return a text field, or an empty text where it is missing or null."""
    return value if isinstance(value, str) else ""
