"""Pooled statistics of tracks and of what removal leaves of them, kept beside the catalogue.

They are the same for every listener: `statistics/<track_id>.npz` in a catalogue's folder holds
those of one track. Whoever knows stems writes the files beforehand: `make demo` those of the
band's tracks, `python -m explanations.removals` those of a separator's stems. Where there are no
files, training writes them, and removes stretches of time alone.
"""

from __future__ import annotations

import functools
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lemons_arrays import open_archive, write_archive
from lemons_audio import audio_checksum, to_float32
from lemons_jobs import HERE, Workers, run
from lemons_utils import DataError
from recsys import progress
from recsys.catalogue import Catalogue
from recsys.heads.removal import draw_removals, remove
from recsys.model import FORMAT, MIN_SAMPLES, STATISTICS, LocalStatistics

REMOVALS = 6
"""Masks of each track."""

NO_STEMS = "time alone"
"""The source of stems of tracks that have none."""

_ABOUT = "about"  # the name of the JSON in a file


@dataclass(frozen=True)
class _About:
    """What a file says about its statistics."""

    stems: str
    format: str = ""
    audio: str = ""


@dataclass(frozen=True)
class PooledTrack:
    """Pooled statistics of a track.

    Attributes
    ----------
    whole : ndarray [shape=(1235,)], float32
    removed : ndarray [shape=(6, 1235)], float32
        Of what six masks leave of it.
    stems : str
        The name of the stems' source, e.g. "truth" or "hybrid".
    """

    whole: NDArray[np.float32]
    removed: NDArray[np.float32]
    stems: str


@torch.inference_mode()
def pool(
    track_id: str, stems: NDArray[np.float32], source: str, network: LocalStatistics | None = None
) -> PooledTrack:
    """Pool the statistics of a track and of six masks, which follow from its id.

    Parameters
    ----------
    track_id : str
    stems : ndarray [shape=(stems, samples)], float32
        They sum to the track; the track alone where there are none.
    source : str
        Where they come from.
    network : LocalStatistics, optional
        Its head plays no part.
    """
    network = network or LocalStatistics()
    if (samples := stems.shape[1]) < MIN_SAMPLES:
        stems = np.tile(stems, -(-MIN_SAMPLES // samples))[:, :MIN_SAMPLES]
    rng = np.random.default_rng(zlib.crc32(track_id.encode()))
    left = [remove(stems, mask) for mask in draw_removals(len(stems), REMOVALS, rng)]
    heard = [stems.sum(axis=0), *left]
    pooled = np.stack([network.pooled(torch.from_numpy(each)[None])[0].numpy() for each in heard])
    return PooledTrack(pooled[0], pooled[1:], source)


def pooled_path(catalogue: Catalogue, track_id: str) -> Path:
    """Return the path of a track's pooled statistics."""
    return catalogue.folder / "statistics" / f"{track_id}.npz"


def write_pooled(catalogue: Catalogue, track_id: str, pooled: PooledTrack) -> None:
    """Keep a track's pooled statistics beside its catalogue."""
    about = {
        "format": FORMAT,
        "stems": pooled.stems,
        "audio": audio_checksum(catalogue.audio(track_id)),
    }
    arrays = {"whole": pooled.whole, "removed": pooled.removed}
    write_archive(pooled_path(catalogue, track_id), about, arrays, json_name=_ABOUT)


def read_pooled(catalogue: Catalogue, track_id: str) -> PooledTrack | None:
    """Read a track's pooled statistics; None if there are none of this version and this audio.

    Raises
    ------
    DataError
        If the file is damaged.
    """
    path = pooled_path(catalogue, track_id)
    if not path.is_file():
        return None
    with open_archive(path, "delete it, it is computed again") as archive:
        about = archive.json(_ABOUT, _About)
        if about.format != FORMAT:
            return None
        whole = archive.array("whole", (STATISTICS,))
        removed = archive.array("removed", (REMOVALS, STATISTICS))
    pooled = PooledTrack(whole, removed, about.stems)
    return pooled if _is_of(catalogue, track_id, about.audio) else None


def _is_of(catalogue: Catalogue, track_id: str, checksum: object) -> bool:
    """Return whether a track has audio of a checksum.

    The name of a track is the checksum of its audio, which need not be read then; arrays that
    others made may have other names.
    """
    return checksum == track_id or checksum == audio_checksum(catalogue.audio(track_id))


def pooled_tracks(catalogue: Catalogue, track_ids: Sequence[str]) -> list[PooledTrack]:
    """Return the pooled statistics of tracks; compute and keep those that are missing."""
    network = LocalStatistics()
    found = []
    with progress.bar(len(track_ids), unit="track", about="statistics") as bar:
        for track_id in track_ids:
            pooled = read_pooled(catalogue, track_id)
            if pooled is None:
                audio = to_float32(catalogue.audio(track_id))
                pooled = pool(track_id, audio[None], NO_STEMS, network)
                write_pooled(catalogue, track_id, pooled)
            found.append(pooled)
            bar.update()
    return found


def pool_with_stems(
    catalogue: Catalogue,
    track_ids: Sequence[str],
    stems_of: Callable[[str], NDArray[np.float32]],
    source: str,
    *,
    workers: Workers = HERE,
) -> None:
    """Compute and keep the pooled statistics of the tracks that have none from these stems.

    Parameters
    ----------
    catalogue : Catalogue
    track_ids : sequence of str
    stems_of : callable
        Maps a track's id to its stems [shape=(stems, samples)], which sum to its audio.
    source : str
        The name of the stems' source.
    workers : Workers
        Where the statistics are computed.

    Raises
    ------
    DataError
        At the end, if tracks have no stems, each of which is printed; the others are kept.
    """
    missing = [each for each in track_ids if stems_source(catalogue, each) != source]
    work = functools.partial(_pool_one, replace(catalogue), stems_of, source)
    failed = []
    with progress.bar(len(missing), unit="track", about="statistics") as bar:
        for outcome in run(work, missing, workers):
            if outcome.error is not None:
                failed.append(f"{missing[outcome.index]}: {outcome.error}")
            bar.update()
    for line in failed:
        print(f"no statistics: {line}", file=sys.stderr)
    if failed:
        raise DataError(f"{len(failed)} of {len(missing)} tracks have no statistics of {source}")


def stems_source(catalogue: Catalogue, track_id: str) -> str | None:
    """Return the source of the stems in a track's pooled statistics; None if none can be read."""
    try:
        pooled = read_pooled(catalogue, track_id)
    except DataError:
        return None
    return pooled.stems if pooled else None


def _pool_one(
    catalogue: Catalogue,
    stems_of: Callable[[str], NDArray[np.float32]],
    source: str,
    track_id: str,
) -> None:
    write_pooled(catalogue, track_id, pool(track_id, stems_of(track_id), source))
