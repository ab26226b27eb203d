"""Decode a file of a music folder to 16-bit mono audio at 16 kHz, or say why it cannot be used.

Worker processes load this and what it imports: no pandas.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lemons_audio import audio_length_s, catalogue_blocks, to_int16
from lemons_utils import SAMPLE_RATE, DataError, ParameterError
from recsys.arrays import save_audio
from recsys.ingest.journal import Entry
from recsys.ingest.tags import read_tags

SHORTEST_S = 1.0
"""Shorter recordings are skipped [s]."""

SILENCE = 8
"""Recordings with no 16-bit sample beyond this (-72 dB) are silent."""


class UnusableAudio(DataError):
    """Error of a file that decodes, but is too short or silent."""


@dataclass(frozen=True)
class Excerpt:
    """The part of each file to take.

    Parameters
    ----------
    seconds : float >= 1 [s], or None for whole files
    origin : "centre" or "start"
        Shorter files are taken whole.
    """

    seconds: float | None = None
    origin: str = "centre"

    def __post_init__(self) -> None:
        if self.seconds is not None and not SHORTEST_S <= self.seconds < np.inf:
            raise ParameterError(f"excerpt_s must be {SHORTEST_S:g} or more, got {self.seconds}")
        if self.origin not in ("centre", "start"):
            raise ParameterError(f"excerpt_from must be centre or start, got {self.origin!r}")

    def __str__(self) -> str:
        return "whole" if self.seconds is None else f"{self.seconds:g} s from {self.origin}"

    @classmethod
    def parse(cls, text: str) -> Excerpt:
        """Return the excerpt of a text, as `str` writes it."""
        if text == "whole":
            return cls()
        seconds, _, origin = text.partition(" s from ")
        try:
            return cls(float(seconds), origin)
        except ValueError as error:
            raise ParameterError(f"no excerpt of a file: {text!r}") from error


def take_in(entry: Entry, excerpt: Excerpt, catalogue_folder: Path) -> tuple[Entry, bool]:
    """Decode one file and store its audio; runs in a worker.

    Returns
    -------
    entry : Entry
        Completed by track id and tags, or by the reason why the file is skipped.
    is_lasting : bool
        Whether decoding the same file again would give the same result.
    """
    path = Path(entry.file)
    try:
        path.open("rb").close()
    except OSError as error:
        return replace(entry, reason=f"cannot be opened: {error.strerror}"), False
    try:
        audio = decode(path, excerpt)
    except (DataError, ValueError, RuntimeError) as error:  # soxr raises the latter two
        return replace(entry, reason=str(error).removeprefix(f"{path} ")), True
    track_id = save_audio(catalogue_folder, audio)
    tags = read_tags(path)
    return replace(entry, track_id=track_id, samples=len(audio), tags=tags), True


def decode(path: Path, excerpt: Excerpt) -> NDArray[np.int16]:
    """Decode a file as a catalogue keeps it: mean of the channels, 16 kHz, 16 bits.

    Goes through the file in blocks: a recording of hours needs no more memory than the result,
    which is an excerpt or `lemons_limits.LONGEST_TRACK_S` at most.

    Returns
    -------
    ndarray [shape=(samples,)], int16

    Raises
    ------
    DataError
        If the file cannot be read, is silent, is shorter than a second or holds NaN.
    """
    with _quiet_libraries():
        audio = _decode_part(path, excerpt)
    if len(audio) < SHORTEST_S * SAMPLE_RATE:
        raise UnusableAudio(
            f"{path} is {len(audio) / SAMPLE_RATE:.2f} s long, shorter than {SHORTEST_S:g} s"
        )
    if max(int(audio.max()), -int(audio.min())) <= SILENCE:
        raise UnusableAudio(f"{path} is silent: no sample above -72 dB")
    return audio


def _decode_part(path: Path, excerpt: Excerpt) -> NDArray[np.int16]:
    if excerpt.seconds is None:
        return _to_catalogue(path, 0.0, None)
    wanted = round(excerpt.seconds * SAMPLE_RATE)
    if excerpt.origin == "start":
        return _to_catalogue(path, 0.0, excerpt.seconds)[:wanted]
    start_s = max(0.0, (audio_length_s(path) - excerpt.seconds) / 2)
    audio = _to_catalogue(path, start_s, excerpt.seconds)[:wanted]
    if start_s and len(audio) < wanted - 1:
        # The file is shorter than its header says (truncated): find the centre of what is there.
        whole = _to_catalogue(path, 0.0, None)
        start = max(0, (len(whole) - wanted) // 2)
        audio = whole[start : start + wanted]
    return audio


def _to_catalogue(path: Path, start_s: float, duration_s: float | None) -> NDArray[np.int16]:
    blocks = catalogue_blocks(path, start_s=start_s, duration_s=duration_s)
    return np.concatenate([np.empty(0, np.int16), *map(to_int16, blocks)])


@contextlib.contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keep what libmpg123 and FFmpeg print about a damaged file out of the progress bar."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
