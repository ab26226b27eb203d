"""Ground truth: do explanations find what a listener is known to like.

    python -m explanations.studies.planted --k 50 --k_cells 20

Four listeners like one thing each: drums four to the floor, a walking bass, singing, a piano
solo. The demo band composes tracks in which these come and go independently of each other and of
everything else (`recsys.demo.planted`); a model is trained for each listener as `make demo`
does; and of fresh tracks that a listener likes, and the model scores right, we ask whether the
explanation puts first what is planted there. Where it does not, the stem is taken out of the
mix, and the band plays the track again without the property: if relevance does not care, it is
the model that goes by something else, and not the explanation that misses it. As a control, the
same models explain tracks in which the drums or the bass play something else: there the stem is
about as loud, and no reason for the recommendation.
"""

from __future__ import annotations

import argparse
import functools
import math
import sys
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd

from audiolime.exact.shapley import shapley_values
from explanations.explain import explain
from explanations.studies import planted_page
from explanations.studies.planted_truth import ablated, planted_components, ranked
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
from lemons_audio import to_float32
from lemons_jobs import Workers
from lemons_utils import Configuration, ParameterError, command, configuration
from recsys.demo.band import mix, render
from recsys.demo.build import TRAINING
from recsys.demo.planted import FIRST_SEED, PLANTED, likes, planted_song, record_planted, without
from recsys.demo.song import STEMS
from recsys.train_all import train_all

NAME = planted_page.STUDY
TITLE = planted_page.TITLE
section = planted_page.section
ORDER = 30
FULL = ((),)
QUICK = (
    ("--user_name", "voice", "--tracks", "16", "--fresh", "16", "--n_epochs", "1", "--k", "1",
     "--k_cells", "1", "--k_controls", "1", "--n_temporal_segments", "2", "--loudness", "8",
     "--any"),
)  # fmt: skip

N_EPOCHS = 40
"""Of 307 tracks, in batches of 8. A singer is learnt in a fifth of that; a solo, which three of
five seconds lack, takes longest."""

CATALOGUE, FRESH = "planted", "planted-fresh"

CONTROLLED = ("four-to-the-floor", "walking-bass")
"""Whose stem also sounds where it is not to their taste."""


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    options = _parse(arguments)
    started = time.perf_counter()
    config, cache = configuration(), cache_of(options)
    names = options.user_name
    home = config.catalogues
    trained_on = record_planted(home / CATALOGUE, options.tracks, jobs=options.jobs)
    fresh = record_planted(home / FRESH, options.fresh, fresh=True, jobs=options.jobs)
    _train(names, options.n_epochs, config)
    bench = Bench(config, FRESH, CATALOGUE, cache, "truth", options.n_temporal_segments)
    scores = {user_name: score(bench, user_name) for user_name in names}
    items: list[Item] = [
        {"part": "loudness", "seed": seed}
        for seed in range(FIRST_SEED, FIRST_SEED + min(options.loudness, options.tracks))
    ]
    for user_name in names:
        chosen = choose(scores[user_name], options.k, right=not options.any)
        for place, (track_id, seed) in enumerate(chosen):
            cells = place < options.k_cells
            items.append(
                bench.item(user_name, track_id, part="explanation", seed=seed, cells=cells)
            )
        if user_name in CONTROLLED:
            others = choose(scores[user_name], options.k_controls, label=0, right=not options.any)
            items += [
                bench.item(user_name, track_id, part="control", seed=seed)
                for track_id, seed in others
            ]
    work = functools.partial(measure, bench=bench)
    rows = run_items(NAME, items, work, cache=cache, jobs=options.jobs)
    rows = pd.concat([rows, *(_model_rows(name, table) for name, table in scores.items())])
    about = facts(
        NAME,
        arguments,
        models={user_name: bench.listener(user_name).checksum for user_name in names},
        started=started,
        trained_on=len(trained_on.track_ids),
        fresh=len(fresh.track_ids),
        n_segments=options.n_temporal_segments,
        tastes={name: [one.taste, one.stem] for name, one in PLANTED.items()},
    )
    write_results(options.out, NAME, rows, about, digits=5)
    planted_page.draw(options.out)
    for caption, table in section(options.out).tables:
        print(f"\n{caption}\n{table.to_string(index=False)}")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f"python -m explanations.studies.{NAME}",
        description="Do explanations find what a listener is known to like? Composes tracks, "
        "trains a model for each of four listeners, explains fresh tracks.",
    )
    parser.add_argument("--user_name", nargs="*", choices=PLANTED, default=[*PLANTED])
    parser.add_argument("--tracks", type=int, default=384, help="to train from, eight tenths of "
                        "them to train on; a multiple of 16")  # fmt: skip
    parser.add_argument("--fresh", type=int, default=160, help="fresh tracks; a multiple of 16")
    parser.add_argument("--n_epochs", type=int, default=N_EPOCHS, help="of every training")
    parser.add_argument("--k", type=int, default=50, help="tracks to explain, of each listener")
    parser.add_argument("--k_cells", type=int, default=20, help="of them by Time + Source, too")
    parser.add_argument("--k_controls", type=int, default=40, help="tracks without the property "
                        "to explain by Source, too")  # fmt: skip
    parser.add_argument("--n_temporal_segments", type=int, default=5)
    parser.add_argument("--loudness", type=int, default=192, help="tracks to weigh stems in")
    parser.add_argument("--any", action="store_true",
                        help="also explain what the model scores wrong")  # fmt: skip
    options = arguments_of(parser).parse_args(arguments)
    for name in ("k", "n_epochs", "n_temporal_segments"):
        if getattr(options, name) < 1:
            raise ParameterError(f"{name} must be at least 1, got {getattr(options, name)}")
    return options


