"""Functions that the importers of listening histories share, from single plays to a split."""

from __future__ import annotations

import argparse
import collections
import contextlib
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import pandas as pd

from lemons_limits import MOST_BYTES_OF_HISTORY, lines, parse_json
from lemons_places import typed_path
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
    parser.add_argument(
        "--catalogue", required=True, metavar="NAME", help="whose tracks were played"
    )
    add_split_options(parser)
    parser.add_argument("--out", type=typed_path, metavar="CSV", help="another place for the plays")
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
        If there is no such file, the archive is damaged or encrypted, or all that is wanted is
        larger than `MOST_BYTES_OF_HISTORY`.
    """
    if not export.exists():
        raise DataError(f"{export} is not there: name the export")
    if not export.is_file() and not export.is_dir():
        raise DataError(f"{export} is no file or folder: name the export")
    try:
        if export.is_file() and zipfile.is_zipfile(export):
            with zipfile.ZipFile(export) as archive:
                found = [info for info in archive.infolist() if wanted(info.filename)]
                _check_size(export, sum(info.file_size for info in found))
                if any(info.flag_bits & 1 for info in found):
                    raise DataError(f"{export} is encrypted: unpack it, and name the folder")
                found.sort(key=lambda info: info.filename)
                yield ((f"{export}: {info.filename}", archive.open(info)) for info in found)
            return
        paths = [export]
        if export.is_dir():
            paths = sorted(
                path
                for path in export.rglob("*")
                if path.is_file() and wanted(path.relative_to(export).as_posix())
            )
        _check_size(export, sum(path.stat().st_size for path in paths))
        yield _opened(paths)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError) as error:
        raise DataError(
            f"{export} cannot be read, it is damaged or of an unknown kind: {error}"
        ) from error
    except OSError as error:
        raise DataError(f"{export} cannot be read: {error}") from error


def _check_size(export: Path, size: int) -> None:
    if size > MOST_BYTES_OF_HISTORY:
        raise DataError(
            f"{export} holds {size / 2**30:,.1f} GiB of plays, more than "
            f"{MOST_BYTES_OF_HISTORY / 2**30:g} GiB: divide it, or leave some files out"
        )


def _opened(paths: Sequence[Path]) -> Iterator[tuple[str, IO[bytes]]]:
    for path in paths:
        with path.open("rb") as file:
            yield str(path), file


def json_lines(name: str, file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file that holds one JSON object per line."""
    for number, line in enumerate(lines(file, name), start=1):
        if not line.strip():
            continue
        row = parse_json(line, f"{name}, line {number}")
        if not isinstance(row, dict):
            raise DataError(f"{name}, line {number} must hold a JSON object")
        yield row


def text(value: object) -> str:
    """Return a text field, or an empty text where it is missing or null."""
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode("utf-8")  # JSON can hold half a character
