"""Separate one audio file into a folder of stems, on any worker, and not twice."""

from __future__ import annotations

import functools
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audiolime.separation import get_separator
from audiolime.separation.interface import FULL_SCALE, Separator
from lemons_audio import read_audio, write_audio
from lemons_utils import DataError, write_beside

CARD = "separation.json"
"""File beside the stems, written after them: the source file and the separator."""


@dataclass(frozen=True)
class SeparationJob:
    """An audio file to separate, the folder for its stems, and the name of the separator."""

    track: Path
    folder: Path
    separator: str


@dataclass(frozen=True)
class _Card:
    file: str
    size: int
    mtime_ns: int
    separator: str
    version: str
    stems: tuple[str, ...]


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
    try:
        card = _card(job.track, separator)
        if card is not None and _is_there(job.folder, card):
            return f"there already -> {job.folder}"
        for left_over in job.folder.glob(".*.flac"):  # of a process that was killed
            left_over.unlink(missing_ok=True)
        waveform, sample_rate = read_audio(job.track)
        mix, clipped = _within_full_scale(waveform)
        stems = separator.separate(mix, sample_rate)
        for name, stem in zip(separator.stem_names, stems, strict=True):
            write_audio(job.folder / f"{name}.flac", stem, sample_rate=sample_rate)
        with write_beside(job.folder / CARD) as temporary:
            temporary.write_text(json.dumps(asdict(card), indent=1) + "\n" if card else "{}\n")
    except OSError as error:
        raise DataError(str(error)) from error
    note = f" (peaks of {clipped:.2f} clipped to full scale)" if clipped else ""
    length_s, took_s = mix.shape[1] / sample_rate, time.monotonic() - started
    return f"{length_s:.1f} s of audio in {took_s:.1f} s -> {job.folder}{note}"


def _card(track: Path, separator: Separator) -> _Card | None:
    if not track.is_file():
        return None  # `read_audio` raises
    status = track.stat()
    return _Card(
        str(track.resolve()),
        status.st_size,
        status.st_mtime_ns,
        separator.name,
        separator.version,
        tuple(separator.stem_names),
    )


def _is_there(folder: Path, card: _Card) -> bool:
    try:
        stored = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    expected = json.loads(json.dumps(asdict(card)))
    return stored == expected and all((folder / f"{name}.flac").is_file() for name in card.stems)


def _within_full_scale(waveform: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Clip to the range of 24 bits; return the peak too if it was beyond (a decoded MP3), or 0."""
    peak = float(np.abs(waveform).max(initial=0.0))
    if not peak > 1.0:  # the separator raises for NaN
        return np.minimum(waveform, np.float32(1 - 1 / FULL_SCALE)), 0.0
    return np.clip(waveform, -1.0, np.float32(1 - 1 / FULL_SCALE)), peak
