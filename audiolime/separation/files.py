"""Separate one audio file into a folder of stems, on any worker, and not twice."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiolime.separation import get_separator
from audiolime.separation.interface import FULL_SCALE, Separator
from lemons_audio import read_audio, write_audio
from lemons_limits import read_json
from lemons_utils import DataError, checksum, locked, write_json

CARD = "separation.json"
"""File beside the stems: the source file, the separator, and a checksum of each stem."""


@dataclass(frozen=True)
class SeparationJob:
    """An audio file to separate, the folder for its stems, and the name of the separator."""

    track: Path
    folder: Path
    separator: str


load = functools.cache(get_separator)
"""`get_separator`, cached per process: weights take seconds to load."""


def separate_file(job: SeparationJob) -> str:
    """Separate a file unless its folder holds the stems of this file by this separator.

    Parameters
    ----------
    job : SeparationJob

    Returns
    -------
    str
        What was done, for a line of output.

    Raises
    ------
    ParameterError, DataError
        If the file is missing, damaged or too short, or the stems cannot be written.
    """
    started = time.monotonic()
    separator = load(job.separator)
    if not job.track.is_file():
        raise DataError(f"{job.track} is not a file: name an audio file")
    there = f"there already -> {job.folder}"
    try:
        card = _card(job.track, separator)
        if _is_there(job.folder, card):
            return there
        waveform, sample_rate = read_audio(job.track)
        job.folder.mkdir(parents=True, exist_ok=True)
        busy = DataError(f"another command separates into {job.folder}")
        with locked(job.folder / ".lock", busy, wait_s=math.inf):
            if _is_there(job.folder, card):  # the other command has separated the same file
                return there
            mix, clipped = _within_full_scale(waveform)
            _write(job.folder, separator, separator.separate(mix, sample_rate), sample_rate, card)
    except OSError as error:
        raise DataError(str(error)) from error
    note = f" (peaks of {clipped:.2f} clipped to full scale)" if clipped else ""
    length_s, took_s = mix.shape[1] / sample_rate, time.monotonic() - started
    return f"{length_s:.1f} s of audio in {took_s:.1f} s -> {job.folder}{note}"


def _write(
    folder: Path,
    separator: Separator,
    stems: NDArray[np.float32],
    sample_rate: int,
    card: Mapping[str, Any],
) -> None:
    """Write stems and their card; remove the stems that another separator has left."""
    before = _stored_card(folder).get("stems")
    old = sorted(set(before) - set(card["stems"])) if isinstance(before, dict) else []
    # A kill leaves this card: it vouches for no stem, and names all that may be there.
    write_json(folder / CARD, {**card, "stems": {**card["stems"], **dict.fromkeys(old, "")}})
    for left_over in folder.glob(".*.flac"):  # of a process that was killed
        left_over.unlink(missing_ok=True)
    for name in old:
        _stem_path(folder, name).unlink(missing_ok=True)
    checksums = {}
    for name, stem in zip(separator.stem_names, stems, strict=True):
        path = _stem_path(folder, name)
        write_audio(path, stem, sample_rate=sample_rate)
        checksums[name] = checksum(path)
    write_json(folder / CARD, {**card, "stems": checksums})


def _stem_path(folder: Path, name: str) -> Path:
    return folder / f"{Path(name).name}.flac"


def _card(track: Path, separator: Separator) -> dict[str, Any]:
    """Return the card of stems that are not written yet, without checksums."""
    status = track.stat()
    return {
        "file": str(track.resolve()),
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "separator": separator.name,
        "version": separator.version,
        "stems": dict.fromkeys(separator.stem_names, ""),
    }


def _stored_card(folder: Path) -> dict[str, Any]:
    try:
        return read_json(folder / CARD, dict[str, Any], "card of stems")
    except DataError:
        return {}


def _is_there(folder: Path, card: Mapping[str, Any]) -> bool:
    """Return whether a folder holds all stems of a card's file and separator, unchanged."""
    stored = _stored_card(folder)
    stems = stored.get("stems")
    if {**stored, "stems": card["stems"]} != card or not isinstance(stems, dict):
        return False
    try:
        return stems.keys() == card["stems"].keys() and all(
            checksum(_stem_path(folder, name)) == digest for name, digest in stems.items()
        )
    except OSError:
        return False


def _within_full_scale(waveform: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Clip to the range of 24 bits; return the peak too if it was beyond (a decoded MP3), or 0."""
    peak = float(np.abs(waveform).max(initial=0.0))
    if not peak > 1.0:  # the separator raises for NaN
        return np.minimum(waveform, np.float32(1 - 1 / FULL_SCALE)), 0.0
    return np.clip(waveform, -1.0, np.float32(1 - 1 / FULL_SCALE)), peak
