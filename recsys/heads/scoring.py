"""The relevance of every track of a catalogue for all heads of a trunk: a matrix product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from lemons_jobs import HERE, Workers
from lemons_utils import OnProgress
from recsys.catalogue import Catalogue
from recsys.heads.features import complete_features, feature_batches
from recsys.heads.fitting import Head
from recsys.heads.trunk import Trunk
from recsys.inference import relevance
from recsys.track_table import RELEVANCE, TrackTable

SCORES_AT_A_TIME = 2**25
"""Relevances that are in memory at a time: 0.25 GB."""


def score_heads(
    trunk: Trunk,
    chosen: Mapping[TrackTable, Head],
    catalogue: Catalogue,
    *,
    device: str = "cpu",
    workers: Workers = HERE,
    on_progress: OnProgress | None = None,
) -> None:
    """Score the tracks of a catalogue that the tables of a trunk's heads lack.

    The relevance is that which `recsys.predict.score_catalogue` finds by the heads' networks, up
    to rounding.

    Parameters
    ----------
    trunk : Trunk
    chosen : mapping from TrackTable to Head
        The head of each table of relevance.
    catalogue, device, workers, on_progress
        As of `complete_features`, which computes what is the same for all heads.

    Raises
    ------
    DataError
        If a track has no audio, or another file is in a table's place.
    """
    total = catalogue.count
    lacking = [table for table in chosen if not table.is_kept or table.known() < total]
    for table in chosen.keys() - set(lacking):
        table.finish()
    if lacking:
        features = complete_features(
            trunk, catalogue, device=device, workers=workers, on_progress=on_progress
        )
        together = max(1, SCORES_AT_A_TIME // max(total, 1))
        for start in range(0, len(lacking), together):
            part = lacking[start : start + together]
            relevances = relevance_tables(features, [chosen[table] for table in part])
            for table, found in zip(part, relevances, strict=True):
                table.finish(found)


def relevance_tables(features: Path, chosen: Sequence[Head]) -> list[pa.Table]:
    """Return the relevance of every track for each head: its id and its relevance.

    Parameters
    ----------
    features : Path
        From `complete_features`.
    chosen : sequence of Head
    """
    weights = np.stack([head.weight for head in chosen], axis=1)
    biases = np.array([head.bias for head in chosen])
    track_ids, parts = [], []
    for ids, coordinates in feature_batches(features):
        track_ids.append(pa.array(ids, pa.string()))
        logits = coordinates.astype(np.float64) @ weights + biases
        # As a network's; the last bits of a product depend on how many heads it has.
        parts.append(relevance(logits.astype(np.float32).astype(np.float64)))
    values, all_ids = np.concatenate(parts), pa.chunked_array(track_ids)
    return [pa.table([all_ids, values[:, n]], schema=RELEVANCE.noted) for n in range(len(chosen))]
