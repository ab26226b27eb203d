"""Score every track of a catalogue by listeners' models.

`python -m recsys.predict --user_name marko --catalogue NAME` scores whole tracks by the
listener's current model and writes the result to
`catalogues/<catalogue>/relevance/<user_name>-<model's checksum>.parquet`; `--user_name all` does
so for everybody who has a model. It scores only the tracks that this table lacks; an interrupted
command goes on where it stopped. Heads of one trunk are scored together: one pass over the
catalogue for all of them, then a matrix product. `--jobs N` scores in N processes, `--cluster
ADDRESS` on a Dask cluster.
"""

from __future__ import annotations

import argparse
import copy
import functools
import itertools
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from lemons_commands import print_next
from lemons_jobs import HERE, Workers, add_options, workers_of
from lemons_places import typed_path
from lemons_utils import OnProgress, ParameterError, command, configuration
from recsys import checkpoint, experiments, heads, listening, progress
from recsys.catalogue import Catalogue, check_name, open_catalogue
from recsys.dataset import Audio, Tracks
from recsys.heads import Head, Trunk
from recsys.inference import relevance, score_tracks
from recsys.model import FCN, Network
from recsys.track_table import COLUMNS, TrackTable
from recsys.training_options import PRECISIONS

TOP = 10


def relevance_path(
    catalogue: Catalogue, user_name: str, model_checksum: str, precision: str = "float32"
) -> Path:
    """Return the path of the table of one model's relevance for a catalogue."""
    name = f"{check_name(user_name, 'user_name')}-{model_checksum[:12]}"
    other = "" if precision == "float32" else f"-{precision}"
    return catalogue.folder / "relevance" / f"{name}{other}.parquet"


def relevance_table(
    catalogue: Catalogue,
    user_name: str,
    model_checksum: str,
    path: Path | None = None,
    *,
    precision: str = "float32",
) -> TrackTable:
    """Return the table of one model's relevance for a catalogue.

    Parameters
    ----------
    catalogue : Catalogue
    user_name : str
    model_checksum : str
        SHA-256 of the model's weights.
    path : Path, optional
        Another place than `relevance_path`.
    precision : "float32" or "bfloat16"
        What tracks are scored in. The app and all other commands take float32 alone.
    """
    path = path or relevance_path(catalogue, user_name, model_checksum, precision)
    of = {"model": model_checksum}
    return TrackTable(path, catalogue, of if precision == "float32" else of | {"in": precision})


def predict(
    network: Network,
    table: TrackTable,
    *,
    on_trunk: tuple[Trunk, Head] | None = None,
    batch_size: int = 4,
    device: str = "cpu",
    workers: Workers = HERE,
    on_progress: OnProgress | None = None,
) -> pd.DataFrame:
    """Score the tracks that a table lacks, and return the whole table.

    By `heads.score_heads` where the network is made of a trunk and a head, `on_trunk`; otherwise by
    `score_catalogue`, whose the other arguments are.

    Returns
    -------
    DataFrame with columns track_id, relevance (in [0, 1]), title, artist
        The most relevant track first, as in the file.
    """
    how: dict[str, Any] = {"device": device, "workers": workers, "on_progress": on_progress}
    if on_trunk is None:
        score_catalogue(network, table, batch_size=batch_size, **how)
    else:
        heads.score_heads(on_trunk[0], {table: on_trunk[1]}, table.catalogue, **how)
    return pd.read_parquet(table.path, columns=list(COLUMNS))


