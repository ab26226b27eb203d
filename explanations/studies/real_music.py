"""Real music: stability, faithfulness and separators on somebody's own catalogue.

    python -m explanations.studies.real_music FOLDER ... --catalogue games --k 8

`--catalogue` is one that `recsys.ingest` made and somebody has a model of. Nobody knows its true
stems, so `hybrid`, which explains real music by default, is what the other separators are
compared with. Each FOLDER may hold songs whose guitar is a file of its own (`guitars`): there the
truth is known, of one stem.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from explanations.stems import DEFAULT_SEPARATOR, NAMES
from explanations.store import TYPES
from explanations.studies import real_music_page, separators, stability
from explanations.studies.guitars import CATALOGUE, guitar_catalogue, measure_guitar
from explanations.studies.rankings import rate_track
from explanations.studies.study import (
    Item,
    Row,
    arguments_of,
    cache_of,
    facts,
    run_items,
    write_results,
)
from explanations.studies.subjects import Bench
from lemons_utils import DataError, ParameterError, command, configuration
from recsys.experiments import trained_listeners

NAME = real_music_page.STUDY
TITLE = real_music_page.TITLE
section = real_music_page.section
ORDER = 60
FULL: tuple[tuple[str, ...], ...] = ()
"""Nothing: no real music comes with LEMONS. The page shows what a run by hand has left."""
QUICK = (("--catalogue", "demo", "--k", "1", "--num_samples", "512", "--n_temporal_segments", "2"),)

_CURVES = ["deletion", "insertion"]


def measure(item: Item, *, bench: Bench) -> list[Row]:
    """Measure one item of any part."""
    part = item["part"]
    if part == "stability":
        rows = stability.measure(item, bench=bench)
    elif part == "separators":
        rows = separators.measure(item, bench=bench)
    elif part == "guitar":
        rows = measure_guitar(item, bench=replace(bench, catalogue_name=CATALOGUE))
    else:
        track = bench.tables(item["user_name"], item["track_id"])
        who = {name: item[name] for name in ("user_name", "track_id")}
        return [row for kind in TYPES for row in rate_track(track, kind, who)]
    return [{"part": part, **row} for row in rows]


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    options = _parse(arguments)
    started = time.perf_counter()
    said = sys.argv[1:] if arguments is None else list(arguments)
    config, cache = configuration(), cache_of(options)
    bench = Bench(config, options.catalogue, options.catalogue, cache, options.separator,
                  options.n_temporal_segments)  # fmt: skip
    names = options.user_name or trained_listeners(config.experiments, catalogue=options.catalogue)
    if not names:
        raise DataError(
            f"nobody has a model trained on catalogue {options.catalogue}: train one with "
            f"`python -m recsys.experiment with user_name=... catalogue={options.catalogue}`"
        )
    items = [item for name in names for item in _items(bench, name, options)]
    if options.folders:
        guitars = guitar_catalogue(options.folders, config.catalogues / CATALOGUE, options.excerpts)
        items += _guitar_items(replace(bench, catalogue_name=guitars.name), names, options)
    work = functools.partial(measure, bench=bench)
    rows = run_items(NAME, items, work, cache=cache, jobs=options.jobs)
    about = facts(
        NAME,
        ["FOLDER" if Path(argument).is_dir() else argument for argument in said],
        models={user_name: bench.listener(user_name).checksum for user_name in names},
        started=started,
        catalogue=options.catalogue,
        reference=options.separator,
        k=options.top,
        repeat=options.repeat,
    )
    write_results(options.out, NAME, rows.drop(columns=_CURVES, errors="ignore"), about, digits=5)
    real_music_page.draw(options.out)
    for finding in section(options.out).findings:
        print(f"- {finding}")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f"python -m explanations.studies.{NAME}",
        description="Stability, faithfulness and separators on a catalogue of real music.",
    )
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER",
                        help="with folders that hold song.ogg and guitar.ogg")  # fmt: skip
    parser.add_argument("--catalogue", required=True, help="somebody's own, with a model")
    parser.add_argument("--user_name", nargs="*", help="by default everybody with a model")
    parser.add_argument("--k", type=int, default=12, help="tracks of each listener")
    parser.add_argument("--tracks", choices=("top", "any"), default="top",
                        help="those of highest relevance, or any")  # fmt: skip
    parser.add_argument("--excerpts", type=int, default=2, help="of 30 s, of each song in FOLDER")
    parser.add_argument("--separator", choices=NAMES, default=DEFAULT_SEPARATOR,
                        help="what the others are compared with")  # fmt: skip
    parser.add_argument("--num_samples", nargs="+", type=int, default=[512, 2048, 4096])
    parser.add_argument("--repeat", type=int, default=5, help="explanations of each track")
    parser.add_argument("--top", type=int, default=3, help="components at the top")
    parser.add_argument("--n_temporal_segments", type=int, default=5)
    options = arguments_of(parser).parse_args(arguments)
    for name in ("k", "excerpts", "repeat", "top", "n_temporal_segments"):
        if getattr(options, name) < 1:
            raise ParameterError(f"{name} must be at least 1, got {getattr(options, name)}")
    return options


def _items(bench: Bench, user_name: str, options: argparse.Namespace) -> list[Item]:
    """List what is measured of a listener, on the same tracks in every part."""
    settings = {"type": "time_source", "num_samples": options.num_samples}
    settings |= {"repeat": options.repeat, "k": options.top}
    others = [name for name in separators.SEPARATORS if name != options.separator]
    items: list[Item] = []
    for track_id in bench.choose_tracks(user_name, options.tracks, options.k):
        items += [
            bench.item(user_name, track_id, part="stability", **settings),
            bench.item(user_name, track_id, part="faithfulness"),
            bench.item(user_name, track_id, part="separators", type="source",
                       separators=[options.separator, *others]),
        ]  # fmt: skip
    return items


def _guitar_items(bench: Bench, names: Sequence[str], options: argparse.Namespace) -> list[Item]:
    titles = bench.catalogue.tracks.set_index("track_id")["title"]
    used = ["folder", *separators.SEPARATORS]
    return [
        bench.item(name, str(track_id), part="guitar", title=str(title), separators=used)
        for name in names
        for track_id, title in titles.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
