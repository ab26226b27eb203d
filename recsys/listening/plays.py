"""Read play counts and match them to the tracks of a catalogue."""

from __future__ import annotations

import csv
import itertools
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lemons_utils import DataError
from recsys.listening.matching import match

_COUNT = r"[0-9]{1,15}(?:\.0+)?"


PLAYS_COLUMNS = ("user_name", "track_id", "title", "artist", "playcount")
"""Columns of a table of play counts; "" is unknown."""


def read_plays(path: Path, user_names: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a table of play counts.

    The first line names the columns: `user_name`, `playcount`, and `track_id` or `title` and
    `artist` (with all three, the id is used where there is one). Other columns are ignored.

    Parameters
    ----------
    path : Path
        CSV in UTF-8, or Parquet. Only the row groups of a Parquet file that hold the listeners
        asked for are read.
    user_names : sequence of str, optional
        Return the rows of these listeners only.

    Returns
    -------
    DataFrame with columns user_name, track_id, title, artist (str, "" where unknown), playcount

    Raises
    ------
    DataError
        If the file is missing or no CSV, a column is missing, or a row has no user name or a
        count that is no whole number from 0 up; with the line in CSV.
    """
    if not path.is_file():
        raise DataError(f"{path} is not a file: name the table of play counts")
    is_csv = path.suffix != ".parquet"
    plays = _read_csv(path) if is_csv else _read_parquet(path, user_names)

    def where(row: int) -> str:
        return f"{path}, line {_line(path, row)}" if is_csv else str(path)

    if (nameless := plays["user_name"] == "").any():
        raise DataError(f"{where(plays.index[nameless][0])}: no user_name")
    counts = plays["playcount"]
    if not (good := _are_counts(counts)).all():
        row = plays.index[~good][0]
        raise DataError(
            f"{where(row)}: playcount must be a whole number from 0 up, got {str(counts[row])!r}"
        )
    if not pd.api.types.is_integer_dtype(counts):
        counts = counts.astype("str").str.split(".").str[0]
    plays = plays.assign(playcount=counts.astype("int64"))
    return plays if user_names is None else plays[plays["user_name"].isin(user_names)]


def _are_counts(counts: pd.Series) -> pd.Series:
    """Return of each value whether it is a whole number from 0 up, as a number or a text."""
    if pd.api.types.is_integer_dtype(counts) and counts.between(0, 10**15 - 1).all():
        return pd.Series(True, index=counts.index)  # most tables, without a text per number
    return counts.astype("str").str.fullmatch(_COUNT).fillna(False)


def match_plays(plays: pd.DataFrame, tracks: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Match rows of play counts to the tracks of a catalogue.

    Parameters
    ----------
    plays : DataFrame with columns user_name, track_id, title, artist, playcount
    tracks : DataFrame with columns track_id, title, artist

    Returns
    -------
    matched : DataFrame with columns user_name, track_id, playcount
        One row per listener and track; several rows of one track are summed.
    unmatched : DataFrame
        Rows of `plays` that match no track.
    """
    found = plays["track_id"].where(_is_in(plays["track_id"], tracks["track_id"]))
    unknown = plays[(plays["track_id"] == "") & (plays["title"] != "")]
    if len(unknown):
        found = found.fillna(match(unknown["title"], unknown["artist"], tracks))
    matched = plays.assign(track_id=found)[found.notna()]
    summed = matched.groupby(["user_name", "track_id"])["playcount"].sum().reset_index()
    return summed, plays[found.isna()]


def _is_in(column: pd.Series, known: pd.Series) -> pd.Series:
    return column.astype(object).isin(known.astype(object))  # text columns take 20 times as long


def _read_parquet(path: Path, user_names: Sequence[str] | None) -> pd.DataFrame:
    filters = None if user_names is None else [("user_name", "in", list(user_names))]
    try:
        found = pq.read_schema(path).names
        _check_columns(path, found)
        columns = [name for name in PLAYS_COLUMNS if name in found]
        table = pd.read_parquet(path, columns=columns, filters=filters)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{path} is no table of play counts: {error}") from error
    return _in_columns(table)


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # more fields than columns
            table = pd.read_csv(
                path,
                dtype="str",
                keep_default_na=False,  # there are artists called NA and None
                skip_blank_lines=False,
                index_col=False,
                encoding="utf-8-sig",
            )
    except (ValueError, pd.errors.ParserWarning) as error:
        raise DataError(f"{path} is no table of play counts in CSV, UTF-8: {error}") from error
    table.columns = table.columns.str.strip().str.lower()
    _check_columns(path, [*table.columns])
    plays: pd.DataFrame = _in_columns(table.fillna("")).apply(lambda column: column.str.strip())
    filled = (plays != "").any(axis=1)  # blank lines are not
    return plays[filled]


def _check_columns(path: Path, found: Sequence[str]) -> None:
    there = ", ".join(found)
    there = f"found: {there[:200]}{' ...' if len(there) > 200 else ''}"
    if len(found) == 1 and re.search(r"[;\t|]", found[0]):
        there += " (separate columns by commas)"
    if missing := [name for name in ("user_name", "playcount") if name not in found]:
        raise DataError(
            f"{path} needs the columns user_name and playcount, missing: {missing}; {there}"
        )
    if "track_id" not in found and not {"title", "artist"} <= set(found):
        raise DataError(f"{path} needs a column track_id, or the columns title and artist; {there}")


def _in_columns(table: pd.DataFrame) -> pd.DataFrame:
    """Return `PLAYS_COLUMNS`, all but the counts as text, "" where unknown."""
    plays: pd.DataFrame = table.reindex(columns=list(PLAYS_COLUMNS), fill_value="")
    for name in PLAYS_COLUMNS[:-1]:
        column = plays[name]
        if not isinstance(column.dtype, pd.StringDtype):
            column = column.astype(object)  # numbers and missing values in Parquet
        plays[name] = column.fillna("").astype("str")
    return plays


def _line(path: Path, row: int) -> int:
    """Return the line on which a row of the table ends; quoted text may span several lines."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        next(itertools.islice(reader, row + 1, None), None)
        return reader.line_num
