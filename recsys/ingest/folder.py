"""Take a music folder into a catalogue: `python -m recsys.ingest FOLDER --catalogue NAME`.

The catalogue lists the tracks of every folder that was ever ingested into it and whose files are
there at the last ingest. The track of a file that is gone leaves the list. Its audio stays on disk
until `--prune` removes it, so trained models and splits keep working, and the track is listed again
without decoding when its file is back.
"""

from __future__ import annotations

import argparse
import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import pandas as pd

from lemons_commands import print_next
from lemons_jobs import Workers, add_options, run, workers_of
from lemons_utils import DataError, command, configuration, locked, write_csv
from recsys import progress
from recsys.arrays import is_stored
from recsys.catalogue import UNFINISHED, check_name, write_tracks
from recsys.ingest.decoding import Excerpt, take_in
from recsys.ingest.finding import Found, find
from recsys.ingest.journal import Entry, IngestJournal
from recsys.ingest.tags import tags_from_path

SUFFIXES = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".wma", ".mp4"}
)
PROCESSES = Workers(jobs=-1)
_LISTED = 30  # skipped files on the screen; skipped.csv has all


@dataclass(frozen=True)
class IngestReport:
    """Result of an ingest."""

    tracks: int  # that the catalogue lists now
    decoded: int  # files decoded in this run, the others being known
    copies: int  # files whose sound another file has as well
    skipped: tuple[tuple[str, str], ...]  # file and reason


def ingest(
    folder: Path,
    catalogue_folder: Path,
    *,
    excerpt: Excerpt | None = None,
    workers: Workers = PROCESSES,
    prune: bool = False,
) -> IngestReport:
    """Take a folder tree of music into a catalogue; decode new and changed files alone.

    The result depends on the files alone, not on the workers, the order of decoding, or how often
    the ingest or a worker was killed on the way.

    Parameters
    ----------
    folder : Path
        Music in any depth of folders; other files and hidden ones are ignored. Links to folders
        are not followed.
    catalogue_folder : Path
        Made if it is not there.
    excerpt : Excerpt, optional
        Which part of each file to take; whole files by default.
    workers : Workers
        Where files are decoded; by default one process per core.
    prune : bool
        Delete the audio of tracks that the catalogue does not list any more.

    Raises
    ------
    DataError
        If there is no music in the folder, none of it can be used, the catalogue was made by
        something else, or another ingest is at work in it; and if a folder that cannot be listed
        might make `prune` delete too much.
    """
    excerpt = excerpt or Excerpt()
    found = _find(folder)
    if prune and not found.is_complete:
        raise DataError(
            f"{folder} has folders that cannot be listed, whose tracks --prune would delete: "
            "make them readable, or leave --prune out"
        )
    _refuse_if_foreign(catalogue_folder)
    catalogue_folder.mkdir(parents=True, exist_ok=True)
    busy = DataError(f"another ingest is at work in {catalogue_folder}: wait until it ends")
    with locked(catalogue_folder / ".ingest.lock", busy):
        journal = IngestJournal(catalogue_folder / UNFINISHED)
        audio_folder = catalogue_folder / "audio"
        for leftover in audio_folder.glob(".*.npy"):
            leftover.unlink(missing_ok=True)  # of an ingest that was killed
        todo = []
        for file, (size, mtime_ns) in found.files.items():
            known = journal.entries.get(file)
            entry = Entry(file, _root(known, folder), size, mtime_ns, str(excerpt))
            if known is None or not _is_current(known, entry, audio_folder):
                todo.append(entry)
            else:
                journal.entries[file] = replace(known, root=entry.root)
        unreadable = _decode_all(todo, excerpt, catalogue_folder, journal, workers)
        unreadable += [
            Entry(path, str(folder), 0, 0, str(excerpt), reason=reason)
            for path, reason in found.unreachable
        ]
        present = [
            entry
            for entry in sorted(journal.entries.values(), key=lambda entry: entry.file)
            if entry.file in found.files or _is_elsewhere(entry, folder)
        ]
        return _conclude(catalogue_folder, journal, present, unreadable, len(todo), prune)


def _find(folder: Path) -> Found:
    found = find(folder, lambda name: os.path.splitext(name)[1].lower() in SUFFIXES)
    if not found.files:
        kinds = " ".join(sorted(SUFFIXES))
        first = "".join(f"; {path}: {reason}" for path, reason in found.unreachable[:1])
        raise DataError(f"{folder} holds no music{first}; these files are understood: {kinds}")
    return found


def _refuse_if_foreign(folder: Path) -> None:
    if (folder / UNFINISHED).exists() or not folder.is_dir():
        return
    if (folder / "tracks.parquet").exists() or any(folder.glob("**/*.npy")):
        raise DataError(
            f"{folder} is a catalogue that was not made by ingest, and would be overwritten: "
            "choose another name"
        )


def _root(known: Entry | None, folder: Path) -> str:
    """Return the folder from which a file's path tells artist and album: the widest ingested."""
    root = str(folder.resolve())
    return known.root if known and PurePath(root).is_relative_to(known.root) else root


