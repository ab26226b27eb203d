"""Let trainings remove stems: separate tracks and keep the statistics of what removal leaves.

    python -m explanations.removals --catalogue mine --jobs 2

`python -m recsys.experiment with recipe=lemons` finds them, and trains on tracks without some of
their stems; without them it removes stretches of time alone. Tracks that have statistics from the
same separator are left alone: a command that was stopped goes on when it is run again.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explanations.stems import NAMES, separator_for, stems_of
from lemons_commands import print_next
from lemons_jobs import add_options, workers_of
from lemons_utils import Configuration, DataError, command, configuration
from recsys import heads, listening
from recsys.catalogue import Catalogue, open_catalogue
from recsys.options import split_of


@command
def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    options = _parse(arguments)
    workers, config = workers_of(options), configuration()
    catalogue = open_catalogue(options.catalogue, data_folder=config.data_folder)
    track_ids = _tracks(catalogue, options.user_name, options.split_seed)
    by_source = defaultdict[str, list[str]](list)
    for track_id in track_ids:
        by_source[separator_for(catalogue, track_id, options.separator).name].append(track_id)
    failures = []
    for source, chosen in by_source.items():
        stems = functools.partial(
            _stems, separator=options.separator, catalogue=replace(catalogue), config=config
        )
        try:
            heads.pool_with_stems(catalogue, chosen, stems, source, workers=workers)
        except DataError as error:
            failures.append(str(error))
    if failures:
        raise DataError("; ".join(failures))
    sources = ", ".join(f"{len(chosen)} from {source}" for source, chosen in by_source.items())
    print(f"{len(track_ids)} tracks have statistics: {sources} ({catalogue.folder / 'statistics'})")
    if users := options.user_name or listening.users(catalogue, options.split_seed):
        print_next(listening.training_command(catalogue, users, options.split_seed))


def _tracks(catalogue: Catalogue, user_names: list[str], seed: int) -> list[str]:
    """Return the training tracks of some listeners, or all tracks of the catalogue."""
    if not user_names:
        return catalogue.track_ids
    splits = [listening.read_split(split_of(catalogue, name, seed)) for name in user_names]
    tracks = pd.concat(splits)
    return list(tracks["track_id"][tracks["split"] == "train"].unique())


def _stems(
    track_id: str, *, separator: str | None, catalogue: Catalogue, config: Configuration
) -> NDArray[np.float32]:
    """Return the stems of a track that sound, from the cache or separated now."""
    found = stems_of(
        catalogue.audio(track_id),
        separator_for(catalogue, track_id, separator),
        stems_folder=config.stems,
        limit_gb=config.stems_cache_gb,
    )
    return found.waveforms


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m explanations.removals",
        description="Separate tracks, so that trainings with recipe=lemons remove their stems.",
    )
    parser.add_argument("--catalogue", required=True, metavar="NAME", help="whose tracks")
    parser.add_argument(
        "--separator", choices=NAMES, help="by default true stems where they are known, or hybrid"
    )
    parser.add_argument(
        "--user_name", nargs="*", default=[], metavar="NAME",
        help="separate the training tracks of these listeners alone",
    )  # fmt: skip
    parser.add_argument(
        "--split_seed", metavar="SEED", type=int, default=listening.PUBLISHED_SEED,
        help="of the split whose training tracks are meant (%(default)s)",
    )  # fmt: skip
    add_options(parser, jobs=1)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
