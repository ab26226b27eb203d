"""Write the split of each listener: `python -m recsys.listening plays.csv --catalogue NAME`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lemons_commands import print_next
from lemons_utils import DataError, ParameterError, command, configuration, write_csv
from recsys import progress
from recsys.catalogue import Catalogue, check_name, open_catalogue
from recsys.listening.draws import Pool
from recsys.listening.plays import match_plays, read_plays
from recsys.listening.recordings import same_songs
from recsys.listening.splits import (
    PARTS,
    PUBLISHED_SEED,
    artists,
    as_table,
    split_path,
    split_rows,
    write_rows,
)

_LISTED = 30  # listeners on the screen


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m recsys.listening`."""
    parser = argparse.ArgumentParser(
        prog="python -m recsys.listening",
        description="Turn play counts into each listener's labels and 80-10-10 split.",
    )
    table = "CSV or Parquet: user_name, playcount, and track_id or title and artist"
    parser.add_argument("plays", type=Path, help=table)
    parser.add_argument(
        "--catalogue", required=True, metavar="NAME", help="whose tracks were played"
    )
    parser.add_argument("--user_name", nargs="+", metavar="NAME", help="these listeners alone")
    add_split_options(parser)
    options = parser.parse_args(arguments)

    if options.plays.suffix == ".parquet" and not options.user_name:
        raise ParameterError("name the listeners of a Parquet file: --user_name NAME ...")
    catalogue = open_catalogue(options.catalogue, data_folder=configuration().data_folder)
    plays = read_plays(options.plays, options.user_name)
    write_splits(catalogue, plays, options.user_name, seed=options.seed, group=options.group)
    return 0


def add_split_options(parser: argparse.ArgumentParser) -> None:
    """Add the options `--group` and `--seed` of a command that writes splits."""
    parser.add_argument("--group", choices=("artist",), help="keep an artist in one part")
    parser.add_argument(
        "--seed", type=int, default=PUBLISHED_SEED, help="of the draw and the split (%(default)s)"
    )


def write_splits(
    catalogue: Catalogue,
    plays: pd.DataFrame,
    user_names: Sequence[str] | None = None,
    *,
    seed: int = PUBLISHED_SEED,
    group: str | None = None,
) -> None:
    """Match plays to a catalogue, write each listener's split and print a summary.

    Rows that match no track are counted and written to `splits/unmatched/<user_name>.csv`. Other
    recordings of a song that a listener has heard count neither as listened nor as unheard.

    Parameters
    ----------
    plays : DataFrame with columns user_name, track_id, title, artist, playcount
    user_names : sequence of str, optional
        All listeners in `plays` by default.
    group : str, optional
        `artist` to keep the tracks of an artist in one part.

    Raises
    ------
    DataError
        If no row matches a track, or listeners have too few tracks or a name that cannot be used;
        the other splits are written.
    """
    failed = _Failures()
    bad_names = [name for name in plays["user_name"].unique() if not failed.checked(name)]
    plays = plays[~plays["user_name"].isin(bad_names)]
    names = ["track_id", "title", "artist"] if (plays["track_id"] == "").any() else ["track_id"]
    matched, unmatched = match_plays(plays, catalogue.columns(*names))
    _report_unmatched(catalogue, plays, unmatched)
    if not len(matched) and (len(unmatched) or not user_names):
        failed.raise_if_any()
        raise DataError(f"no row of the plays fits a track of catalogue {catalogue.name}")
    group_of = artists(catalogue) if group == "artist" else None
    pool = Pool(catalogue.table or catalogue.track_ids)
    counts_of = _counts_of(matched)
    recordings = same_songs(catalogue, matched["track_id"])
    listeners = list(user_names or sorted(counts_of))
    with progress.bar(len(listeners), unit="listener", about="splits") as bar:
        for name in listeners:
            bar.update()
            if not failed.checked(name):
                continue
            counts = counts_of.get(name, {})
            heard = {track_id for track_id, count in counts.items() if count >= 1}
            others = {song for track_id in heard for song in recordings.get(track_id, ())} - heard
            try:
                split = split_rows(
                    counts, pool, user_name=name, seed=seed, group=group_of, neither=others
                )
            except DataError as error:
                failed.add(str(error))
                continue
            path = split_path(catalogue, name, seed)
            write_rows(path, split)
            if len(listeners) <= _LISTED:
                table = as_table(split)
                print(split_summary(name, table, path, remark=_remark(table, len(others))))
    if len(listeners) > _LISTED:
        print(f"{len(listeners) - len(failed.reasons):,} splits in {catalogue.folder / 'splits'}")
    failed.raise_if_any()
    print_next(training_command(catalogue, listeners, seed))


