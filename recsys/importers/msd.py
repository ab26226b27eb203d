"""Import the Million Song Dataset: its tracks, its listeners and 7digital's audio snippets.

`python -m recsys.importers.msd tracks unique_tracks.txt --snippets FOLDER --catalogue msd`
`python -m recsys.importers.msd plays FOLDER --catalogue msd`
`python -m recsys.importers.msd splits --catalogue msd --user_name marko paige ...`

Each command can be killed and started again: audio that is stored is not decoded again.
docs/data-sets.md says where the files come from.
"""

from __future__ import annotations

import argparse
import functools
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

import lemons_jobs
from lemons_commands import print_next
from lemons_utils import (
    DataError,
    ParameterError,
    command,
    configuration,
    first_line,
    write_csv,
)
from recsys import progress
from recsys.arrays import array_length, write_array
from recsys.catalogue import array_folder, array_lengths, check_name, open_catalogue, write_tracks
from recsys.importers.taste_profile import prepare_plays
from recsys.ingest.decoding import Excerpt, decode
from recsys.ingest.finding import Found, find
from recsys.listening import add_split_options, write_splits
from recsys.listening.plays import read_plays

PUBLISHED = {
    "marko": "d7d2d888ae04d16e994d6964214a1de81392ee04",
    "paige": "0c2932cb475b83b61039bdfbb72c14580b8fad2b",
    "johnny": "6d625c6557df84b60d90426c0116138b617b9449",
    "matteo": "a05e548059abb1f77cad6cb9c3c0c48e0616f551",
    "nina": "57262c4ed3cb3ed2db7cab8c627091757c6437d8",
    "elizabeth": "18765abd13462c176d9ccc89e71bfc23265dfed7",
    "sandra": "3b93435988354b1889de1e71810d1dd65c4ba17c",
}
"""The seven listeners of the published system and their ids in the Taste Profile."""

PLAYS = "plays.parquet"
"""In the catalogue's folder: the Taste Profile, sorted by listener."""

_SEPARATOR = "<SEP>"
_TOGETHER = 32  # snippets per item of work
_USER_ID = re.compile(r"[0-9a-f]{40}")


# -- tracks ------------------------------------------------------------------------------------
def read_unique_tracks(path: Path) -> pd.DataFrame:
    """Read `unique_tracks.txt`, or `meta_data.csv` of the published system.

    Returns
    -------
    DataFrame with columns track_id, song_id, artist, title; a CSV has no song_id

    Raises
    ------
    DataError
        If it is missing or a line is not `TR...<SEP>SO...<SEP>artist<SEP>title`; with the line.
        If a CSV has no columns title and artist.
    """
    if not path.is_file():
        raise DataError(f"{path} is not a file: name unique_tracks.txt of the Million Song Dataset")
    if path.suffix == ".csv":
        return _read_meta_data(path)
    rows = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            parts = line.rstrip("\n").split(_SEPARATOR, 3)
            if len(parts) != 4 or not parts[0].startswith("TR"):
                raise DataError(
                    f"{path}, line {number}: expected TR...<SEP>SO...<SEP>artist<SEP>title, "
                    f"got {line[:80]!r}"
                )
            rows.append(parts)
    return pd.DataFrame(rows, columns=["track_id", "song_id", "artist", "title"])


def _read_meta_data(path: Path) -> pd.DataFrame:
    """Read a table whose first column is the track id; it has a title, an artist and others."""
    try:
        table = pd.read_csv(path, dtype="str", keep_default_na=False, index_col=0)
        named = table[["artist", "title"]].rename_axis("track_id").reset_index()
    except (KeyError, ValueError) as error:
        raise DataError(
            f"{path} must have the columns track_id (first), title and artist: {first_line(error)}"
        ) from error
    return named.drop_duplicates("track_id").assign(song_id="")


