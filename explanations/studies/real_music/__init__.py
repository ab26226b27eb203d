"""Real music: stability, faithfulness and separators on somebody's own catalogue.

    python -m explanations.studies.real_music FOLDER ... --catalogue games --k 8

`--catalogue` is one that `recsys.ingest` made and somebody has a model of. Nobody knows its true
stems, so `hybrid`, which explains real music by default, is what the other separators are
compared with. Each FOLDER may hold songs whose guitar is a file of its own (`guitars`): there the
truth is known, of one stem.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from explanations.stems import DEFAULT_SEPARATOR, NAMES
from explanations.studies.fidelity.rankings import measure as measure_faithfulness
from explanations.studies.real_music.guitars import CATALOGUE, guitar_catalogue, measure_guitar
from explanations.studies.real_music.page import TITLE, TRUE, draw, section
from explanations.studies.results import write_results
from explanations.studies.separators import measuring as separation
from explanations.studies.stability.measuring import measure as measure_stability
from explanations.studies.study import Item, Row, Study, StudyRun
from explanations.studies.subjects import StudyContext, add_segments, context_of

_CURVES = ["deletion", "insertion"]


def measure(item: Item, *, context: StudyContext) -> list[Row]:
    """Measure one item of any part."""
    match item["part"]:
        case "faithfulness":  # its rows have parts of their own
            return measure_faithfulness(item, context=context)
        case "stability":
            rows = measure_stability(item, context=context)
        case "separators":
            rows = separation.measure(item, context=context)
        case _:
            rows = measure_guitar(item, context=context)
    return [{"part": item["part"], **row} for row in rows]


def _add_options(parser: argparse.ArgumentParser) -> None:
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
    parser.add_argument("--num_samples", nargs="+", type=int, default=[512, 2048, 4096],
                        metavar="N", help="masks that an explanation draws")  # fmt: skip
    parser.add_argument("--repeat", type=int, default=5, help="explanations of each track")
    parser.add_argument("--top", type=int, default=3, help="components at the top")
    add_segments(parser)


def _run(run: StudyRun) -> None:
    options = run.options
    run.require_positive("k", "excerpts", "repeat", "top", "n_temporal_segments")
    context, names = context_of(options, run.cache)
    items = [item for name in names for item in _items(context, name, options)]
    if options.folders:
        home = context.config.catalogues / CATALOGUE
        guitars = guitar_catalogue(options.folders, home, options.excerpts)
        items += _guitar_items(replace(context, catalogue_name=guitars.name), names)
    rows = run.measure(items, measure, context)
    words = ["FOLDER" if Path(word).is_dir() else word for word in run.arguments]
    about = replace(run, arguments=words).facts(
        context.checksums(names),
        catalogue=options.catalogue,
        reference=options.separator,
        k=options.top,
        repeat=options.repeat,
    )
    rows = rows.drop(columns=_CURVES, errors="ignore")
    write_results(options.out, "real_music", rows, about, digits=5)
    draw(options.out)
    for finding in section(options.out).findings:
        print(f"- {finding}")


def _items(context: StudyContext, user_name: str, options: argparse.Namespace) -> list[Item]:
    """List what is measured of a listener, on the same tracks in every part."""
    settings = {"type": "time_source", "num_samples": options.num_samples}
    settings |= {"repeat": options.repeat, "k": options.top}
    others = [name for name in separation.SEPARATORS if name != options.separator]
    items: list[Item] = []
    for track_id in context.choose_tracks(user_name, options.tracks, options.k):
        items += [
            context.item(user_name, track_id, part="stability", **settings),
            context.item(user_name, track_id, part="faithfulness"),
            context.item(user_name, track_id, part="separators", type="source",
                         separators=[options.separator, *others]),
        ]  # fmt: skip
    return items


def _guitar_items(context: StudyContext, names: Sequence[str]) -> list[Item]:
    titles = context.catalogue.tracks.set_index("track_id")["title"]
    return [
        context.item(name, str(track_id), part="guitar", title=str(title),
                     separators=[TRUE, *separation.SEPARATORS])
        for name in names
        for track_id, title in titles.items()
    ]  # fmt: skip


STUDY = Study(
    name="real_music",
    title=TITLE,
    description="Stability, faithfulness and separators on a catalogue of real music.",
    add_options=_add_options,
    run=_run,
    section=section,
    full=(),  # no real music comes with LEMONS: the page shows what a run by hand has left
    quick=(
        ("--catalogue", "demo", "--k", "1", "--num_samples", "512", "--n_temporal_segments", "2"),
    ),
)
