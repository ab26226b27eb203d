"""The files that a browser may fetch: previews, highlights, stems, tables and heads.

Each is written beside its name and renamed into place. Functions return paths relative to the
web folder, for `lemons_utils.generate_audio_link`.
"""

from __future__ import annotations

import contextlib
import filecmp
import hashlib
import os
import re
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audiolime.separation.cache import CachedStems
from lemons_audio import to_float32, write_audio, write_mix
from lemons_utils import SAMPLE_RATE, write_beside
from recsys.catalogue import Catalogue


def preview(catalogue: Catalogue, track_id: str, web_folder: Path) -> str:
    """Write a track as MP3, unless it exists, and return its place.

    Raises
    ------
    DataError
        If the catalogue has no audio of the track.
    """
    place = f"previews/{catalogue.name}/{track_id}.mp3"
    path = web_folder / place
    source = catalogue.audio_path(track_id)
    if not path.is_file() or path.stat().st_mtime < _changed(source):
        write_audio(path, to_float32(catalogue.audio(track_id)), sample_rate=SAMPLE_RATE)
    return place


def stems(cached: CachedStems, audio_checksum: str, web_folder: Path) -> list[str]:
    """Link the cached stems of a track into the web folder; copy where links are not possible.

    Returns
    -------
    list of str, in the order of `cached.names`
    """
    folder = f"stems/{audio_checksum}/{cached.folder.name}"
    places = [f"{folder}/{_plain(name)}.flac" for name in cached.names]
    for name, place in zip(cached.names, places, strict=True):
        _take_over(cached.folder / f"{name}.flac", web_folder / place)
    return places


def tables(path: Path, checksum: str, web_folder: Path) -> str:
    """Copy what-if tables into the web folder, named by a checksum of what they are about."""
    place = f"tables/{_plain(checksum)}.npz"
    target = web_folder / place
    if not target.is_file() or not filecmp.cmp(path, target, shallow=False):
        with write_beside(target) as temporary:
            shutil.copyfile(path, temporary)
    return place


def heads(content: str, web_folder: Path) -> str:
    """Write the heads of a trunk's listeners, named by a checksum of what they are."""
    place = f"heads/{hashlib.sha256(content.encode()).hexdigest()[:24]}.json"
    if not (web_folder / place).is_file():
        with write_beside(web_folder / place) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return place


def audio(waveform: NDArray[np.float32], place: str, web_folder: Path) -> str:
    """Write a mix, unless it exists; one beyond full scale is scaled down as a whole."""
    path = web_folder / place
    if not path.is_file():
        write_mix(path, waveform, sample_rate=SAMPLE_RATE)
    return place


def _take_over(source: Path, target: Path) -> None:
    """Link a file under another name, or copy it; a reader sees all of it or nothing."""
    if target.is_file() and target.stat().st_size == source.stat().st_size:
        return
    with write_beside(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:  # another disk, or a system without links
            shutil.copyfile(source, temporary)
        if target.is_file() and os.path.samefile(source, target):
            return  # renaming onto another name of the same file would do nothing


def _changed(path: Path) -> float:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)
