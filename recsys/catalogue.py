"""The tracks of a catalogue and their audio on disk.

A catalogue is a folder: `tracks.parquet` describes the tracks, `audio/<track_id>.npy` holds their
audio, 16 kHz mono. A folder of `<track_id>.npy` arrays alone, the form of the published system,
is a catalogue whose titles are the track ids.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lemons_places import how_to
from lemons_utils import SAMPLE_RATE, DataError, ParameterError, first_line, write_beside
from recsys.arrays import array_length, read_array
from recsys.arrays import save_audio as save_audio
from recsys.parquet import check_sealed, seal

TEXT_COLUMNS = ("title", "artist", "album", "genre")
COLUMNS = ("track_id", *TEXT_COLUMNS, "year", "duration_s", "samples")
"""The columns of every `tracks` table, in this order; further columns may follow."""

BATCH_ROWS = 65_536
"""Rows of a row group of `tracks.parquet`, the unit of reading."""

UNFINISHED = "ingest.jsonl"
"""Ingest's file beside `tracks.parquet`; alone until the first ingest has ended."""

_NAME = re.compile(r"\w[\w .,@+=~-]*")


def check_name(name: str, what: str) -> str:
    """Return a name if it can be part of a file name on every system.

    Parameters
    ----------
    name : str
    what : str
        The kind of name, for the error message: "catalogue", "user_name".

    Raises
    ------
    ParameterError
        If the name is empty, too long, starts with a dot or has characters such as `/`; if it is
        one that commands would take for something else: `all`, `None`, `1e5`.
    """
    if not _NAME.fullmatch(name) or len(name) > 100 or name.endswith((" ", ".")):
        raise ParameterError(
            f"{what} must be 1 to 100 letters, digits, blanks or any of _.,@+=~- "
            f"and start with a letter or digit, got {name!r}"
        )
    if name == "all" or name != _as_option(name):
        raise ParameterError(f"{what} must not be {name!r}, which commands take for something else")
    return name


@functools.lru_cache(maxsize=1024)
def _as_option(name: str) -> str:
    """Return what becomes of a name as an option of sacred's, which reads Python's literals."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            value = ast.literal_eval(name)
    except (ValueError, SyntaxError):
        return name
    return "" if value is None else str(value)


@dataclass(frozen=True)
class Catalogue:
    """A named set of tracks with audio.

    Parameters
    ----------
    name : str
    folder : Path
        The folder of `tracks.parquet`, `audio/` and `splits/`.
    """

    name: str
    folder: Path

    @functools.cached_property
    def tracks(self) -> pd.DataFrame:
        """Table with a row for each track: `COLUMNS`, and further columns of its maker.

        Unknown text is "", an unknown year <NA>.
        """
        path = self.table
        if path is not None:
            return read_tracks(path)
        arrays = array_lengths(self.folder)
        return _in_form(arrays.assign(title=arrays["track_id"]))

    @property
    def table(self) -> Path | None:
        """Path of `tracks.parquet`; None for a folder of arrays alone."""
        path = self.folder / "tracks.parquet"
        return path if path.is_file() else None

    @property
    def count(self) -> int:
        """Number of tracks, without reading a table."""
        if (path := self.table) is None:
            return len(_array_names(self.folder))
        with _readable(path):
            return int(pq.read_metadata(path).num_rows)

    @property
    def track_ids(self) -> list[str]:
        """Ids of all tracks, in the order of `tracks`, without reading other columns."""
        if "tracks" not in self.__dict__ and self.table is None:
            return _array_names(self.folder)
        return self.columns("track_id")["track_id"].tolist()

    def columns(self, *names: str) -> pd.DataFrame:
        """Return some columns of `tracks`, without reading others."""
        if "tracks" in self.__dict__ or (path := self.table) is None:
            return self.tracks[list(names)]
        with _readable(path):
            return pd.read_parquet(path, columns=list(names))

    def batches(self, *names: str, rows: int = BATCH_ROWS) -> Iterator[pd.DataFrame]:
        """Yield some columns of `tracks`, part by part, in bounded memory."""
        if (path := self.table) is None:
            tracks = self.tracks[list(names)]
            yield from (tracks.iloc[at : at + rows] for at in range(0, len(tracks), rows))
            return
        with _readable(path), pq.ParquetFile(path) as file:
            for batch in file.iter_batches(rows, columns=list(names)):
                yield batch.to_pandas()[list(names)]

    def audio_path(self, track_id: str) -> Path:
        """Return the path of a track's array, whether it exists or not."""
        if not track_id or track_id.startswith(".") or re.search(r"[/\\\0]", track_id):
            raise ParameterError(f"track_id must be the name of an array, got {track_id!r}")
        path = self.folder / "audio" / f"{track_id}.npy"
        beside = self.folder / f"{track_id}.npy"
        return beside if beside.is_file() and not path.is_file() else path

    def audio(self, track_id: str) -> NDArray[np.int16]:
        """Return the audio of a track.

        Returns
        -------
        ndarray [shape=(samples,)], int16, 16 kHz mono
            Mapped from disk if it is stored as int16; converted if it is stored as floats.

        Raises
        ------
        DataError
            If there is no array of that name, or it does not hold mono audio.
        """
        path = self.audio_path(track_id)
        if not path.is_file():
            raise DataError(f"catalogue {self.name} has no audio of track {track_id}: {path}")
        return read_array(path)


