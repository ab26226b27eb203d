"""Draw tracks from a catalogue of up to millions of tracks.

DuckDB hashes and ranks the ids in columns and streams those of a Parquet file, so that a draw
needs memory only for what it returns. A query for each listener takes 20 ms, though, in which this
process hashes 20,000 ids: those of a smaller catalogue are kept.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lemons_utils import DataError

if TYPE_CHECKING:
    import duckdb


KEPT_IDS = 20_000
"""Most ids of a catalogue that are hashed here."""


class Pool:
    """The ids of all tracks of a catalogue.

    Parameters
    ----------
    track_ids : sequence of str, or Path of a Parquet file with a column `track_id`
        The ids of a file must be unique; duplicates in a sequence count once.
    """

    def __init__(self, track_ids: Sequence[str] | Path) -> None:
        self._source = track_ids if isinstance(track_ids, Path) else list(dict.fromkeys(track_ids))

    def __len__(self) -> int:
        return self._length

    @functools.cached_property
    def _length(self) -> int:
        return int(self._query("SELECT count(*) FROM pool")[0][0])

    @functools.cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        """A connection with the table `pool`, one for all listeners: making it takes its time."""
        import duckdb

        connection = duckdb.connect()
        connection.register("pool", self._pool(connection))
        return connection

    @functools.cached_property
    def _kept(self) -> dict[str, bytes]:
        """The ids and their bytes; none where they are too many to keep."""
        if len(self) > KEPT_IDS:
            return {}
        return {str(each): str(each).encode() for (each,) in self._query("SELECT * FROM pool")}

    def unknown(self, track_ids: Collection[str]) -> list[str]:
        """Return those of some ids that are not in the pool, sorted."""
        if self._kept:
            return sorted({*track_ids} - self._kept.keys())
        query = "SELECT DISTINCT track_id FROM given ANTI JOIN pool USING (track_id)"
        return sorted(track_id for (track_id,) in self._query(query, track_ids))

    def draw(self, count: int, *, salt: str, without: Collection[str] = ()) -> NDArray[np.object_]:
        """Draw ids by the SHA-256 of the salt and the id: the same on every machine.

        The salt precedes the id in the hash; ids in `without` are never drawn.

        Returns
        -------
        ndarray [shape=(drawn,)] of str, in the order of their hashes
            `count` ids, or fewer if the pool has no more.
        """
        if self._kept:
            first, barred, sha256 = salt.encode(), {*without}, hashlib.sha256
            hashed = [(sha256(first + data).digest(), each) for each, data in self._kept.items()]
            hashed.sort()
            ranked = (track_id for _, track_id in hashed if track_id not in barred)
            return np.array([*itertools.islice(ranked, count)], dtype=object)
        drawn = self._query(
            "SELECT track_id FROM pool ANTI JOIN given USING (track_id) "
            "ORDER BY sha256($salt || track_id) LIMIT $count",
            without,
            {"salt": salt, "count": count},
        )
        return np.array([track_id for (track_id,) in drawn], dtype=object)

    def _query(
        self, query: str, given: Collection[str] = (), parameters: dict[str, object] | None = None
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a query over the tables `pool` and `given`."""
        import duckdb

        try:
            self._connection.register("given", _table(given))
            return self._connection.execute(query, parameters or {}).fetchall()
        except duckdb.Error as error:
            raise DataError(f"{self._source} is no table of tracks: {error}") from error

    def _pool(self, connection: duckdb.DuckDBPyConnection) -> object:
        if isinstance(self._source, list):
            return _table(self._source)
        return connection.read_parquet(str(self._source)).select("track_id")


def _table(track_ids: Collection[str]) -> object:
    import pyarrow as pa

    return pa.table({"track_id": pa.array(track_ids, pa.string())})