def training_command(catalogue: Catalogue, listeners: Sequence[str], seed: int) -> str:
    """Return the command that trains these listeners, without its `python -m`."""
    if len(listeners) == 1:
        other = "" if seed == PUBLISHED_SEED else f" split_seed={seed}"
        options = f"user_name={listeners[0]} catalogue={catalogue.name}{other}"
        return f"recsys.experiment with {options} recipe=lemons"
    other = "" if seed == PUBLISHED_SEED else f" --split_seed {seed}"
    return f"recsys.train_all --catalogue {catalogue.name}{other} --recipe lemons"


def _counts_of(matched: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Return each listener's play counts by track; the rows are sorted by listener."""
    columns = (matched[name].tolist() for name in ("user_name", "track_id", "playcount"))
    counts: dict[str, dict[str, int]] = {}
    for user_name, track_id, count in zip(*columns, strict=True):
        counts.setdefault(str(user_name), {})[track_id] = count
    return counts


class _Failures:
    """The reasons why listeners have no split, each of which leaves the others theirs."""

    def __init__(self) -> None:
        self.reasons: dict[str, None] = {}

    def add(self, reason: str) -> None:
        self.reasons[reason] = None

    def checked(self, user_name: str) -> bool:
        """Return whether a name can be used; note the reason if it cannot."""
        try:
            check_name(user_name, "user_name")
        except ParameterError as error:
            self.add(str(error))
            return False
        return True

    def raise_if_any(self) -> None:
        if self.reasons:
            reasons = list(self.reasons)
            more = len(reasons) - _LISTED
            rest = f"; and {more:,} more like these" if more > 0 else ""
            raise DataError("; ".join(reasons[:_LISTED]) + rest)


def _report_unmatched(catalogue: Catalogue, plays: pd.DataFrame, unmatched: pd.DataFrame) -> None:
    """Write each listener's rows that match no track; remove the file of one who has none now."""
    folder = catalogue.folder / "splits" / "unmatched"
    rows_of = {str(name): rows for name, rows in unmatched.groupby("user_name")}
    for name, rows in rows_of.items():
        write_csv(folder / f"{check_name(name, 'user_name')}.csv", rows)
    known = {*plays["user_name"].unique()} - rows_of.keys()
    for path in folder.glob("*.csv"):
        if path.stem in known:
            path.unlink(missing_ok=True)
    if len(unmatched):
        print(
            f"{len(unmatched):,} rows with {unmatched['playcount'].sum():,} plays fit no track "
            f"of the catalogue: {folder}"
        )


def split_summary(name: str, split: pd.DataFrame, path: Path, *, remark: str = "") -> str:
    """Return a line on a listener's split: tracks by label, a remark, tracks by part, its path."""
    listened = int(split["label"].sum())
    parts = ", ".join(f"{(split['split'] == part).sum():,} {part}" for part in PARTS)
    return (
        f"{name}: {listened:,} listened, {len(split) - listened:,} unheard{remark}; {parts}: {path}"
    )


def _remark(split: pd.DataFrame, others: int) -> str:
    few = " (all there are)" if split["label"].mean() > 0.5 else ""
    return f"{few}, {others:,} other recordings of songs heard" if others else few
