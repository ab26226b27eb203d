"""Divide a listener's labels 80-10-10, and read and write the split.

Every listened track is a positive. As many unheard tracks are drawn as negatives, and both are
divided into train, valid and test. All choices rank tracks by the SHA-256 of the seed, the
listener and the track id. They are therefore the same on every machine and with every version of
every library, and adding or removing a track changes few of the others.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lemons_utils import DataError, ParameterError, checksum, first_line, write_beside
from recsys.catalogue import Catalogue, check_name
from recsys.listening.draws import Pool
from recsys.listening.grouping import assign_groups
from recsys.listening.matching import loose_key

PUBLISHED_SEED = 1_057_386
PARTS = ("train", "valid", "test")
SPLIT_COLUMNS = ("track_id", "split", "label", "playcount")

Rows = list[tuple[str, str, int, int]]
"""Those of a split, in its columns: a table takes longer to make than all that is in it."""


def make_split(
    plays: pd.DataFrame,
    track_ids: Sequence[str] | Pool,
    *,
    user_name: str = "",
    seed: int = PUBLISHED_SEED,
    group: Mapping[str, str] | None = None,
    neither: Collection[str] = (),
) -> pd.DataFrame:
    """Label one listener's tracks and divide them 80-10-10.

    Parameters
    ----------
    plays : DataFrame with columns track_id, playcount
        The listener's plays; several rows of one track are summed.
    track_ids : sequence of str, or Pool
        All tracks of the catalogue; those that `plays` does not list are unheard.
    user_name : str
        Part of the seed, so that listeners draw different negatives.
    seed : int
    group : mapping from track_id to a group such as the artist, optional
        Tracks of one group stay in one part; tracks without a group (or with "") stand alone.
    neither : collection of str
        Tracks of the catalogue that are not unheard, although `plays` does not list them.

    Returns
    -------
    DataFrame with columns track_id, split (train, valid, test), label (0, 1), playcount
        Sorted by track_id. All listened tracks and as many unheard ones, or all unheard ones if
        there are fewer.

    Raises
    ------
    DataError
        If a label has fewer than three tracks (with `group`: three groups), since every part
        needs both labels.
    ParameterError
        If `plays` holds tracks that the catalogue does not have, or negative counts.
    """
    pool = track_ids if isinstance(track_ids, Pool) else Pool(track_ids)
    counts = _counts(plays, pool)
    return as_table(
        split_rows(counts, pool, user_name=user_name, seed=seed, group=group, neither=neither)
    )


def split_rows(
    counts: Mapping[str, int],
    pool: Pool,
    *,
    user_name: str = "",
    seed: int = PUBLISHED_SEED,
    group: Mapping[str, str] | None = None,
    neither: Collection[str] = (),
) -> Rows:
    """Return the rows of a listener's split, as `make_split` does, without a table.

    Parameters
    ----------
    counts : mapping from track_id to playcount
        Tracks of the pool, and 0 or more plays.
    pool, user_name, seed, group, neither
        As of `make_split`.
    """
    listened = {track_id: count for track_id, count in counts.items() if count >= 1}
    heard = {*listened, *neither}
    unheard = len(pool) - len(heard)
    if len(listened) < 3 or unheard < 3:
        raise DataError(
            f"train, valid and test need at least 3 listened and 3 unheard tracks, "
            f"got {len(listened)} listened and {unheard} unheard ones{_of(user_name)}"
        )
    salt = _salt(seed, user_name)
    drawn = pool.draw(len(listened), salt=salt, without=heard)
    labelled = sorted([*((each, 1) for each in listened), *((str(each), 0) for each in drawn)])
    track_ids, labels = ([*column] for column in zip(*labelled, strict=True))
    order = _order(track_ids, salt)
    if group is None:
        parts = _stratified(labels, order)
    else:
        parts = _grouped(track_ids, labels, order, group, user_name)
    plays = (listened.get(track_id, 0) for track_id in track_ids)
    return [*zip(track_ids, parts, labels, plays, strict=True)]


def as_table(rows: Rows) -> pd.DataFrame:
    """Return the rows of a split as a table."""
    return pd.DataFrame(rows, columns=list(SPLIT_COLUMNS)).astype({"track_id": "str"})


def split_path(catalogue: Catalogue, user_name: str, seed: int = PUBLISHED_SEED) -> Path:
    """Return the path of a listener's split: `splits/<user_name>-<seed>.csv` of the catalogue."""
    if seed < 0:
        raise ParameterError(f"seed must be 0 or more, got {seed}")
    return catalogue.folder / "splits" / f"{check_name(user_name, 'user_name')}-{seed}.csv"


