"""Sanity: do explanations depend on what the model has learned.

    python -m explanations.studies.sanity --user_name marko --num_explanations 5

Two tests that an explanation passes if it changes. Layers at random: from the top down, ever
more layers lose what they have learned; the weights (of all masks, of the logit) must not stay as
they were. Shuffled labels: models trained on labels in random order know
nothing, so two of them should have nothing in common in what they explain, while two models of
the true labels should agree.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from explanations.store import TITLES, TYPES
from explanations.studies.measures import interval, mean_and_interval, seed_of
from explanations.studies.randomised import CASCADE, SHUFFLED, TRUE, Schooling
from explanations.studies.sanity_work import (
    measure_labels,
    measure_layers,
    measure_model,
    schoolings,
)
from explanations.studies.study import (
    COLOURS,
    Item,
    Section,
    arguments_of,
    cache_of,
    facts,
    new_figure,
    read_results,
    run_items,
    runs_of,
    save_figure,
    tidy,
    write_results,
)
from explanations.studies.subjects import Bench, bench_arguments, bench_of
from lemons_utils import ParameterError, command
from recsys.evaluation.reports import write_csv
from recsys.listening import PUBLISHED_SEED, split_path

NAME = "sanity"
TITLE = "Sanity"
ORDER = 40
FULL = (
    ("--num_explanations", "10"),
    ("--type", "time", "--n_temporal_segments", "15", "--name", "sanity-time"),
)
QUICK = (("--type", "time", "--num_explanations", "2", "--n_epochs", "1"),)

KNOWS = 0.65
"""AUC from which on a model is said to know something of a listener's taste."""


# -- the command -------------------------------------------------------------------------------
@command
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    options = _parse(arguments)
    started = time.perf_counter()
    cache = cache_of(options)
    bench, names = bench_of(options, cache)
    every = [
        (name, track_id)
        for name in names
        for track_id in bench.choose_tracks(name, options.tracks, options.num_explanations)
    ]
    learned = {name: {"n_epochs": options.n_epochs, "split": _split(bench, name)} for name in names}
    layers = run_items(
        f"{NAME}_layers",
        [
            bench.item(name, track_id, type=options.type, depths=options.depths)
            for name, track_id in every
        ],
        functools.partial(measure_layers, bench=bench),
        cache=cache,
        jobs=options.jobs,
    )
    models = run_items(
        f"{NAME}_models",
        [_model_item(bench, one) for name in names for one in schoolings(name, options.n_epochs)],
        functools.partial(measure_model, bench=bench, cache=cache),
        cache=cache,
        jobs=options.jobs,
    )
    pairs = run_items(
        f"{NAME}_labels",
        [
            bench.item(name, track_id, type=options.type, **learned[name])
            for name, track_id in every
        ],
        functools.partial(measure_labels, bench=bench, cache=cache),
        cache=cache,
        jobs=options.jobs,
    )
    about = facts(
        NAME,
        arguments,
        models={name: bench.listener(name).checksum for name in names},
        started=started,
        catalogue=options.catalogue,
        n_epochs=options.n_epochs,
        type=options.type,
        n_segments=options.n_temporal_segments,
    )
    write_csv(options.out / f"{options.name}_labels.csv", pd.concat([models, pairs]).round(5))
    write_results(options.out, options.name, layers, about, digits=5)
    draw(layers, options.out / f"{options.name}.png")
    print(layer_table(layers).to_string(index=False))
    print(label_table(pairs).to_string(index=False))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f"python -m explanations.studies.{NAME}",
        description="Do explanations change when the model forgets, or learns noise?",
    )
    bench_arguments(parser, num_explanations=10, tracks="unseen")
    parser.add_argument("--depths", nargs="+", type=int, default=[*range(1, len(CASCADE) + 1)],
                        help="how many layers to set at random, from the top")  # fmt: skip
    parser.add_argument("--type", choices=TYPES, default="time_source")
    parser.add_argument("--name", default=NAME, help="of the files that it writes")
    parser.add_argument("--n_epochs", type=int, default=12, help="of the small trainings")
    options = arguments_of(parser).parse_args(arguments)
    if (options.trained_on or options.catalogue) != options.catalogue:
        raise ParameterError("sanity trains models itself: explain the catalogue they learn from")
    return options


def _model_item(bench: Bench, schooling: Schooling) -> Item:
    return {
        "catalogue": bench.catalogue.name,
        "user_name": schooling.user_name,
        "labels": schooling.labels,
        "seed": schooling.seed,
        "n_epochs": schooling.n_epochs,
        "split": _split(bench, schooling.user_name),
    }


def _split(bench: Bench, user_name: str) -> int:
    return seed_of(split_path(bench.catalogue, user_name, PUBLISHED_SEED).read_text())


# -- what comes of it --------------------------------------------------------------------------
MEASURES = {
    "correlation": "rank correlation",
    "absolute_correlation": "of the weights' size",
    "common_top_3": "common top 3",
}
PAIRS = {
    f"{TRUE} / {TRUE}": "two models of the true labels",
    f"{TRUE} / {SHUFFLED}": "one of each",
    f"{SHUFFLED} / {SHUFFLED}": "two models of shuffled labels",
}


def layer_table(layers: pd.DataFrame) -> pd.DataFrame:
    """Likeness to the trained model's explanation, a line for each depth."""
    return pd.DataFrame(
        [
            {"layers at random": ", ".join(CASCADE[: int(str(depth))])}
            | {title: mean_and_interval(own[name]) for name, title in MEASURES.items()}
            for depth, own in layers.groupby("depth")
        ]
    )


