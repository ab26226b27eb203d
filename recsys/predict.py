"""Relevance of every track of a catalogue to one listener.

`python -m recsys.predict --user_name marko --catalogue NAME` scores whole tracks by the
listener's newest model and keeps the result in
`catalogues/<catalogue>/relevance/<user_name>-<model's checksum>.parquet`. The same model and
catalogue are not scored again; tracks that joined the catalogue are; what an interrupted
command has scored stays. `--jobs N` scores in N processes, `--cluster ADDRESS` on a Dask cluster.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lemons_jobs import HERE, Workers, add_options, run, workers_of
from lemons_utils import Configuration, ParameterError, command, configuration
from recsys import checkpoint, listening, progress
from recsys.catalogue import Catalogue, check_name, open_catalogue
from recsys.dataset import Tracks
from recsys.inference import relevance, score_tracks
from recsys.model import FCN
from recsys.relevance_table import COLUMNS, RelevanceTable

CHUNK_TRACKS = 32
"""Tracks scored between two notes on disk."""

TOP = 10


def relevance_path(catalogue: Catalogue, user_name: str, model_checksum: str) -> Path:
    """Where the relevance of a catalogue's tracks is kept, for one model of one listener."""
    name = f"{check_name(user_name, 'user_name')}-{model_checksum[:12]}.parquet"
    return catalogue.folder / "relevance" / name


def predict(
    network: FCN,
    catalogue: Catalogue,
    path: Path,
    *,
    batch_size: int = 4,
    num_workers: int = 0,
    device: str = "cpu",
    workers: Workers = HERE,
    on_tracks: Callable[[int], object] | None = None,
) -> pd.DataFrame:
    """Score every track of a catalogue that `path` does not have yet.

    Whole tracks, in batches of one length; a strip at a time goes through the network, so the
    memory does not grow with their length.

    Parameters
    ----------
    network : FCN
    catalogue : Catalogue
    path : Path
        `relevance_path` of the network's weights, or any other Parquet file that only they
        write to.
    batch_size, num_workers, device
        Of the inference; they change nothing in the result.
    workers : Workers
        Who scores: this process, or others, `CHUNK_TRACKS` at a time. Changes nothing, either.
    on_tracks : callable, optional
        Called with the number of tracks that have become known, first those known before.
        What it raises ends the work; what is scored is kept.

    Returns
    -------
    DataFrame with columns track_id, relevance (in [0, 1]), title, artist
        The most relevant first. It is in `path`, too.

    Raises
    ------
    DataError
        If a track has no audio, or `path` is not what this function has written.
    ParameterError
        If the device is not there, or the network's weights are broken.
    """
    score_catalogue(
        network,
        catalogue,
        path,
        batch_size=batch_size,
        num_workers=num_workers,
        device=device,
        workers=workers,
        on_tracks=on_tracks,
    )
    return pd.read_parquet(path, columns=list(COLUMNS))


def score_catalogue(
    network: FCN,
    catalogue: Catalogue,
    path: Path,
    *,
    batch_size: int = 4,
    num_workers: int = 0,
    device: str = "cpu",
    workers: Workers = HERE,
    on_tracks: Callable[[int], object] | None = None,
) -> None:
    """Do what `predict` does and leave the table on disk: in memory, it need not fit.

    Parameters and errors are those of `predict`.
    """
    table = RelevanceTable(path, catalogue)
    if on_tracks is not None:
        on_tracks(table.known())
    for missing in table.missing():
        score = functools.partial(
            score_tracks,
            network,
            batch_size=batch_size,
            num_workers=num_workers if workers.is_here else 0,  # the others are workers already
            device=device,
            on_batch=on_tracks if workers.is_here else None,
        )
        _score(score, missing, table, workers, on_tracks)
    table.finish()


