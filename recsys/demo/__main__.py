"""Compose and record the demo catalogue, or fresh tracks to test on."""

from __future__ import annotations

import argparse
import sys
import time

import pandas as pd

from lemons_commands import print_next
from lemons_utils import command, configuration
from recsys import listening
from recsys.demo.recording import LABELS, TRACKS, record_demo, record_fresh


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m recsys.demo",
        description="A small band composes and plays a catalogue for seven listeners. Started "
        "again, it plays only what is missing.",
    )
    parser.add_argument("--catalogue", help="name of the catalogue (demo, or demo-fresh)")
    parser.add_argument("--tracks", type=int, default=TRACKS, help="tracks of the demo catalogue")
    parser.add_argument(
        "--seed", type=int, default=listening.PUBLISHED_SEED, help="seed of the splits"
    )
    parser.add_argument(
        "--fresh",
        type=int,
        metavar="N",
        help="compose tracks that no catalogue holds instead: N labelled tracks for each "
        "listener, half of them liked",
    )
    parser.add_argument("--jobs", type=int, default=-1, help="processes (one on each core)")
    return parser.parse_args()


@command
def main() -> None:
    """Record one catalogue and print a summary of it."""
    options = _arguments()
    catalogues = configuration().catalogues
    started = time.perf_counter()
    if options.fresh is None:
        catalogue = record_demo(
            catalogues / (options.catalogue or "demo"),
            tracks=options.tracks, seed=options.seed, jobs=options.jobs,
        )  # fmt: skip
        table = "plays.csv"
        following = listening.training_command(
            catalogue, listening.users(catalogue, options.seed), options.seed
        )
    else:
        catalogue = record_fresh(
            catalogues / (options.catalogue or "demo-fresh"), options.fresh, jobs=options.jobs
        )
        table = LABELS
        following = f"recsys.eval with user_name=all test_catalogue={catalogue.name}"
    rows = pd.read_csv(catalogue.folder / table).groupby("user_name").size()
    tracks = catalogue.tracks
    print(
        f"{catalogue.folder}: {len(tracks)} tracks, {tracks['genre'].nunique()} genres, "
        f"{tracks['artist'].nunique()} artists, {time.perf_counter() - started:.1f} s"
    )
    print(f"{table}: " + ", ".join(f"{name} {size}" for name, size in rows.items()))
    print_next(following)


if __name__ == "__main__":
    sys.exit(main())
