"""`make demo`: compose the catalogue, fit its seven listeners' heads, score it, evaluate them.

Only what is missing is made, so that a second run takes seconds and an interrupted one goes on.
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lemons_audio import to_float32
from lemons_commands import steps
from lemons_jobs import Workers
from lemons_places import is_clone
from lemons_utils import Configuration, DataError, command, configuration
from recsys import eval as evaluation
from recsys import predict
from recsys.catalogue import Catalogue
from recsys.demo.listeners import LISTENERS
from recsys.demo.recording import record_demo
from recsys.demo.takes import stems_of
from recsys.evaluation import reports
from recsys.experiments import find_model, record_path
from recsys.heads import pool_with_stems, read_trunk, trunk_path
from recsys.train_all import train_all

TRAINING = {"recipe": "lemons"}
"""The options of the seven trainings that differ from the published defaults."""


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = _parse(arguments)
    config = configuration()
    catalogue = record_demo(config.catalogues / "demo")
    home, workers = config.experiments, Workers(max(1, options.jobs))
    try:
        read_trunk(trunk_path(home, catalogue.name))
    except DataError:  # none yet, or of other statistics
        pool_band(catalogue, workers)
    training = {"catalogue": catalogue.name, **TRAINING}
    train_all([*LISTENERS], training, workers=workers, settings=config)
    flags = ["--catalogue", catalogue.name, "--jobs", str(workers.jobs)]
    table = home / f"{catalogue.name}-evaluation.csv"
    with steps():
        if code := predict.main(["--user_name", *LISTENERS, *flags]):
            return code
        if not _is_current(table, catalogue, config):
            if code := evaluation.main(["with", "user_name=all", f"catalogue={catalogue.name}"]):
                return code
        else:
            print(f"{reports.as_text(pd.read_csv(table))}\ntable: {table}")
    at_hand = (
        "With the virtual environment at hand (`. .venv/bin/activate`) go" if is_clone() else "Go"
    )
    print(
        f"\n{at_hand} on with, e.g.\n"
        "  python -m recsys.trunk --catalogue demo --user_name me --liked TITLE TITLE TITLE\n"
        "  python -m explanations.store_explanations --user_name marko --top_n 1\n",
        flush=True,
    )
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m recsys.demo.build",
        description="Compose the demo catalogue, train its seven listeners and evaluate them.",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="trainings at a time")
    return parser.parse_args(arguments)


def _is_current(table: Path, catalogue: Catalogue, config: Configuration) -> bool:
    """Return whether the table of results is newer than what it is of: every current model."""
    if not table.exists():
        return False
    models = [
        find_model(config.experiments, catalogue=catalogue.name, user_name=name).path
        for name in LISTENERS
    ]
    record = record_path(config.experiments, catalogue.name)
    sources = [*models, record] if record.exists() else models
    return all(path.stat().st_mtime < table.stat().st_mtime for path in sources)


def pool_band(catalogue: Catalogue, workers: Workers) -> None:
    """Keep the pooled statistics of a catalogue of the band's, with its true stems removed."""
    stems = functools.partial(_true_stems, catalogue)
    pool_with_stems(catalogue, catalogue.track_ids, stems, "truth", workers=workers)


def _true_stems(catalogue: Catalogue, track_id: str) -> NDArray[np.float32]:
    return to_float32(stems_of(catalogue, track_id))


if __name__ == "__main__":
    sys.exit(main())