def score_catalogue(
    network: Network,
    table: TrackTable,
    *,
    batch_size: int = 4,
    num_workers: int = 0,
    device: str = "cpu",
    precision: str = "float32",
    workers: Workers = HERE,
    on_progress: OnProgress | None = None,
) -> None:
    """Score the tracks of a catalogue that its table on disk lacks.

    Whole tracks are scored strip by strip, in batches of one length, so that memory does not
    grow with the length of tracks or the size of the catalogue.

    Parameters
    ----------
    network : Network
    table : TrackTable
        `relevance_table` of the network's weights.
    batch_size, num_workers, device
        As of `recsys.inference.score_tracks`; they do not change the result.
    precision : "float32" or "bfloat16"
        As of `score_tracks`, and that of the table.
    workers : Workers
        Where tracks are scored; they do not change the result.
    on_progress : callable, optional
        Called with "score" and the share of tracks whose relevance is known, first before any
        is scored. An error that it raises ends the work; what is scored is kept.

    Raises
    ------
    DataError
        If a track has no audio, or another file is in the table's place.
    ParameterError
        If the device is missing, or the network's weights are broken.
    """
    audio = replace(table.catalogue).audio  # without the table, which no worker needs
    how: dict[str, Any] = {
        "batch_size": batch_size,
        "num_workers": num_workers if workers.is_here else 0,  # the others are workers already
        "device": device,
        "precision": precision,
    }
    if not workers.is_here:  # who may have no GPU, or another; what moves it is `device`
        network = copy.deepcopy(network).cpu()
    work = functools.partial(_relevance, network, audio, how)
    table.complete(work, step="score", workers=workers, on_progress=on_progress)


def _relevance(
    network: Network,
    audio: Audio,
    how: Mapping[str, Any],
    track_ids: Sequence[str],
    on_done: Callable[[float], None] | None = None,
) -> list[float]:
    """Score tracks; report after each batch how many are done."""

    def report(step: str, share: float) -> None:
        if on_done is not None:
            on_done(share * len(track_ids))

    logits = score_tracks(network, Tracks(audio, track_ids), **how, on_progress=report)
    found: list[float] = relevance(logits).tolist()
    return found


