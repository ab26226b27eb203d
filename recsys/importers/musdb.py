"""Import MUSDB18, songs with their true stems: `python -m recsys.importers.musdb FOLDER`.

Reads `NAME.stem.mp4` files (five streams: mixture, drums, bass, other, vocals) and folders of
MUSDB18-HQ (`mixture.wav` and one file per stem) at any depth. The mixture becomes a track of the
catalogue; the stems are stored in `stems/<track_id>/` beside it, where explanations read them.
"""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import sys
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import lemons_jobs
from lemons_audio import catalogue_blocks, count_streams, to_int16, write_audio
from lemons_commands import print_next
from lemons_utils import SAMPLE_RATE, DataError, ParameterError, command, configuration, write_csv
from recsys import progress
from recsys.arrays import is_stored, save_audio
from recsys.catalogue import UNFINISHED, check_name, write_tracks
from recsys.ingest.decoding import SHORTEST_S, SILENCE, Excerpt
from recsys.ingest.finding import Found, find
from recsys.ingest.journal import Entry, IngestJournal

MIXTURE = "mixture"
STEMS = ("drums", "bass", "other", "vocals")
STREAMS = (MIXTURE, *STEMS)
"""The streams of a `.stem.mp4` file in order."""

SUBSETS = ("train", "test")
_STEM_FILE = ".stem.mp4"


def find_songs(folder: Path) -> Found:
    """Find the songs below a folder: `.stem.mp4` files, and the `mixture.wav` files of HQ."""
    found = find(folder, lambda name: name.endswith(_STEM_FILE) or name == f"{MIXTURE}.wav")
    if not found.files:
        raise DataError(f"{folder} holds no song of MUSDB18: no .stem.mp4, no {MIXTURE}.wav")
    return found


