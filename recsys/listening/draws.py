"""Draw tracks from a catalogue of up to millions of tracks.

DuckDB hashes and ranks the ids in columns and streams those of a Parquet file, so that a draw
needs memory only for what it returns.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lemons_utils import DataError

if TYPE_CHECKING:
    import duckdb


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

    def unknown(self, track_ids: Collection[str]) -> list[str]:
        """Return those of some ids that are not in the pool, sorted."""
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
        return connection.read_parquet(str(self._source))


def _table(track_ids: Collection[str]) -> object:
    import pyarrow as pa

    return pa.table({"track_id": pa.array(track_ids, pa.string())})