def users(catalogue: Catalogue, seed: int = PUBLISHED_SEED) -> list[str]:
    """Return the names of all listeners of a catalogue with a split of this seed, sorted."""
    ending = f"-{seed}.csv"
    files = (catalogue.folder / "splits").glob(f"*{ending}")
    return sorted(p.name.removesuffix(ending) for p in files if not p.name.startswith("."))


def write_split(path: Path, split: pd.DataFrame) -> str:
    """Write a split, the same bytes on every machine; return the file's checksum.

    A file beside it, `.<name>.sha256`, has the checksum too, in the form of `sha256sum`.
    """
    columns = [split[name].tolist() for name in SPLIT_COLUMNS]
    return write_rows(path, [*zip(*columns, strict=True)])


def write_rows(path: Path, rows: Rows) -> str:
    """Write the rows of a split as `write_split` does."""
    beside = checksum_path(path)
    beside.unlink(missing_ok=True)  # between the two writes there is none, rather than a wrong one
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SPLIT_COLUMNS)
    writer.writerows(rows)
    content = text.getvalue().encode()
    with write_beside(path) as temporary:
        temporary.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    with write_beside(beside) as temporary:
        temporary.write_text(f"{digest}  {path.name}\n", encoding="utf-8")
    return digest


def checksum_path(path: Path) -> Path:
    """Return the path of the file beside a split that has its checksum, if `write_split` wrote it.

    Without that file a split is read unchecked: one that somebody has written by hand.
    """
    return path.with_name(f".{path.stem}.sha256")


def _check_unchanged(path: Path) -> None:
    beside = checksum_path(path)
    written = _first_word(beside)
    # Where the file beside has changed meanwhile, another command is writing the split.
    if written is not None and written != checksum(path) and written == _first_word(beside):
        raise DataError(
            f"{path} has changed since it was written: make the split again, or remove "
            f"{beside.name} beside it if somebody has changed it on purpose"
        )


def read_split(path: Path) -> pd.DataFrame:
    """Read and validate a listener's split.

    Returns
    -------
    DataFrame with columns track_id (str), split, label (int), playcount (int)

    Raises
    ------
    DataError
        If the file is missing, has changed since it was written, or is no valid split: a column
        is missing, a part or label is unknown, a track comes twice, or a part lacks a label.
    """
    if not path.is_file():
        raise DataError(
            f"no split {path}: make it with `python -m recsys.listening plays.csv --catalogue NAME`"
        )
    _check_unchanged(path)
    try:
        split = pd.read_csv(path, dtype={"track_id": "str"}, keep_default_na=False)
        split = split.astype({"label": "int64", "playcount": "int64"})[list(SPLIT_COLUMNS)]
    except (KeyError, ValueError) as error:
        raise DataError(
            f"{path} is no split ({', '.join(SPLIT_COLUMNS)}): {first_line(error)}"
        ) from error
    check_split(split, path)
    return split