def _score(
    score: Callable[[Tracks], NDArray[np.float64]],
    track_ids: Sequence[str],
    table: RelevanceTable,
    workers: Workers,
    on_tracks: Callable[[int], object] | None,
) -> None:
    """Score in chunks, each of nearly one length, and note each on disk as it comes."""
    chunks = [
        list(track_ids[begin : begin + CHUNK_TRACKS])
        for begin in range(0, len(track_ids), CHUNK_TRACKS)
    ]
    audio = replace(table.catalogue).audio  # without the table, which no worker needs
    for outcome in run(score, [Tracks(audio, chunk) for chunk in chunks], workers):
        chunk = chunks[outcome.index]
        table.note(chunk, relevance(outcome.get()).tolist())
        if on_tracks is not None and not workers.is_here:
            on_tracks(len(chunk))


# -- the command -------------------------------------------------------------------------------
@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m recsys.predict`."""
    options, settings = _parse(arguments), configuration()
    workers = workers_of(options)
    catalogue = open_catalogue(options.catalogue, data_folder=settings.data_folder)
    model = _model(options, settings)
    network, card = checkpoint.load_model(model)
    path = options.out or relevance_path(catalogue, options.user_name, card["model_checksum"])
    if path.suffix != ".parquet":
        raise ParameterError(f"--out must end in .parquet, got {path}")
    if options.out:
        path.unlink(missing_ok=True)  # another model may have written it
    with progress.bar(catalogue.count, unit="track", about=options.user_name) as bar:
        score_catalogue(
            network,
            catalogue,
            path,
            batch_size=options.batch_size,
            num_workers=options.num_workers,
            device=options.device,
            workers=workers,
            on_tracks=bar.update,
        )
    with pq.ParquetFile(path) as file:
        top = next(file.iter_batches(TOP)).to_pandas()
        tracks = file.metadata.num_rows
    _print_top(top, catalogue, options)
    print(f"model: {model}\nrelevance of {tracks:,} tracks: {path}")
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m recsys.predict",
        description="Score every track of a catalogue by a listener's model.",
    )
    parser.add_argument("--user_name", required=True, metavar="NAME", help="whose model")
    parser.add_argument("--catalogue", required=True, metavar="NAME", help="whose tracks")
    parser.add_argument(
        "--model",
        metavar="PATH",
        type=Path,
        help="weights or an experiment's folder (default: the listener's newest)",
    )
    parser.add_argument(
        "--trained_on", metavar="NAME", help="catalogue of the newest model (default: --catalogue)"
    )
    parser.add_argument("--batch_size", type=int, default=4)
    parser.add_argument("--num_workers", type=int, default=0)
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto")
    add_options(parser, jobs=1)
    parser.add_argument(
        "--split_seed",
        type=int,
        default=listening.PUBLISHED_SEED,
        help="of the split that says what the listener has heard",
    )
    parser.add_argument("--out", metavar="PATH", type=Path, help="another place for the table")
    return parser.parse_args(arguments)


def _model(options: argparse.Namespace, settings: Configuration) -> Path:
    path: Path = options.model or checkpoint.newest_experiment(
        settings.experiments,
        catalogue=options.trained_on or options.catalogue,
        user_name=options.user_name,
    )
    return path / checkpoint.BEST_MODEL if path.is_dir() else path


def _print_top(table: pd.DataFrame, catalogue: Catalogue, options: argparse.Namespace) -> None:
    """Print the most relevant tracks, and which of them are new to the listener."""
    heard: set[str] = set()
    split_path = listening.split_path(catalogue, options.user_name, options.split_seed)
    if split_path.is_file():
        split = listening.read_split(split_path)
        heard = set(split[split["label"] == 1]["track_id"])
    print(f"{options.user_name}, the {min(TOP, len(table))} most relevant (* not heard yet):")
    top = table.head(TOP)
    for place, track_id, value, title, artist in zip(
        range(1, TOP + 1), *(top[name] for name in COLUMNS), strict=False
    ):
        new = " " if track_id in heard else "*"
        who = f"{artist}: " if artist else ""
        print(f"{place:4} {new} {value:.3f}  {who}{title or track_id}")


if __name__ == "__main__":
    sys.exit(main())