def open_catalogue(name: str, *, data_folder: Path) -> Catalogue:
    """Open the catalogue `name` under `data_folder/catalogues`.

    Raises
    ------
    DataError
        If there is no such catalogue, or its first ingest has not ended.
    """
    home = data_folder / "catalogues"
    folder = home / check_name(name, "catalogue")
    if (folder / "tracks.parquet").is_file():
        return Catalogue(name, folder)
    if (folder / UNFINISHED).exists():
        raise DataError(
            f"catalogue {name} is not finished: run the command that makes it again "
            "(`python -m recsys.ingest` or `python -m recsys.demo`)"
        )
    if folder.is_dir() and _array_names(folder):
        return Catalogue(name, folder)
    there = sorted(path.name for path in home.iterdir() if path.is_dir()) if home.is_dir() else []
    raise DataError(
        f"no catalogue {name!r} in {home} (there: {', '.join(there) or 'none'}); "
        f"`{how_to('demo')}` builds `demo`, `python -m recsys.demo --fresh 200` `demo-fresh`, "
        f"`python -m recsys.ingest FOLDER --catalogue {name}` makes one of your own music"
    )


def write_tracks(folder: Path, table: pd.DataFrame) -> pd.DataFrame:
    """Write `tracks.parquet` of a catalogue, atomically.

    Parameters
    ----------
    folder : Path
        Folder of the catalogue, made if it is missing.
    table : DataFrame
        At least `track_id` and `samples`; other `COLUMNS` that are missing are filled in as
        unknown, `duration_s` from the samples. Further columns are kept.

    Returns
    -------
    DataFrame as written: `COLUMNS` first, rows in the order given

    Raises
    ------
    ParameterError
        If a column is missing or has the wrong type, or a `track_id` comes twice.
    """
    tracks = _in_form(table)
    with write_beside(folder / "tracks.parquet") as temporary:
        tracks.to_parquet(temporary, index=False, row_group_size=BATCH_ROWS)
        seal(temporary)
    return tracks


def read_tracks(path: Path) -> pd.DataFrame:
    """Read a `tracks.parquet`.

    Raises
    ------
    DataError
        If it is missing, is no Parquet file, lacks a column or has changed since it was written.
    """
    with _readable(path):
        return _in_form(pd.read_parquet(path))


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Compare a table with its checksum; raise the errors of reading it as `DataError`."""
    try:
        check_sealed(path)
        yield
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise DataError(f"{path} is no table of tracks: {first_line(error)}") from error


def _in_form(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with all `COLUMNS` in their types and order."""
    if missing := {"track_id", "samples"} - set(table.columns):
        raise ParameterError(f"tracks need the columns track_id and samples, missing: {missing}")
    tracks = table.reset_index(drop=True)
    tracks["track_id"] = tracks["track_id"].astype("str")
    if tracks["track_id"].isna().any() or (tracks["track_id"] == "").any():
        raise ParameterError("every track needs a track_id, some are empty")
    if (twice := tracks["track_id"].duplicated()).any():
        raise ParameterError(f"track_id {tracks['track_id'][twice].iloc[0]} comes twice")
    tracks["samples"] = tracks["samples"].astype("int64")
    for column in TEXT_COLUMNS:
        text = tracks[column] if column in tracks else pd.Series("", index=tracks.index)
        tracks[column] = text.astype("str").fillna("")
    year = tracks["year"] if "year" in tracks else pd.Series(pd.NA, index=tracks.index)
    tracks["year"] = year.astype("Int64")
    if "duration_s" not in tracks:
        tracks["duration_s"] = tracks["samples"] / SAMPLE_RATE
    tracks["duration_s"] = tracks["duration_s"].astype("float64")
    return tracks[[*COLUMNS, *(name for name in tracks.columns if name not in COLUMNS)]]


def array_folder(folder: Path) -> Path:
    """Return the folder that holds a catalogue's arrays: `audio/`, or the catalogue's own."""
    return folder / "audio" if (folder / "audio").is_dir() else folder


def array_lengths(folder: Path) -> pd.DataFrame:
    """Return `track_id` and `samples` of all arrays of a catalogue, read from their headers."""
    home, track_ids = array_folder(folder), _array_names(folder)
    samples = [array_length(home / f"{track_id}.npy") for track_id in track_ids]
    return pd.DataFrame({"track_id": track_ids, "samples": samples})


def _array_names(folder: Path) -> list[str]:
    names = os.listdir(array_folder(folder))
    return sorted(n[:-4] for n in names if n.endswith(".npy") and not n.startswith("."))