def check_split(split: pd.DataFrame, path: Path) -> None:
    """Raise a DataError that names `path` if a table in the columns of a split is none.

    A part or label is unknown, a track comes twice, or a part lacks a label.
    """
    if not split["split"].isin(PARTS).all() or not split["label"].isin([0, 1]).all():
        raise DataError(f"{path}: split must be train, valid or test, and label 0 or 1")
    if (split["playcount"] < 0).any() or split["track_id"].eq("").any():
        raise DataError(f"{path}: playcount must be 0 or more and track_id must not be empty")
    if (twice := split["track_id"].duplicated()).any():
        raise DataError(f"{path}: track {split['track_id'][twice].iloc[0]} comes twice")
    if len(split[["split", "label"]].drop_duplicates()) < 2 * len(PARTS):
        raise DataError(f"{path}: train, valid and test each need tracks of both labels")


def _first_word(path: Path) -> str | None:
    """Return the first word of a file, or None if there is no file."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").partition(" ")[0]
    except FileNotFoundError:
        return None


def _counts(plays: pd.DataFrame, pool: Pool) -> dict[str, int]:
    counts = plays.groupby("track_id", sort=True)["playcount"].sum().astype("int64")
    if (counts < 0).any():
        raise ParameterError("playcount must be 0 or more")
    if unknown := pool.unknown(counts.index):
        raise ParameterError(
            f"plays lists {len(unknown)} tracks that the catalogue does not have, "
            f"the first is {unknown[0]!r}"
        )
    return dict(zip(counts.index.tolist(), counts.tolist(), strict=True))


def _salt(seed: int, user_name: str) -> str:
    return f"{seed}:{user_name}:"


def _order(track_ids: Sequence[str], salt: str) -> list[int]:
    """Return numbers that order tracks at random: bytes 9 to 16 of the hash for drawing."""
    digests = (hashlib.sha256(f"{salt}{track_id}".encode()).digest() for track_id in track_ids)
    return [int.from_bytes(digest[8:16], "big") for digest in digests]


def _stratified(labels: Sequence[int], order: Sequence[int]) -> list[str]:
    parts = ["train"] * len(labels)
    for label in (0, 1):
        places = [place for place, each in enumerate(labels) if each == label]
        ranked = sorted(places, key=order.__getitem__)
        tenth = max(1, (len(ranked) + 5) // 10)
        for place in ranked[:tenth]:
            parts[place] = "test"
        for place in ranked[tenth : 2 * tenth]:
            parts[place] = "valid"
    return parts


def _grouped(
    track_ids: Sequence[str],
    labels: Sequence[int],
    order: Sequence[int],
    group: Mapping[str, str],
    user_name: str,
) -> list[str]:
    # a track without a group is a group of its own; no artist's name starts with this character
    names = [group.get(track_id) or f"\0{track_id}" for track_id in track_ids]
    numbers = np.array(order, dtype=np.uint64)
    tracks = pd.DataFrame({"group": names, "label": labels, "order": numbers})
    table = tracks.groupby("group").agg(
        listened=("label", "sum"), tracks=("label", "size"), order=("order", "min")
    )
    table["unheard"] = table["tracks"] - table["listened"]
    for label in ("listened", "unheard"):
        if (there := int((table[label] > 0).sum())) < 3:
            raise DataError(
                f"train, valid and test need {label} tracks of at least 3 groups (artists), "
                f"got {there}{_of(user_name)}"
            )
    table = table.sort_values(["tracks", "order"], ascending=[False, True])
    parts = assign_groups(table[["unheard", "listened"]].to_numpy())
    part_of = dict(zip(table.index, parts, strict=True))
    return [PARTS[part_of[name]] for name in names]


def _of(user_name: str) -> str:
    return f" of {user_name}" if user_name else ""


def artists(catalogue: Catalogue) -> dict[str, str]:
    """Return each track's artist for `make_split(group=...)`, without spelling and guests."""
    tracks = catalogue.columns("track_id", "artist")
    names = {name: loose_key(name) if name else "" for name in tracks["artist"].unique()}
    return dict(zip(tracks["track_id"], tracks["artist"].map(names), strict=True))
