"""Stems on disk, once per (audio, separator, version): 24-bit FLAC that sums exactly to the mix."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import uuid
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from audiolime.separation.interface import Separator
from lemons_audio import audio_checksum, to_float32, write_audio
from lemons_limits import read_json
from lemons_utils import SAMPLE_RATE, DataError, ParameterError, checksum

_CARD = "stems.json"
_LOCKS = ".locks"
_GB = 1_000_000_000


class _StemsCard(TypedDict):
    """The part of an entry's card that is read: the checksum of each stem's file."""

    files: dict[str, str]


@dataclass(frozen=True)
class CachedStems:
    """Stems of one track.

    Attributes
    ----------
    names : tuple of str
    waveforms : ndarray [shape=(stems, samples)], float32, 16 kHz mono
        Sum to the track sample for sample.
    folder : Path
        Holds a file `<name>.flac` per stem until the cache evicts the entry: copy or link a file
        to keep it for longer.
    """

    names: tuple[str, ...]
    waveforms: NDArray[np.float32]
    folder: Path


def cached_stems(
    audio: NDArray[np.int16], separator: Separator, *, folder: Path, limit_gb: float
) -> CachedStems:
    """Return the stems of a track from the cache; separate and store them if they are not there.

    Two processes that ask for the same stems separate once: the second waits for the first.
    Damaged entries are detected (by a checksum per file, and by the sum of the stems) and made
    again. When the cache exceeds its limit, the least recently used entries are removed; the
    requested entry stays whatever its size.

    Parameters
    ----------
    audio : ndarray [shape=(samples,)], int16
        The catalogue's audio, 16 kHz mono.
    separator : Separator
    folder : Path
        The folder of the cache; other files in it are left as they are.
    limit_gb : float > 0 [10^9 bytes]

    Raises
    ------
    ParameterError
        If the audio is no int16 mono, is shorter than a second, or the limit is not positive.
    DataError
        If the separator fails, or the entry cannot be read back.
    """
    if np.ndim(audio) != 1 or audio.dtype != np.int16:
        raise ParameterError(
            f"audio must be int16 of shape (samples,), got {audio.dtype} of shape {audio.shape}"
        )
    if not limit_gb > 0:
        raise ParameterError(f"limit_gb must be above 0, got {limit_gb}")
    entry = _entry(folder, audio_checksum(audio), separator.name, separator.version)
    with _lock(folder, entry):
        stems = _read(entry, audio)
        if stems is None:
            _write(entry, audio, separator)
            stems = _read(entry, audio)
    if stems is None:
        raise DataError(f"{entry} cannot be read back: is the disk full or failing?")
    _make_room(folder, keep=entry, limit=int(limit_gb * _GB))
    return stems


def read_stems(folder: Path, audio: str, separator: str, version: str) -> CachedStems | None:
    """Return the stems that the cache has of a track, without separating any.

    Parameters
    ----------
    folder : Path
        The folder of the cache.
    audio : str
        The checksum of the track's audio.
    separator, version : str

    Returns
    -------
    CachedStems, or None if there are none, or they have changed
    """
    entry = _entry(folder, audio, separator, version)
    try:
        return _stems_of(entry)
    except (DataError, OSError, ValueError, KeyError, TypeError):
        return None


def _entry(folder: Path, audio: str, separator: str, version: str) -> Path:
    return folder / audio / re.sub(r"[^A-Za-z0-9._-]", "-", f"{separator}-{version}")


def _lock(folder: Path, entry: Path, *, timeout: float = -1) -> FileLock:
    # A fixed number of lock files, never removed: another process could be waiting for one.
    bucket = hashlib.sha256(f"{entry.parent.name}/{entry.name}".encode()).hexdigest()[:2]
    (folder / _LOCKS).mkdir(parents=True, exist_ok=True)
    return FileLock(folder / _LOCKS / f"{bucket}.lock", timeout=timeout)


def _read(entry: Path, audio: NDArray[np.int16]) -> CachedStems | None:
    """Read an entry; return None if it is missing, or damaged (then it is removed)."""
    if not entry.exists():
        return None
    try:
        stems = _checked(entry, audio)
    except (DataError, OSError, ValueError, KeyError, TypeError) as error:
        warnings.warn(f"cached stems {entry} are damaged, making them again: {error}", stacklevel=3)
        shutil.rmtree(entry)
        return None
    os.utime(entry / _CARD)
    return stems


def _checked(entry: Path, audio: NDArray[np.int16]) -> CachedStems:
    stems = _stems_of(entry)
    if not np.array_equal(stems.waveforms.sum(axis=0), to_float32(audio)):
        raise DataError("the stems do not sum to the audio")
    return stems


def _stems_of(entry: Path) -> CachedStems:
    """Read the stems of an entry, and compare them with their checksums."""
    import soundfile

    files = read_json(entry / _CARD, _StemsCard, "card of stems")["files"]
    waveforms = []
    for name, digest in files.items():
        path = entry / f"{name}.flac"
        if checksum(path) != digest:
            raise DataError(f"{path.name} has changed")
        try:
            waveforms.append(soundfile.read(str(path), dtype="float32")[0])
        except soundfile.LibsndfileError as error:
            raise DataError(str(error)) from error
    return CachedStems(tuple(files), np.stack(waveforms), entry)


def _write(entry: Path, audio: NDArray[np.int16], separator: Separator) -> None:
    """Separate and store: first into a folder beside the entry, then renamed into place."""
    stems = separator.separate(to_float32(audio), SAMPLE_RATE)
    entry.parent.mkdir(parents=True, exist_ok=True)
    for left_over in entry.parent.glob(f".{entry.name}.*"):  # of a process that was killed
        shutil.rmtree(left_over)
    beside = entry.parent / f".{entry.name}.{uuid.uuid4().hex[:12]}"
    beside.mkdir()
    try:
        for name, stem in zip(separator.stem_names, stems, strict=True):
            write_audio(beside / f"{name}.flac", stem, sample_rate=SAMPLE_RATE)
        card = {
            "separator": separator.name,
            "version": separator.version,
            "files": {name: checksum(beside / f"{name}.flac") for name in separator.stem_names},
        }
        (beside / _CARD).write_text(json.dumps(card, indent=2), encoding="utf-8")
        beside.replace(entry)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _make_room(folder: Path, *, keep: Path, limit: int) -> None:
    """Remove the least recently used entries until the cache fits; skip `keep` and locked ones."""
    entries = []
    for card in folder.glob(f"*/*/{_CARD}"):
        try:
            size = sum(file.stat().st_size for file in card.parent.iterdir())
            entries.append((card.stat().st_mtime_ns, size, card.parent))
        except FileNotFoundError:
            continue  # another process removed it
    total = sum(size for _, size, _ in entries)
    for _, size, entry in sorted(entries):
        if total <= limit:
            return
        if entry == keep:
            continue
        try:
            with _lock(folder, entry, timeout=0):
                shutil.rmtree(entry, ignore_errors=True)
        except Timeout:
            continue
        total -= size
