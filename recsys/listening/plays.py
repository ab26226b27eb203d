"""Read play counts and match them to the tracks of a catalogue."""

from __future__ import annotations

import csv
import itertools
import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

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
        count that is no whole number from 0 up; with the line.
    """
    if not path.is_file():
        raise DataError(f"{path} is not a file: name the table of play counts")
    if path.suffix == ".parquet":
        return _read_parquet(path, user_names)
    table = _read_csv(path)
    table.columns = table.columns.str.strip().str.lower()
    if missing := [name for name in ("user_name", "playcount") if name not in table]:
        raise DataError(f"{path} needs the columns user_name and playcount, missing: {missing}")
    if "track_id" not in table and not {"title", "artist"} <= set(table):
        raise DataError(f"{path} needs a column track_id, or the columns title and artist")
    plays: pd.DataFrame = table.reindex(columns=list(PLAYS_COLUMNS), fill_value="")
    plays = plays.fillna("").astype("str")
    plays = plays.apply(lambda column: column.str.strip())
    plays = plays[(plays != "").any(axis=1)]  # blank lines
    counts = plays["playcount"]
    if not (good := counts.str.fullmatch(_COUNT)).all():
        row = plays.index[~good][0]
        raise DataError(
            f"{path}, line {_line(path, row)}: playcount must be a whole number from 0 up, "
            f"got {counts[row]!r}"
        )
    if (nameless := plays["user_name"] == "").any():
        raise DataError(f"{path}, line {_line(path, plays.index[nameless][0])}: no user_name")
    whole = counts.str.split(".").str[0].astype("int64")
    plays = plays.assign(playcount=whole)
    return plays if user_names is None else plays[plays["user_name"].isin(user_names)]


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
        table = pd.read_parquet(path, filters=filters)
        plays: pd.DataFrame = table.reindex(columns=list(PLAYS_COLUMNS), fill_value="")
        plays = plays.fillna("").astype({"playcount": "int64"})
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is no table of play counts: {error}") from error
    if (plays["playcount"] < 0).any() or (plays["user_name"] == "").any():
        raise DataError(f"{path}: every row needs a user_name and a playcount from 0 up")
    return plays


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # more fields than columns
            return pd.read_csv(
                path,
                dtype="str",
                keep_default_na=False,  # there are artists called NA and None
                skip_blank_lines=False,
                index_col=False,
                encoding="utf-8-sig",
            )
    except (ValueError, pd.errors.ParserWarning) as error:
        raise DataError(f"{path} is no table of play counts in CSV, UTF-8: {error}") from error


def _line(path: Path, row: int) -> int:
    """Return the line on which a row of the table ends; quoted text may span several lines."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        next(itertools.islice(reader, row + 1, None), None)
        return reader.line_num