def find_snippets(folder: Path) -> Found:
    """Find all snippets below a folder: `A/B/C/TRABC....mp3`, or flat."""
    return find(folder, lambda name: name.startswith("TR") and name.lower().endswith(".mp3"))


def decode_snippets(
    snippets: Sequence[tuple[str, Path]], catalogue_folder: Path
) -> list[tuple[str, str]]:
    """Store the audio of snippets that is not stored; return (track_id, reason) of failures."""
    skipped = []
    for track_id, file in snippets:
        path = catalogue_folder / "audio" / f"{track_id}.npy"
        if array_length(path):
            continue
        try:
            audio = decode(file, Excerpt())
        except (DataError, ValueError, RuntimeError) as error:  # soxr raises the latter two
            skipped.append((track_id, str(error).removeprefix(f"{file} ")))
            continue
        write_array(path, audio)
    return skipped


def take_in_snippets(
    folder: Path, catalogue_folder: Path, known: frozenset[str], workers: lemons_jobs.Workers
) -> list[tuple[str, str]]:
    """Decode all snippets of known tracks; return (track_id, reason) of those that fail.

    Where a file or folder cannot be reached, its path stands in place of the track_id.
    """
    found = find_snippets(folder)
    named = [(Path(file).name.split(".", 1)[0], Path(file)) for file in found.files]
    snippets = [(track_id, file) for track_id, file in named if track_id in known]
    if not snippets:
        raise DataError(f"{folder} holds no snippets (TR....mp3) of the tracks listed")
    items = [snippets[at : at + _TOGETHER] for at in range(0, len(snippets), _TOGETHER)]
    work = functools.partial(decode_snippets, catalogue_folder=catalogue_folder)
    skipped = list(found.unreachable)
    with progress.bar(len(snippets), unit="snippet", about="decode") as bar:
        for outcome in lemons_jobs.run(work, items, workers):
            skipped += outcome.get()
            bar.update(len(items[outcome.index]))
    return sorted(skipped)


def write_catalogue(catalogue_folder: Path, unique_tracks: pd.DataFrame) -> pd.DataFrame:
    """Write `tracks.parquet`: all arrays of a catalogue, with the titles of `unique_tracks.txt`."""
    there = array_lengths(catalogue_folder)
    if not (there["samples"] > 0).any():
        raise DataError(
            f"{array_folder(catalogue_folder)} holds no sound: name a folder of --snippets, or of "
            "--arrays (<track_id>.npy)"
        )
    listed = there[there["samples"] > 0].merge(unique_tracks, on="track_id", how="left")
    listed["title"] = listed["title"].fillna(listed["track_id"])
    listed["song_id"] = listed["song_id"].fillna("")
    return write_tracks(catalogue_folder, listed)