def label_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """Likeness of two models' explanations of the same track, by what they learned from.

    The pairs of a track are averaged first: tracks are what the intervals resample.
    """
    lines = []
    for pair, title in PAIRS.items():
        own = pairs[pairs["pair"] == pair].groupby(["user_name", "track_id"])
        means = own[[*MEASURES]].mean()
        lines.append(
            {"explanations of": title}
            | {title: mean_and_interval(means[name]) for name, title in MEASURES.items()}
        )
    return pd.DataFrame(lines)


def model_table(models: pd.DataFrame) -> pd.DataFrame:
    """AUC of the models on tracks that no training heard."""
    lines = []
    for (user_name, labels), own in models.groupby(["user_name", "labels"], sort=False):
        values = " and ".join(f"{value:.3f}" for value in own["auc"])
        lines.append({"listener": user_name, "labels": labels, "AUC, unheard tracks": values})
    return pd.DataFrame(lines)


def draw(layers: pd.DataFrame, path: Path) -> None:
    """Draw the likeness to the trained model's explanation over the depth."""
    figure = new_figure(9.0, 4.2)
    axes = figure.subplots()
    depths = sorted(layers["depth"].unique())
    for place, (name, title) in enumerate(MEASURES.items()):
        values = [layers[name][layers["depth"] == depth] for depth in depths]
        means = [1.0, *(float(value.mean()) for value in values)]
        spans = [(1.0, 1.0), *(interval(value) for value in values)]
        colour, at = COLOURS[place], [0, *depths]
        axes.fill_between(at, *zip(*spans, strict=True), color=colour, alpha=0.15, linewidth=0)
        axes.plot(at, means, "o-", color=colour, label=title)
    axes.axhline(0, color="#8a8f98", linewidth=1, linestyle=(0, (4, 3)))
    names = ["trained", *(f"+ {CASCADE[depth - 1]}" for depth in depths)]
    axes.set_xticks([0, *depths], names)
    tidy(axes, xlabel="layers at random, from the top down", ylabel="likeness to the trained")
    figure.legend(loc="outside upper center", ncols=len(MEASURES), frameon=False)
    save_figure(figure, path)


def section(folder: Path) -> Section:
    """Say what was found."""
    runs = runs_of(folder, NAME)
    tables, pictures, findings, every, schools = [], [], [], [], []
    for run in runs:
        layers, about = read_results(folder, run)
        labels = pd.read_csv(folder / f"{run}_labels.csv")
        models, pairs = (labels[labels["part"] == part] for part in ("model", "pair"))
        what = _what(about, layers)
        tables += [
            (f"Layers at random: likeness to the trained. {what}.", layer_table(layers)),
            *(
                (f"Shuffled labels: likeness of two models. {what}; here {name}.", label_table(own))
                for name, own in pairs.groupby("user_name")
            ),
        ]
        schools.append(models)
        pictures.append((f"Likeness to the trained model's explanation. {what}.", f"{run}.png"))
        findings += [f"{what}. {finding}" for finding in _findings(layers, models, pairs)]
        every.append(about)
    schools_once = pd.concat(schools).drop_duplicates(["user_name", "labels", "seed"])
    tables.append(("Shuffled labels: what the models know", model_table(schools_once)))
    return Section(
        title=TITLE,
        question="Layers at random: from the top down, layers go back to untrained weights; "
        "explanations (all masks, of the logit) are compared with the trained model's. Shuffled "
        "labels: for each listener two models are trained on the true labels and two on labels "
        f"in random order ({every[0]['n_epochs']} epochs each), and every two explain the same "
        "tracks. Intervals: 95 %, bootstrap over tracks.",
        findings=findings,
        tables=tables,
        pictures=pictures,
        facts=every,
    )


def _what(about: Mapping[str, Any], layers: pd.DataFrame) -> str:
    """Name a run: type, segments, tracks."""
    segments = "" if about["type"] == "source" else f", {about['n_segments']} segments"
    tracks = layers[["user_name", "track_id"]].drop_duplicates()
    names = ", ".join(sorted(tracks["user_name"].unique()))
    return f"{TITLES[about['type']]}{segments}, {len(tracks)} tracks of {names}"


def _findings(layers: pd.DataFrame, models: pd.DataFrame, pairs: pd.DataFrame) -> list[str]:
    last = layers[layers["depth"] == layers["depth"].max()]
    text = mean_and_interval(last["correlation"])
    size = mean_and_interval(last["absolute_correlation"])
    low, high = interval(last["correlation"])
    kept = "no likeness is left" if low <= 0 <= high else "some likeness is left"
    found = [
        f"With {int(last['depth'].iloc[0])} layers at random the rank correlation with the trained "
        f"model's weights is {text}: {kept}. Of the weights' size it is {size}."
    ]
    for user_name, own in pairs.groupby("user_name"):
        means = own.groupby("pair")["correlation"].mean()
        areas = models[models["user_name"] == user_name].groupby("labels")["auc"].mean()
        found.append(
            f"{user_name}: models of shuffled labels reach a mean AUC of {areas[SHUFFLED]:.3f} on "
            f"unheard tracks, those of the true labels {areas[TRUE]:.3f}. Two models of true "
            f"labels agree with a mean rank correlation of {means[f'{TRUE} / {TRUE}']:.3f}, two of "
            f"shuffled ones with {means[f'{SHUFFLED} / {SHUFFLED}']:.3f}."
        )
        if areas[TRUE] < KNOWS:
            found.append(
                f"{user_name}: the models of true labels stay below an AUC of {KNOWS}: so short a "
                "training has taught them next to nothing, and the comparison of labels decides "
                "nothing here."
            )
    return found


if __name__ == "__main__":
    sys.exit(main())
