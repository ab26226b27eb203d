"""Where every track of a catalogue lies in a trunk's coordinates, kept beside the catalogue.

`features/<trunk's checksum>.parquet` has the coordinates of each track. They are computed once for
all listeners of the trunk: the relevance of every track is a matrix product then.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from lemons_audio import to_float32
from lemons_jobs import HERE, Workers
from lemons_utils import OnProgress
from recsys.catalogue import BATCH_ROWS, Catalogue
from recsys.dataset import repeat_to
from recsys.heads.pooled import read_pooled
from recsys.heads.trunk import Trunk
from recsys.model import MIN_SAMPLES, LocalStatistics
from recsys.track_table import COORDINATES, TrackTable
from recsys.training_options import pick_device


def features_path(catalogue: Catalogue, trunk: Trunk) -> Path:
    """Return the path of the table of a trunk's coordinates of a catalogue's tracks."""
    return catalogue.folder / "features" / f"{trunk.checksum[:12]}.parquet"


def complete_features(
    trunk: Trunk,
    catalogue: Catalogue,
    *,
    device: str = "cpu",
    workers: Workers = HERE,
    on_progress: OnProgress | None = None,
) -> Path:
    """Compute the coordinates of the tracks that a trunk's table lacks, and return its path.

    Statistics that are kept are read; of other tracks the audio is.

    Parameters
    ----------
    trunk : Trunk
    catalogue : Catalogue
    device : str
        Where statistics are computed.
    workers : Workers
        They do not change the result.
    on_progress : callable, optional
        Called with "features" and the share of tracks whose coordinates are known, first before
        any are computed. An error that it raises ends the work; what is computed is kept.

    Raises
    ------
    DataError
        If a track has no audio, or another file is in the table's place.
    ParameterError
        If the device is missing.
    """
    pick_device(device)
    path = features_path(catalogue, trunk)
    table = TrackTable(path, catalogue, {"trunk": trunk.checksum}, COORDINATES)
    # Without what no worker needs: the catalogue's table, the trunk's sample.
    lean = replace(trunk, sample=trunk.sample[:0], about={})
    work = functools.partial(_values, lean, replace(catalogue), device)
    table.complete(work, step="features", workers=workers, on_progress=on_progress)
    return path


def _values(
    trunk: Trunk,
    catalogue: Catalogue,
    device: str,
    track_ids: Sequence[str],
    on_done: Callable[[float], None] | None = None,
) -> list[list[float]]:
    found: list[list[float]] = coordinates_of(trunk, catalogue, track_ids, device=device).tolist()
    return found


@torch.inference_mode()
def coordinates_of(
    trunk: Trunk, catalogue: Catalogue, track_ids: Sequence[str], *, device: str = "cpu"
) -> NDArray[np.float32]:
    """Return the coordinates of tracks, [tracks, D], from kept statistics or from the audio."""
    network, found = None, []
    for track_id in track_ids:
        kept = read_pooled(catalogue, track_id)
        if kept is None:
            network = network or LocalStatistics().to(pick_device(device))
            audio = to_float32(repeat_to(catalogue.audio(track_id), MIN_SAMPLES))
            waveform = torch.from_numpy(audio)[None].to(network.kernel.device)
            whole = network.pooled(waveform)[0].cpu().numpy()
        else:
            whole = kept.whole
        found.append(trunk.coordinates(whole))  # one by one, or rounding follows the company
    return np.stack(found).astype(np.float32)


def feature_batches(
    path: Path, rows: int = BATCH_ROWS
) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
    """Yield track ids and coordinates [tracks, D] of a table, part by part."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(rows, columns=list(COORDINATES.columns)):
            track_ids, lists = batch.columns
            coordinates = lists.flatten().to_numpy(zero_copy_only=False)
            yield track_ids.to_pylist(), coordinates.reshape(len(track_ids), -1)
