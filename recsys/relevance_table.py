"""Table of the relevance of a catalogue's tracks on disk, completed and sorted by DuckDB.

What is known lies in a Parquet file and in the notes of a command that has not ended. Neither is
ever held as Python objects, so a catalogue of a million tracks takes little more memory than one
of a thousand.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from lemons_utils import DataError, Journal, write_beside
from recsys.catalogue import BATCH_ROWS, Catalogue

if TYPE_CHECKING:
    import duckdb

COLUMNS = ("track_id", "relevance", "title", "artist")
"""Columns of the table; its rows begin with the most relevant track."""

MEMORY_GB = 0.25
"""Memory that DuckDB may use to sort [GB]; beyond that it uses the disk."""

_NOTED = pa.schema([("track_id", pa.string()), ("relevance", pa.float64())])
_KEPT = pa.schema([*_NOTED, ("title", pa.string()), ("artist", pa.string())])


class RelevanceTable:
    """One model's relevance for the tracks of one catalogue.

    Parameters
    ----------
    path : Path
        The Parquet file; `.unfinished.jsonl` beside it holds the notes.
    catalogue : Catalogue

    Raises
    ------
    DataError
        If the file is there and is no table of relevance.
    """

    def __init__(self, path: Path, catalogue: Catalogue) -> None:
        self.path, self.catalogue = path, catalogue
        self.notes = Journal(path.with_suffix(".unfinished.jsonl"))
        if path.is_file():
            try:
                names = set(pq.read_schema(path).names)
            except (OSError, ValueError) as error:
                raise DataError(f"{path} is no table of relevance: remove it ({error})") from error
            if lacking := sorted(set(COLUMNS) - names):
                raise DataError(f"{path} is no table of relevance: remove it (lacks {lacking})")

    def known(self) -> int:
        """Count the tracks of the catalogue whose relevance is known."""
        with self._tables() as duck:
            (row,) = duck.sql(
                "SELECT count(*) FROM tracks SEMI JOIN known USING (track_id)"
            ).fetchall()
        return int(row[0])

    def missing(self, rows: int = BATCH_ROWS) -> Iterator[list[str]]:
        """Yield the tracks that have no relevance yet, part by part, the shortest first in each."""
        for part in self.catalogue.batches("track_id", "samples", rows=rows):
            with self._tables() as duck:
                duck.register("part", pa.Table.from_pandas(part, preserve_index=False))
                found = duck.sql(
                    "SELECT track_id FROM part ANTI JOIN known USING (track_id) "
                    "ORDER BY samples, track_id"
                ).fetchall()
            if found:
                yield [track_id for (track_id,) in found]

    def note(self, track_ids: Sequence[str], relevance: Sequence[float]) -> None:
        """Note the relevance of some tracks on disk; what is noted survives a kill."""
        self.notes.append(*zip(track_ids, relevance, strict=True))

    def finish(self) -> None:
        """Write the table of all tracks if anything in it is new, and remove the notes."""
        with self._tables() as duck:
            duck.execute(
                """
                CREATE TEMP VIEW fresh AS
                SELECT track_id, relevance, title, artist
                FROM tracks LEFT JOIN known USING (track_id)
                ORDER BY relevance DESC, track_id
                """
            )
            if self._is_new(duck):
                with write_beside(self.path) as temporary:
                    duck.sql("FROM fresh").write_parquet(
                        str(temporary), compression="snappy", row_group_size=BATCH_ROWS
                    )
        self.notes.path.unlink(missing_ok=True)

    def _is_new(self, duck: duckdb.DuckDBPyConnection) -> bool:
        if not self.path.is_file():
            return True
        (row,) = duck.sql(
            "SELECT (SELECT count(*) FROM kept) <> (SELECT count(*) FROM tracks) "
            "OR EXISTS (FROM fresh EXCEPT FROM kept)"
        ).fetchall()
        return bool(row[0])

    @contextmanager
    def _tables(self) -> Iterator[duckdb.DuckDBPyConnection]:
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
                listed = self.catalogue.columns("track_id", "title", "artist")
                duck.register("tracks", pa.Table.from_pandas(listed, preserve_index=False))
            else:
                duck.read_parquet(str(tracks)).create_view("tracks")
            if self.path.is_file():
                duck.read_parquet(str(self.path)).select(*COLUMNS).create_view("kept")
            else:
                duck.register("kept", _KEPT.empty_table())
            duck.register("noted", _read_notes(self.notes))
            duck.execute(
                """
                CREATE TEMP VIEW known AS
                SELECT track_id, relevance FROM kept
                UNION ALL
                SELECT track_id, max(relevance) FROM noted ANTI JOIN kept USING (track_id)
                GROUP BY track_id
                """
            )
            yield duck


def _read_notes(notes: Journal) -> pa.Table:
    """Read what an interrupted command has scored."""
    batches = []
    pairs = filter(None, map(_pair, notes.records()))
    while part := list(itertools.islice(pairs, BATCH_ROWS)):
        track_ids, values = zip(*part, strict=True)
        columns = [pa.array(track_ids, pa.string()), pa.array(values, pa.float64())]
        batches.append(pa.record_batch(columns, schema=_NOTED))
    return pa.Table.from_batches(batches, schema=_NOTED)


def _pair(record: Any) -> tuple[str, float] | None:
    try:
        track_id, value = record
        return str(track_id), float(value)
    except (ValueError, TypeError):
        return None
