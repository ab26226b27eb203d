"""Command: `python -m audiolime.separation TRACK... --separator hybrid --out DIR`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from audiolime.separation import SEPARATORS
from audiolime.separation.files import SeparationJob, load, separate_file
from lemons_jobs import add_options, run, workers_of
from lemons_places import typed_path
from lemons_utils import command

_COMPUTING = tuple(name for name in SEPARATORS if name != "folder")


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Separate audio files into stems; 0 if all could be, 2 if one could not."""
    options = _options(arguments)
    workers = workers_of(options)
    load(options.separator)  # says what is missing before any file is read
    jobs = [
        SeparationJob(track.absolute(), folder.absolute(), options.separator)
        for track, folder in _folders(options.out, options.tracks).items()
    ]
    failed = 0
    started = time.monotonic()
    for number, outcome in enumerate(run(separate_file, jobs, workers), start=1):
        at = f"[{number}/{len(jobs)}] {jobs[outcome.index].track}"
        if outcome.error is None:
            print(f"{at}: {outcome.get()}{_left(started, number, len(jobs))}", flush=True)
        else:
            failed += 1
            print(f"{at}: error: {outcome.error}", file=sys.stderr)
    if failed:
        print(f"{failed} of {len(jobs)} files could not be separated", file=sys.stderr)
    return 2 if failed else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m audiolime.separation",
        description="Separate audio files into stems that sum to the file sample for sample: "
        "DIR/<file name>/<stem>.flac, 24 bits, at the file's own rate and channels.",
    )
    parser.add_argument("tracks", metavar="TRACK", type=Path, nargs="+", help="audio file")
    parser.add_argument("--separator", choices=_COMPUTING, default="hybrid", help="%(default)s")
    parser.add_argument(
        "--out", metavar="DIR", type=typed_path, required=True, help="folder for stems"
    )
    add_options(parser, jobs=1)
    return parser.parse_args(arguments)


def _folders(out: Path, tracks: Sequence[Path]) -> dict[Path, Path]:
    """Name one folder per track after its file; a second file of that name gets `-2`."""
    folders: dict[Path, Path] = {}
    for track in tracks:
        name, number = track.stem, 1
        while out / name in folders.values():
            number += 1
            name = f"{track.stem}-{number}"
        folders.setdefault(track, out / name)
    return folders


def _left(started: float, done: int, total: int) -> str:
    if done == total:
        return ""
    return f", about {(time.monotonic() - started) / done * (total - done):.0f} s left"


if __name__ == "__main__":
    sys.exit(main())
