"""Command: `python -m audiolime.separation TRACK... --separator hybrid --out DIR`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audiolime.separation import SEPARATORS, get_separator
from audiolime.separation.interface import FULL_SCALE, Separator
from lemons_utils import DataError, ParameterError, command, read_audio, write_audio

_COMPUTING = tuple(name for name in SEPARATORS if name != "folder")


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Separate audio files into stems; 0 if all could be, 2 if one could not."""
    options = _options(arguments)
    separator = get_separator(options.separator)
    folders = _folders(options.out, options.tracks)
    failed = 0
    started = time.monotonic()
    for number, (track, folder) in enumerate(folders.items(), start=1):
        at = f"[{number}/{len(folders)}] {track}"
        try:
            print(f"{at}: {_separate(track, folder, separator)}{_left(started, number, folders)}")
        except (ParameterError, DataError, OSError) as error:
            failed += 1
            print(f"{at}: error: {error}", file=sys.stderr)
    if failed:
        print(f"{failed} of {len(folders)} files could not be separated", file=sys.stderr)
    return 2 if failed else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m audiolime.separation",
        description="Separate audio files into stems that sum to the file sample for sample: "
        "DIR/<file name>/<stem>.flac, 24 bits, at the file's own rate and channels.",
    )
    parser.add_argument("tracks", metavar="TRACK", type=Path, nargs="+", help="audio file")
    parser.add_argument("--separator", choices=_COMPUTING, default="hybrid", help="%(default)s")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder for stems")
    return parser.parse_args(arguments)


def _folders(out: Path, tracks: Sequence[Path]) -> dict[Path, Path]:
    """One folder per track, named as its file; a second file of that name gets `-2`."""
    folders: dict[Path, Path] = {}
    for track in tracks:
        name, number = track.stem, 1
        while out / name in folders.values():
            number += 1
            name = f"{track.stem}-{number}"
        folders.setdefault(track, out / name)
    return folders


def _separate(track: Path, folder: Path, separator: Separator) -> str:
    began = time.monotonic()
    waveform, sample_rate = read_audio(track)
    mix, clipped = _within_full_scale(waveform)
    stems = separator.separate(mix, sample_rate)
    for name, stem in zip(separator.stem_names, stems, strict=True):
        write_audio(folder / f"{name}.flac", stem, sample_rate=sample_rate)
    note = f" (peaks of {clipped:.2f} clipped to full scale)" if clipped else ""
    seconds = time.monotonic() - began
    return f"{mix.shape[1] / sample_rate:.1f} s of audio in {seconds:.1f} s -> {folder}{note}"


def _within_full_scale(waveform: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Clip to what 24 bits can hold; a decoded MP3 may exceed it. Returns the peak if it did."""
    peak = float(np.abs(waveform).max(initial=0.0))
    if not peak > 1.0:  # NaN is the separator's to name
        return np.minimum(waveform, np.float32(1 - 1 / FULL_SCALE)), 0.0
    return np.clip(waveform, -1.0, np.float32(1 - 1 / FULL_SCALE)), peak


def _left(started: float, done: int, folders: dict[Path, Path]) -> str:
    remaining = len(folders) - done
    if not remaining:
        return ""
    return f", about {(time.monotonic() - started) / done * remaining:.0f} s left"


if __name__ == "__main__":
    sys.exit(main())
