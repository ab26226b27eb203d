"""Import the splits of the published system: `python -m recsys.importers.published FOLDER`.

FOLDER holds `<user_name>-<seed>/` with the tracks of each part as `train.pkl`, `val.pkl` and
`test.pkl`, and play counts as `labels.csv` or, in its first version, labels as `labels.pkl`; it is
`data/split` there. Pickles are read as texts and numbers, and none of their code is run.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lemons_commands import print_next
from lemons_utils import DataError, command, configuration, first_line
from recsys.catalogue import open_catalogue
from recsys.importers.pickled import read_pickle, texts
from recsys.listening import (
    SPLIT_COLUMNS,
    check_split,
    split_path,
    split_summary,
    training_command,
    write_split,
)

PARTS = {"train": "train.pkl", "valid": "val.pkl", "test": "test.pkl"}
"""The files of a published split, by the names that the parts have here."""

_FOLDER = re.compile(r"(?P<user_name>.+)-(?P<seed>\d{1,18})")


def read_published_split(folder: Path) -> pd.DataFrame:
    """Read a listener's split in the published form.

    Parameters
    ----------
    folder : Path
        With `train.pkl`, `val.pkl`, `test.pkl`, and `labels.csv` or `labels.pkl`.

    Returns
    -------
    DataFrame with columns track_id, split, label, playcount, sorted by track_id
        Where there are labels but no play counts, each listened track counts as played once.

    Raises
    ------
    DataError
        If a file is missing, holds anything else, or a track has no label or two parts.
    """
    counts = _playcounts(folder)
    rows = []
    for part, name in PARTS.items():
        value = read_pickle(folder / name)
        try:
            rows += [(track_id, part) for track_id in texts(value)]
        except (TypeError, ValueError) as error:
            raise DataError(f"{folder / name} must hold a list of track ids") from error
    if missing := [track_id for track_id, _ in rows if track_id not in counts]:
        raise DataError(f"{folder}: {len(missing):,} tracks have no label, e.g. {missing[0]!r}")
    split = pd.DataFrame(sorted(rows), columns=["track_id", "split"]).astype({"track_id": "str"})
    split["playcount"] = np.array(
        [counts[track_id] for track_id, _ in sorted(rows)], dtype=np.int64
    )
    split["label"] = (split["playcount"] >= 1).astype("int64")
    split = split[list(SPLIT_COLUMNS)]
    check_split(split, folder)
    return split


def find_splits(folder: Path) -> dict[Path, tuple[str, int]]:
    """Return the folders of splits in a folder, with their listeners and seeds.

    Parameters
    ----------
    folder : Path
        One that holds folders `<user_name>-<seed>`, here or in `split/`, or one of these.

    Raises
    ------
    DataError
        If there is none.
    """
    places = [folder, *(folder / "split").glob("*"), *folder.glob("*")]
    found = {}
    for place in sorted(place for place in places if (place / PARTS["train"]).is_file()):
        if named := _FOLDER.fullmatch(place.resolve().name):
            found[place] = (named["user_name"], int(named["seed"]))
    if not found:
        raise DataError(f"{folder} has no folders <user_name>-<seed> with {PARTS['train']} in them")
    return found


def _playcounts(folder: Path) -> Mapping[str, int]:
    """Return play counts by track, or 0 and 1 where there are labels alone."""
    if (table := folder / "labels.csv").is_file():
        try:
            rows = pd.read_csv(table, names=["track_id", "playcount"], dtype={"track_id": "str"})
            counts = rows["playcount"].astype("int64")
        except ValueError as error:
            raise DataError(
                f"{table} must have lines of a track and its play count: {first_line(error)}"
            ) from error
        return dict(zip(rows["track_id"].tolist(), counts.tolist(), strict=True))
    labels = read_pickle(folder / "labels.pkl")
    try:
        return {track_id: int(bool(np.asarray(label).item())) for track_id, label in labels.items()}
    except (AttributeError, ValueError) as error:
        raise DataError(f"{folder / 'labels.pkl'} must hold a label for each track") from error


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m recsys.importers.published`."""
    parser = argparse.ArgumentParser(
        prog="python -m recsys.importers.published",
        description="The splits of the published system, train.pkl, val.pkl and test.pkl.",
    )
    parser.add_argument("folder", type=Path, help="data/split of the published system")
    parser.add_argument(
        "--catalogue", default="msd", metavar="NAME", help="whose tracks they split (%(default)s)"
    )
    parser.add_argument("--user_name", nargs="+", metavar="NAME", help="these listeners alone")
    options = parser.parse_args(arguments)

    catalogue = open_catalogue(options.catalogue, data_folder=configuration().data_folder)
    there = frozenset(catalogue.track_ids)
    found = find_splits(options.folder)
    listeners = {user_name for user_name, _ in found.values()}
    if unknown := sorted({*(options.user_name or ())} - listeners):
        raise DataError(f"{options.folder} has no split of {', '.join(unknown)}")
    wanted = {
        folder: named
        for folder, named in found.items()
        if not options.user_name or named[0] in options.user_name
    }
    for folder, (user_name, seed) in wanted.items():
        split = read_published_split(folder)
        kept = split[split["track_id"].isin(there)]
        path = split_path(catalogue, user_name, seed)
        if len(kept) < len(split):
            print(
                f"{user_name}: {len(split) - len(kept):,} of {len(split):,} tracks are not in "
                f"catalogue {catalogue.name} and left out"
            )
        check_split(kept, folder)
        write_split(path, kept)
        print(split_summary(user_name, kept, path))
    names, seeds = zip(*wanted.values(), strict=True)
    print_next(training_command(catalogue, sorted(set(names)), seeds[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
