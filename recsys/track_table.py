"""Table of a value of each of a catalogue's tracks on disk, completed and sorted by DuckDB.

The value is a model's relevance, or a trunk's coordinates.

What is known lies in a Parquet file and in the notes of a command that has not ended. Both say what
computed the values: those of another model, or of another catalogue, do not count. Neither is ever
held as Python objects, so a catalogue of a million tracks takes little more memory than one of a
thousand.
"""

from __future__ import annotations

import functools
import itertools
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lemons_jobs import HERE, Workers, run
from lemons_journal import Journal
from lemons_utils import DataError, OnProgress, first_line, locked, write_beside
from recsys.catalogue import BATCH_ROWS, Catalogue
from recsys.parquet import check_sealed, seal

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Values:
    """What a table holds of each track.

    Attributes
    ----------
    name : str
        The value's column.
    type : DataType
    beside : tuple of str
        Columns of the catalogue's that are kept beside it.
    order : str
        How rows are ordered, in SQL.
    """

    name: str
    type: pa.DataType
    beside: tuple[str, ...] = ()
    order: str = "track_id"

    @property
    def noted(self) -> pa.Schema:
        """The columns of what is noted."""
        return pa.schema([("track_id", pa.string()), (self.name, self.type)])

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table."""
        return ("track_id", self.name, *self.beside)


RELEVANCE = Values("relevance", pa.float64(), ("title", "artist"), "relevance DESC, track_id")
"""Begins with the most relevant track."""

COORDINATES = Values("coordinates", pa.list_(pa.float32()))

COLUMNS = RELEVANCE.columns

MEMORY_GB = 0.25
"""Memory that DuckDB may use to sort [GB]; beyond that it uses the disk."""

NOTES = 4096
"""Notes that are Python objects at a time."""

CHUNK_TRACKS = 32
"""Tracks whose values are computed between two notes on disk."""

_OF = b"lemons.of"  # key of what a table is of, in the metadata of Parquet
_NO_PARQUET = (OSError, ValueError, KeyError, TypeError, pa.ArrowException)


class TrackTable:
    """One value of each track of one catalogue.

    Parameters
    ----------
    path : Path
        The Parquet file; `.unfinished.jsonl` beside it holds the notes.
    catalogue : Catalogue
    of : mapping of str to str
        What computes the values, by its checksum: {"model": ...}. Values that something else has
        computed, or for another catalogue, are not taken, and replaced by `finish`.
    values : Values
    """

    def __init__(
        self, path: Path, catalogue: Catalogue, of: Mapping[str, str], values: Values = RELEVANCE
    ) -> None:
        self.path, self.catalogue, self.values = path, catalogue, values
        self.of = {**of, "catalogue": catalogue.name}
        self.notes = Journal(path.with_suffix(".unfinished.jsonl"), self.of)

    @functools.cached_property
    def is_kept(self) -> bool:
        """Whether there is such a table in the file, undamaged.

        Raises
        ------
        DataError
            If the file is there and is no such table.
        """
        if not self.path.is_file():
            return False
        no_table = f"{self.path} is no table of {self.values.name}: remove it"
        try:
            schema = pq.read_schema(self.path)
        except _NO_PARQUET as error:
            raise DataError(f"{no_table} ({first_line(error)})") from error
        if lacking := sorted(set(self.values.columns) - set(schema.names)):
            raise DataError(f"{no_table} (lacks {lacking})")
        if (schema.metadata or {}).get(_OF) != self._of:
            return False
        try:
            return check_sealed(self.path)
        except (DataError, OSError) as error:
            print(f"computed again: {error}", file=sys.stderr)
            return False

    @property
    def _of(self) -> bytes:
        return json.dumps(self.of, sort_keys=True).encode()

    def read(self, *columns: str) -> pd.DataFrame | None:
        """Return columns of the table in the file, or None if it is missing, damaged or another."""
        try:
            if self.is_kept:
                return pd.read_parquet(self.path, columns=list(columns))
        except (DataError, *_NO_PARQUET):  # replaced or removed in between
            pass
        return None

    def complete(
        self,
        work: Callable[..., list[Any]],
        *,
        step: str,
        workers: Workers = HERE,
        on_progress: OnProgress | None = None,
    ) -> None:
        """Compute the values that are not known, and write the table.

        Parameters
        ----------
        work : callable
            Maps a list of track ids to their values. In this process it is also given `on_done`,
            which it may call with how many of these tracks are done.
        step : str
            What progress is called.
        workers : Workers
        on_progress : callable, optional
            Called with `step` and the share of tracks whose value is known, first before any is
            computed. An error that it raises ends the work; what is noted is kept.
        """
        with self.alone():
            known, total = self.known(), max(self.catalogue.count, 1)

            def report(more: float = 0.0) -> None:
                if on_progress is not None:
                    on_progress(step, (known + more) / total)

            report()
            if workers.is_here:
                work = functools.partial(work, on_done=report)
            for missing in self.missing():
                starts = range(0, len(missing), CHUNK_TRACKS)
                chunks = [missing[start : start + CHUNK_TRACKS] for start in starts]
                for outcome in run(work, chunks, workers):
                    chunk = chunks[outcome.index]
                    self.note(chunk, outcome.get())
                    known += len(chunk)
                    report()
            self.finish()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other commands from completing the same table within this context; wait for them.

        What they note is removed when they finish: half of a table would be made of the rest.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        busy = DataError(f"another command completes {self.path}")
        with locked(self.path.with_name(f".{self.path.name}.lock"), busy, wait_s=math.inf):
            self.__dict__.pop("is_kept", None)
            yield

    def known(self) -> int:
        """Count the tracks of the catalogue whose value is known."""
        with self._tables() as duck:
            (row,) = duck.sql(
                "SELECT count(*) FROM tracks SEMI JOIN known USING (track_id)"
            ).fetchall()
        return int(row[0])

    def missing(self, rows: int = BATCH_ROWS) -> Iterator[list[str]]:
        """Yield the tracks that have no value yet, part by part, the shortest first in each."""
        for part in self.catalogue.batches("track_id", "samples", rows=rows):
            with self._tables() as duck:
                duck.register("part", pa.Table.from_pandas(part, preserve_index=False))
                found = duck.sql(
                    "SELECT track_id FROM part ANTI JOIN known USING (track_id) "
                    "ORDER BY samples, track_id"
                ).fetchall()
            if found:
                yield [track_id for (track_id,) in found]

    def note(self, track_ids: Sequence[str], values: Sequence[object]) -> None:
        """Note the values of some tracks on disk; what is noted survives a kill."""
        self.notes.append(*zip(track_ids, values, strict=True))

    def finish(self, found: pa.Table | None = None) -> None:
        """Write the table of all tracks if anything in it is new, and remove the notes.

        Parameters
        ----------
        found : Table with columns track_id and the value's, optional
            Values to take beside the noted ones.
        """
        with self._tables(found) as duck:
            duck.execute(
                f"""
                CREATE TEMP VIEW fresh AS
                SELECT {", ".join(self.values.columns)}
                FROM tracks LEFT JOIN known USING (track_id)
                ORDER BY {self.values.order}
                """  # noqa: S608 - no names but our own
            )
            if self._is_new(duck):
                with write_beside(self.path) as temporary:
                    self._write(temporary, duck.sql("FROM fresh").to_arrow_reader(BATCH_ROWS))
        self.__dict__.pop("is_kept", None)
        self.notes.remove()

    def _write(self, path: Path, rows: pa.RecordBatchReader) -> None:
        schema = rows.schema.with_metadata({_OF: self._of})
        with pq.ParquetWriter(path, schema) as writer:
            for batch in rows:
                writer.write_batch(batch, BATCH_ROWS)
        seal(path)

    def _is_new(self, duck: duckdb.DuckDBPyConnection) -> bool:
        if not self.is_kept:
            return True
        (row,) = duck.sql(
            "SELECT (SELECT count(*) FROM kept) <> (SELECT count(*) FROM tracks) "
            "OR EXISTS (FROM fresh EXCEPT FROM kept)"
        ).fetchall()
        return bool(row[0])

    @contextmanager
    def _tables(self, found: pa.Table | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """Connect to what there is: `tracks`, `kept`, and `known`, which has every track once."""
        import duckdb

        self.path.parent.mkdir(parents=True, exist_ok=True)
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{MEMORY_GB}GB",
            "temp_directory": str(self.path.with_suffix(".spill")),
        }
        with duckdb.connect(config=settings) as duck:
            tracks = self.catalogue.table
            if tracks is None:
                listed = self.catalogue.columns("track_id", *self.values.beside)
                duck.register("tracks", pa.Table.from_pandas(listed, preserve_index=False))
            else:
                duck.read_parquet(str(tracks)).create_view("tracks")
            if self.is_kept:
                duck.read_parquet(str(self.path)).select(*self.values.columns).create_view("kept")
            else:
                texts = [(name, pa.string()) for name in self.values.beside]
                duck.register("kept", pa.schema([*self.values.noted, *texts]).empty_table())
            noted = _read_notes(self.notes, self.values.noted)
            duck.register("noted", pa.concat_tables([noted, *([found] if found else [])]))
            name = self.values.name
            duck.execute(
                f"""
                CREATE TEMP VIEW known AS
                SELECT track_id, {name} FROM kept
                UNION ALL
                SELECT track_id, any_value({name}) FROM noted ANTI JOIN kept USING (track_id)
                GROUP BY track_id
                """  # noqa: S608 - no names but our own
            )
            yield duck


def _read_notes(notes: Journal, schema: pa.Schema) -> pa.Table:
    """Read what an interrupted command has found out."""
    batches, records = [], notes.records()
    while part := list(itertools.islice(records, NOTES)):
        try:
            batches.append(_batch(part, schema))
        except (ValueError, TypeError, pa.ArrowException):
            batches += [batch for record in part for batch in _if_whole(record, schema)]
    return pa.Table.from_batches(batches, schema=schema)


def _if_whole(record: Any, schema: pa.Schema) -> list[pa.RecordBatch]:
    try:
        return [_batch([record], schema)]
    except (ValueError, TypeError, pa.ArrowException):
        return []


def _batch(records: list[Any], schema: pa.Schema) -> pa.RecordBatch:
    track_ids, values = zip(*((track_id, value) for track_id, value in records), strict=True)
    columns = [
        pa.array(part, field.type) for part, field in zip((track_ids, values), schema, strict=True)
    ]
    return pa.record_batch(columns, schema=schema)
