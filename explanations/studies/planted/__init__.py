"""Ground truth: whether explanations find what a listener is known to like.

    python -m explanations.studies.planted --k 50 --k_cells 20

Four listeners like one thing each: drums four to the floor, a walking bass, singing, a piano
solo. The demo band composes tracks in which these come and go independently of each other and of
everything else (`recsys.demo.planted`); a model is trained for each listener as `make demo`
does; and of fresh tracks that a listener likes, and the model scores right, the study asks
whether the explanation puts first what is planted there. Where it does not, the stem is taken out
of the mix, and the band plays the track again without the property: if relevance stays the same,
the model goes by something else, and the explanation does not miss it. As a control, the same
models explain tracks in which the drums or the bass play something else: there the stem is about
as loud, and no reason for the recommendation.
"""

from __future__ import annotations

import argparse

import pandas as pd

from explanations.studies.planted.measuring import measure
from explanations.studies.planted.page import TITLE, draw, section
from explanations.studies.results import write_results
from explanations.studies.study import Item, Study, StudyRun
from explanations.studies.subjects import StudyContext, add_segments
from lemons_jobs import Workers
from lemons_utils import configuration
from recsys.demo.build import TRAINING, pool_band
from recsys.demo.planted import FIRST_SEED, PLANTED, likes, record_planted
from recsys.train_all import train_all

CATALOGUE, FRESH = "planted", "planted-fresh"

CONTROLLED = ("four-to-the-floor", "walking-bass")
"""Whose stem also sounds where it is not to their taste."""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user_name", nargs="*", choices=PLANTED, default=[*PLANTED],
                        help="whose taste is planted (all)")  # fmt: skip
    parser.add_argument("--tracks", type=int, default=384, help="to train from, eight tenths of "
                        "them to train on; a multiple of 16")  # fmt: skip
    parser.add_argument("--fresh", type=int, default=160, help="fresh tracks; a multiple of 16")
    parser.add_argument("--k", type=int, default=50, help="tracks to explain, of each listener")
    parser.add_argument("--k_cells", type=int, default=20, help="of them by Time + Source, too")
    parser.add_argument("--k_controls", type=int, default=40, help="tracks without the property "
                        "to explain by Source, too")  # fmt: skip
    add_segments(parser)
    parser.add_argument("--loudness", type=int, default=192, help="tracks to weigh stems in")
    parser.add_argument("--any", action="store_true",
                        help="also explain what the model scores wrong")  # fmt: skip


def _run(run: StudyRun) -> None:
    options = run.options
    run.require_positive("k", "n_temporal_segments")
    config, names = configuration(), options.user_name
    home, jobs = config.catalogues, options.jobs
    trained_on = record_planted(home / CATALOGUE, options.tracks, jobs=jobs)
    fresh = record_planted(home / FRESH, options.fresh, fresh=True, jobs=jobs)
    workers = Workers(jobs)
    pool_band(trained_on, workers)
    train_all(names, {"catalogue": CATALOGUE, **TRAINING}, workers=workers, settings=config)
    context = StudyContext(
        config, FRESH, CATALOGUE, run.cache, "truth", options.n_temporal_segments
    )
    scores = {user_name: score(context, user_name) for user_name in names}
    items: list[Item] = [
        {"part": "loudness", "seed": seed}
        for seed in range(FIRST_SEED, FIRST_SEED + min(options.loudness, options.tracks))
    ]
    for user_name, table in scores.items():
        liked = choose(table, options.k, right=not options.any)
        items += [
            context.item(user_name, track_id, part="explanation", seed=seed,
                         cells=place < options.k_cells)
            for place, (track_id, seed) in enumerate(liked)
        ]  # fmt: skip
        if user_name in CONTROLLED:
            others = choose(table, options.k_controls, label=0, right=not options.any)
            items += [
                context.item(user_name, track_id, part="control", seed=seed)
                for track_id, seed in others
            ]
    rows = run.measure(items, measure, context)
    models = [table.assign(part="model", user_name=name) for name, table in scores.items()]
    about = run.facts(
        context.checksums(names),
        trained_on=len(trained_on.track_ids),
        fresh=len(fresh.track_ids),
        n_segments=options.n_temporal_segments,
        tastes={name: [planted.taste, planted.stem] for name, planted in PLANTED.items()},
    )
    write_results(options.out, "planted", pd.concat([rows, *models]), about, digits=5)
    draw(options.out)
    for caption, table in section(options.out).tables:
        print(f"\n{caption}\n{table.to_string(index=False)}")


def score(context: StudyContext, user_name: str) -> pd.DataFrame:
    """Score all fresh tracks.

    Returns
    -------
    DataFrame with columns track_id, seed, label, relevance, in the order of the seeds
    """
    relevance = context.scores(user_name).set_index("track_id")["relevance"]
    table = context.catalogue.tracks[["track_id", "seed"]].sort_values("seed", ignore_index=True)
    table["label"] = [int(likes(user_name, int(seed))) for seed in table["seed"]]
    table["relevance"] = table["track_id"].map(relevance)
    return table


def choose(
    scores: pd.DataFrame, k: int, *, label: int = 1, right: bool = True
) -> list[tuple[str, int]]:
    """Take the first k tracks of a label that the model scores right: 0.5 or more if liked."""
    chosen = scores[scores["label"] == label]
    if right:
        chosen = chosen[(chosen["relevance"] >= 0.5) == bool(label)]
    chosen = chosen.head(k)
    return [(str(a), int(b)) for a, b in zip(chosen["track_id"], chosen["seed"], strict=True)]


STUDY = Study(
    name="planted",
    title=TITLE,
    description="Do explanations find what a listener is known to like? Composes tracks, trains a "
    "model for each of four listeners, explains fresh tracks.",
    add_options=_add_options,
    run=_run,
    section=section,
    quick=(
        ("--user_name", "voice", "--tracks", "16", "--fresh", "16", "--k", "1", "--k_cells", "1",
         "--k_controls", "1", "--n_temporal_segments", "2", "--loudness", "8", "--any"),
    ),
)  # fmt: skip