def read_song(song: Path, excerpt: Excerpt) -> dict[str, NDArray[np.float32]]:
    """Read the mixture and the stems of a song, mono at 16 kHz, the same excerpt of each.

    Returns
    -------
    dict from `STREAMS` to ndarray [shape=(samples,)], float32

    Raises
    ------
    DataError
        If a stem is missing or cannot be decoded, or the song is silent or under a second.
    """
    if song.name.endswith(_STEM_FILE) and (count := count_streams(song)) != len(STREAMS):
        raise DataError(f"{song} holds {count} audio streams, not {len(STREAMS)}")
    streams = {name: _read(song, name) for name in STREAMS}
    mixture = streams[MIXTURE]
    begin, end = 0, len(mixture)
    if excerpt.seconds is not None:
        wanted = round(excerpt.seconds * SAMPLE_RATE)
        begin = max(0, (end - wanted) // 2) if excerpt.origin == "centre" else 0
        end = min(end, begin + wanted)
    if end - begin < SHORTEST_S * SAMPLE_RATE:
        raise DataError(f"{song} is shorter than {SHORTEST_S:g} s")
    if np.abs(mixture[begin:end]).max() * 32768 <= SILENCE:
        raise DataError(f"{song} is silent: no sample above -72 dB")
    parts = {name: stream[begin:end] for name, stream in streams.items()}
    # a stem may be shorter than the mixture
    return {name: np.pad(part, (0, end - begin - len(part))) for name, part in parts.items()}


def _read(song: Path, name: str) -> NDArray[np.float32]:
    if song.name.endswith(_STEM_FILE):
        blocks = catalogue_blocks(song, stream=STREAMS.index(name))
    else:
        blocks = catalogue_blocks(song.with_name(f"{name}.wav"))
    return np.concatenate([np.empty(0, np.float32), *blocks])


def take_in_song(entry: Entry, excerpt: Excerpt, catalogue_folder: Path) -> Entry:
    """Store a song and its stems; return the entry with its track id or why it is skipped."""
    try:
        streams = read_song(Path(entry.file), excerpt)
    except (DataError, ParameterError, ValueError, RuntimeError) as error:  # soxr's are the latter
        return replace(entry, reason=str(error).removeprefix(f"{entry.file} "))
    mixture = to_int16(streams.pop(MIXTURE))
    track_id = save_audio(catalogue_folder, mixture)
    _store_stems(streams, stems_folder(catalogue_folder, track_id))
    return replace(entry, track_id=track_id, samples=len(mixture))


def stems_folder(catalogue_folder: Path, track_id: str) -> Path:
    """Return the folder of a track's true stems, which the separator `folder` reads."""
    return catalogue_folder / "stems" / track_id


def _store_stems(stems: dict[str, NDArray[np.float32]], folder: Path) -> None:
    """Write all stems of a track, or none of them."""
    beside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:12]}")
    try:
        for name, stem in stems.items():
            write_audio(beside / f"{name}.flac", np.clip(stem, -1, 1), sample_rate=SAMPLE_RATE)
        if folder.is_dir():
            folder.rename(beside / "before")
        beside.rename(folder)
        shutil.rmtree(folder / "before", ignore_errors=True)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def import_songs(
    folder: Path, catalogue_folder: Path, excerpt: Excerpt, workers: lemons_jobs.Workers
) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Add all songs below a folder to a catalogue; decode only new and changed ones.

    Returns
    -------
    tracks : DataFrame
        The rows of the catalogue, with the subset (train, test) of each track.
    skipped : list of (file, reason)

    Raises
    ------
    DataError
        If there are no songs, none can be used, or the catalogue is no import of MUSDB18.
    """
    found = find_songs(folder)
    if (catalogue_folder / "tracks.parquet").exists() and not (
        catalogue_folder / UNFINISHED
    ).exists():
        raise DataError(f"{catalogue_folder} is another catalogue: choose another name")
    journal = IngestJournal(catalogue_folder / UNFINISHED)
    todo = []
    for song, (size, mtime_ns) in found.files.items():
        entry = Entry(song, str(folder.resolve()), size, mtime_ns, str(excerpt))
        if not _is_current(journal.entries.get(song), entry, catalogue_folder):
            todo.append(entry)
    work = functools.partial(take_in_song, excerpt=excerpt, catalogue_folder=catalogue_folder)
    with progress.bar(len(todo), unit="song", about="musdb") as bar:
        for outcome in lemons_jobs.run(work, todo, workers):
            journal.add(outcome.get())
            bar.update()
    entries = sorted(journal.entries.values(), key=lambda entry: entry.file)
    known = [entry for entry in entries if os.path.exists(entry.file)]  # of other folders, too
    tracks = write_tracks(catalogue_folder, _rows(known))
    journal.rewrite(known)
    skipped = [(entry.file, entry.reason) for entry in known if entry.reason]
    return tracks, [*skipped, *found.unreachable]


def _is_current(known: Entry | None, entry: Entry, folder: Path) -> bool:
    if known is None or known.reason:
        return False
    # `entry` describes the file as it is now: the same file, but without a result
    is_same = replace(known, root=entry.root, track_id="", samples=0) == entry
    is_there = is_stored(folder / "audio" / f"{known.track_id}.npy", known.samples)
    return is_same and is_there and stems_folder(folder, known.track_id).is_dir()


def _rows(entries: Sequence[Entry]) -> pd.DataFrame:
    rows: dict[str, dict[str, object]] = {}
    for entry in entries:
        song = Path(entry.file)
        place = song if song.name.endswith(_STEM_FILE) else song.parent
        artist, _, title = place.name.removesuffix(_STEM_FILE).partition(" - ")
        subset = place.parent.name if place.parent.name in SUBSETS else ""
        row = {
            "track_id": entry.track_id,
            "samples": entry.samples,
            "title": title or artist,
            "artist": artist if title else "",
            "subset": subset,
        }
        if entry.track_id:
            rows.setdefault(entry.track_id, row)
    if not rows:
        raise DataError(
            f"none of {len(entries)} songs could be used, the first because: {entries[0].reason}"
        )
    return pd.DataFrame(list(rows.values()))


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m recsys.importers.musdb`."""
    parser = argparse.ArgumentParser(
        prog="python -m recsys.importers.musdb",
        description="Take MUSDB18 or MUSDB18-HQ and its true stems into a catalogue.",
    )
    parser.add_argument("folder", type=Path, help="what the archive was unpacked to")
    parser.add_argument(
        "--catalogue", default="musdb18", metavar="NAME", help="its name here (%(default)s)"
    )
    parser.add_argument("--excerpt_s", type=float, default=30.0, metavar="S", help="(default: 30)")
    parser.add_argument(
        "--excerpt_from",
        choices=("centre", "start"),
        default="centre",
        help="where an excerpt lies (%(default)s)",
    )
    parser.add_argument("--whole", action="store_true", help="whole songs")
    lemons_jobs.add_options(parser, jobs=-1)
    options = parser.parse_args(arguments)

    name = check_name(options.catalogue, "catalogue")
    folder = configuration().catalogues / name
    excerpt = Excerpt(None if options.whole else options.excerpt_s, options.excerpt_from)
    workers = lemons_jobs.workers_of(options)
    tracks, skipped = import_songs(options.folder, folder, excerpt, workers)
    write_csv(folder / "skipped.csv", pd.DataFrame(skipped, columns=["file", "reason"]))
    print(f"catalogue {name}: {len(tracks):,} tracks with their true stems; {len(skipped)} skipped")
    for file, reason in skipped:
        print(f"  skipped {os.fspath(file)}: {reason}")
    print_next(f"recsys.listening plays.csv --catalogue {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