# -- models and tracks -------------------------------------------------------------------------
def _train(names: Sequence[str], n_epochs: int, config: Configuration) -> None:
    """Train who has no model of these very options and tracks yet, one listener on each core."""
    settings = {
        "catalogue": CATALOGUE,
        **TRAINING,
        "n_epochs": n_epochs,
        "precision": "bfloat16",
    }
    train_all(names, settings, workers=Workers(-1), settings=config)


def score(bench: Bench, user_name: str) -> pd.DataFrame:
    """Score all fresh tracks.

    Returns
    -------
    DataFrame with columns track_id, seed, label, relevance, in the order of the seeds
    """
    found = bench.scores(user_name).set_index("track_id")["relevance"]
    table = bench.catalogue.tracks[["track_id", "seed"]].sort_values("seed", ignore_index=True)
    table["label"] = [int(likes(user_name, int(seed))) for seed in table["seed"]]
    table["relevance"] = table["track_id"].map(found)
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


def _model_rows(user_name: str, scores: pd.DataFrame) -> pd.DataFrame:
    table = scores[["track_id", "seed", "label", "relevance"]].copy()
    return table.assign(part="model", user_name=user_name)


# -- measuring ---------------------------------------------------------------------------------
def measure(item: Item, *, bench: Bench) -> list[Row]:
    """Measure one item: the stems of a track, the explanations of one, or a control."""
    match item["part"]:
        case "loudness":
            return _loudness(item["seed"])
        case "control":
            return _control(item, bench)
        case _:
            return _explained(item, bench)


def _loudness(seed: int) -> list[Row]:
    """Say how loud each stem of a track is, over all of it [dB of full scale]."""
    power = np.square(to_float32(render(planted_song(seed)))).mean(axis=1, dtype=np.float64)
    return [
        {
            "part": "loudness",
            "user_name": user_name,
            "seed": seed,
            "label": int(likes(user_name, seed)),
            "stem": planted.stem,
            "loudness_db": 10 * math.log10(loudness) if loudness else None,
        }
        for user_name, planted in PLANTED.items()
        for loudness in [float(power[STEMS.index(planted.stem)])]
    ]


def _explained(item: Item, bench: Bench) -> list[Row]:
    """Explain a track by Source and Time, and by Time + Source where that is asked for."""
    user_name, seed = item["user_name"], int(item["seed"])
    stem, solo = PLANTED[user_name].stem, planted_song(seed).piano_solo
    listener, subject = bench.listener(user_name), bench.subject(item["track_id"])
    tables = bench.tables(user_name, item["track_id"]) if item["cells"] else None
    truth = planted_components(subject, stem, solo if user_name == "piano-solo" else None)
    who = {"user_name": user_name, "track_id": item["track_id"], "seed": seed}
    rows: list[Row] = []
    for kind, planted in truth.items():
        if tables is not None:
            weights, shapley = tables.exhaustive(kind).weights, shapley_values(tables.levels(kind))
        elif kind != "time_source":
            found = explain(listener, subject, kind)
            weights, shapley = np.array(found.weights), np.array(found.shapley)
        else:
            continue
        rows.append({"part": kind, **who, **ranked(weights, shapley, planted)})
    names = subject.stems.names
    first = int(rows[0]["first"])
    other_mix = to_float32(mix(render(without(user_name, seed))))
    said = ablated(listener.network, subject, names.index(stem), first, other_mix)
    rows[0] |= {"first_stem": names[first], **said}
    return rows


def _control(item: Item, bench: Bench) -> list[Row]:
    """Explain by Source a track that lacks the property, though its stem sounds."""
    user_name = item["user_name"]
    subject = bench.subject(item["track_id"])
    found = explain(bench.listener(user_name), subject, "source")
    names, weights = subject.stems.names, np.array(found.weights)
    planted = names.index(PLANTED[user_name].stem)
    said = ranked(weights, np.array(found.shapley), {planted})
    who = {name: item[name] for name in ("part", "user_name", "track_id", "seed")}
    own = {"weight": float(weights[planted]), "relevance": found.relevance}
    return [{**who, **said, **own, "first_stem": names[int(said["first"])]}]


if __name__ == "__main__":
    sys.exit(main())