# -- the command -------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Listener:
    """A listener, the model, and where its table is."""

    user_name: str
    network: Network
    on_trunk: tuple[Trunk, Head] | None
    table: TrackTable


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m recsys.predict`."""
    options, settings = _parse(arguments), configuration()
    workers = workers_of(options)
    catalogue = open_catalogue(options.catalogue, data_folder=settings.data_folder)
    listeners = _listeners(options, catalogue, settings.experiments)
    together = defaultdict[str, list[_Listener]](list)
    for each in listeners:
        together[each.on_trunk[0].checksum if each.on_trunk else str(each.table.path)].append(each)
    for group in together.values():
        _score(group, catalogue, options, workers)
    shown = None
    for each in listeners:
        with pq.ParquetFile(each.table.path) as file:
            if len(listeners) == 1 or options.unheard:
                heard = _heard(catalogue, each.user_name, options.split_seed)
                shown = _print_top(file, heard, each.user_name, unheard=options.unheard)
            tracks = file.metadata.num_rows
        print(f"relevance of {tracks:,} tracks for {each.user_name}: {each.table.path}")
    other = f" --trained_on {options.trained_on}" if options.trained_on else ""
    if shown is None or other or len(listeners) > 1:
        print_next(f"explanations.store_explanations --catalogue {catalogue.name}{other}")
    else:
        print_next(
            f"explanations.explain --user_name {listeners[0].user_name} "
            f"--catalogue {catalogue.name} --track {shown}"
        )
    return 0


def _listeners(options: argparse.Namespace, catalogue: Catalogue, home: Path) -> list[_Listener]:
    """Load the models of those who were asked for, and print which they are."""
    trained_on = options.trained_on or catalogue.name
    names = experiments.named_listeners(options.user_name, home, catalogue=trained_on)
    if options.out and options.out.suffix != ".parquet":
        raise ParameterError(f"--out must end in .parquet, got {options.out}")
    if len(names) > 1 and (options.model or options.out):
        raise ParameterError("--model and --out are of one listener, got several: name one")
    found = []
    for name in names:
        model = experiments.find_model(
            home, catalogue=trained_on, user_name=name, named=options.model
        )
        print(model.line)
        network, card = checkpoint.load_model(model.path)
        on_trunk = heads.find_head(network, card, home)
        # Local statistics are sums of decibels, which nothing but float32 is used for.
        precision = options.precision if isinstance(network, FCN) else "float32"
        table = relevance_table(
            catalogue, name, card["model_checksum"], options.out, precision=precision
        )
        found.append(_Listener(name, network, on_trunk, table))
    return found


def _score(
    group: Sequence[_Listener],
    catalogue: Catalogue,
    options: argparse.Namespace,
    workers: Workers,
) -> None:
    """Score a catalogue by the models of one trunk, or by one of none."""
    first, count = group[0], len(group)
    about = first.user_name if count == 1 else f"{count} listeners"
    with progress.shown(catalogue.count, unit="track", about=about) as on_progress:
        how: dict[str, Any] = {
            "device": options.device, "workers": workers, "on_progress": on_progress
        }  # fmt: skip
        if first.on_trunk:
            chosen = {each.table: each.on_trunk[1] for each in group if each.on_trunk}
            heads.score_heads(first.on_trunk[0], chosen, catalogue, **how)
        else:
            for name in ("batch_size", "num_workers", "precision"):
                how[name] = getattr(options, name)
            score_catalogue(first.network, first.table, **how)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m recsys.predict",
        description="Score every track of a catalogue by listeners' models.",
    )
    parser.add_argument(
        "--user_name", required=True, nargs="+", metavar="NAME", help="whose models, or `all`"
    )
    parser.add_argument("--catalogue", required=True, metavar="NAME", help="whose tracks")
    current = "weights or an experiment (default: the listener's current one)"
    parser.add_argument("--model", metavar="PATH", type=Path, help=current)
    parser.add_argument(
        "--trained_on", metavar="NAME", help="catalogue of that model (default: --catalogue)"
    )
    parser.add_argument(
        "--batch_size", metavar="N", type=int, default=4, help="tracks at a time (%(default)s)"
    )
    parser.add_argument(
        "--num_workers", metavar="N", type=int, default=0,
        help="processes that load tracks; 0: none but this one",
    )  # fmt: skip
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32",
                        help="of the published network's convolutions: bfloat16 takes half the "
                        "time where the processor has it, changes relevance by some thousandths, "
                        "and writes a table of its own")  # fmt: skip
    add_options(parser, jobs=1)
    seed, heard = listening.PUBLISHED_SEED, "of the split that says what the listener has heard"
    parser.add_argument("--split_seed", type=int, default=seed, help=heard)
    parser.add_argument(
        "--unheard", action="store_true", help="print tracks not heard yet alone, of every listener"
    )
    parser.add_argument(
        "--out", metavar="PATH", type=typed_path, help="another place for the table"
    )
    return parser.parse_args(arguments)


def _heard(catalogue: Catalogue, user_name: str, seed: int) -> set[str]:
    """Return the tracks that a listener has heard, as far as the split says."""
    split_path = listening.split_path(catalogue, user_name, seed)
    if not split_path.is_file():
        return set()
    split = listening.read_split(split_path)
    return set(split[split["label"] == 1]["track_id"])


def _print_top(
    file: pq.ParquetFile, heard: set[str], user_name: str, *, unheard: bool
) -> str | None:
    """Print the most relevant tracks, mark those new to the listener; return the first one's id."""
    rows = (
        row
        for batch in file.iter_batches(TOP, columns=[*COLUMNS])
        for row in zip(*(batch.column(name).to_pylist() for name in COLUMNS), strict=True)
        if not unheard or row[0] not in heard
    )
    top = list(itertools.islice(rows, TOP))
    which = "not heard yet" if unheard else "* not heard yet"
    print(f"{user_name}, the {len(top)} most relevant ({which}):")
    for place, (track_id, value, title, artist) in enumerate(top, start=1):
        new = " " if track_id in heard else "*"
        by = f"{artist}: " if artist else ""
        print(f"{place:4} {new} {value:.3f}  {by}{title or track_id}")
    return top[0][0] if top else None


if __name__ == "__main__":
    sys.exit(main())