def _is_current(known: Entry, entry: Entry, audio_folder: Path) -> bool:
    names = ("size", "mtime_ns", "excerpt")
    is_same = all(getattr(known, name) == getattr(entry, name) for name in names)
    if not is_same or known.reason:
        return is_same
    return is_stored(audio_folder / f"{known.track_id}.npy", known.samples)


def _is_elsewhere(entry: Entry, folder: Path) -> bool:
    """Return whether a file exists and belongs to another folder that was ingested before."""
    outside = not PurePath(entry.file).is_relative_to(folder.resolve())
    return outside and os.path.exists(entry.file)


def _decode_all(
    todo: list[Entry],
    excerpt: Excerpt,
    catalogue_folder: Path,
    journal: IngestJournal,
    workers: Workers,
) -> list[Entry]:
    """Decode in parallel and record each result as it comes; return what could not be opened."""
    unreadable = []
    work = functools.partial(take_in, excerpt=excerpt, catalogue_folder=catalogue_folder)
    with progress.bar(len(todo), unit="file", about="ingest") as bar:
        for outcome in run(work, todo, workers):
            entry, is_lasting = outcome.get()
            if is_lasting:
                journal.add(entry)
            else:
                journal.entries.pop(entry.file, None)
                unreadable.append(entry)
            bar.update()
    return unreadable


def _conclude(
    folder: Path,
    journal: IngestJournal,
    present: list[Entry],
    unreadable: list[Entry],
    decoded: int,
    prune: bool,
) -> IngestReport:
    """Write tracks.parquet and skipped.csv from what the journal knows of the files there are."""
    skipped = sorted(
        (_printable(entry.file), entry.reason) for entry in [*present, *unreadable] if entry.reason
    )
    write_csv(folder / "skipped.csv", pd.DataFrame(skipped, columns=["file", "reason"]))
    taken = [entry for entry in present if entry.track_id]
    tracks: dict[str, Entry] = {}
    for entry in sorted(taken, key=lambda entry: (-len(entry.tags), entry.file)):
        tracks.setdefault(entry.track_id, entry)  # of copies, the one with most tags
    if not tracks:
        raise DataError(
            f"none of {len(skipped)} files could be used, the first because: {skipped[0][1]}; "
            f"all reasons are in {folder / 'skipped.csv'}"
        )
    listed = sorted(tracks.values(), key=lambda entry: entry.file)
    write_tracks(folder, pd.DataFrame(map(_row, listed)))
    if prune:
        for array in (folder / "audio").glob("*.npy"):
            if array.stem not in tracks:
                array.unlink()
    journal.rewrite(present if prune else journal.entries.values())
    return IngestReport(len(tracks), decoded, len(taken) - len(tracks), tuple(skipped))


def _row(entry: Entry) -> dict[str, object]:
    relative = PurePath(entry.file).relative_to(entry.root)
    tags = {**tags_from_path(relative), **entry.tags}
    return {
        "track_id": entry.track_id,
        "samples": entry.samples,
        **tags,
        "year": int(tags["year"]) if "year" in tags else None,
        "file": _printable(entry.file),
    }


def _printable(file: str) -> str:
    """Turn a path into text, also where its bytes are no UTF-8."""
    return os.fsencode(file).decode("utf-8", "replace")


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m recsys.ingest`."""
    parser = argparse.ArgumentParser(
        prog="python -m recsys.ingest", description="Take a folder of music into a catalogue."
    )
    parser.add_argument("folder", type=Path, help="music, in any depth of folders")
    parser.add_argument(
        "--catalogue", required=True, metavar="NAME", help="its name; an existing one is renewed"
    )
    parser.add_argument(
        "--excerpt_s", type=float, metavar="S", help="take S seconds of each file (default: all)"
    )
    parser.add_argument(
        "--excerpt_from",
        choices=("centre", "start"),
        default="centre",
        help="where an excerpt lies (%(default)s)",
    )
    add_options(parser, jobs=-1)
    parser.add_argument("--strict", action="store_true", help="exit with 1 if files were skipped")
    parser.add_argument(
        "--prune", action="store_true", help="delete the sound of tracks whose file is gone"
    )
    options = parser.parse_args(arguments)

    name = check_name(options.catalogue, "catalogue")
    report = ingest(
        options.folder,
        configuration().catalogues / name,
        excerpt=Excerpt(options.excerpt_s, options.excerpt_from),
        workers=workers_of(options),
        prune=options.prune,
    )
    _print(name, report)
    print_next(f"recsys.listening plays.csv --catalogue {name}")
    return 1 if options.strict and report.skipped else 0


def _print(name: str, report: IngestReport) -> None:
    print(
        f"catalogue {name}: {report.tracks:,} tracks; {report.decoded:,} files decoded, "
        f"{report.copies:,} copies of others, {len(report.skipped):,} skipped"
    )
    for file, reason in report.skipped[:_LISTED]:
        print(f"  skipped {file}: {reason}")
    if len(report.skipped) > _LISTED:
        print(f"  and {len(report.skipped) - _LISTED:,} more in skipped.csv of the catalogue")