# -- the command -------------------------------------------------------------------------------
@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m recsys.importers.msd`."""
    options = _parse(arguments)
    check_name(options.catalogue, "catalogue")
    {"tracks": _tracks, "plays": _plays, "splits": _splits}[options.step](options)
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m recsys.importers.msd",
        description="The Million Song Dataset as a catalogue, its listeners' plays and splits.",
    )
    steps = parser.add_subparsers(dest="step", required=True)
    tracks = steps.add_parser("tracks", help="list tracks that have sound; decode snippets")
    tracks.add_argument("unique_tracks", type=Path, help="unique_tracks.txt, or meta_data.csv")
    sound = tracks.add_mutually_exclusive_group()
    sound.add_argument("--snippets", type=Path, metavar="FOLDER", help="7digital's, TR....mp3")
    sound.add_argument("--arrays", type=Path, metavar="FOLDER", help="ready ones, TR....npy")
    lemons_jobs.add_options(tracks, jobs=-1)
    plays = steps.add_parser("plays", help="sort the Taste Profile by listener, once")
    plays.add_argument("folder", type=Path, help="where the files of the Taste Profile are")
    splits = steps.add_parser("splits", help="labels and 80-10-10 split of any listeners")
    user_id = "40 hexadecimal digits, or one of the published seven (default: all of these)"
    splits.add_argument(
        "--user_name", nargs="+", default=list(PUBLISHED), metavar="NAME", help=user_id
    )
    add_split_options(splits)
    for step in (tracks, plays, splits):
        step.add_argument(
            "--catalogue", default="msd", metavar="NAME", help="its name here (%(default)s)"
        )
    return parser.parse_args(arguments)


def _tracks(options: argparse.Namespace) -> None:
    folder = configuration().catalogues / options.catalogue
    unique_tracks = read_unique_tracks(options.unique_tracks)
    skipped: list[tuple[str, str]] = []
    if options.snippets:
        known = frozenset(unique_tracks["track_id"])
        skipped = take_in_snippets(options.snippets, folder, known, lemons_jobs.workers_of(options))
        write_csv(folder / "skipped.csv", pd.DataFrame(skipped, columns=["track_id", "reason"]))
    elif options.arrays:
        _link_arrays(options.arrays, folder)
    elif not folder.is_dir():
        raise DataError(f"{folder} has no sound yet: name a folder of --snippets or --arrays")
    tracks = write_catalogue(folder, unique_tracks)
    more = f", {len(skipped):,} snippets skipped ({folder / 'skipped.csv'})" if skipped else ""
    print(f"catalogue {options.catalogue}: {len(tracks):,} tracks{more}")
    print_next(f"recsys.importers.msd plays FOLDER --catalogue {options.catalogue}")


def _link_arrays(arrays: Path, folder: Path) -> None:
    """Link a folder of arrays into the catalogue."""
    if not arrays.is_dir():
        raise DataError(f"{arrays} is not a folder: name the one that holds the arrays")
    link = folder / "audio"
    if link.exists() and link.resolve() != arrays.resolve():
        raise DataError(f"{link} is there already: choose another --catalogue, or move it away")
    folder.mkdir(parents=True, exist_ok=True)
    if not link.exists():
        link.symlink_to(arrays.resolve(), target_is_directory=True)


def _plays(options: argparse.Namespace) -> None:
    catalogue = open_catalogue(options.catalogue, data_folder=configuration().data_folder)
    path, unmatched = catalogue.folder / PLAYS, catalogue.folder / "plays-unmatched.csv"
    counts = prepare_plays(options.folder, catalogue.track_ids, path, unmatched)
    print(
        f"{counts.matched_rows:,} of {counts.rows:,} rows, {counts.matched_plays:,} of "
        f"{counts.plays:,} plays, {counts.listeners:,} listeners: {path}"
    )
    if counts.matched_rows < counts.rows:
        print(f"songs that fit no track of the catalogue: {unmatched}")
    print_next(f"recsys.importers.msd splits --catalogue {catalogue.name}")


def _splits(options: argparse.Namespace) -> None:
    catalogue = open_catalogue(options.catalogue, data_folder=configuration().data_folder)
    if not (path := catalogue.folder / PLAYS).is_file():
        raise DataError(
            f"no {path}: make it with `python -m recsys.importers.msd plays FOLDER "
            f"--catalogue {catalogue.name}`"
        )
    name_of = {_user_id(name): name for name in options.user_name}
    plays = read_plays(path, list(name_of))
    if missing := sorted(set(name_of) - set(plays["user_name"])):
        raise DataError(
            f"{path} has no plays of {', '.join(name_of[user_id] for user_id in missing)}"
        )
    plays["user_name"] = plays["user_name"].map(name_of)
    write_splits(catalogue, plays, options.user_name, seed=options.seed, group=options.group)


def _user_id(name: str) -> str:
    user_id = PUBLISHED.get(name.lower(), name)
    if not _USER_ID.fullmatch(user_id):
        raise ParameterError(
            f"user_name must be 40 hexadecimal digits or one of {', '.join(PUBLISHED)}, "
            f"got {name!r}"
        )
    return user_id


if __name__ == "__main__":
    sys.exit(main())
